"""A units file is right, or every fault in it is named."""

from __future__ import annotations

import io
import itertools
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from registry.errors import IntakeError
from registry.issuing import intake, lines
from registry.issuing.intake import Intake, read_units
from tests.issuing.samples import GTIN, LOT, OTHER_GTIN, product, products, serials

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.issuing.products import Products

    Read = Callable[..., Intake]
    Faults = Callable[..., list[str]]

A, B, C = serials(3)


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Give a function that reads a file into a spool of its own."""
    numbers = itertools.count()

    def read(text: str | bytes, known: Products | None = None, **named: Any) -> Intake:
        folder = tmp_path / f"{next(numbers)}"
        folder.mkdir()
        raw = text.encode() if isinstance(text, str) else text
        return read_units(io.BytesIO(raw), known or products(), folder, **{"max_units": 100, **named})

    return read


@pytest.fixture
def faults(read: Read) -> Faults:
    """Give a function that reads a faulty file and returns its faults."""

    def faults(text: str | bytes, known: Products | None = None, **named: Any) -> list[str]:
        with pytest.raises(IntakeError) as caught:
            read(text, known, **named)
        assert caught.value.hint
        return [str(problem) for problem in caught.value.problems]

    return faults


def file(*lines: str, header: str = "gtin,lot,serial") -> str:
    return "\n".join([header, *lines]) + "\n"


def row(serial: str, *more: str) -> str:
    return ",".join([GTIN, LOT, serial, *more])


def test_units_come_in_the_order_of_the_file(read: Read) -> None:
    found = read(file(row(A), row(B)))
    assert [(unit.record.gtin, unit.record.lot, unit.record.serial, unit.line) for unit in found.units()] == [
        (GTIN, LOT, A, 2),
        (GTIN, LOT, B, 3),
    ]
    assert found.warnings == ()
    assert found.generated == 0


def test_an_empty_serial_is_generated(read: Read) -> None:
    found = read(file(row(""), row(A), row("")))
    assert [unit.generated for unit in found.units()] == [True, False, True]
    assert found.generated == 2
    assert len({unit.record.serial for unit in found.units()}) == 3


def test_a_generated_serial_avoids_those_of_the_file(read: Read) -> None:
    made = iter([A, B, B, C])
    text = file(row(A), row(""), row(""))
    found = read(text, generate=lambda count: list(itertools.islice(made, count)))
    assert [unit.record.serial for unit in found.units()] == [A, B, C]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + file(row(A)),
        file(row(A)).replace("\n", "\r\n"),
        file(row(A)).rstrip("\n"),
        file(row(A), "", ",,", "   "),
        f"serial,gtin,lot\n{A},{GTIN},{LOT}\n",
        f'"gtin","lot","serial"\n"{GTIN}",{LOT},"{A}"\n',
    ],
    ids=["byte order mark", "CRLF", "no last line end", "blank lines", "other order", "quotes"],
)
def test_every_usual_form_of_a_file_is_read_alike(read: Read, text: str) -> None:
    found = read(text)
    assert [unit.record.serial for unit in found.units()] == [A]
    assert found.fingerprint == read(file(row(A))).fingerprint


def test_attributes_are_read_if_the_products_file_declares_them(read: Read) -> None:
    known = products(attributes=["colour", "imei"])
    text = file(row(A, '"red, ""dark"""', "1"), row(B, "", ""), header="gtin,lot,serial,imei,colour")
    found = read(text, known)
    assert [unit.attributes for unit in found.units()] == [(("colour", "1"), ("imei", 'red, "dark"')), ()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "file: found nothing, expected a header with gtin, lot, serial"),
        ("\ufeff", "file: found nothing, expected a header with gtin, lot, serial"),
        ("gtin,lot,serial\n", "file: found no unit, expected at least one line after the header"),
        ("gtin;lot;serial\n", "line 1, header: found another delimiter, expected commas between fields"),
        ("gtin,serial\n", "line 1, header: found no column lot, expected the columns gtin, lot, serial"),
        ("gtin,lot,lot,serial\n", "line 1, header: found column 'lot' 2 times, expected each column once"),
        ("gtin,lot,serial,color\n", "line 1, header: found column 'color', expected one of gtin, lot, serial (attributes are"),
        (file(row(A, "")), "line 2, line: found 4 fields, expected 3, as in the header"),
        (file(f"{GTIN},{LOT}"), "line 2, line: found 2 fields, expected 3, as in the header"),
        (file(row("A\0B")), "line 2, line: found control character '\\x00', expected printable characters, one unit a line"),
        (file(row('"A')), "line 2, line: found unexpected end of data, expected quotes that are closed on the same line"),
        (file(row("A" * 9000)), "line 2, line: found more than 8192 bytes, expected at most 8192"),
        (file(f"09521001000018,{LOT},{A}"), "line 2, gtin: found '09521001000018', expected 14 digits with their check digit"),
        (
            file(f"9521001000017,{LOT},{A}"),
            f"line 2, gtin: found '9521001000017', expected 14 digits with their check digit such as {GTIN}",
        ),
        (file(f"{OTHER_GTIN},{LOT},{A}"), f"line 2, gtin: found '{OTHER_GTIN}', expected a GTIN of the products file"),
        (file(f"{GTIN},L9,{A}"), f"line 2, lot: found 'L9', expected a lot of {GTIN} in the products file"),
        (file(f"{GTIN},L 9,{A}"), "line 2, lot: found 'L 9', expected 1 to 20 of A-Z a-z 0-9 _ -"),
        (
            file(row("A.B")),
            "line 2, serial: found 'A.B', expected 1 to 20 of A-Z a-z 0-9 _ -, or nothing: then one is generated",
        ),
        (file(row("--")), "line 2, serial: found '--', expected at least one letter or digit"),
        (file(row(A), row(B), row(A)), f"line 4, serial: found '{A}', as in line 2, expected each serial of a GTIN once"),
        (
            file(row("1O"), row("i0")),
            "line 3, serial: found 'i0', which reads like '1O' in line 2 when typed, expected serials that differ",
        ),
    ],
)
def test_a_fault_is_named_with_place_and_expectation(faults: Faults, text: str, expected: str) -> None:
    assert any(fault.startswith(expected) for fault in faults(text))


def test_bytes_that_are_not_utf8_are_named_by_line_and_place(faults: Faults) -> None:
    found = faults(file(row(A), row("X"), row(B)).encode().replace(b",X", b",\xff"))
    assert found == ["line 3, line: found byte 0xff at place 23, expected UTF-8 (in a spreadsheet: CSV UTF-8)"]


def test_a_file_in_utf16_is_named_once(faults: Faults) -> None:
    assert len(faults(file(row(A)).encode("utf-16"))) >= 1


def test_every_faulty_line_is_named_at_once(faults: Faults) -> None:
    text = file(row(A), row("a b"), "x", f"1,{LOT},{B}", row(A), f"{GTIN},?,!", row(C))
    found = faults(text)
    assert [fault.split(",")[0] for fault in found] == ["line 3", "line 4", "line 5", "line 6", "line 7", "line 7"]


def test_a_stray_quote_hides_no_line_after_it(faults: Faults) -> None:
    found = faults(file(row('"A'), row("a b")))
    assert [fault.split(",")[0] for fault in found] == ["line 2", "line 3"]


def test_a_serial_is_found_again_far_from_its_first_line(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "AT_ONCE", 2)
    text = file(row(A), row("AB-1O"), *map(row, serials(7, start=50)), row("ab10"), row(A), row("aB1O"))
    assert [fault.split(" expected")[0] for fault in faults(text)] == [
        "line 11, serial: found 'ab10', which reads like 'AB-1O' in line 3 when typed,",
        f"line 12, serial: found '{A}', as in line 2,",
        "line 13, serial: found 'aB1O', which reads like 'AB-1O' in line 3 when typed,",
    ]


def test_a_line_of_any_length_is_one_fault(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "AT_ONCE", 2)
    found = faults(file(row(A), row("A" * 60_000), row("?"), row("B" * 8_200), row(C)))
    assert [fault.split(":")[0] for fault in found] == ["line 3, line", "line 4, serial", "line 5, line"]


def test_more_attributes_than_a_batch_holds_are_refused(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MAX_ATTRIBUTES", 100)
    text = file(row(A, "red"), row(B, "red"), header="gtin,lot,serial,colour")
    (fault,) = faults(text, products(attributes=["colour"]))
    assert fault == "file: found 120 bytes of attributes, expected at most 100: split the file, and seal each part as a batch"


def test_only_serials_that_were_brought_may_be_registered_already(read: Read) -> None:
    found = read(file(row("B-2"), row(""), row("a1"), row(C)))
    assert list(found.brought(3)) == [(GTIN, ["B-2", "a1"]), (GTIN, [C])]


def test_serials_that_were_brought_are_told_by_their_gtin(read: Read) -> None:
    """Lots of one GTIN are together, and each GTIN's serials in the order of the file."""
    known = products(product(OTHER_GTIN), product(), product(lot="L2"))
    rows = [row(A), f"{OTHER_GTIN},{LOT},{B}", f"{GTIN},L2,{C}", f"{OTHER_GTIN},{LOT},{A}"]
    found = dict(read(file(*rows), known).brought(10))
    assert found == {GTIN: [A, C], OTHER_GTIN: [B, A]}


def test_progress_tells_units_and_bytes(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    text = file(*map(row, serials(5)))
    monkeypatch.setattr(lines, "AT_ONCE", len(row(A)) + 5)
    told: list[tuple[int, int]] = []
    read(text, progress=lambda *what: told.append(what))
    body = len(text) - len("gtin,lot,serial\n")
    assert told == [(2, body * 2 // 5), (4, body * 4 // 5), (5, body)]


def test_memory_does_not_grow_with_the_file(read: Read) -> None:
    text = file(*[row("")] * 100_000)
    tracemalloc.start()
    try:
        read(text.encode(), max_units=100_000)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 100_000 * 24 + 10 * 2**20


def test_faults_without_end_are_counted(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_PROBLEMS", 3)
    with pytest.raises(IntakeError, match="5 faults, the first 3 of them listed") as caught:
        read(file(*[row("?")] * 5))
    assert len(caught.value.problems) == 3


def test_more_units_than_allowed_are_refused(faults: Faults) -> None:
    assert faults(file(row(A), row(B), row(C)), max_units=2) == [
        "line 4, file: found more than 2 units, expected fewer: split the file, and seal each part as a batch"
    ]


def test_a_long_attribute_is_refused(faults: Faults) -> None:
    known = products(attributes=["colour"])
    found = faults(file(row(A, "x" * 1001), header="gtin,lot,serial,colour"), known)
    assert found == ["line 2, colour: found 1001 characters, expected at most 1000"]


def test_short_serials_are_a_warning(read: Read) -> None:
    found = read(file(row("A7"), row(A)))
    assert len(found.warnings) == 1
    assert str(found.warnings[0]).startswith(f"line 2, serial: found 1 of 2 serials of {GTIN} shorter than 16 characters")


def test_sequential_serials_are_a_warning_on_a_signed_carrier(read: Read) -> None:
    found = read(file(*[row(f"ABCDEFGHIJKLM{number}") for number in range(100, 110)]))
    assert len(found.warnings) == 1
    assert "9 of 10 serials" in str(found.warnings[0])
    assert "follow the one before" in str(found.warnings[0])


def test_serials_that_were_brought_are_refused_on_a_compact_carrier(faults: Faults, read: Read) -> None:
    known = products(product(carrier="compact"))
    (fault,) = faults(file(row(A), row("")), known)
    assert fault.startswith(f"line 2, serial: found '{A}' on a compact carrier, expected nothing (one is generated)")
    assert read(file(row("")), known).generated == 1


def test_a_statement_lets_random_serials_onto_a_compact_carrier(faults: Faults, read: Read) -> None:
    known = products(product(carrier="compact"), random_serials=[GTIN])
    assert len(read(file(row(A), row(B)), known)) == 2
    assert "at least 16 characters" in faults(file(row(A), row("A7-B8")), known)[0]


def test_no_statement_lets_sequential_serials_onto_a_compact_carrier(faults: Faults) -> None:
    known = products(product(carrier="compact"), random_serials=[GTIN])
    assert "follow the one before" in faults(file(*[row(f"ABCDEFGHJKMNPQ{number}") for number in range(100, 110)]), known)[0]


def test_the_same_files_have_the_same_fingerprint_and_others_another(read: Read) -> None:
    known = products(attributes=["colour"])
    head = "gtin,lot,serial,colour"
    texts = [
        file(row(A, "red"), header=head),
        file(row(A, ""), header=head),
        file(row("", "red"), header=head),
        file(row(A, "red"), row(B, "red"), header=head),
        file(row(B, "red"), row(A, "red"), header=head),
    ]
    prints = [read(text, known).fingerprint for text in texts]
    assert prints == [read(text, known).fingerprint for text in texts]
    prints.append(read(texts[0], products(product(), product(lot="L2"), attributes=["colour"])).fingerprint)
    assert all(one != other for one, other in itertools.combinations(prints, 2))

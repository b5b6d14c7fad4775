"""Files of the line are read exactly: every faulty line is named, and what contradicts is an over-run."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import IntakeError
from registry.issuing import line_reports
from registry.issuing.line_reports import AT_ONCE, LONGEST_LINE, MOST_FAULTS, MOST_FOREIGN
from registry.issuing.reconciliation import Kind, Overrun
from registry.proofs import signing
from registry.units import links
from registry.units.records import Record, UnitId
from tests.issuing.book import BATCH, OTHER_BATCH, Book
from tests.issuing.samples import GTIN, LOT, OTHER_GTIN

if TYPE_CHECKING:
    from registry.errors import Problem

BASE = "https://verify.example.org"


def problems(book: Book, text: str | bytes) -> list[tuple[int, str]]:
    """Read a file that is refused; return line and finding of each fault. Nothing may be on record afterwards."""
    before = book.ledger.entries
    raw = text.encode() if isinstance(text, str) else text
    with pytest.raises(IntakeError) as refused:
        book.add(line_reports.read(io.BytesIO(raw), book.ledger, book.units, Kind.APPLIED, actor="a", name="a.csv"))
    assert book.ledger.entries == before
    assert refused.value.hint is not None
    assert refused.value.hint.startswith("nothing was put on record")
    return [(one.line, one.found) for one in refused.value.problems]


def link(book: Book, number: int, **changed: str) -> str:
    """Return the link of a unit's label, or of another label."""
    unit = book.units.unit(number)
    record = Record(GTIN, changed.get("lot", LOT), unit.record.serial)
    signature = bytes.fromhex(changed["signature"]) if "signature" in changed else unit.signature
    return links.build(BASE, record, signature)


@pytest.mark.parametrize(
    "text",
    [
        "U1\nU2\n",
        "U1\r\nU2\r\n",
        "U1\nU2",
        "\ufeffU1\nU2\n",
        '"U1"\n"U2"\n',
        "serial\nU1\nU2\n",
        f"{GTIN},U1\n{GTIN},U2\n",
        f'gtin,serial\n"{GTIN}","U1"\nU2\n',
    ],
)
def test_forms_of_a_file(text: str) -> None:
    """A scanner's list and a CSV file mean the same, with or without a header and quotes."""
    book = Book(10)
    book.print(0, 10)
    assert set(book.report(Kind.APPLIED, text).applied) == {1, 2}
    assert book.found() == []


def test_links_of_labels() -> None:
    """The whole code that a scanner reads, signed or compact; `link` may stand above."""
    book = Book(10)
    book.print(0, 10)
    compact = links.build_compact(BASE, UnitId(GTIN, "U3"))
    ledger = book.report(Kind.APPLIED, f'link\n{link(book, 1)}\n"{link(book, 2)}"\n{compact}\n')
    assert set(ledger.applied) == {1, 2, 3}
    assert book.found() == []


def test_a_link_that_is_not_the_label_s() -> None:
    """A code with the unit's number and another lot or signature was not printed by us."""
    book = Book(10)
    book.print(0, 10)
    forged = signing.sign(b"\7" * 32, b"\7" * 32).hex()
    ledger = book.report(Kind.APPLIED, f"{link(book, 1, lot='L9')}\n{link(book, 2, signature=forged)}\n{link(book, 3)}\n")
    assert book.found() == [("other_label", 1, 1), ("other_label", 2, 2)]
    assert set(ledger.applied) == {1, 2, 3}


def test_every_faulty_line_is_named() -> None:
    """By its number, with what was found; good lines between them are not recorded either."""
    book = Book(10)
    text = f'U1\n U2\n\nU3 \nu;4\n{GTIN},U5,\n{GTIN[:-1]}0,U6\n{BASE}/01/{GTIN}\n{"U" * 21}\n{GTIN},\n"U1\n'
    found = problems(book, text.encode() + b"U\xe9\n")
    assert [line for line, _ in found] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert "3 fields" in dict(found)[6]
    assert "check digit" in dict(found)[7]
    assert "a link without a serial" in dict(found)[8]
    assert "not ASCII" in dict(found)[12]


@pytest.mark.parametrize("text", ["", "serial\n", "\ufeff"])
def test_a_file_without_a_label(text: str) -> None:
    """Nothing to report is a fault of its own, unless the one line is faulty."""
    assert len(problems(Book(10), text)) == 1


def test_nothing_is_repaired() -> None:
    """Small letters, spaces and look-alikes are other serials: a machine does not mistype."""
    book = Book(10)
    book.print(0, 10)
    book.report(Kind.APPLIED, "U1\nu2\n")
    assert book.found() == [("not_of_batch", "u2", 2)]


def test_the_wrong_file() -> None:
    """A file of another batch is refused, which is named."""
    book = Book(10)
    with pytest.raises(IntakeError, match=f"2 numbers that are not of this batch, but of batch {OTHER_BATCH}, and 0 that"):
        book.report(Kind.APPLIED, "X1\nX2\n")
    many = "".join(f"V{number}\n" for number in range(MOST_FOREIGN + 10))
    with pytest.raises(IntakeError, match="names at least 10001 numbers that are not of this batch, and 1 that are"):
        book.report(Kind.APPLIED, f"U1\n{many}")


def test_numbers_of_other_batches_between_ours() -> None:
    """They are listed with their line and the batch that they are of."""
    book = Book(10)
    book.print(0, 10)
    book.report(Kind.APPLIED, f"U1\nX7\n{GTIN},V1\n")
    assert [(one.number, one.batch, one.line) for one in book.ledger.listed()] == [("X7", OTHER_BATCH, 2), (f"{GTIN}/V1", 0, 3)]
    assert book.ledger.counts().labels_applied == 3


def test_a_batch_of_several_products() -> None:
    """A serial alone is found under whichever product has it; where several have, the line has to say which."""
    book = Book(7, (GTIN, OTHER_GTIN))
    book.print(0, 7)
    assert problems(book, "U3\nU1\n") == [(2, "the serial U1 of several products")]
    assert set(book.report(Kind.APPLIED, f"U3\n{OTHER_GTIN},U1\n").applied) == {6, 3}
    assert book.units.batch_id == BATCH


def test_long_files_are_read_in_parts() -> None:
    """However many parts, each label is counted once, and a second one of the same number is found with its line."""
    count = 2 * AT_ONCE + 7
    book = Book(count)
    book.print(0, count)
    text = "".join(f"U{number}\n" for number in range(count))
    ledger = book.report(Kind.APPLIED, f"{text}U0\nU{AT_ONCE}\nU{count - 1}\n")
    assert ledger.counts().applied == count
    expected = [(0, count + 1), (AT_ONCE, count + 2), (count - 1, count + 3)]
    assert book.found() == [("twice_in_file", rank, line) for rank, line in expected]


def test_progress_is_told_in_bytes() -> None:
    """Up to the whole file."""
    book = Book(10)
    told: list[int] = []
    stream = io.BytesIO(b"U1\nU2\n")
    line_reports.read(stream, book.ledger, book.units, Kind.APPLIED, actor="a", name="a.csv", progress=told.append)
    assert told == [6]


def test_a_hopeless_file_is_not_read_to_its_end() -> None:
    """Neither one endless line nor millions of faulty ones take memory."""
    assert problems(Book(10), "U" * (2 * LONGEST_LINE)) == [(1, f"more than {LONGEST_LINE} bytes")]
    assert len(problems(Book(10), "?\n" * (MOST_FAULTS + 500))) == MOST_FAULTS


@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([b"U1", b"U2", b"serial", b"X1"])), max_size=12))
def test_whatever_a_file_holds(lines: list[bytes]) -> None:
    """Reading gives an entry or an `IntakeError` whose lines are there."""
    book = Book(10)
    raw = b"\n".join(lines)
    refused: tuple[Problem, ...] = ()
    try:
        draft = line_reports.read(io.BytesIO(raw), book.ledger, book.units, Kind.APPLIED, actor="a", name="a.csv")
    except IntakeError as error:
        refused = error.problems
    else:
        assert len(draft.marks) <= draft.lines
        assert all(Overrun(what) for what in draft.overruns["what"].tolist())
    assert all(0 <= one.line <= raw.count(b"\n") + 1 and one.expected for one in refused)

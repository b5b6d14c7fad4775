"""Whatever bytes a file holds, reading it gives units or an `IntakeError`."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from hypothesis import example, given
from hypothesis import strategies as st

from registry.errors import IntakeError
from registry.issuing import lines, spool
from registry.issuing.intake import read_units
from registry.issuing.lines import CONTROL
from registry.issuing.products import RESERVED, read_products
from registry.proofs import encoding
from registry.units.serials import fold
from tests.issuing.samples import GTIN, LOT, OTHER_GTIN, product, products

if TYPE_CHECKING:
    import pytest

    from registry.errors import Problem
    from registry.issuing.intake import IntakeUnit

COMPACT = "09521003000015"
KNOWN = products(
    product(), product(lot="L2"), product(COMPACT, carrier="compact"), attributes=["colour"], random_serials=[COMPACT]
)
HEADER = b"gtin,lot,serial,colour\n"
FIELDS = st.one_of(
    st.sampled_from([GTIN, LOT, "", "A1", "a1", "O0", '"', '"A,1"', ",", "\r", "\0", "序列"]), st.text(max_size=25)
)
LINES = st.lists(FIELDS, max_size=6).map(",".join).map(str.encode)


COMMON = st.lists(
    st.tuples(
        st.sampled_from([GTIN, GTIN, OTHER_GTIN, COMPACT]),
        st.sampled_from([LOT, LOT, "L2"]),
        st.one_of(st.sampled_from(["", "A1", "a-1", "AI"]), st.text("ABC019", min_size=14, max_size=18)),
        st.sampled_from(["", "red", "序", 'a"b', "\\"]),
    ),
    max_size=12,
)
"""Lines most of which are right."""


def outcome(raw: bytes) -> tuple[object, ...]:
    """Return all that reading gives, but for serials that were generated."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            intake = read_units(io.BytesIO(raw), KNOWN, Path(folder))
        except IntakeError as error:
            return (str(error), error.problems)
        units = list(intake.units())
    assert len(intake) == len(units)
    assert intake.generated == sum(unit.generated for unit in units)
    wanted = [(unit.record.id if not unit.generated else unit.record.gtin, unit.attributes, unit.line) for unit in units]
    return wanted, intake.warnings, intake.fingerprint, intake.attributes_size


def read(raw: bytes) -> None:
    """Read and check what must hold of whatever is accepted."""
    problems: tuple[Problem, ...] = ()
    units: list[IntakeUnit] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            units = list(read_units(io.BytesIO(raw), KNOWN, Path(folder)).units())
        except IntakeError as error:
            problems = error.problems
    assert bool(units) != bool(problems)
    assert all(problem.line <= raw.count(b"\n") + 1 for problem in problems)
    assert [problem.line for problem in problems] == sorted(problem.line for problem in problems)
    assert len({(unit.record.gtin, fold(unit.record.serial)) for unit in units}) == len(units)
    for unit in units:
        assert KNOWN.entry(unit.record.gtin, unit.record.lot) is not None
        assert unit.generated or unit.record.serial.encode() in raw


@given(st.binary(max_size=300))
@example(b"\xef\xbb\xbf")
@example(b"\xff\xfe" + HEADER)
def test_any_bytes_are_units_or_an_intake_error(raw: bytes) -> None:
    read(raw)


@given(st.lists(LINES, max_size=6).map(b"\n".join))
@example(f"{GTIN},{LOT},A1,\n{GTIN},{LOT},AI,".encode())
def test_any_lines_under_a_right_header_are_units_or_an_intake_error(rows: bytes) -> None:
    read(HEADER + rows)


@given(COMMON, st.sampled_from(["\n", "\r\n"]), st.sampled_from([1, 100, 2**18]), st.integers(30, 60) | st.just(8192))
def test_lines_are_read_alike_many_at_once_and_one_by_one(
    rows: list[tuple[str, ...]], end: str, at_once: int, longest: int
) -> None:
    raw = HEADER + end.join(map(",".join, rows)).encode()
    with mock.patch.object(lines, "MAX_LINE", longest):
        with mock.patch.object(lines, "AT_ONCE", at_once):
            together = outcome(raw)
        with mock.patch.object(lines.Lines, "as_columns", return_value=None):
            assert outcome(raw) == together


@given(st.lists(LINES, max_size=6).map(b"\n".join), st.integers(1, 200), st.integers(30, 80))
@example(b"x" * 90 + f"\n{GTIN},{LOT},A1,".encode(), 40, 45)
def test_lines_are_read_alike_wherever_the_blocks_end(rows: bytes, at_once: int, longest: int) -> None:
    """A line that is too long for a file may be longer than a block, or end with one."""
    with mock.patch.object(lines, "MAX_LINE", longest):
        together = outcome(HEADER + rows)
        with mock.patch.object(lines, "AT_ONCE", at_once):
            assert outcome(HEADER + rows) == together


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True), st.text(min_size=1), max_size=4))
@example({"random0": 'a"random":"', "rando": "\\"})
def test_attributes_documents_are_canonical_once_they_are_blinded(attributes: dict[str, str]) -> None:
    given = {name: CONTROL.sub("", value) for name, value in attributes.items() if name not in RESERVED}
    wanted = sorted((name, value) for name, value in given.items() if value)
    document = spool.describe(wanted)
    assert spool.attributes_of(document) == tuple(wanted)
    if wanted:
        expected = encoding.canonical({**dict(wanted), "random": "07" * 16})
        assert spool.blinded(document, b"\x07" * 16) == expected
        assert len(document) + spool.GROWTH == len(expected)


@given(st.binary(max_size=200))
def test_any_products_file_is_read_or_an_intake_error(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "products.toml"
    path.write_bytes(raw)
    read_toml(path)


def read_toml(path: Path) -> None:
    """Read and check what must hold of whatever is accepted."""
    problems: tuple[Problem, ...] = ()
    products = None
    try:
        products = read_products(path)
    except IntakeError as error:
        problems = error.problems
    assert bool(products and products.entries) != bool(problems)


VALUES = st.recursive(
    st.one_of(st.text(max_size=5), st.integers(-5, 5), st.booleans(), st.just(GTIN), st.just(LOT)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)),
    max_leaves=5,
)
NAMES = ["gtin", "carrier", "model", "names", "trademarks", "serialised_since", "pictures", "random_serials", "lot", "other"]


@given(
    st.dictionaries(st.sampled_from(["attributes", "product", "other"]), VALUES),
    st.dictionaries(st.sampled_from(NAMES), VALUES),
)
def test_any_shape_of_a_products_file_is_read_or_an_intake_error(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, object], product: dict[str, object]
) -> None:
    path = tmp_path_factory.getbasetemp() / "products.toml"
    path.write_text(toml({**document, "product": [product]}), encoding="utf-8")
    read_toml(path)


def toml(value: object) -> str:
    """Write a document as TOML with inline tables: enough for what is generated here."""
    if isinstance(value, dict):
        return "\n".join(f"{written(key)} = {written(item)}" for key, item in value.items()) + "\n"
    raise TypeError(value)


def written(value: object) -> str:
    """Write one value."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(character):08x}" for character in value) + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(key)} = {written(item)}" for key, item in value.items()) + "}"
    return str(value)

"""Whatever bytes a file holds, reading it gives units or an `IntakeError`."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from hypothesis import example, given
from hypothesis import strategies as st

from registry.errors import IntakeError
from registry.issuing.intake import read_units
from registry.issuing.products import read_products
from registry.units.serials import fold
from tests.issuing.samples import GTIN, LOT, products

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from registry.errors import Problem

KNOWN = products(attributes=["colour"])
HEADER = b"gtin,lot,serial,colour\n"
FIELDS = st.one_of(
    st.sampled_from([GTIN, LOT, "", "A1", "a1", "O0", '"', '"A,1"', ",", "\r", "\0", "序列"]), st.text(max_size=25)
)
LINES = st.lists(FIELDS, max_size=6).map(",".join).map(str.encode)


def read(raw: bytes) -> None:
    """Read and check what must hold of whatever is accepted."""
    problems: tuple[Problem, ...] = ()
    intake = None
    try:
        intake = read_units(io.BytesIO(raw), KNOWN)
    except IntakeError as error:
        problems = error.problems
    if intake is None:
        assert problems
        assert all(problem.line <= raw.count(b"\n") + 1 for problem in problems)
        return
    assert intake.units
    assert len({(unit.record.gtin, fold(unit.record.serial)) for unit in intake.units}) == len(intake.units)
    for unit in intake.units:
        assert KNOWN.entry(unit.record.gtin, unit.record.lot) is not None
        assert unit.generated or unit.record.serial.encode() in raw


@given(st.binary(max_size=300))
@example(b"\xef\xbb\xbf")
@example(b"\xff\xfe" + HEADER)
def test_any_bytes_are_units_or_an_intake_error(raw: bytes) -> None:
    read(raw)


@given(st.lists(LINES, max_size=6).map(b"\n".join))
@example(f"{GTIN},{LOT},A1,\n{GTIN},{LOT},AI,".encode())
def test_any_lines_under_a_right_header_are_units_or_an_intake_error(lines: bytes) -> None:
    read(HEADER + lines)


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

"""Labels: exact links, exact sizes, and codes that read back from what is printed."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from typing import TYPE_CHECKING, Literal
from xml.etree import ElementTree as ET

import numpy as np
import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import barcodes
from registry.errors import LabelError, LinkError
from registry.issuing import labels
from registry.proofs import signing
from registry.proofs.manifest import Manifest, Product
from registry.units import links, serials
from registry.units.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

KEY = bytes(31) + b"\x07"
SIGNED = "09521001000017"
COMPACT = "09521001000024"
BASE = "https://verify.example.org"
DPI = 300


def product(gtin: str, carrier: Literal["signed", "compact"], name: str = "Kestrel S3 (electric) \\ scooter") -> Product:
    """Return a manifest's entry."""
    return Product(
        gtin=gtin,
        lot="K2609A",
        carrier=carrier,
        names={"en": name, "zh": "隼行 S3"},
        model="S3",
        produced="",
        expires="",
        markets=(),
        pictures=(),
        trademarks=(),
        recordals=(),
        serialised_since="",
    )


MANIFEST = Manifest(bytes(32), bytes(32), (product(SIGNED, "signed"), product(COMPACT, "compact")), None)


def units(count: int, gtin: str = SIGNED) -> list[tuple[Record, bytes]]:
    """Return records with their signatures."""
    made = (Record(gtin, "K2609A", serials.generate()) for _ in range(count))
    return [(record, signing.sign(record.serial.encode().ljust(32, b"."), KEY)) for record in made]


def pages_of(out: io.BytesIO) -> list[pypdfium2.PdfPage]:
    """Return the pages of a PDF file."""
    return list(pypdfium2.PdfDocument(out.getvalue()))


def read_back(code: barcodes.Matrix) -> tuple[str, ...]:
    """Read a code from its picture."""
    return barcodes.read(code.picture(3))


def make(wanted: Iterable[tuple[Record, bytes]], base: str = BASE) -> list[labels.Label]:
    """Return the labels of units."""
    return list(labels.make(wanted, MANIFEST, base, draw=barcodes.encode, read_back=read_back))


@given(
    st.text("ABCXYZabcxyz0189_-", min_size=1, max_size=20),
    st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=16, max_size=16),
)
def test_no_cell_of_the_list_runs_in_a_spreadsheet(lot: str, serial: str) -> None:
    """Only a minus sign can start a cell as a formula would, and nothing behind it can call a function."""
    (label,) = make(units(1))
    for record in (Record(SIGNED, lot, serial), Record(SIGNED, serial, lot)):
        out = io.StringIO()
        labels.write_links([dataclasses.replace(label, record=record)], out)
        for cell in next(csv.reader([out.getvalue().splitlines()[1]])):
            assert not cell.startswith(("=", "+", "@", "\t", "\r"))
            assert not (cell.startswith("-") and set(cell) & set("(|!"))


@pytest.mark.parametrize(
    "stock", [stock for stock in labels.STOCKS.values() if stock.per_page > 1], ids=lambda stock: stock.name
)
def test_every_code_of_a_printed_sheet_reads_as_its_link(stock: labels.Stock) -> None:
    """A page and one label more, rendered as a printer does, give back exactly the links, each on its own label."""
    made = make(units(stock.per_page + 1))
    out = io.BytesIO()
    sheets = labels.PdfSheets(out, stock)
    for label in made:
        sheets.add(label)
    assert sheets.close() == 2
    found: list[str] = []
    for page in pages_of(out):
        assert page.get_size() == pytest.approx([mm * labels.POINTS for mm in stock.page], abs=0.01)
        found += barcodes.read(page.render(scale=DPI / 72).to_pil())
    assert sorted(found) == sorted(label.link for label in made)


def test_a_printed_code_has_the_promised_size() -> None:
    """A signed code of version 8 or 9 is 24.2 mm with its quiet zone, its modules at least 0.396 mm, measured on the page."""
    (label,) = make(units(1))
    assert label.code_side == pytest.approx(24.2)
    unit = label.module
    assert unit >= 0.396
    out = io.BytesIO()
    sheets = labels.PdfSheets(out, labels.STOCKS["single"])
    sheets.add(label)
    sheets.close()
    (page,) = pages_of(out)
    pixels = np.array(page.render(scale=1200 / 72).to_pil().convert("L")) < 128
    left = np.flatnonzero(pixels.any(axis=0))[0] / 1200 * 25.4
    assert left == pytest.approx(labels.PADDING + 4 * unit, abs=0.05)
    finder = pixels[:, round((left + 0.1) / 25.4 * 1200)]
    rows = np.flatnonzero(finder)
    assert (rows[-1] - rows[0] + 1) / 1200 * 25.4 == pytest.approx(label.code.size * unit, abs=0.05)


def test_a_compact_code_is_small_and_in_capitals() -> None:
    """A compact carrier has no lot and no signature; with a short host it is version 3, 14.7 mm."""
    (label,) = make(units(1, COMPACT), "https://ts.example")
    assert label.link.startswith("HTTPS://TS.EXAMPLE/01/")
    assert links.parse(label.link).signature is None
    assert label.code_side == pytest.approx(14.652)


def test_an_svg_holds_exactly_the_code() -> None:
    """The SVG is in millimetres, and its path covers the dark modules and no other."""
    (label,) = make(units(1))
    root = ET.fromstring(labels.svg(label))  # noqa: S314 -- our own output
    assert (root.attrib["width"], root.attrib["height"]) == ("60.0mm", "30.0mm")
    path = next(node for node in root.iter() if node.tag.endswith("path")).attrib["d"]
    drawn = np.zeros((label.code.size, label.code.size), dtype=bool)
    left, top = labels.PADDING + 4 * label.module, (30 - label.code_side) / 2 + 4 * label.module
    for x, y, length in re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)", path):
        column, row, count = (float(x) - left) / label.module, (float(y) - top) / label.module, float(length) / label.module
        assert (column, row, count) == pytest.approx((round(column), round(row), round(count)), abs=0.01)
        drawn[round(row), round(column) : round(column + count)] = True
    assert drawn.tolist() == label.code.modules.tolist()


def words(picture: str) -> list[str]:
    """Return the lines of text of an SVG."""
    return [node.text or "" for node in ET.fromstring(picture).iter() if node.tag.endswith("text")]  # noqa: S314 -- our own


def printed(label: labels.Label, stock: labels.Stock) -> str:
    """Return the text of a label on a PDF page."""
    out = io.BytesIO()
    sheets = labels.PdfSheets(out, stock)
    sheets.add(label)
    sheets.close()
    (page,) = pypdfium2.PdfDocument(out.getvalue())
    text: str = page.get_textpage().get_text_range()
    return text


def test_a_label_says_in_words_what_its_code_says() -> None:
    """Product, GTIN, lot, serial in groups with its check character, and the address to type; the SVG in Chinese too."""
    (label,) = make(units(1))
    serial = label.record.serial
    groups = f"{serial[:4]} {serial[4:8]} {serial[8:12]} {serial[12:]} · {serials.check_character(serial)}"
    lines = [f"GTIN {SIGNED}", "Lot K2609A", groups, "Check it: type verify.example.org"]
    assert words(labels.svg(label)) == ["Kestrel S3 (electric) \\ scooter", "隼行 S3", *lines]
    on_paper = printed(label, labels.STOCKS["A4-21"]).split("\r\n")
    assert on_paper == ["Kestrel S3 (electric) \\ scooter", *lines]


@pytest.mark.parametrize(
    ("names", "model", "shown"),
    [
        ({"zh": "隼行"}, "S3", "S3"),
        ({"zh": "隼行"}, "隼三", SIGNED),
        ({"zh": "隼行", "fr": "Crécerelle"}, "", "Crécerelle"),
        ({"en": "Kestrel™ — “S3”"}, "S3", "Kestrel™ — “S3”"),
        ({"en": "Kestrel " * 40}, "S3", "…"),
    ],
)
def test_paper_shows_a_name_that_its_type_can_set(names: dict[str, str], model: str, shown: str) -> None:
    """The PDF's type has Western letters: what it cannot set is left out for the model, never replaced by question marks."""
    (label,) = make(units(1))
    text = printed(dataclasses.replace(label, names=names, model=model), labels.STOCKS["A4-21"])
    assert shown in text
    assert "?" not in text
    assert f"Check it: type {label.domain}" in text


def test_a_number_or_an_address_is_never_cut() -> None:
    """A host that is too long for the label is refused: half an address would lead elsewhere."""
    (label,) = make(units(1), f"https://{'verify.' * 12}example.org")
    with pytest.raises(LabelError, match="does not fit stock A4-21 at 4"):
        labels.PdfSheets(io.BytesIO(), labels.STOCKS["A4-21"]).add(label)


def test_the_longest_lot_and_serial_fit_every_stock() -> None:
    """Twenty of the widest letters each."""
    record = Record(SIGNED, "W" * 20, "W" * 20)
    (label,) = make(units(1))
    widest = dataclasses.replace(label, record=record)
    for stock in labels.STOCKS.values():
        labels.PdfSheets(io.BytesIO(), stock).add(widest)


@pytest.mark.parametrize("base", ["verify.example.org", "https://verify.example.org/check"])
def test_labels_under_a_wrong_address_are_refused(base: str) -> None:
    """What is printed a thousand times is checked before."""
    with pytest.raises(LinkError, match="expected scheme and host alone"):
        make(units(1), base)


def test_a_code_that_does_not_read_back_is_not_handed_over() -> None:
    """An encoder's fault stops the labels, with the link named."""
    wrong = labels.make(units(1), MANIFEST, BASE, draw=lambda text: barcodes.encode(text + "x"), read_back=read_back)
    with pytest.raises(LabelError, match="expected 'https://verify"):
        list(wrong)


def test_a_label_that_does_not_fit_its_stock_is_refused() -> None:
    """A code larger than the label is an error, not a cut code."""
    (label,) = make(units(1))
    tiny = labels.Stock("tiny", (20, 20), 1, 1, (20, 20), (0, 0), (20, 20))
    with pytest.raises(LabelError, match="does not fit stock tiny"):
        labels.PdfSheets(io.BytesIO(), tiny).add(label)


def test_a_lot_outside_the_manifest_is_refused() -> None:
    """What is printed beside the code comes from the sealed manifest."""
    with pytest.raises(LabelError, match="lot X of"):
        make([(Record(SIGNED, "X", "ABC"), bytes(64))])


def test_the_list_of_links_reads_back_as_csv() -> None:
    """A print house gets each link with its parts, exactly."""
    made = make(units(3))
    out = io.StringIO()
    assert labels.write_links(made, out) == 3
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert [row["link"] for row in rows] == [label.link for label in made]
    assert [row["serial_as_printed"] for row in rows] == [serials.printed(label.record.serial) for label in made]

"""Labels: exact links, exact sizes, and codes that read back from what is printed."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Literal
from xml.etree import ElementTree as ET

import numpy as np
import pypdfium2
import pytest

from registry import barcodes
from registry.errors import LabelError
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


def test_svg_and_picture_read_back_too() -> None:
    """The SVG is in millimetres and its path holds exactly the dark modules; the picture's modules are whole pixels."""
    (label,) = make(units(1))
    root = ET.fromstring(labels.svg(label))  # noqa: S314 -- our own output
    assert root.attrib["width"] == "60.0mm"
    path = next(node for node in root.iter() if node.tag.endswith("path")).attrib["d"]
    drawn = sum(float(run.partition("h")[2].partition("v")[0]) / label.module for run in path.split("M")[1:])
    assert round(drawn) == int(label.code.modules.sum())
    assert barcodes.read(barcodes.encode(label.link).picture(5)) == (label.link,)


def test_two_encoders_that_share_no_line_agree_on_what_is_printed() -> None:
    """A code drawn by the other encoder reads as the same link."""
    (label,) = make(units(1))
    assert barcodes.read(barcodes.encode_again(label.link).picture(5)) == (label.link,)


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
    assert all(not value.startswith(("=", "+", "@")) for row in rows for value in row.values())

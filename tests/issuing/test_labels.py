"""Labels: what stands on them, in what size, and as which file."""

from __future__ import annotations

import csv
import io
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from registry import barcodes
from registry.errors import LabelError
from registry.issuing import labels, pictures
from registry.issuing.labels import PADDING, STOCKS, Design, Face, Stock
from registry.units import links, serials
from tests.issuing import label_batch
from tests.issuing.label_batch import COMPACT, LOT, NAME, SIGNED

SINGLE = STOCKS["single"]


def printed(label: labels.Label, stock: Stock = STOCKS["A4-21"]) -> list[str]:
    """Return the lines of a label on paper."""
    return label_batch.words_of(label_batch.pdf([label], stock))


def drawn(picture: str) -> list[str]:
    """Return the lines of text of an SVG."""
    return [node.text or "" for node in ET.fromstring(picture).iter() if node.tag.endswith("text")]  # noqa: S314 -- our own


def test_a_printed_code_has_the_promised_size() -> None:
    """A signed code of version 8 or 9 is 24.2 mm with its quiet zone, its modules at least 0.396 mm, measured on the page."""
    (label,) = label_batch.make(label_batch.units(1))
    design = Design(label.face, label.size, SINGLE, latin=True)
    assert design.side == pytest.approx(24.2)
    assert design.module >= 0.396
    (page,) = label_batch.pages_of(label_batch.pdf([label], SINGLE))
    pixels = np.array(page.render(scale=1200 / 72).to_pil().convert("L")) < 128
    left = np.flatnonzero(pixels.any(axis=0))[0] / 1200 * 25.4
    assert left == pytest.approx(PADDING + 4 * design.module, abs=0.05)
    finder = pixels[:, round((left + 0.1) / 25.4 * 1200)]
    rows = np.flatnonzero(finder)
    assert (rows[-1] - rows[0] + 1) / 1200 * 25.4 == pytest.approx(label.size * design.module, abs=0.05)


def test_a_compact_code_is_small_and_in_capitals() -> None:
    """A compact carrier has no lot and no signature; with a short host it is version 3, 14.7 mm."""
    (label,) = label_batch.make(label_batch.units(1, COMPACT), base="https://ts.example")
    assert label.link.startswith(b"HTTPS://TS.EXAMPLE/01/")
    assert links.parse(label.link.decode()).signature is None
    assert Design(label.face, label.size, SINGLE, latin=True).side == pytest.approx(14.652)


@pytest.mark.parametrize(("dpi", "signed", "compact"), [(203, 4, 4), (300, 5, 5), (600, 10, 9)])
def test_a_module_is_never_less_than_gs1_allows(dpi: int, signed: int, compact: int) -> None:
    """On a printer whose dots do not suit, it is larger."""
    (label,) = label_batch.make(label_batch.units(1))
    assert label.face.dots(label.size, dpi) == signed
    assert Face("", "", {}, "", "", "compact").dots(29, dpi) in {compact, compact + 1}
    assert label.face.dots(label.size, dpi) * 25.4 / dpi >= labels.MODULE


def test_an_svg_holds_exactly_the_code() -> None:
    """The SVG is in millimetres, and its path covers the dark modules and no other."""
    (label,) = label_batch.make(label_batch.units(1))
    design = Design(label.face, label.size, SINGLE, latin=False)
    root = ET.fromstring(pictures.svg(label, SINGLE))  # noqa: S314 -- our own output
    assert (root.attrib["width"], root.attrib["height"]) == ("60.0mm", "30.0mm")
    path = next(node for node in root.iter() if node.tag.endswith("path")).attrib["d"]
    found = np.zeros((label.size, label.size), dtype=bool)
    left, top = design.code
    for x, y, length in re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)", path):
        place = (float(x) - left) / design.module, (float(y) - top) / design.module, float(length) / design.module
        column, row, count = map(round, place)
        assert place == pytest.approx((column, row, count), abs=0.01)
        found[row, column : column + count] = True
    assert found.tolist() == pictures.modules(label).astype(bool).tolist()


@pytest.mark.parametrize("dpi", [150, 203, 600, 1200])
def test_a_png_holds_exactly_the_code(dpi: int) -> None:
    """Whole pixels to a module, a quiet zone, and a resolution that gives the promised size."""
    (label,) = label_batch.make(label_batch.units(1))
    picture = Image.open(io.BytesIO(pictures.png(label, dpi)))
    pixels = np.array(picture)
    across = pixels.shape[0] // (label.size + 8)
    assert pixels.shape == ((label.size + 8) * across,) * 2
    light = np.pad(pictures.modules(label) == 0, 4, constant_values=True)
    assert pixels.tolist() == light.repeat(across, axis=0).repeat(across, axis=1).tolist()
    assert picture.width / picture.info["dpi"][0] * 25.4 == pytest.approx(24.2, abs=0.01)
    assert barcodes.read(picture.convert("L")) == (label.link.decode(),)


def test_a_label_says_in_words_what_its_code_says() -> None:
    """Product, GTIN, lot, serial in groups with its check character, and the address to type; the SVG in Chinese too."""
    (label,) = label_batch.make(label_batch.units(1))
    serial = label.serial
    groups = f"{serial[:4]} {serial[4:8]} {serial[8:12]} {serial[12:]} · {serials.check_character(serial)}"
    lines = [f"GTIN {SIGNED}", f"Lot {LOT}", groups, "Check it: type verify.example.org"]
    assert drawn(pictures.svg(label, SINGLE)) == [NAME, "隼行 S3", *lines]
    on_paper = printed(label)
    assert sorted(on_paper) == sorted([NAME, *lines])


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
    (label,) = label_batch.make(label_batch.units(1), label_batch.product(names=names, model=model))
    text = "\n".join(printed(label))
    assert shown in text
    assert "?" not in text
    assert "Check it: type verify.example.org" in text


def test_a_number_or_an_address_is_never_cut() -> None:
    """A host that is too long for the label is refused: half an address would lead elsewhere."""
    (label,) = label_batch.make(label_batch.units(1), base=f"https://{'verify.' * 12}example.org")
    with pytest.raises(LabelError, match="does not fit stock A4-21 at 4"):
        label_batch.pdf([label])


@pytest.mark.parametrize("stock", STOCKS.values(), ids=lambda stock: stock.name)
def test_the_longest_lot_and_serial_fit_every_stock(stock: Stock) -> None:
    """Twenty of the widest letters each."""
    wide = "W" * 20
    (label,) = label_batch.make([label_batch.unit(lot=wide, serial=wide)], label_batch.product(lot=wide))
    assert {f"Lot {wide}", wide} <= set(printed(label, stock))


def test_a_label_that_does_not_fit_its_stock_is_refused() -> None:
    """A code larger than the label is an error, not a cut code."""
    (label,) = label_batch.make(label_batch.units(1))
    with pytest.raises(LabelError, match="does not fit stock tiny"):
        label_batch.pdf([label], Stock("tiny", (20, 20), 1, 1, (20, 20), (0, 0), (20, 20)))


def test_a_serial_that_does_not_fit_is_refused() -> None:
    """However well the rest of the label fits."""
    (label,) = label_batch.make([label_batch.unit(serial="W" * 20)])
    with pytest.raises(LabelError, match="'WWWWWWWWWWWWWWWWWWWW' does not fit stock narrow"):
        label_batch.pdf([label], Stock("narrow", (55, 40), 1, 1, (55, 40), (0, 0), (55, 40)))


@given(
    st.text("ABCXYZabcxyz0189_-", min_size=1, max_size=20),
    st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=16, max_size=16),
)
def test_no_cell_of_the_list_runs_in_a_spreadsheet(lot: str, serial: str) -> None:
    """Only a minus sign can start a cell as a formula would, and nothing behind it can call a function."""
    for one, other in ((lot, serial), (serial, lot)):
        out = io.StringIO()
        face = Face(SIGNED, one, {}, "", "", "signed")
        labels.write_links([labels.Label(face, other, b"https://ts.example/01/", 0, b"")], out)
        for cell in next(csv.reader([out.getvalue().splitlines()[0]])):
            assert not cell.startswith(("=", "+", "@", "\t", "\r"))
            assert not (cell.startswith("-") and set(cell) & set("(|!"))

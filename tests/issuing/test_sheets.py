"""PDF sheets: every code of a rendered page reads as its link, on its own label, whatever its bytes."""

from __future__ import annotations

import dataclasses
import io
import re

import numpy as np
import pytest

from registry import barcodes
from registry.errors import LabelError
from registry.issuing import labels
from registry.issuing.labels import STOCKS
from registry.issuing.sheets import PdfSheets
from tests.issuing import label_batch
from tests.issuing.label_batch import COMPACT, PRODUCTS

DPI = 300


@pytest.mark.parametrize("stock", STOCKS.values(), ids=lambda stock: stock.name)
def test_every_code_of_a_printed_sheet_reads_as_its_link(stock: labels.Stock) -> None:
    """A page and one label more, rendered as a printer does, give back exactly the links, each on its own label."""
    wanted = [label_batch.unit(one.gtin, one.lot) for _ in range(stock.per_page) for one in PRODUCTS][: stock.per_page + 1]
    made = label_batch.make(wanted)
    pages = label_batch.pages_of(label_batch.pdf(made, stock))
    assert len(pages) == 2
    for page, here in zip(pages, (made[: stock.per_page], made[stock.per_page :]), strict=True):
        assert page.get_size() == pytest.approx([mm * labels.POINTS for mm in stock.page], abs=0.01)
        picture = page.render(scale=DPI / 72).to_pil()
        for place, label in enumerate(here):
            left, top = stock.place(place)
            corners = left, top, left + stock.label[0], top + stock.label[1]
            cut = picture.crop(tuple(round(mm * DPI / 25.4) for mm in corners))
            assert barcodes.read(cut) == (label.link.decode(),)


def test_a_code_that_holds_the_end_of_a_picture_is_written_in_digits() -> None:
    """Readers that look for `EI` instead of counting bytes would cut the picture there; any code can hold these bytes."""
    (label,) = label_batch.make(label_batch.units(1))
    middle = len(label.code) // 2
    unlucky = label._replace(code=label.code[:middle] + b"\nEI " + label.code[middle + 4 :])
    raw = label_batch.pdf([unlucky, label])
    contents = re.findall(rb"stream\n(.*?)\nendstream", raw, re.DOTALL)
    assert [content.count(b"EI") for content in contents if b"BI" in content] == [2]
    one, other = (label_batch.pages_of(label_batch.pdf([each]))[0].render(scale=8).to_numpy() for each in (unlucky, label))
    changed = {place for place in range(middle, middle + 4) if unlucky.code[place] != label.code[place]}
    assert changed
    different = (one != other).any(axis=2)
    rows = np.flatnonzero(different.any(axis=1))
    width = len(label.code) // label.size
    assert (
        rows.size / 8 / labels.POINTS
        <= (max(changed) // width - min(changed) // width + 1) * label.face.module(label.size) + 0.1
    )


def test_what_labels_share_is_in_the_file_once() -> None:
    """Name, GTIN and address are one form for each product, lot and size of code."""
    raw = label_batch.pdf(label_batch.make([*label_batch.units(40), *label_batch.units(40, COMPACT)]))
    contents = re.findall(rb"stream\n(.*?)\nendstream", raw, re.DOTALL)
    assert sum(b"Check it" in content for content in contents) == 2
    assert sum(content.count(b" Do ") for content in contents) == 80


def test_the_same_labels_give_the_same_file() -> None:
    """No date, no name of a program: a run that is repeated makes the same files."""
    made = label_batch.make(label_batch.units(30))
    assert label_batch.pdf(made) == label_batch.pdf(made)


def test_a_file_without_a_label_is_refused() -> None:
    """An empty sheet would look like a finished job."""
    with pytest.raises(LabelError, match="expected at least one"):
        PdfSheets(io.BytesIO(), STOCKS["single"]).close()


def test_a_stock_of_ones_own_is_a_stock_with_other_lengths() -> None:
    """Any rows and columns."""
    stock = dataclasses.replace(STOCKS["A4-21"], name="own", columns=1, rows=2)
    assert len(label_batch.pages_of(label_batch.pdf(label_batch.make(label_batch.units(5)), stock))) == 3

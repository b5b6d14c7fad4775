"""ZPL: what a printer would put on paper, drawn here by a reader of the few commands that we use."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from registry import barcodes
from registry.errors import LabelError
from registry.issuing import zpl
from registry.issuing.labels import STOCKS, Stock
from registry.issuing.zpl import ZplLabels
from registry.units import serials
from tests.issuing import label_batch
from tests.issuing.label_batch import COMPACT, SIGNED

SINGLE = STOCKS["single"]
WIDE = Stock("wide", (100, 50), 1, 1, (100, 50), (0, 0), (100, 50))


def fields(pattern: str, text: str) -> tuple[str, ...]:
    """Return the parts of a command."""
    found = re.search(pattern, text)
    assert found
    return found.groups()


def unpacked(graphic: str) -> np.ndarray:
    """Return the dots of a `^GFA`, by the rules of Zebra's manual."""
    size, again, across, data = fields(r"\^GFA,(\d+),(\d+),(\d+),(.*)", graphic)
    assert size == again
    rows: list[str] = []
    row, count = "", 0
    for character in data:
        if character == ":":
            assert row == ""
            rows.append(rows[-1])
        elif "G" <= character <= "Y":
            count += ord(character) - ord("F")
        elif "g" <= character <= "z":
            count += 20 * (ord(character) - ord("f"))
        else:
            row += character * (count or 1)
            count = 0
        if len(row) == 2 * int(across):
            rows.append(row)
            row = ""
    dots = np.unpackbits(np.frombuffer(bytes.fromhex("".join(rows)), np.uint8)).reshape(len(rows), -1)
    assert len(rows) * int(across) == int(size)
    return dots


def on_paper(text: str) -> Image.Image:
    """Return a label's code in its place."""
    width, height = map(int, fields(r"\^PW(\d+)\^LL(\d+)", text))
    left, top, graphic = fields(r"\^FO(\d+),(\d+)(\^GFA[^^]*)\^FS", text)
    dots = unpacked(graphic)
    paper = np.full((height, width), 255, np.uint8)
    here = paper[int(top) : int(top) + dots.shape[0], int(left) : int(left) + dots.shape[1]]
    assert here.shape == dots.shape
    here[dots == 1] = 0
    return Image.fromarray(paper)


@pytest.mark.parametrize("dpi", zpl.RESOLUTIONS)
@pytest.mark.parametrize("gtin", [SIGNED, COMPACT])
def test_a_bitmap_reads_as_its_link(dpi: int, gtin: str) -> None:
    """Whole dots to a module, on the roll's label, with its quiet zone."""
    (label,) = label_batch.make(label_batch.units(1, gtin))
    text = ZplLabels(SINGLE, dpi, "M", bitmap=True).write(label)
    picture = on_paper(text)
    assert (picture.width, picture.height) == (round(60 * dpi / 25.4), round(30 * dpi / 25.4))
    assert barcodes.read(picture) == (label.link.decode(),)
    dark = np.argwhere(np.array(picture) == 0)
    dots = label.face.dots(label.size, dpi)
    assert (dark.max(axis=0) - dark.min(axis=0) + 1).tolist() == [label.size * dots] * 2
    assert dark.min() >= 4 * dots


def test_runs_of_any_length_are_counted() -> None:
    """Also those that take several letters."""
    for count in (1, 2, 19, 20, 21, 39, 40, 399, 400, 401, 419, 420, 819, 820, 1999):
        packed = zpl.REPEATS.sub(zpl._repeated, b"F" * count + b"0").decode()
        across = -(-(count + 1) // 2)
        dots = unpacked(f"^GFA,{across},{across},{across},{packed}{'0' * (2 * across - count - 1)}")
        assert dots.sum() == 4 * count


def test_a_printer_that_encodes_gets_exactly_the_link() -> None:
    """And the level; its code has room for the version that a text without mixed segments takes."""
    (label,) = label_batch.make(label_batch.units(1))
    text = ZplLabels(WIDE, 300, "Q", bitmap=False).write(label)
    assert fields(r"\^BQN,2,5\^FDQA,([^^]*)\^FS", text) == (label.link.decode(),)
    with pytest.raises(LabelError, match="does not fit stock single"):
        ZplLabels(SINGLE, 203, "M", bitmap=False).write(label)


def test_text_is_utf_8_and_holds_no_command() -> None:
    """Signs that begin commands, and the escape itself, are escaped; accents and dots between words are not."""
    names = {"en": "Crécerelle ^XA ~JA _5E \\&"}
    (label,) = label_batch.make([label_batch.unit(serial="a_b-c")], label_batch.product(names=names))
    text = ZplLabels(WIDE, 203, "M", bitmap=True).write(label)
    written = re.findall(r"\^FH\^FD([^^~]*)\^FS", text)
    shown = [re.sub(r"_([0-9A-F]{2})", lambda match: chr(int(match[1], 16)), field) for field in written]
    assert {names["en"], "a_b-c", "Check it: type verify.example.org", f"GTIN {SIGNED}"} <= set(shown)
    assert "Crécerelle" in text
    assert "^CI28" in text
    assert re.findall(r"[\^~][A-Z@]+", text).count("^XA") == 1


@pytest.mark.parametrize(
    "serial", ["18V53BRVYF0RMH6Z", "7K3M9QX2PTRDH5WB"], ids=["a tilde for its check character", "a letter"]
)
def test_a_serial_is_printed_in_groups(serial: str) -> None:
    """As on every other label; what would be a command to the printer is written in hexadecimal digits."""
    (label,) = label_batch.make([label_batch.unit(serial=serial)])
    expected = serials.printed(serial).replace("~", "_7E")
    assert expected in ZplLabels(SINGLE, 300, "M", bitmap=True).write(label)


def test_a_module_that_no_printer_draws_is_refused() -> None:
    """More dots than `^BQ` takes."""
    (label,) = label_batch.make(label_batch.units(1, COMPACT), base="https://ts.example")
    with pytest.raises(LabelError, match="expected at most 10 for"):
        ZplLabels(WIDE, 1200, "M", bitmap=False).write(label)

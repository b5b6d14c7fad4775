"""Labels: what is printed on a unit, and where, in millimetres (protocol § 6).

A label carries the code and, for eyes and fingers, the product, the lot, the serial in groups with its check character, and
the verifier's domain in words: a person who does not trust a code can type it. All of it but code and serial is the same for
every unit of a product and lot: that is a `Face`, laid out once. `registry.issuing.press` makes labels; `sheets`, `pictures`
and `zpl` draw them.
"""

from __future__ import annotations

import csv
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from registry.errors import LabelError
from registry.units import serials
from registry.units.records import UnitId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TextIO

    from registry.issuing.qr_text import Layout

QUIET_ZONE: Final = 4
"""Modules of white around a code (ISO/IEC 18004)."""
MODULE: Final = 0.396
"""Millimetres to a module: GS1's smallest for codes that consumers scan."""
LEAST_SIDE: Final = {"signed": 24.2, "compact": 14.6}
"""Millimetres of a code's side, quiet zone included, by carrier: a code of fewer modules gets larger ones."""
PADDING: Final = 2.0
"""Millimetres between a label's edge and what is printed on it, and between code and text."""
INCH: Final = 25.4


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """What all labels of a product and lot share."""

    gtin: str
    lot: str
    names: Mapping[str, str]
    """The product's name by language."""
    model: str
    domain: str
    """The verifier's address in words."""
    carrier: str

    def lines(self, *, latin: bool) -> tuple[Line, ...]:
        """Return what stands beside the code, top to bottom; `latin` leaves out what Western type cannot set."""
        names = [name for language in ("en", "zh") if (name := self.names.get(language))]
        names = [name for name in names if not latin or _is_western(name)]
        if not names:
            others = (self.model, *self.names.values(), self.gtin)
            names = [name for name in others if name and (not latin or _is_western(name))][:1]
        return (
            *(Line(name, 8.0, may_be_cut=True) for name in names),
            Line(f"GTIN {self.gtin}", 6.5),
            Line(f"Lot {self.lot}", 6.5),
            Line(None, 7.5),
            Line(f"Check it: type {self.domain}", 6.0),
        )

    def module(self, size: int) -> float:
        """Return the millimetres to a module of a code with so many on a side."""
        return max(MODULE, LEAST_SIDE[self.carrier] / (size + 2 * QUIET_ZONE))

    def dots(self, size: int, dpi: int) -> int:
        """Return the dots to a module at a resolution: the nearest whole number, and never less than GS1's smallest module."""
        return max(round(self.module(size) * dpi / INCH), -int(-MODULE * dpi // INCH))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text on a label."""

    text: str | None
    """None stands for the serial."""
    size: float
    """Points, if there is room."""
    may_be_cut: bool = False
    """A name may; a number or an address that lacks its end would mislead."""


class Label(NamedTuple):
    """One unit's label, its code drawn."""

    face: Face
    serial: str
    link: bytes
    """What the code says, in ASCII."""
    size: int
    """Modules on a side of the code."""
    code: bytes
    """Rows of modules, each in whole bytes, without quiet zone; 1 is dark."""
    layout: Layout | None = None
    """How the code is written, if our own encoder drew it."""

    @property
    def unit(self) -> UnitId:
        """Whose label it is."""
        return UnitId(self.face.gtin, self.serial)


@dataclass(frozen=True, slots=True)
class Stock:
    """A sheet of labels; all lengths in millimetres, from the top left corner."""

    name: str
    page: tuple[float, float]
    columns: int
    rows: int
    label: tuple[float, float]
    first: tuple[float, float]
    pitch: tuple[float, float]

    @property
    def per_page(self) -> int:
        """Labels on a page."""
        return self.columns * self.rows

    def place(self, position: int) -> tuple[float, float]:
        """Return left and top of a label on its page, row by row."""
        row, column = divmod(position % self.per_page, self.columns)
        return self.first[0] + column * self.pitch[0], self.first[1] + row * self.pitch[1]


A4: Final = (210.0, 297.0)
STOCKS: Final = {
    stock.name: stock
    for stock in (
        Stock("A4-21", A4, 3, 7, (63.5, 38.1), (7.25, 15.15), (66.0, 38.1)),
        Stock("A4-24", A4, 3, 8, (70.0, 37.0), (0.0, 0.5), (70.0, 37.0)),
        Stock("A4-14", A4, 2, 7, (99.1, 38.1), (4.65, 15.15), (101.6, 38.1)),
        Stock("single", (60.0, 30.0), 1, 1, (60.0, 30.0), (0.0, 0.0), (60.0, 30.0)),
    )
}
"""Standard sheets of A4 and one label to a page for roll printers. A4-21, A4-24 and A4-14 are what the trade knows as Avery
L7160, 3474 and L7163; a print house's own stock is a `Stock` with other lengths."""


class Placed(NamedTuple):
    """A line of text in its place."""

    text: str
    size: float
    """Points."""
    baseline: float
    """Millimetres from the label's top."""


class Design:
    """Where everything stands on the labels of a face that carry codes of one size.

    Raises `LabelError` if the code, or a line that may not be cut, does not fit its stock.
    """

    def __init__(self, face: Face, size: int, stock: Stock, *, latin: bool, module: float | None = None) -> None:
        """Lay out; `module` is for printers that draw modules of whole dots."""
        self.size = size
        self.module = face.module(size) if module is None else module
        """Millimetres to a module."""
        self.side = (size + 2 * QUIET_ZONE) * self.module
        """Millimetres of the code's side, quiet zone included."""
        self._stock = stock
        width, height = stock.label
        self._room = (width - self.side - 3 * PADDING) * POINTS
        lines = face.lines(latin=latin)
        total = sum(line.size * LEADING for line in lines) / POINTS
        if self._room <= 0 or max(self.side, total) > height:
            needed = max(self.side, total)
            raise LabelError(f"a label {needed:.1f} mm high does not fit stock {stock.name} ({width} x {height} mm)")
        self.text_left = self.side + 2 * PADDING
        """Millimetres from the label's left."""
        fixed = []
        self._serial_size = self.serial_baseline = 0.0
        baseline = (height - total) / 2
        for line in lines:
            baseline += line.size * LEADING / POINTS
            place = baseline - line.size * (LEADING - 1) / POINTS
            if line.text is None:
                self._serial_size, self.serial_baseline = line.size, place
            else:
                fixed.append(self._set(line.text, line.size, place, may_be_cut=line.may_be_cut))
        self.fixed = tuple(fixed)
        """What stands on every label of the face."""

    @property
    def code(self) -> tuple[float, float]:
        """Millimetres from the label's left and top to the code's first module."""
        quiet = QUIET_ZONE * self.module
        return PADDING + quiet, (self._stock.label[1] - self.side) / 2 + quiet

    def serial(self, serial: str) -> tuple[str, float]:
        """Return a serial as it is printed, and its size in points."""
        text = serials.printed(serial)
        size = min(self._serial_size, self._room / text_width(text))
        return text, size if size >= SMALLEST else self._set(text, size, 0.0).size

    def _set(self, text: str, size: float, baseline: float, *, may_be_cut: bool = False) -> Placed:
        """Set a line; a long one is set smaller."""
        size = min(size, self._room / text_width(text))
        if size < SMALLEST:
            if not may_be_cut:
                raise LabelError(
                    f"{text!r} does not fit stock {self._stock.name} at {SMALLEST} points", hint="use wider labels"
                )
            size, text = SMALLEST, _cut(text, self._room / SMALLEST)
        return Placed(text, size, baseline)


def write_links(labels: Iterable[Label], stream: TextIO) -> None:
    """Write the list of links for a print house as CSV.

    Values stand as they are, for programs; a spreadsheet may take a lot or serial for a number. None can run in one: of the
    characters that we issue only `-` can start a formula, and none can call a function.
    """
    writer = csv.writer(stream, lineterminator="\n")
    for label in labels:
        face = label.face
        writer.writerow((label.link.decode(), face.gtin, face.lot, label.serial, serials.printed(label.serial)))


LINK_COLUMNS: Final = ("link", "gtin", "lot", "serial", "serial_as_printed")
WESTERN: Final = "cp1252"
"""What PDF calls WinAnsiEncoding."""
POINTS: Final = 72 / INCH
"""PDF points to a millimetre."""
LEADING: Final = 1.35
SMALLEST: Final = 4.0


def _cut(text: str, room: float) -> str:
    """Return as much of a text as fits a width at size 1, with an ellipsis at its end."""
    while text and text_width(f"{text}…") > room:
        text = text[:-1]
    return f"{text.rstrip()}…"


_WIDTHS: Final = (
    "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 "
    "584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 "
    "667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 "
    "278 556 500 722 500 500 500 334 260 334 584 "
)
WIDTHS: Final = dict(zip(map(chr, range(32, 127)), map(int, _WIDTHS.split()), strict=True)) | {"·": 278, "…": 1000}
"""Advance widths of Helvetica in thousandths of the size (Adobe's metrics of the standard 14 fonts)."""


def text_width(text: str) -> float:
    """Return the width of a text in Helvetica at size 1."""
    try:
        return sum(map(WIDTHS.__getitem__, text)) / 1000
    except KeyError:
        return sum(WIDTHS.get(character) or _width_elsewhere(character) for character in text) / 1000


def _width_elsewhere(character: str) -> int:
    """Full-width characters are as wide as high, and hardly an accented letter is wider than `O`."""
    return 1000 if unicodedata.east_asian_width(character) in {"W", "F"} else 778


def _is_western(text: str) -> bool:
    """Say whether PDF's standard type can set a text."""
    try:
        text.encode(WESTERN)
    except UnicodeEncodeError:
        return False
    return True

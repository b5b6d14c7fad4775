"""Labels: what is printed on a unit, laid out in millimetres, as PDF sheets, SVG, PNG and a list of links (protocol § 6).

A label carries the code and, for eyes and fingers, the product, the lot, the serial in groups with its check character, and
the verifier's domain in words: a person who does not trust a code can type it. No QR library is known here: a drawer and a
reader of codes are handed in, and every code is read back before its label is handed over.
"""

from __future__ import annotations

import csv
import re
import unicodedata
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeVar
from xml.sax.saxutils import escape

from registry.errors import LabelError
from registry.units import links, serials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, TextIO

    from registry.proofs.manifest import Manifest
    from registry.units.records import Record

QUIET_ZONE: Final = 4
"""Modules of white around a code (ISO/IEC 18004)."""
MODULE: Final = 0.396
"""Millimetres to a module: GS1's smallest for codes that consumers scan."""
LEAST_SIDE: Final = {"signed": 24.2, "compact": 14.6}
"""Millimetres of a code's side, quiet zone included, by carrier: a code of fewer modules gets larger ones."""
PADDING: Final = 2.0
"""Millimetres between a label's edge and what is printed on it, and between code and text."""


class Code(Protocol):
    """A drawn QR code."""

    @property
    def modules(self) -> Any:
        """Square, without quiet zone; true is dark."""

    @property
    def size(self) -> int:
        """Modules on a side."""


C = TypeVar("C", bound=Code)


@dataclass(frozen=True, slots=True)
class Label:
    """One unit's label, its code drawn and read back."""

    record: Record
    link: str
    code: Code
    names: dict[str, str]
    """The product's name by language."""
    model: str
    domain: str
    """The verifier's address in words."""
    carrier: str

    @property
    def module(self) -> float:
        """Millimetres to a module."""
        return max(MODULE, LEAST_SIDE[self.carrier] / (self.code.size + 2 * QUIET_ZONE))

    @property
    def code_side(self) -> float:
        """Millimetres of the code's side, quiet zone included."""
        return (self.code.size + 2 * QUIET_ZONE) * self.module

    def lines(self, *, latin: bool) -> tuple[Line, ...]:
        """Return what stands beside the code, top to bottom; `latin` leaves out what Western type cannot set."""
        names = [name for language in ("en", "zh") if (name := self.names.get(language))]
        names = [name for name in names if not latin or _is_western(name)]
        if not names:
            others = (self.model, *self.names.values(), self.record.gtin)
            names = [name for name in others if name and (not latin or _is_western(name))][:1]
        return (
            *(Line(name, 8.0, may_be_cut=True) for name in names),
            Line(f"GTIN {self.record.gtin}", 6.5),
            Line(f"Lot {self.record.lot}", 6.5),
            Line(serials.printed(self.record.serial), 7.5),
            Line(f"Check it: type {self.domain}", 6.0),
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text on a label."""

    text: str
    size: float
    """Points, if there is room."""
    may_be_cut: bool = False
    """A name may; a number or an address that lacks its end would mislead."""


def make(
    units: Iterable[tuple[Record, bytes]],
    manifest: Manifest,
    base: str,
    *,
    draw: Callable[[str], C],
    read_back: Callable[[C], tuple[str, ...]],
) -> Iterator[Label]:
    """Yield the label of each unit (record and 64-byte signature).

    `base` is the verifier's address, such as `https://verify.example.org`; the carrier is what the sealed manifest says.

    Raises `LabelError` if a unit's lot is not in the manifest or a code does not read back as exactly its link, `LinkError` if
    the base is not scheme and host.
    """
    domain = links.read_base(base).partition("://")[2]
    for record, signature in units:
        product = manifest.product(record.gtin, record.lot)
        if product is None:
            raise LabelError(f"lot {record.lot} of {record.gtin} is not in the batch's manifest, expected every lot there")
        compact = product.carrier == "compact"
        link = links.build_compact(base, record.id) if compact else links.build(base, record, signature)
        code = draw(link)
        found = read_back(code)
        if found != (link,):
            raise LabelError(
                f"the code of {record.gtin}/{record.serial} reads as {found!r}, expected {link!r}",
                hint="nothing was handed over; this is a fault of the encoder: report it",
            )
        yield Label(record, link, code, dict(product.names), product.model, domain, product.carrier)


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


def svg(label: Label, stock: Stock = STOCKS["single"]) -> str:
    """Return a label as an SVG picture in millimetres."""
    width, height = stock.label
    side = label.code_side
    top = (height - side) / 2
    unit = label.module
    runs = "".join(
        f"M{PADDING + (QUIET_ZONE + start) * unit:.3f} {top + (QUIET_ZONE + row) * unit:.3f}h{length * unit:.3f}v{unit:.3f}"
        f"h-{length * unit:.3f}z"
        for row, start, length in _runs(label.code)
    )
    texts = "".join(
        f'<text x="{PADDING + side + PADDING:.2f}" y="{y:.2f}" font-size="{size / POINTS:.2f}">{escape(text)}</text>'
        for text, size, y in _set_lines(label, stock, latin=False)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}mm" height="{height}mm" viewBox="0 0 {width} {height}">'
        f'<rect width="{width}" height="{height}" fill="#fff"/><path d="{runs}" shape-rendering="crispEdges"/>'
        f'<g font-family="Helvetica, Arial, PingFang SC, Noto Sans CJK SC, Microsoft YaHei, sans-serif">{texts}</g></svg>\n'
    )


def write_links(labels: Iterable[Label], stream: TextIO) -> int:
    """Write the list of links for a print house as CSV, and return how many.

    Values stand as they are, for programs; a spreadsheet may take a lot or serial for a number. None can run in one: of the
    characters that we issue only `-` can start a formula, and none can call a function.
    """
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["link", "gtin", "lot", "serial", "serial_as_printed"])
    count = 0
    for label in labels:
        count += 1
        record = label.record
        writer.writerow([label.link, record.gtin, record.lot, record.serial, serials.printed(record.serial)])
    return count


WESTERN: Final = "cp1252"
"""What PDF calls WinAnsiEncoding."""
POINTS: Final = 72 / 25.4
"""PDF points to a millimetre."""
LEADING: Final = 1.35
SMALLEST: Final = 4.0


def _set_lines(label: Label, stock: Stock, *, latin: bool) -> Iterator[tuple[str, float, float]]:
    """Yield text, size in points and baseline in millimetres from the label's top; a long line is set smaller.

    Raises `LabelError` if the code, or a line that may not be cut, does not fit.
    """
    width, height = stock.label
    room = (width - label.code_side - 3 * PADDING) * POINTS
    lines = label.lines(latin=latin)
    total = sum(line.size * LEADING for line in lines) / POINTS
    if room <= 0 or max(label.code_side, total) > height:
        needed = max(label.code_side, total)
        raise LabelError(f"a label {needed:.1f} mm high does not fit stock {stock.name} ({width} x {height} mm)")
    baseline = (height - total) / 2
    for line in lines:
        size, text = min(line.size, room / text_width(line.text)), line.text
        if size < SMALLEST:
            if not line.may_be_cut:
                raise LabelError(f"{text!r} does not fit stock {stock.name} at {SMALLEST} points", hint="use wider labels")
            size, text = SMALLEST, _cut(text, room / SMALLEST)
        baseline += line.size * LEADING / POINTS
        yield text, size, baseline - (line.size * (LEADING - 1)) / POINTS


def _cut(text: str, room: float) -> str:
    """Return as much of a text as fits a width at size 1, with an ellipsis at its end."""
    while text and text_width(f"{text}…") > room:
        text = text[:-1]
    return f"{text.rstrip()}…"


DARK: Final = re.compile(rb"\x01+")


def _runs(code: Code) -> Iterator[tuple[int, int, int]]:
    """Yield row, start and length of every run of dark modules."""
    for row, modules in enumerate(code.modules):
        for run in DARK.finditer(bytes(modules)):
            yield row, run.start(), run.end() - run.start()


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


class PdfSheets:
    """Writes labels as a PDF file, page by page: memory is bounded by a page, whatever the number of labels.

    The file holds nothing but what was given: no date, no program name. Text is set in Helvetica, which every reader has, and
    which has Western letters only, so the product's English name or model is printed.
    """

    def __init__(self, stream: Any, stock: Stock) -> None:
        self._stream = stream
        self._stock = stock
        self._offsets: dict[int, int] = {}
        self._pages: list[int] = []
        self._drawn: list[str] = []
        self._written = 0
        self._next = 4
        self._write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")

    def add(self, label: Label) -> None:
        """Put a label in the next place."""
        left, top = self._stock.place(len(self._drawn))
        self._drawn.append(self._draw(label, left, top))
        if len(self._drawn) == self._stock.per_page:
            self._end_page()

    def close(self) -> int:
        """Finish the file; returns the number of pages. Raises `LabelError` if there is none."""
        if self._drawn:
            self._end_page()
        if not self._pages:
            raise LabelError("found no label, expected at least one")
        kids = " ".join(f"{number} 0 R" for number in self._pages)
        self._object(1, "<< /Type /Catalog /Pages 2 0 R >>")
        self._object(2, f"<< /Type /Pages /Kids [{kids}] /Count {len(self._pages)} >>")
        self._object(3, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
        start = self._written
        entries = "".join(f"{self._offsets[number]:010d} 00000 n \n" for number in range(1, self._next))
        self._write(f"xref\n0 {self._next}\n0000000000 65535 f \n{entries}".encode())
        self._write(f"trailer\n<< /Size {self._next} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode())
        return len(self._pages)

    def _draw(self, label: Label, left: float, top: float) -> str:
        """Return the drawing of one label: the code as one path of rectangles, then the lines of text."""
        page_height = self._stock.page[1]
        side = label.code_side
        code_left = left + PADDING + QUIET_ZONE * label.module
        code_top = top + (self._stock.label[1] - side) / 2 + QUIET_ZONE * label.module
        unit = label.module * POINTS
        lines = [f"q {unit:.5f} 0 0 {-unit:.5f} {code_left * POINTS:.4f} {(page_height - code_top) * POINTS:.4f} cm"]
        lines += [f"{start} {row} {length} 1 re" for row, start, length in _runs(label.code)]
        lines.append("f Q BT")
        text_left = left + PADDING + side + PADDING
        for text, size, baseline in _set_lines(label, self._stock, latin=True):
            place = f"1 0 0 1 {text_left * POINTS:.3f} {(page_height - top - baseline) * POINTS:.3f} Tm"
            lines.append(f"/F {size:.2f} Tf {place} ({_pdf_text(text)}) Tj")
        lines.append("ET")
        return "\n".join(lines)

    def _end_page(self) -> None:
        width, height = (length * POINTS for length in self._stock.page)
        content = zlib.compress("\n".join(self._drawn).encode("latin-1"))
        self._drawn.clear()
        page, stream = self._next, self._next + 1
        self._next += 2
        self._pages.append(page)
        box = f"[0 0 {width:.3f} {height:.3f}]"
        fonts = "<< /Font << /F 3 0 R >> >>"
        self._object(page, f"<< /Type /Page /Parent 2 0 R /MediaBox {box} /Resources {fonts} /Contents {stream} 0 R >>")
        self._begin(stream)
        self._write(
            f"<< /Filter /FlateDecode /Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream\nendobj\n"
        )

    def _begin(self, number: int) -> None:
        self._offsets[number] = self._written
        self._write(f"{number} 0 obj\n".encode())

    def _object(self, number: int, body: str) -> None:
        self._begin(number)
        self._write(body.encode() + b"\nendobj\n")

    def _write(self, data: bytes) -> None:
        self._stream.write(data)
        self._written += len(data)


def _pdf_text(text: str) -> str:
    """Return a text as it stands between the parentheses of a PDF string, one character a byte."""
    latin = text.encode(WESTERN).decode("latin-1")
    return latin.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")

"""PDF sheets of labels, written by hand, page by page: memory is bounded by a page, whatever the number of labels.

The file holds nothing but what was given: no date, no program name. What all labels of a face share is drawn once, as a form; a
label adds its serial and its code, a picture of one bit to a module, which printers draw crisp at any size. Nothing is
compressed: most of a page are codes, as good as random, and the rest is not worth a fifth of the time. Text is set in
Helvetica, which every reader has, and which has Western letters only, so the product's English name or model is printed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from registry.errors import LabelError
from registry.issuing.labels import POINTS, WESTERN, Design

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry.issuing.labels import Face, Label, Stock

CATALOG, PAGES, RESOURCES, FONT, FIRST = 1, 2, 3, 4, 5
"""Numbers of the objects that every file has, and of the first of the others."""
ENDS: Final = b"EI"
"""What ends a picture within a page. Readers that do not count bytes look for it: a code that holds it is written in digits."""


class Stream(Protocol):
    """What is written to."""

    def write(self, data: bytes, /) -> object:
        """Write all of it."""


@dataclass(frozen=True, slots=True)
class _Form:
    """What is the same on all labels of a face with codes of one size."""

    design: Design
    before_size: bytes
    before_text: bytes
    before_code: bytes
    before_digits: bytes
    """For a code that is written in hexadecimal digits."""


class PdfSheets:
    """Writes labels as a PDF file."""

    def __init__(self, stream: Stream, stock: Stock) -> None:
        self._stream = stream
        self._stock = stock
        self._slots = [self._slot(*stock.place(place)) for place in range(stock.per_page)]
        self._offsets: dict[int, int] = {}
        self._pages: list[int] = []
        self._forms: dict[tuple[Face, int], _Form] = {}
        self._numbers: list[int] = []
        self._drawn: list[bytes] = []
        self._place = 0
        self._written = 0
        self._next = FIRST
        self._write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")

    def add(self, labels: Iterable[Label]) -> None:
        """Put labels in the next places. Raises `LabelError` if one does not fit the stock."""
        for label in labels:
            form = self._forms.get((label.face, label.size)) or self._new_form(label.face, label.size)
            text, size = form.design.serial(label.serial)
            code, tail = label.code, b"\nEI Q\n"
            if ENDS in code:
                code, tail = code.hex().encode(), b">\nEI Q\n"
            self._drawn += (
                self._slots[self._place],
                form.before_size,
                b"%.2f" % size,
                form.before_text,
                text.encode(WESTERN),
                form.before_code if code is label.code else form.before_digits,
                code,
                tail,
            )
            self._place += 1
            if self._place == len(self._slots):
                self._end_page()

    def close(self) -> int:
        """Finish the file; returns the number of pages. Raises `LabelError` if there is none."""
        if self._place:
            self._end_page()
        if not self._pages:
            raise LabelError("found no label, expected at least one")
        kids = " ".join(f"{number} 0 R" for number in self._pages)
        forms = " ".join(f"/L{number} {number} 0 R" for number in self._numbers)
        box = self._box(*self._stock.page)
        self._object(CATALOG, f"<< /Type /Catalog /Pages {PAGES} 0 R >>")
        # What pages inherit is said once.
        common = f"/MediaBox {box} /Resources {RESOURCES} 0 R"
        self._object(PAGES, f"<< /Type /Pages /Kids [{kids}] /Count {len(self._pages)} {common} >>")
        self._object(RESOURCES, f"<< /Font << /F {FONT} 0 R >> /XObject << {forms} >> >>")
        self._object(FONT, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
        start = self._written
        entries = "".join(f"{self._offsets[number]:010d} 00000 n \n" for number in range(1, self._next))
        self._write(f"xref\n0 {self._next}\n0000000000 65535 f \n{entries}".encode())
        self._write(f"trailer\n<< /Size {self._next} /Root {CATALOG} 0 R >>\nstartxref\n{start}\n%%EOF\n".encode())
        return len(self._pages)

    def _slot(self, left: float, top: float) -> bytes:
        """Return what moves the origin to a label's lower left corner."""
        bottom = self._stock.page[1] - top - self._stock.label[1]
        return f"q 1 0 0 1 {left * POINTS:.3f} {bottom * POINTS:.3f} cm ".encode()

    def _new_form(self, face: Face, size: int) -> _Form:
        """Write what the labels of a face share, and return what draws the rest."""
        design = Design(face, size, self._stock, latin=True)
        height = self._stock.label[1]
        left = design.text_left * POINTS
        lines = [
            f"/F {size:.2f} Tf 1 0 0 1 {left:.3f} {(height - baseline) * POINTS:.3f} Tm ({_pdf_text(text)}) Tj"
            for text, size, baseline in design.fixed
        ]
        number = self._number()
        shared = f"/Type /XObject /Subtype /Form /BBox {self._box(*self._stock.label)}"
        fonts = f"/Resources << /Font << /F {FONT} 0 R >> >>"
        self._data(number, "\n".join(["BT", *lines, "ET"]).encode("latin-1"), f"{shared} {fonts}")
        self._numbers.append(number)
        code_left, code_top = design.code
        side = design.module * size * POINTS
        corner = f"{code_left * POINTS:.4f} {(height - code_top) * POINTS - side:.4f}"
        picture = f") Tj ET {side:.4f} 0 0 {side:.4f} {corner} cm BI /W {size} /H {size} /IM true /D [1 0] "
        form = self._forms[face, size] = _Form(
            design,
            f"/L{number} Do BT /F ".encode(),
            f" Tf {left:.3f} {(height - design.serial_baseline) * POINTS:.3f} Td (".encode(),
            f"{picture}ID ".encode(),
            f"{picture}/F /AHx ID ".encode(),
        )
        return form

    def _end_page(self) -> None:
        page, content = self._number(), self._number()
        self._pages.append(page)
        self._object(page, f"<< /Type /Page /Parent {PAGES} 0 R /Contents {content} 0 R >>")
        self._data(content, b"".join(self._drawn))
        self._drawn.clear()
        self._place = 0

    def _number(self) -> int:
        self._next += 1
        return self._next - 1

    def _box(self, width: float, height: float) -> str:
        return f"[0 0 {width * POINTS:.3f} {height * POINTS:.3f}]"

    def _data(self, number: int, data: bytes, entries: str = "") -> None:
        head = f"<< {entries} /Length {len(data)} >>\nstream\n"
        self._offsets[number] = self._written
        self._write(b"%d 0 obj\n%s%s\nendstream\nendobj\n" % (number, head.encode(), data))

    def _object(self, number: int, body: str) -> None:
        self._offsets[number] = self._written
        self._write(f"{number} 0 obj\n{body}\nendobj\n".encode())

    def _write(self, data: bytes) -> None:
        self._stream.write(data)
        self._written += len(data)


def _pdf_text(text: str) -> str:
    """Return a text as it stands between the parentheses of a PDF string, one character a byte."""
    latin = text.encode(WESTERN).decode("latin-1")
    return latin.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")

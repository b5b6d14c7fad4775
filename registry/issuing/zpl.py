r"""Labels for printers that read ZPL II: as a picture of the code, or as its text, which the printer encodes.

`^GFA` prints exactly the modules that were checked here. `^BQ` is a tenth of the size, and the printer draws the code: which
version and mask it chooses, and what its code says, nobody checks before it is scanned, so room is left for the version that
the text takes without mixed segments. Lengths are in dots, and a module has a whole number of them: the nearest to its size,
and never less than GS1's smallest. Text is UTF-8 (`^CI28`) in the scalable font that every printer has, which has Western
letters only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from registry.errors import LabelError
from registry.issuing import qr, qr_text
from registry.issuing.labels import INCH, POINTS, Design
from registry.issuing.pictures import modules

if TYPE_CHECKING:
    from registry.issuing.labels import Face, Label, Stock
    from registry.issuing.qr import Level

RESOLUTIONS: Final = (203, 300, 600)
"""Dots to an inch that such printers have."""
REPEATS: Final = re.compile(rb"([0-9A-F])\1+")
LARGEST_MODULE: Final = 10
"""Dots to a module that every printer's `^BQ` can draw."""
UNSAFE: Final = re.compile(r"[\x00-\x1f^~_\\\x7f]")
"""What would be a command or an escape within a field."""
TWENTY: Final = 20
MOST: Final = 400


class ZplLabels:
    """Writes labels one after the other."""

    def __init__(self, stock: Stock, dpi: int, level: Level, *, bitmap: bool) -> None:
        """Write for labels of a stock at a resolution; `level` is for codes that the printer draws."""
        self._stock = stock
        self._dpi = dpi
        self._level = level
        self._bitmap = bitmap
        self._sizes: dict[int, int] = {}
        self._designs: dict[tuple[Face, int], tuple[Design, int, str]] = {}

    def write(self, label: Label) -> str:
        """Return a label. Raises `LabelError` if it does not fit the stock."""
        size = label.size if self._bitmap else self._largest(len(label.link))
        design, dots, fixed = self._designs.get((label.face, size)) or self._design(label.face, size)
        text, points = design.serial(label.serial)
        left, top = (self._dots(length) for length in design.code)
        if self._bitmap:
            code = f"^FO{left},{top}{picture(label, dots)}^FS"
        else:
            code = f"^FO{left},{top}^BQN,2,{dots}^FD{self._level}A,{label.link.decode()}^FS"
        return f"^XA{fixed}{self._line(design, text, points, design.serial_baseline)}{code}^XZ\n"

    def _largest(self, length: int) -> int:
        """Return the modules on a side of the code of a text all in bytes."""
        if length not in self._sizes:
            self._sizes[length] = qr.size_of(qr_text.lay_out(qr_text.BYTE * length, self._level).version)
        return self._sizes[length]

    def _design(self, face: Face, size: int) -> tuple[Design, int, str]:
        """Lay out what the labels of a face share."""
        dots = face.dots(size, self._dpi)
        if not self._bitmap and dots > LARGEST_MODULE:
            raise LabelError(
                f"a module has {dots} dots at {self._dpi} dots to an inch, expected at most {LARGEST_MODULE} for ^BQ",
                hint="write bitmaps",
            )
        design = Design(face, size, self._stock, latin=True, module=dots * INCH / self._dpi)
        width, height = (self._dots(length) for length in self._stock.label)
        lines = "".join(self._line(design, *placed) for placed in design.fixed)
        found = self._designs[face, size] = design, dots, f"^CI28^PW{width}^LL{height}^LH0,0{lines}"
        return found

    def _line(self, design: Design, text: str, size: float, baseline: float) -> str:
        height = self._dots(size / POINTS)
        written = UNSAFE.sub(lambda match: f"_{ord(match.group()):02X}", text)
        return f"^FT{self._dots(design.text_left)},{self._dots(baseline)}^A0N,{height},{height}^FH^FD{written}^FS"

    def _dots(self, length: float) -> int:
        """Return millimetres in dots."""
        return round(length * self._dpi / INCH)


def picture(label: Label, dots: int) -> str:
    """Return a code as `^GFA`, so many dots to a module, in ZPL's compressed form.

    A letter before a digit says how often it stands there, `:` repeats the row above.
    """
    rows = np.packbits(modules(label).repeat(dots, axis=1), axis=1)
    across, down = rows.shape[1], label.size * dots
    again = b":" * (dots - 1)
    data = b"".join(REPEATS.sub(_repeated, row.tobytes().hex().upper().encode()) + again for row in rows)
    return f"^GFA,{across * down},{across * down},{across},{data.decode()}"


def _repeated(match: re.Match[bytes]) -> bytes:
    """Return a digit with how often it stands there: g to y and z for twenties up to 400, G to Y for 1 to 19."""
    count, digit = len(match.group()), match.group(1)
    written = b"z" * (count // MOST)
    twenties, ones = divmod(count % MOST, TWENTY)
    written += bytes([ord("f") + twenties]) if twenties else b""
    written += bytes([ord("F") + ones]) if ones else b""
    return written + digit

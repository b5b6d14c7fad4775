"""Labels as SVG pictures, and codes as PNG pictures, one file a unit."""

from __future__ import annotations

import re
import struct
import zlib
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

import numpy as np

from registry.issuing.labels import INCH, POINTS, QUIET_ZONE, Design

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.issuing.labels import Label, Stock
    from registry.issuing.qr import Bytes

DARK: Final = re.compile(rb"\x01+")
FONTS: Final = "Helvetica, Arial, PingFang SC, Noto Sans CJK SC, Microsoft YaHei, sans-serif"
PNG: Final = b"\x89PNG\r\n\x1a\n"
ONE_BIT_GREY: Final = b"\1\0\0\0\0"
METRE: Final = 1


def svg(label: Label, stock: Stock) -> str:
    """Return a label as an SVG picture in millimetres."""
    design = Design(label.face, label.size, stock, latin=False)
    width, height = stock.label
    (left, top), unit = design.code, design.module
    runs = "".join(
        f"M{left + start * unit:.3f} {top + row * unit:.3f}h{length * unit:.3f}v{unit:.3f}h-{length * unit:.3f}z"
        for row, start, length in _runs(label)
    )
    text, size = design.serial(label.serial)
    lines = sorted((*((line.baseline, line.size, line.text) for line in design.fixed), (design.serial_baseline, size, text)))
    texts = "".join(
        f'<text x="{design.text_left:.2f}" y="{y:.2f}" font-size="{size / POINTS:.2f}">{escape(text)}</text>'
        for y, size, text in lines
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}mm" height="{height}mm" viewBox="0 0 {width} {height}">'
        f'<rect width="{width}" height="{height}" fill="#fff"/><path d="{runs}" shape-rendering="crispEdges"/>'
        f'<g font-family="{FONTS}">{texts}</g></svg>\n'
    )


def png(label: Label, dpi: int) -> bytes:
    """Return a code with its quiet zone, its modules whole pixels wide, its size in millimetres as the file says.

    A module has the number of pixels that comes nearest to its size at this resolution.
    """
    unit = label.face.module(label.size)
    pixels = max(1, round(unit * dpi / INCH))
    light = np.pad(1 - modules(label), QUIET_ZONE, constant_values=1)
    side = len(light) * pixels
    row = np.packbits(light.repeat(pixels, axis=1), axis=1)
    rows = np.pad(row, ((0, 0), (1, 0))).repeat(pixels, axis=0)  # before each row, the filter of none
    a_metre = round(1000 * pixels / unit)
    parts = (
        (b"IHDR", struct.pack(">II", side, side) + ONE_BIT_GREY),
        (b"pHYs", struct.pack(">IIB", a_metre, a_metre, METRE)),
        (b"IDAT", zlib.compress(rows.tobytes())),
        (b"IEND", b""),
    )
    return PNG + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )


def modules(label: Label) -> Bytes:
    """Return a label's code as a square of modules, 1 is dark."""
    rows = np.frombuffer(label.code, np.uint8).reshape(label.size, -1)
    return np.unpackbits(rows, axis=1)[:, : label.size]


def _runs(label: Label) -> Iterator[tuple[int, int, int]]:
    """Yield row, start and length of every run of dark modules."""
    for number, row in enumerate(modules(label)):
        for run in DARK.finditer(row.tobytes()):
            yield number, run.start(), run.end() - run.start()

"""A product's picture: a file whose sha256 the anchored manifest names, small enough for a phone in a shop.

Nothing is decoded here: kind and size are read from the first bytes, where every browser looks too.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from registry.errors import DocumentError

MAX_BYTES: Final = 60 * 1024
MAX_SIDE: Final = 2048
"""Pixels: a few bytes can ask a phone for a gigabyte."""
PNG: Final = b"\x89PNG\r\n\x1a\n"
JPEG: Final = b"\xff\xd8\xff"
NO_FRAME: Final = frozenset({0xC4, 0xC8, 0xCC})
"""JPEG markers among those of frames that begin none (ITU-T T.81, table B.1)."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that may be shown."""

    raw: bytes
    mimetype: str
    digest: str
    """sha256 in small hexadecimal digits, as a manifest has it."""


def read(raw: bytes) -> Picture:
    """Return the picture that these bytes are.

    Raises `DocumentError` unless they are a JPEG or PNG file of at most 60 KiB and 2,048 pixels on each side.
    """
    if len(raw) > MAX_BYTES:
        raise DocumentError("the picture has more than 60 KiB", hint="make it smaller: it is shown on phones")
    if raw.startswith(PNG) and raw[12:16] == b"IHDR":
        mimetype, sides = "image/png", (int.from_bytes(raw[16:20]), int.from_bytes(raw[20:24]))
    elif raw.startswith(JPEG):
        mimetype, sides = "image/jpeg", _jpeg_sides(raw)
    else:
        raise DocumentError("the file is no picture that we show, expected JPEG or PNG")
    if not all(0 < side <= MAX_SIDE for side in sides):
        raise DocumentError(f"the picture has {sides[0]} x {sides[1]} pixels, expected 1 to {MAX_SIDE} on each side")
    return Picture(raw, mimetype, hashlib.sha256(raw).hexdigest())


def _jpeg_sides(raw: bytes) -> tuple[int, int]:
    """Return width and height from the header of the first frame; zeros if there is none."""
    at = 2
    while at + 9 <= len(raw) and raw[at] == JPEG[0]:
        marker = raw[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in NO_FRAME:  # noqa: PLR2004 -- markers of frames, as above
            return int.from_bytes(raw[at + 7 : at + 9]), int.from_bytes(raw[at + 5 : at + 7])
        at += 2 + int.from_bytes(raw[at + 2 : at + 4])
    return 0, 0

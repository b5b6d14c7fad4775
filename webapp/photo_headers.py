"""What a file says of itself before anything of it is decoded: JPEG, PNG or WebP, and how many pixels.

Reports bring photos that are stored as they came and opened by nobody here. The header is read by hand, a few bytes at a time:
no picture library sees the file, so that nothing in it can be expanded.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

MAX_PIXELS: Final = 60_000_000
"""As many as the largest cameras in phones give in one picture that is meant to be sent."""
_NO_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_NOT_FRAMES: Final = frozenset({0xC4, 0xC8, 0xCC})
"""Markers among those of frames that are none: tables, and one that is reserved."""


@dataclass(frozen=True, slots=True)
class Header:
    """A picture's form and size."""

    type: str
    width: int
    height: int

    @property
    def is_possible(self) -> bool:
        """Whether it has pixels, and not more than a photo has."""
        return 0 < self.width * self.height <= MAX_PIXELS


def read_header(data: bytes) -> Header | None:
    """Return what a file's header says; none if it is no picture of a form that we take, or damaged."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
            return Header("PNG", *struct.unpack(">II", data[16:24]))
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _webp(data)
    except (struct.error, IndexError):  # it ends where its header should go on
        pass
    return None


def _jpeg(data: bytes) -> Header | None:
    """Walk from segment to segment to the one that begins the picture."""
    at = 2
    while data[at] == 0xFF:  # noqa: PLR2004 -- what begins a marker
        marker = data[at + 1]
        if marker == 0xFF:  # noqa: PLR2004 -- a byte that fills up
            at += 1
        elif marker in _NO_LENGTH:
            at += 2
        elif 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES:  # noqa: PLR2004 -- the frames of ISO/IEC 10918
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return Header("JPEG", width, height)
        else:
            length = struct.unpack(">H", data[at + 2 : at + 4])[0]
            if marker == 0xDA or length < 2:  # noqa: PLR2004 -- a scan before any frame, or a length without itself
                return None
            at += 2 + length
    return None


def _webp(data: bytes) -> Header | None:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        return Header("WEBP", width, height) if len(data) >= 30 else None  # noqa: PLR2004 -- where its header ends
    if kind == b"VP8L" and data[20] == 0x2F:  # noqa: PLR2004 -- its signature
        bits = struct.unpack("<I", data[21:25])[0]
        return Header("WEBP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", data[26:30])
        return Header("WEBP", width & 0x3FFF, height & 0x3FFF)
    return None

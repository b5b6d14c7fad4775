"""Which kind of picture a file says it is, by its first bytes: nothing of it is decoded here."""

from __future__ import annotations

from typing import Final

HEIC: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
"""Brands of ISO/IEC 23008-12, as phones write them."""
EXTENSIONS: Final = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/heic": "heic"}


def type_of(data: bytes) -> str | None:
    """Return the media type that a file begins as; none if it is none of those that are taken."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp" and data[8:12] in HEIC:
        return "image/heic"
    return None

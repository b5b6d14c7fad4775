"""Text in QR codes: the modes in which its parts take least room, and its data codewords (ISO/IEC 18004, 7.4).

Many texts of one kind share a layout: which characters may stand at a place is known of all of them, so that a label's version
follows from its product and the form of its serial, not from the digits that it happens to have.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from registry.errors import LabelError
from registry.issuing import qr

if TYPE_CHECKING:
    from registry.issuing.qr import Bytes, Level

NUMERIC: Final = "N"
ALPHANUMERIC: Final = "A"
BYTE: Final = "B"
CHARACTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
"""What the alphanumeric mode writes, by value."""
DIGITS: Final = CHARACTERS[:10]
INDICATOR: Final = {NUMERIC: 1, ALPHANUMERIC: 2, BYTE: 4}
COUNT_BITS: Final = {NUMERIC: (10, 12, 14), ALPHANUMERIC: (9, 11, 13), BYTE: (8, 16, 16)}
"""Bits of a part's length, in versions up to 9, 26 and 40."""
LAST_VERSIONS: Final = (9, 26, 40)
INDICATOR_BITS: Final = 4
SIXTHS: Final = {NUMERIC: 20, ALPHANUMERIC: 33, BYTE: 48}
"""Sixths of a bit that a character takes."""
GROUPS: Final = {NUMERIC: ((3, 10), (2, 7), (1, 4)), ALPHANUMERIC: ((2, 11), (1, 6)), BYTE: ((1, 8),)}
"""Characters written together, and their bits; the first as often as it fits, then what fits the rest."""
PADDING: Final = (0xEC, 0x11)
VALUES: Final = np.zeros(128, np.int32)
VALUES[[ord(character) for character in CHARACTERS]] = np.arange(len(CHARACTERS))


@dataclass(frozen=True, slots=True)
class Layout:
    """How texts of one kind are written."""

    version: int
    level: Level
    parts: tuple[tuple[str, int], ...]
    """Mode and number of characters, in order."""

    @property
    def length(self) -> int:
        """Characters of a text."""
        return sum(length for _, length in self.parts)


def kind(text: str) -> str:
    """Return for each character the narrowest mode that writes it."""
    return "".join(NUMERIC if char in DIGITS else ALPHANUMERIC if char in CHARACTERS else BYTE for char in text)


def lay_out(kinds: str, level: Level) -> Layout:
    """Return the smallest layout for texts whose characters are of these kinds. Raises `LabelError` if no code holds them."""
    for scale, last in enumerate(LAST_VERSIONS):
        bits, parts = _cheapest(kinds, scale)
        for version in range(LAST_VERSIONS[scale - 1] + 1 if scale else 1, last + 1):
            if bits <= 8 * qr.capacity(version, level):
                return Layout(version, level, parts)
    raise LabelError(f"found a text of {len(kinds)} characters, expected one that a QR code of level {level} holds")


def parts_of(modes: str) -> tuple[tuple[str, int], ...]:
    """Return the parts of a text from the modes of its characters."""
    return tuple((mode, len(list(run))) for mode, run in groupby(modes))


def codewords(texts: Bytes, layout: Layout) -> Bytes:
    """Return the data codewords of texts in ASCII, one text a row: shape (n, length) gives (n, capacity)."""
    scale = _scale(layout.version)
    bits: list[Bytes] = []
    start = 0
    for mode, length in layout.parts:
        head = INDICATOR[mode] << COUNT_BITS[mode][scale] | length
        bits.append(_bits(np.full((len(texts), 1), head), INDICATOR_BITS + COUNT_BITS[mode][scale]))
        bits += _written(texts[:, start : start + length], mode)
        start += length
    room = qr.capacity(layout.version, layout.level)
    used = sum(part.shape[1] for part in bits)
    bits.append(np.zeros((len(texts), min(INDICATOR_BITS, 8 * room - used)), np.uint8))  # the terminator
    written = np.packbits(np.concatenate(bits, axis=1), axis=1)
    padding = np.resize(np.array(PADDING, np.uint8), room - written.shape[1])
    return np.concatenate((written, np.repeat(padding[np.newaxis], len(texts), axis=0)), axis=1)


def _scale(version: int) -> int:
    return next(scale for scale, last in enumerate(LAST_VERSIONS) if version <= last)


def _cheapest(kinds: str, scale: int) -> tuple[int, tuple[tuple[str, int], ...]]:
    """Return the fewest bits that write characters of these kinds, and the parts that do it.

    For each mode of the last character so far, only the cheapest way to get there is kept.
    """
    heads = {mode: 6 * (INDICATOR_BITS + COUNT_BITS[mode][scale]) for mode in SIXTHS}
    ways = {"": (0, "")}
    for kind_ in kinds:
        # a part ends on a whole bit
        ways = {
            mode: min((cost if last == mode else -(-cost // 6) * 6 + heads[mode], way) for last, (cost, way) in ways.items())
            for mode in "NAB"["NAB".index(kind_) :]
        }
        ways = {mode: (cost + SIXTHS[mode], way + mode) for mode, (cost, way) in ways.items()}
    cost, way = min(ways.values())
    return -(-cost // 6), parts_of(way)


def _written(texts: Bytes, mode: str) -> list[Bytes]:
    """Return the bits of one part."""
    if mode == BYTE:
        return [np.unpackbits(texts, axis=1)]
    values = np.take(VALUES, texts)
    base = 10 if mode == NUMERIC else len(CHARACTERS)
    parts = []
    for size, bits in GROUPS[mode]:
        whole = values.shape[1] // size
        groups = values[:, : whole * size].reshape(len(texts), whole, size)
        parts.append(_bits(groups @ (base ** np.arange(size, dtype=np.int32)[::-1]), bits))
        values = values[:, whole * size :]
    return parts


def _bits(values: npt.NDArray[Any], width: int) -> Bytes:
    """Return numbers as bits, highest first, those of a row behind one another."""
    each = np.unpackbits(values.astype(">u4")[:, :, np.newaxis].view(np.uint8), axis=2)
    return each[:, :, -width:].reshape(len(values), -1)

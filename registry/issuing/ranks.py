"""Sets of a batch's ranks, a bit for each unit: ten million units take 1.25 MB.

Bit `i` is bit `i % 8` of byte `i // 8`, so that 32 bytes read as a little-endian number are the contract's word of 256 units.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from registry.errors import StoreDamaged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

WORD_UNITS: Final = 256
WORD: Final = 32
AT_ONCE: Final = 2**15
"""Bytes of bits that are turned into ranks at once."""
SPARSE: Final = b"\1"
DENSE: Final = b"\0"
COUNT: Final = struct.Struct(">I")
STEP: Final = np.dtype("<u4")


class Ranks:
    """A set of ranks below `size`. It can be changed; whoever keeps one for others hands out copies."""

    __slots__ = ("bits", "size")

    def __init__(self, size: int, bits: NDArray[np.uint8] | None = None) -> None:
        self.size = size
        self.bits: NDArray[np.uint8] = np.zeros(-(-size // WORD_UNITS) * WORD, np.uint8) if bits is None else bits

    @classmethod
    def of(cls, size: int, ranks: Iterable[int] | NDArray[Any]) -> Ranks:
        """Return the set of these ranks."""
        found = cls(size)
        found.add(np.fromiter(ranks, np.int64) if not isinstance(ranks, np.ndarray) else ranks)
        return found

    @classmethod
    def between(cls, size: int, first: int, count: int) -> Ranks:
        """Return `count` ranks from `first` on."""
        flags = np.zeros(-(-size // WORD_UNITS) * WORD_UNITS, np.bool_)
        flags[first : min(first + count, size)] = True
        return cls(size, np.packbits(flags, bitorder="little"))

    @classmethod
    def of_words(cls, size: int, words: Iterable[tuple[int, int]]) -> Ranks:
        """Return the set that the contract's (word, mask) pairs name; a bit beyond the last unit means nothing."""
        found = cls(size)
        for word, mask in words:
            if 0 <= word < len(found.bits) // WORD:
                found.bits[word * WORD : (word + 1) * WORD] = np.frombuffer(mask.to_bytes(WORD, "little"), np.uint8)
        return found & cls.between(size, 0, size)

    def add(self, ranks: NDArray[Any]) -> None:
        """Put ranks in."""
        np.bitwise_or.at(self.bits, ranks >> 3, np.left_shift(1, ranks & 7).astype(np.uint8))

    def has(self, ranks: NDArray[Any]) -> NDArray[np.bool_]:
        """Say of each rank whether it is in."""
        found: NDArray[np.bool_] = (self.bits[ranks >> 3] >> (ranks & 7).astype(np.uint8) & 1).astype(np.bool_)
        return found

    def parts(self) -> Iterator[NDArray[np.int64]]:
        """Yield the ranks in ascending order, in parts."""
        for start in range(0, len(self.bits), AT_ONCE):
            found = np.flatnonzero(np.unpackbits(self.bits[start : start + AT_ONCE], bitorder="little"))
            if len(found):
                yield found + 8 * start

    def words(self) -> list[tuple[int, int]]:
        """Return the (word, mask) pairs of the contract's bitmap that are not empty."""
        rows = self.bits.reshape(-1, WORD)
        return [(int(word), int.from_bytes(rows[word].tobytes(), "little")) for word in np.flatnonzero(rows.any(axis=1))]

    def copy(self) -> Ranks:
        """Return a set of its own."""
        return Ranks(self.size, self.bits.copy())

    def __and__(self, other: Ranks) -> Ranks:
        return Ranks(self.size, self.bits & other.bits)

    def __or__(self, other: Ranks) -> Ranks:
        return Ranks(self.size, self.bits | other.bits)

    def __sub__(self, other: Ranks) -> Ranks:
        return Ranks(self.size, self.bits & ~other.bits)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranks) and self.size == other.size and bool((self.bits == other.bits).all())

    __hash__ = None  # type: ignore[assignment]  # it can be changed

    def __len__(self) -> int:
        return int(np.bitwise_count(self.bits).sum(dtype=np.int64))

    def __iter__(self) -> Iterator[int]:
        for part in self.parts():
            yield from part.tolist()

    def pack(self) -> bytes:
        """Return the set in the shorter of two forms: bits, or steps from rank to rank where there are few."""
        count = len(self)
        if WORD * count >= self.size:
            return DENSE + zlib.compress(self.bits.tobytes())
        ranks = np.concatenate([*self.parts(), np.zeros(0, np.int64)])
        steps = np.diff(ranks, prepend=0).astype(STEP)
        return SPARSE + COUNT.pack(count) + zlib.compress(steps.tobytes())

    @classmethod
    def unpack(cls, size: int, raw: bytes) -> Ranks:
        """Return the set that `pack` gave. Raises `StoreDamaged` for bytes that are none of this size."""
        found = cls(size)
        if raw[:1] == DENSE:
            bits = np.frombuffer(inflate(raw[1:], len(found.bits)), np.uint8)
            found = cls(size, bits.copy())
            if len(found - cls.between(size, 0, size)):
                raise StoreDamaged(f"a set of ranks reaches beyond {size} units")
            return found
        if raw[:1] != SPARSE or len(raw) < 1 + COUNT.size:
            raise StoreDamaged("a set of ranks has no known form")
        (count,) = COUNT.unpack_from(raw, 1)
        if WORD * count >= size:
            raise StoreDamaged(f"a set of few ranks names {count} of {size} units")
        steps = np.frombuffer(inflate(raw[1 + COUNT.size :], STEP.itemsize * count), STEP).astype(np.int64)
        ranks = steps.cumsum()
        if count and ((steps[1:] == 0).any() or ranks[-1] >= size):
            raise StoreDamaged(f"a set of ranks is not ascending below {size}")
        found.add(ranks)
        return found


def inflate(raw: bytes, size: int) -> bytes:
    """Return compressed bytes. Raises `StoreDamaged` unless they are exactly `size`: no more is ever unpacked."""
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(raw, size + 1)
    except zlib.error as error:
        raise StoreDamaged(f"compressed bytes do not unpack: {error}") from error
    if len(data) != size or not unpacker.eof or unpacker.unused_data:
        raise StoreDamaged(f"compressed bytes do not unpack to {size} bytes")
    return data

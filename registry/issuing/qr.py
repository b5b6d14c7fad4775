"""QR codes by the thousand (ISO/IEC 18004): for a fixed version, level and mask, a code is an affine function of its data.

Every step from data to modules is linear over GF(2), or adds a constant: error correction is linear in the data, blocks are
interleaved and placed by a fixed permutation, mask and function patterns are constants. So two codes differ by the exclusive
or of one table row for each data codeword in which they differ: `Encoder.draw` draws one code the plain way, and
`Encoder.encode` all others from it (docs/decisions/0010-batch-encoder.md).

A code is kept as its rows, top to bottom, each padded with zeros to whole bytes, the leftmost module first, dark is 1: as PDF,
ZPL and PNG want it.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Level = Literal["L", "M", "Q", "H"]

VERSIONS: Final = range(1, 41)
LEVELS: Final[dict[Level, int]] = {"L": 1, "M": 0, "Q": 3, "H": 2}
"""Error correction levels, and how the format information writes them."""
MASKS: Final = range(8)
CORRECTION: Final[dict[Level, tuple[int, ...]]] = {
    "L": (7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28, 28, 28, 30, 30, 26, 28, *[30] * 14),
    "M": (10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, *[28] * 19),
    "Q": (13, 22, 18, 26, 18, 24, 18, 22, 20, 24, 28, 26, 24, 20, 30, 24, 28, 28, 26, 30, 28, 30, 30, 30, 30, 28, *[30] * 14),
    "H": (17, 28, 22, 16, 22, 28, 26, 26, 24, 28, 24, 28, 22, 24, 24, 30, 28, 28, 26, 28, 30, 24, *[30] * 18),
}
"""Error correction codewords of a block, by version (table 9)."""
# fmt: off
BLOCKS: Final[dict[Level, tuple[int, ...]]] = {
    "L": (1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8,
          8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 24, 25),
    "M": (1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16,
          17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49),
    "Q": (1, 1, 2, 2, 4, 4, 6, 6, 8, 8, 8, 10, 12, 16, 12, 17, 16, 18, 21, 20,
          23, 23, 25, 27, 29, 34, 34, 35, 38, 40, 43, 45, 48, 51, 53, 56, 59, 62, 65, 68),
    "H": (1, 1, 2, 4, 4, 4, 5, 6, 8, 8, 11, 11, 16, 16, 18, 16, 19, 21, 25, 25,
          25, 34, 30, 32, 35, 37, 40, 42, 45, 48, 51, 54, 57, 60, 63, 66, 70, 74, 77, 81),
}
"""Blocks of a code, by version (table 9)."""
# fmt: on
FIELD: Final = 0x11D
"""The polynomial of the Galois field: x^8 + x^4 + x^3 + x^2 + 1."""
FORMAT: Final = (0x537, 10, 0x5412)
"""Generator of the format information, its degree, and what is added so that it is never all light."""
VERSION: Final = (0x1F25, 12)
FIRST_WITH_VERSION: Final = 7
"""From this version on a code states its version."""
PLACES_AT_ONCE: Final = 32
"""Tables built at once."""
WORD: Final = 8


def size_of(version: int) -> int:
    """Return the modules on a side."""
    return 17 + 4 * version


def row_bytes(size: int) -> int:
    """Return the bytes of a row of modules."""
    return (size + 7) // 8


def capacity(version: int, level: Level) -> int:
    """Return the number of data codewords."""
    index = version - 1
    return _codewords(version) - CORRECTION[level][index] * BLOCKS[level][index]


class Encoder:
    """Draws codes of one version, level and mask. Its tables are built as they are needed; one process needs one of a kind."""

    def __init__(self, version: int, level: Level, mask: int) -> None:
        self.version = version
        self.size = size_of(version)
        self.capacity = capacity(version, level)
        self._blocks = _Blocks(self.capacity, CORRECTION[level][version - 1], BLOCKS[level][version - 1])
        function, modules = _function_patterns(version, level, mask)
        order = _zigzag(function)
        modules.reshape(-1)[order] = _mask(mask, self.size).reshape(-1)[order]
        self._order = order[: 8 * _codewords(version)]  # what is left over stays as the mask has it
        self._modules = modules.reshape(-1)
        self._row = row_bytes(self.size)
        self._tables: dict[int, npt.NDArray[np.uint64]] = {}
        self._first: tuple[Bytes, npt.NDArray[np.uint64]] | None = None

    def draw(self, data: Bytes) -> Bytes:
        """Return the codes of data codewords, one code a row, the plain way; shape (n, capacity) gives (n, size, row bytes)."""
        modules = np.repeat(self._modules[np.newaxis], len(data), axis=0)
        modules[:, self._order] ^= np.unpackbits(self._blocks.interleaved(data), axis=1)
        return np.packbits(modules.reshape(len(data), self.size, self.size), axis=2)

    def encode(self, data: Bytes) -> Bytes:
        """Return the same as `draw` for one row or more, much faster where many rows differ in few codewords."""
        if self._first is None:
            self._first = data[0].copy(), self._padded(self.draw(data[:1]))
        first, code = self._first
        differences = np.ascontiguousarray((data ^ first).T)
        places = np.flatnonzero(differences.any(axis=1)).tolist()
        self._build([place for place in places if place not in self._tables])
        codes = np.repeat(code, len(data), axis=0)
        row = np.empty_like(codes)
        for place in places:
            # an index of one byte is always within 256 rows: "wrap" saves numpy the check
            np.take(self._tables[place], differences[place], axis=0, out=row, mode="wrap")
            np.bitwise_xor(codes, row, out=codes)
        return codes.view(np.uint8)[:, : self.size * self._row].reshape(len(data), self.size, self._row)

    def _build(self, places: list[int]) -> None:
        """Find by how much a code changes when a data codeword does: 256 rows, by the exclusive or of old and new value."""
        for start in range(0, len(places), PLACES_AT_ONCE):
            some = places[start : start + PLACES_AT_ONCE]
            bits = np.zeros((len(some), 8, self.capacity), np.uint8)
            for number, place in enumerate(some):
                bits[number, :, place] = 1 << np.arange(8)
            drawn = self._padded(self.draw(bits.reshape(-1, self.capacity)))
            drawn ^= self._padded(self.draw(np.zeros((1, self.capacity), np.uint8)))
            for place, changes in zip(some, drawn.reshape(len(some), 8, -1), strict=True):
                table = np.zeros((256, changes.shape[1]), np.uint64)
                for bit in range(8):
                    table[1 << bit : 2 << bit] = table[: 1 << bit] ^ changes[bit]
                self._tables[place] = table

    def _padded(self, codes: Bytes) -> npt.NDArray[np.uint64]:
        """Return codes as rows of whole machine words."""
        flat = codes.reshape(len(codes), -1)
        return np.pad(flat, ((0, 0), (0, -flat.shape[1] % WORD))).view(np.uint64)


class _Blocks:
    """Error correction: data codewords in, all codewords in the order of their placement out."""

    def __init__(self, data: int, correction: int, blocks: int) -> None:
        short, longer = divmod(data, blocks)
        lengths = [short + (block >= blocks - longer) for block in range(blocks)]
        ends = np.cumsum(lengths)
        longest = lengths[-1]
        # Where each block's codewords are, counted from 1; short blocks begin with place 0, a zero, which changes no remainder.
        self._places = np.array(
            [
                [0] * (longest - length) + list(range(end - length + 1, end + 1))
                for length, end in zip(lengths, ends, strict=True)
            ]
        )
        self._correction = correction
        firsts = [range(end - length, end) for length, end in zip(lengths, ends, strict=True)]
        self._order = [block[place] for place in range(longest) for block in firsts if place < len(block)]
        # By the leading codeword of what is divided: what is added so that it vanishes.
        self._steps = _products(np.arange(256)[:, np.newaxis], _generator(correction))

    def interleaved(self, data: Bytes) -> Bytes:
        """Return data and error correction codewords, block by block in turn."""
        blocks = np.pad(data, ((0, 0), (1, 0)))[:, self._places]
        remainder = np.zeros((*blocks.shape[:2], self._correction + 1), np.uint8)
        for place in range(blocks.shape[2]):
            leading = blocks[:, :, place] ^ remainder[:, :, 0]
            remainder[:, :, :-1] = remainder[:, :, 1:]
            remainder[:, :, :-1] ^= self._steps[leading]
        correction = remainder[:, :, :-1].transpose(0, 2, 1).reshape(len(data), -1)
        return np.concatenate((data[:, self._order], correction), axis=1)


# ---------------------------------------------------------------------------------------------------------- Galois field


def _powers() -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the powers of 2 in the field, twice over, and the logarithms."""
    powers, logarithms = [1], np.zeros(256, int)
    for exponent in range(1, 255):
        doubled = powers[-1] << 1
        powers.append(doubled ^ FIELD if doubled > 0xFF else doubled)  # one byte
        logarithms[powers[-1]] = exponent
    return np.array(powers * 2), logarithms


def _products(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> Bytes:
    """Return the products in the field."""
    powers, logarithms = _powers()
    return np.where((left == 0) | (right == 0), 0, powers[logarithms[left] + logarithms[right]]).astype(np.uint8)


def _generator(degree: int) -> Bytes:
    """Return (x - 1)(x - 2)(x - 4) … of a degree, highest power first, without the leading 1."""
    powers, _ = _powers()
    polynomial = np.array([1], np.uint8)
    for root in powers[:degree]:
        polynomial = np.append(polynomial, np.uint8(0)) ^ np.insert(_products(polynomial, root), 0, 0)
    return polynomial[1:]


# -------------------------------------------------------------------------------------------------------------- modules


def _codewords(version: int) -> int:
    """Return the number of all codewords: the modules that no function pattern takes, by eights."""
    modules = size_of(version) ** 2 - 3 * 64 - 31 - 2 * (size_of(version) - 16)
    if version > 1:
        lines = version // 7 + 2
        modules -= 25 * (lines * lines - 3) - 10 * (lines - 2)
    return (modules - (36 if version >= FIRST_WITH_VERSION else 0)) // 8


def _function_patterns(version: int, level: Level, mask: int) -> tuple[npt.NDArray[np.bool_], Bytes]:
    """Return which modules hold no data, and what they are; the others are light."""
    size = size_of(version)
    function, modules = np.zeros((size, size), bool), np.zeros((size, size), np.uint8)
    function[6], function[:, 6] = True, True
    modules[6, ::2], modules[::2, 6] = 1, 1
    for row, column in _alignment(version):
        function[row - 2 : row + 3, column - 2 : column + 3] = True
        modules[row - 2 : row + 3, column - 2 : column + 3] = _rings(5)
    for top, left in ((0, 0), (0, size - 7), (size - 7, 0)):
        around = slice(max(top - 1, 0), top + 8), slice(max(left - 1, 0), left + 8)
        function[around], modules[around] = True, 0
        modules[top : top + 7, left : left + 7] = _rings(7)
    ahead = [0, 1, 2, 3, 4, 5, 7, 8]
    behind = list(range(size - 8, size))
    generator, degree, added = FORMAT
    bits = _bits(_with_remainder(LEVELS[level] << 3 | mask, generator, degree) ^ added, 15)
    for rows, columns in (
        ([8] * 15, ahead[:7] + behind),
        (behind[:0:-1] + ahead[::-1], [8] * 15),
    ):
        function[rows, columns], modules[rows, columns] = True, bits
    function[size - 8, 8], modules[size - 8, 8] = True, 1
    if version >= FIRST_WITH_VERSION:
        bits = _bits(_with_remainder(version, *VERSION), 18)[::-1].reshape(6, 3)
        function[:6, size - 11 : size - 8], modules[:6, size - 11 : size - 8] = True, bits
        function[size - 11 : size - 8, :6], modules[size - 11 : size - 8, :6] = True, bits.T
    return function, modules


def _rings(size: int) -> Bytes:
    """Return a square of dark and light rings: the finder pattern of 7 modules, the alignment pattern of 5."""
    distance = np.abs(np.arange(size) - size // 2)
    rings = np.maximum(distance, distance[:, np.newaxis])
    return np.where(rings == size // 2 - 1, 0, 1).astype(np.uint8)


def _alignment(version: int) -> list[tuple[int, int]]:
    """Return the middles of the alignment patterns (annex E)."""
    if version == 1:
        return []
    gaps = version // 7 + 1
    step = (version * 8 + gaps * 3 + 8) // (gaps * 4) * 2
    first, last = 6, size_of(version) - 7
    places = [first, *(last - step * gap for gap in reversed(range(gaps)))]
    finders = {(first, first), (first, last), (last, first)}
    return [(row, column) for row in places for column in places if (row, column) not in finders]


def _zigzag(function: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """Return the modules that hold data, in the order of the bits: two columns at a time, up and down, from the right."""
    size = len(function)
    modules = np.arange(size * size).reshape(size, size)
    columns = [column for column in reversed(range(size)) if column != 6]  # the timing pattern's
    order = []
    for pair in range(0, size - 1, 2):
        here = modules[:, columns[pair : pair + 2]]
        order.append(here.reshape(-1) if pair // 2 % 2 else here[::-1].reshape(-1))
    placed = np.concatenate(order)
    return placed[~function.reshape(-1)[placed]]


def _mask(mask: int, size: int) -> Bytes:
    """Return a mask: 1 where a module is turned over (table 10)."""
    i, j = np.indices((size, size))
    rests: tuple[npt.NDArray[Any], ...] = (
        (i + j) % 2,
        i % 2,
        j % 3,
        (i + j) % 3,
        (i // 2 + j // 3) % 2,
        i * j % 2 + i * j % 3,
        (i * j % 2 + i * j % 3) % 2,
        ((i + j) % 2 + i * j % 3) % 2,
    )
    return np.where(rests[mask] == 0, 1, 0).astype(np.uint8)


def _with_remainder(value: int, generator: int, degree: int) -> int:
    """Return a value with its check bits behind it (annexes C and D)."""
    remainder = value
    for _ in range(degree):
        remainder = remainder << 1 ^ (remainder >> degree - 1) * generator
    return value << degree | remainder


def _bits(value: int, count: int) -> Bytes:
    """Return the bits of a number, highest first."""
    return np.array([value >> place & 1 for place in reversed(range(count))], np.uint8)

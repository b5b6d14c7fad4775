"""Reads QR codes back by the thousand, strictly, from the modules that will be printed.

A scanner forgives; this reader does not. Every module of every code must be right: function patterns where the standard has
them, format and version information valid, no error for Reed-Solomon to correct, padding as prescribed, nothing beside the
code. It shares with the encoder the standard's table of blocks, and no line of code: patterns are found by coordinates, the
data's way is walked step by step, syndromes are taken instead of remainders, and bits become text
(docs/decisions/0011-what-is-read-back.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from registry.errors import LabelError
from registry.issuing.qr import BLOCKS, CORRECTION

if TYPE_CHECKING:
    import numpy.typing as npt

    from registry.issuing.qr import Bytes, Level

LEVELS: Final[tuple[Level, ...]] = ("M", "L", "H", "Q")
"""By the two bits that name them."""
FORMAT: Final = 0b10100110111
FORMAT_MASK: Final = 0b101010000010010
VERSION: Final = 0b1111100100101
FIRST_WITH_VERSION: Final = 7
ALPHANUMERIC: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
MODES: Final = {1: (10, 12, 14), 2: (9, 11, 13), 4: (8, 16, 16)}
"""Bits of the count behind each mode, in versions up to 9, 26 and 40."""
WIDTHS: Final = {1: (0, 4, 7, 10), 2: (0, 6, 11), 4: (0, 8)}
"""Bits of so many characters written together, by mode."""
BYTE: Final = 4
END: Final = 0
TIMING: Final = 6
"""Row and column of the timing patterns."""
UNEVEN: Final = 32
"""The version whose alignment patterns are not spaced as those of all others."""


class Reader:
    """Reads codes of one size."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._version = (size - 17) // 4
        known, dark, informed = _patterns(size)
        way = _way(known | informed)
        # beside the last module of a row, too, nothing may be
        self._known = np.packbits(np.pad(known, ((0, 0), (0, -size % 8)), constant_values=True), axis=1)
        self._dark, self._informed = np.packbits(dark, axis=1), np.packbits(informed, axis=1)
        self._way = way + way // size * (-size % 8)
        self._masks: dict[int, Bytes] = {}
        self._blocks: dict[Level, _Blocks] = {}

    def read(self, codes: Bytes) -> list[bytes]:
        """Return the texts of codes of one level and mask; shape (n, size, row bytes), 1 is dark.

        Raises `LabelError` that names the place of a code and what is wrong with it.
        """
        _demand((codes & self._known == self._dark).all(axis=(1, 2)), "lacks a function pattern")
        informed = codes & self._informed
        _demand((informed == informed[0]).all(axis=(1, 2)), "states another level, mask or version than the first")
        level, mask = self._level_and_mask(np.unpackbits(codes[0], axis=1))
        if mask not in self._masks:
            self._masks[mask] = _turned(mask, self.size)
        bits = np.unpackbits((codes ^ self._masks[mask]).reshape(len(codes), -1), axis=1)
        placed = np.take(bits, self._way, axis=1)
        words, left_over = np.packbits(placed, axis=1), len(self._way) % 8
        if left_over:
            _demand(words[:, -1] == 0, "has data behind its last codeword")
            words = words[:, :-1]
        if level not in self._blocks:
            self._blocks[level] = _Blocks(words.shape[1], self._version, level)
        return self._texts(self._blocks[level].data(words))

    def _level_and_mask(self, modules: Bytes) -> tuple[Level, int]:
        """Read what a code states of itself."""
        last = self.size - 1
        around = [(8, column) for column in (0, 1, 2, 3, 4, 5, 7, 8)] + [(row, 8) for row in (7, 5, 4, 3, 2, 1, 0)]
        beside = [(last - step, 8) for step in range(7)] + [(8, last - 7 + step) for step in range(8)]
        found = {_number(modules, path) ^ FORMAT_MASK for path in (around, beside)}
        value = found.pop()
        if found or _remainder(value, FORMAT):
            raise LabelError("code 0 has no valid format information")
        if self._version >= FIRST_WITH_VERSION:
            right = [(5 - step // 3, last - 8 - step % 3) for step in range(18)]
            stated = {_number(modules, path) for path in (right, [(column, row) for row, column in right])}
            version = stated.pop()
            if stated or _remainder(version, VERSION) or version >> 12 != self._version:
                raise LabelError(f"code 0 does not state version {self._version}")
        return LEVELS[value >> 13], value >> 10 & 7

    def _texts(self, data: Bytes) -> list[bytes]:
        """Read the parts of texts that are all written alike."""
        bits = np.unpackbits(data, axis=1)
        scale = 0 if self._version <= 9 else 1 if self._version <= 26 else 2  # table 3
        place, parts = 0, []
        while bits.shape[1] - place >= 4 and (mode := _head(bits[:, place : place + 4])) != END:
            if mode not in MODES:
                raise LabelError(f"code 0 has a part in mode {mode}, expected 1, 2 or 4")
            counted = place + 4 + MODES[mode][scale]
            count = _head(bits[:, place + 4 : counted])
            text, place = _part(bits, counted, mode, count)
            parts.append(text)
        rest = bits[:, place:]
        end = min(-(-(place + 4) // 8) * 8, bits.shape[1]) - place
        _demand(~rest[:, :end].any(axis=1), "has no end behind its text")
        padding = np.resize(np.array([236, 17], np.uint8), (bits.shape[1] - place - end) // 8)
        _demand((np.packbits(rest[:, end:], axis=1) == padding).all(axis=1), "is not padded as prescribed")
        if not parts:
            raise LabelError("code 0 holds no text")
        joined, length = np.concatenate(parts, axis=1).tobytes(), sum(part.shape[1] for part in parts)
        return [joined[start : start + length] for start in range(0, len(joined), length)]


class _Blocks:
    """Error correction of one version and level."""

    def __init__(self, total: int, version: int, level: Level) -> None:
        blocks, correction = BLOCKS[level][version - 1], CORRECTION[level][version - 1]
        whole = [total // blocks + (block >= blocks - total % blocks) - correction for block in range(blocks)]
        self._places: list[list[int]] = [[] for _ in range(blocks)]
        following = iter(range(total))
        for turn in range(max(whole)):
            for block in range(blocks):
                if turn < whole[block]:
                    self._places[block].append(next(following))
        for _ in range(correction):
            for block in range(blocks):
                self._places[block].append(next(following))
        self._whole = [place for own, length in zip(self._places, whole, strict=True) for place in own[:length]]
        self._syndromes = _syndromes(max(map(len, self._places)), correction)

    def data(self, words: Bytes) -> Bytes:
        """Return the data codewords of codes whose every codeword is right."""
        columns = np.ascontiguousarray(words.T)
        for own in self._places:
            sums = np.zeros((len(words), self._syndromes[0].shape[1]), np.uint64)
            for place, table in zip(own[::-1], self._syndromes, strict=False):
                sums ^= np.take(table, columns[place], axis=0)
            _demand(~sums.any(axis=1), "has a codeword that its error correction disowns")
        return np.take(words, self._whole, axis=1)


def _syndromes(length: int, correction: int) -> list[npt.NDArray[np.uint64]]:
    """Return by place from a block's end and by value what a codeword adds to the syndromes."""
    powers = [1]
    while len(powers) < 255:  # the order of the field's group
        powers.append(_remainder(powers[-1] * 2, 0b100011101))
    logarithms = np.argsort(np.array([0, *powers]))  # place 0 is not used: zero has no logarithm
    tables = []
    for place in range(length):
        exponents = logarithms[1:, np.newaxis] - 1 + place * np.arange(correction)
        table = np.zeros((256, -(-correction // 8) * 8), np.uint8)
        table[1:, :correction] = np.array(powers)[exponents % 255]
        tables.append(table.view(np.uint64))
    return tables


def _demand(right: Any, fault: str) -> None:
    """Raise `LabelError` with the first code that is not right."""
    if not right.all():
        raise LabelError(f"code {int(np.argmin(right))} {fault}")


def _patterns(size: int) -> tuple[npt.NDArray[np.bool_], Bytes, npt.NDArray[np.bool_]]:
    """Return which modules are known, whether they are dark, and which hold format or version information."""
    version = (size - 17) // 4
    row, column = np.indices((size, size))
    known = (row == TIMING) | (column == TIMING)
    dark = known & ((row + column) % 2 == 0)
    last = size - 7
    if version > 1:
        count = version // 7 + 2
        gap = 2 * -(-(last - TIMING) // (2 * (count - 1))) if version != UNEVEN else 26
        middles = [TIMING, *(last - gap * step for step in range(count - 1))]
        for at_row in middles:
            for at_column in middles:
                if sorted((at_row, at_column)) not in ([TIMING, TIMING], [TIMING, last]):
                    ring = np.maximum(abs(row - at_row), abs(column - at_column))
                    known |= ring < 3
                    dark = np.where(ring < 3, ring != 1, dark)
    for at_row, at_column in ((3, 3), (3, size - 4), (size - 4, 3)):
        ring = np.maximum(abs(row - at_row), abs(column - at_column))
        known |= ring < 5
        dark = np.where(ring < 5, (ring != 2) & (ring != 4), dark)
    across, down = ((place < 9) | (place >= size - 8) for place in (column, row))
    informed = (row == 8) & across | (column == 8) & down
    if version >= FIRST_WITH_VERSION:
        across, down = ((place >= size - 11) & (place < size - 8) for place in (column, row))
        informed |= (row < 6) & across | (column < 6) & down
    known[size - 8, 8] = dark[size - 8, 8] = True
    return known, dark.astype(np.uint8), informed & ~known


def _way(taken: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """Return the modules that hold data as one walks them: up and down in double columns, from the right."""
    size = len(taken)
    walked = []
    column, upwards = size - 1, True
    while column > 0:
        column -= column == TIMING
        for row in reversed(range(size)) if upwards else range(size):
            walked += [row * size + here for here in (column, column - 1) if not taken[row, here]]
        column, upwards = column - 2, not upwards
    return np.array(walked)


def _turned(mask: int, size: int) -> Bytes:
    """Return a mask: 1 for each module that it turns over, in rows of whole bytes."""
    row, column = np.indices((size, size))
    product = row * column
    if mask < 4:
        rest = (row + column, row, column, row + column)[mask] % (2, 2, 3, 3)[mask]
    else:
        rest = (row // 2 + column // 3, product % 6, product % 2 + product % 3, row + column + product % 3)[mask - 4]
        rest = rest if mask == 5 else rest % 2  # both remainders vanish when that by 6 does
    return np.packbits(rest == 0, axis=1)


def _number(modules: Bytes, path: list[tuple[int, int]]) -> int:
    """Return the number whose bits lie along a path, highest first."""
    return int("".join(str(modules[place]) for place in path), 2)


def _remainder(value: int, divisor: int) -> int:
    """Divide polynomials over GF(2)."""
    while (excess := value.bit_length() - divisor.bit_length()) >= 0:
        value ^= divisor << excess
    return value


def _head(bits: Bytes) -> int:
    """Return the number in these bits, which is the same in all texts."""
    _demand((bits == bits[0]).all(axis=1), "is written in other parts than the first")
    return int("".join(map(str, bits[0])), 2)


def _part(bits: Bytes, place: int, mode: int, count: int) -> tuple[Bytes, int]:
    """Read a part of so many characters from a place on; returns its texts and where it ends."""
    widths = WIDTHS[mode]
    size = len(widths) - 1
    middle = place + count // size * widths[size]
    end = middle + widths[count % size]
    if end > bits.shape[1]:
        raise LabelError("code 0 ends before its text does")
    if mode == BYTE:
        return np.packbits(bits[:, place:end], axis=1), end
    whole = bits[:, place:middle].reshape(len(bits), -1, widths[size])
    texts = [_characters(whole, size)]
    if count % size:
        texts.append(_characters(bits[:, np.newaxis, middle:end], count % size))
    return np.concatenate(texts, axis=1), end


def _characters(groups: Bytes, size: int) -> Bytes:
    """Read groups of so many characters; those of a text behind one another."""
    base = len(ALPHANUMERIC) if groups.shape[2] in WIDTHS[2] else 10
    values = groups @ (1 << np.arange(groups.shape[2])[::-1]).astype(np.uint16)
    digits = values[:, :, np.newaxis] // base ** np.arange(size)[::-1].astype(np.uint16) % base
    texts: Bytes = np.frombuffer(ALPHANUMERIC, np.uint8)[digits].reshape(len(groups), -1)
    return texts

"""Serials that a file brings, and that somebody could guess: who can guess one can print it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress, count
from operator import eq
from typing import TYPE_CHECKING, Final

from registry.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RANDOM_LENGTH: Final = 16
"""Characters of base 32 that hold 80 random bits: a shorter serial cannot."""
SEQUENTIAL_SHARE: Final = 0.5
"""From this share on of serials that follow the one before, the serials of a product count as sequential."""
STEP: Final = 10
"""A serial whose number differs by at most this much from the one before follows it."""
DIGITS: Final = "0123456789"
EXPECTED: Final = "serials that nobody can guess: leave them empty and they are generated"


@dataclass(slots=True)
class _Brought:
    """What was noticed about the serials of one product."""

    first_line: int
    count: int = 0
    short: int = 0
    following: int = 0
    before: str = ""
    compact: bool = False


class Guessable:
    """Notices, product by product, whether the serials of a file are short or follow each other."""

    def __init__(self) -> None:
        self._brought: dict[str, _Brought] = {}

    def note(self, gtin: str, first_line: int, serials: Sequence[str], *, compact: bool) -> None:
        """Note serials of one product in the order of their lines; `compact` says whether one of them is on such a carrier."""
        brought = self._brought.setdefault(gtin, _Brought(first_line))
        brought.count += len(serials)
        brought.compact |= compact
        brought.short += sum(map(RANDOM_LENGTH.__gt__, map(len, serials)))
        run = [brought.before, *serials]
        prefixes = [serial.rstrip(DIGITS) for serial in run]
        # Of random serials hardly any two neighbours have the same letters before their last digits.
        alike = compress(count(), map(eq, prefixes, prefixes[1:]))
        brought.following += sum(_follows(run[place], run[place + 1], len(prefixes[place])) for place in alike)
        brought.before = run[-1]

    def problems(self) -> Iterator[tuple[Problem, bool]]:
        """Yield what is to be said of each product, and whether it is a fault rather than a warning."""
        for gtin, brought in self._brought.items():
            if brought.following and brought.following >= SEQUENTIAL_SHARE * brought.count:
                found = f"{brought.following} of {brought.count} serials of {gtin} follow the one before"
                reason = "; a compact carrier has no signature that would tell" if brought.compact else ""
                yield Problem(brought.first_line, "serial", found, EXPECTED + reason), brought.compact
            elif brought.short:
                found = f"{brought.short} of {brought.count} serials of {gtin} shorter than {RANDOM_LENGTH} characters"
                yield Problem(brought.first_line, "serial", found, EXPECTED), False


def _follows(before: str, serial: str, prefix: int) -> bool:
    """Say whether a serial is the one before with a slightly other number after their common prefix."""
    one, other = before[prefix:], serial[prefix:]
    return one != "" != other and 0 < abs(int(other) - int(one)) <= STEP

"""Finds serials of one file that are the same, or read the same when typed, without holding them.

Each unit is a number of 64 bits made of its GTIN and its serial as it reads after repair. Units whose numbers are equal are
then looked at exactly: two that only share a number are no repetition.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from registry.units.serials import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class SpooledSerial:
    """What must be known of a unit to compare it."""

    place: int
    """In the spool."""
    line: int
    gtin: str
    serial: str
    generated: bool


@dataclass(frozen=True, slots=True)
class Repeat:
    """A unit that is there already."""

    unit: SpooledSerial
    before: SpooledSerial
    """The first one in the file, or one that the file brought where the other was generated."""


def numbers(gtins: Iterable[str], folded: Iterable[str], count: int) -> Numbers:
    """Return one number for each unit; equal units have equal numbers."""
    return np.fromiter(map(hash, zip(gtins, folded, strict=True)), np.int64, count)


def shared(all_numbers: Numbers) -> Numbers:
    """Return the places of all units whose number another one has, those with the same number side by side."""
    ordered = np.sort(all_numbers)
    doubtful = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    del ordered
    places = np.flatnonzero(np.isin(all_numbers, doubtful)) if len(doubtful) else np.empty(0, np.int64)
    return places[np.argsort(all_numbers[places], kind="stable")]


def among(all_numbers: Numbers, places: Numbers, look_up: Callable[[list[int]], Iterable[SpooledSerial]]) -> Iterator[Repeat]:
    """Yield every unit that repeats another, in no particular order; `look_up` reads the units of the places."""
    suspects = zip(all_numbers[places].tolist(), look_up(places.tolist()), strict=True)
    for _, group in groupby(suspects, key=itemgetter(0)):
        seen: dict[tuple[str, str], SpooledSerial] = {}
        # What the file brought comes first: a generated serial gives way.
        for unit in sorted((unit for _, unit in group), key=lambda unit: (unit.generated, unit.place)):
            before = seen.setdefault((unit.gtin, fold(unit.serial)), unit)
            if before is not unit:
                yield Repeat(unit, before)

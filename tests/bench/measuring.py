"""How everything here is measured, and the one table that it is printed in.

Machines are shared and noisy, so no time stands alone: our part and its peer run in turn, several rounds, and the ratio of
their medians counts. Where both sides are computations of one process, what counts is CPU time, which a busy neighbour hardly
changes; where both use several processes, the wall's.
"""

from __future__ import annotations

import enum
import gc
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

ROUNDS: Final = 5
MICRO: Final = 1e6


class NothingToMeasure(Exception):
    """What was to be compared did not do the same, or the right, thing."""


class Kind(enum.StrEnum):
    """What a limit is about."""

    COST = "cost"
    """Ours to theirs: at most."""
    SPEED = "speed"
    """Theirs to ours: at least."""
    MICROSECONDS = "µs"
    """Ours alone: at most."""
    PER_SECOND = "a second"
    """Ours alone: at least."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a row has to reach."""

    kind: Kind
    value: float

    def __str__(self) -> str:
        value = _short(self.value)
        return {
            Kind.COST: f"cost ≤ {value}",
            Kind.SPEED: f"speed ≥ {value}",
            Kind.MICROSECONDS: f"≤ {value} µs",
            Kind.PER_SECOND: f"≥ {value} a second",
        }[self.kind]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: seconds for one item, ours and theirs."""

    ours_is: str
    theirs_is: str
    ours: float
    theirs: float
    limit: Limit | None = None

    @property
    def cost(self) -> float:
        """Ours to theirs."""
        return self.ours / self.theirs

    @property
    def met(self) -> bool | None:
        """Whether the limit is kept; none without a limit."""
        if self.limit is None:
            return None
        return {
            Kind.COST: self.cost <= self.limit.value,
            Kind.SPEED: 1 / self.cost >= self.limit.value,
            Kind.MICROSECONDS: self.ours * MICRO <= self.limit.value,
            Kind.PER_SECOND: 1 / self.ours >= self.limit.value,
        }[self.limit.kind]


def paired(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    rounds: int = ROUNDS,
    clock: Callable[[], float] = time.process_time,
) -> tuple[float, float]:
    """Return the median seconds of both sides, taken in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    gc.collect()
    for _ in range(rounds):
        for side, run in zip(times, (ours, theirs), strict=True):
            began = clock()
            run()
            side.append(clock() - began)
    return statistics.median(times[0]), statistics.median(times[1])


def once(run: Callable[[], object], *, clock: Callable[[], float] = time.process_time) -> float:
    """Return the seconds of one run."""
    began = clock()
    run()
    return clock() - began


def per_item(sides: tuple[float, float], ours: int, theirs: int | None = None) -> tuple[float, float]:
    """Return seconds for one item, where the sides may have done different numbers of them."""
    return sides[0] / ours, sides[1] / (ours if theirs is None else theirs)


def markdown(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table: texts to the left, numbers to the right."""
    told = [[cell if isinstance(cell, str) else _short(cell) for cell in row] for row in rows]
    numbers = [bool(told) and all(_is_number(row[column]) for row in told) for column in range(len(head))]
    rule = ["---:" if right else "---" for right in numbers]
    return "\n".join(f"| {' | '.join(line)} |" for line in (list(head), rule, *told))


def rows_as_markdown(rows: Iterable[Row]) -> str:
    """Return the table of ratios."""
    met = {True: "yes", False: "**no**", None: ""}
    return markdown(
        ("ours", "against", "ours, µs", "theirs, µs", "cost", "speed", "limit", "kept"),
        [
            (
                row.ours_is,
                row.theirs_is,
                row.ours * MICRO,
                row.theirs * MICRO,
                row.cost,
                1 / row.cost,
                str(row.limit or ""),
                met[row.met],
            )
            for row in rows
        ],
    )


def _short(number: object) -> str:
    """Return a number with three digits that mean something."""
    if not isinstance(number, float):
        return f"{number:,}" if isinstance(number, int) else str(number)
    if number == 0:
        return "0"
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}"


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "", 1).isdecimal()

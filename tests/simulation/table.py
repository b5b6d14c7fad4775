"""The one table: how often honest stories look unusual, and how soon copies do."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from tests.simulation.parameters import HELD_OUT, TUNED
from tests.simulation.runs import HONEST, bought_once, by_country, copied, copied_in_one_region, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from registry.checking.history import Sighting
    from tests.simulation.people import World
    from tests.simulation.runs import Outcome

RATES: Final = (0.01, 0.03, 0.1)
COPIES: Final = (1, 5, 20, 100, 500)
LONG: Final = 200
"""Scans after which copies are looked at once more, for those that sell so fast that they look like a picture at first."""
MOST_HONEST: Final = 2 / 1000
LEAST_FOUND: Final = {20: 0.70, 100: 0.95}


@dataclass(frozen=True, slots=True)
class Question:
    """One row in one world."""

    row: str
    world: str
    seeds: int


@dataclass(frozen=True, slots=True)
class Row:
    """A story in all the worlds of a set."""

    name: str
    is_honest: bool
    outcomes: tuple[Outcome, ...]

    @property
    def loud(self) -> float:
        """Share that was unusual or worse at some time."""
        return sum(outcome.loud_after is not None for outcome in self.outcomes) / len(self.outcomes)

    @property
    def strong(self) -> float:
        """Share that was strongly unusual at some time."""
        return sum(outcome.was_strong for outcome in self.outcomes) / len(self.outcomes)

    @property
    def checks_until(self) -> str:
        """Checks until it was, in the middle."""
        counts = [outcome.loud_after for outcome in self.outcomes if outcome.loud_after is not None]
        return f"{median(counts):.0f}" if counts else "–"


def stories() -> dict[str, Callable[[World], Sequence[Sighting]]]:
    """Return every row's story by its name."""
    found: dict[str, Callable[[World], Sequence[Sighting]]] = {f"honest: {name}": story for name, story in HONEST.items()}
    for number in COPIES:
        for rate in RATES:
            found[f"{_copies(number)}, {rate:.0%} a week"] = copied(number, rate)
    found[f"500 copies, 10% a week, {LONG} scans"] = copied(500, 0.1, most=LONG)
    found["100 copies, 3% a week, all in one region"] = copied_in_one_region(100, 0.03)
    found["100 copies, 3% a week, only countries known"] = by_country(copied(100, 0.03))
    for number in (20, 100, 500):
        for share in (0.01, 0.1):
            found[f"{_copies(number)}, {share:.0%} of buyers check, once"] = bought_once(number, share)
    return found


def rows(worlds: Iterable[str], honest: int, of_copies: int, *, processes: int = 1) -> list[Row]:
    """Return the rows over these worlds: so many honest stories, and so many of copies, in each."""
    names = tuple(stories())
    questions = [
        Question(name, world, honest if name.startswith("honest") else of_copies) for name in names for world in worlds
    ]
    if processes == 1:
        answers = list(map(_answer, questions))
    else:
        with ProcessPoolExecutor(processes) as pool:
            answers = list(pool.map(_answer, questions))
    found: dict[str, list[Outcome]] = {name: [] for name in names}
    for question, outcomes in zip(questions, answers, strict=True):
        found[question.row] += outcomes
    return [Row(name, name.startswith("honest"), tuple(found[name])) for name in names]


def pooled(found: Sequence[Row], name: str, chosen: Callable[[Row], bool]) -> Row:
    """Return several rows as one."""
    parts = [row for row in found if chosen(row)]
    return Row(name, parts[0].is_honest, tuple(outcome for row in parts for outcome in row.outcomes))


def verdicts(found: Sequence[Row]) -> list[tuple[Row, str, bool]]:
    """Return what was promised: the pooled row, the bound in words, and whether it holds."""
    every = pooled(found, "all honest stories", lambda row: row.is_honest)
    promises = [(every, f"at most {MOST_HONEST:.1%}", every.loud <= MOST_HONEST)]
    weekly = {f"{_copies(number)}, {rate:.0%} a week": number for number in LEAST_FOUND for rate in RATES}
    for number, least in LEAST_FOUND.items():
        row = pooled(found, f"{_copies(number)}, all rates", lambda row, number=number: weekly.get(row.name) == number)  # type: ignore[misc]  # mypy infers no type for a default
        promises.append((row, f"at least {least:.0%}", row.loud >= least))
    return promises


def as_markdown(found: Sequence[Row]) -> str:
    """Return the table."""
    lines = [
        "| story | runs | unusual or worse | strongly unusual | scans until then, median |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [_line(row) for row in found]
    lines += [_line(row, f" ({bound}: {'holds' if holds else 'FAILS'})") for row, bound, holds in verdicts(found)]
    return "\n".join(lines)


def _line(row: Row, remark: str = "") -> str:
    digits = 2 if row.is_honest else 1
    name = f"**{row.name}**{remark}" if remark else row.name
    return f"| {name} | {len(row.outcomes):,} | {row.loud:.{digits}%} | {row.strong:.{digits}%} | {row.checks_until} |"


def _copies(number: int) -> str:
    return "1 copy" if number == 1 else f"{number} copies"


def _answer(question: Question) -> list[Outcome]:
    worlds = {**TUNED, **HELD_OUT}
    return run(worlds[question.world], stories()[question.row], question.seeds, f"{question.world} {question.row}")

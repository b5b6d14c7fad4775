"""A small and seeded part of the simulation, so that a change of a rule shows at once.

The table itself is made by `python -m tests.simulation`.
"""

from __future__ import annotations

from random import Random

import pytest

from tests.simulation.parameters import HELD_OUT
from tests.simulation.people import World
from tests.simulation.runs import HONEST, copied, copied_in_one_region, run
from tests.simulation.table import as_markdown, pooled, rows, stories, verdicts

WORLD = HELD_OUT["coast"]


@pytest.mark.parametrize("name", HONEST)
def test_honest_stories_are_hardly_ever_unusual(name: str) -> None:
    """Of each kind, one of sixty at most: a coarse net, for accidents."""
    seeds = 6 if name == "viral photo" else 60
    assert sum(outcome.loud_after is not None for outcome in run(WORLD, HONEST[name], seeds, name)) <= 1


@pytest.mark.parametrize(("number", "rate", "least"), [(20, 0.03, 20), (100, 0.01, 27), (100, 0.1, 25)])
def test_copies_are_found(number: int, rate: float, least: int) -> None:
    """Within thirty scans, in most of thirty runs."""
    outcomes = run(WORLD, copied(number, rate), 30, f"{number}")
    assert max(outcome.checks for outcome in outcomes) <= 30
    assert sum(outcome.loud_after is not None for outcome in outcomes) >= least


def test_copies_in_one_region_are_not_seen() -> None:
    """A limit that the documentation states: nothing tells them from a shelf."""
    assert sum(outcome.loud_after is not None for outcome in run(WORLD, copied_in_one_region(100, 0.03), 30, "one")) <= 2


def test_the_same_seed_tells_the_same_story() -> None:
    """The table can be made again."""
    for name, story in stories().items():
        assert story(World(WORLD, Random(name))) == story(World(WORLD, Random(name)))


def test_the_table_says_what_was_promised() -> None:
    """Every row, and under them the pooled ones with their bounds."""
    found = rows(["inland"], 1, 1)
    table = as_markdown(found)
    assert all(row.name in table for row in found)
    assert [bound for _, bound, _ in verdicts(found)] == ["at most 0.2%", "at least 70%", "at least 95%"]
    assert len(pooled(found, "all", lambda row: row.is_honest).outcomes) == len(HONEST)

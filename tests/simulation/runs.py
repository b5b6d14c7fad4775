"""Runs stories through the rules, check by check as they would have come, and counts how they ended."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from registry.checking.history import DAY, KEPT_DAYS, MOST, Past, weigh
from registry.checking.verdicts import History
from tests.simulation import copies, honest
from tests.simulation.people import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from registry.checking.history import Sighting
    from tests.simulation.people import Parameters

LOUD = frozenset({History.UNUSUAL, History.STRONGLY_UNUSUAL})
CLOSELY = 60
"""Checks of a long story after each of which it is weighed; from then on, now and then and at its end."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one story ended."""

    checks: int
    loud_after: int | None
    """Checks until it was unusual or worse for the first time; none if it never was."""
    was_strong: bool


def weighed(trace: Sequence[Sighting], world: World) -> Outcome:
    """Weigh a story as it unfolds. People who are not the first say now and then that it was not they."""
    story = sorted(trace)
    loud_after, was_strong, denials = None, False, []
    for count in range(1, len(story) + 1):
        now = story[count - 1]
        if now.device != story[0].device and world.random.random() < world.parameters.denies:
            denials.append(now)
        if count < len(story) - CLOSELY // 2 and count > CLOSELY and count % max(1, len(story) // CLOSELY):
            continue
        oldest = now.hour - KEPT_DAYS * DAY
        kept = tuple(seen for seen in story[max(0, count - 1 - MOST) : count - 1] if seen.hour >= oldest)
        found = weigh(Past(kept, tuple(seen for seen in denials[-MOST:] if seen.hour >= oldest)), now).history
        if found in LOUD and loud_after is None:
            loud_after = count
        was_strong = was_strong or found is History.STRONGLY_UNUSUAL
    return Outcome(len(story), loud_after, was_strong)


def run(parameters: Parameters, story: Callable[[World], Sequence[Sighting]], seeds: int, name: str) -> list[Outcome]:
    """Tell a story so many times, each with a seed of its own, and weigh it."""

    def told() -> Iterator[Outcome]:
        for seed in range(seeds):
            world = World(parameters, Random(f"{name} {seed}"))
            yield weighed(story(world), world)

    return list(told())


def copied(number: int, rate: float, *, most: int = copies.MOST) -> Callable[[World], list[Sighting]]:
    """Return the story of a code on so many copies, sold everywhere or in some regions."""
    return lambda world: copies.copied(world, number, rate, regions=copies.regions_of(world), most=most)


def copied_in_one_region(number: int, rate: float) -> Callable[[World], list[Sighting]]:
    """Return the story of copies that are all sold in one region."""
    return lambda world: copies.copied(world, number, rate, regions=world.regions(1))


def bought_once(number: int, share: float) -> Callable[[World], list[Sighting]]:
    """Return the story of copies each of which is checked once by its buyer, or never."""
    return lambda world: copies.bought_once(world, number, share, regions=copies.regions_of(world))


def by_country(story: Callable[[World], list[Sighting]]) -> Callable[[World], list[Sighting]]:
    """Return a story as a site sees it whose table knows countries only."""
    return lambda world: [seen._replace(region=seen.region[:2]) for seen in story(world)]


HONEST = honest.STORIES

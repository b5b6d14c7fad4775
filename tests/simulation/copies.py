"""What is seen of a code that is on many objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.honest import START
from tests.simulation.people import WEEK

if TYPE_CHECKING:
    from registry.checking.history import Sighting
    from tests.simulation.people import World

MOST = 30
"""Scans within which copies have to be found."""
HORIZON = 3 * 52 * WEEK
AGAIN = 0.25
"""Share of checks after which the same person checks once more."""


def regions_of(world: World) -> list[str]:
    """Return the regions into which the copies of one code are sold; nothing means everywhere."""
    told = world.parameters
    if world.random.random() < told.copies_everywhere:
        return []
    low, high = told.copy_regions
    return world.regions(world.random.randint(low, high))


def copied(world: World, copies: int, rate: float, *, regions: list[str], most: int = MOST) -> list[Sighting]:
    """Return the first scans of a code that is on the genuine object and on so many copies.

    `rate` is the chance that one object is checked by somebody in a week; it goes on for three years at most.
    """
    random = world.random
    homes = [random.choice(regions) if regions else world.region() for _ in range(copies + 1)]
    seen: list[Sighting] = []
    at = float(START)
    between = WEEK / (rate * (copies + 1))
    while len(seen) < most:
        at += world.wait(between)
        if at > START + HORIZON:
            break
        who = world.person(random.choice(homes))
        seen.append(world.check(who, at))
        if random.random() < AGAIN:
            seen.append(world.check(who, at + world.wait(24)))
    return sorted(seen)[:most]


def bought_once(world: World, copies: int, share: float, *, regions: list[str]) -> list[Sighting]:
    """Return all scans of a copied code whose buyers check once, or never: `share` of them do, within half a year."""
    seen = []
    for _ in range(copies + 1):
        if world.random.random() < share:
            home = world.random.choice(regions) if regions else world.region()
            seen.append(world.check(world.person(home), START + world.random.random() * 26 * WEEK))
    return sorted(seen)

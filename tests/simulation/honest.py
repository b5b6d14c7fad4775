"""What honest people do with one genuine object: seven stories, each told anew with every seed."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from registry.checking.history import DAY
from tests.simulation.people import WEEK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry.checking.history import Sighting
    from tests.simulation.people import World

START = 480_000
"""An hour in 2024."""
YEAR = 365 * DAY
MOST_ON_A_SHELF = 150
MOST_PARTIES = 6


def household(world: World, home: str, begins: float, lasts: float, *, people: float, checks: float) -> list[Sighting]:
    """Somebody brings the object home; others there are curious too."""
    seen = []
    for _ in range(world.several(people)):
        who = world.person(home)
        at = begins + world.random.random() ** 2 * lasts
        for _ in range(world.several(checks)):
            seen.append(world.check(who, at))
            at += world.wait(lasts / 4)
    return seen


def gift(world: World) -> list[Sighting]:
    """Bought, checked, given away, checked by who received it, often in another region."""
    home, at = world.region(), START + world.wait(WEEK)
    seen = household(world, home, at, 3 * DAY, people=1.2, checks=1.6)
    there = world.region() if world.random.random() < 0.6 else home
    return seen + household(world, there, at + world.wait(3 * WEEK), 2 * WEEK, people=1.8, checks=1.6)


def shelf(world: World) -> list[Sighting]:
    """Many who pass a shelf check the object that stands in front; then somebody buys it."""
    told, home = world.parameters, world.region()
    lasts = world.wait(told.shelf_days * DAY)
    between = DAY / world.between(told.shelf_rate)
    seen: list[Sighting] = []
    at = START + world.wait(between)
    while at < START + lasts and len(seen) < MOST_ON_A_SHELF:
        who = world.person(world.region() if world.random.random() < told.travellers else home)
        seen.append(world.check(who, at))
        at += world.wait(between)
    return seen + household(world, home, START + lasts, 2 * WEEK, people=1.5, checks=1.5)


def family(world: World) -> list[Sighting]:
    """A household uses it for a year, and takes it along on journeys or to a second home."""
    home = world.region()
    seen = household(world, home, START, YEAR / 2, people=3, checks=2)
    for _ in range(world.several(1.5) - 1):
        away = world.region()
        seen += household(world, away, START + world.random.random() * YEAR, WEEK, people=1.5, checks=1.3)
    return seen


def moving_network(world: World) -> list[Sighting]:
    """One or two people whose mobile network comes out in another region every other time."""
    home, seen = world.region(), []
    for _ in range(world.several(1.4)):
        who, at = world.person(home, gateway=True), START + world.wait(DAY)
        for _ in range(world.several(5)):
            seen.append(world.check(who, at))
            at += world.wait(4 * DAY)
    return seen


def vpn(world: World) -> list[Sighting]:
    """One or two people whose VPN comes out in another country each time."""
    home, seen = world.region(), []
    for _ in range(world.several(1.4)):
        who, at = world.person(home, vpn=True), START + world.wait(DAY)
        for _ in range(world.several(4)):
            seen.append(world.check(who, at))
            at += world.wait(5 * DAY)
    return seen


def reseller(world: World) -> list[Sighting]:
    """It is checked by a wholesaler, a shop, a buyer, and each second-hand buyer after that, nearly all elsewhere."""
    told, at = world.parameters, float(START)
    seen: list[Sighting] = []
    for _ in range(min(world.several(told.parties) + 1, MOST_PARTIES)):
        seen += household(world, world.region(), at, WEEK, people=1.3, checks=1.5)
        at += 3 * DAY + world.wait(5 * WEEK)
    return seen


def viral_photo(world: World) -> list[Sighting]:
    """Somebody shows the label to the world, and the world checks it: quickly, everywhere, and then hardly any more."""
    told, seen = world.parameters, gift(world)
    at, people = START + world.wait(6 * WEEK), world.between(told.picture)
    while people >= 1:
        half_life = world.between(told.picture_half_life)
        for _ in range(int(people)):
            when = at + world.wait(half_life / 0.693)
            seen.append(world.check(world.person(), when))
        if world.random.random() > told.picture_again:
            break
        at, people = at + world.wait(4 * WEEK), people / 6
    return seen


STORIES: Mapping[str, Callable[[World], list[Sighting]]] = MappingProxyType({
    "gift": gift,
    "shop shelf": shelf,
    "family": family,
    "moving phone network": moving_network,
    "VPN": vpn,
    "reseller": reseller,
    "viral photo": viral_photo,
})  # fmt: skip

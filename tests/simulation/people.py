"""People with phones: where they are, where their network says that they are, and what their phones look like to the site.

Every number is an assumption, stated in one place (`Parameters`), and none is data about real people. There are two sets: the
rules were tuned on one and are judged on the other (`tests.simulation.parameters`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from registry.checking.history import DAY, Sighting

if TYPE_CHECKING:
    from random import Random

WEEK = 7 * DAY


@dataclass(frozen=True, slots=True)
class Parameters:
    """One world. Shares are of 1, times in hours."""

    provinces: int
    """Regions of the home country; how many people live in each falls with its rank."""
    unevenness: float
    """The exponent of that fall: 0 is evenly peopled."""
    abroad: int
    """Countries beside the home country."""
    share_abroad: float
    kinds_of_phone: int
    evenness_of_phones: float
    """The exponent with which kinds of phone become rarer."""
    phone_changes: float
    """Hours after which a phone looks different on average: it was updated."""
    key_lasts: float
    """Hours for which device keys can be compared: then the salt is another."""
    two_apps: float
    """Share of people who check with two apps, which look like two phones."""
    misplaced: float
    """Share of checks that the table of networks puts into another region."""
    gateway: float
    """Share of people whose mobile network comes out in other regions."""
    gateway_misplaced: float
    """Share of those people's checks that come out there."""
    vpn: float
    """Share of people with a VPN."""
    vpn_used: float
    unplaced: float
    """Share of checks whose region is not known."""
    travellers: float
    """Share of people in a shop who are from another region and whose phone says so."""
    shelf_days: float
    """Days that an object stands on a shelf, on average."""
    shelf_rate: tuple[float, float]
    """Checks a day by people who pass that shelf, from and to, each magnitude as likely."""
    picture: tuple[int, int]
    """People who check a code whose picture is shared, from and to, each magnitude as likely."""
    picture_half_life: tuple[float, float]
    """Hours in which half of them have done so."""
    picture_again: float
    """Share of pictures that are shared again, weeks later, among fewer."""
    parties: float
    """Hands through which a resold object goes after the first, on average."""
    denies: float
    """Share of people who say that an earlier check was not theirs, where it was not."""
    copy_regions: tuple[int, int]
    """Regions into which copies are sold, where they are not sold everywhere."""
    copies_everywhere: float
    """Share of copied codes that are sold everywhere."""


@dataclass(slots=True)
class Person:
    """Somebody with a phone."""

    home: str
    number: int
    phones: tuple[int, ...]
    exits: tuple[str, ...]
    """Regions in which the network comes out, if it wanders."""
    has_vpn: bool
    phase: float


class World:
    """Makes people and what the site sees of them."""

    def __init__(self, parameters: Parameters, random: Random) -> None:
        self.parameters = parameters
        self.random = random
        self._provinces = [f"CN-{n:02}" for n in range(parameters.provinces)]
        self._weights = list(accumulate((rank + 1) ** -parameters.unevenness for rank in range(parameters.provinces)))
        self._abroad = [f"X{chr(65 + n)}" for n in range(parameters.abroad)]
        self._phones = list(
            accumulate((rank + 3) ** -parameters.evenness_of_phones for rank in range(parameters.kinds_of_phone))
        )
        self._people = 0

    def region(self) -> str:
        """Return a region, as people are spread."""
        if self.random.random() < self.parameters.share_abroad:
            return self.random.choice(self._abroad)
        return self.random.choices(self._provinces, cum_weights=self._weights)[0]

    def regions(self, count: int) -> list[str]:
        """Return so many different regions."""
        found: list[str] = []
        while len(found) < count:
            if (region := self.region()) not in found:
                found.append(region)
        return found

    def person(self, home: str | None = None, *, gateway: bool | None = None, vpn: bool | None = None) -> Person:
        """Return somebody new, who lives in a region."""
        told, random = self.parameters, self.random
        self._people += 1
        phones = random.choices(range(told.kinds_of_phone), cum_weights=self._phones, k=2)
        wanders = random.random() < told.gateway if gateway is None else gateway
        return Person(
            home or self.region(),
            self._people,
            tuple(phones[: 2 if random.random() < told.two_apps else 1]),
            tuple(self.regions(2)) if wanders else (),
            random.random() < told.vpn if vpn is None else vpn,
            random.random(),
        )

    def check(self, who: Person, hour: float) -> Sighting:
        """Return what the site sees of a check."""
        return Sighting(int(hour), self._seen_in(who), self._looks(who, hour))

    def _seen_in(self, who: Person) -> str:
        told, random = self.parameters, self.random
        if random.random() < told.unplaced:
            return ""
        if who.has_vpn and random.random() < told.vpn_used:
            return random.choice(self._abroad)
        if who.exits and random.random() < told.gateway_misplaced:
            return random.choice(who.exits)
        return self.region() if random.random() < told.misplaced else who.home

    def _looks(self, who: Person, hour: float) -> str:
        told = self.parameters
        phone = self.random.choice(who.phones)
        # Phones of a kind are updated by and by, so two of a kind may look alike or not.
        version = int(hour / told.phone_changes + who.phase) + int(who.phase * 2)
        return f"{phone}.{version}.{int(hour / told.key_lasts)}"

    # ------------------------------------------------------------------------------------------------ ways to spend time

    def wait(self, hours: float) -> float:
        """Return a time of about so many hours: often less, sometimes much more."""
        return self.random.expovariate(1 / hours)

    def several(self, mean: float) -> int:
        """Return a number from 1 on."""
        count = 1
        while self.random.random() < 1 - 1 / mean:
            count += 1
        return count

    def between(self, bounds: tuple[float, float]) -> float:
        """Return a number between two bounds, each magnitude as likely."""
        low, high = bounds
        return low * float((high / low) ** self.random.random())

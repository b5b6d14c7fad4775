"""What the scans of one unit look like: facts go in, a finding comes out (protocol § 7 step 9). Advice, never proof.

A sighting says in which hour, in which coarse region and by which kind of phone a code was checked, and nothing more of who
did. The rules are data: each has an id, a threshold and a sentence for inspectors. None is shown to the public, who read only
what follows. Two rules of different families must agree before a history is `strongly_unusual`, and `confirmed_copy` is said by
a person alone. Why the rules are as they are, and what they cannot see, is in `docs/history.md`.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from registry.checking.verdicts import History

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

DAY: Final = 24
"""Hours: every time in here counts hours since 1970, UTC."""
MOST: Final = 256
"""Sightings that are weighed: the newest. It bounds what one check may cost."""
KEPT_DAYS: Final = 400
"""Days after which sightings are folded into coarse facts, unless the operator has a shorter time."""


class Sighting(NamedTuple):
    """One check of the unit, as far as it is remembered. Sightings sort by time."""

    hour: int
    """Hours since 1970, UTC."""
    region: str
    """ISO 3166: a country (`CN`) or a part of one (`CN-33`); empty if it is not known."""
    device: str
    """Tells kinds of phones apart, for a season: two people may share one, and nobody is recognised by it."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What is left of sightings that were removed because of their age."""

    first_day: int
    """Days since 1970, UTC."""
    first_region: str
    checks: int


@dataclass(frozen=True, slots=True)
class Past:
    """Everything that is remembered of a unit's checks, in any order."""

    sightings: tuple[Sighting, ...] = ()
    denials: tuple[Sighting, ...] = ()
    """Who was asked whether the checks before were theirs, and said no."""
    folded: Folded | None = None
    opened_day: int | None = None
    """Days since 1970, UTC: somebody who held the label said that the product was opened then."""
    copy_confirmed: bool = False
    """A person examined it and found a copy."""
    cleared_hour: int = 0
    """A person examined it and found nothing: what was seen up to this hour is explained."""
    reported_stolen: bool = False
    """An inspector found it to be stolen. It is said beside the history, and changes none."""


@dataclass(frozen=True, slots=True)
class SharedPicture:
    """When many phones in many regions check a code within days, and few before and after, its picture was probably shared.

    That is no sign of copies: a copied product is checked as it is sold and bought, week after week; a picture goes round
    quickly, and is forgotten. So what is seen for some weeks from such days on is not weighed. If it goes on as it began, it
    was no such thing, and everything is weighed again.
    """

    devices: int = 6
    regions: int = 3
    within: int = 3 * DAY
    share: float = 0.6
    """Of all phones from `around` before those days to `around` after their beginning."""
    around: int = 14 * DAY
    fades_within: int = 28 * DAY


class Trail:
    """The sightings that are weighed, in order of time."""

    def __init__(self, past: Past, shared: SharedPicture) -> None:
        every = sorted(set(past.sightings))[-MOST:]
        placed = [seen for seen in every if seen.region and seen.hour > past.cleared_hour]
        seen_here = _without_shared(placed, shared)
        regions: dict[str, set[str]] = {}
        devices: dict[str, set[str]] = {}
        for seen in seen_here:
            regions.setdefault(seen.device, set()).add(seen.region)
            devices.setdefault(seen.region, set()).add(seen.device)
        # Of two regions with as many phones, the one that was first counts: the order of a dict is that of time.
        self.own = max(devices, key=lambda region: len(devices[region]), default="")
        """The region where most of the phones were."""
        self.locals = frozenset(devices.get(self.own, ()))
        self.strangers = tuple(_first_of_each(seen for seen in seen_here if seen.device not in self.locals))
        """The first sighting of each phone that was never in the unit's own region."""
        self.settled = tuple(seen for seen in seen_here if len(regions[seen.device]) == 1)
        """Sightings of phones that were seen in one region only: a network or a VPN that wanders is not among them."""
        self.denials = tuple(sorted(seen for seen in set(past.denials) if seen.region and seen.hour > past.cleared_hour))


@dataclass(frozen=True, slots=True)
class Rule:
    """One sign of copies: what is measured, from which value on it speaks, and what an inspector reads."""

    id: str
    family: str
    """Rules of one family are not independent of one another."""
    measure: Callable[[Trail], int]
    threshold: int
    sentence: str
    """With `{found}` and `{threshold}` in it."""
    alone: bool = True
    """Whether it makes a history unusual by itself, or only confirms another rule."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A rule that spoke, and the value that it found."""

    rule: Rule
    found: int

    def __str__(self) -> str:
        return self.rule.sentence.format(found=self.found, threshold=self.rule.threshold)


@dataclass(frozen=True, slots=True)
class Finding:
    """What the checks of a unit look like."""

    history: History
    checks_before: int = 0
    first_day: int | None = None
    """Days since 1970, UTC, of the first check; none if there was none before."""
    first_region: str = ""
    opened_day: int | None = None
    signs: tuple[Sign, ...] = ()
    """For inspectors, never for the public."""


# ------------------------------------------------------------------------------------------------------- what is measured

ENOUGH: Final = 20
"""Counting stops here: no threshold is as high, and nobody need know more."""


def moves(trail: Trail) -> int:
    """Count the steps from hand to hand and region to region, a day or more each, over all the time that is remembered.

    An object is in one place at a time and takes days to the next, and few are sold again and again. On a shelf, where many
    check one object, some seem to be elsewhere, by their network or because they travel: one such phone is forgiven for two
    in the unit's own region.
    """
    return max(0, _longest(trail.strangers, apart=DAY) - len(trail.locals) // 2)


def moves_in_three_weeks(trail: Trail) -> int:
    """Count the same in the fullest three weeks, half a day or more each."""
    most = 0
    for start, first in enumerate(trail.strangers):
        end = bisect_left(trail.strangers, first.hour + 21 * DAY, lo=start, key=_hour)
        if end - start > most:
            most = max(most, _longest(trail.strangers[start:end], apart=DAY // 2))
        if most >= ENOUGH:
            break
    return max(0, most - len(trail.locals) // 2)


def returns(trail: Trail) -> int:
    """Count how often it came back, in other hands, to a region that it had left.

    Only regions count in which it was at home: where at least three phones were, and half as many as in its own. Two of them
    are a gift, and three a resold object, but such an object does not return.
    """
    devices: dict[str, set[str]] = {}
    for seen in trail.settled:
        devices.setdefault(seen.region, set()).add(seen.device)
    least = max(3, max(map(len, devices.values()), default=0) / 2)
    homes = {region for region, found in devices.items() if len(found) >= least}
    return max(0, _longest([seen for seen in trail.settled if seen.region in homes], apart=DAY // 2) - len(homes))


def regions_that_deny(trail: Trail) -> int:
    """Count the regions in which somebody, each by another phone, said that the checks before were not theirs."""
    regions: dict[str, str] = {}
    for seen in trail.denials:
        if seen.device not in regions.values():
            regions.setdefault(seen.region, seen.device)
    return len(regions)


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "moves", "spread", moves, 6,
        "it went through {found} hands in changing regions, a day or more apart, beyond what its own region explains "
        "(unusual from {threshold})",
    ),
    Rule(
        "moves_in_three_weeks", "spread", moves_in_three_weeks, 5,
        "within three weeks it went through {found} hands in changing regions, half a day or more apart, beyond what its own "
        "region explains (unusual from {threshold})",
    ),
    Rule(
        "returns", "return", returns, 5,
        "{found} times it came back, in other hands, to a region that it had left (unusual from {threshold})",
    ),
    Rule(
        "regions_that_deny", "people", regions_that_deny, 3,
        "people in {found} regions said that the checks before were not theirs (speaks from {threshold}, beside another rule)",
        alone=False,
    ),
)  # fmt: skip
SHARED: Final = SharedPicture()


def _longest(seen: Sequence[Sighting], *, apart: int) -> int:
    """Return the length of the longest way through these sightings whose every step is to another region and long enough.

    `seen` is in order of time; `apart` is hours. One more sighting never makes the way shorter.
    """
    lengths: list[int] = []
    best: dict[str, int] = {}
    """The longest way that ends in each region, of those that ended long enough ago."""
    done = 0
    for one in seen:
        while seen[done].hour <= one.hour - apart:
            best[seen[done].region] = max(best.get(seen[done].region, 0), lengths[done])
            done += 1
        lengths.append(1 + max((length for region, length in best.items() if region != one.region), default=0))
    return max(lengths, default=0)


def _first_of_each(seen: Iterable[Sighting]) -> Iterator[Sighting]:
    known: set[str] = set()
    for one in seen:
        if one.device not in known:
            known.add(one.device)
            yield one


# ----------------------------------------------------------------------------------------------------------- the finding


def weigh(past: Past, now: Sighting | None = None, *, rules: Sequence[Rule] = RULES, shared: SharedPicture = SHARED) -> Finding:
    """Say what a unit's checks look like.

    `now` is the check that is being made: it is weighed with the others, and does not count as one before itself, nor does
    the same phone's reload within the hour.
    """
    before = [seen for seen in past.sightings if now is None or not is_same_check(seen, now)]
    checks, first_day, first_region = _first(past, before)
    everything = past if now is None else Past((*past.sightings, now), past.denials, cleared_hour=past.cleared_hour)
    signs = _signs(everything, rules, shared)
    return Finding(_history(past, checks, signs), checks, first_day, first_region, past.opened_day, signs)


def is_same_check(one: Sighting, other: Sighting) -> bool:
    """Say whether two sightings are one check, made again: the same phone in the same place within an hour."""
    return one.device == other.device and one.region == other.region and abs(one.hour - other.hour) <= 1


def differs_from_markets(region: str, markets: Sequence[str]) -> bool:
    """Say whether a region is in none of the countries that a product is meant for. Harmless: it says nothing of copies."""
    return bool(region and markets) and region[:2] not in markets


def _first(past: Past, before: Sequence[Sighting]) -> tuple[int, int | None, str]:
    """Return how many checks there were, and day and region of the first."""
    checks = count_checks(before)
    if past.folded:
        return past.folded.checks + checks, past.folded.first_day, past.folded.first_region
    if not before:
        return 0, None, ""
    first = min(before)
    return checks, first.hour // DAY, first.region


def count_checks(seen: Iterable[Sighting]) -> int:
    """Count checks: what the same phone does again in the same place within an hour is one."""
    last: dict[tuple[str, str], int] = {}
    count = 0
    for one in sorted(seen):
        key = one.region, one.device
        count += key not in last or one.hour - last[key] > 1
        last[key] = one.hour
    return count


def _signs(past: Past, rules: Sequence[Rule], shared: SharedPicture) -> tuple[Sign, ...]:
    # No rule speaks of a handful of phones: nearly every unit ends here.
    if len({seen.device for seen in (*past.sightings, *past.denials)}) < min((rule.threshold for rule in rules), default=0):
        return ()
    trail = Trail(past, shared)
    found = [(rule, rule.measure(trail)) for rule in rules]
    signs = tuple(Sign(rule, value) for rule, value in found if value >= rule.threshold)
    return signs if any(sign.rule.alone for sign in signs) else ()


def _history(past: Past, checks: int, signs: Sequence[Sign]) -> History:
    if past.copy_confirmed:
        return History.CONFIRMED_COPY
    if past.opened_day is not None:
        return History.OPENED
    if signs:
        return History.STRONGLY_UNUSUAL if len({sign.rule.family for sign in signs}) > 1 else History.UNUSUAL
    return History.PLAUSIBLE_REPEAT if checks else History.FIRST_CHECK


def _without_shared(seen: Sequence[Sighting], shared: SharedPicture) -> tuple[Sighting, ...]:
    """Return sightings in order without those of the weeks in which the code's picture went round."""
    shadow_ends = -1
    kept: list[Sighting] = []
    for start, first in enumerate(seen):
        if first.hour >= shadow_ends and _is_shared(seen, start, shared):
            shadow_ends = first.hour + shared.fades_within
        if first.hour >= shadow_ends:
            kept.append(first)
    return tuple(kept)


def _is_shared(seen: Sequence[Sighting], start: int, shared: SharedPicture) -> bool:
    """Say whether the days that begin with this sighting stand out from the weeks around them."""
    begins = seen[start].hour
    days = seen[start : bisect_left(seen, begins + shared.within, key=_hour)]
    devices = len({one.device for one in days})
    if devices < shared.devices or len({one.region for one in days}) < shared.regions:
        return False
    low, high = (bisect_left(seen, begins + hours, key=_hour) for hours in (-shared.around, shared.around))
    return devices >= shared.share * len({one.device for one in seen[low:high]})


_hour = attrgetter("hour")

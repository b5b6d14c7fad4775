"""What a unit's checks look like follows from explainable rules, and from nothing else."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from registry.checking.history import (
    DAY,
    MOST,
    RULES,
    SHARED,
    Folded,
    Past,
    Sighting,
    Trail,
    differs_from_markets,
    weigh,
)
from registry.checking.verdicts import History

START: Final = 480_000
ORDER: Final = (History.FIRST_CHECK, History.PLAUSIBLE_REPEAT, History.UNUSUAL, History.STRONGLY_UNUSUAL)
WEEK: Final = 7 * DAY

regions = st.sampled_from(["", "CN-33", "CN-44", "CN-11", "CN-31", "TH", "VN", "DE", "AE"])
sightings = st.builds(Sighting, st.integers(START, START + 400 * DAY), regions, st.integers(0, 40).map(str))
stories = st.lists(sightings, max_size=40)


def at(day: float, region: str, device: str) -> Sighting:
    """Return a sighting so many days after the start."""
    return Sighting(START + int(day * DAY), region, device)


def look(*seen: Sighting, **more: object) -> History:
    """Return what these sightings look like."""
    return weigh(Past(tuple(seen), **more)).history  # type: ignore[arg-type]  # named as in `Past`


def travelling(count: int, *, days: float, places: tuple[str, ...] = ("CN-33", "CN-44", "TH", "VN", "DE")) -> list[Sighting]:
    """Return sightings by other phones, each in another place than the one before."""
    return [at(number * days, places[number % len(places)], f"phone {number}") for number in range(count)]


def test_the_first_check_is_the_first() -> None:
    """Nothing was seen before, and the check that is being made is not one before itself."""
    found = weigh(Past(), at(0, "CN-33", "a"))
    assert (found.history, found.checks_before, found.first_day) == (History.FIRST_CHECK, 0, None)


def test_the_facts_of_a_repeat_are_coarse() -> None:
    """How often, on which day first and in which region; no hour, no phone."""
    found = weigh(Past((at(3, "CN-44", "b"), at(1, "CN-33", "a"))), at(9, "TH", "c"))
    assert (found.history, found.checks_before) == (History.PLAUSIBLE_REPEAT, 2)
    assert (found.first_day, found.first_region) == (START // DAY + 1, "CN-33")


def test_a_reload_is_the_same_check() -> None:
    """The same phone in the same place within the hour; later, or elsewhere, it is a check before."""
    now = at(1, "CN-33", "a")
    assert weigh(Past((now,)), now).history is History.FIRST_CHECK
    assert weigh(Past((now._replace(hour=now.hour - 1),)), now).history is History.FIRST_CHECK
    assert weigh(Past((now._replace(hour=now.hour - 2),)), now).history is History.PLAUSIBLE_REPEAT
    assert weigh(Past((now._replace(device="b"),)), now).history is History.PLAUSIBLE_REPEAT


def test_what_was_folded_is_counted_and_comes_first() -> None:
    """Sightings that were removed because of their age leave their number and the first day and region."""
    found = weigh(Past((at(9, "CN-33", "a"),), folded=Folded(123, "TH", 4)), at(12, "CN-33", "b"))
    assert (found.history, found.checks_before, found.first_day, found.first_region) == (History.PLAUSIBLE_REPEAT, 5, 123, "TH")


@pytest.mark.parametrize(
    "story",
    [
        [at(0, "CN-33", "buyer"), at(1, "CN-33", "buyer"), at(20, "CN-44", "friend"), at(21, "CN-44", "friend 2")],
        [at(number / 3, "CN-33", f"passer-by {number}") for number in range(90)],
        [at(number, ("CN-33", "CN-44", "TH")[number % 3], "one phone") for number in range(30)],
        travelling(4, days=30),
    ],
    ids=["gift", "shop shelf", "one phone everywhere", "sold again"],
)
def test_what_honest_people_do_is_plausible(story: list[Sighting]) -> None:
    """One object in the hands of people who have every reason to check it."""
    assert look(*story) is History.PLAUSIBLE_REPEAT


def test_an_object_that_is_everywhere_is_unusual() -> None:
    """Slowly over a year, or quickly within weeks; and each sign says what it found."""
    slowly = weigh(Past(tuple(travelling(9, days=40))))
    quickly = weigh(Past(tuple(travelling(9, days=2))))
    assert [sign.rule.id for sign in slowly.signs] == ["moves"]
    assert "moves_in_three_weeks" in [sign.rule.id for sign in quickly.signs]
    assert "6 hands" in str(slowly.signs[0])
    assert {slowly.history, quickly.history} == {History.UNUSUAL}


def test_an_object_that_comes_back_again_and_again_is_strongly_unusual() -> None:
    """Copies that are sold in three places: two independent signs agree."""
    found = weigh(Past(tuple(travelling(24, days=5, places=("CN-33", "CN-44", "TH")))))
    assert {sign.rule.family for sign in found.signs} == {"spread", "return"}
    assert found.history is History.STRONGLY_UNUSUAL


def test_people_who_deny_confirm_another_sign_and_are_none_alone() -> None:
    """Everybody who passes a shelf says that it was not they, and anybody could say so everywhere."""
    denials = tuple(travelling(9, days=30))
    assert look(at(0, "CN-33", "a"), denials=denials) is History.PLAUSIBLE_REPEAT
    assert look(*travelling(9, days=40), denials=denials) is History.STRONGLY_UNUSUAL


def test_a_picture_that_goes_round_is_no_sign_of_copies() -> None:
    """Sixty phones in sixty hours, and some stragglers; the gift before it stays a gift."""
    gift = [at(0, "CN-33", "buyer"), at(9, "CN-44", "friend")]
    picture = [one._replace(hour=START + (40 * DAY) + number) for number, one in enumerate(travelling(60, days=1))]
    stragglers = [at(44 + number * 2, region, f"late {number}") for number, region in enumerate(("TH", "VN", "DE", "AE"))]
    assert look(*gift, *picture, *stragglers) is History.PLAUSIBLE_REPEAT


def test_what_goes_on_as_it_began_was_no_picture() -> None:
    """Eight a day look like a picture on the first days, and not after weeks."""
    story = [one._replace(hour=START + number * 3) for number, one in enumerate(travelling(200, days=1))]
    assert look(*story[:20]) is History.PLAUSIBLE_REPEAT
    assert look(*story) is not History.PLAUSIBLE_REPEAT


def test_a_person_has_the_last_word() -> None:
    """A confirmed copy, a product that was opened, and a history that was examined and explained."""
    story = travelling(24, days=5, places=("CN-33", "CN-44", "TH"))
    assert look(*story, copy_confirmed=True, opened_day=1) is History.CONFIRMED_COPY
    assert look(opened_day=20_001) is History.OPENED
    assert look(*story, cleared_hour=story[-1].hour) is History.PLAUSIBLE_REPEAT
    assert look(*story, cleared_hour=story[9].hour) is History.STRONGLY_UNUSUAL


def test_another_market_is_a_finding_of_its_own() -> None:
    """It needs a known region and a product with markets, and has nothing to do with copies."""
    assert differs_from_markets("TH", ["CN", "VN"])
    assert not differs_from_markets("CN-33", ["CN", "VN"])
    assert not differs_from_markets("", ["CN"])
    assert not differs_from_markets("TH", [])


@given(stories, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(story: list[Sighting], random: object) -> None:
    """Scans are stored by several processes, some later than others, and some are noted twice."""
    shuffled = [*story, *story[:3]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis's own Random
    before, after = weigh(Past(tuple(story))), weigh(Past(tuple(shuffled)))
    assert (before.history, before.signs) == (after.history, after.signs)


@given(stories, st.sampled_from(["CN-33", "TH"]))
def test_one_place_is_never_unusual(story: list[Sighting], region: str) -> None:
    """However many phones there are, and however often; checks whose region is not known add nothing."""
    assert look(*(seen._replace(region=seen.region and region) for seen in story)) in ORDER[:2]


@given(stories)
def test_one_phone_is_never_unusual(story: list[Sighting]) -> None:
    """Wherever its network comes out."""
    assert look(*(seen._replace(device="a") for seen in story)) in ORDER[:2]


@given(stories, st.integers(START, START + 400 * DAY))
def test_one_more_new_place_is_never_milder(story: list[Sighting], hour: int) -> None:
    """But for the one that makes a shared picture of what was seen within days."""
    more = [*story, Sighting(hour, "ZZ", "a new phone")]
    kept = [Trail(Past(tuple(seen)), SHARED).settled for seen in (story, more)]
    assume(set(kept[0]) <= set(kept[1]))
    assert ORDER.index(look(*more)) >= ORDER.index(look(*story))


def test_only_the_newest_are_weighed() -> None:
    """What one check costs is bounded."""
    random = Random(1)
    story = [at(random.random() * 300, random.choice(["CN-33", "TH", "VN", "DE"]), str(n)) for n in range(2 * MOST)]
    newest = sorted(story)[-MOST:]
    assert weigh(Past(tuple(newest))).signs
    assert weigh(Past(tuple(story))).signs == weigh(Past(tuple(newest))).signs


def test_every_rule_explains_itself() -> None:
    """An inspector reads what was found and from which value on it speaks; ids are stable and each is there once."""
    assert [rule.id for rule in RULES] == ["moves", "moves_in_three_weeks", "returns", "regions_that_deny"]
    for rule in RULES:
        assert rule.threshold > 2
        assert "{found}" in rule.sentence
        assert "{threshold}" in rule.sentence
        assert rule.measure(Trail(Past(), SHARED)) == 0


def test_another_threshold_is_another_finding() -> None:
    """The rules are data: an operator's inspectors may try stricter ones on the same facts."""
    story = Past(tuple(travelling(5, days=40)))
    stricter = tuple(replace(rule, threshold=3) for rule in RULES)
    assert weigh(story).history is History.PLAUSIBLE_REPEAT
    assert weigh(story, rules=stricter).history is History.UNUSUAL

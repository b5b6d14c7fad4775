"""A case is what its events make of it, and what cannot have happened is refused."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from registry.enforcement.cases import ALL, REASONED, WHEN, Case, Event, Kind, Outcome, State, apply, fold
from registry.errors import CaseError

ID = "K7M2P9QX4T3W"
VALUES: dict[Kind, dict[str, Any]] = {
    Kind.OPENED: {"office": 3, "reference": "SH-2026-0117", "region": "CN-SH"},
    Kind.CHANGED: {"quantity": 2000, "perishable": True},
    Kind.UNITS_ADDED: {"units": [{"gtin": "09506000134352", "serial": "A1", "group": "registered"}]},
    Kind.PHOTO_ADDED: {"id": "p1", "sha256": "00" * 32, "size": 9, "type": "image/jpeg", "name": "1.jpg", "shows": "the seal"},
    Kind.ABSENCE_SHOWN: {"id": "f1", "sha256": "44" * 32, "size": 9, "gtin": "09506000134352", "serial": "A2", "block": 7},
    Kind.CUSTODY: {"action": "sealed", "place": "shed 4", "seal": "CN-77", "person": "Li", "at": 1_790_000_000},
    Kind.EXAMINED: {"opened": 2, "examined": 200, "found": 12},
    Kind.NOTIFIED: {"notice": "n1", "manufacturer": 7, "fields": ["reference"], "sha256": "11" * 32},
    Kind.ACKNOWLEDGED: {"notice": "n1", "manufacturer": 7},
    Kind.ANSWERED: {"notice": "n1", "manufacturer": 7, "conclusion": "counterfeit", "sha256": "22" * 32, "answer": {}},
    Kind.CLOSED: {"outcome": "counterfeit", "region": "CN-SH", "product_group": "scooter"},
    Kind.COPY_CONFIRMED: {"gtin": "09506000134352", "serial": "A1"},
    Kind.COPY_REVERSED: {"gtin": "09506000134352", "serial": "A1"},
    Kind.STOLEN_CONFIRMED: {"gtin": "09506000134352", "serial": "A1"},
    Kind.STOLEN_REVERSED: {"gtin": "09506000134352", "serial": "A1"},
    Kind.BUNDLED: {"sha256": "33" * 32},
}


def event(number: int, kind: Kind, why: str = "because", **more: Any) -> Event:
    """Return an event of a kind."""
    return Event(number, 1_790_000_000 + number, 5, kind, why, VALUES.get(kind, {}) | more)


def case(*kinds: Kind) -> Case:
    """Return a case to which this happened after its opening."""
    return fold(ID, [event(number, kind) for number, kind in enumerate((Kind.OPENED, *kinds), 1)])


def test_the_whole_road() -> None:
    """From a draft to a closed case whose copy is on record."""
    road = (
        Kind.UNITS_ADDED, Kind.PHOTO_ADDED, Kind.CHANGED, Kind.NOTIFIED, Kind.ACKNOWLEDGED, Kind.ANSWERED, Kind.CLOSED,
        Kind.COPY_CONFIRMED,
    )  # fmt: skip
    states = [case(*road[:length]).state for length in range(len(road) + 1)]
    assert states == [*[State.DRAFT] * 4, State.NOTIFIED, State.ACKNOWLEDGED, State.ANSWERED, State.CLOSED, State.CLOSED]
    found = case(*road)
    assert (found.office, found.opened_at, found.opened_by) == (3, 1_790_000_001, 5)
    assert (found.details.reference, found.details.quantity, found.details.perishable) == ("SH-2026-0117", 2000, True)
    assert (found.outcome, found.closed_at) == (Outcome.COUNTERFEIT, 1_790_000_008)
    assert found.manufacturers == (7,)
    assert [line["serial"] for line in found.units] == ["A1"]
    assert found.confirmed_copies == {("09506000134352", "A1")}


def test_what_was_confirmed_can_be_taken_back() -> None:
    """A person reverses it with a reason; the case opened again has no outcome, and closed again it has another."""
    assert case(Kind.CLOSED, Kind.COPY_CONFIRMED, Kind.COPY_REVERSED).confirmed_copies == frozenset()
    assert case(Kind.CLOSED, Kind.STOLEN_CONFIRMED).confirmed_stolen == {("09506000134352", "A1")}
    again = case(Kind.CLOSED, Kind.REOPENED)
    assert (again.state, again.outcome, again.closed_at) == (State.ANSWERED, None, 0)
    assert apply(again, event(4, Kind.CLOSED, outcome="genuine")).outcome is Outcome.GENUINE


def test_a_later_manufacturer_takes_no_state_back() -> None:
    """A second one that is told leaves an answered case answered."""
    answered = case(Kind.NOTIFIED, Kind.ANSWERED)
    found = apply(answered, event(4, Kind.NOTIFIED, manufacturer=8))
    assert (found.state, found.manufacturers) == (State.ANSWERED, (7, 8))
    assert apply(found, event(5, Kind.ACKNOWLEDGED, manufacturer=8)).state is State.ANSWERED


@pytest.mark.parametrize("kind", sorted(WHEN))
@pytest.mark.parametrize(
    "road", [(), (Kind.NOTIFIED,), (Kind.NOTIFIED, Kind.ANSWERED), (Kind.CLOSED,), (Kind.WITHDRAWN,)], ids=str
)
def test_an_event_happens_in_its_states_only(kind: Kind, road: tuple[Kind, ...]) -> None:
    """And where it cannot, the case says in which state it is."""
    before = case(*road)
    told = kind not in {Kind.ACKNOWLEDGED, Kind.ANSWERED} or before.manufacturers
    if before.state in WHEN[kind] and told:
        assert apply(before, event(len(road) + 2, kind)).events[-1].kind is kind
    else:
        with pytest.raises(CaseError, match=ID):
            apply(before, event(len(road) + 2, kind))


@pytest.mark.parametrize("kind", sorted(REASONED))
def test_a_reason_is_given(kind: Kind) -> None:
    """White space is none."""
    road = () if State.DRAFT in WHEN[kind] else (Kind.CLOSED,)
    with pytest.raises(CaseError, match="needs a reason") as caught:
        apply(case(*road), event(len(road) + 2, kind, why=" \n"))
    assert caught.value.reason == "no_reason"


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ([], "no_opening"),
        ([event(1, Kind.CHANGED)], "no_opening"),
        ([event(2, Kind.OPENED)], "no_opening"),
        ([event(1, Kind.OPENED), event(3, Kind.CHANGED)], "gap"),
        ([event(1, Kind.OPENED), event(2, Kind.OPENED)], "wrong_state"),
        ([event(1, Kind.OPENED), event(2, Kind.CHANGED, quantity="many")], "field"),
        ([event(1, Kind.OPENED), event(2, Kind.CHANGED, quantity=True)], "field"),
        ([event(1, Kind.OPENED), event(2, Kind.CHANGED, events="")], "field"),
        ([event(1, Kind.OPENED), event(2, Kind.CHANGED, note="a" * 4001)], "field"),
        ([event(1, Kind.OPENED), event(2, Kind.CLOSED, outcome="fake")], "outcome"),
        ([event(1, Kind.OPENED), event(2, Kind.NOTIFIED), event(3, Kind.ANSWERED, manufacturer=8)], "not_told"),
    ],
    ids=range(11),
)
def test_what_cannot_have_happened_is_refused(found: list[Event], reason: str) -> None:
    """A gap, a field that no case has, a value of another type, an answer of somebody who was not told."""
    with pytest.raises(CaseError) as caught:
        fold(ID, found)
    assert caught.value.reason == reason


@given(kinds=st.lists(st.sampled_from(sorted(set(Kind) - {Kind.OPENED})), max_size=12))
def test_no_road_ends_where_none_leads(kinds: list[Kind]) -> None:
    """Whatever is tried in whatever order: a withdrawn case stays so, and an outcome is that of a closed case."""
    standing = case()
    for kind in kinds:
        before = standing
        try:
            standing = apply(before, event(len(before.events) + 1, kind))
        except CaseError:
            continue
        assert standing.state in ALL
        assert (standing.outcome is not None) == (standing.state is State.CLOSED)
        assert before.state is not State.WITHDRAWN or standing.state is State.WITHDRAWN
    assert fold(ID, standing.events) == standing


def test_an_event_is_written_as_rfc_8785_says() -> None:
    """Put together from its values, which are written once, it is the same as written whole."""
    one = event(2, Kind.CHANGED, why="ü \x1f", note="\u20ac \U0001f600")
    whole: dict[str, Any] = {
        "case": ID, "number": 2, "time": one.time, "who": 5, "kind": "changed", "why": one.why, "values": dict(one.values),
    }  # fmt: skip
    assert one.canonical(ID) == one.canonical(ID, one.body()) == rfc8785.dumps(whole)


def test_a_hash_is_of_everything() -> None:
    """Another case, number, time, person, kind, reason or value gives another."""
    first = event(2, Kind.CHANGED)
    others = [
        event(3, Kind.CHANGED), event(2, Kind.CUSTODY), event(2, Kind.CHANGED, why="x"), event(2, Kind.CHANGED, quantity=1),
        Event(2, first.time, 6, first.kind, first.why, first.values), Event(2, 0, 5, first.kind, first.why, first.values),
    ]  # fmt: skip
    assert len({first.sha256(ID), first.sha256("another"), *(one.sha256(ID) for one in others)}) == 8

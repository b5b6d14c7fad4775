"""A notice holds what was chosen and nothing else; an answer names what is wrong with it; recordals remind in time."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import date, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.enforcement import recordals
from registry.enforcement.answers import Answer, Fault, Feature, Own, Record, Says, faults, records
from registry.enforcement.cases import Case, Details, Event, Kind, Outcome, fold
from registry.enforcement.deliveries import ATTEMPTS, next_attempt
from registry.enforcement.notices import FIELDS, PHOTOS, Notice, available, compose, showable
from registry.enforcement.recordals import Recordal, Right, Standing, months_before, ten_years
from registry.errors import CaseError, DocumentError
from webapp.languages import LANGUAGES
from webapp.presenter import desk_notices as words

OFFICE = "MARKED-OFFICE"
TEXTS = [one.name for one in fields(Details) if isinstance(one.default, str)]
NAME = "K7M2P9QX4T3W"
NUMBERS = {"quantity": 8_675_309, "detained_at": 1_712_345_678}


def full() -> Case:
    """Return a case in which every text is a mark of its own."""
    values: dict[str, Any] = {name: f"MARKED-{name.upper()}" for name in TEXTS} | NUMBERS
    lines = [
        {"gtin": f"0950600013{n:04}", "serial": f"SERIAL{n}", "group": group, "manufacturer": maker}
        for n, (group, maker) in enumerate((("registered", 7), ("not_registered", None), ("withdrawn", 8)))
    ]
    photos = [
        {
            "id": f"PHOTO{n}",
            "sha256": f"{n:064}",
            "size": 5_550_000 + n,
            "type": "image/jpeg",
            "name": f"NAME{n}",
            "shows": f"SHOWS{n}",
        }
        | ({"derived_from": f"PHOTO{n - 1}"} if n % 2 else {})
        for n in range(4)
    ]
    events = [Event(1, 1_790_000_000, 990_017, Kind.OPENED, "WHY", {"office": 990_003, **values}),
              Event(2, 1_790_000_000, 990_017, Kind.UNITS_ADDED, "", {"units": lines})]  # fmt: skip
    events += [Event(3 + n, 1_790_000_000, 990_017, Kind.PHOTO_ADDED, "", photo) for n, photo in enumerate(photos)]
    return fold(NAME, events)


CASE = full()
MARKS: dict[str, list[str]] = {
    **{name: [f"MARKED-{name.upper()}"] for name in TEXTS if name != "currency"},
    "office": [OFFICE], "declared_value": ["MARKED-DECLARED_VALUE", "MARKED-CURRENCY"],
    "quantity": ["8675309", "8,675,309"], "detained_at": ["1712345678", "April 5", "4月6日"],
    "units": ["SERIAL0", "SERIAL1"], "verdicts": ["not_registered", '"lines"'],
}  # fmt: skip
NEVER = ["WHY", "990003", "990017", "SERIAL2", "withdrawn", "PHOTO0", "PHOTO2", "NAME1", "SHOWS1", "MARKED-NOTE"]


def made(chosen: set[str], photos: set[str] = frozenset(), language: str = "en") -> Notice:  # type: ignore[assignment]  # empty
    """Return a notice to manufacturer 7."""
    return compose(
        CASE, OFFICE, chosen, photos, id="ab" * 16, manufacturer=7, language=language, time=1_790_000_000, who=990_017
    )


@settings(max_examples=50)
@given(st.sets(st.sampled_from([name for name in FIELDS if name != PHOTOS]), min_size=1),
       st.sets(st.sampled_from(["PHOTO1", "PHOTO3"])), st.sampled_from(LANGUAGES))  # fmt: skip
def test_what_was_not_chosen_is_nowhere(chosen: set[str], photos: set[str], language: Any) -> None:
    """Neither in the payload, nor in the letter, nor in the mail, nor in the file; and what was chosen is in the payload."""
    notice = made(chosen, photos, language.tag)
    payload = notice.canonical().decode()
    subject, body = words.mail(notice, "ABABABAB", OFFICE if "office" in chosen else "-", "https://site.example/desk/inbox/x")
    whole = f"{payload}\n{words.letter(notice)}\n{subject}\n{body}"
    whole = re.sub("[0-9a-f]{64}", "", whole)  # a hash may hold any number
    for name, marks in MARKS.items():
        if name == "note":
            continue
        for mark in marks:
            assert name in chosen or mark not in whole, (name, mark)
        assert name not in chosen or marks[0] in payload
    for photo in ("PHOTO1", "PHOTO3"):
        assert (photo in payload) == (photo in photos)
        assert photo in photos or photo not in whole
    for mark in NEVER:
        assert mark not in whole, mark
    assert orjson.loads(payload)["fields"].keys() == set(notice.fields)
    assert not any(mark in subject + body for name, marks in MARKS.items() if name != "office" for mark in marks)


def test_every_field_can_be_told() -> None:
    """Each of the list has a value in a full case and a name in words; what cannot be told is refused."""
    assert set(available(CASE, OFFICE, 7)) == set(FIELDS) - {PHOTOS}
    assert [one["id"] for one in showable(CASE)] == ["PHOTO1", "PHOTO3"]
    assert [one["serial"] for one in available(CASE, OFFICE, 8)["units"]] == ["SERIAL1", "SERIAL2"]
    for chosen, photos, reason in (
        ({"note"}, set(), "field"),
        (set(), set(), "nothing_told"),
        ({"region"}, {"PHOTO0"}, "photo"),
    ):
        with pytest.raises(CaseError) as refused:
            made(chosen, photos)
        assert refused.value.reason == reason
    with pytest.raises(CaseError, match="language"):
        made({"region"}, language="fr")


def test_the_hash_is_of_what_is_sent() -> None:
    """One known notice, so that receivers of other makes can compare."""
    notice = Notice("ab" * 16, NAME, 7, "en", 1_790_000_000, 5, {"region": "CN-SH", "quantity": 2000})
    assert notice.canonical() == (
        b'{"case":"K7M2P9QX4T3W","fields":{"quantity":2000,"region":"CN-SH"},"id":"' + b"ab" * 16 + b'","language":"en",'
        b'"manufacturer":7,"time":1790000000,"type":"touchstone.notice","version":1}'
    )
    assert notice.sha256() != replace(notice, time=notice.time + 1).sha256()


GOOD = Answer(
    "Chen", "head of brand protection", ("PHOTO1",), features=(Feature("hologram", "moves", "is printed"),),
    own=dict.fromkeys(Own, Says.NO), conclusion=Outcome.COUNTERFEIT, knows_liability=True,
)  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), [
    ({}, {}),
    ({"signer": " "}, {"signer": Fault.MISSING}),
    ({"authority": "x" * 201}, {"authority": Fault.TOO_LONG}),
    ({"photos": ("PHOTO9",)}, {"photos": Fault.NOT_TOLD}),
    ({"photos": ()}, {"photos": Fault.MISSING}),
    ({"photos": (), "seal": "CN-77"}, {}),
    ({"features": ()}, {"features": Fault.MISSING}),
    ({"features": (Feature("a", "", "b"),)}, {"features": Fault.UNFINISHED}),
    ({"features": (Feature("a", "b", "c"),) * 13}, {"features": Fault.TOO_MANY}),
    ({"features": (), "conclusion": Outcome.UNDETERMINED}, {}),
    ({"own": {kind: Says.NO for kind in Own if kind is not Own.OVER_RUN}}, {"own_over_run": Fault.MISSING}),
    ({"own": dict.fromkeys(Own, Says.YES)}, {"conclusion": Fault.CONTRADICTS}),
    ({"own": dict.fromkeys(Own, Says.UNKNOWN)}, {}),
    ({"conclusion": None}, {"conclusion": Fault.MISSING}),
    ({"conclusion": Outcome.DIVERTED}, {"conclusion": Fault.CONTRADICTS}),
    ({"knows_liability": False}, {"knows_liability": Fault.MISSING}),
])  # fmt: skip
def test_faults_are_named_by_field(change: dict[str, Any], expected: dict[str, Fault]) -> None:
    """Each alone, and a good answer has none."""
    assert faults(replace(GOOD, **change), ["PHOTO1"]) == expected


def test_an_empty_answer_misses_everything() -> None:
    """Every question that has to be answered, in the form's order."""
    assert list(faults(Answer(), [])) == [
        "signer", "authority", "photos", *[f"own_{kind}" for kind in Own], "conclusion", "knows_liability",
    ]  # fmt: skip


def test_what_answers_were_worth() -> None:
    """An accusation counts once for a case, also one that was taken back; open cases, and other answers, do not count."""

    def case(outcome: str, *said: tuple[int, str]) -> Case:
        happened: list[tuple[Kind, dict[str, Any]]] = [(Kind.OPENED, {"office": 3})]
        happened += [(Kind.NOTIFIED, {"notice": "n", "manufacturer": maker, "fields": [], "sha256": ""}) for maker in (7, 8)]
        happened += [(Kind.ANSWERED, {"notice": "n", "manufacturer": maker, "conclusion": text}) for maker, text in said]
        happened += [(Kind.CLOSED, {"outcome": outcome})] if outcome else []
        return fold(NAME, [Event(n, n, 5, kind, "why", values) for n, (kind, values) in enumerate(happened, 1)])

    found = records([
        case("counterfeit", (7, "counterfeit"), (7, "counterfeit"), (8, "genuine")), case("copied_label", (7, "copied_label")),
        case("genuine", (7, "counterfeit"), (7, "genuine")), case("undetermined", (8, "counterfeit")),
        case("", (7, "counterfeit")),
    ])  # fmt: skip
    assert list(found) == [Record(7, 2, 1, 0), Record(8, 0, 0, 1)]
    assert [one.share_reversed for one in found] == [1 / 3, None]


@pytest.mark.parametrize(("today", "expected"), [
    ("2020-04-30", Standing.NOT_YET), ("2020-05-01", Standing.VALID), ("2029-10-29", Standing.VALID),
    ("2029-10-30", Standing.SIX_MONTHS), ("2030-01-29", Standing.SIX_MONTHS), ("2030-01-30", Standing.THREE_MONTHS),
    ("2030-03-30", Standing.ONE_MONTH), ("2030-04-30", Standing.ONE_MONTH), ("2030-05-01", Standing.EXPIRED),
])  # fmt: skip
def test_a_recordal_reminds(today: str, expected: Standing) -> None:
    """Six months, three, one, and when it is over; in China without a last day it is valid for ten years."""
    recordal = recordals.read("cn", " T2020-1 ", "trade_mark", "2020-05-01", "")
    assert recordal == Recordal("CN", "T2020-1", Right.TRADE_MARK, date(2020, 5, 1), date(2030, 4, 30))
    assert recordal.standing(date.fromisoformat(today)) is expected


@given(st.dates(date(1990, 1, 1), date(2080, 1, 1)), st.integers(0, 12))
def test_days_of_the_calendar(day: date, months: int) -> None:
    """Months back land in the right month; ten years end the day before, leap days included."""
    before = months_before(day, months)
    assert (before.year * 12 + before.month, before.day <= day.day) == (day.year * 12 + day.month - months, True)
    after = ten_years(day) + timedelta(1)
    assert (after.year - day.year, (after.month, after.day)) in {(10, (day.month, day.day)), (10, (3, 1))}


@pytest.mark.parametrize("typed", [
    ("C", "1", "patent", "2020-05-01", ""), ("EU", "1", "patent", "2020-05-01", ""), ("CN", "<b>", "patent", "2020-05-01", ""),
    ("CN", "1", "idea", "2020-05-01", ""), ("CN", "1", "patent", "1.5.2020", ""),
    ("CN", "1", "patent", "2020-05-01", "2020-04-01"),
])  # fmt: skip
def test_bad_recordals_are_refused(typed: tuple[str, str, str, str, str]) -> None:
    """The message begins with the field."""
    with pytest.raises(DocumentError, match=r"^(jurisdiction|number|right|first|last):"):
        recordals.read(*typed)


def test_attempts_end_after_two_days() -> None:
    """Eight attempts, each later than the one before, within two days and their jitter."""
    waits = [next_attempt(n, 0, chance) for n in range(1, ATTEMPTS) for chance in (0.0, 1.0)]
    assert waits == sorted(waits, key=lambda wait: wait or 0)
    total = sum(next_attempt(n, 0, 0.0) or 0 for n in range(1, ATTEMPTS))
    assert 1.5 * 86_400 < total < 2 * 86_400
    assert next_attempt(ATTEMPTS, 0) is None

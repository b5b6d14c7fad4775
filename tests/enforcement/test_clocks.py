"""Periods end on the day that was counted by hand from the sources, and nothing is counted on a guess.

Days off in China are those of the notices of the State Council's General Office for each year; in the Member States those of
their laws; in the institutions of the EU those of the Commission's decisions (OJ C 201 I, 28.5.2021, p. 2).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.enforcement.cases import Event, Kind, fold
from registry.enforcement.clocks import Deadline, State, deadlines, of_case, procedure, procedures, reminders
from registry.enforcement.workdays import Calendar, LastDay, Unit, china, institutions, last_day, member_state
from registry.errors import CalendarUnknown, CaseError

BELGIUM = member_state("BE", 2014, 2027)
CALENDARS = st.sampled_from([china(), BELGIUM, member_state("DE-BY", 2014, 2027)])
DAYS = st.dates(date(2015, 1, 1), date(2025, 6, 30))
EARLY = datetime(2015, 1, 1, tzinfo=UTC)
"""Before everything, so that nothing has passed."""


def at(day: str, hour: int = 2) -> datetime:
    """Return a moment of a day, in UTC: 2 o'clock is the same day in Shanghai and in Europe."""
    return datetime.fromisoformat(f"{day}T{hour:02}:30:00+00:00")


def one(
    clock: str, day: str, *, now: datetime = EARLY, perishable: bool = False, state: str = "", **events: datetime
) -> Deadline:
    """Return the deadline of a clock that a day started."""
    jurisdiction, name, _ = clock.split(".")
    found = procedure(jurisdiction, name)
    starts = next(each.starts for each in found.clocks if each.id == clock)
    told = deadlines(found, {starts: at(day)} | events, now, perishable=perishable, member_state=state)
    return next(deadline for deadline in told if deadline.clock.id == clock)


def last(clock: str, day: str, **more: Any) -> str:
    """Return the last day of a clock that a day started."""
    ends = one(clock, day, **more).ends
    assert ends is not None
    assert (ends.hour, ends.minute, ends.second) == (23, 59, 59)
    return ends.date().isoformat()


CN_APPLY = "cn_customs.ex_officio.application"
CN_DETERMINE = "cn_customs.ex_officio.determination"
CN_COURT = "cn_customs.ex_officio.court_notice"
CN_OWN = "cn_customs.on_application.court_notice"
CN_RECORDAL = "cn_customs.recordal.validity"
CN_PLATFORM = "cn_platform.notice.complaint_or_action"
EU_TOLD = "eu_customs.destruction.declarant_told"
EU_CONFIRM = "eu_customs.destruction.confirmation"
EU_COURT = "eu_customs.destruction.proceedings"
EU_SMALL = "eu_customs.small_consignment.declarant"


@pytest.mark.parametrize(
    ("clock", "day", "expected"),
    [
        # Spring Festival 2026: 15 to 23 February are off, Saturdays 14 and 28 February are worked. 13, 14, 24.
        (CN_APPLY, "2026-02-12", "2026-02-24"),
        # 13, 14, 24 to 28 are seven; 23 weekdays from 2 March to 1 April.
        (CN_DETERMINE, "2026-02-12", "2026-04-01"),
        # 30 until 1 April; 2, 3; Qingming is off from 4 to 6; 7 to 10, 13 to 17, 20 to 24, 27 to 30.
        (CN_COURT, "2026-02-12", "2026-04-30"),
        # National Day 2025: 1 to 8 October are off, Sunday 28 September and Saturday 11 October are worked.
        # 28, 29, 30; 9, 10, 11; 13 to 17, 20 to 24, 27 to 30.
        (CN_OWN, "2025-09-26", "2025-10-30"),
        # Year ends: 1 January 2025 alone was off; 1 to 3 January 2026 were, and Sunday 4 January was worked.
        (CN_APPLY, "2024-12-30", "2025-01-03"),
        (CN_APPLY, "2025-12-31", "2026-01-06"),
        # The fifteenth day is no day off; is one of the Spring Festival; is a Saturday that is worked.
        (CN_PLATFORM, "2026-03-02", "2026-03-17"),
        (CN_PLATFORM, "2026-02-02", "2026-02-24"),
        (CN_PLATFORM, "2026-02-13", "2026-02-28"),
        # Ten years end on the same date, a Sunday too; there is no 29 February in 2026. It needs no calendar.
        (CN_RECORDAL, "2016-05-17", "2026-05-17"),
        (CN_RECORDAL, "2016-02-29", "2026-02-28"),
        (CN_RECORDAL, "2026-11-23", "2036-11-23"),
    ],
)
def test_periods_in_china_end_on_the_day_that_was_counted_by_hand(clock: str, day: str, expected: str) -> None:
    assert last(clock, day) == expected


@pytest.mark.parametrize(
    ("clock", "day", "state", "expected"),
    [
        # Christmas: 25 December and 1 January are off in Belgium; 23, 24, 26, 29, 30, 31, 2, 5, 6, 7.
        (EU_CONFIRM, "2025-12-22", "BE", "2026-01-07"),
        # 26 December is off in Germany as well, and 6 January in Bavaria.
        (EU_CONFIRM, "2025-12-22", "DE", "2026-01-08"),
        (EU_CONFIRM, "2025-12-22", "DE-BY", "2026-01-09"),
        # Easter Sunday 2026 is 5 April. Good Friday is worked in Belgium, not in Germany; Easter Monday in neither.
        (EU_CONFIRM, "2026-04-01", "BE", "2026-04-16"),
        (EU_CONFIRM, "2026-04-01", "DE", "2026-04-17"),
        (EU_SMALL, "2026-04-01", "BE", "2026-04-16"),
        # Orthodox Easter Monday 2026 is 13 April; Good Friday there is 10 April. 2, 3, 6, 7, 8, 9, 14, 15, 16, 17.
        (EU_CONFIRM, "2026-04-01", "GR", "2026-04-17"),
        # One working day.
        (EU_TOLD, "2026-04-02", "BE", "2026-04-03"),
        (EU_TOLD, "2026-04-02", "DE", "2026-04-07"),
        (EU_TOLD, "2026-01-09", "BE", "2026-01-12"),
        # The institutions in 2023: Maundy Thursday 6 April, Good Friday and Easter Monday are off.
        (EU_CONFIRM, "2023-04-05", "", "2023-04-24"),
        # 9 May; Ascension Day and the day after, 18 and 19 May. 10, 11, 12, 15, 16, 17, 22, 23, 24, 25.
        (EU_CONFIRM, "2023-05-08", "", "2023-05-25"),
    ],
)
def test_periods_in_the_eu_end_on_the_day_that_was_counted_by_hand(clock: str, day: str, state: str, expected: str) -> None:
    assert last(clock, day, state=state) == expected


def test_perishable_goods_have_three_working_days_and_no_extension() -> None:
    extended = at("2026-04-07")
    assert last(EU_CONFIRM, "2026-04-01", state="BE", perishable=True) == "2026-04-07"
    assert last(EU_COURT, "2026-04-01", state="BE", perishable=True, extended=extended) == "2026-04-07"
    # 16 April is the tenth; 17, 20 to 24, 27 to 30 are ten more.
    assert last(EU_COURT, "2026-04-01", state="BE", extended=extended) == "2026-04-30"


@pytest.mark.parametrize(
    ("event", "length", "expected"),
    [
        (date(2026, 1, 9), 1, date(2026, 1, 12)),  # Friday: Saturday moves to Monday, and one day needs no second
        (date(2026, 1, 9), 2, date(2026, 1, 13)),  # Sunday moves to Monday, and Tuesday is the second working day
        (date(2026, 12, 24), 3, date(2026, 12, 29)),  # 25 is off, 26 and 27 a weekend: Monday and Tuesday
        (date(2026, 1, 5), 2, date(2026, 1, 7)),
    ],
)
def test_a_period_of_two_days_or_more_has_two_working_days(event: date, length: int, expected: date) -> None:
    found = last_day(BELGIUM, event, length, Unit.CALENDAR_DAYS, moves=LastDay.NEXT_WORKING_DAY, least=2)
    assert found == expected


def test_the_day_of_an_event_is_that_of_its_place() -> None:
    evening = datetime(2026, 2, 11, 16, 30, tzinfo=UTC)  # half past midnight of the 12th in Shanghai
    deadline = one(CN_APPLY, "2026-02-12", notified=evening)
    assert deadline.starts.date() == date(2026, 2, 12)
    assert deadline.ends == datetime(2026, 2, 24, 15, 59, 59, tzinfo=UTC)
    assert last(CN_APPLY, "2026-02-12", notified=evening - timedelta(hours=1)) == "2026-02-14"
    night = datetime(2026, 6, 1, 22, 30, tzinfo=UTC)  # 2 June in Helsinki, still 1 June in Dublin
    assert last(EU_TOLD, "2026-06-01", state="FI", detained=night) == "2026-06-03"
    assert last(EU_TOLD, "2026-06-01", state="IE", detained=night) == "2026-06-02"


def test_a_year_without_data_is_told_and_hides_no_other_deadline() -> None:
    year = max(chinese_calendar.constants.holidays).year
    events = {"notified": at(f"{year}-11-23"), "detained": at(f"{year}-11-23")}
    apply, determine, court = deadlines(procedure("cn_customs", "ex_officio"), events, at(f"{year}-11-23"))
    assert (apply.state, apply.working_days_left) == (State.RUNNING, 3)
    for deadline in (determine, court):
        assert (deadline.state, deadline.ends, deadline.working_days_left) == (State.UNKNOWN, None, None)
        assert deadline.unknown is not None
        assert "update" in str(deadline.unknown.hint)


@pytest.mark.parametrize(("days", "state"), [(49, State.STOPPED), (50, State.STOPPED), (51, State.UNKNOWN)])
def test_what_was_done_within_as_many_days_is_in_time_whatever_the_calendar_says(days: int, state: State) -> None:
    event = at(f"{max(chinese_calendar.constants.holidays).year}-11-23")
    done = event + timedelta(days=days)
    assert one(CN_COURT, f"{event:%Y-%m-%d}", now=event + timedelta(days=90), court_notified=done).state is state


@pytest.mark.parametrize("state", ["", "CH", "DE-XX", "Belgium"])
def test_a_case_of_the_eu_without_a_member_state_has_no_end_in_a_year_that_nobody_told(state: str) -> None:
    assert one(EU_CONFIRM, "2026-02-02", state=state).state is State.UNKNOWN
    assert one(EU_CONFIRM, "2026-02-02", state="BE").state is State.RUNNING
    after = procedure("eu_customs", "destruction").jurisdiction.years[-1]
    assert one(EU_CONFIRM, f"{after}-12-28", state="BE").state is State.UNKNOWN


@pytest.mark.parametrize("calendar", [china(), BELGIUM, institutions({})])
def test_a_calendar_refuses_a_year_that_it_was_not_told(calendar: Calendar) -> None:
    with pytest.raises(CalendarUnknown, match="2099"):
        calendar.works(date(2099, 1, 2))


@pytest.mark.parametrize("code", ["XX", "DE-XX"])
def test_a_state_that_there_is_not_is_refused(code: str) -> None:
    with pytest.raises(CalendarUnknown, match="found no public holidays of"):
        member_state(code, 2014, 2027)


def test_a_deadline_runs_is_due_and_passes_at_midnight_of_its_place() -> None:
    brussels = ZoneInfo("Europe/Brussels")

    def seen(day: int, hour: int, **events: Any) -> tuple[State, int | None]:
        now = datetime(2026, 4, day, hour, 59, 59, tzinfo=brussels)
        found = one(EU_CONFIRM, "2026-04-01", state="BE", now=now, **events)
        return found.state, found.working_days_left

    assert seen(1, 12) == (State.RUNNING, 10)
    assert seen(8, 23) == (State.RUNNING, 6)
    assert seen(9, 0) == (State.DUE_SOON, 5)
    assert seen(16, 23) == (State.DUE_SOON, 0)
    assert seen(17, 0) == (State.PASSED, 0)
    assert seen(17, 0, answered=at("2026-04-16"))[0] is State.STOPPED
    assert seen(17, 2, answered=at("2026-04-17", 0))[0] is State.PASSED  # too late takes nothing back
    assert seen(9, 0, answered=at("2026-04-10"))[0] is State.DUE_SOON  # not yet


def test_reminders_come_at_eight_before_the_end_and_never_for_what_is_done() -> None:
    deadline = one(EU_CONFIRM, "2026-04-01", state="BE", now=at("2026-04-01"))
    days = [(when.day, when.hour) for when, _ in reminders((deadline,), at("2026-04-01"), at("2026-05-01"))]
    assert days == [(9, 8), (14, 8), (15, 8), (16, 8)]
    assert not reminders((deadline,), at("2026-04-09", 6), at("2026-04-14", 5))
    done = one(EU_CONFIRM, "2026-04-01", state="BE", now=at("2026-04-03"), answered=at("2026-04-02"))
    assert not reminders((done,), at("2026-04-01"), at("2026-05-01"))


def test_a_recordal_is_renewed_in_its_last_six_months() -> None:
    deadline = one(CN_RECORDAL, "2016-08-31", now=at("2026-01-15"))
    assert deadline.opens == datetime(2026, 2, 28, tzinfo=ZoneInfo("Asia/Shanghai"))
    assert (deadline.state, deadline.working_days_left) == (State.RUNNING, None)


def test_every_clock_says_its_article_and_what_is_doubtful_of_it() -> None:
    clocks = [clock for found in procedures() for clock in found.clocks]
    assert len({clock.id for clock in clocks}) == len(clocks) == 13
    for clock in clocks:
        assert clock.instrument
        assert clock.article
        assert clock.source.startswith("http")
        assert clock.confirmed != bool(clock.doubt)
        assert clock.reminders == tuple(sorted(clock.reminders, reverse=True))
        assert clock.starts not in clock.stopped_by


def test_the_page_about_clocks_tells_each_as_it_is() -> None:
    page = (Path(__file__).parents[2] / "docs" / "clocks.md").read_text("utf-8")
    rows = {cells[1].strip(" *`"): cells for line in page.splitlines() if len(cells := line.split("|")) == 8}
    units = {Unit.WORKING_DAYS: "w", Unit.CALENDAR_DAYS: "c", Unit.YEARS: "years"}
    for clock in (clock for found in procedures() for clock in found.clocks):
        name, _, length, _, _, instrument = rows[clock.id][1:7]
        assert ("**" in name) is clock.confirmed
        assert length.strip().startswith(f"{clock.length} {units[clock.unit]}")
        assert (f"perishable {clock.perishable_length} w" in length) is bool(clock.perishable_length)
        assert (f"at most {clock.extension} w" in length) is bool(clock.extension)
        assert f"art. {clock.article.partition(';')[0]}" in instrument
        assert f": {clock.source}" in page


def told(*events: tuple[Kind, str, dict[str, Any]], **details: Any) -> Any:
    """Return a case to which this happened on those days."""
    opening = Event(1, 1_760_000_000, 5, Kind.OPENED, values={"office": 3, **details})
    return fold("K7M2P9QX4T3W", [opening, *(
        Event(number, int(at(day).timestamp()), 5, kind, "because", values)
        for number, (kind, day, values) in enumerate(events, 2)
    )])  # fmt: skip


def notified(manufacturer: int) -> dict[str, Any]:
    """Return the values of a telling."""
    return {"notice": "n1", "manufacturer": manufacturer, "fields": [], "sha256": "11" * 32}


EU_CASE = {"jurisdiction": "eu_customs", "procedure": "destruction", "member_state": "BE"}


def test_a_case_starts_and_stops_its_clocks() -> None:
    detained = int(at("2026-03-31").timestamp())
    first = (Kind.NOTIFIED, "2026-04-01", notified(7))
    second = (Kind.NOTIFIED, "2026-04-03", notified(8))
    answer = (Kind.ANSWERED, "2026-04-10", {"manufacturer": 7})
    other = (Kind.ANSWERED, "2026-04-13", {"manufacturer": 8})

    def seen(*events: Any) -> dict[str, str]:
        case = told(*events, **EU_CASE, detained_at=detained)
        return {deadline.clock.id.split(".")[2]: deadline.state.value for deadline in of_case(case, at("2026-04-20"))}

    assert seen() == {"declarant_told": "passed"}
    assert seen(first, second, answer)["confirmation"] == "passed"  # the other has not answered
    assert seen(first, second, answer, other)["confirmation"] == "stopped"
    assert seen(first, answer)["consent"] == "passed"  # an answer agrees to nothing
    closed = (Kind.CLOSED, "2026-04-15", {"outcome": "genuine"})
    assert seen(first, closed)["consent"] == "stopped"
    assert seen(first, closed, (Kind.REOPENED, "2026-04-16", {}))["consent"] == "passed"


def test_a_case_without_a_procedure_has_no_clocks_and_an_unknown_one_is_refused() -> None:
    assert of_case(told(detained_at=1_760_000_000), at("2026-04-20")) == ()
    with pytest.raises(CaseError, match="found procedure eu_customs hearsay"):
        of_case(told(jurisdiction="eu_customs", procedure="hearsay"), at("2026-04-20"))


def test_a_time_without_a_zone_is_refused() -> None:
    naive = at("2026-04-01").replace(tzinfo=None)
    with pytest.raises(CaseError, match="expected a time with its zone"):
        deadlines(procedure("cn_customs", "ex_officio"), {"notified": naive}, EARLY)


@given(calendar=CALENDARS, day=DAYS, later=st.integers(0, 40), length=st.integers(1, 60), unit=st.sampled_from(list(Unit)[:2]))
def test_who_begins_later_never_ends_earlier(calendar: Calendar, day: date, later: int, length: int, unit: Unit) -> None:
    ends = [
        last_day(calendar, start, length, unit, moves=LastDay.NEXT_WORKING_DAY, least=2)
        for start in (day, day + timedelta(days=later))
    ]
    assert ends == sorted(ends)


@given(calendar=CALENDARS, day=DAYS, length=st.integers(1, 60), unit=st.sampled_from(list(Unit)[:2]))
def test_no_period_ends_on_a_day_off(calendar: Calendar, day: date, length: int, unit: Unit) -> None:
    end = last_day(calendar, day, length, unit, moves=LastDay.NEXT_WORKING_DAY)
    assert calendar.works(end)
    assert end > day
    if unit is Unit.WORKING_DAYS:
        assert calendar.between(day, end) == length


@given(calendar=CALENDARS, day=DAYS, length=st.integers(1, 60))
def test_one_working_day_more_ends_on_the_next_working_day(calendar: Calendar, day: date, length: int) -> None:
    shorter, longer = (
        last_day(calendar, day, days, Unit.WORKING_DAYS, moves=LastDay.NEXT_WORKING_DAY) for days in (length, length + 1)
    )
    assert longer == calendar.after(shorter, 1)
    assert calendar.before(longer, 1) == shorter

"""The clocks of the law: which periods run for a case, when each ends, who has to act, and what follows if nobody does.

They are data: a file of each jurisdiction in `jurisdictions/`, every clock with its article and whether we could confirm it.
They help an office to keep its periods and are no legal advice (docs/clocks.md). A period begins the day after its event, by
the calendar of its place, and ends with the last hour of its last day there. Where a calendar has no data the deadline says so
and has no end; the others of the case are told all the same.
"""

from __future__ import annotations

import enum
import tomllib
from calendar import monthrange
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from registry.enforcement import workdays
from registry.enforcement.cases import Kind
from registry.enforcement.workdays import Calendar, LastDay, Unit
from registry.errors import CalendarUnknown, CaseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.enforcement.cases import Case

NAMES: Final = ("cn_customs", "cn_platform", "eu_customs")
"""The jurisdictions, as a case names them."""
LAST_SECOND: Final = time(23, 59, 59)
REMINDED_AT: Final = time(8)
"""When a reminder is due on its day, where the clock runs."""


class State(enum.StrEnum):
    """How a deadline stands."""

    RUNNING = "running"
    DUE_SOON = "due_soon"
    """Since the day of its first reminder."""
    PASSED = "passed"
    """Nobody acted in time. What is done later does not take this back."""
    STOPPED = "stopped"
    """Somebody acted in time, or the case was closed."""
    UNKNOWN = "unknown"
    """The calendar has no data for it; `Deadline.unknown` says which."""


class FirstDay(enum.StrEnum):
    """Which day is the first of a period."""

    DAY_AFTER = "day_after"
    """The day of the event does not count. No clock here has another rule."""


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """Whose clocks, and by which calendar they run."""

    id: str
    title: str
    time_zone: str
    """Where no Member State says another."""
    calendar: str
    """`china`, or `member_state` for that of the case; without one, that of the EU's institutions."""
    least_working_days: int = 0
    """In a period of two days or more."""
    years: Sequence[int] = ()
    """First and last year for which the Member States' holidays were looked through."""
    time_zones: Mapping[str, str] = field(default_factory=dict)
    """By Member State."""
    institution_days: Mapping[int, frozenset[date]] = field(default_factory=dict)

    def calendar_of(self, member_state: str) -> Calendar:
        """Return the working days of a case; raises `CalendarUnknown` for something that is no Member State."""
        if self.calendar == "china":
            return workdays.china()
        if not member_state:
            return workdays.institutions(self.institution_days)
        if member_state.partition("-")[0] not in self.time_zones:
            raise CalendarUnknown(
                f"found Member State {member_state!r}, expected one of {', '.join(self.time_zones)}",
                hint="correct the Member State of the case",
            )
        return workdays.member_state(member_state, *self.years)

    def zone_of(self, member_state: str) -> ZoneInfo:
        """Return the time zone of a case."""
        return ZoneInfo(self.time_zones.get(member_state.partition("-")[0], self.time_zone))


@dataclass(frozen=True, slots=True)
class Clock:
    """A period that the law sets. The codes of what, who and what then are stable; their words are the presenter's."""

    id: str
    starts: str
    """The event that starts it."""
    length: int
    unit: Unit
    first_day: FirstDay
    last_day: LastDay
    actor: str
    act: str
    then: str
    """What follows if it passes."""
    stopped_by: frozenset[str]
    reminders: tuple[int, ...]
    """Days before the last one, working days where the period is of such; 0 is the last day itself."""
    instrument: str
    article: str
    source: str
    confirmed: bool
    doubt: str = ""
    """What could not be confirmed."""
    perishable_length: int = 0
    """For perishable goods; 0 if it is the same."""
    extension: int = 0
    """By so much an event `extended` prolongs it; never for perishable goods where those have a length of their own."""
    window_months: int = 0
    """The act is possible only so long before the end; 0 if at any time."""

    def days(self, *, perishable: bool = False, extended: bool = False) -> int:
        """Return the length for some goods."""
        if perishable and self.perishable_length:
            return self.perishable_length
        return self.length + (self.extension if extended else 0)


@dataclass(frozen=True, slots=True)
class Procedure:
    """A procedure of a jurisdiction, and its clocks."""

    jurisdiction: Jurisdiction
    id: str
    title: str
    clocks: tuple[Clock, ...]


@dataclass(frozen=True, slots=True)
class Deadline:
    """A clock that runs, or ran. Times are those of the place."""

    clock: Clock
    starts: datetime
    """The event; the period begins the day after."""
    ends: datetime | None
    """The last second of the last day; None if the calendar is not known."""
    state: State
    working_days_left: int | None
    """After today, until the last day and with it; None if that is not known, and for periods of years."""
    opens: datetime | None = None
    """From when the act is possible, if not from the start."""
    reminders: tuple[datetime, ...] = ()
    unknown: CalendarUnknown | None = None


@lru_cache(maxsize=1)
def procedures() -> tuple[Procedure, ...]:
    """Return every procedure of every jurisdiction."""
    return tuple(procedure for name in NAMES for procedure in _read(name))


def procedure(jurisdiction: str, name: str) -> Procedure:
    """Return a procedure as a case names it; raises `CaseError` if there is none such."""
    for one in procedures():
        if (one.jurisdiction.id, one.id) == (jurisdiction, name):
            return one
    known = ", ".join(f"{one.jurisdiction.id} {one.id}" for one in procedures())
    raise CaseError(
        f"found procedure {jurisdiction} {name}, expected one of {known}",
        reason="procedure",
        hint="correct the case's procedure",
    )


def deadlines(
    procedure: Procedure, events: Mapping[str, datetime], now: datetime, *, perishable: bool = False, member_state: str = ""
) -> tuple[Deadline, ...]:
    """Return the deadlines of every clock that an event has started, in the order of the procedure.

    A clock whose calendar is not known is told as `State.UNKNOWN`. Raises `CaseError` for a time without a zone.
    """
    for name, when in (("now", now), *events.items()):
        if when.utcoffset() is None:
            raise CaseError(f"{name} is {when}, expected a time with its zone", reason="time")
    return tuple(
        _deadline(procedure.jurisdiction, clock, events, now, perishable=perishable, member_state=member_state)
        for clock in procedure.clocks
        if clock.starts in events
    )


def reminders(found: tuple[Deadline, ...], after: datetime, until: datetime) -> tuple[tuple[datetime, Deadline], ...]:
    """Return the reminders that fall due after one moment and until another, of deadlines that still run, in order."""
    due = (
        (when, deadline)
        for deadline in found
        if deadline.state in {State.RUNNING, State.DUE_SOON}
        for when in deadline.reminders
        if after < when <= until
    )
    return tuple(sorted(due, key=lambda reminder: reminder[0]))


def of_case(case: Case, now: datetime) -> tuple[Deadline, ...]:
    """Return the deadlines of a case: none if it names no procedure; raises `CaseError` if it names one that there is not.

    Where several rights holders were told, the first telling starts the clocks, and only the answer of all stops them: an end
    that is too early warns, one that is too late does harm.
    """
    details = case.details
    if not details.jurisdiction or not details.procedure:
        return ()
    found = procedure(details.jurisdiction, details.procedure)
    return deadlines(found, events_of(case), now, perishable=details.perishable, member_state=details.member_state)


def events_of(case: Case) -> dict[str, datetime]:
    """Return what a case knows of the events that start and stop clocks."""
    seconds: dict[str, int] = {}
    if case.details.detained_at:
        seconds["detained"] = case.details.detained_at
    if told := case.of(Kind.NOTIFIED):
        seconds["notified"] = min(event.time for event in told)
    answers: dict[int, int] = {}
    for event in case.of(Kind.ANSWERED):
        answers.setdefault(event.values["manufacturer"], event.time)
    if told and set(answers) >= set(case.manufacturers):
        seconds["answered"] = max(answers.values())
    over = case.of(Kind.CLOSED, Kind.REOPENED, Kind.WITHDRAWN)
    if over and over[-1].kind is not Kind.REOPENED:
        seconds["closed"] = over[-1].time
    return {name: datetime.fromtimestamp(when, UTC) for name, when in seconds.items()}


def _deadline(
    jurisdiction: Jurisdiction,
    clock: Clock,
    events: Mapping[str, datetime],
    now: datetime,
    *,
    perishable: bool,
    member_state: str,
) -> Deadline:
    zone = jurisdiction.zone_of(member_state)
    starts = events[clock.starts].astimezone(zone)
    days = clock.days(perishable=perishable, extended="extended" in events)
    acts = [events[name] for name in clock.stopped_by if name in events and events[name] <= now]
    acted = min(acts).astimezone(zone).date() if acts else None
    try:
        calendar = jurisdiction.calendar_of(member_state)
        last = workdays.last_day(
            calendar, starts.date(), days, clock.unit, moves=clock.last_day, least=jurisdiction.least_working_days
        )
        when = tuple(day for day in _reminded(clock, calendar, last) if day > starts.date())
        today = now.astimezone(zone).date()
        left = None if clock.unit is Unit.YEARS else calendar.between(max(today, starts.date()), last)
    except CalendarUnknown as error:
        # So many days are over before so many working days are, whatever the calendar says.
        in_time = acted is not None and acted <= starts.date() + timedelta(days=days)
        return Deadline(clock, starts, None, State.STOPPED if in_time else State.UNKNOWN, None, unknown=error)
    if acted is not None and acted <= last:
        state = State.STOPPED
    elif today > last:
        state = State.PASSED
    else:
        state = State.DUE_SOON if when and today >= when[0] else State.RUNNING
    return Deadline(
        clock, starts, datetime.combine(last, LAST_SECOND, zone), state, left,
        opens=datetime.combine(_months_before(last, clock.window_months), time(), zone) if clock.window_months else None,
        reminders=tuple(datetime.combine(day, REMINDED_AT, zone) for day in when),
    )  # fmt: skip


def _reminded(clock: Clock, calendar: Calendar, last: date) -> list[date]:
    """Return the days of a clock's reminders, the earliest first."""
    if clock.unit is Unit.WORKING_DAYS:
        return [calendar.before(last, count) for count in clock.reminders]
    return [last - timedelta(days=count) for count in clock.reminders]


def _months_before(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _read(name: str) -> tuple[Procedure, ...]:
    document = tomllib.loads(files("registry.enforcement").joinpath("jurisdictions", f"{name}.toml").read_text("utf-8"))
    listed = document.pop("procedures")
    days_off: dict[str, list[date]] = document.pop("institution_days", {})
    years: dict[str, Any] = {"institution_days": {int(year): frozenset(days) for year, days in days_off.items()}}
    jurisdiction = Jurisdiction(id=name, **document, **years)
    return tuple(
        Procedure(jurisdiction, one["id"], one["title"], tuple(_clock(clock) for clock in one["clocks"])) for one in listed
    )


def _clock(told: Mapping[str, Any]) -> Clock:
    return Clock(
        **{
            **told,
            "first_day": FirstDay(told["first_day"]),
            "unit": Unit(told["unit"]),
            "last_day": LastDay(told["last_day"]),
            "stopped_by": frozenset(told["stopped_by"]),
            "reminders": tuple(sorted(told["reminders"], reverse=True)),
        }
    )

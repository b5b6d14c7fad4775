"""Which days are working days in China, the Member States and the institutions of the EU, and how periods of them end.

China says each November which days of the next year are off and which Saturdays and Sundays are worked instead; the data
are those of the package `chinesecalendar`. The public holidays of the Member States are those of the package `holidays`, by the
rules that its release knows. A year without data raises `CalendarUnknown`: a day is never taken for a working day on a guess.
"""

from __future__ import annotations

import enum
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import chinese_calendar
import holidays

from registry.errors import CalendarUnknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SATURDAY: Final = 5
DAY: Final = timedelta(days=1)


class Unit(enum.StrEnum):
    """What a period is counted in."""

    WORKING_DAYS = "working_days"
    CALENDAR_DAYS = "calendar_days"
    YEARS = "years"


class LastDay(enum.StrEnum):
    """What happens to a period whose last day is no working day."""

    NEXT_WORKING_DAY = "next_working_day"
    STAYS = "stays"


@dataclass(frozen=True, slots=True)
class Calendar:
    """The working days of some place."""

    name: str
    works: Callable[[date], bool]
    """Says whether a day is a working day; raises `CalendarUnknown` for a year without data."""

    def on_or_after(self, day: date) -> date:
        """Return the first working day that is not before a day."""
        while not self.works(day):
            day += DAY
        return day

    def after(self, day: date, count: int) -> date:
        """Return the working day of that number after a day, which itself does not count."""
        for _ in range(count):
            day = self.on_or_after(day + DAY)
        return day

    def before(self, day: date, count: int) -> date:
        """Return the working day of that number before a day, which itself does not count."""
        for _ in range(count):
            day -= DAY
            while not self.works(day):
                day -= DAY
        return day

    def between(self, after: date, until: date) -> int:
        """Count the working days after one day, until another, which counts; 0 if that is no later."""
        return sum(self.works(after + number * DAY) for number in range(1, (until - after).days + 1))


def last_day(calendar: Calendar, event: date, length: int, unit: Unit, *, moves: LastDay, least: int = 0) -> date:
    """Return the last day of a period that begins the day after an event.

    A period of calendar days or years that ends on a day off goes on to the next working day, if `moves` says so. A period of
    two days or more has at least `least` working days (Regulation (EEC, Euratom) 1182/71, art. 3 (5), says two). Years end on
    the day of the same date, or on the last day of the month if it has none such.
    """
    if unit is Unit.WORKING_DAYS:
        return calendar.after(event, length)
    if unit is Unit.YEARS:
        year = event.year + length
        end = event.replace(year=year, day=min(event.day, monthrange(year, event.month)[1]))
    else:
        end = event + length * DAY
    if moves is LastDay.NEXT_WORKING_DAY:
        end = calendar.on_or_after(end)
    if least and (unit is Unit.YEARS or length > 1):
        end = max(end, calendar.after(event, least))
    return end


def china() -> Calendar:
    """Return the working days of the People's Republic of China, with those that are worked at weekends instead."""

    def works(day: date) -> bool:
        try:
            return bool(chinese_calendar.is_workday(day))
        except NotImplementedError as error:
            raise CalendarUnknown(
                f"found no working days of China for {day.year}",
                hint="they are told in November for the next year: update the package chinesecalendar",
            ) from error

    return Calendar("CN", works)


def member_state(code: str, first: int, last: int) -> Calendar:
    """Return the working days of a state by its public holidays: neither Saturdays nor Sundays are any (1182/71, art. 2).

    `code` is ISO 3166-1, or ISO 3166-2 (DE-BY) to count the holidays of a part of the state as well. Raises `CalendarUnknown`
    for a code that `holidays` does not know; so does the calendar, for years outside of `first` to `last`.
    """
    state, _, part = code.partition("-")
    try:
        holidays.country_holidays(state, subdiv=part or None)
    except NotImplementedError as error:
        raise CalendarUnknown(
            f"found no public holidays of {code!r}, expected a Member State such as BE, or a part such as DE-BY",
            hint="correct the Member State of the case",
        ) from error

    def works(day: date) -> bool:
        if not first <= day.year <= last:
            raise CalendarUnknown(
                f"found no public holidays of {code} for {day.year}, expected a year from {first} to {last}",
                hint="update the package holidays, look what it says of that year, and widen `years` in eu_customs.toml",
            )
        return day.weekday() < SATURDAY and day not in _public_holidays(state, part, day.year)

    return Calendar(code, works)


def institutions(days_off: Mapping[int, frozenset[date]]) -> Calendar:
    """Return the working days of the EU's institutions, by the days off that are told for each year."""

    def works(day: date) -> bool:
        if day.year not in days_off:
            raise CalendarUnknown(
                f"found no days off of the institutions of the EU for {day.year}",
                hint="name the Member State of the case; or add the Commission's decision for that year to eu_customs.toml",
            )
        return day.weekday() < SATURDAY and day not in days_off[day.year]

    return Calendar("EU", works)


@lru_cache(maxsize=512)
def _public_holidays(state: str, part: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(state, subdiv=part or None, years=year, expand=False))

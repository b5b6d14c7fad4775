"""Rights that a manufacturer recorded with customs, and when to renew them (docs/telling.md).

China: valid ten years, renewed by an application within the last six months (Regulations of the PRC on the Customs Protection
of Intellectual Property Rights, art. 10). Without a valid recordal, customs do not stop goods on their own.
"""

from __future__ import annotations

import enum
import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import Final

from registry.errors import DocumentError

CHINA: Final = "CN"
CHINA_YEARS: Final = 10
REMIND_MONTHS: Final = (6, 3, 1)
_NUMBER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./-]{0,39}")
_JURISDICTION: Final = re.compile(r"[A-Z]{2}")


class Right(enum.StrEnum):
    """What is recorded."""

    TRADE_MARK = "trade_mark"
    PATENT = "patent"
    DESIGN = "design"
    COPYRIGHT = "copyright"


class Standing(enum.StrEnum):
    """How near the end of a recordal is."""

    NOT_YET = "not_yet"
    """Its validity has not begun."""
    VALID = "valid"
    SIX_MONTHS = "six_months"
    """In China it can be renewed from now on."""
    THREE_MONTHS = "three_months"
    ONE_MONTH = "one_month"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Recordal:
    """One right, recorded with the customs of one jurisdiction."""

    jurisdiction: str
    """ISO 3166-1, or EU."""
    number: str
    right: Right
    first: date
    last: date
    """The last day on which it is valid."""

    def standing(self, today: date) -> Standing:
        """Return how near its end is. A reminder that is due stands until the next one is."""
        if today > self.last:
            return Standing.EXPIRED
        if today < self.first:
            return Standing.NOT_YET
        due = [months for months in REMIND_MONTHS if today >= months_before(self.last, months)]
        return {6: Standing.SIX_MONTHS, 3: Standing.THREE_MONTHS, 1: Standing.ONE_MONTH}[due[-1]] if due else Standing.VALID


def read(jurisdiction: str, number: str, right: str, first: str, last: str) -> Recordal:
    """Return a recordal as it was typed; without its last day, in China, that of ten years. Raises `DocumentError`.

    The message begins with the name of the field that is wrong.
    """
    jurisdiction, number = jurisdiction.strip().upper(), number.strip()
    if not _JURISDICTION.fullmatch(jurisdiction):
        raise DocumentError("jurisdiction: expected two letters, such as CN or EU")
    if not _NUMBER.fullmatch(number):
        raise DocumentError("number: expected up to 40 letters, digits, spaces, dots, strokes and hyphens")
    if right not in set(Right):
        raise DocumentError(f"right: expected one of {', '.join(Right)}")
    begins = _day("first", first)
    ends = ten_years(begins) if not last.strip() and jurisdiction == CHINA else _day("last", last)
    if ends < begins:
        raise DocumentError("last: expected a day after the first")
    return Recordal(jurisdiction, number, Right(right), begins, ends)


def _day(name: str, typed: str) -> date:
    try:
        return date.fromisoformat(typed.strip())
    except ValueError as error:
        raise DocumentError(f"{name}: expected a day such as 2026-08-14") from error


def ten_years(first: date) -> date:
    """Return the last day of a recordal in China that is valid from a day: the day before, ten years on."""
    year = first.year + CHINA_YEARS
    try:
        after = first.replace(year=year)
    except ValueError:  # the 29th of February
        after = date(year, 3, 1)
    return date.fromordinal(after.toordinal() - 1)


def months_before(day: date, months: int) -> date:
    """Return the day so many months before; the last of a month that is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))

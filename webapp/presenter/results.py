"""The words of published results: what each figure is about, and how it is added up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from babel.dates import format_date, format_interval

from registry.enforcement import results
from registry.enforcement.cases import Outcome
from webapp.facts import country
from webapp.languages import current, gettext, number
from webapp.presenter import coded, desk_cases
from webapp.presenter.words import mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from registry.enforcement.results import Change, Line, Month, Report

TOGETHER: Final = mark("Others, counted together")
OTHER_PARTS: Final = mark("%(country)s, parts counted together")
WIDTH: Final = 100
MONTHS: Final = 12
"""That a figure shows."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of a figure."""

    label: str
    count: str
    share: float
    """Of `WIDTH`, against the longest row."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What the cases come to by one thing that is told of them."""

    id: str
    title: str
    of: str
    """The heading of the first column."""
    bars: tuple[Bar, ...]


def months(first: Month, last: Month) -> str:
    """Return one month, or several, in words."""
    begin, end = date(first.year, first.number, 1), date(last.year, last.number, 1)
    locale = current().locale
    if begin == end:
        return format_date(begin, skeleton_of(locale), locale=locale)
    return format_interval(begin, end, "yMMMM", locale=locale)


def skeleton_of(locale: str) -> str:
    """Return how a month of a year is written."""
    return "y年M月" if locale.startswith("zh") else "MMMM y"


def region(code: str | None) -> str:
    """Return a region's name: the country, and the code of its part."""
    if not code:
        return gettext(TOGETHER)
    name = country(code[:2])
    return name if len(code) == len("CN") else f"{name} ({code})"


def group(code: str | None) -> str:
    """Return a product group's name."""
    return coded.word("product_group", code) if code else gettext(TOGETHER)


def outcome(code: str | None) -> str:
    """Return an outcome's name."""
    return desk_cases.outcome(Outcome(code)) if code else gettext(TOGETHER)


def line(told: Line) -> str:
    """Return what a line is about, in words; all that is not told apart has one name."""
    known = (told.region and region(told.region), told.product_group and group(told.product_group))
    return " · ".join(filter(None, (*known, told.outcome and outcome(told.outcome)))) or gettext(TOGETHER)


def change(found: Change) -> str:
    """Return what a correction changed of a figure."""
    return gettext(
        "%(what)s: %(before)s before, %(after)s now",
        what=line(found.line),
        before=number(found.before),
        after=number(found.after),
    )


def figures(reports: Sequence[Report]) -> tuple[Figure, ...]:
    """Return what reports come to: by month, by outcome, by region, by product group."""
    by_region = results.tally(reports, lambda one: one.region)
    codes = [code for code, _ in by_region if code]
    split = {code[:2] for code in codes if len(code) > len("CN")}
    return (
        Figure(
            "month", gettext("By month"), gettext("Month"),
            rows((months(one.first, one.last), one.cases) for one in reports),
        ),
        Figure(
            "outcome", gettext("By outcome"), gettext("What was found"),
            rows((outcome(code), count) for code, count in results.tally(reports, lambda one: one.outcome)),
        ),
        Figure(
            "region", gettext("By region"), gettext("Region"),
            rows((_part(code, split), count) for code, count in by_region),
        ),
        Figure(
            "group", gettext("By product group"), gettext("Product group"),
            rows((group(code), count) for code, count in results.tally(reports, lambda one: one.product_group)),
        ),
    )  # fmt: skip


def _part(code: str | None, split: set[str]) -> str:
    return gettext(OTHER_PARTS, country=region(code)) if code in split else region(code)


def rows(counts: Iterable[tuple[str, int]]) -> tuple[Bar, ...]:
    """Return rows of a figure; a count of nothing is one that is too small to be shown."""
    kept = list(counts)
    most = max((count for _, count in kept), default=0)
    return tuple(
        Bar(label, number(count) if count else gettext("fewer than %(fewest)s", fewest=results.FEWEST), _share(count, most))
        for label, count in kept
    )


def _share(count: int, most: int) -> float:
    return round(WIDTH * count / most, 2) if most else 0

"""What the alliance publishes of closed cases: a report for each month, in figures that show nobody.

A report divides the cases of its months into lines. Each case is in exactly one line, and no line has fewer than `FEWEST`
cases: those that would be alone are counted together with others of their country, then of their outcome, then with all that
are left; if these are still too few, a line that has most in common with them takes them in. A month with fewer cases in all
has no figures; its cases are counted with the next month's. Whatever one adds up from lines adds up whole lines, so that no sum
and no difference of one report shows fewer than `FEWEST`.

A report is never changed. When its cases come to another end, a new revision stands beside the old one, with a reason.
"""

from __future__ import annotations

import enum
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from registry.enforcement.cases import Outcome
from registry.errors import DocumentError
from registry.proofs.encoding import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

FORMAT: Final = "touchstone-results"
VERSION: Final = "1"
FEWEST: Final = 5
"""Cases of a line."""
MONTH: Final = re.compile(r"2[0-9]{3}-(?:0[1-9]|1[0-2])")
DECEMBER: Final = 12


class ProductGroup(enum.StrEnum):
    """What kind of goods a case is about: shortened after the categories in which the EU's customs report detentions."""

    LIGHT_VEHICLES = "light_vehicles"
    """Scooters, bicycles, motorcycles."""
    VEHICLE_PARTS = "vehicle_parts"
    ELECTRONICS = "electronics"
    PHONES = "phones"
    HOUSEHOLD = "household"
    TOOLS = "tools"
    TOYS_SPORTS = "toys_sports"
    CLOTHING = "clothing"
    SHOES = "shoes"
    ACCESSORIES = "accessories"
    """Bags, watches, jewellery, glasses."""
    BODY_CARE = "body_care"
    MEDICINES = "medicines"
    FOOD_DRINK = "food_drink"
    ALCOHOL = "alcohol"
    TOBACCO = "tobacco"
    LABELS = "labels"
    """Labels, tags and packaging without goods."""
    OTHER = "other"


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month in UTC."""

    year: int
    number: int
    """From 1."""

    @classmethod
    def parse(cls, text: str) -> Month:
        """Return the month of `2026-10`. Raises `DocumentError` for anything else."""
        if not MONTH.fullmatch(text):
            raise DocumentError(f"found the month {text[:40]!r}, expected one such as 2026-10")
        return cls(int(text[:4]), int(text[5:]))

    @classmethod
    def of(cls, at: float) -> Month:
        """Return the month of a time in Unix seconds."""
        when = datetime.fromtimestamp(at, UTC)
        return cls(when.year, when.month)

    @property
    def next(self) -> Month:
        """The month after it."""
        return Month(self.year + 1, 1) if self.number == DECEMBER else Month(self.year, self.number + 1)

    @property
    def begins(self) -> int:
        """Its first moment, in Unix seconds."""
        return int(datetime(self.year, self.number, 1, tzinfo=UTC).timestamp())

    @property
    def ends(self) -> int:
        """The first moment after it."""
        return self.next.begins

    def __str__(self) -> str:
        return f"{self.year}-{self.number:02}"


@dataclass(frozen=True, slots=True)
class Closed:
    """What is counted of a closed case."""

    id: str
    region: str
    """ISO 3166, or empty."""
    product_group: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Line:
    """A figure. What is none was not told apart."""

    region: str | None
    """ISO 3166-1, or 3166-2 for a part of a country."""
    product_group: ProductGroup | None
    outcome: Outcome | None
    cases: int

    def json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "region": self.region, "productGroup": self.product_group and self.product_group.value,
            "outcome": self.outcome and self.outcome.value, "cases": self.cases,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """A line, and the names of the cases in it, for those who may know."""

    line: Line
    cases: tuple[str, ...]


def _country(region: str | None) -> str | None:
    return region[:2] if region else None


def _group(text: str) -> ProductGroup | None:
    return ProductGroup(text) if text in set(ProductGroup) else None


_Key = tuple[str | None, ProductGroup | None, Outcome | None]
_COARSER: Final[tuple[Callable[[_Key], _Key], ...]] = (
    lambda key: key,
    lambda key: (_country(key[0]), key[1], key[2]),
    lambda key: (_country(key[0]), None, key[2]),
    lambda key: (None, None, key[2]),
    lambda _: (None, None, None),
)
"""How cases are told apart, the finest first."""


def figures(cases: Iterable[Closed]) -> tuple[Figure, ...]:
    """Divide cases into lines of at least `FEWEST`; none if there are fewer altogether. The same cases give the same lines."""
    left = [(_key(one), one.id) for one in sorted(cases, key=lambda one: one.id)]
    found: dict[_Key, list[str]] = {}
    for coarser in _COARSER:
        kept: dict[_Key, list[tuple[_Key, str]]] = {}
        for key, case in left:
            kept.setdefault(coarser(key), []).append((key, case))
        left = []
        for key, together in kept.items():
            if key in found or len(together) >= FEWEST:
                found.setdefault(key, []).extend(case for _, case in together)
            else:
                left += together
    if left and found:  # too few that are like no others: the line that stays most exact takes them in
        rest = [key for key, _ in left]
        taken = min(found, key=lambda key: (_together([key, *rest]).count(None), len(found[key]), _sorted_by(key)))
        every = [*found.pop(taken), *(case for _, case in left)]
        found.setdefault(_together([taken, *rest]), []).extend(every)
    return tuple(
        Figure(Line(*key, len(cases)), tuple(sorted(cases)))
        for key, cases in sorted(found.items(), key=lambda one: (-len(one[1]), _sorted_by(one[0])))
    )


def _key(case: Closed) -> _Key:
    return case.region or None, _group(case.product_group), case.outcome


def _together(keys: Sequence[_Key]) -> _Key:
    """Return all that can be told of several."""
    regions, groups, outcomes = ({key[place] for key in keys} for place in range(3))
    regions = regions if len(regions) == 1 else {_country(key[0]) for key in keys}
    return _only(regions), _only(groups), _only(outcomes)


def _only(told: Iterable[Any]) -> Any:
    first, *others = told
    return None if others else first


def _sorted_by(key: _Key) -> tuple[str, ...]:
    return tuple(one or "~" for one in key)


@dataclass(frozen=True, slots=True)
class Report:
    """What is published of some months."""

    registry_id: str
    """`0x` and 64 hex digits."""
    first: Month
    last: Month
    revision: int
    """From 1."""
    replaces: str
    """SHA-256, in hex, of the revision before; empty for the first."""
    reason: str
    """Why it was revised."""
    published_at: int
    """Unix seconds."""
    lines: tuple[Line, ...]
    """None if there were too few cases to show any figure."""

    @property
    def name(self) -> str:
        """Its last month: a report is known by it."""
        return str(self.last)

    @property
    def cases(self) -> int:
        """How many cases it counts."""
        return sum(line.cases for line in self.lines)

    def document(self) -> bytes:
        """Return it as it is published: as RFC 8785 writes it."""
        return canonical(self.json())

    def json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "registryId": self.registry_id,
            "months": {"first": str(self.first), "last": str(self.last)},
            "revision": self.revision,
            "replaces": self.replaces or None,
            "reason": self.reason or None,
            "publishedAt": _iso(self.published_at),
            "fewestCases": FEWEST,
            "lines": [line.json() for line in self.lines],
        }

    @property
    def sha256(self) -> str:
        """The hash, in hex, that is anchored."""
        return hashlib.sha256(self.document()).hexdigest()


def read(raw: bytes) -> Report:
    """Return a published report. Raises `DocumentError` if these bytes are none that `Report.document` writes."""
    try:
        told = orjson.loads(raw)
        first, last = (Month.parse(told["months"][name]) for name in ("first", "last"))
        report = Report(
            told["registryId"], first, last, _whole(told["revision"]), told["replaces"] or "", told["reason"] or "",
            _seconds(told["publishedAt"]), tuple(_line(one) for one in told["lines"]),
        )  # fmt: skip
        same = report.document() == raw
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DocumentError(f"found no published report: {error}") from error
    if not same:
        raise DocumentError("found a report that is not written as reports are, expected RFC 8785 and nothing besides")
    return report


def _line(told: Mapping[str, Any]) -> Line:
    group, outcome = told["productGroup"], told["outcome"]
    return Line(
        told["region"], ProductGroup(group) if group else None, Outcome(outcome) if outcome else None, _whole(told["cases"])
    )


def _whole(value: object) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"found {value!r}, expected a whole number from 1 on")
    return value


def newest(reports: Iterable[Report]) -> tuple[Report, ...]:
    """Return the last revision of each report, by month."""
    found: dict[Month, Report] = {}
    for report in sorted(reports, key=lambda one: (one.last, one.revision)):
        found[report.last] = report
    return tuple(found.values())


def next_months(reports: Iterable[Report], first: Month) -> tuple[Month, Month]:
    """Return the first and the last month of the report that comes next; `first` is the month of the first closed case.

    What had too few cases before it is a part of it.
    """
    known = newest(reports)
    if not known:
        return first, first
    last = known[-1]
    return (last.last.next if last.lines else last.first), last.last.next


def is_carried(report: Report, reports: Iterable[Report]) -> bool:
    """Say whether the cases of a report without figures are counted in a later one."""
    return not report.lines and any(other.first <= report.last < other.last for other in reports)


@dataclass(frozen=True, slots=True)
class Change:
    """A figure that differs between two revisions; 0 cases where it is not in one of them."""

    line: Line
    """As it is in the later one, or was in the earlier."""
    before: int
    after: int


def changes(before: Report, after: Report) -> tuple[Change, ...]:
    """Return what differs between two revisions of a report."""
    return compare(before.lines, after.lines)


def compare(before: Iterable[Line], after: Iterable[Line]) -> tuple[Change, ...]:
    """Return what differs between two lists of figures."""
    old, new = ({_line_key(line): line for line in lines} for lines in (before, after))
    every: dict[_Key, Line] = {**old, **new}
    counts = [
        Change(line, old[key].cases if key in old else 0, new[key].cases if key in new else 0) for key, line in every.items()
    ]
    return tuple(one for one in counts if one.before != one.after)


def _line_key(line: Line) -> _Key:
    return line.region, line.product_group, line.outcome


def tally(reports: Sequence[Report], told_by: Callable[[Line], str | None]) -> tuple[tuple[str | None, int], ...]:
    """Add up the cases of some reports by one thing that is told of them, most first; what is not told apart comes last."""
    found: dict[str | None, int] = {}
    for report in reports:
        for line in report.lines:
            found[told_by(line)] = found.get(told_by(line), 0) + line.cases
    return tuple(sorted(found.items(), key=lambda one: (one[0] is None, -one[1], one[0] or "")))


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(text: str) -> int:
    return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())

"""What the alliance publishes, as the site shows it: the reports, and how far the notary is with their hashes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.enforcement.results import Month
from registry.storage.outbox import Outbox, Work
from registry.storage.results import Results, standing

if TYPE_CHECKING:
    from registry.storage.outbox import Task
    from registry.storage.results import Published
    from webapp.desk.casework import Casework


@dataclass(frozen=True, slots=True)
class Publication:
    """Published reports, over the desk's database. Methods raise `StoreUnavailable` or `StoreDamaged`."""

    work: Casework
    registry_id: str
    """As `0x` and hex."""

    @property
    def results(self) -> Results:
        """The reports, to read and to publish."""
        return Results(self.work.cases, self.registry_id)

    def task(self, published: Published) -> Task | None:
        """Return what the notary was asked to do with a report's hash."""
        return Outbox(self.work.cases.engine).find(Work.CASE, bytes.fromhex(published.sha256))


def years(published: tuple[Published, ...]) -> tuple[int, ...]:
    """Return the years that have reports, the newest first."""
    return tuple(sorted({one.report.last.year for one in published}, reverse=True))


def shown(published: tuple[Published, ...], year: int | None) -> tuple[Published, ...]:
    """Return the reports of a year, or of the last twelve months that were published: the newest revision of each, by month."""
    newest = standing(published)
    if year is not None:
        return tuple(one for one in newest if one.report.last.year == year)
    if not newest:
        return ()
    last = newest[-1].report.last
    since = Month(last.year - 1, last.number)
    return tuple(one for one in newest if one.report.last > since)

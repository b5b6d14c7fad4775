"""What the demo's inspectors closed in three months before, and what was published of it: as made up as the brands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry.enforcement.cases import Kind, Outcome, State
from registry.enforcement.results import Month, ProductGroup
from registry.storage.accounts import Accounts
from registry.storage.cases import Cases
from registry.storage.journal import Journal
from registry.storage.results import Results
from scripts.demo.stage import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.enforcement.officers import Officer
    from scripts.demo.stage import Stage

CUSTOMS, REGULATOR, PLATFORM, ALLIANCE = (f"{name}@desk.example" for name in ("customs", "regulator", "platform", "alliance"))
MONTHS: Final = 3
CLOSED: Final = (
    (CUSTOMS, ProductGroup.LIGHT_VEHICLES, Outcome.COUNTERFEIT, (6, 9, 7)),
    (CUSTOMS, ProductGroup.LIGHT_VEHICLES, Outcome.COPIED_LABEL, (2, 5, 8)),
    (CUSTOMS, ProductGroup.VEHICLE_PARTS, Outcome.COUNTERFEIT, (0, 3, 6)),
    (REGULATOR, ProductGroup.ALCOHOL, Outcome.COPIED_LABEL, (5, 7, 6)),
    (REGULATOR, ProductGroup.ALCOHOL, Outcome.GENUINE, (1, 0, 2)),
    (PLATFORM, ProductGroup.LIGHT_VEHICLES, Outcome.COUNTERFEIT, (3, 6, 5)),
    (PLATFORM, ProductGroup.LIGHT_VEHICLES, Outcome.DIVERTED, (1, 2, 1)),
)
"""Who closed cases, about what, with which outcome, and how many in each of the months."""


class PastCases:
    """Puts closed cases and published months into a desk's database; a second start adds what is missing."""

    def __init__(self, stage: Stage, url: str) -> None:
        """Tell of the months before the demo's first start."""
        self._stage = stage
        self._url = url
        self._start = stage.time_at(0)

    def tell(self) -> None:
        """Close and publish what is missing."""
        registry_id = self._stage.trust.registry_id
        now = [float(self._start)]
        with (
            Accounts.open(self._url) as accounts,
            Journal.open(self._url, registry_id, clock=lambda: now[0]) as journal,
            Cases.open(self._url, create=True, journal=journal.append_in, clock=lambda: now[0]) as cases,
        ):
            known = {one.reference: one for one in cases.all()}
            for reference, email, at, group, outcome in self._wanted():
                account = accounts.by_email(email)
                if account is None or (reference in known and known[reference].state is State.CLOSED):
                    continue
                now[0] = at
                me: Officer = account.officer
                name = known[reference].id if reference in known else self._open(cases, me, reference, group)
                now[0] = at + 3 * DAY
                cases.append(name, Kind.CLOSED, me.id, "examined beside a genuine one", {"outcome": outcome.value})
            now[0] = float(self._start)
            chair = accounts.by_email(ALLIANCE)
            results = Results(cases, f"0x{registry_id.hex()}")
            while chair and (draft := results.next()) and draft.last < Month.of(self._start):
                results.publish(draft, chair.officer.id)
                self._stage.tell(f"{len(draft.figures)} figures of closed cases were published for {draft.last}")

    def _open(self, cases: Cases, me: Officer, reference: str, group: ProductGroup) -> str:
        facts = {"reference": reference, "region": me.office.region, "product_group": group.value}
        return cases.open_case(me.office.id, me.id, facts).id

    def _wanted(self) -> Iterator[tuple[str, str, int, ProductGroup, Outcome]]:
        """Yield the cases, month by month, in the order in which they were opened."""
        months = [Month.of(self._start)]
        while len(months) <= MONTHS:
            months.append(Month.of(months[-1].begins - DAY))
        for place, month in enumerate(reversed(months[1:])):
            number = 0
            for email, group, outcome, counts in CLOSED:
                for _ in range(counts[place]):
                    number += 1
                    yield f"DEMO-{month}-{number:02}", email, month.begins + number * DAY // 2, group, outcome

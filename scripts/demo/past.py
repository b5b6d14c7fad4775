"""What the demo's site remembers of two bottles: one was checked all over a country, of the other a person found a copy.

These checks are as made up as the brands. All else that the site remembers is what happens while it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry.checking.history import Past
from registry.checking.verdicts import Registration
from registry.storage.histories import HOUR, Kind
from registry.storage.scans import Channel, Scan
from scripts.demo.stage import DAY
from scripts.demo.story import BAMBOO_SPRING

if TYPE_CHECKING:
    from scripts.demo.stage import Stage
    from scripts.demo.story import Story

TRAVELLED: Final = 30
COPIED: Final = 31
"""Indexes of units of Bamboo Spring's first batch."""
WAY: Final = ("51", "51", "44", "33", "11", "31", "42", "61", "35", "21", "50", "37", "13", "23", "62")
"""Provinces of China in which the travelled bottle was checked, by one phone in each, two days apart (ISO 3166-2)."""
SLOT: Final = "demo"
"""Under which its scans are accounted for."""


class PastChecks:
    """Puts the two pasts on record. Each is there wholly or not at all, and a second start finds it."""

    def __init__(self, stage: Stage, story: Story) -> None:
        self._stage = stage
        self._batch = story.batch(BAMBOO_SPRING, "2026-08")

    def tell(self) -> None:
        """Remember what is missing."""
        stage = self._stage
        gtin, serial = self._unit(TRAVELLED)
        if stage.histories.past(gtin, serial) == Past():
            begins = stage.time_at(2 * len(WAY)) // HOUR * HOUR
            stage.scans.settle(SLOT, 0, begins)
            stage.scans.add(
                SLOT,
                [
                    Scan(
                        gtin, serial, begins + 2 * day * DAY, Registration.REGISTERED.value, Channel.PAGE,
                        region=f"CN-{province}", device=f"{day:016x}",
                    )
                    for day, province in enumerate(WAY)
                ],
            )  # fmt: skip
            stage.tell(f"one bottle of Bamboo Spring was checked {len(WAY)} times in {len(set(WAY))} provinces")
        gtin, serial = self._unit(COPIED)
        if stage.histories.past(gtin, serial) == Past():
            stage.histories.mark(
                gtin,
                serial,
                Kind.COPY,
                stage.time_at(3),
                actor="the demo's inspector",
                reason="two bottles with one code, side by side",
            )
            stage.tell("of another an inspector found a copy")

    def _unit(self, index: int) -> tuple[str, str]:
        for record, _, place in self._stage.store(BAMBOO_SPRING).labels(self._batch.id):
            if place == index:
                return record.gtin, record.serial
        raise LookupError(f"batch {self._batch.run!r} has no unit {index}")

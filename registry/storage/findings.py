"""Takes what a case finds of its units to where checks read it: that a copy was found, that a unit is stolen.

Cases and histories lie in two databases, so that no transaction holds both. The case is written first and is what counts; this
makes up for it, as often as it is called, until what checks read is what the cases say. What several cases say of a unit holds
until the last of them takes it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry.enforcement.cases import Kind
from registry.storage import histories
from registry.storage.tables import LONGEST_TEXT
from registry.units.records import UnitId

if TYPE_CHECKING:
    from registry.enforcement.cases import Case, Event
    from registry.storage.cases import Cases
    from registry.storage.histories import Histories

FAMILIES: Final = (
    (Kind.COPY_CONFIRMED, Kind.COPY_REVERSED, histories.Kind.COPY, histories.Kind.UNCOPY),
    (Kind.STOLEN_CONFIRMED, Kind.STOLEN_REVERSED, histories.Kind.STOLEN, histories.Kind.UNSTOLEN),
)


def spread(case: Case, cases: Cases, remembered: Histories) -> int:
    """Write what checks do not say yet; returns how many marks were written. Raises as both databases do."""
    written = 0
    for place, (yes, no, mark, taken_back) in enumerate(FAMILIES):
        for unit, event in _last(case, yes, no).items():
            actor = f"case {case.id} event {event.number}"
            if any(who == actor for _, _, who, _ in remembered.marks(unit.gtin, unit.serial)):
                continue
            if event.kind is no and cases.stands(unit, besides=case.id)[place]:
                continue
            said = mark if event.kind is yes else taken_back
            remembered.mark(unit.gtin, unit.serial, said, event.time, actor=actor, reason=event.why[:LONGEST_TEXT])
            written += 1
    return written


def _last(case: Case, *kinds: Kind) -> dict[UnitId, Event]:
    """Return the last event of these kinds about each unit."""
    return {UnitId(event.values["gtin"], event.values["serial"]): event for event in case.of(*kinds)}

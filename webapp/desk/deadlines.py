"""The deadlines of a case, in the reader's words (docs/clocks.md)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from registry.enforcement import clocks
from registry.errors import CaseError
from webapp.desk.casework import Deadline
from webapp.presenter import desk_clocks

if TYPE_CHECKING:
    from registry.enforcement.cases import Case


def of_case(case: Case, now: int) -> tuple[Deadline, ...]:
    """Return by when what is to be done, the earliest first; what cannot be counted is told without a time."""
    try:
        found = clocks.of_case(case, datetime.fromtimestamp(now, UTC))
    except CaseError:
        return (Deadline(desk_clocks.no_procedure(), 0),)
    told = [
        Deadline(
            desk_clocks.name(one.clock, is_known=one.ends is not None),
            int(one.ends.timestamp()) if one.ends else 0,
            is_met=one.state is clocks.State.STOPPED,
        )
        for one in found
    ]
    return tuple(sorted(told, key=lambda one: (one.at == 0, one.at)))

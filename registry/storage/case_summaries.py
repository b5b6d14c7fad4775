"""What lists and searches read of cases: a row for each, and its units. All of it follows from the events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import String, and_, delete, insert, or_, select, type_coerce, update

from registry.enforcement.cases import Outcome, State
from registry.errors import StoreDamaged
from registry.storage.case_tables import case_units, cases
from registry.units import serials

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection

    from registry.enforcement.cases import Case, Event

SEARCHED: Final = ("reference", "place", "consignor", "consignee", "carrier", "declarant", "marks", "product_group")


@dataclass(frozen=True, slots=True)
class Summary:
    """A case in a list."""

    id: str
    office: int
    number: int
    """Of its last event."""
    state: State
    outcome: Outcome | None
    opened_at: int
    """Unix seconds, as all times here."""
    changed_at: int
    closed_at: int
    held: bool
    reference: str
    region: str
    product_group: str
    lines: int
    photos: int
    told: int
    """Manufacturers that were told."""


def write(connection: Connection, case: Case, events: Sequence[Event]) -> None:
    """Bring what follows from a case's events up to these, the last of them."""
    row = row_of(case)
    if events[0].number == 1:
        connection.execute(insert(cases), row)
    else:
        connection.execute(update(cases).where(cases.c.id == case.id).values(row))
    mine = case_units.c.case_id == case.id
    known = {(one.gtin, one.serial): (one.copied, one.stolen) for one in connection.execute(select(case_units).where(mine))}
    standing = units_of(case)
    fresh = []
    for unit, now in standing.items():
        if unit not in known:
            fresh.append({"case_id": case.id, "gtin": unit[0], "serial": unit[1], "copied": now[0], "stolen": now[1]})
        elif known[unit] != now:
            this = mine & (case_units.c.gtin == unit[0]) & (case_units.c.serial == unit[1])
            connection.execute(update(case_units).where(this).values(copied=now[0], stolen=now[1]))
    for gtin, serial in known.keys() - standing.keys():
        this = mine & (case_units.c.gtin == gtin) & (case_units.c.serial == serial)
        connection.execute(delete(case_units).where(this))
    if fresh:
        connection.execute(insert(case_units), fresh)


def units_of(case: Case) -> dict[tuple[str, str], tuple[int, int]]:
    """Return the units of a case by GTIN and serial: whether it stands that each was copied, and that it was stolen."""
    copied, stolen = case.confirmed_copies, case.confirmed_stolen
    held = dict.fromkeys((line["gtin"], line["serial"]) for line in case.units if line.get("gtin") and line.get("serial"))
    return {unit: (int(unit in copied), int(unit in stolen)) for unit in dict.fromkeys([*held, *sorted(copied | stolen)])}


def row_of(case: Case) -> dict[str, Any]:
    """Return the columns of a case in the table of summaries."""
    details = case.details
    words = " ".join(filter(None, (getattr(details, name) for name in SEARCHED)))
    return {
        "id": case.id, "office": case.office, "number": len(case.events), "state": case.state.value,
        "outcome": case.outcome.value if case.outcome else None, "opened_at": case.opened_at,
        "changed_at": case.events[-1].time, "closed_at": case.closed_at, "held": int(case.held),
        "reference": details.reference or None, "region": details.region or None,
        "product_group": details.product_group or None, "lines": len(case.units), "photos": len(case.originals),
        "told": len(case.manufacturers), "searched": words.casefold()[: 8 * 4000] or None,
    }  # fmt: skip


def read(row: Any) -> Summary:
    """Return the summary in a row. Raises `StoreDamaged`."""
    try:
        state, outcome = State(row.state), Outcome(row.outcome) if row.outcome else None
    except ValueError as error:
        raise StoreDamaged(f"case {row.id} is in no state: {error}") from error
    return Summary(
        row.id, row.office, row.number, state, outcome, row.opened_at, row.changed_at, row.closed_at, bool(row.held),
        row.reference or "", row.region or "", row.product_group or "", row.lines, row.photos, row.told,
    )  # fmt: skip


def lies_in(region: str) -> ColumnElement[bool]:
    """Return what says that a case is of a region or of a part of it."""
    column = type_coerce(cases.c.region, String())
    return or_(column == region, column.startswith(f"{region}-", autoescape=True))


def matches(text: str) -> ColumnElement[bool]:
    """Return what says that a case is meant by a text."""
    typed = text.strip()
    folded = serials.fold(typed)
    # As plain text: what a person types need not be what such a column can hold.
    serial, gtin, name, searched = (
        type_coerce(one, String()) for one in (case_units.c.serial, case_units.c.gtin, cases.c.id, cases.c.searched)
    )
    units = select(case_units.c.case_id).where(or_(serial.in_([typed, folded]), gtin == typed))
    words = [searched.contains(word, autoescape=True) for word in typed.casefold().split()]
    return or_(and_(*words), name == folded, cases.c.id.in_(units))

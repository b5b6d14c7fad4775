"""Scans: every check that named a unit, and an account of those that were lost before they were stored.

Scans are written in batches by the web processes (docs/decisions/0015-scan-queue.md), into a database of their own on SQLite,
so that they never keep a registration waiting, or into the registry's own on PostgreSQL. Each process has a slot with a counter
of the scans that it accepted, which outlives it; here is how many of them are stored, or known to be lost. What neither says
was lost in a crash, and is put on record by whoever has the slot next.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self, TypeVar

from sqlalchemy import func, insert, select, update

from registry.errors import StoreDamaged
from registry.storage import schema
from registry.storage.schema import asking
from registry.storage.tables import scan_losses, scan_slots, scans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine

Word = TypeVar("Word", bound=enum.StrEnum)
COLUMNS: Final = "gtin, serial, time, verdict, channel, region, device"


class Channel(enum.StrEnum):
    """The door by which a check came."""

    PAGE = "page"
    """A label was scanned: its link was opened, or read from a photo."""
    API = "api"
    TYPED = "typed"


class Reason(enum.StrEnum):
    """Why scans were lost."""

    CRASH = "crash"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Scan:
    """One check of one unit."""

    gtin: str
    serial: str
    time: int
    """Unix seconds; of a scan with a device, those of its hour."""
    verdict: str
    """The registration that was found."""
    channel: Channel
    region: str = ""
    """ISO 3166, a country or a part of one; empty if it is not known, or the scan is not weighed."""
    device: str = ""
    """Tells kinds of phones apart for a season; empty if the unit's history does not weigh this scan."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Scans that were not stored."""

    time: int
    """Unix seconds, when it was noticed."""
    reason: Reason
    scans: int


class Scans:
    """The scans in a database. Its methods raise `StoreUnavailable` or `StoreDamaged`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        mark = "?" if engine.dialect.name == "sqlite" else "%s"
        self._insert = f"INSERT INTO scans ({COLUMNS}) VALUES ({', '.join([mark] * 7)})"  # noqa: S608 -- our own words

    @classmethod
    def open(cls, url: str, *, create: bool = True) -> Self:
        """Open the scans of a database: with `create` to write, its tables made if they are not there; without, to read only.

        Raises `StoreUnavailable` if it cannot be opened so, and `DocumentError` for a URL of no engine of ours.
        """
        engine = schema.open_engine(url, create=create)
        try:
            if create:
                schema.make_tables(engine)
            schema.check_schema(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def settle(self, slot: str, accepted: int, at: int) -> int:
        """Put on record what the last owner of a slot accepted and did not store; returns how many scans that were."""
        with asking(), self._engine.begin() as connection:
            row = connection.execute(select(scan_slots).where(scan_slots.c.slot == slot).with_for_update()).first()
            if row is None:
                connection.execute(insert(scan_slots), {"slot": slot, "stored": 0, "lost": 0})
            lost = accepted - (row.stored + row.lost if row else 0)
            if lost > 0:
                _lose(connection, slot, Loss(at, Reason.CRASH, lost))
        return max(0, lost)

    def add(self, slot: str, new: Sequence[Scan], *, dropped: int = 0, at: int = 0) -> None:
        """Store scans of a slot, and that `dropped` others were lost at a full queue: all of it or nothing."""
        with asking(), self._engine.begin() as connection:
            if new:
                rows = [
                    (
                        scan.gtin,
                        scan.serial,
                        scan.time,
                        scan.verdict,
                        scan.channel.value,
                        scan.region or None,
                        scan.device or None,
                    )
                    for scan in new
                ]
                connection.exec_driver_sql(self._insert, rows)
                stored = scan_slots.c.stored + len(new)
                connection.execute(update(scan_slots).where(scan_slots.c.slot == slot).values(stored=stored))
            if dropped:
                _lose(connection, slot, Loss(at, Reason.FULL, dropped))

    def of(self, gtin: str, serial: str) -> tuple[Scan, ...]:
        """Return the scans of a unit, oldest first."""
        query = select(scans).where(scans.c.gtin == gtin, scans.c.serial == serial).order_by(scans.c.time, scans.c.id)
        with asking(), self._engine.connect() as connection:
            found = connection.execute(query).all()
        return tuple(
            Scan(row.gtin, row.serial, row.time, row.verdict, _word(Channel, row.channel), row.region or "", row.device or "")
            for row in found
        )

    def count(self) -> int:
        """Return how many scans are stored. They are counted one by one: not for the way of a check."""
        with asking(), self._engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(scans)).scalar_one())

    def losses(self) -> tuple[Loss, ...]:
        """Return what was lost, oldest first."""
        with asking(), self._engine.connect() as connection:
            found = connection.execute(select(scan_losses).order_by(scan_losses.c.id)).all()
        return tuple(Loss(row.time, _word(Reason, row.reason), row.scans) for row in found)


def _lose(connection: Connection, slot: str, loss: Loss) -> None:
    connection.execute(insert(scan_losses), {"slot": slot, "time": loss.time, "reason": loss.reason.value, "scans": loss.scans})
    lost = scan_slots.c.lost + loss.scans
    connection.execute(update(scan_slots).where(scan_slots.c.slot == slot).values(lost=lost))


def _word(kind: type[Word], found: str) -> Word:
    if found not in set(kind):
        raise StoreDamaged(f"a row of scans has the {kind.__name__.lower()} {found!r}, expected one of {', '.join(kind)}")
    return kind(found)

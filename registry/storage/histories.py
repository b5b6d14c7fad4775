"""What is remembered of each unit's checks, beside the scans themselves: read by one question, and forgotten in time.

A check reads a unit's past by one statement over indexes, bounded whatever a crowd did (`registry.checking.history.MOST`). The
scans that it weighs are those with a device. `forget` folds old ones into three facts (day and region of the first, how many)
and removes them.
"""

from __future__ import annotations

import enum
import re
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, Self

from sqlalchemy import delete, insert, select

from registry.checking.history import DAY, MOST, Folded, Past, Sighting, count_checks
from registry.errors import StoreDamaged
from registry.storage import schema
from registry.storage.index import Index
from registry.storage.schema import asking
from registry.storage.tables import scans, unit_marks, unit_pasts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection, Engine

HOUR: Final = 3600
MOST_MARKS: Final = 200
FOLDED: Final = "folded"
SEEN: Final = "seen"
AT_ONCE: Final = 5_000
"""Scans that are folded in one transaction."""
_REGION: Final = re.compile(r"(?:[A-Z]{2}(?:-[A-Z0-9]{1,3})?)?")

_ASK: Final = f"""
SELECT '{SEEN}', time, region, device FROM (
    SELECT time, region, device FROM scans WHERE gtin = {{0}} AND serial = {{0}} AND device IS NOT NULL
    ORDER BY time DESC LIMIT {MOST}) AS newest
UNION ALL SELECT kind, time, region, device FROM (
    SELECT kind, time, region, device FROM unit_marks WHERE gtin = {{0}} AND serial = {{0}} AND kind = 'not_me'
    ORDER BY time DESC LIMIT {MOST_MARKS}) AS denied
UNION ALL SELECT kind, time, region, device FROM (
    SELECT kind, time, region, device FROM unit_marks WHERE gtin = {{0}} AND serial = {{0}} AND kind = 'opened'
    ORDER BY time LIMIT 1) AS opened
UNION ALL SELECT kind, time, region, CAST(id AS VARCHAR(20)) FROM (
    SELECT kind, time, region, id FROM unit_marks WHERE gtin = {{0}} AND serial = {{0}}
    AND kind IN ('copy', 'cleared', 'uncopy', 'unclear', 'stolen', 'unstolen') ORDER BY id DESC LIMIT {MOST_MARKS}) AS said
UNION ALL SELECT '{FOLDED}', first_day, first_region, CAST(checks AS VARCHAR(20)) FROM unit_pasts
    WHERE gtin = {{0}} AND serial = {{0}}
"""  # noqa: S608 -- our own words
"""What a crowd says is bounded apart from what persons say, so that no number of answers hides a confirmed copy."""


class Kind(enum.StrEnum):
    """What somebody said of a unit."""

    NOT_ME = "not_me"
    """A buyer: the checks before were not mine."""
    OPENED = "opened"
    """Whoever held the label: the product is opened."""
    COPY = "copy"
    """A person who examined it: it was copied."""
    CLEARED = "cleared"
    """A person who examined it: what was seen until now is explained."""
    UNCOPY = "uncopy"
    """A person takes back that it was copied."""
    UNCLEAR = "unclear"
    """A person takes back that it is explained."""
    STOLEN = "stolen"
    """An inspector: it is stolen. The manufacturer says that on the chain; this is said beside it."""
    UNSTOLEN = "unstolen"
    """An inspector takes back that it is stolen."""


class Histories:
    """The histories in a database of scans. Methods raise `StoreUnavailable` or `StoreDamaged`; threads may share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._index = Index(engine)  # its way to ask: over a connection of this thread's own, which is twice as fast
        mark = "?" if engine.dialect.name == "sqlite" else "%s"
        self._ask = _ASK.format(mark)

    @classmethod
    def open(cls, url: str, *, create: bool = False) -> Self:
        """Open the histories beside the scans of a database; with `create`, to write.

        Raises `StoreUnavailable` if the tables are not there, and `DocumentError` for a URL of no engine of ours.
        """
        engine = schema.open_engine(url, create=create)
        try:
            schema.check_schema(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def close(self) -> None:
        """Give back every connection."""
        self._index.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def past(self, gtin: str, serial: str) -> Past:
        """Return what is remembered of a unit's checks, by one statement."""
        rows = self._index.ask(self._ask, (gtin, serial) * 5)
        return _past(rows) if rows else Past()

    def mark(
        self,
        gtin: str,
        serial: str,
        kind: Kind,
        time: int,
        *,
        region: str = "",
        device: str = "",
        actor: str = "",
        reason: str = "",
    ) -> None:
        """Put on record what somebody said. `time` is Unix seconds."""
        told = {"region": region, "device": device, "actor": actor, "reason": reason}
        row = {"gtin": gtin, "serial": serial, "time": time, "kind": kind.value}
        row |= {name: value or None for name, value in told.items()}
        with asking(), self._engine.begin() as connection:
            connection.execute(insert(unit_marks), row)

    def marks(self, gtin: str, serial: str) -> tuple[tuple[Kind, int, str, str], ...]:
        """Return what was said of a unit, in order: kind, Unix seconds, by whom, why."""
        asked = select(unit_marks).where(unit_marks.c.gtin == gtin, unit_marks.c.serial == serial).order_by(unit_marks.c.id)
        with asking(), self._engine.connect() as connection:
            rows = connection.execute(asked).all()
        return tuple((_kind(row.kind), row.time, row.actor or "", row.reason or "") for row in rows)

    def forget(self, before: int) -> int:
        """Fold scans of before a time (Unix seconds) and remove them, and who denied what; returns how many scans went.

        It may be interrupted, and run beside a site: each transaction folds what it removes.
        """
        forgotten = 0
        while True:
            with asking(), self._engine.begin() as connection:
                part = connection.execute(select(scans).where(scans.c.time < before).order_by(scans.c.id).limit(AT_ONCE)).all()
                if not part:
                    connection.execute(
                        delete(unit_marks).where(unit_marks.c.kind == Kind.NOT_ME.value, unit_marks.c.time < before)
                    )
                    return forgotten
                weighed = sorted((row for row in part if row.device), key=lambda row: (row.gtin, row.serial))
                for (gtin, serial), rows in groupby(weighed, key=lambda row: (row.gtin, row.serial)):
                    _fold(connection, gtin, serial, [_sighting(row.time, row.region, row.device) for row in rows])
                connection.execute(delete(scans).where(scans.c.id.in_([row.id for row in part])))
            forgotten += len(part)


def _fold(connection: Connection, gtin: str, serial: str, seen: Sequence[Sighting]) -> None:
    first, checks = min(seen), count_checks(seen)
    key = (unit_pasts.c.gtin == gtin) & (unit_pasts.c.serial == serial)
    before = connection.execute(select(unit_pasts).where(key).with_for_update()).first()
    day, region = first.hour // DAY, first.region
    if before is None:
        connection.execute(
            insert(unit_pasts),
            {"gtin": gtin, "serial": serial, "first_day": day, "first_region": region or None, "checks": checks},
        )
        return
    if before.first_day <= day:
        day, region = before.first_day, before.first_region or ""
    connection.execute(
        unit_pasts.update().where(key).values(first_day=day, first_region=region or None, checks=before.checks + checks)
    )


def _past(rows: Iterable[Any]) -> Past:
    """Return the rows of one question as facts. Raises `StoreDamaged`."""
    seen: list[Sighting] = []
    denials: list[Sighting] = []
    said: list[tuple[int, Kind, int]] = []
    folded: Folded | None = None
    opened_day = None
    for kind, time, region, device in rows:
        if kind == FOLDED:
            folded = Folded(_whole(time), _place(region), _number(device))
        elif kind == SEEN:
            seen.append(_sighting(time, region, device))
        elif kind == Kind.NOT_ME:
            denials.append(_sighting(time, region, device))
        elif kind == Kind.OPENED:
            opened_day = _whole(time) // HOUR // DAY
        else:
            said.append((_number(device), _kind(kind), _whole(time) // HOUR))
    return Past(tuple(seen), tuple(denials), folded, opened_day, *_judged(said))


def _judged(said: list[tuple[int, Kind, int]]) -> tuple[bool, int, bool]:
    """Return what holds of all that persons said, each until it is taken back: a copy, explained up to when, stolen."""
    is_copy, cleared, is_stolen = False, 0, False
    for _, kind, hour in sorted(said):
        if kind is Kind.CLEARED:
            cleared = max(cleared, hour)
        elif kind is Kind.UNCLEAR:
            cleared = 0
        elif kind in {Kind.STOLEN, Kind.UNSTOLEN}:
            is_stolen = kind is Kind.STOLEN
        else:
            is_copy = kind is Kind.COPY
    return is_copy, cleared, is_stolen


def _number(text: object) -> int:
    return _whole(int(text) if isinstance(text, str) and text.isdecimal() else text)


def _sighting(time: object, region: object, device: object) -> Sighting:
    if not isinstance(device, str | None):
        raise StoreDamaged("a scan's device is no text")
    return Sighting(_whole(time) // HOUR, _place(region), device or "")


def _place(region: object) -> str:
    if region is None:
        return ""
    if not isinstance(region, str) or not _REGION.fullmatch(region):
        raise StoreDamaged("a scan's region is none of ISO 3166")
    return region


def _whole(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise StoreDamaged("a scan's number is none")
    return value


def _kind(text: str) -> Kind:
    try:
        return Kind(text)
    except ValueError as error:
        raise StoreDamaged(f"a unit is marked {text!r}, expected {', '.join(Kind)}") from error

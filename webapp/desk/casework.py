"""What the pages of cases and guides ask: the database of the desk, the photo processes, and what checks remember."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from flask import g

from registry.enforcement.cases import Kind
from registry.enforcement.consignments import Group
from registry.enforcement.result_lines import from_record
from registry.errors import CaseError, ImageError, MerkleError, Overloaded, StoreError, TouchstoneError, WorkerLost
from registry.proofs import absence_file
from registry.storage.cases import Act, new_id
from registry.storage.findings import spread
from registry.storage.guides import Guides
from webapp.desk import pictures

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry.enforcement.absence import Inquiry
    from registry.enforcement.cases import Case
    from registry.enforcement.officers import Office, Officer
    from registry.enforcement.snapshot import Registry
    from registry.storage.cases import Cases
    from registry.storage.guides import Guide
    from registry.storage.histories import Histories
    from registry.units.records import UnitId

_log = logging.getLogger(__name__)

SHOWN_AT_ONCE: Final = 20
"""Units whose absence one request shows: each takes a part of a second, and makes a file."""

MOST_GUIDES: Final = 20
ATTEMPTS: Final = 4
WAIT: Final = 0.5
"""Seconds between two attempts to have a photo copied."""


class People(Protocol):
    """Who works at the desk."""

    def office(self, number: int) -> Office | None:
        """Return an office; none if there is none of this number."""

    def name(self, officer: int) -> str:
        """Return the name of an account; empty if there is none."""


class Nobody:
    """Knows no office and no name."""

    def office(self, number: int) -> Office | None:
        """Return none."""
        del number
        return None

    def name(self, officer: int) -> str:
        """Return nothing."""
        del officer
        return ""


@dataclass(frozen=True, slots=True)
class Deadline:
    """By when something has to be done."""

    name: str
    """In the reader's language."""
    at: int
    """Unix seconds; 0 if it cannot be counted."""
    is_met: bool = False


@dataclass(frozen=True, slots=True)
class Casework:
    """All that the pages need. Methods raise as the databases do, and `CaseError`."""

    desk: Callable[[], Cases]
    """Opens the cases when they are first needed: a database that is away keeps nobody from starting."""
    copy: Callable[[bytes], bytes]
    """Makes the copy of a photo, in a process of its own; raises as `PhotoReaders.copy`."""
    histories: Callable[[], Histories] | None = None
    """What checks remember, opened when it is first needed; none where nothing is."""
    inquiry: Callable[[], Inquiry] | None = None
    """Asks for absences, as of now; none where no chain can be asked."""
    registry: Registry | None = None
    """What evidence bundles ask; none where no chain can be asked."""
    people: People = field(default_factory=Nobody)
    deadlines: Callable[[Case, int], Sequence[Deadline]] | None = None
    """Says by when what is to be done in a case, as of Unix seconds; none where nobody knows."""
    clock: Callable[[], float] = time.time

    @property
    def cases(self) -> Cases:
        """The cases."""
        return self.desk()

    @property
    def guides(self) -> Guides:
        """The brands' guides."""
        return Guides(self.desk())

    def due(self, case: Case) -> Sequence[Deadline]:
        """Return by when what is to be done in a case."""
        return self.deadlines(case, int(self.clock())) if self.deadlines else ()

    def is_elsewhere(self, unit: UnitId, office: int) -> bool:
        """Say whether a case of another office is known to hold a unit; no list fails because nobody answers."""
        try:
            return self.cases.is_elsewhere(unit, office)
        except StoreError as error:
            _log.warning("cases could not be asked for a unit: %s", error)
            return False

    def read(self, name: str) -> Case | None:
        """Return a case to an inspector of its own office, noted as read; to others there is none."""
        case = self.mine(name)
        if case is not None:
            self.cases.note("case.read", officer().id, f"case {name}", {})
        return case

    def mine(self, name: str) -> Case | None:
        """Return a case to an inspector of its own office; to others there is none."""
        case = self.cases.get(name)
        return case if case is not None and officer().owns(case.office) else None

    def act(self, case: Case, acts: Sequence[Act], seen: int) -> Case:
        """Do something to a case as whoever is signed in saw it, and take its findings to where checks read them."""
        after = self.cases.append_all(case.id, officer().id, acts, seen)
        self.spread(after)
        return after

    def spread(self, case: Case) -> bool:
        """Take a case's findings to where checks read them; says whether all of them are there."""
        if not case.of(Kind.COPY_CONFIRMED, Kind.STOLEN_CONFIRMED):
            return True
        if self.histories is None:
            return False
        try:
            spread(case, self.cases, self.histories())
        except TouchstoneError as error:
            _log.warning("findings of a case are not where checks read them yet: %s", error)
            return False
        return True

    def photo(self, data: bytes, name: str, shows: str) -> list[Act]:
        """Return what adds a photo as it came, and a copy to look at if one can be made. Raises `CaseError` if it is none."""
        kind = pictures.type_of(data)
        if kind is None:
            raise CaseError("found no JPEG, PNG, WebP or HEIC file", reason="no_photo")
        original = _file(data, type=kind, name=name, shows=shows)
        copy = self._copied(data)
        if copy is None:
            return [original]
        return [original, _file(copy, type="image/jpeg", name="", shows=shows, derived_from=original.values["id"])]

    def _copied(self, data: bytes) -> bytes | None:
        """Return the copy of a photo; none if none can be made. Those who read others' photos are waited for a little."""
        for attempt in range(ATTEMPTS):
            try:
                return self.copy(data)
            except (Overloaded, WorkerLost) as error:
                _log.warning("a photo waits for its copy: %s", error)
                time.sleep(WAIT * (attempt + 1 < ATTEMPTS))
            except ImageError as error:
                _log.warning("there is no copy of a photo: %s", error)
                return None
        return None

    def due_absences(self, case: Case) -> list[UnitId]:
        """Return the units that were not registered when they were checked, and whose absence is not in the case yet."""
        shown = {(event.values["gtin"], event.values["serial"]) for event in case.of(Kind.ABSENCE_SHOWN)}
        lines = [from_record(line) for line in case.units if line["group"] == Group.NOT_REGISTERED]
        units = dict.fromkeys(line.unit for line in lines if line.unit)
        return [unit for unit in units if (unit.gtin, unit.serial) not in shown]

    def absences(self, case: Case) -> list[Act]:
        """Return what adds files that show the absence of units, as many as are made at once.

        Raises `CaseError` if one is registered by now, and as `Inquiry` does if it cannot be asked.
        """
        if self.inquiry is None:
            raise CaseError("this site cannot ask for absences", reason="no_inquiry")
        inquiry = self.inquiry()
        acts = []
        for unit in self.due_absences(case)[:SHOWN_AT_ONCE]:
            try:
                file = inquiry.show(unit)
            except MerkleError as error:
                raise CaseError(f"{unit.gtin} {unit.serial} is registered by now", reason="registered_now") from error
            block = max((listing.block.number for listing in file.listings), default=0)
            raw = absence_file.write(file)
            acts.append(_file(raw, kind=Kind.ABSENCE_SHOWN, gtin=unit.gtin, serial=unit.serial, block=block))
        return acts

    def guides_of(self, case: Case) -> list[Guide]:
        """Return the guides to the products of a case."""
        gtins = sorted({line["gtin"] for line in case.units if line["gtin"]})
        return [guide for gtin in gtins[:MOST_GUIDES] for guide in self.guides.latest(gtin=gtin)]

    def regions_elsewhere(self, units: Sequence[UnitId], office: int) -> dict[UnitId, tuple[str, ...]]:
        """Return where units lie in cases of other offices: their regions, and no more."""
        found = {}
        for unit, offices in self.cases.elsewhere(units, office).items():
            known = filter(None, map(self.people.office, offices))
            found[unit] = tuple(sorted({one.region for one in known}))
        return found


def officer() -> Officer:
    """Return who is signed in, on a page for which somebody has to be."""
    found: Officer = g.officer
    return found


def _file(content: bytes, *, kind: Kind = Kind.PHOTO_ADDED, **values: Any) -> Act:
    name = new_id()
    told = {"id": name, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content), **values}
    return Act(kind, told, files={name: content})

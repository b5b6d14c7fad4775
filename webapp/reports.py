"""Takes reports: checks the code that they are about once more, and stores them as leads."""

from __future__ import annotations

import enum
import logging
import time
from typing import TYPE_CHECKING, Any, Protocol

from registry.checking.verdicts import Verdict
from registry.errors import TouchstoneError
from registry.storage.leads import Lead
from registry.storage.scans import Channel

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.storage.leads import Leads, Photo
    from webapp.histories import Remembered
    from webapp.readers import Checks
    from webapp.report_form import Filled
    from webapp.report_limits import ReportLimits
    from webapp.report_tickets import Form, ReportTickets
    from webapp.visits import Visitors

_log = logging.getLogger(__name__)


class NotTaken(enum.Enum):
    """Why a report was not taken."""

    LIMITED = enum.auto()
    AWAY = enum.auto()


class Reports(Protocol):
    """Where a site takes reports."""

    def now(self) -> int:
        """Return the time in Unix seconds."""

    @property
    def tickets(self) -> ReportTickets:
        """What forms and summaries carry."""

    def region(self, environ: dict[str, Any]) -> str:
        """Return the coarse region of whoever asks."""

    def taken(self, form: Form) -> str | None:
        """Return the reference under which a form was taken; none if it was not, or nobody could say."""

    def take(
        self, filled: Filled, form: Form, photo: tuple[bytes, Photo | None], environ: dict[str, Any], language: str
    ) -> str | NotTaken:
        """Store a report, and return its reference. Raises nothing."""

    def lead(self, reference: str) -> Lead | None:
        """Return what was taken under a reference. Raises what the database raises."""


class Reporting:
    """Takes reports into a database of scans. Threads may share it."""

    def __init__(
        self,
        checks: Checks,
        memory: Remembered,
        connect: Callable[[], Leads],
        *,
        visitors: Visitors,
        limits: ReportLimits,
        tickets: ReportTickets,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`connect` opens the leads to write; it is called when they are needed, and again if it fails."""
        self.tickets = tickets
        self._checks = checks
        self._memory = memory
        self._visitors = visitors
        self._limits = limits
        self._connect = connect
        self._clock = clock
        self._leads: Leads | None = None

    def now(self) -> int:
        """Return the time in Unix seconds."""
        return int(self._clock())

    def region(self, environ: dict[str, Any]) -> str:
        """Return the coarse region of whoever asks."""
        return self._visitors.phone(environ, self.now()).region

    def taken(self, form: Form) -> str | None:
        """Return the reference under which a form was taken, or none."""
        try:
            return self._open().taken(form.nonce)
        except TouchstoneError as error:
            _log.warning("reports cannot be taken now: %s", error)
            return None

    def take(
        self, filled: Filled, form: Form, photo: tuple[bytes, Photo | None], environ: dict[str, Any], language: str
    ) -> str | NotTaken:
        """Store a report, and return its reference."""
        now = self.now()
        content, known = photo
        lead = Lead(
            now,
            filled.place.value if filled.place else "",
            region=self.region(environ),
            language=language,
            seller=filled.seller,
            bought=filled.day.isoformat() if filled.day else "",
            wrong=tuple(one.value for one in filled.wrong),
            note=filled.note,
            contact=filled.contact,
            to_brand=filled.to_brand and bool(filled.contact),
            to_inspectors=filled.to_inspectors and bool(filled.contact),
            photo=known,
            **self._found(filled, environ),
        )
        try:
            reference = self._open().take(lead, form.nonce, content or None, self._limits.of(environ, now))
        except TouchstoneError as error:
            _log.warning("reports cannot be taken now: %s", error)
            return NotTaken.AWAY
        return reference or NotTaken.LIMITED

    def lead(self, reference: str) -> Lead | None:
        """Return what was taken under a reference."""
        return self._open().lead(reference)

    def _found(self, filled: Filled, environ: dict[str, Any]) -> dict[str, Any]:
        """Return what the code says now, as facts of a lead; a check that cannot be made is told as such, and keeps nothing."""
        if not filled.link:
            return {}
        answer = self._checks.typed(filled.link, filled.gtin or None)
        if not isinstance(answer, Verdict):  # several products have this number
            return {"presented": filled.link}
        verdict = self._memory.added(answer, environ, Channel.TYPED)
        unit, maker = verdict.unit, verdict.manufacturer
        return {
            "presented": filled.link,
            "gtin": unit.gtin if unit else "",
            "serial": unit.serial if unit else "",
            "manufacturer": maker.number if maker and verdict.anchor else None,
            "registration": verdict.registration.value,
            "history": verdict.history.value,
            "binding": verdict.binding.value,
        }

    def _open(self) -> Leads:
        if self._leads is None:
            self._leads = self._connect()
        return self._leads

"""Adds to a verdict what the checks of its unit look like, for whoever presented the label (protocol § 7 step 9).

The past is read by one question; a database that cannot be asked takes nothing away from the verdict but its history.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from registry.checking.history import Past, Sighting, differs_from_markets, weigh
from registry.checking.verdicts import Code, HistoryView
from registry.errors import TouchstoneError
from registry.storage.histories import HOUR
from registry.storage.scans import Channel
from registry.units.records import UnitId
from webapp.visits import NOBODY, Visit

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.checking.verdicts import Verdict
    from registry.storage.histories import Histories, Kind
    from webapp.tickets import Tickets
    from webapp.visits import Visitors

_log = logging.getLogger(__name__)

VISIT: Final = "touchstone.visit"


class Remembered(Protocol):
    """What a site remembers of checks."""

    def visit(self, environ: dict[str, Any]) -> Visit:
        """Return who looks, as far as it is to be known."""

    def added(self, verdict: Verdict, environ: dict[str, Any], channel: Channel) -> Verdict:
        """Return the verdict with its history. Raises nothing."""

    def unit_of(self, ticket: str) -> UnitId | None:
        """Return the unit that a page's ticket names; none if it is not good, or not good any more."""

    def say(self, unit: UnitId, kind: Kind, environ: dict[str, Any]) -> bool:
        """Put on record what somebody said of a unit; says whether it could be."""


class Forgetful:
    """Remembers nothing: for a site without a database of scans, or without a secret for phones' keys."""

    def visit(self, environ: dict[str, Any]) -> Visit:
        """Return nobody."""
        del environ
        return NOBODY

    def added(self, verdict: Verdict, environ: dict[str, Any], channel: Channel) -> Verdict:
        """Return the verdict as it is."""
        del environ, channel
        return verdict

    def unit_of(self, ticket: str) -> UnitId | None:
        """Return none."""
        del ticket
        return None

    def say(self, unit: UnitId, kind: Kind, environ: dict[str, Any]) -> bool:
        """Say that it could not be."""
        del unit, kind, environ
        return False


class Remembering:
    """Remembers checks. Threads may share it."""

    def __init__(
        self, visitors: Visitors, tickets: Tickets, connect: Callable[[], Histories], *, clock: Callable[[], float] = time.time
    ) -> None:
        """`connect` opens the histories to write what people say; it is called when they are needed, and again if it fails."""
        self._visitors = visitors
        self._tickets = tickets
        self._connect = connect
        self._clock = clock
        self._histories: Histories | None = None
        self._is_away = False

    def visit(self, environ: dict[str, Any]) -> Visit:
        """Return who looks; it is found once for each request."""
        found: Visit | None = environ.get(VISIT)
        if found is None:
            found = environ[VISIT] = self._visitors.visit(environ, int(self._clock()))
        return found

    def added(self, verdict: Verdict, environ: dict[str, Any], channel: Channel) -> Verdict:
        """Return the verdict with its history, if the label was presented: a number alone has none."""
        unit = verdict.unit
        if verdict.proof is None or unit is None:
            return verdict
        visit = self.visit(environ) if channel is not Channel.API else NOBODY
        past = self._past(unit.gtin, unit.serial)
        if past is None:
            return verdict
        is_look = channel is Channel.PAGE and visit.device
        found = weigh(past, Sighting(verdict.checked_at // HOUR, visit.region, visit.device) if is_look else None)
        markets = unit.product.markets if unit.product else ()
        view = HistoryView(
            found.checks_before, found.first_day, found.first_region, found.opened_day,
            other_market=bool(is_look) and differs_from_markets(visit.region, markets),
            ticket=self._tickets.issue(UnitId(unit.gtin, unit.serial), verdict.checked_at) if visit.device else "",
        )  # fmt: skip
        extra = (*verdict.extra_reasons, Code.REPORTED_STOLEN) if past.reported_stolen else verdict.extra_reasons
        return replace(verdict, history=found.history, past=view, extra_reasons=extra)

    def unit_of(self, ticket: str) -> UnitId | None:
        """Return the unit of a ticket, or none."""
        return self._tickets.read(ticket, int(self._clock()))

    def say(self, unit: UnitId, kind: Kind, environ: dict[str, Any]) -> bool:
        """Put on record what somebody said of a unit; says whether it could be."""
        now = int(self._clock())
        who = self._visitors.phone(environ, now)
        try:
            self._open().mark(unit.gtin, unit.serial, kind, now // HOUR * HOUR, region=who.region, device=who.device)
        except TouchstoneError as error:
            self._say_away(error)
            return False
        return True

    def _past(self, gtin: str, serial: str) -> Past | None:
        try:
            past = self._open().past(gtin, serial)
        except TouchstoneError as error:
            self._say_away(error)
            return None
        self._is_away = False
        return past

    def _open(self) -> Histories:
        if self._histories is None:
            self._histories = self._connect()
        return self._histories

    def _say_away(self, error: TouchstoneError) -> None:
        if not self._is_away:
            self._is_away = True
            _log.warning("verdicts have no history now: %s", error)

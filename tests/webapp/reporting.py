"""A site that takes reports, over hand-made verdicts and a database of the test's own."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any, Final

from werkzeug.datastructures import MultiDict
from werkzeug.test import encode_multipart

from tests.webapp.samples import BY_NAME, LINK, NOW, REGISTERED, Answers, readers
from tests.webapp.test_visits import IPHONE, SECRET
from webapp.app import create_app
from webapp.histories import Forgetful
from webapp.report_form import SHORTEST
from webapp.report_limits import ReportLimits
from webapp.report_tickets import ReportTickets
from webapp.reports import Reporting
from webapp.visits import Visitors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask
    from werkzeug.test import TestResponse

    from registry.storage.leads import Leads
    from webapp.histories import Remembered

PNG: Final = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">IIBBBBB", 640, 480, 8, 2, 0, 0, 0) + b"rest of a photo"
ADDRESS: Final = "1.2.3.4"
"""A public address: those of documents are not counted as networks."""


class Clock:
    """A clock that is set by hand. It moves on with every look, so that a form is never filled in within no time."""

    def __init__(self, now: int = NOW, step: int = 0) -> None:
        self.now = now
        self._step = step

    def __call__(self) -> float:
        """Return Unix seconds."""
        self.now += self._step
        return self.now


def reporting(leads: Leads, clock: Clock, *, checks: Any = None, memory: Remembered | None = None) -> Reporting:
    """Return where reports are taken."""
    visitors = Visitors(SECRET, header="Region")
    return Reporting(
        checks or Answers({**BY_NAME, LINK: REGISTERED}), memory or Forgetful(), lambda: leads, visitors=visitors,
        limits=ReportLimits(SECRET, visitors), tickets=ReportTickets(SECRET), clock=clock,
    )  # fmt: skip


class Person:
    """Somebody with a browser at a site that takes reports."""

    def __init__(self, leads: Leads, clock: Clock, **more: Any) -> None:
        self.leads = leads
        self.clock = clock
        self.app: Flask = create_app(readers(reports=reporting(leads, clock, **more)))
        self._client = self.app.test_client()

    def get(self, address: str, language: str = "en") -> TestResponse:
        """Open a page."""
        return self._client.get(address, headers={"User-Agent": IPHONE, "Accept-Language": language})

    def ticket(self, address: str = "/report") -> str:
        """Open the form, and take some time over it; returns its ticket."""
        found = re.findall(r'name="ticket" value="([^"]+)"', self.get(address).text)
        self.clock.now += SHORTEST
        return str(found[0])

    def send(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        ticket: str | None = None,
        headers: Mapping[str, str] | None = None,
        address: str = ADDRESS,
        to: str = "/report/send",
    ) -> TestResponse:
        """Send a form: one that is in order, but for what `data` changes."""
        filled = {"ticket": self.ticket() if ticket is None else ticket, "place": "shop", "wrong": ["seal"], **(data or {})}
        sent = {"User-Agent": IPHONE, "Accept-Language": "en", **(headers or {})}
        # Not by the client itself, which puts a large body into a file and leaves it open.
        boundary, body = encode_multipart(MultiDict({name: value for name, value in filled.items() if value is not None}))
        return self._client.post(
            to,
            data=body,
            headers=sent,
            environ_overrides={"REMOTE_ADDR": address},
            content_type=f"multipart/form-data; boundary={boundary}",
        )

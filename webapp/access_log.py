"""What the log says of a request: method, endpoint, status, time and headline. Never an address, a serial or a signature.

The path of a link holds a serial and its query a signature (protocol § 9), so that neither is logged, and `Redacting` takes
them out of whatever else is written, tracebacks included.
"""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING, Final

from flask import Flask, g, request

if TYPE_CHECKING:
    from flask import Response

_log = logging.getLogger("touchstone.access")

_SECRETS: Final = re.compile(r"(?P<name>\bsig=|/21/|%2F21%2F|\b(?:link|number)=)[^\s/?&#'\"<>]+", re.IGNORECASE)


class Redacting(logging.Formatter):
    """A formatter that takes serials and signatures out of everything, the traceback's words included."""

    _second = 0
    _stamp = ""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text, without secrets."""
        return redact(super().format(record))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 -- logging's name
        """Return the second in which a record was made; a crowd's records share it."""
        second = int(record.created)
        if second != self._second:
            self._second, self._stamp = second, time.strftime(datefmt or "%Y-%m-%d %H:%M:%S", time.localtime(second))
        return self._stamp


def redact(text: str) -> str:
    """Return a text without the serials and signatures of links."""
    if "=" not in text and "/21/" not in text and "%" not in text:
        return text  # none of them can be in there, as in nearly every line
    return _SECRETS.sub(r"\g<name>…", text)


def note(method: str, endpoint: str, status: int, seconds: float, headline: str) -> None:
    """Write one line about an answer."""
    if _log.isEnabledFor(logging.INFO):
        line = f"{method} {endpoint} {status} {seconds * 1000:.0f} ms {headline}"
        # Made by hand: `info` would look up the source line that calls it, which takes longer than writing.
        _log.handle(_log.makeRecord(_log.name, logging.INFO, __file__, 0, line, (), None))


def start() -> None:
    """Note when a request came."""
    g.started = time.perf_counter()


def write(answer: Response) -> Response:
    """Write one line about Flask's answer."""
    noted, asked, now = g, request, time.perf_counter()
    note(asked.method, asked.endpoint or "-", answer.status_code, now - noted.get("started", now), noted.get("headline", "-"))
    return answer


def register(app: Flask) -> None:
    """Log every answer of an app."""
    app.before_request(start)
    app.after_request(write)

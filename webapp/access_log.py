"""What the log says of a request: method, endpoint, status, time and headline. Never an address, a serial or a signature.

The path of a link holds a serial and its query a signature (protocol § 9), so that neither is logged, and `Redacting` takes
them out of whatever else is written, tracebacks included.
"""

from __future__ import annotations

import logging
import re
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final, TextIO

from flask import Flask, g, request

if TYPE_CHECKING:
    from collections.abc import Callable

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
        """Return the second in which a record was made."""
        del datefmt
        return self.stamp(record.created)

    def stamp(self, now: float) -> str:
        """Return the second of a Unix time, local; a crowd's lines share it."""
        second = int(now)
        if second != self._second:
            self._second, self._stamp = second, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        return self._stamp


class Lines(logging.StreamHandler[TextIO]):
    """Writes the log. A line about an answer, made of words of our own, takes a shorter way than whatever else is logged."""

    def __init__(self, stream: TextIO) -> None:
        """Write to a stream that gives on each line as it is finished, as standard error does."""
        super().__init__(stream)
        self._form = Redacting("%(asctime)s %(levelname)s %(name)s %(message)s")
        self.setFormatter(self._form)

    def line(self, text: str) -> None:
        """Write one line about an answer, as a record of it would be written."""
        try:
            with self.lock or nullcontext():
                self.stream.write(f"{self._form.stamp(time.time())} INFO {_log.name} {text}\n")
        except (OSError, ValueError):  # nobody reads the log any more: the answer goes out all the same
            self.handleError(logging.makeLogRecord({"msg": "a line of the log could not be written"}))


def redact(text: str) -> str:
    """Return a text without the serials and signatures of links."""
    if "=" not in text and "/21/" not in text and "%" not in text:
        return text  # none of them can be in there, as in nearly every line
    return _SECRETS.sub(r"\g<name>…", text)


_counting: list[Callable[[str, int, float, str], None]] = []


def also(count: Callable[[str, int, float, str], None]) -> None:
    """Have answers counted, too: endpoint, status, seconds and headline of each."""
    _counting[:] = [count]


def note(method: str, endpoint: str, status: int, seconds: float, headline: str) -> None:
    """Write one line about an answer."""
    for count in _counting:
        count(endpoint, status, seconds, headline)
    if _log.isEnabledFor(logging.INFO):
        line = f"{method} {endpoint} {status} {seconds * 1000:.0f} ms {headline}"
        handlers = logging.root.handlers
        if len(handlers) == 1 and isinstance(handlers[0], Lines):
            handlers[0].line(line)
        else:
            _log.info("%s", line)


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

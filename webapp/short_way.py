"""The short way for the two questions that a crowd asks: a label's link opened as it is printed, and a program's `?link=…`.

Flask takes longer to find the way to a view and back than a check takes. So a request that can be read at a glance is answered
here, by the same functions as in the views, and everything else goes on to Flask: what is encoded or repeated, other methods,
other cookies, a wish for a language, whatever fails. For each request that is answered here, Flask would give the same status,
headers and body (tests/webapp/test_short_way.py); nothing is refused here, but what a network asks is counted.
"""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from werkzeug.exceptions import SecurityError
from werkzeug.sansio.utils import get_host

from registry.storage.scans import Channel
from webapp import access_log, headers, languages
from webapp.blueprints.api import document
from webapp.blueprints.check import AUTHORITY, CHECKED
from webapp.limits import MAX_TARGET, MAX_TEXT
from webapp.pages import RETRY_AFTER, Place
from webapp.presenter import verdicts
from webapp.rates import RATED
from webapp.raw_uri import RawTarget
from webapp.visits import NOBODY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from registry.checking.verdicts import Verdict
    from webapp.histories import Remembered
    from webapp.pages import VerdictPages
    from webapp.rates import Limiter
    from webapp.readers import Checks, Recorder

_log = logging.getLogger(__name__)

_LABEL: Final = re.compile(r"/01/[0-9]+(?:/[A-Za-z0-9_-]+)*/21/[A-Za-z0-9_-]+/?(?:[?](?:sig=[A-Za-z0-9_-]*)?)?")
"""A link as it is printed: it names a serial, nothing in it is encoded, and no part of it is empty or dots."""
_ASKED: Final = re.compile(r"/api/v1/verify[?]link=((?:[A-Za-z0-9._~:/@!$'()*,;?=-]++|%[2-7][0-9A-Fa-f])++)")
"""A link in ASCII, as the only parameter: `+` and `&` have meanings of their own."""
_COOKIES: Final = {"": None} | {f"{languages.COOKIE}={one.tag}": one for one in languages.LANGUAGES}
_STATUS: Final = {status.value: f"{status.value} {status.phrase.upper()}" for status in HTTPStatus}

Answer = tuple[str, list[tuple[str, str]], bytes]


@dataclass(frozen=True, slots=True)
class _Door:
    """One of the two questions."""

    endpoint: str
    """The view that answers it otherwise."""
    mimetype: str
    channel: Channel


_API: Final = _Door("api.verify", "application/json", Channel.API)
_PAGE: Final = _Door("check.link", "text/html; charset=utf-8", Channel.PAGE)


class ShortWay:
    """A WSGI application that answers what it can, and hands on the rest."""

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        *,
        checks: Checks,
        scans: Recorder,
        pages: VerdictPages,
        memory: Remembered,
        limiter: Limiter,
    ) -> None:
        """Stand before `app`."""
        self._app = app
        self._checks = checks
        self._scans = scans
        self._pages = pages
        self._memory = memory
        self._limiter = limiter

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        """Answer one request."""
        answer = self._answer(environ) if environ["REQUEST_METHOD"] == "GET" else None
        if answer is None:
            return self._app(environ, start_response)
        status, sent, body = answer
        start_response(status, sent)
        return [body]

    def _answer(self, environ: dict[str, Any]) -> Answer | None:
        target = environ.get("REQUEST_URI") or ""
        if len(target) > MAX_TARGET:
            return None
        began = time.perf_counter()
        try:
            if found := _ASKED.fullmatch(target):
                return self._asked(environ, began, found[1])
            if _LABEL.fullmatch(target):
                return self._opened(environ, began, target)
        except Exception:  # noqa: BLE001 -- the views find the same fault, and know what to say
            _log.exception("the short way failed")
        return None

    def _asked(self, environ: dict[str, Any], began: float, encoded: str) -> Answer | None:
        link = _decoded(encoded)
        if len(link) > MAX_TEXT or not _is_host(environ["wsgi.url_scheme"], environ.get("HTTP_HOST", "")):
            return None
        if self._is_too_much(environ, encoded):
            return None
        verdict = self._memory.added(self._checks.link(link), environ, Channel.API)
        return self._done(environ, began, verdict, document(verdict), _API)

    def _opened(self, environ: dict[str, Any], began: float, target: str) -> Answer | None:
        cookie = environ.get("HTTP_COOKIE", "")
        scheme, host = environ["wsgi.url_scheme"], environ.get("HTTP_HOST", "")
        # No browser asks for JSON first: whoever does may want the link's linkset (`webapp.blueprints.resolver`).
        if cookie not in _COOKIES or "json" in environ.get("HTTP_ACCEPT", "").lower() or not _is_host(scheme, host):
            return None
        if self._is_too_much(environ, target.partition("?")[0]):
            return None
        language = _COOKIES[cookie] or languages.accepted(environ.get("HTTP_ACCEPT_LANGUAGE", ""))
        verdict = self._memory.added(self._checks.link(f"{scheme}://{host}{target}"), environ, Channel.PAGE)
        with languages.speaking(language):
            body = self._pages.kept(verdict, Place(get_host(scheme, host), RawTarget.of(environ), scheme))
        if body is None:  # the first of its kind: Flask makes it, and need not check again
            environ[CHECKED] = verdict
            return None
        return self._done(environ, began, verdict, body.encode(), _PAGE)

    def _is_too_much(self, environ: dict[str, Any], about: str) -> bool:
        """Count a question, once: if it is too much, Flask says so."""
        wait = environ[RATED] = self._limiter.wait(environ, about=about)
        return wait > 0

    def _done(self, environ: dict[str, Any], began: float, verdict: Verdict, content: bytes, door: _Door) -> Answer:
        self._scans.note(verdict, door.channel, self._memory.visit(environ) if door is _PAGE else NOBODY)
        code = verdicts.status_of(verdict)
        sent = [("Content-Type", door.mimetype), ("Content-Length", str(len(content)))]
        if code == HTTPStatus.SERVICE_UNAVAILABLE:
            sent.append(("Retry-After", str(RETRY_AFTER)))
        sent += headers.OVER_TLS if environ["wsgi.url_scheme"] == "https" else headers.ALWAYS
        if door is _PAGE and code == HTTPStatus.OK:
            sent.append(headers.LINKSET_BESIDE)
        sent += headers.NOT_KEPT
        access_log.note("GET", door.endpoint, code, time.perf_counter() - began, verdicts.headline_of(verdict).value)
        return _STATUS[code], sent, content


def _decoded(encoded: str) -> str:
    """Return a query's value. A link has a dozen of these four marks, and hardly ever another."""
    text = encoded.replace("%3A", ":").replace("%2F", "/").replace("%3F", "?").replace("%3D", "=")
    return unquote(text) if "%" in text else text


@lru_cache
def _is_host(scheme: str, host: str) -> bool:
    """Say whether a request names a host that Flask would serve."""
    if not AUTHORITY.fullmatch(host):
        return False
    try:
        return bool(get_host(scheme, host))
    except SecurityError:
        return False

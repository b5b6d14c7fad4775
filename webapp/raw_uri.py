"""The address as it was sent, byte for byte.

WSGI's `PATH_INFO` is percent-decoded, so that a serial with an encoded slash looks like two path segments: a link read from it
could name another unit than the label. Links are therefore read from the raw request target, which servers hand on as
`REQUEST_URI` (`webapp.asgi`, Werkzeug, uWSGI, waitress) or `RAW_URI` (gunicorn).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from registry.errors import TouchstoneError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


@dataclass(frozen=True, slots=True)
class RawTarget:
    """A request target in origin form: path and query as sent."""

    path: str
    query: str | None

    @classmethod
    def of(cls, environ: Mapping[str, Any]) -> Self:
        """Return the target of a request.

        Raises `TouchstoneError` if the server does not hand it on: a decoded path is no substitute.
        """
        raw = environ.get("REQUEST_URI") or environ.get("RAW_URI")
        if not isinstance(raw, str):
            raise TouchstoneError(
                "the server hands on no raw request target, expected REQUEST_URI or RAW_URI",
                hint="serve the site with: granian --interface asgi --factory webapp.wsgi:asgi",
            )
        if not raw.startswith("/"):  # absolute form, as proxies are asked: only path and query are ours
            raw = "/" + raw.partition("://")[2].partition("/")[2]
        path, mark, query = raw.partition("?")
        return cls(path, query if mark else None)

    @property
    def text(self) -> str:
        """Return path and query as one text."""
        return self.path if self.query is None else f"{self.path}?{self.query}"

    @property
    def local(self) -> str:
        """Return path and query for a link or redirect to here: two slashes at its start would name another host."""
        return "/" + self.text.lstrip("/")

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values of the query's pairs of this name, as sent."""
        pairs = [pair.partition("=") for pair in (self.query or "").split("&")]
        return tuple(value for found, _, value in pairs if found == name)

    def without(self, name: str) -> Self:
        """Return the target without the query's pairs of this name, everything else as it was."""
        pairs = [pair for pair in (self.query or "").split("&") if pair and pair.partition("=")[0] != name]
        return type(self)(self.path, "&".join(pairs) or None)

    def with_pair(self, name: str, value: str) -> Self:
        """Return the target with one more pair in its query."""
        pairs = [*filter(None, [self.query]), f"{name}={value}"]
        return type(self)(self.path, "&".join(pairs))

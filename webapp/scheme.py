"""Whether a reader came over TLS, where a proxy ends it: the proxy says so in a header that the operator names.

Without it every request would seem to come in the clear: nobody could sign in, and cookies were not kept to TLS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import WSGIApplication


class SchemeOfProxy:
    """A WSGI application before another: it takes the proxy's word for `https`, and nobody's for anything else."""

    def __init__(self, app: WSGIApplication, header: str) -> None:
        """Believe this header; the proxy has to set it on every request."""
        self._app = app
        self._variable = f"HTTP_{header.upper().replace('-', '_')}"

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        if environ.get(self._variable) == "https":
            environ["wsgi.url_scheme"] = "https"
        return self._app(environ, start_response)

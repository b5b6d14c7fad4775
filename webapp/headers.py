"""Headers of every answer: nothing from elsewhere, nothing inline, nothing kept, nothing told to others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Flask, Response

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import WSGIEnvironment

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
POLICY: Final = "Content-Security-Policy"
PERMISSIONS_POLICY: Final = "camera=(self), geolocation=(), microphone=(), payment=(), usb=()"
A_DAY: Final = 24 * 3600
A_YEAR: Final = 365 * A_DAY
ALWAYS: Final = (
    (POLICY, CONTENT_SECURITY_POLICY),
    ("Permissions-Policy", PERMISSIONS_POLICY),
    # The address of a page holds a serial and a signature, which are nobody else's business.
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
OVER_TLS: Final = (*ALWAYS, ("Strict-Transport-Security", f"max-age={A_YEAR}"))
NOT_KEPT: Final = (
    # A verdict is true at one moment: neither a browser nor a proxy may show it again as if it were current.
    ("Cache-Control", "no-store"),
    ("Vary", "Accept-Language, Cookie"),
)


class HardenedResponse(Response):
    """An answer that carries what every answer carries; a view may say how long it is kept, or set a policy of its own.

    They are added to what goes out, all at once: set one by one, they cost more than routing.
    """

    def get_wsgi_response(self, environ: WSGIEnvironment) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        """Return body, status and headers as they are sent."""
        body, status, headers = super().get_wsgi_response(environ)
        always = OVER_TLS if environ["wsgi.url_scheme"] == "https" else ALWAYS
        headers += always if POLICY not in self.headers else [header for header in always if header[0] != POLICY]
        if "Cache-Control" not in self.headers:
            headers += NOT_KEPT
        return body, status, headers


def register(app: Flask) -> None:
    """Harden every answer of an app."""
    app.response_class = HardenedResponse

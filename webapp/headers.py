"""Headers of every answer: nothing from elsewhere, nothing inline, nothing kept, nothing told to others."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from flask import Flask, request

if TYPE_CHECKING:
    from flask import Response

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PERMISSIONS_POLICY: Final = "camera=(self), geolocation=(), microphone=(), payment=(), usb=()"
A_YEAR: Final = 365 * 24 * 3600
A_DAY: Final = 24 * 3600


def harden(answer: Response) -> Response:
    """Set the headers of one answer."""
    headers = answer.headers
    headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    headers["Permissions-Policy"] = PERMISSIONS_POLICY
    # The address of a page holds a serial and a signature, which are nobody else's business.
    headers["Referrer-Policy"] = "no-referrer"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if request.is_secure:
        headers["Strict-Transport-Security"] = f"max-age={A_YEAR}"
    if request.endpoint == "static" and answer.status_code < HTTPStatus.BAD_REQUEST:
        # Addressed by content (`?v=`), so that an old copy is never asked for by a new page.
        headers["Cache-Control"] = f"public, max-age={A_YEAR}, immutable" if "v" in request.args else f"public, max-age={A_DAY}"
    else:
        # A verdict is true at one moment: neither a browser nor a proxy may show it again as if it were current.
        headers["Cache-Control"] = "no-store"
        headers["Vary"] = "Accept-Language, Cookie"
    return answer


def register(app: Flask) -> None:
    """Harden every answer of an app."""
    app.after_request(harden)

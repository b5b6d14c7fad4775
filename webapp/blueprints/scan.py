"""The scan page, and what lets a phone install it: a manifest, and a page for when there is no connection.

The page has three equal ways: the camera, which needs a script of ours; a photo and the number, which do not. The service
worker is registered from here alone, because no page that a label opens runs a script.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from flask import Blueprint, make_response, render_template, url_for

from webapp.headers import A_DAY, CONTENT_SECURITY_POLICY, POLICY
from webapp.presenter import scanning

if TYPE_CHECKING:
    from flask import Response

READERS_POLICY: Final = (
    f"{CONTENT_SECURITY_POLICY}; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; "
    "manifest-src 'self'"
)
"""On this page alone WebAssembly may be started: the reader of codes, for browsers that have none of their own."""
WORKERS_POLICY: Final = "default-src 'none'; connect-src 'self'"
"""The service worker asks this site, and nobody else."""
KEPT: Final = f"public, max-age={A_DAY}"


def blueprint() -> Blueprint:
    """Return the page and its companions."""
    doors = Blueprint("scan", __name__)
    doors.add_url_rule("/scan", "page", page)
    doors.add_url_rule("/manifest.webmanifest", "manifest", manifest)
    doors.add_url_rule("/offline", "offline", offline)
    doors.add_url_rule("/offline.js", "worker", worker)
    return doors


def page() -> Response:
    """Offer the three ways."""
    answer = make_response(render_template("scan.html", words=scanning.words()))
    answer.headers[POLICY] = READERS_POLICY
    return answer


def manifest() -> Response:
    """Tell a phone what it installs, in the reader's language."""
    answer = make_response(render_template("manifest.webmanifest", name=scanning.name(), description=scanning.description()))
    answer.mimetype = "application/manifest+json"
    return answer


def offline() -> Response:
    """Say in every language that nothing can be checked. It is the same for everybody, and the one page that may be kept."""
    answer = make_response(_offline())
    answer.headers["Cache-Control"] = KEPT
    return answer


def worker() -> Response:
    """Give the service worker, which is another one as soon as what it keeps has changed."""
    version = hashlib.sha256(_offline().encode()).hexdigest()[:12]
    answer = make_response(render_template("offline.js", offline=url_for("scan.offline", v=version)))
    answer.mimetype = "text/javascript"
    answer.headers[POLICY] = WORKERS_POLICY
    answer.headers["Cache-Control"] = "no-cache"
    return answer


def _offline() -> str:
    return render_template("offline.html", told=scanning.offline())

"""Whether a form was sent by a page of ours, as far as the browser says."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import request


def is_ours() -> bool:
    """Say whether this request comes from a page of ours.

    Our pages send no referrer, so that browsers name no origin either: then the form's ticket has to do.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("Origin", "null")
    return origin == "null" or urlsplit(origin).netloc == request.host

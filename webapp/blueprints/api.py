"""A machine's question: `GET /api/v1/verify?link=…` or `?number=…&gtin=…`, answered in stable codes.

The HTTP status is that of the page: 400 for what is not one of our labels, 503 for what could not be asked, else 200.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, jsonify, request

from registry.checking.json_form import written
from registry.checking.verdicts import Verdict
from registry.storage.scans import Channel
from webapp.limits import MAX_TEXT
from webapp.pages import finish
from webapp.presenter.verdicts import headline_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webapp.histories import Remembered
    from webapp.readers import Checks, Recorder

PARAMETERS = frozenset({"link", "number", "gtin"})


def blueprint(checks: Checks, scans: Recorder, memory: Remembered, described: Mapping[str, object]) -> Blueprint:
    """Return the API; `described` is its own description."""
    api = Blueprint("api", __name__, url_prefix="/api/v1")

    @api.get("/openapi.json")
    def openapi() -> Response:
        return jsonify(described)

    @api.get("/verify")
    def verify() -> Response:
        if complaint := _complaint():
            return refuse("bad_request", complaint)
        link, number = request.args.get("link"), request.args.get("number", "")
        # A link is taken as it was scanned; only a number is something that a person typed.
        answer = checks.link(link) if link is not None else checks.typed(number, request.args.get("gtin") or None)
        if not isinstance(answer, Verdict):
            gtins = [unit.gtin for unit in answer.units]
            return refuse("several_products", "several products have this number: add one of gtins as gtin", gtins=gtins)
        answer = memory.added(answer, request.environ, Channel.API)
        scans.note(answer, Channel.API)
        return finish(Response(document(answer), mimetype="application/json"), answer)

    return api


def document(verdict: Verdict) -> bytes:
    """Return a verdict as it is answered."""
    return written(verdict, headline_of(verdict).value) + b"\n"


def refuse(code: str, message: str, *, status: int = 400, **more: object) -> Response:
    """Return a refusal: a stable code and a sentence for who wrote the program that asks."""
    answer = jsonify(error={"code": code, "message": message, **more})
    answer.status_code = status
    return answer


def _complaint() -> str | None:
    """Say what is wrong with the question, if anything is."""
    asked = request.args
    repeated = [name for name in PARAMETERS if len(asked.getlist(name)) > 1]
    if repeated:
        return f"found {repeated[0]} more than once, expected it once"
    if ("link" in asked) == ("number" in asked):
        return "expected either link or number, percent-encoded"
    if "link" in asked and "gtin" in asked:
        return "found gtin beside link, expected it beside number only"
    if any(len(value) > MAX_TEXT for value in asked.values()):
        return f"found a value of more than {MAX_TEXT} characters"
    return None

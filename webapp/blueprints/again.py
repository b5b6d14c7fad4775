"""A proof to take away, and the page on which the reader's own browser repeats it.

Neither is a scan: whoever comes here has checked the code already, so that nothing is noted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for

from registry.checking.repeating import proof_of
from registry.errors import LinkError
from registry.proofs import proof_file
from registry.units import links
from webapp import facts
from webapp.blueprints.api import refuse
from webapp.headers import CONTENT_SECURITY_POLICY, POLICY
from webapp.limits import MAX_TEXT
from webapp.presenter import again
from webapp.presenter.verdicts import STATUS

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from webapp.readers import Checks

READERS_POLICY: Final = f"{CONTENT_SECURITY_POLICY}; script-src 'self'; connect-src 'self' https: http:"
"""On this page alone a script of ours runs, and asks the chain where the reader tells it to."""


def blueprint(checks: Checks, endpoint: str) -> Blueprint:
    """Return the two addresses. `endpoint` is a chain endpoint that may be suggested to everybody, or empty."""
    doors = Blueprint("again", __name__)

    @doors.get(facts.AGAIN)
    def page() -> AnyResponse:
        text = _asked()
        try:
            number = facts.number_of_link(links.parse(text)) if text else None
        except LinkError:
            return redirect(url_for("check.check", link=text), 303)
        file = facts.again_of(text)["proof_file"] if text else ""
        answer = make_response(render_template("again.html", number=number, file=file, endpoint=endpoint, words=again.words()))
        answer.headers[POLICY] = READERS_POLICY
        return answer

    @doors.get(facts.PROOF)
    def file() -> Response:
        verdict = checks.link(_asked() or abort(400))
        found = proof_of(verdict)
        if found is None:
            status = STATUS.get(verdict.registration, 404)
            return refuse("no_proof", f"the verdict is {verdict.registration.value}, and holds no proof", status=status)
        answer = make_response(proof_file.write(found))
        answer.mimetype = "application/json"
        answer.headers["Content-Disposition"] = 'attachment; filename="proof.json"'
        return answer

    return doors


def _asked() -> str:
    """Return the link that is asked about, as it was scanned; empty if none is."""
    asked = request.args.getlist("link")
    if len(asked) > 1 or any(len(text) > MAX_TEXT for text in asked):
        abort(400)
    return asked[0] if asked else ""

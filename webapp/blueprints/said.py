"""What a reader says of a unit: the checks before were mine, or not; I have opened it. A form, no script, no account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, make_response, render_template, request

from registry.storage.histories import Kind
from webapp.presenter.answers import Answer, told

if TYPE_CHECKING:
    from flask import Response

    from webapp.histories import Remembered

KINDS = {Answer.NO: Kind.NOT_ME, Answer.OPENED: Kind.OPENED}
STATUS = {Answer.TOO_OLD: 400, Answer.AWAY: 503}


def blueprint(memory: Remembered) -> Blueprint:
    """Return the place where forms are answered."""
    said = Blueprint("said", __name__)

    @said.post("/said")
    def say() -> Response:
        answer = _noted(memory)
        page = make_response(render_template("message.html", message=told(answer)))
        page.status_code = STATUS.get(answer, 200)
        return page

    return said


def _noted(memory: Remembered) -> Answer:
    """Note what a form says, and return what came of it. A yes is noted nowhere: it changes nothing."""
    unit = memory.unit_of(request.form.get("ticket", ""))
    given = request.form.get("answer", "")
    if unit is None or given not in {Answer.YES, Answer.NO, Answer.OPENED}:
        return Answer.TOO_OLD
    answer = Answer(given)
    if answer in KINDS and not memory.say(unit, KINDS[answer], request.environ):
        return Answer.AWAY
    return answer

"""Asks whoever is signed in for his second factor again, before what a session alone does not let him do.

What his form said stands in the page that asks, as hidden fields, and is sent again with the code or the passkey's answer.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from flask import request

from webapp.desk.door import FRESH, Refused
from webapp.desk.page import page_of
from webapp.desk.passkeys import SCRIPTED, asked_again, signed_again
from webapp.desk.sign_in import caller
from webapp.desk.signed_in import session
from webapp.headers import POLICY
from webapp.languages import gettext
from webapp.presenter import desk_accounts as words

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Response

    from webapp.desk.door import Door

OURS: Final = frozenset({"ticket", "code", "answer"})
"""Fields that are not of the form which waits."""
WHY: Final = {Refused.WRONG: (400, words.AGAIN_WRONG), Refused.OFTEN: (429, words.OFTEN)}


def freshly(door: Door, view: Callable[..., Any]) -> Callable[..., Any]:
    """Return what guards a view that takes a form: it is reached with a second factor that was shown lately."""

    @wraps(view)
    def guarded(*arguments: Any, **named: Any) -> Any:
        if door.is_fresh(session()):
            return view(*arguments, **named)
        refused = None
        if "answer" in request.form or "code" in request.form:
            refused = _taken(door)
            if refused is None:
                return view(*arguments, **named)
        return _page(door, refused)

    return guarded


def _taken(door: Door) -> Refused | None:
    """Take what was sent as a second factor; returns why not."""
    here = session()
    if not request.form.get("answer"):
        return door.prove(here, request.form.get("code", ""), caller(door))
    if not signed_again(door, here.account.officer.id):
        door.failed(here.account)
        return Refused.WRONG
    door.proved(here)
    return None


def _page(door: Door, refused: Refused | None) -> Response:
    status, why = WHY[refused] if refused else (200, "")
    options = asked_again(door, session().account.officer.id)
    answer = page_of(
        "prove.html",
        status=status,
        complaint=gettext(why) if why else "",
        sent=[(name, value) for name, value in request.form.items(multi=True) if name not in OURS],
        options=options,
        minutes=FRESH // 60,
    )
    if options:
        answer.headers[POLICY] = SCRIPTED
    return answer

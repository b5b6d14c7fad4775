"""What every page of the desk is made with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import g, make_response, render_template

from webapp.desk.navigation import links
from webapp.desk.signed_in import ticket
from webapp.pages import RETRY_AFTER
from webapp.presenter.refusals import message

if TYPE_CHECKING:
    from flask import Response

    from registry.errors import StoreUnavailable


def grouped(name: str) -> str:
    """Return a case's name as people read it: in groups of four."""
    return "-".join(name[start : start + 4] for start in range(0, len(name), 4))


def away(_: StoreUnavailable) -> Response:
    """Say that a database could not be asked now."""
    answer = make_response(render_template("message.html", message=message(503)))
    answer.status_code = 503
    answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer


def page_of(template: str, *, status: int = 200, **values: Any) -> Response:
    """Return a page of the desk."""
    answer = make_response(render_template(f"desk/{template}", ticket=ticket, navigation=links(), **values))
    answer.status_code = status
    g.headline = "a page of the desk"
    return answer

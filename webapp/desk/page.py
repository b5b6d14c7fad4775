"""What every page of the desk is made with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from flask import g, make_response, render_template, request

from webapp.desk.navigation import links
from webapp.desk.signed_in import ticket
from webapp.pages import RETRY_AFTER
from webapp.presenter.refusals import message

if TYPE_CHECKING:
    from flask import Response

    from registry.errors import StoreUnavailable

NUMBER: Final = re.compile("[1-9][0-9]{0,8}")


def grouped(name: str) -> str:
    """Return a case's name as people read it: in groups of four."""
    return "-".join(name[start : start + 4] for start in range(0, len(name), 4))


def number_in(field: str) -> int | None:
    """Return the number of a row that a form names; none if it names none."""
    found = request.form.get(field, "")
    return int(found) if NUMBER.fullmatch(found) else None


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

"""Hands out the files of a case: photos as they came, to take along; copies, to look at; files of absences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, abort, make_response

from registry.enforcement.officers import Role
from registry.errors import StoreUnavailable
from webapp.desk.casework import Casework, officer
from webapp.desk.page import away
from webapp.desk.pictures import EXTENSIONS
from webapp.desk.signed_in import only

if TYPE_CHECKING:
    from flask import Response


def blueprint(work: Casework) -> Blueprint:
    """Return where the files of cases are."""
    views = Views(work)
    pages = Blueprint("case_files", __name__, url_prefix="/desk/cases")
    pages.register_error_handler(StoreUnavailable, away)
    pages.add_url_rule("/<name>/files/<file>", "file", only(Role.INSPECTOR)(views.file))
    return pages


@dataclass(frozen=True, slots=True)
class Views:
    """The files, over what they are asked of."""

    work: Casework

    def file(self, name: str, file: str) -> Response:
        """Hand out one file. A photo as it came is never shown by a browser here: only our own copy of it is."""
        case = self.work.mine(name)
        known = {values["id"]: values for values in case.files} if case else {}
        content = self.work.cases.file(name, file) if file in known else None
        if content is None:
            abort(404)
        values = known[file]
        answer = make_response(content)
        if values.get("derived_from"):
            answer.headers["Content-Type"] = "image/jpeg"
            return answer
        absent = "serial" in values
        self.work.cases.note("case.file_read", officer().id, f"case {name}", {"file": file})
        answer.headers["Content-Type"] = "application/json" if absent else values["type"]
        extension = "absence.json" if absent else EXTENSIONS[values["type"]]
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}-{file}.{extension}"'
        return answer

"""The first page of the desk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint

from registry.enforcement.officers import Role
from webapp.desk.page import page_of
from webapp.desk.signed_in import officer, only
from webapp.languages import gettext
from webapp.presenter import desk_accounts as words

if TYPE_CHECKING:
    from flask import Response


def blueprint() -> Blueprint:
    """Return the page."""
    pages = Blueprint("desk_home", __name__)
    pages.add_url_rule("/desk", "index", only(*Role)(_home))
    return pages


def _home() -> Response:
    """Show what whoever is signed in can do here."""
    return page_of("home.html", kind=gettext(words.KINDS[officer().office.kind]))

"""Offices and their people: the alliance invites, suspends, and resets second factors, each time for a reason.

A browser in which somebody signed in long ago is not enough for that: who sits at it now gives his second factor again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, abort, g, request, url_for

from registry.enforcement.officers import OfficeKind, Role
from registry.errors import AccountError, StoreUnavailable
from registry.storage.accounts import EMAIL, REGION
from webapp.desk.page import away, number_in, page_of
from webapp.desk.sign_in import caller
from webapp.desk.signed_in import officer, only, session
from webapp.languages import gettext
from webapp.presenter import desk_accounts as words
from webapp.report_form import clean

if TYPE_CHECKING:
    from flask import Response

    from registry.enforcement.officers import Office
    from webapp.desk.door import Door

LONGEST_NAME: Final = 100


def blueprint(door: Door) -> Blueprint:
    """Return the page and its forms."""
    views = Views(door)
    pages = Blueprint("desk_people", __name__, url_prefix="/desk/people")
    pages.register_error_handler(StoreUnavailable, away)
    guard = only(Role.ALLIANCE)
    pages.add_url_rule("", "index", guard(views.index))
    pages.add_url_rule("", "act", guard(views.act), methods=["POST"])
    return pages


@dataclass(frozen=True, slots=True)
class Views:
    """The page, over the door."""

    door: Door

    def index(self) -> Response:
        """Show offices, people and the form that invites."""
        return self._page()

    def act(self) -> Response:
        """Do what one of the forms says."""
        done = {"invite": self._invite, "suspend": self._suspend, "restore": self._suspend, "reset": self._reset}
        act = done.get(request.form.get("do", "")) or abort(404)
        if not self.door.is_fresh(session()):
            code = request.form.get("code", "")
            if not code or not self.door.confirm(session(), code, caller(self.door)):
                return self._page(_typed(), {f"code-{number_in('officer') or ''}": gettext(words.CODE)})
            g.desk_session = replace(session(), second_factor=self.door.now())
        return act()

    def _invite(self) -> Response:
        typed = _typed()
        faults: dict[str, str] = {}
        if not EMAIL.fullmatch(typed["email"]):
            faults["email"] = gettext(words.EMAIL)
        office = self._office(typed, faults)
        if faults or office is None:
            return self._page(typed, faults)
        try:
            token = self.door.invite(officer().id, office, typed["email"])
        except AccountError:
            return self._page(typed, {"email": gettext(words.HAS_ACCOUNT)})
        return self._page(link=_link(token), to=typed["email"])

    def _office(self, typed: dict[str, str], faults: dict[str, str]) -> Office | None:
        """Return the office that was chosen, or the new one."""
        if chosen := number_in("office"):
            return self.door.accounts.office(chosen) or abort(404)
        number, kind = number_in("manufacturer"), typed["kind"]
        if kind not in set(OfficeKind) or not 0 < len(typed["name"]) <= LONGEST_NAME or not REGION.fullmatch(typed["region"]):
            faults["name"] = gettext(words.OFFICE)
        if (kind == OfficeKind.MANUFACTURER) != bool(typed["manufacturer"]) or (typed["manufacturer"] and not number):
            faults["manufacturer"] = gettext(words.MANUFACTURER)
        if faults:
            return None
        try:
            return self.door.accounts.add_office(typed["name"], OfficeKind(kind), typed["region"], number)
        except AccountError:
            faults["name"] = gettext(words.OTHER_OFFICE)
            return None

    def _suspend(self) -> Response:
        account, why = self._whom()
        if not why:
            return self._page(complaint=gettext(words.REASON))
        self.door.suspend(officer().id, account.id, why, back=request.form["do"] == "restore")
        return self._page()

    def _reset(self) -> Response:
        account, why = self._whom()
        if not why:
            return self._page(complaint=gettext(words.REASON))
        return self._page(link=_link(self.door.reset(officer().id, account, why)), to=account.email)

    def _whom(self) -> Any:
        """Return another officer than oneself, and the reason that was chosen."""
        number = number_in("officer")
        found = self.door.accounts.account(number) if number else None
        if found is None or found.officer.id == officer().id:
            abort(404)
        why = request.form.get("why", "")
        return found.officer, why if why in words.REASONS else ""

    def _page(
        self,
        typed: dict[str, str] | None = None,
        faults: dict[str, str] | None = None,
        complaint: str = "",
        **more: Any,
    ) -> Response:
        accounts = self.door.accounts.all()
        of = {office: list(people) for office, people in groupby(accounts, key=lambda account: account.officer.office.id)}
        return page_of(
            "people.html",
            status=400 if faults or complaint else 200,
            offices=[
                (office, gettext(words.KINDS[office.kind]), of.get(office.id, [])) for office in self.door.accounts.offices()
            ],
            kinds=words.kinds(),
            reasons=words.reasons(),
            typed=typed or {},
            faults=faults or {},
            complaint=complaint,
            is_stale=not self.door.is_fresh(session()),
            **more,
        )


def _typed() -> dict[str, str]:
    """Return what the form that invites says."""
    return {name: clean(request.form.get(name, "")) for name in ("office", "name", "kind", "region", "manufacturer", "email")}


def _link(token: str) -> str:
    """Return the whole link, which is shown once."""
    return url_for("desk_sign_in.invited", token=token, _external=True)

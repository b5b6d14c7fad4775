"""An officer's own account: where he is signed in, his recovery codes and his passphrase."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, abort, redirect, request

from registry.accounts.passphrases import weakness
from registry.enforcement.officers import Role
from registry.errors import StoreUnavailable
from webapp.desk.page import away, number_in, page_of
from webapp.desk.sign_in import caller, codes_page
from webapp.desk.signed_in import only, session
from webapp.facts import instant
from webapp.languages import gettext
from webapp.presenter import desk_accounts as words

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from webapp.desk.door import Door

HERE = "/desk/account"


def blueprint(door: Door) -> Blueprint:
    """Return the page and its forms."""
    views = Views(door)
    pages = Blueprint("desk_account", __name__, url_prefix=HERE)
    pages.register_error_handler(StoreUnavailable, away)
    guard = only(*Role)
    pages.add_url_rule("", "index", guard(views.index))
    pages.add_url_rule("", "act", guard(views.act), methods=["POST"])
    return pages


@dataclass(frozen=True, slots=True)
class Views:
    """The page, over the door."""

    door: Door

    def index(self) -> AnyResponse:
        """Show the account."""
        return self._page()

    def act(self) -> AnyResponse:
        """Do what one of the forms says."""
        done = {"end": self._end, "codes": self._codes, "passphrase": self._passphrase}
        act = done.get(request.form.get("do", "")) or abort(404)
        return act()

    def _end(self) -> AnyResponse:
        """End one of his own sessions."""
        if number := number_in("session"):
            self.door.sign_out(session().account.officer, number)
        return redirect(HERE, 303)

    def _codes(self) -> AnyResponse:
        """Show new recovery codes, once."""
        if not self._is_himself("codes_passphrase"):
            return self._page({"codes_passphrase": gettext(words.PASSPHRASE)})
        return codes_page(self.door.renew_codes(session().account.officer.id))

    def _passphrase(self) -> AnyResponse:
        """Change the passphrase, and sign out everywhere else."""
        officer, new = session().account.officer, request.form.get("new", "")
        if why := weakness(new, officer.email):
            return self._page({"new": words.weak(why)})
        if not self._is_himself("present"):
            return self._page({"present": gettext(words.PASSPHRASE)})
        self.door.change_passphrase(officer, new, session().id)
        return self._page(changed=True)

    def _is_himself(self, field: str) -> bool:
        return self.door.is_himself(session().account, request.form.get(field, ""), caller(self.door))

    def _page(self, faults: dict[str, str] | None = None, *, changed: bool = False) -> AnyResponse:
        officer, now = session().account.officer, self.door.now()
        return page_of(
            "account.html",
            status=400 if faults else 200,
            kind=gettext(words.KINDS[officer.office.kind]),
            sessions=[
                (one.id, words.browser(one.browser), instant(one.created), one.id == session().id)
                for one in self.door.sign_ins.of(officer.id, now)
            ],
            left=self.door.accounts.codes_left(officer.id),
            faults=faults or {},
            changed=changed,
        )

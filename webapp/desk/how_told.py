"""How a rights holder is told: mail addresses, webhooks and their secret, recordals. A rights holder sets its own alone."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flask import Blueprint, abort, redirect, request, url_for

from registry.enforcement import recordals
from registry.enforcement.deliveries import Channel, read_mail, read_target
from registry.enforcement.officers import Role
from registry.enforcement.recordals import Right
from registry.errors import DocumentError, StoreUnavailable
from webapp.desk.casework import officer
from webapp.desk.page import away, page_of
from webapp.desk.signed_in import only
from webapp.facts import day_in_words, instant
from webapp.languages import gettext
from webapp.presenter import desk_notices as words
from webapp.presenter.words import mark

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from registry.storage.rights_holders import Secrets
    from webapp.desk.notifying import Notifying


def blueprint(telling: Notifying) -> Blueprint:
    """Return the pages."""
    views = Views(telling)
    pages = Blueprint("how_told", __name__, url_prefix="/desk/how-we-are-told")
    pages.register_error_handler(StoreUnavailable, away)
    guard = only(Role.RIGHTS_HOLDER)
    pages.add_url_rule("", "index", guard(views.index))
    for form, view in (
        ("contact", views.contact),
        ("secret", views.secret),
        ("recordal", views.recordal),
        ("remove", views.remove),
    ):
        pages.add_url_rule(f"/{form}", form, guard(view), methods=["POST"])
    return pages


@dataclass(frozen=True, slots=True)
class Views:
    """The pages, over what they ask."""

    telling: Notifying

    def index(self) -> Response:
        """Show how the manufacturer is told, and what it recorded."""
        return self._page()

    def contact(self) -> AnyResponse:
        """Add an address or a webhook."""
        channel = Channel.WEBHOOK if request.form.get("channel") == Channel.WEBHOOK else Channel.MAIL
        typed = request.form.get("address", "").strip()
        try:
            if channel is Channel.WEBHOOK:
                read_target(typed, loopback=self.telling.loopback)
            else:
                typed = read_mail(typed)
            self.telling.telling.rights_holders.add_contact(self._manufacturer(), channel, typed)
        except DocumentError:
            complaint = (
                gettext("Enter an address that begins with https:// and names a server on the public network")
                if channel is Channel.WEBHOOK
                else gettext("Enter an e-mail address, such as legal@brand.example")
            )
            return self._page({channel.value: complaint}, status=400)
        if channel is Channel.WEBHOOK and not self._secrets().valid:
            return self.secret()
        return redirect(url_for("how_told.index"), 303)

    def secret(self) -> Response:
        """Make a secret and show it, this once."""
        made = self.telling.telling.rights_holders.new_secret(self._manufacturer(), self.telling.now)
        return self._page(made="whsec_" + base64.b64encode(made).decode())

    def recordal(self) -> AnyResponse:
        """Add a recordal."""
        typed = [request.form.get(name, "")[:100] for name in ("jurisdiction", "number", "right", "first", "last")]
        try:
            found = recordals.read(*typed)
        except DocumentError as error:
            name = error.message.partition(":")[0]
            return self._page({name: _RECORDAL_FAULTS.get(name, "")}, status=400)
        self.telling.telling.rights_holders.add_recordal(self._manufacturer(), found)
        return redirect(url_for("how_told.index", _anchor="recordals"), 303)

    def remove(self) -> AnyResponse:
        """Remove an address, a webhook or a recordal of the manufacturer's own."""
        holders, mine = self.telling.telling.rights_holders, self._manufacturer()
        row = request.form.get("row", "")
        removing = holders.remove_recordal if request.form.get("what") == "recordal" else holders.remove_contact
        if not (row.isascii() and row.isdecimal() and len(row) < 19) or not removing(mine, int(row)):  # noqa: PLR2004  # 64 bits
            abort(404)
        return redirect(url_for("how_told.index"), 303)

    def _manufacturer(self) -> int:
        found = officer().office.manufacturer
        if found is None:
            abort(404)
        return found

    def _secrets(self) -> Secrets:
        return self.telling.telling.rights_holders.secrets(self._manufacturer(), self.telling.now)

    def _page(self, faults: dict[str, str] | None = None, *, made: str = "", status: int = 200) -> Response:
        holders = self.telling.telling.rights_holders
        today = datetime.fromtimestamp(self.telling.now, UTC).date()
        contacts = holders.contacts(self._manufacturer())
        secrets = self._secrets()
        return page_of(
            "how_told.html",
            status=status,
            office=officer().office.name,
            mails=[one for one in contacts if one.channel is Channel.MAIL],
            webhooks=[one for one in contacts if one.channel is Channel.WEBHOOK],
            made=made,
            made_at=instant(secrets.made_at) if secrets.made_at else None,
            previous_until=instant(secrets.previous_until) if secrets.previous_until else None,
            recordals=[
                (row, one, gettext(words.RIGHT[one.right]), one.standing(today).value,
                 gettext(words.STANDING[one.standing(today)]),
                 day_in_words(one.first), day_in_words(one.last))
                for row, one in holders.recordals(self._manufacturer())
            ],
            rights=[(one.value, gettext(words.RIGHT[one])) for one in Right],
            faults={name: gettext(text) for name, text in (faults or {}).items()},
            filled=request.form,
        )  # fmt: skip


_RECORDAL_FAULTS = {
    "jurisdiction": mark("Enter two letters, such as CN or EU"),
    "number": mark("Enter the number of the recordal"),
    "right": mark("Choose what is recorded"),
    "first": mark("Enter the first day as year, month and day, such as 2026-08-14"),
    "last": mark("Enter the last day, after the first, as year, month and day"),
}

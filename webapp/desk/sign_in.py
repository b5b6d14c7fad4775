"""Pages for who is not signed in yet: the door, and what a link that invites leads to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
from flask import Blueprint, abort, g, redirect, request, url_for

from registry.accounts import one_time
from registry.accounts.passphrases import weakness
from registry.errors import StoreUnavailable
from registry.issuing import qr_text
from registry.issuing.pictures import DARK
from registry.issuing.qr import Encoder
from registry.storage.sign_ins import DEVICE_KEPT
from webapp.desk.door import Caller, Chosen, Door, Let, Refused
from webapp.desk.page import away, page_of
from webapp.desk.signed_in import DEVICE, SESSION, cookie, drop, hold, is_private
from webapp.facts import instant
from webapp.languages import gettext
from webapp.presenter import desk_accounts as words
from webapp.report_form import clean

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from registry.storage.accounts import Account, Invitation

_Answer = TypeVar("_Answer", bound="AnyResponse")
LONGEST_NAME: Final = 100
OURS: Final = re.compile(r"/(?:desk|inspect)(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*(?:\?[A-Za-z0-9._~%=&+/-]*)?")
"""Addresses to which one is led after signing in: no part of their paths is empty, begins with a point, or is encoded."""


def blueprint(door: Door) -> Blueprint:
    """Return the pages."""
    views = Views(door)
    pages = Blueprint("desk_sign_in", __name__, url_prefix="/desk")
    pages.register_error_handler(StoreUnavailable, away)
    pages.add_url_rule("/sign-in", "ask", views.ask)
    pages.add_url_rule("/sign-in", "enter", views.enter, methods=["POST"])
    pages.add_url_rule("/sign-out", "out", views.out, methods=["POST"])
    pages.add_url_rule("/invitation/<token>", "invited", views.invited)
    pages.add_url_rule("/invitation/<token>", "accept", views.accept, methods=["POST"])
    return pages


@dataclass(frozen=True, slots=True)
class Views:
    """The pages, over the door."""

    door: Door

    def ask(self) -> AnyResponse:
        """Show the form with which one signs in."""
        if g.get("officer"):
            return redirect(onward(), 303)
        return self._form()

    def enter(self) -> AnyResponse:
        """Sign somebody in, with new secrets in his browser."""
        if not is_private():
            abort(403)
        typed = request.form
        email = typed.get("email", "")
        found = self.door.sign_in(email, typed.get("passphrase", ""), typed.get("code", ""), caller(self.door))
        if isinstance(found, Refused):
            return self._form(email, found)
        return let_in(self.door, redirect(onward(), 303), found)

    def out(self) -> AnyResponse:
        """Sign out."""
        answer = redirect(url_for("desk_sign_in.ask"), 303)
        if g.get("officer"):
            self.door.sign_out(g.officer, g.desk_session.id)
        drop(answer, SESSION)
        return answer

    def invited(self, token: str) -> Response:
        """Show what makes an account, or gives one a new authenticator."""
        invitation = self._invitation(token)
        return self._invited(token, invitation) if invitation else self._gone()

    def accept(self, token: str) -> AnyResponse:
        """Make the account, sign its officer in, and show its recovery codes, once."""
        if not is_private():
            abort(403)
        invitation = self._invitation(token)
        if invitation is None:
            return self._gone()
        typed, now = request.form, self.door.clock()
        name, passphrase = clean(typed.get("name", ""))[:LONGEST_NAME], typed.get("passphrase", "")
        known = self.door.accounts.account(invitation.officer) if invitation.officer else None
        faults = self._faults(invitation, known, name, passphrase)
        step = one_time.step_of(invitation.totp, typed.get("code", ""), now)
        if step is None:
            faults["code"] = gettext(words.CODE)
        if faults or step is None:
            return self._invited(token, invitation, name, faults)
        made = self.door.accept(token, invitation, known, Chosen(name, passphrase, step))
        if made is None:
            return self._gone()
        codes = self.door.renew_codes(made.officer.id)
        g.officer = made.officer
        let = self.door.let_in(made, caller(self.door), "invitation")
        g.desk_key = let.key
        return let_in(self.door, codes_page(codes), let)

    def _faults(self, invitation: Invitation, known: Account | None, name: str, passphrase: str) -> dict[str, str]:
        """Return what is wrong with name and passphrase, by field."""
        faults: dict[str, str] = {}
        if known is not None:
            if not self.door.is_himself(known, passphrase, caller(self.door)):
                faults["passphrase"] = gettext(words.PASSPHRASE)
            return faults
        if not name:
            faults["name"] = gettext(words.NAME)
        if why := weakness(passphrase, invitation.email):
            faults["passphrase"] = words.weak(why)
        return faults

    def _invitation(self, token: str) -> Invitation | None:
        return self.door.accounts.invitation(token[:100], self.door.now())

    def _gone(self) -> Response:
        return page_of("invitation_gone.html", status=404)

    def _form(self, email: str = "", refused: Refused | None = None) -> Response:
        why = {Refused.WRONG: words.WRONG, Refused.OFTEN: words.OFTEN}
        return page_of(
            "sign_in.html",
            status=200 if refused is None else 429 if refused is Refused.OFTEN else 400,
            email=email[:254],
            complaint=gettext(why[refused]) if refused else "",
            next=_wanted(),
            private=is_private(),
        )

    def _invited(self, token: str, invitation: Invitation, name: str = "", faults: dict[str, str] | None = None) -> Response:
        secret = one_time.text_of(invitation.totp)
        return page_of(
            "invitation.html",
            status=400 if faults else 200,
            token=token,
            office=invitation.office,
            kind=gettext(words.KINDS[invitation.office.kind]),
            email=invitation.email,
            renews=invitation.officer is not None,
            secret=" ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
            code=picture_of(one_time.address_of(invitation.totp, invitation.email)),
            expires=instant(invitation.expires),
            name=name,
            faults=faults or {},
        )


def caller(door: Door) -> Caller:
    """Return whence this request comes."""
    said = clean(request.headers.get("User-Agent", ""))
    return Caller(cookie(DEVICE), door.network(request.environ), said[:200])


def let_in(door: Door, answer: _Answer, let: Let) -> _Answer:
    """Give a browser what it shall hold, in the place of what it held: whoever knew that, knows nothing of this session."""
    if g.get("desk_session"):
        door.sign_ins.end(g.desk_session.account.officer.id, g.desk_session.id)
    hold(answer, SESSION, let.key)
    hold(answer, DEVICE, let.device, age=DEVICE_KEPT)
    g.pop("desk_new_device", None)
    return answer


def codes_page(codes: tuple[str, ...]) -> Response:
    """Show recovery codes: it is the only time."""
    return page_of("recovery_codes.html", codes=[one_time.grouped(code) for code in codes])


def onward() -> str:
    """Return where somebody wanted to go who had to sign in first."""
    return _wanted() or "/desk"


def _wanted() -> str:
    wanted = request.values.get("next", "")
    return wanted if OURS.fullmatch(wanted) else ""


def picture_of(text: str) -> tuple[int, str]:
    """Return a text in ASCII as a QR code: the modules of a side, and the path of an SVG picture."""
    layout = qr_text.lay_out(qr_text.kind(text), "M")
    encoder = Encoder(layout.version, layout.level, mask=0)
    data = qr_text.codewords(np.frombuffer(text.encode("ascii"), np.uint8)[np.newaxis], layout)
    rows = np.unpackbits(encoder.draw(data)[0], axis=1)[:, : encoder.size]
    path = "".join(
        f"M{run.start()} {number}h{run.end() - run.start()}v1h-{run.end() - run.start()}z"
        for number, row in enumerate(rows)
        for run in DARK.finditer(row.tobytes())
    )
    return encoder.size, path

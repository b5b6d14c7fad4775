"""A desk with a door, and people who come to it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from argon2 import PasswordHasher

from registry.accounts import one_time
from registry.accounts.passphrases import Passphrases
from registry.enforcement.officers import Office, OfficeKind
from registry.storage.accounts import Accounts
from registry.storage.sign_ins import SignIns
from tests.webapp.samples import NOW, readers
from webapp.app import create_app
from webapp.desk.door import Door

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

CHEAP: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSPHRASE: Final = "seven quiet herons on a roof"
KINDS: Final = {
    "inspector": OfficeKind.CUSTOMS, "rights_holder": OfficeKind.MANUFACTURER, "alliance": OfficeKind.ALLIANCE,
    "operator": OfficeKind.OPERATOR,
}  # fmt: skip


@dataclass
class Site:
    """A site, its door, its clock, and what was written down."""

    app: Flask
    door: Door
    time: list[float]
    acts: list[tuple[str, int | None, str]]
    secrets: dict[str, bytes] = field(default_factory=dict)

    def code(self, email: str) -> str:
        """Return a code that this account's authenticator did not show before."""
        self.time[0] += one_time.STEP
        return one_time.code_at(self.secrets[email], self.time[0])

    def invite(self, email: str, kind: OfficeKind = OfficeKind.CUSTOMS) -> str:
        """Return the secret of a link to somebody of an office of this kind."""
        office = self.door.accounts.add_office(f"Office {kind}", kind, "CN-SH", 1 if kind is OfficeKind.MANUFACTURER else None)
        return self.link(office, email)

    def link(self, office: Office, email: str) -> str:
        """Return the secret of a link."""
        token = self.door.invite(None, office, email)
        invitation = self.door.accounts.invitation(token, self.door.now())
        assert invitation is not None
        self.secrets[email] = invitation.totp
        return token

    def join(self, email: str, kind: OfficeKind = OfficeKind.CUSTOMS) -> FlaskClient:
        """Return the browser of somebody who has just made his account."""
        browser = self.app.test_client()
        answer = post(
            browser, f"/desk/invitation/{self.invite(email, kind)}", name="Li Wei", passphrase=PASSPHRASE, code=self.code(email)
        )
        assert answer.status_code == 200, answer.text
        return browser

    def sign_in(self, browser: FlaskClient, email: str, **more: Any) -> TestResponse:
        """Sign in, or try to."""
        sent = {"email": email, "passphrase": PASSPHRASE, "code": "", **more}
        if not sent["code"]:
            sent["code"] = self.code(email)
        return post(browser, "/desk/sign-in", **sent)


def ticket_in(page: str) -> str:
    """Return the ticket of the first form on a page."""
    found = re.search(r'name="ticket" value="([0-9a-f]+)"', page)
    return found[1] if found else ""


def post(browser: FlaskClient, address: str, *, page: str = "", **values: Any) -> TestResponse:
    """Send a form as the page at its address, or another one, shows it."""
    shown = browser.get(page or address, headers={"Accept-Language": "en"})
    return browser.post(address, data={"ticket": ticket_in(shown.text), **values}, headers={"Accept-Language": "en"})


def open_site(url: str, **more: Any) -> Site:
    """Return a site with a desk in this database."""
    time: list[float] = [float(NOW)]
    acts: list[tuple[str, int | None, str]] = []
    accounts = Accounts.open(url, create=True)

    class Written:
        def note(self, kind: str, who: int | None, subject: str, values: Mapping[str, Any]) -> None:
            del values
            acts.append((kind, who, subject))

    door = Door(accounts, SignIns(accounts.engine), Passphrases(CHEAP), Written(), clock=lambda: time[0])
    app = create_app(readers(door=door, **more), clock=lambda: time[0])
    return Site(app, door, time, acts)

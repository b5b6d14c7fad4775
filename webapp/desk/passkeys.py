"""Passkeys: keys of a phone or a computer that sign an officer in, without a passphrase and without a code.

A page hands the browser what to sign; the browser's answer comes back as a field of an ordinary form, so that a passkey is
guarded as everything else at the desk. What is signed is asked for once. WebAuthn itself is checked by py_webauthn.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, abort, redirect, request
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from registry.enforcement.officers import Role
from registry.errors import AccountError, StoreUnavailable
from webapp.desk.page import away, number_in, page_of
from webapp.desk.sign_in import LONGEST_NAME, caller, let_in, onward
from webapp.desk.signed_in import is_private, only, session
from webapp.headers import CONTENT_SECURITY_POLICY, POLICY
from webapp.languages import gettext
from webapp.presenter import desk_accounts as words

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from webapp.desk.door import Door, Let

SITE: Final = "Touchstone"
SCRIPTED: Final = f"{CONTENT_SECURITY_POLICY}; script-src 'self'"
LONGEST_ANSWER: Final = 32_768
MOST: Final = 10
"""Passkeys of one account."""
FAULTS: Final = (WebAuthnException, AccountError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What bad answers lead to, in the library and here."""


def blueprint(door: Door) -> Blueprint:
    """Return the pages."""
    views = Views(door)
    pages = Blueprint("desk_passkeys", __name__, url_prefix="/desk")
    pages.register_error_handler(StoreUnavailable, away)
    guard = only(*Role)
    pages.add_url_rule("/sign-in/passkey", "ask", views.ask)
    pages.add_url_rule("/sign-in/passkey", "enter", views.enter, methods=["POST"])
    pages.add_url_rule("/account/passkeys", "index", guard(views.index))
    pages.add_url_rule("/account/passkeys", "change", guard(views.change), methods=["POST"])
    return pages


@dataclass(frozen=True, slots=True)
class Views:
    """The pages, over the door."""

    door: Door

    def ask(self, *, refused: bool = False) -> AnyResponse:
        """Have the browser sign somebody in."""
        if not is_private():
            return redirect("/desk/sign-in", 303)
        options = generate_authentication_options(
            rp_id=_host(), challenge=self.door.sign_ins.challenge(self.door.now()),
            user_verification=UserVerificationRequirement.REQUIRED,
        )  # fmt: skip
        return _scripted("passkey_sign_in.html", options_to_json(options), refused=refused, next=onward())

    def enter(self) -> AnyResponse:
        """Sign in whoever's passkey answered."""
        if not is_private():
            abort(403)
        try:
            found = self._answered()
        except FAULTS:
            found = None
        if found is None:
            self.door.failed(None)
            return self.ask(refused=True)
        return let_in(self.door, redirect(onward(), 303), found)

    def index(self, *, refused: bool = False) -> AnyResponse:
        """Show an officer's passkeys, and have the browser make another one."""
        account = session().account
        keys = self.door.accounts.passkeys(account.officer.id)
        options = generate_registration_options(
            rp_id=_host(), rp_name=SITE, user_id=account.handle, user_name=account.officer.email,
            user_display_name=account.officer.name,
            challenge=self.door.sign_ins.challenge(self.door.now(), account.officer.id),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=key.credential) for key in keys],
        )  # fmt: skip
        return _scripted("passkeys.html", options_to_json(options), refused=refused, keys=words.passkeys(keys), most=MOST)

    def change(self) -> AnyResponse:
        """Keep a passkey, or remove one; for either the passphrase is asked for."""
        account = session().account
        if not self.door.is_himself(account, request.form.get("passphrase", ""), caller(self.door)):
            return self.index(refused=True)
        if number := number_in("passkey"):
            self.door.remove_passkey(account.officer.id, number)
            return redirect("/desk/account/passkeys", 303)
        try:
            self._made()
        except FAULTS:
            return self.index(refused=True)
        return redirect("/desk/account/passkeys", 303)

    def _made(self) -> None:
        officer = session().account.officer.id
        answer, challenge = _answer()
        if not self.door.sign_ins.answered(challenge, self.door.now(), officer) or self._are_many(officer):
            raise ValueError
        made = verify_registration_response(
            credential=answer, expected_challenge=challenge, expected_rp_id=_host(), expected_origin=_origin(),
            require_user_verification=True,
        )  # fmt: skip
        self.door.add_passkey(
            officer,
            made.credential_id,
            made.credential_public_key,
            counter=made.sign_count,
            name=caller(self.door).browser[:LONGEST_NAME],
        )

    def _are_many(self, officer: int) -> bool:
        return len(self.door.accounts.passkeys(officer)) >= MOST

    def _answered(self) -> Let | None:
        officer = _signer(self.door)
        account = self.door.accounts.account(officer) if officer else None
        if account is None or account.suspended is not None:
            return None
        return self.door.let_in(account, caller(self.door), "passkey")


def asked_again(door: Door, officer: int) -> str:
    """Return what the passkeys of an officer are asked to sign once more, as JSON; empty if he has none."""
    keys = door.accounts.passkeys(officer)
    if not keys:
        return ""
    options = generate_authentication_options(
        rp_id=_host(), challenge=door.sign_ins.challenge(door.now(), officer),
        allow_credentials=[PublicKeyCredentialDescriptor(id=key.credential) for key in keys],
        user_verification=UserVerificationRequirement.REQUIRED,
    )  # fmt: skip
    return options_to_json(options)


def signed_again(door: Door, officer: int) -> bool:
    """Say whether a passkey of this officer signed what it was asked once more."""
    try:
        return _signer(door, officer) == officer
    except FAULTS:
        return False


def _signer(door: Door, officer: int | None = None) -> int | None:
    """Return whose passkey signed what was asked of this officer, or of whoever signs in. Raises one of `FAULTS`."""
    answer, challenge = _answer()
    key = door.accounts.passkey(base64url_to_bytes(answer["rawId"]))
    if key is None or officer not in {None, key.officer} or not door.sign_ins.answered(challenge, door.now(), officer):
        return None
    found = verify_authentication_response(
        credential=answer, expected_challenge=challenge, expected_rp_id=_host(), expected_origin=_origin(),
        credential_public_key=key.public_key, credential_current_sign_count=key.counter, require_user_verification=True,
    )  # fmt: skip
    door.accounts.count_passkey(key.id, found.new_sign_count)
    return key.officer


def _answer() -> tuple[dict[str, Any], bytes]:
    """Return what the browser answered, and the challenge that it says it signed."""
    answer = json.loads(request.form.get("answer", "")[:LONGEST_ANSWER])
    said = json.loads(base64url_to_bytes(answer["response"]["clientDataJSON"]))
    return answer, base64url_to_bytes(said["challenge"])


def _host() -> str:
    """Return the domain that passkeys belong to: that of this site, without its port."""
    return request.host.rpartition(":")[0] if ":" in request.host else request.host


def _origin() -> str:
    return f"{request.scheme}://{request.host}"


def _scripted(template: str, options: str, *, refused: bool, **values: Any) -> Response:
    complaint = gettext(words.PASSKEY) if refused else ""
    answer = page_of(template, status=400 if refused else 200, options=options, complaint=complaint, **values)
    answer.headers[POLICY] = SCRIPTED
    return answer

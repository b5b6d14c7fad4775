"""The door of the desk: who may come in, with what, and how often it may be tried.

Attempts have a budget for a quarter of an hour: one for an account, one for each browser in which its officer has signed in,
and one for a network. Who knows a browser draws on the browser's budget and not on the account's, so that strangers who use the
account's up do not lock its officer out. Whether there is an account, an answer tells neither by its words nor by the work that
was done for it.
"""

from __future__ import annotations

import enum
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from registry.accounts.one_time import CODES, new_codes, read_code, step_of
from registry.accounts.passphrases import Passphrases
from registry.storage.accounts import folded
from registry.storage.sign_ins import Budget
from webapp.desk.acts import Acts, Unwritten

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from registry.enforcement.officers import Office, Officer
    from registry.storage.accounts import Account, Accounts, Invitation
    from registry.storage.sign_ins import Session, SignIns

BY_ACCOUNT: Final = 10
BY_BROWSER: Final = 10
BY_NETWORK: Final = 60
MOST_EMAIL: Final = 254
FRESH: Final = 15 * 60
"""Seconds for which a second factor counts where somebody decides about others."""


class Refused(enum.StrEnum):
    """Why somebody is not let in. It never says which of the things that he typed was wrong."""

    WRONG = "wrong"
    OFTEN = "often"


def nowhere(environ: Mapping[str, Any]) -> str:
    """Tell no network."""
    del environ
    return ""


@dataclass(frozen=True, slots=True)
class Let:
    """Somebody was let in."""

    account: Account
    key: str
    """What his browser shall hold while he is signed in."""
    device: str
    """What it shall hold so that it is known again."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whence somebody tries."""

    device: str = ""
    """What his browser holds from an earlier time."""
    network: str = ""
    browser: str = ""
    """What it says of itself."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What somebody chose for his account."""

    name: str
    passphrase: str = field(repr=False)
    step: int
    """The step of the authenticator whose code he typed."""


@dataclass(frozen=True, slots=True)
class Door:
    """What the pages about accounts ask."""

    accounts: Accounts
    sign_ins: SignIns
    passphrases: Passphrases = field(default_factory=Passphrases)
    acts: Acts = field(default_factory=Unwritten)
    clock: Callable[[], float] = time.time
    network: Callable[[Mapping[str, Any]], str] = nowhere

    def now(self) -> int:
        """Return Unix seconds."""
        return int(self.clock())

    def sign_in(self, email: str, passphrase: str, code: str, caller: Caller) -> Let | Refused:
        """Let somebody in who knows an account's passphrase and its second factor. Raises `StoreError`."""
        account = self.accounts.by_email(email[:MOST_EMAIL])
        number = account.officer.id if account else 0
        budgets = self.budgets(number, email, caller)
        if not self.sign_ins.attempt(budgets, self.now()):
            return Refused.OFTEN
        right = self.passphrases.is_right(account.passphrase if account else None, passphrase)
        if account is None or not right or account.suspended is not None or not self._second(account, code):
            self.failed(account)
            return Refused.WRONG
        self.sign_ins.give_back(budgets, self.now())
        if self.passphrases.is_old(account.passphrase):
            self.accounts.set_passphrase(number, self.passphrases.hash(passphrase))
        return self.let_in(account, caller, "passphrase")

    def _second(self, account: Account, code: str) -> bool:
        """Say whether a code is the authenticator's or a recovery code, and use it up."""
        number = account.officer.id
        if account.totp and (step := step_of(account.totp, code, self.clock())) is not None:
            return self.accounts.use_step(number, step)
        recovery = read_code(code)
        if recovery is None or not self.accounts.use_code(number, recovery):
            return False
        self.acts.note("account.recovery_code_used", number, f"account {number}", {})
        return True

    def budgets(self, officer: int, email: str, caller: Caller) -> list[Budget]:
        """Return the budgets that an attempt draws on."""
        known = self.sign_ins.knows(officer, caller.device)
        own = Budget(f"browser {caller.device}", BY_BROWSER) if known else Budget(f"account {folded(email)}", BY_ACCOUNT)
        # Whoever shares a network with strangers is not locked out by them where he signed in before.
        return [own] if known or not caller.network else [own, Budget(f"network {caller.network}", BY_NETWORK)]

    def failed(self, account: Account | None) -> None:
        """Write down that somebody was not let in."""
        subject = f"account {account.officer.id}" if account else "account unknown"
        self.acts.note("account.sign_in_failed", None, subject, {})

    def let_in(self, account: Account, caller: Caller, by: str) -> Let:
        """Sign an officer in, with new secrets in his browser."""
        number = account.officer.id
        self.acts.note("account.signed_in", number, f"account {number}", {"by": by})
        key = self.sign_ins.begin(number, self.now(), caller.browser)
        known = self.sign_ins.knows(number, caller.device)
        return Let(account, key, caller.device if known else self.sign_ins.know(number, self.now()))

    def sign_out(self, officer: Officer, session: int) -> None:
        """End a session."""
        self.acts.note("account.signed_out", officer.id, f"account {officer.id}", {})
        self.sign_ins.end(officer.id, session)

    def is_himself(self, account: Account, passphrase: str, caller: Caller) -> bool:
        """Say whether somebody knows an account's passphrase, for what a session alone does not let him do."""
        budgets = self.budgets(account.officer.id, account.officer.email, caller)
        if not self.sign_ins.attempt(budgets, self.now()):
            return False
        if not self.passphrases.is_right(account.passphrase, passphrase):
            return False
        self.sign_ins.give_back(budgets, self.now())
        return True

    def is_fresh(self, session: Session) -> bool:
        """Say whether somebody has shown his second factor in this session, lately."""
        return self.now() - session.second_factor <= FRESH

    def proved(self, session: Session) -> None:
        """Note that he has shown it again."""
        number = session.account.officer.id
        self.acts.note("account.second_factor_shown", number, f"account {number}", {})
        self.sign_ins.second_factor(session.id, self.now())

    def prove(self, session: Session, code: str, caller: Caller) -> Refused | None:
        """Take a code for the second factor of whoever is signed in; returns why it was not taken. Raises `StoreError`."""
        officer = session.account.officer
        budgets = self.budgets(officer.id, officer.email, caller)
        if not self.sign_ins.attempt(budgets, self.now()):
            return Refused.OFTEN
        if not self._second(session.account, code):
            self.failed(session.account)
            return Refused.WRONG
        self.sign_ins.give_back(budgets, self.now())
        self.proved(session)
        return None

    def accept(self, token: str, invitation: Invitation, known: Account | None, chosen: Chosen) -> Account | None:
        """Make the account of an invitation, or give a known one its authenticator; none if that cannot be any more."""
        if known is not None:
            if known.suspended is not None:
                return None
            self.acts.note("account.second_factor_renewed", known.officer.id, f"account {known.officer.id}", {})
            return self.accounts.renew(token, chosen.step, self.now())
        self.acts.note("account.invitation_accepted", None, f"office {invitation.office.id}", {})
        return self.accounts.accept(token, chosen.name, self.passphrases.hash(chosen.passphrase), chosen.step, self.now())

    def add_passkey(self, officer: int, credential: bytes, public_key: bytes, *, counter: int, name: str) -> None:
        """Give an account a passkey. Raises `AccountError` for one that is stored already."""
        self.acts.note("account.passkey_added", officer, f"account {officer}", {})
        self.accounts.add_passkey(officer, credential, public_key, counter=counter, name=name, now=self.now())

    def remove_passkey(self, officer: int, number: int) -> None:
        """Take a passkey from an account."""
        self.acts.note("account.passkey_removed", officer, f"account {officer}", {})
        self.accounts.remove_passkey(officer, number)

    def renew_codes(self, officer: int) -> tuple[str, ...]:
        """Give an account new recovery codes, and return them: they are shown once."""
        self.acts.note("account.recovery_codes_made", officer, f"account {officer}", {"count": CODES})
        codes = new_codes()
        self.accounts.set_codes(officer, codes)
        return codes

    def change_passphrase(self, officer: Officer, passphrase: str, session: int) -> None:
        """Change a passphrase, and end every other session."""
        self.acts.note("account.passphrase_changed", officer.id, f"account {officer.id}", {})
        self.accounts.set_passphrase(officer.id, self.passphrases.hash(passphrase))
        self.sign_ins.end_others(officer.id, session)

    def invite(self, by: int | None, office: Office, email: str) -> str:
        """Make the link's secret of a new account. Raises `AccountError`."""
        self.acts.note("account.invited", by, f"office {office.id}", {})
        return self.accounts.invite(office, email, self.now())

    def suspend(self, by: int, officer: int, why: str, *, back: bool = False) -> None:
        """Suspend an account, or let it in again."""
        self.acts.note("account.restored" if back else "account.suspended", by, f"account {officer}", {"why": why})
        self.accounts.suspend(officer, None if back else self.now())

    def reset(self, by: int, officer: Officer, why: str) -> str:
        """Take every second factor from an officer; returns the secret of the link with which he sets up a new one."""
        self.acts.note("account.second_factor_reset", by, f"account {officer.id}", {"why": why})
        return self.accounts.reset(officer, self.now())

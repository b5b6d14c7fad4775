"""Accounts are made once, their secrets are used once, and attempts are counted; on both engines."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from registry.enforcement.officers import Office, OfficeKind, Role
from registry.errors import AccountError
from registry.storage.accounts import INVITED_FOR, Accounts
from registry.storage.sign_ins import CHALLENGED_FOR, IDLE, QUARTER, Budget, SignIns

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.xdist_group("postgresql")

NOW = 2_000_000 * QUARTER
LI = "Li.Wei@Customs.example"


@pytest.fixture(params=["sqlite_url", "postgresql_url"])
def accounts(request: pytest.FixtureRequest) -> Iterator[Accounts]:
    """The accounts of a database that holds nothing yet, on each engine."""
    with Accounts.open(request.getfixturevalue(request.param), create=True) as opened:
        yield opened


def office(accounts: Accounts) -> Office:
    """Return an office."""
    return accounts.add_office("Shanghai Customs", OfficeKind.CUSTOMS, "CN-SH")


def test_accounts_from_invitation_to_suspension(accounts: Accounts) -> None:
    """Every statement does on both engines what the desk relies on."""
    place = office(accounts)
    assert office(accounts) == place
    with pytest.raises(AccountError, match="expected platform"):
        accounts.add_office("Shanghai Customs", OfficeKind.PLATFORM, "CN-SH")
    token, second = accounts.invite(place, LI, NOW), accounts.invite(place, LI, NOW)
    assert accounts.invitation(token, NOW + INVITED_FOR) is None
    made = accounts.accept(token, "Li Wei", "a hash", 5, NOW)
    assert made is not None
    assert made.officer.role is Role.INSPECTOR
    assert accounts.accept(token, "Li Wei", "a hash", 5, NOW) is None, "a link is good once"
    assert accounts.accept(second, "Li Wei", "a hash", 5, NOW) is None, "an address has one account"
    assert accounts.by_email(LI.upper()) == made
    assert accounts.name(made.officer.id) == "Li Wei"
    with pytest.raises(AccountError):
        accounts.invite(place, LI, NOW)

    number, ins = made.officer.id, SignIns(accounts.engine)
    assert [accounts.use_step(number, step) for step in (5, 6, 6, 4, 7)] == [False, True, False, False, True]
    accounts.set_codes(number, ["first", "second"])
    assert [accounts.use_code(number, code) for code in ("first", "first", "third")] == [True, False, False]
    assert accounts.codes_left(number) == 1

    key, device = ins.begin(number, NOW, "Firefox"), ins.know(number, NOW)
    assert ins.knows(number, device)
    assert not ins.knows(number + 1, device)
    found = ins.session(key, NOW + 100)
    assert found is not None
    assert found.account.officer == made.officer
    assert ins.session(key, NOW + 100 + IDLE - 1) is not None
    assert ins.session(key, NOW + 100 + 2 * IDLE) is None
    assert len(ins.of(number, NOW + 100 + IDLE)) == 1
    accounts.suspend(number, NOW)
    assert ins.session(key, NOW) is None
    assert not ins.knows(number, device)


def test_a_reset_takes_every_second_factor(accounts: Accounts) -> None:
    """Authenticator, passkeys and recovery codes are gone; the link gives a new authenticator, once."""
    place = office(accounts)
    made = accounts.accept(accounts.invite(place, LI, NOW), "Li Wei", "a hash", 5, NOW)
    assert made is not None
    number = made.officer.id
    accounts.add_passkey(number, b"credential", b"key", counter=0, name="Phone", now=NOW)
    with pytest.raises(AccountError):
        accounts.add_passkey(number, b"credential", b"key", counter=0, name="Phone", now=NOW)
    accounts.set_codes(number, ["first"])
    token = accounts.reset(made.officer, NOW)
    left = accounts.account(number)
    assert left is not None
    assert (left.totp, accounts.passkeys(number), accounts.codes_left(number)) == (None, (), 0)
    assert accounts.renew(token, 9, NOW) is not None
    assert accounts.renew(token, 9, NOW) is None


def test_no_more_attempts_than_may_be(accounts: Accounts) -> None:
    """However many come at once, as many as the budget are looked at; a good one is given back, and time gives all back."""
    ins, budget = SignIns(accounts.engine), Budget("account li", 5)
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: ins.attempt([budget], NOW), range(12))) == 5
    assert not ins.attempt([budget, Budget("network", 100)], NOW)
    assert ins.attempt([budget], NOW + QUARTER)
    ins.give_back([budget], NOW + QUARTER)
    assert [ins.attempt([budget], NOW + QUARTER) for _ in range(6)] == [True] * 5 + [False]


def test_a_challenge_is_answered_once(accounts: Accounts) -> None:
    """By whom it was asked, and in time."""
    ins = SignIns(accounts.engine)
    asked = ins.challenge(NOW)
    assert [ins.answered(asked, NOW), ins.answered(asked, NOW)] == [True, False]
    assert not ins.answered(ins.challenge(NOW), NOW + CHALLENGED_FOR)

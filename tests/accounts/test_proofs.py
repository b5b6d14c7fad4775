"""Passphrases that anybody would try are refused; codes are those of RFC 6238, near their time alone."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from registry.accounts.one_time import STEP, code_at, grouped, new_codes, read_code, step_of
from registry.accounts.passphrases import Passphrases, Weak, weakness

CHEAP = Passphrases(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
SECRET = b"12345678901234567890"
"""That of RFC 6238, appendix B."""


@pytest.mark.parametrize(
    ("passphrase", "why"),
    [
        ("eleven char", Weak.SHORT),
        ("x" * 201, Weak.LONG),
        ("password1234", Weak.COMMON),
        ("Qwertyuiop123!", Weak.COMMON),
        ("123456789012", Weak.COMMON),
        ("abcabcabcabc", Weak.COMMON),
        ("touchstone 2026", Weak.COMMON),
        ("anna.vogt@zoll.example", Weak.EMAIL),
        ("anna.vogt1234", Weak.EMAIL),
        ("seven quiet herons", None),
        ("十二只安静的苍鹭站在屋顶上", None),
    ],
)
def test_weak_passphrases(passphrase: str, why: Weak | None) -> None:
    assert weakness(passphrase, "anna.vogt@zoll.example") is why


def test_a_passphrase_is_the_same_from_every_keyboard() -> None:
    """Composed or not; nobody's passphrase is anybody's."""
    stored = CHEAP.hash("caf\u00e9 and a bridge")
    assert CHEAP.is_right(stored, "cafe\u0301 and a bridge")
    assert not CHEAP.is_right(stored, "cafe and a bridge")
    assert not CHEAP.is_right(None, "nobody has this passphrase")
    assert not CHEAP.is_right("no hash", "cafe and a bridge")


@pytest.mark.parametrize(("now", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924")])
def test_codes_are_those_of_the_standard(now: int, code: str) -> None:
    """RFC 6238, appendix B, in six digits; one step early or late is the same step still."""
    assert code_at(SECRET, now) == code
    assert {step_of(SECRET, code, now + late) for late in (1 - STEP, 0, STEP)} == {now // STEP}
    assert step_of(SECRET, code, now + 3 * STEP) is None


@given(st.text(max_size=12))
def test_nothing_else_is_a_code(typed: str) -> None:
    """Whatever is typed is a code of the authenticator or none."""
    assert step_of(SECRET, typed, 59) is None or "".join(typed.split()) in {code_at(SECRET, at) for at in (29, 59, 89)}


def test_recovery_codes_are_read_as_people_type_them() -> None:
    """In groups or not, in small letters or capitals; all are different."""
    codes = new_codes()
    assert len(set(codes)) == 10
    assert [read_code(grouped(code).lower()) for code in codes] == list(codes)
    assert read_code(codes[0][1:]) is None

"""Codes that are good once: those of an authenticator (RFC 6238), and recovery codes that stand in for it."""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import Final

import pyotp

from registry.units.serials import ALPHABET, fold

STEP: Final = 30
"""Seconds for which an authenticator shows a code."""
DRIFT: Final = 1
"""Steps by which its clock may be wrong."""
DIGITS: Final = 6
CODES: Final = 10
CODE_LENGTH: Final = 16
"""Characters of a recovery code: 80 bits, so that its hash cannot be searched for."""
ISSUER: Final = "Touchstone"


def text_of(secret: bytes) -> str:
    """Return an authenticator's secret as people type it."""
    return base64.b32encode(secret).decode()


def address_of(secret: bytes, email: str) -> str:
    """Return the address that an authenticator reads from a QR code."""
    return pyotp.TOTP(text_of(secret)).provisioning_uri(name=email, issuer_name=ISSUER)


def code_at(secret: bytes, now: float) -> str:
    """Return what an authenticator shows."""
    return pyotp.TOTP(text_of(secret)).generate_otp(int(now) // STEP)


def step_of(secret: bytes, typed: str, now: float) -> int | None:
    """Return the step of a code that somebody typed; none if it is of no step near this moment.

    Whoever takes the code uses the step up: no code is good twice.
    """
    digits = "".join(typed.split())
    if len(digits) != DIGITS or not (digits.isascii() and digits.isdigit()):
        return None
    known = pyotp.TOTP(text_of(secret))
    present = int(now) // STEP
    found = None
    for step in range(max(0, present - DRIFT), present + DRIFT + 1):
        if hmac.compare_digest(known.generate_otp(step), digits):
            found = step
    return found


def new_codes() -> tuple[str, ...]:
    """Return new recovery codes, without the signs between their groups."""
    return tuple("".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH)) for _ in range(CODES))


def grouped(code: str) -> str:
    """Return a recovery code as it is printed."""
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


def read_code(typed: str) -> str | None:
    """Return the recovery code that somebody typed; none if it can be none."""
    found = fold(typed.strip())
    return found if len(found) == CODE_LENGTH and set(found) <= set(ALPHABET) else None

"""GTIN, lot and serial: what GS1 allows, what we issue, and who claims a GTIN (protocol § 2; GS1 General Specifications)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from registry.errors import IdentityError

if TYPE_CHECKING:
    from collections.abc import Sequence

GTIN_LENGTH = 14
GTINS = 4096
"""How many of them are remembered."""
MAX_TEXT = 20
CHARACTER = re.compile(r"""[!"%&'()*+,\-./0-9:;<=>?A-Z_a-z]""")
"""One character of GS1's character set 82."""
CSET82 = re.compile(f"{CHARACTER.pattern}+")
ISSUABLE = re.compile(r"[A-Za-z0-9_-]{1,20}")
PREFIX = re.compile(r"[0-9]{4,12}")
TYPED_LENGTHS = frozenset({8, 12, 13, 14})
DIGITS = frozenset("0123456789")
DATE = re.compile(r"[0-9]{6}")
DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""Of each month, in a leap year."""


def check_digit(digits: str) -> str:
    """Return the GS1 mod-10 check digit that follows these digits."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def parse_gtin(text: str) -> str:
    """Return a GTIN-14 as it is. Raises `IdentityError` unless it is 14 digits ending in their check digit."""
    if len(text) != GTIN_LENGTH or not DIGITS.issuperset(text):
        raise IdentityError(f"found GTIN {text[:40]!r}, expected 14 digits")
    expected = check_digit(text[:-1])
    if text[-1] != expected:
        raise IdentityError(f"found GTIN {text} with check digit {text[-1]}, expected {expected}", hint="check each digit")
    return text


@lru_cache(GTINS)
def is_gtin(text: str) -> bool:
    """Say whether a text is a GTIN-14. The same few are asked about again and again."""
    try:
        return bool(parse_gtin(text))
    except IdentityError:
        return False


def pad_gtin(text: str) -> str:
    """Return a typed GTIN-8, -12, -13 or -14 as GTIN-14. Raises `IdentityError` if it is none of them."""
    if len(text) not in TYPED_LENGTHS or not DIGITS.issuperset(text):
        raise IdentityError(f"found GTIN {text[:40]!r}, expected 8, 12, 13 or 14 digits")
    return parse_gtin(text.zfill(GTIN_LENGTH))


def is_cset82(text: str) -> bool:
    """Say whether every character is one of the 82 that GS1 allows in lots and serials; an empty text is not."""
    return CSET82.fullmatch(text) is not None


def read_serial(text: str) -> str:
    """Return a serial as it is. Raises `IdentityError` unless GS1 allows it: 1 to 20 characters of CSET 82."""
    return _read(text, "serial")


def read_lot(text: str) -> str:
    """Return a lot as it is. Raises `IdentityError` unless GS1 allows it: 1 to 20 characters of CSET 82."""
    return _read(text, "lot")


def require_issuable(text: str, field: str) -> None:
    """Raise `IdentityError` unless a serial or lot survives browsers, proxies and typing: `[A-Za-z0-9_-]`, 1 to 20.

    GS1 allows `.`, `..` and `/` too, and all three are mangled on their way to a web server.
    """
    if not ISSUABLE.fullmatch(text):
        raise IdentityError(f"found {field} {text[:40]!r}, expected 1 to 20 of A-Z a-z 0-9 _ -")


def is_date(text: str) -> bool:
    """Say whether a text is a date as GS1 writes it, YYMMDD: day 00 leaves the day open, every fourth year is a leap year.

    Two digits of a year name one within 50 years of today: 2000 is the only turn of a century among them, and a leap year.
    """
    if not DATE.fullmatch(text):
        return False
    year, month, day = (int(text[start : start + 2]) for start in (0, 2, 4))
    if not 1 <= month <= len(DAYS):
        return False
    return day <= (28 if month == 2 and year % 4 else DAYS[month - 1])  # noqa: PLR2004  # February


def claims(gtin: str, claimed: Sequence[str]) -> bool:
    """Say whether a GTIN-14 is among what a manufacturer claims: company prefixes (4 to 12 digits) and whole GTIN-14s.

    A prefix is compared after the indicator digit. GTIN-8s and the ranges that GS1 leaves to companies and countries
    (restricted circulation: anybody may use them) belong to nobody's prefix: they can only be claimed whole.
    """
    if gtin in claimed:
        return True
    if _is_gtin8(gtin) or _is_restricted(gtin):
        return False
    return any(PREFIX.fullmatch(claim) and gtin.startswith(claim, 1) for claim in claimed)


def _read(text: str, field: str) -> str:
    if not 1 <= len(text) <= MAX_TEXT:
        raise IdentityError(f"found a {field} of {len(text)} characters, expected 1 to {MAX_TEXT}")
    if not is_cset82(text):
        raise IdentityError(f"found {field} {text!r}, expected only characters of GS1's character set 82")
    return text


def _is_gtin8(gtin: str) -> bool:
    return gtin.startswith("000000")


def _is_restricted(gtin: str) -> bool:
    """GS1 prefixes 02, 04 and 20 to 29 (restricted circulation), 05 and 98 to 99 (coupons), 980 (refund receipts)."""
    prefix = gtin[1:3]
    return prefix in {"02", "04", "05", "98", "99"} or prefix[0] == "2"

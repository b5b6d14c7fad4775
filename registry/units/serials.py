"""Serials: how we make them, show them, and read them when a person types one (protocol § 2).

Only *typed* text is repaired, and a repaired reading is shown as such; a scanned link never is.
"""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U."""
CHECK_ALPHABET = ALPHABET + "*~$=U"
"""Crockford's check symbols, for a number modulo 37."""
LENGTH = 16
RANDOM_BITS = 80
TO_OURS = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", ALPHABET.encode())
"""From the alphabet of RFC 4648's base 32."""
TO_NUMBER = bytes.maketrans(ALPHABET.encode(), b"0123456789abcdefghijklmnopqrstuv")
"""To the digits that `int` reads."""
OURS = re.compile(f"[{ALPHABET}]{{{LENGTH}}}")
MAX_TYPED = 100
"""Characters of typed text that are looked at: enough for a serial in groups, too few to be work."""

FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
"""U+FF01 to U+FF5E by table. NFKC would also change characters that nobody typed by mistake."""
SEPARATORS = {ord(mark): None for mark in " \t\r\n-\u3000\u00a0\u2009\u202f\u00b7\u2010\u2011\u2012\u2013\u2014\u2212"}
LOOK_ALIKES = {ord("O"): "0", ord("I"): "1", ord("L"): "1"}

AS_FOLDED = re.compile(f"[{ALPHABET}U]*")
"""What is read as it is: asked of millions."""
ALL_AS_FOLDED = re.compile(f"[{ALPHABET}U,]*")
"""The same for many, with commas between them."""


def generate() -> str:
    """Return a new serial: 16 characters of Crockford's base 32, 80 bits from the system's random source."""
    return generate_many(1)[0]


def generate_many(count: int) -> list[str]:
    """Return so many new serials."""
    random = base64.b32encode(secrets.token_bytes(RANDOM_BITS // 8 * count)).translate(TO_OURS).decode()
    return [random[start : start + LENGTH] for start in range(0, LENGTH * count, LENGTH)]


def group(serial: str) -> str:
    """Return a serial as it is printed: one of ours in groups of 4, any other as it is."""
    return _grouped(serial) if OURS.fullmatch(serial) else serial


def check_character(serial: str) -> str:
    """Return the character that follows a serial of ours on the label, so that a typing error shows.

    Crockford's check symbol: the serial as a number, modulo 37. Empty for a serial that is not ours.
    """
    return _check(serial) if OURS.fullmatch(serial) else ""


def printed(serial: str) -> str:
    """Return a serial as labels and pages show it: in groups, with its check character where it has one."""
    return f"{_grouped(serial)} · {_check(serial)}" if OURS.fullmatch(serial) else serial


def _grouped(serial: str) -> str:
    return f"{serial[:4]} {serial[4:8]} {serial[8:12]} {serial[12:]}"


def _check(serial: str) -> str:
    return CHECK_ALPHABET[int(serial.encode().translate(TO_NUMBER), len(ALPHABET)) % len(CHECK_ALPHABET)]


def fold(text: str) -> str:
    """Return what a text reads like after repair: capitals, no separators, O as 0, I and L as 1, full-width as ASCII."""
    if AS_FOLDED.fullmatch(text):
        return text
    narrow = text.translate(FULL_WIDTH).translate(SEPARATORS)
    # ASCII letters only: other scripts have capitals that would change the length.
    if narrow.isascii():
        capitals = narrow.upper()
    else:
        capitals = "".join(character.upper() if character.isascii() else character for character in narrow)
    return capitals.translate(LOOK_ALIKES)


def fold_all(texts: Sequence[str]) -> list[str]:
    """Return what each of these reads like after repair, faster than one by one; none of them holds a comma of any width."""
    joined = ",".join(texts)
    if ALL_AS_FOLDED.fullmatch(joined):
        return list(texts)
    return fold(joined).split(",")


@dataclass(frozen=True, slots=True)
class Typed:
    """How a typed serial may be read: exactly first, repaired second, and without its check character."""

    exact: str
    folded: str
    without_check: str | None
    """The folded serial without a right check character at its end, or none."""


def read_typed(text: str) -> Typed:
    """Return the readings of a typed serial; which of them exists, only the records can say."""
    exact = text.strip()[:MAX_TYPED]
    folded = fold(exact)
    serial, check = folded[:LENGTH], folded[LENGTH:]
    matches = bool(check) and fold(check_character(serial)) == check
    return Typed(exact, folded, serial if matches else None)

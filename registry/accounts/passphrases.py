"""Passphrases: which are refused, and how one is hashed and compared.

Hashes are Argon2id's. A passphrase for no account is compared with a hash of nobody's, so that whoever asks learns neither from
the words nor from the time of an answer whether there is an account.
"""

from __future__ import annotations

import enum
import itertools
import re
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST: Final = 12
LONGEST: Final = 200
"""Characters: more is no safer, and to hash a book costs time."""
NOBODY: Final = "nobody has this passphrase"
MOST_OTHERS: Final = 4
"""Letters and digits beside the commonest words that do not make a passphrase of them."""
_COMMON: Final = re.compile(
    "touchstone|试金石|password|passphrase|passwort|passw0rd|p4ssw0rd|qwerty(?:uiop)?|azerty|qwertz|asdf(?:ghjkl)?|zxcvb(?:nm)?"
    "|1q2w3e4r(?:5t)?|1qaz2wsx|qazwsx|letmein|welcome|iloveyou|woaini|admin(?:istrator)?|login|master|monkey|dragon|football"
    "|baseball|sunshine|princess|superman|batman|trustno1|whatever|michael|shadow|secret|changeme|default|customs|haiguan"
    "|shanghai|beijing|china|summer|winter|spring|autumn|january|december|correcthorsebatterystaple|a?b?c?d?123(?:4(?:5(?:6(?:7"
    "(?:8(?:9(?:0)?)?)?)?)?)?)?|abc(?:def(?:ghi)?)?|987654321|20[0-9]{2}|19[0-9]{2}|520|1314|888+|666+",
    re.IGNORECASE,
)
_REPEATED: Final = re.compile(r"(.{1,4})\1+.{0,3}", re.DOTALL)
_SIGNS: Final = re.compile(r"[\W_]+")


class Weak(enum.StrEnum):
    """Why a passphrase is refused."""

    SHORT = "short"
    LONG = "long"
    COMMON = "common"
    EMAIL = "email"


def weakness(passphrase: str, email: str) -> Weak | None:
    """Return why a passphrase is refused for the account of an address; none if it may be used."""
    said = unicodedata.normalize("NFKC", passphrase)
    if len(said) < SHORTEST:
        return Weak.SHORT
    if len(said) > LONGEST:
        return Weak.LONG
    plain = _SIGNS.sub("", said).casefold()
    name = _SIGNS.sub("", email.partition("@")[0]).casefold()
    address = _SIGNS.sub("", email).casefold()
    rest = plain.replace(address, "").replace(name, "") if name else plain
    if rest != plain and len(_COMMON.sub("", rest)) <= MOST_OTHERS:
        return Weak.EMAIL
    if len(_COMMON.sub("", plain)) <= MOST_OTHERS or _REPEATED.fullmatch(plain) or _is_row(plain):
        return Weak.COMMON
    return None


def _is_row(plain: str) -> bool:
    """Say whether nearly every character follows from the one before it, as in 123456789012 or abcdefghijkl."""
    steps = [ord(after) - ord(before) for before, after in itertools.pairwise(plain)]
    return sum(abs(step) <= 1 for step in steps) >= len(steps) - 2


class Passphrases:
    """Hashes and compares passphrases. Its defaults are those that argon2-cffi recommends; tests take cheaper ones."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash(NOBODY)

    def hash(self, passphrase: str) -> str:
        """Return what is stored of a passphrase."""
        return self._hasher.hash(_bytes(passphrase))

    def is_right(self, stored: str | None, passphrase: str) -> bool:
        """Say whether a passphrase is the one of a hash; without a hash it is none, after the same work."""
        try:
            self._hasher.verify(stored or self._nobody, _bytes(passphrase[: LONGEST + 1]))
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

    def is_old(self, stored: str) -> bool:
        """Say whether a hash was made with less work than is done now."""
        return self._hasher.check_needs_rehash(stored)


def _bytes(passphrase: str) -> bytes:
    """Return a passphrase as every keyboard and system gives it."""
    return unicodedata.normalize("NFKC", passphrase).encode("utf-8", "replace")

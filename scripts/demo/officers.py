"""Somebody of every role at the demo's desk, with secrets that everybody may know."""

from __future__ import annotations

import hashlib
import time
from typing import Final

from registry.accounts.one_time import text_of
from registry.accounts.passphrases import Passphrases
from registry.enforcement.officers import OfficeKind
from registry.storage.accounts import TOTP_BYTES, Accounts

PASSPHRASE: Final = "a demonstration for everybody"  # noqa: S105 -- it is printed for everybody
PEOPLE: Final = (
    ("Shanghai Customs", OfficeKind.CUSTOMS, "CN-SH", None, "Li Wei", "customs@desk.example"),
    ("Market Regulator Jiangsu", OfficeKind.MARKET_REGULATOR, "CN-JS", None, "Zhao Min", "regulator@desk.example"),
    ("Harbour Market", OfficeKind.PLATFORM, "CN-ZJ", None, "Sun Yan", "platform@desk.example"),
    ("Manufacturer 1", OfficeKind.MANUFACTURER, "CN", 1, "Chen Jie", "brand1@desk.example"),
    ("Manufacturer 2", OfficeKind.MANUFACTURER, "DE", 2, "Anna Vogt", "brand2@desk.example"),
    ("Alliance", OfficeKind.ALLIANCE, "CN", None, "He Ling", "alliance@desk.example"),
    ("Operator", OfficeKind.OPERATOR, "CN", None, "Wu Tao", "operator@desk.example"),
)


def people_of_the_desk(url: str) -> list[str]:
    """Make the accounts that are not there yet; returns what to tell of each: address and authenticator's key."""
    told = []
    with Accounts.open(url, create=True) as accounts:
        passphrase = Passphrases().hash(PASSPHRASE)
        for office, kind, region, manufacturer, name, email in PEOPLE:
            secret = secret_of(email)
            if accounts.by_email(email) is None:
                place = accounts.add_office(office, kind, region, manufacturer)
                accounts.add_for_demo(place, name, email, passphrase=passphrase, totp=secret, now=int(time.time()))
            told.append(f"{email:<24} {text_of(secret)}")
    return told


def secret_of(email: str) -> bytes:
    """Return the key of somebody's authenticator."""
    return hashlib.sha256(f"demo {email}".encode()).digest()[:TOTP_BYTES]

"""The words about accounts of the desk."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from registry.accounts.passphrases import SHORTEST, Weak
from registry.enforcement.officers import OfficeKind
from webapp.facts import instant
from webapp.languages import gettext
from webapp.presenter.words import mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.storage.accounts import Passkey
    from webapp.facts import Time

WRONG: Final = mark(
    "E-mail address, passphrase and code do not belong together. A code is good once: after you have used it, wait for the next"
)
OFTEN: Final = mark("Too many attempts. Wait a quarter of an hour, or use a browser in which you have signed in before")
AGAIN_WRONG: Final = mark("This was not accepted. A code is good once: after you have used it, wait for the next")
NAME: Final = mark("Enter your name")
CODE: Final = mark("Enter the six digits that your authenticator shows now")
PASSPHRASE: Final = mark("This is not your passphrase")
EMAIL: Final = mark("Enter the e-mail address of one person")
HAS_ACCOUNT: Final = mark("There is an account with this e-mail address already")
OFFICE: Final = mark("Enter the name of the office, and where it is: a country or a part of one, such as CN-SH")
OTHER_OFFICE: Final = mark("There is another office of this name")
MANUFACTURER: Final = mark("Enter the manufacturer's number on the chain, for a manufacturer's office alone")
REASON: Final = mark("Choose a reason")
PASSKEY: Final = mark("This passkey was not accepted. Try again, or use your passphrase")

WEAK: Final[Mapping[Weak, str]] = MappingProxyType({
    Weak.SHORT: mark("Use %(least)s characters or more. Several words are easy to remember and hard to guess"),
    Weak.LONG: mark("Use at most 200 characters"),
    Weak.COMMON: mark("This is among the first that anybody tries. Use several words that have nothing to do with each other"),
    Weak.EMAIL: mark("Do not use your e-mail address as your passphrase"),
})  # fmt: skip
KINDS: Final[Mapping[OfficeKind, str]] = MappingProxyType({
    OfficeKind.CUSTOMS: mark("Customs"),
    OfficeKind.MARKET_REGULATOR: mark("Market regulator"),
    OfficeKind.PLATFORM: mark("Trading platform"),
    OfficeKind.MANUFACTURER: mark("Manufacturer"),
    OfficeKind.ALLIANCE: mark("Alliance"),
    OfficeKind.OPERATOR: mark("Operator of this site"),
})  # fmt: skip
REASONS: Final[Mapping[str, str]] = MappingProxyType({
    "lost": mark("A phone or a key was lost"),
    "replaced": mark("A phone was replaced"),
    "left": mark("The person has left the office"),
    "misuse": mark("The account may be misused"),
    "error": mark("It was an error"),
})  # fmt: skip
"""Why an account is changed, by what the journal says: fixed, so that no person is ever named there."""
_PROGRAMS: Final = (
    ("WeChat", "MicroMessenger/"), ("Edge", "Edg/"), ("Firefox", "Firefox/"), ("Chrome", "Chrome/"), ("Safari", "Safari/"),
)  # fmt: skip
_SYSTEMS: Final = (
    ("HarmonyOS", "HarmonyOS|OpenHarmony"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"),
    ("Windows", "Windows"), ("macOS", "Mac OS X"), ("Linux", "Linux"),
)  # fmt: skip


def weak(why: Weak) -> str:
    """Return what is wrong with a passphrase."""
    return gettext(WEAK[why], least=SHORTEST)


def kinds() -> list[tuple[str, str]]:
    """Return the kinds of office and their names."""
    return [(kind.value, gettext(words)) for kind, words in KINDS.items()]


def reasons() -> list[tuple[str, str]]:
    """Return the reasons and their words."""
    return [(reason, gettext(words)) for reason, words in REASONS.items()]


def browser(said: str) -> str:
    """Return what a browser is called, from what it says of itself."""
    program = next((name for name, sign in _PROGRAMS if sign in said), "")
    system = next((name for name, sign in _SYSTEMS if re.search(sign, said)), "")
    return " · ".join(filter(None, (program, system))) or gettext("An unknown browser")


def passkeys(keys: Sequence[Passkey]) -> list[tuple[int, str, Time]]:
    """Return passkeys as they are listed: number, the browser in which they were made, and since when."""
    return [(key.id, browser(key.name), instant(key.created)) for key in keys]

"""The form of a report: what its fields may bring, how that is cleaned, and what is wrong with it.

Nothing here trusts a browser: every field has a limit in characters (its bytes are bounded in `webapp.limits`), a choice is one
of ours or none, and characters that steer a terminal or turn the direction of a text are taken out before anything is stored.
"""

from __future__ import annotations

import enum
import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from registry.storage.leads import Photo
from webapp.limits import MAX_PHOTO, MAX_TEXT
from webapp.photo_headers import read_header

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.datastructures import FileStorage, MultiDict

MAX_SELLER: Final = 300
MAX_NOTE: Final = 2000
MAX_CONTACT: Final = 200
SHORTEST: Final = 3
"""Seconds in which nobody fills in a form."""
LONGEST: Final = 12 * 3600
"""Seconds after which a form is too old to be sent."""
OLDEST: Final = date(1990, 1, 1)

_DAY: Final = re.compile(r"(\d{4})\D{1,3}(\d{1,2})\D{1,3}(\d{1,2})\D?")
_MAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_DIALLED: Final = str.maketrans("", "", " +-./()（）")
_DIGITS: Final = range(5, 21)
"""Of a phone number."""
_GTIN: Final = re.compile(r"[0-9]{1,14}")
_STEERING: Final = frozenset(
    "\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\u206a\u206b\u206c\u206d\u206e\u206f"
    "\ufeff\ufff9\ufffa\ufffb"
)
"""Characters that show nothing and turn, hide or annotate what stands beside them. Joiners stay: scripts need them."""
_LINES: Final = re.compile(r"\r\n|[\r\n\u000b\u000c\u0085\u2028\u2029]")


class Place(enum.StrEnum):
    """Where it was bought."""

    SHOP = "shop"
    ONLINE = "online"
    MARKET = "market"
    OTHER = "other"
    UNKNOWN = "unknown"


class Wrong(enum.StrEnum):
    """What looks wrong."""

    CODE = "code"
    PACKAGE = "package"
    PRODUCT = "product"
    SEAL = "seal"
    CHECKED = "checked"
    HARM = "harm"
    OTHER = "other"


class Fault(enum.StrEnum):
    """What keeps a form from being taken."""

    CODE_TOO_LONG = "code_too_long"
    NO_PLACE = "no_place"
    SELLER_TOO_LONG = "seller_too_long"
    NO_DATE = "no_date"
    DATE_AHEAD = "date_ahead"
    NOTHING_WRONG = "nothing_wrong"
    NOTE_TOO_LONG = "note_too_long"
    PHOTO_TOO_LARGE = "photo_too_large"
    NO_PHOTO = "no_photo"
    CONTACT_TOO_LONG = "contact_too_long"
    NO_CONTACT = "no_contact"
    TOO_FAST = "too_fast"
    TOO_OLD = "too_old"
    TRAPPED = "trapped"
    LIMITED = "limited"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Filled:
    """What a form brought, cleaned: it is shown again where something is wrong."""

    link: str = ""
    gtin: str = ""
    place: Place | None = None
    seller: str = ""
    bought: str = ""
    wrong: tuple[Wrong, ...] = ()
    note: str = ""
    contact: str = ""
    to_brand: bool = False
    to_inspectors: bool = False

    @property
    def day(self) -> date | None:
        """The day on which it was bought; none if that is no day."""
        found = _DAY.fullmatch(self.bought)
        try:
            return date(*map(int, found.groups())) if found else None
        except ValueError:
            return None


def read(form: MultiDict[str, str]) -> Filled:
    """Return what a form brought."""
    gtin = form.get("gtin", "").strip()
    place = form.get("place", "")
    wrong = set(form.getlist("wrong"))
    return Filled(
        link=clean(form.get("link", "")),
        gtin=gtin if _GTIN.fullmatch(gtin) else "",
        place=Place(place) if place in set(Place) else None,
        seller=clean(form.get("seller", "")),
        bought=clean(form.get("bought", ""))[:40],
        wrong=tuple(one for one in Wrong if one in wrong),
        note=clean(form.get("note", ""), lines=True),
        contact=clean(form.get("contact", "")),
        to_brand="to_brand" in form,
        to_inspectors="to_inspectors" in form,
    )


def faults_of(filled: Filled, today: date) -> Mapping[str, Fault]:
    """Return what is wrong, by field, in their order. `today` is the UTC date, which somewhere is tomorrow already."""
    found: dict[str, Fault] = {}
    if len(filled.link) > MAX_TEXT:
        found["link"] = Fault.CODE_TOO_LONG
    if filled.place is None:
        found["place"] = Fault.NO_PLACE
    if len(filled.seller) > MAX_SELLER:
        found["seller"] = Fault.SELLER_TOO_LONG
    if filled.bought and (filled.day is None or filled.day < OLDEST):
        found["bought"] = Fault.NO_DATE
    elif filled.day and filled.day > today + timedelta(days=1):
        found["bought"] = Fault.DATE_AHEAD
    if not filled.wrong and not filled.note:
        found["wrong"] = Fault.NOTHING_WRONG
    if len(filled.note) > MAX_NOTE:
        found["note"] = Fault.NOTE_TOO_LONG
    if len(filled.contact) > MAX_CONTACT:
        found["contact"] = Fault.CONTACT_TOO_LONG
    elif filled.contact and not _is_contact(filled.contact):
        found["contact"] = Fault.NO_CONTACT
    return found


def read_photo(upload: FileStorage | None) -> tuple[bytes, Photo | None, Fault | None]:
    """Return the bytes of an uploaded photo, what its header says, and what is wrong with it; nothing of it is decoded."""
    data = upload.read(MAX_PHOTO + 1) if upload else b""
    if not data:
        return b"", None, None
    if len(data) > MAX_PHOTO:
        return b"", None, Fault.PHOTO_TOO_LARGE
    header = read_header(data)
    if header is None:
        return b"", None, Fault.NO_PHOTO
    if not header.is_possible:
        return b"", None, Fault.PHOTO_TOO_LARGE
    return data, Photo(header.type, len(data), hashlib.sha256(data).digest()), None


def clean(text: str, *, lines: bool = False) -> str:
    """Return a text without characters that steer what shows it, and without space around it; its lines may be kept."""
    kept = _LINES.sub("\n" if lines else " ", text).replace("\t", " ")
    return "".join(one for one in unicodedata.normalize("NFC", kept) if one == "\n" or not _is_steering(one)).strip()


def _is_contact(text: str) -> bool:
    """Say whether a text looks like an e-mail address or a phone number."""
    digits = text.translate(_DIALLED)
    return bool(_MAIL.fullmatch(text)) or (digits.isdecimal() and len(digits) in _DIGITS)


def _is_steering(one: str) -> bool:
    return one in _STEERING or unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"} or "\U000e0000" <= one <= "\U000e0fff"

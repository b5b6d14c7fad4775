"""What people are told when there is nothing to check: an empty form, a photo without a code, an address that leads nowhere."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from webapp.languages import gettext, number
from webapp.limits import MAX_TEXT
from webapp.presenter.words import mark

if TYPE_CHECKING:
    from collections.abc import Mapping


class Complaint(enum.StrEnum):
    """What is wrong with what a form brought."""

    NOTHING_TYPED = "nothing_typed"
    TOO_LONG = "too_long"
    NO_PHOTO = "no_photo"
    PHOTO_TOO_LARGE = "photo_too_large"
    PHOTO_UNREADABLE = "photo_unreadable"
    NO_CODE_IN_PHOTO = "no_code_in_photo"
    PHOTO_TOO_SLOW = "photo_too_slow"
    PHOTOS_BUSY = "photos_busy"


ABOUT_PHOTO = frozenset({
    Complaint.NO_PHOTO, Complaint.PHOTO_TOO_LARGE, Complaint.PHOTO_UNREADABLE, Complaint.NO_CODE_IN_PHOTO,
    Complaint.PHOTO_TOO_SLOW, Complaint.PHOTOS_BUSY,
})  # fmt: skip

COMPLAINTS: Mapping[Complaint, str] = MappingProxyType({
    Complaint.NOTHING_TYPED: mark("Enter the number beside the code, or paste the code's link"),
    Complaint.TOO_LONG: mark("Enter at most %(most)s characters for one code"),
    Complaint.NO_PHOTO: mark("Choose a photo of the code"),
    Complaint.PHOTO_TOO_LARGE: mark("Choose a smaller photo: this one is too large for us to open"),
    Complaint.PHOTO_UNREADABLE: mark("Choose a photo in JPEG, PNG or WebP format: we could not open this file"),
    Complaint.NO_CODE_IN_PHOTO: mark(
        "We found no code in the photo. Take it from 15 to 20 cm away, in good light, with the whole code in it"
    ),
    Complaint.PHOTO_TOO_SLOW: mark(
        "Reading this photo took too long. Take another one, with the code alone in it, or type the number beside the code"
    ),
    Complaint.PHOTOS_BUSY: mark(
        "We are too busy to read your photo at this moment. Send it again in a few seconds, or type the number beside the code"
    ),
})  # fmt: skip


def words_about(about: Complaint) -> str:
    """Return what to do about it, in the reader's language."""
    return gettext(COMPLAINTS[about], most=number(MAX_TEXT))


def complaint_about_photo(reason: str) -> Complaint:
    """Return the complaint about a photo that was not decoded, by the reason of its `ImageError`."""
    return WHY_UNREAD.get(reason, Complaint.PHOTO_UNREADABLE)


WHY_UNREAD: Mapping[str, Complaint] = MappingProxyType({
    "too_large": Complaint.PHOTO_TOO_LARGE,
    "too_many_pixels": Complaint.PHOTO_TOO_LARGE,
    "too_slow": Complaint.PHOTO_TOO_SLOW,
    "no_code": Complaint.NO_CODE_IN_PHOTO,
})  # fmt: skip
"""By the reason of an `ImageError`; every other one means that the file is none that we can open."""


@dataclass(frozen=True, slots=True)
class Message:
    """A page with nothing but a heading and a sentence."""

    headline: str
    meaning: str


MESSAGES: Mapping[int, tuple[str, str]] = MappingProxyType({
    404: (mark("There is no such page"), mark("Check the address, or check a product here.")),
    405: (mark("This page cannot be used that way"), mark("Start again from the first page.")),
    413: (mark("That is too much for us to read at once"), mark("Send a smaller photo, or a shorter list.")),
    414: (mark("This address is too long"), mark("It is not one of our labels: nothing was looked up.")),
    429: (
        mark("Too much was checked from your network at once"),
        mark("This says nothing about the product. Please wait a minute, and check again."),
    ),
    500: (mark("Something went wrong on our side"), mark("This says nothing about the product. Please try again in a moment.")),
})  # fmt: skip
OTHER = (mark("We could not read this request"), mark("Start again from the first page."))


def message(status: int) -> Message:
    """Return what is said with an HTTP status that no verdict has."""
    headline, meaning = MESSAGES.get(status, MESSAGES[500] if status >= 500 else OTHER)  # noqa: PLR2004  # faults of ours
    return Message(gettext(headline), gettext(meaning))

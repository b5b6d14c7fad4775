"""The words of the resolver: what a link leads to, and what people read where there is none."""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import TYPE_CHECKING

from webapp.languages import gettext
from webapp.presenter.refusals import Message
from webapp.presenter.words import mark

if TYPE_CHECKING:
    from collections.abc import Mapping


class Title(enum.StrEnum):
    """What a link leads to."""

    CODE = "code"
    WITHDRAWAL = "withdrawal"
    WITHDRAWAL_JSON = "withdrawal_json"
    PRODUCT = "product"


TITLES: Mapping[Title, str] = MappingProxyType({
    Title.CODE: mark("What this code shows, and what it cannot"),
    Title.WITHDRAWAL: mark("Whether this item was recalled or withdrawn"),
    Title.WITHDRAWAL_JSON: mark("Whether this item was recalled or withdrawn, for programs"),
    Title.PRODUCT: mark("The product, and how to check an item of it"),
})  # fmt: skip


class Refusal(enum.StrEnum):
    """Why there is no link; the ids are for programs."""

    NOT_A_LINK = "not_a_link"
    UNKNOWN_PRODUCT = "unknown_product"
    NO_SUCH_LINK = "no_such_link"
    UNAVAILABLE = "unavailable"


REFUSALS: Mapping[Refusal, tuple[str, str]] = MappingProxyType({
    Refusal.NOT_A_LINK: (
        mark("This is not one of our labels"),
        mark("Nothing was looked up. Check the address, or check a product here."),
    ),
    Refusal.UNKNOWN_PRODUCT: (
        mark("We do not know this product number"),
        mark("No item with it is registered here. Check each digit. Many products carry no code of this registry: this "
             "says nothing about the product."),
    ),
    Refusal.NO_SUCH_LINK: (
        mark("We have no such page for this code"),
        mark("Scan the code on the label again: it opens the page that tells you what the code shows."),
    ),
    Refusal.UNAVAILABLE: (
        mark("We could not look this up"),
        mark("This says nothing about the product. Please try again in a moment."),
    ),
})  # fmt: skip


def title(of: Title) -> str:
    """Return what a link leads to, in the reader's language."""
    return gettext(TITLES[of])


def described(gtin: str, serial: str = "") -> str:
    """Return what is identified: an item, or a product."""
    if not serial:
        return gettext("Product %(gtin)s", gtin=gtin)
    return gettext("Item %(serial)s of product %(gtin)s", serial=serial, gtin=gtin)


def message(why: Refusal) -> Message:
    """Return what people read where there is no link."""
    headline, meaning = REFUSALS[why]
    return Message(gettext(headline), gettext(meaning))

"""The words about a guide's form."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from webapp.languages import gettext
from webapp.presenter.words import mark

if TYPE_CHECKING:
    from collections.abc import Mapping

FAULTS: Final[Mapping[str, str]] = MappingProxyType({
    "gtin": mark("Give the product number (GTIN) in 8 to 14 digits"),
    "title": mark("Name the product, in at most 200 characters"),
    "too_long": mark("Shorten the texts: at most 1000 characters each"),
})  # fmt: skip


def fault(name: str) -> str:
    """Return what to do about a field, in the reader's language."""
    return gettext(FAULTS[name])

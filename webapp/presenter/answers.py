"""What people read who said something of a unit's history."""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import TYPE_CHECKING

from webapp.languages import gettext
from webapp.presenter.refusals import Message
from webapp.presenter.words import mark

if TYPE_CHECKING:
    from collections.abc import Mapping


class Answer(enum.StrEnum):
    """What came of it."""

    YES = "yes"
    NO = "no"
    OPENED = "opened"
    TOO_OLD = "too_old"
    AWAY = "away"


ANSWERS: Mapping[Answer, tuple[str, str]] = MappingProxyType({
    Answer.YES: (
        mark("Thank you"),
        mark("Then the earlier checks say nothing against the code. Compare the product with the details on its page."),
    ),
    Answer.NO: (
        mark("Thank you: look closely"),
        mark("Somebody else has checked this code, perhaps in the shop. It may also have been copied. Compare the product "
             "with the details on its page; if anything differs, do not use it, keep it and the receipt, and ask the "
             "manufacturer."),
    ),
    Answer.OPENED: (
        mark("Marked as opened"),
        mark("Whoever checks this code from now on reads that the product has been opened."),
    ),
    Answer.TOO_OLD: (
        mark("This page is too old to answer from"),
        mark("Nothing was noted. Check the code again, and answer there."),
    ),
    Answer.AWAY: (
        mark("We could not note that"),
        mark("This says nothing about the product. Try again later."),
    ),
})  # fmt: skip


def told(answer: Answer) -> Message:
    """Return what is said, in the reader's language."""
    headline, meaning = ANSWERS[answer]
    return Message(gettext(headline), gettext(meaning))

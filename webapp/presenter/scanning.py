"""The words of the scan page, by the names that its script gives to what happens; the script itself brings none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from webapp import languages
from webapp.languages import LANGUAGES, Language, gettext
from webapp.presenter.words import mark

if TYPE_CHECKING:
    from collections.abc import Mapping

HAPPENINGS: Mapping[str, str] = MappingProxyType({
    "starting": mark("Starting the camera. Your browser may ask whether this site may use it."),
    "loading": mark("Getting ready to read codes…"),
    "looking": mark("Hold the square code in the picture, 15 to 20 cm away."),
    "slow": mark(
        "No code yet. Hold still, avoid glare, let the code fill a third of the picture. Or use a photo or the number below."
    ),
    "opening": mark("Code read. Opening its page…"),
    "stopped": mark("The camera is off."),
    "foreign": mark(
        "This is not one of our labels. We do not open it, and nothing was looked up. Point the camera at another code."
    ),
    "choose": mark("There are several codes in the picture. Choose the one to check."),
})  # fmt: skip
GATHERING: Mapping[str, str] = MappingProxyType({
    **{name: HAPPENINGS[name] for name in ("starting", "loading", "stopped")},
    "gathering": mark("Hold one code after the other in the picture, 15 to 20 cm away."),
    "added": mark("Added to the list. Hold the next code in the picture."),
    "repeated": mark("This code is in the list already. Is it on another item?"),
})  # fmt: skip
"""On the page of lists, whose camera adds one code after the other."""
FAILURES: Mapping[str, tuple[str, str]] = MappingProxyType({
    "refused": (mark("The camera was not allowed"),
                mark("Allow it in the browser's settings and start it again, or use a photo or the number below.")),
    "none": (mark("No camera was found"), mark("Use a photo or the number below.")),
    "busy": (mark("The camera is in use"),
             mark("Close the other app that uses it and start it again, or use a photo or the number below.")),
    "insecure": (mark("The camera needs a secure connection"),
                 mark("This page was opened without https, so the browser lends it none. Use a photo or the number below.")),
    "unsupported": (mark("This browser lends no camera to pages"),
                    mark("Open this page in another browser, or use a photo or the number below.")),
    "wechat": (mark("In WeChat, use WeChat's own Scan"),
               mark("It opens the code's page here. Or use a photo or the number below.")),
    "failed": (mark("The camera did not start"), mark("Try again, or use a photo or the number below.")),
    "reader_absent": (mark("This browser cannot read codes by itself"),
                      mark("And this site brings no reader for it. Use a photo or the number below.")),
    "reader_missing": (mark("What reads the codes did not arrive"),
                       mark("Check the connection and start the camera again, or use a photo or the number below.")),
    "reader_changed": (mark("What reads the codes was changed on its way"),
                       mark("It is not what this page expects, so it was not started. Use a photo or the number below.")),
})  # fmt: skip
"""Headline, and what to do."""


@dataclass(frozen=True, slots=True)
class ScanWords:
    """Everything that the script may say, in the reader's language."""

    happenings: Mapping[str, str]
    failures: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Offline:
    """What is said without a connection, in one language."""

    language: Language
    headline: str
    meaning: str
    action: str


def words() -> ScanWords:
    """Return the page's words in the reader's language."""
    return ScanWords(
        happenings={name: gettext(text) for name, text in HAPPENINGS.items()},
        failures={name: (gettext(headline), gettext(todo)) for name, (headline, todo) in FAILURES.items()},
    )


def gathering() -> ScanWords:
    """Return the words of the page of lists in the reader's language."""
    return replace(words(), happenings={name: gettext(text) for name, text in GATHERING.items()})


def name() -> str:
    """Return what the installed page is called under its icon."""
    return gettext("Touchstone")


def description() -> str:
    """Return what the installed page is for."""
    return gettext("Check what the code on a product shows, and what it cannot.")


def offline() -> list[Offline]:
    """Return what is said without a connection, in every language: nobody can be asked which one is wanted."""
    told = []
    for language in LANGUAGES:
        with languages.speaking(language):
            told.append(
                Offline(
                    language,
                    gettext("No connection: nothing can be checked now"),
                    gettext(
                        "This says nothing about the product. Answers are never kept on this phone, as they may have changed."
                    ),
                    gettext("Try again"),
                )
            )
    return told

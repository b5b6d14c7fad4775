"""Reads a page as a person does, and keeps what a person would not see: errors, refusals, strangers asked."""

from __future__ import annotations

import gettext
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import webapp
from registry.checking.trust import Reason
from webapp.presenter.words import WITHDRAWN, WORDS, Headline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Request

LANGUAGES: Final = {"en": "en-GB", "zh-Hans": "zh-CN"}
"""The language that a page declares, and what a browser asks for to get it."""
CATALOGUE: Final = Path(webapp.__file__).with_name("translations") / "zh_Hans" / "LC_MESSAGES" / "messages.mo"


@dataclass
class Reader:
    """A page in a browser of its own, and what happened behind it."""

    page: Page
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Every address that the browser asked for."""

    def afresh(self) -> Self:
        """Forget what happened so far."""
        self.faults.clear()
        self.asked.clear()
        return self

    @property
    def headline(self) -> str:
        """The page's one headline, as it is seen."""
        heading = self.page.locator("h1")
        assert heading.count() == 1
        assert heading.is_visible()
        return heading.inner_text()

    @property
    def language(self) -> str | None:
        """The language that the page declares."""
        return self.page.locator("html").get_attribute("lang")

    @property
    def text(self) -> str:
        """All that is to be read."""
        return self.page.locator("body").inner_text()

    def strangers(self, *sites: str) -> list[str]:
        """Return the addresses asked for that are none of these sites'."""
        return [url for url in self.asked if not url.startswith(tuple(f"{site}/" for site in sites))]


@contextmanager
def reading(browser: Browser, *, language: str = "en", scripts: bool = False) -> Iterator[Reader]:
    """Open an empty page of a person who reads this language; with scripts off unless they are wanted."""
    context = browser.new_context(locale=LANGUAGES[language], java_script_enabled=scripts)
    page = context.new_page()
    reader = Reader(page)

    def failed(request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # whoever reads on does not wait for the last icon
            reader.faults.append(f"{request.url}: {request.failure}")

    # What a policy refuses comes as a message of the console, and an answer of 4xx or 5xx does too: that one is wanted.
    page.on(
        "console",
        lambda said: (
            reader.faults.append(said.text)
            if said.type in {"error", "warning"} and "the server responded with a status of" not in said.text
            else None
        ),
    )
    page.on("pageerror", lambda error: reader.faults.append(str(error)))
    page.on("requestfailed", failed)
    page.on("request", lambda request: reader.asked.append(request.url))
    yield reader
    context.close()


REGISTERED = (Headline.REGISTERED, Headline.REGISTERED_FIRST_CHECK, Headline.REGISTERED_CHECKED_BEFORE)


def headline_pattern(headline: str, language: str) -> re.Pattern[str]:
    """Return what the headline of this id reads in a language; dates may be any.

    Where a code is registered, the headline may say whether it was checked before: other readers looked at it, too.
    """
    known = Headline(headline)
    titles = [WORDS[one].headline for one in (REGISTERED if known in REGISTERED else [known])]
    if known is Headline.WITHDRAWN:
        titles = [WITHDRAWN[reason][0] for reason in Reason if reason in WITHDRAWN]
    if language != "en":
        with CATALOGUE.open("rb") as file:
            translated = gettext.GNUTranslations(file)
        titles = [translated.gettext(title) for title in titles]
    return re.compile("|".join(re.sub(r"%\\\((\w+)\\\)s", ".+", re.escape(title)) for title in titles))

"""Which language a page is in: the reader's choice, else what the browser asks for, else English.

The address of a page is the same in every language. `?lang=` is a wish, not an address: it is answered with a cookie and a
redirect to the same raw address without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flask import Flask, Response, request
from flask_babel import Babel

from registry.errors import TouchstoneError
from webapp.raw_uri import RawTarget

COOKIE: Final = "lang"
WISH: Final = "lang"
A_YEAR: Final = 365 * 24 * 3600
TRANSLATIONS: Final = Path(__file__).parent / "translations"


@dataclass(frozen=True, slots=True)
class Language:
    """A language that the site speaks."""

    tag: str
    """BCP 47, as in the `lang` attribute and the cookie."""
    locale: str
    """As Babel names it."""
    name: str
    """In the language itself."""
    timezone: str
    """The clock that its pages show; always named beside the time."""
    accepts: tuple[str, ...]
    """What browsers ask for when they mean it."""


LANGUAGES: Final = (
    Language("en", "en", "English", "UTC", ("en",)),
    Language("zh-Hans", "zh_Hans", "简体中文", "Asia/Shanghai", ("zh-Hans", "zh-CN", "zh-SG", "zh")),
)
DEFAULT: Final = LANGUAGES[0]


def current() -> Language:
    """Return the language of the answer to this request."""
    return _named(request.args.get(WISH)) or _named(request.cookies.get(COOKIE)) or _accepted()


def _named(tag: str | None) -> Language | None:
    return next((language for language in LANGUAGES if language.tag == tag), None)


def _accepted() -> Language:
    known = {accepted.lower(): language for language in LANGUAGES for accepted in language.accepts}
    for wanted, _ in request.accept_languages:
        # `zh-TW` is better served with `zh` than with English, hence the primary subtag as a second try.
        tag = wanted.lower()
        if found := known.get(tag) or known.get("-".join(tag.split("-")[:2])) or known.get(tag.split("-")[0]):
            return found
    return DEFAULT


def answer_wish() -> Response | None:
    """Answer `?lang=` of a page that can be asked for again: remember it and lead back to the same address without it."""
    if request.method not in {"GET", "HEAD"} or WISH not in request.args or request.blueprint in {"api", "health"}:
        return None
    # Not `redirect`, which would write the address anew.
    answer = Response(status=303, headers={"Location": RawTarget.of(request.environ).without(WISH).local})
    if language := _named(request.args[WISH]):
        answer.set_cookie(COOKIE, language.tag, max_age=A_YEAR, secure=request.is_secure, httponly=True, samesite="Lax")
    return answer


def register(app: Flask) -> None:
    """Give an app its languages."""
    Babel(  # type: ignore[no-untyped-call]  # flask_babel comes without types
        app,
        default_translation_directories=str(TRANSLATIONS),
        locale_selector=lambda: current().locale,
        timezone_selector=lambda: current().timezone,
    )
    app.before_request(answer_wish)
    app.jinja_env.globals["language"] = current
    app.jinja_env.globals["languages"] = LANGUAGES
    app.jinja_env.globals["in_language"] = _address_in


def _address_in(language: Language) -> str:
    """Return the address of this page with the wish for another language."""
    try:
        target = RawTarget.of(request.environ)
    except TouchstoneError:  # the page that says so has a switch, too
        target = RawTarget("/", None)
    return target.without(WISH).with_pair(WISH, language.tag).local

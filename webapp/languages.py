"""Which language a page is in: the reader's choice, else what the browser asks for, else English.

The address of a page is the same in every language. `?lang=` is a wish, not an address: it is answered with a cookie and a
redirect to the same raw address without it.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from babel import Locale
from babel.dates import format_timedelta
from babel.numbers import format_decimal
from babel.support import Translations
from flask import Flask, Response, request
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from registry.errors import TouchstoneError
from webapp.raw_uri import RawTarget

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from gettext import NullTranslations

COOKIE: Final = "lang"
WISH: Final = "lang"
FOUND: Final = "touchstone.language"
"""Where a request keeps the language of its answer."""
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
_spoken: Final[ContextVar[Language | None]] = ContextVar("spoken", default=None)


def current() -> Language:
    """Return the language of the answer to this request. It is found once: words are asked for many times."""
    spoken = _spoken.get()
    if spoken is not None:
        return spoken
    asked = request
    environ = asked.environ
    found: Language | None = environ.get(FOUND)
    if found is None:
        found = (
            _named(asked.args.get(WISH))
            or _named(asked.cookies.get(COOKIE))
            or accepted(asked.headers.get("Accept-Language", ""))
        )
        environ[FOUND] = found
    return found


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Answer in a language that was found without Flask's request."""
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


def _named(tag: str | None) -> Language | None:
    return next((language for language in LANGUAGES if language.tag == tag), None) if tag else None


@lru_cache(1024)
def accepted(header: str) -> Language:
    """Return the language that a browser asks for with its `Accept-Language`."""
    known = {accepted.lower(): language for language in LANGUAGES for accepted in language.accepts}
    for wanted, _ in parse_accept_header(header, LanguageAccept):
        # `zh-TW` is better served with `zh` than with English, hence the primary subtag as a second try.
        tag = wanted.lower()
        if found := known.get(tag) or known.get("-".join(tag.split("-")[:2])) or known.get(tag.split("-")[0]):
            return found
    return DEFAULT


@lru_cache(len(LANGUAGES))
def _catalogue(locale: str) -> NullTranslations:
    return Translations.load(str(TRANSLATIONS), [locale])


def gettext(message: str, **values: object) -> str:
    """Return an English message in the reader's language, with these values in their places."""
    text = _catalogue(current().locale).gettext(message)
    return text % values if values else text


def ngettext(one: str, many: str, count: int) -> str:
    """Return the form of a message that fits a number, in the reader's language."""
    return _catalogue(current().locale).ngettext(one, many, count)


class Count(int):
    """A number that decides about a plural, and is shown in the digits and groups of the reader's language."""

    def __str__(self) -> str:
        return number(int(self))


def number(value: int) -> str:
    """Return a number in the digits and groups of the reader's language."""
    return _number(value, current().locale)


def duration(seconds: float) -> str:
    """Return a time span in words of the reader's language."""
    return format_timedelta(int(seconds), threshold=2, locale=current().locale)


@lru_cache(4096)
def _number(value: int, locale: str) -> str:
    return format_decimal(value, locale=locale)


@lru_cache(len(LANGUAGES))
def locale_of(language: Language) -> Locale:
    """Return what Babel knows of a language."""
    return Locale.parse(language.locale)


def answer_wish() -> Response | None:
    """Answer `?lang=` of a page that can be asked for again: remember it and lead back to the same address without it."""
    if request.method not in {"GET", "HEAD"} or WISH not in request.args or request.blueprint in {"api", "health", "resolver"}:
        return None
    # Not `redirect`, which would write the address anew.
    answer = Response(status=303, headers={"Location": RawTarget.of(request.environ).without(WISH).local})
    if language := _named(request.args[WISH]):
        answer.set_cookie(COOKIE, language.tag, max_age=A_YEAR, secure=request.is_secure, httponly=True, samesite="Lax")
    return answer


def register(app: Flask) -> None:
    """Give an app its languages."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]  # of the extension
    app.jinja_env.filters["numberformat"] = number
    app.jinja_env.filters["counted"] = Count
    app.before_request(answer_wish)
    app.jinja_env.globals["language"] = current
    app.jinja_env.globals["languages"] = LANGUAGES


def target_of(environ: Mapping[str, Any]) -> RawTarget:
    """Return the address of this page; the first page's if the server does not hand it on, for the page that says so."""
    try:
        return RawTarget.of(environ)
    except TouchstoneError:
        return RawTarget("/", None)


def address_in(target: RawTarget, language: Language) -> str:
    """Return an address of ours with the wish for another language."""
    return target.without(WISH).with_pair(WISH, language.tag).local

"""Who looks, as far as a unit's history may know: whether it is a person, a coarse region, and the kind of phone.

The key of a phone is made from what its browser says of itself and the languages it asks for, hashed with a secret that is
another each season (docs/decisions/0021-histories-without-cookies.md). No address goes into it, so that nobody who reads the
database can test one. What is not a person's look is told by rules that are data: each names a header and says why.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from webapp.regions import named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webapp.regions import RegionTable

SEASON: Final = 90 * 86_400
"""Seconds for which two keys can be compared."""
KEY_BYTES: Final = 8
KEPT: Final = 4096
"""Kinds of phone whose key is kept in memory: most of a crowd have one of a few hundred."""
_CHANGING: Final = re.compile(r"(?:NetType|Language)/[^ ]+")
"""What a browser says that changes from look to look: WeChat names the network of the moment."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A look at a page."""

    region: str = ""
    device: str = ""
    """Empty if the look is not counted."""


NOBODY: Final = Visit()


@dataclass(frozen=True, slots=True)
class NotCounted:
    """A sign that no person looks at a label."""

    id: str
    variable: str
    """Of the WSGI environment."""
    pattern: re.Pattern[str]
    """Found anywhere in its value, which is empty where it is missing."""
    because: str


def _rule(name: str, variable: str, pattern: str, because: str) -> NotCounted:
    return NotCounted(name, variable, re.compile(pattern, re.IGNORECASE), because)


NOT_COUNTED: Final = (
    _rule("method", "REQUEST_METHOD", r"^(?!GET$)", "a HEAD or another method shows nobody a page"),
    _rule("prefetch", "HTTP_SEC_PURPOSE", r"prefetch|prerender", "a browser fetches ahead what may never be looked at"),
    _rule("old_prefetch", "HTTP_PURPOSE", r"prefetch|preview", "the same, from older browsers, or a preview in a list of tabs"),
    _rule("mozilla_prefetch", "HTTP_X_MOZ", r"prefetch", "the same, from older Firefox"),
    _rule("no_browser", "HTTP_USER_AGENT", r"^(?!.*Mozilla/)", "phones' browsers all begin with this word, also those in apps"),
    _rule("robot", "HTTP_USER_AGENT", r"(?<!cu)bot\b|crawl|spider|slurp|archiver|headless|phantom|lighthouse",
          "it says that it is a program"),
    _rule("preview", "HTTP_USER_AGENT",
          r"facebookexternalhit|facebookcatalog|whatsapp/|slackbot|telegrambot|twitterbot|discordbot|linkedinbot|skypeuripreview"
          r"|line-poker|kakaotalk-scrap|embedly|preview|bitlybot|vkshare|snapchat.*proxy|google-read-aloud|mediapartners",
          "a chat or a feed makes a preview of the link"),
    _rule("probe", "HTTP_USER_AGENT",
          r"uptime|pingdom|statuscake|site24x7|monitor|newrelic|datadog|zabbix|nagios|check_http|healthcheck|googlehc",
          "somebody watches whether the site is up"),
    _rule("scanner", "HTTP_USER_AGENT", r"virustotal|safebrowsing|urlscan|barracuda|proofpoint|censys|zgrab|masscan",
          "a filter or a survey looks for dangerous pages"),
)  # fmt: skip
OFFICER: Final = _rule(
    "officer", "HTTP_COOKIE", r"(?:^|;\s*)(?:__Host-)?desk=", "an officer of the desk looks at what he examines"
)


class Visitors:
    """Knows visits. It keeps none."""

    def __init__(self, secret: bytes, *, header: str | None = None, table: RegionTable | None = None,
                 address_header: str | None = None, staff_header: str | None = None) -> None:  # fmt: skip
        """Take the names of the proxy's headers: with a region, with the reader's address for the table, of signed-in staff."""
        self._secret = secret
        self._header = _variable(header)
        self._address = _variable(address_header) or "REMOTE_ADDR"
        self._table = table
        self._own_rules = (OFFICER, _staff_rule(staff_header)) if staff_header else (OFFICER,)
        self._season = -1
        self._salt = b""

    def visit(self, environ: Mapping[str, Any], now: int) -> Visit:
        """Return the visit that a request is; `now` is Unix seconds."""
        return NOBODY if self.why_not(environ) else self.phone(environ, now)

    def why_not(self, environ: Mapping[str, Any]) -> NotCounted | None:
        """Return why a look is not counted; none if it is."""
        own = (rule for rule in self._own_rules if rule.pattern.search(str(environ.get(rule.variable, ""))))
        return next(own, None) or why_not(environ)

    def phone(self, environ: Mapping[str, Any], now: int) -> Visit:
        """Return region and phone of a request that is a person's: one that brings a form of ours, for example."""
        return Visit(self._region(environ), self._device(environ, now // SEASON))

    def address(self, environ: Mapping[str, Any]) -> str:
        """Return the address that a request came from, as far as it can be believed. It is for the moment, never to be kept."""
        return str(environ.get(self._address, "")).strip()

    def _region(self, environ: Mapping[str, Any]) -> str:
        if self._header:
            return named(environ.get(self._header, ""))
        return self._table.region(self.address(environ)) if self._table else ""

    def _device(self, environ: Mapping[str, Any], season: int) -> str:
        if season != self._season:
            self._salt = hmac.digest(self._secret, b"season %d" % season, "sha256")
            self._season = season
        return _key(self._salt, environ.get("HTTP_USER_AGENT", ""), environ.get("HTTP_ACCEPT_LANGUAGE", ""))


def why_not(environ: Mapping[str, Any]) -> NotCounted | None:
    """Return why a look is not counted by the rules of every site; none if it is."""
    return _why_not(tuple([environ.get(variable, "") for variable in _VARIABLES]))


_VARIABLES: Final = tuple(dict.fromkeys(rule.variable for rule in NOT_COUNTED))


@lru_cache(KEPT)
def _why_not(values: tuple[str, ...]) -> NotCounted | None:
    said = dict(zip(_VARIABLES, values, strict=True))
    return next((rule for rule in NOT_COUNTED if rule.pattern.search(said[rule.variable])), None)


@lru_cache(KEPT)
def _key(salt: bytes, agent: str, wanted: str) -> str:
    said = f"{_CHANGING.sub('', agent)}\n{wanted}".encode()
    return hmac.digest(salt, said, "sha256")[:KEY_BYTES].hex()


def _staff_rule(header: str) -> NotCounted:
    return NotCounted("staff", _variable(header) or "", re.compile(r"\S"), "somebody signed in does their work")


def _variable(header: str | None) -> str | None:
    return f"HTTP_{header.upper().replace('-', '_')}" if header else None

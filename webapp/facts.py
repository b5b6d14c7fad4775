"""What the anchored manifest and the manufacturer's profile say, made ready for a page in the reader's language.

Everything in here was written by a manufacturer: it is made fit to be shown (`webapp.written`), templates escape it and isolate
its direction, and nothing of it is a link.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from babel.dates import format_date, get_timezone

from registry.units.links import path_of
from registry.units.serials import printed
from webapp import languages
from webapp.written import mixes_alphabets, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from registry.checking.verdicts import AnchorView, BatchView, HistoryView, ManufacturerView, UnitView, Verdict
    from registry.proofs.manifest import Product
    from registry.proofs.profile import Profile
    from registry.units.links import Link
    from webapp.languages import Language

A_DAY: Final = 86_400
PRODUCTS: Final = 16_384
"""Products whose facts are kept: each batch has one of its own, at least."""
PROFILES: Final = 1024
MOST_LISTED: Final = 24
"""Trade marks, or markets, that a page lists."""

AGAIN: Final = "/again"
PROOF: Final = "/proof.json"
REPORT: Final = "/report"
LONGEST_QUERY: Final = 3500


@dataclass(frozen=True, slots=True)
class Text:
    """A text in some language; `lang` is the BCP 47 tag, or none where it is the page's own or nobody's."""

    value: str
    lang: str | None = None


@dataclass(frozen=True, slots=True)
class Time:
    """A moment: for people in their language, for machines in ISO 8601."""

    words: str
    iso: str

    def named(self, name: str) -> dict[str, str]:
        """Return it as facts."""
        return {name: self.words, f"{name}_iso": self.iso}


@dataclass(frozen=True, slots=True)
class Number:
    """A unit's number, as it is printed."""

    gtin: str
    serial: str
    """In groups, with its check character where it has one."""


def number_of(unit: UnitView) -> dict[str, str]:
    """Return the number as the label shows it: facts of a page, each under its name."""
    return _said(serial=printed(unit.serial), gtin=unit.gtin, label_lot=unit.lot or "")


def number_of_link(link: Link) -> Number:
    """Return the number that a link names."""
    return Number(link.gtin, printed(link.serial))


def name_of(unit: UnitView) -> Text | None:
    """Return what the anchored manifest calls the product; none until its seal was proved."""
    found = in_language(unit.product.names, languages.current()) if unit.product else None
    return Text(shown(found.value), found.lang) if found else None


def holding_of(unit: UnitView) -> dict[str, str]:
    """Return what the anchored manifest says of the unit, which the reader should be holding; nothing until it was proved."""
    if unit.product is None:
        return {}
    return {**_of_product(unit.product, languages.current()), **_said(lot=unit.lot or "")}


def registrant_of(manufacturer: ManufacturerView) -> Mapping[str, str]:
    """Return who registered, from a profile whose hash is on the chain."""
    return _of_profile(manufacturer.profile, languages.current())


@lru_cache(PRODUCTS)
def _of_product(product: Product, language: Language) -> Mapping[str, str]:
    return {
        **_in_language("name", product.names, language),
        **_written(model=product.model),
        **_said(produced=_day(product.produced, language), expires=_day(product.expires, language)),
        **_numbered("market", product.markets, lambda code: _market(code, language)),
        **_doubt("holding_mixed", *product.names.values(), product.model),
    }


@lru_cache(PROFILES)
def _of_profile(profile: Profile, language: Language) -> Mapping[str, str]:
    return {
        **_in_language("legal_name", profile.legal_name, language),
        **_in_language("brand", profile.brand, language),
        **_numbered("trademark", profile.trademarks),
        **_written(domain=profile.domain, contact=profile.contact),
        **_doubt("registrant_mixed", *profile.legal_name.values(), *profile.brand.values(), profile.contact),
    }


def batch_of(batch: BatchView) -> dict[str, str]:
    """Return what the batch is known by."""
    count, witnesses = languages.number(batch.unit_count), languages.number(batch.attestations)
    return {"units": count, "seal": f"0x{batch.seal.hex()}", "witnesses": witnesses}


def anchor_of(anchor: AnchorView) -> dict[str, str]:
    """Return when and where the seal was anchored."""
    when = moment(anchor.time).named("registered") if anchor.time else {}
    return when | _said(
        chain=str(anchor.deployment.chain_id),
        contract=anchor.deployment.contract,
        block=languages.number(anchor.block),
        transaction=anchor.transaction or "",
        key=anchor.key,
    )


def again_of(link: str) -> dict[str, str]:
    """Return where the proof of a link's unit can be fetched, and where it is repeated in the reader's browser."""
    query = f"link={quote(link, safe='')}"
    return {"again_page": f"{AGAIN}?{query}", "proof_file": f"{PROOF}?{query}"}


def address_of(unit: UnitView, link: Link | None, base: str) -> dict[str, str]:
    """Return the address of this unit's page, without anything that came with the request but the label's own content."""
    if link is None:
        return {"address": path_of(base, unit.gtin, serial=unit.serial)}
    signed = f"?sig={quote(link.signature, safe='')}" if link.signature else ""
    return {"address": path_of(base, link.gtin, cpv=link.cpv or "", lot=link.lot or "", serial=link.serial) + signed}


def report_of(verdict: Verdict) -> str:
    """Return where a problem with what was presented can be reported: a typed number under the product that was found."""
    query = f"link={quote(verdict.presented, safe='')}"
    if verdict.unit and verdict.link is None:
        query += f"&gtin={verdict.unit.gtin}"
    # An address that would be refused as too long is one without the code.
    return f"{REPORT}?{query}" if len(query) < LONGEST_QUERY else REPORT


def _said(**values: str) -> dict[str, str]:
    """Return the values that are there."""
    return {name: value for name, value in values.items() if value}


def _written(**values: str) -> dict[str, str]:
    """Return the values that are there, as texts that others wrote are shown."""
    return {name: shown(value) for name, value in values.items() if value}


def _doubt(name: str, *texts: str) -> dict[str, str]:
    """Return a fact that is there if a text may be meant to look like another one."""
    return {name: "yes"} if any(map(mixes_alphabets, texts)) else {}


def _numbered(name: str, values: Sequence[str], words: Callable[[str], str] = str) -> dict[str, str]:
    """Return a list's values as facts, and one that says so where there are more than a page lists."""
    listed = [shown(words(value)) for value in values[:MOST_LISTED] if value]
    rest = ["…"] if len(values) > MOST_LISTED else []
    return {f"{name}{number}": value for number, value in enumerate([*listed, *rest])}


def _in_language(name: str, names: Mapping[str, str], language: Language) -> dict[str, str]:
    """Return a text in the reader's language, and its language where that is another one."""
    found = in_language(names, language)
    if found is None or not found.value:
        return {}
    value = shown(found.value)
    return {name: value, f"{name}_lang": found.lang} if found.lang else {name: value}


def sold_in(verdict: Verdict, country: str) -> bool:
    """Say whether the unit is meant for the market of a country (ISO 3166-1 alpha-2)."""
    return verdict.unit is not None and verdict.unit.product is not None and country in verdict.unit.product.markets


def in_language(names: Mapping[str, str], language: Language) -> Text | None:
    """Choose from texts per language the one that the reader understands best: theirs, then English, then any."""
    if not names:
        return None
    page = language.locale.replace("_", "-")
    tag = min(names, key=lambda tag: _distance(tag, page))
    return Text(names[tag], tag if _distance(tag, page) else None)


@lru_cache(1024)
def _distance(tag: str, page: str) -> int:
    """Return how far a language is from the page's: 0 the same, then the same family, English, any."""
    family = page.partition("-")[0]
    same = {page, family, *({"zh-CN", "zh-Hans-CN"} if page.startswith("zh") else set())}
    if tag in same:
        return 0
    if tag.partition("-")[0] == family:
        return 1
    return 2 if tag.partition("-")[0] == "en" else 3


def past_of(past: HistoryView) -> dict[str, str]:
    """Return what is told of a unit's checks: how many, the day and country of the first, the day of its opening."""
    language = languages.current()
    told = {}
    if past.checks_before and past.first_day:
        told = {"checks_before": languages.number(past.checks_before)} | moment(past.first_day * A_DAY).named("first")
        if past.first_region:
            told["first_region"] = _market(past.first_region[:2], language)
    if past.opened_day:
        told |= moment(past.opened_day * A_DAY).named("opened")
    return told | _said(ticket=past.ticket)


def moment(seconds: int) -> Time:
    """Return a date for people and a time for machines; nothing for 0, which stands for never."""
    if not seconds:
        return Time("", "")
    at = _at(seconds)
    return Time(_date_in_words(at, languages.current()), _iso(at))


def instant(seconds: int) -> Time:
    """Return date, time and time zone."""
    at = _at(seconds)
    hours = (at.utcoffset() or timedelta()) // timedelta(hours=1)
    zone = f"UTC{hours:+d}" if hours else "UTC"
    return Time(f"{_date_in_words(at, languages.current())} {at:%H:%M:%S} ({zone})", _iso(at))


def _at(seconds: int) -> datetime:
    """Return a moment on the clock of the reader's language."""
    return datetime.fromtimestamp(seconds, tz=UTC).astimezone(get_timezone(languages.current().timezone))


def day_in_words(day: date) -> str:
    """Return a day in the reader's language."""
    return _date_in_words(day, languages.current())


def _date_in_words(day: date, language: Language) -> str:
    return _long_date(day.year, day.month, day.day, language.locale)


@lru_cache(1024)
def _long_date(year: int, month: int, day: int, locale: str) -> str:
    return format_date(date(year, month, day), "long", locale=locale)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _day(text: str, language: Language) -> str:
    """Return an ISO date in words; what is no date is shown as a text."""
    try:
        return _date_in_words(date.fromisoformat(text), language) if text else ""
    except ValueError:
        return shown(text)


def country(code: str) -> str:
    """Return the name of a country (ISO 3166-1 alpha-2) in the reader's language; a code that is none as it is."""
    return _market(code, languages.current())


def _market(code: str, language: Language) -> str:
    return str(languages.locale_of(language).territories.get(code, code))

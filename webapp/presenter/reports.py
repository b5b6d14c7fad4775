"""Every word about a report: the choices of its form, what is wrong with it, what was told, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from registry.checking.verdicts import Binding, History, Registration, Verdict
from registry.storage.leads import LEAD_DAYS, PERSONAL_DAYS
from registry.units.serials import printed
from webapp.facts import day_in_words
from webapp.languages import current, duration, gettext, number
from webapp.limits import MAX_PHOTO, MAX_TEXT
from webapp.photo_headers import MAX_PIXELS
from webapp.presenter.verdicts import headline_of
from webapp.presenter.words import WORDS, mark
from webapp.report_form import MAX_CONTACT, MAX_NOTE, MAX_SELLER, Fault, Place, Wrong

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.storage.leads import Lead

PLACES: Mapping[Place, str] = MappingProxyType({
    Place.SHOP: mark("In a shop"),
    Place.ONLINE: mark("Online: a platform, a website, an app"),
    Place.MARKET: mark("At a market or a street stall"),
    Place.OTHER: mark("Elsewhere: a gift, a private seller, at work"),
    Place.UNKNOWN: mark("I did not buy it, or I do not know"),
})  # fmt: skip

WRONGS: Mapping[Wrong, str] = MappingProxyType({
    Wrong.CODE: mark("The code or its label: stuck over another one, badly printed, or the check warned me"),
    Wrong.PACKAGE: mark("The packaging: print, colours, spelling"),
    Wrong.PRODUCT: mark("The product: how it looks, smells, tastes, weighs or works"),
    Wrong.SEAL: mark("The seal: broken, missing or replaced"),
    Wrong.CHECKED: mark("The code was checked before, and not by me"),
    Wrong.HARM: mark("Somebody was hurt or fell ill"),
    Wrong.OTHER: mark("Something else"),
})  # fmt: skip

FAULTS: Mapping[Fault, str] = MappingProxyType({
    Fault.CODE_TOO_LONG: mark("Enter at most %(most)s characters for the code"),
    Fault.NO_PLACE: mark("Choose where the product was bought"),
    Fault.SELLER_TOO_LONG: mark("Enter at most %(most)s characters about the seller"),
    Fault.NO_DATE: mark("Enter the day of the purchase as year, month and day, such as 2026-08-14"),
    Fault.DATE_AHEAD: mark("Enter a day of the purchase that is not in the future"),
    Fault.NOTHING_WRONG: mark("Choose what looks wrong, or describe it"),
    Fault.NOTE_TOO_LONG: mark("Describe it in at most %(most)s characters"),
    Fault.PHOTO_TOO_LARGE: mark("Choose a smaller photo: at most %(megabytes)s MB and %(megapixels)s megapixels"),
    Fault.NO_PHOTO: mark("Choose a photo in JPEG, PNG or WebP format: this file is not one, or is damaged"),
    Fault.CONTACT_TOO_LONG: mark("Enter at most %(most)s characters for your contact"),
    Fault.NO_CONTACT: mark("Enter an e-mail address or a phone number, or leave it empty"),
    Fault.TOO_FAST: mark("That was very quick. Look your answers over, and send them again"),
    Fault.TOO_OLD: mark("This form was open for too long. Your answers are still here: send them again"),
    Fault.TRAPPED: mark("A field that people do not see was filled in, perhaps by your browser. We emptied it: send it again"),
    Fault.LIMITED: mark("We take only so many reports in an hour, and there were too many. Send it again in %(wait)s"),
    Fault.AWAY: mark("We could not store your report. Your answers are still here: send them again in a few minutes"),
})  # fmt: skip
_MOST: Mapping[Fault, int] = MappingProxyType({
    Fault.CODE_TOO_LONG: MAX_TEXT, Fault.SELLER_TOO_LONG: MAX_SELLER, Fault.NOTE_TOO_LONG: MAX_NOTE,
    Fault.CONTACT_TOO_LONG: MAX_CONTACT,
})  # fmt: skip

HARM: Final = mark("If somebody is hurt or ill: get medical help now, and take the product with you.")
KEEP: Final = mark("Do not use the product. Keep it, its packaging and the receipt; take photos.")
SELLER: Final = mark("Tell the seller in writing, and ask for your money back.")
PLATFORM: Final = mark("Open a complaint with the platform on which you bought it. Platforms have deadlines: do it soon.")
PAYMENT: Final = mark("If you paid by card or by app, ask your payment provider whether the payment can be disputed.")
IN_CHINA: Final = mark("Complain to the consumer authority: call 12315, or use the national 12315 platform (www.12315.cn).")
PERHAPS_CHINA: Final = mark("In mainland China, complain at 12315: by phone, or on the national 12315 platform (www.12315.cn).")
ELSEWHERE: Final = mark("Ask the consumer protection authority where you live. It can act; this registry cannot.")
PERHAPS_ELSEWHERE: Final = mark("Elsewhere, ask the consumer protection authority where you live.")

SENT: Final = mark("Thank you: your report has arrived")
GONE: Final = (
    mark("This summary cannot be opened any more"),
    mark("It could be opened for a day after the report was sent. The report itself has not been lost."),
)
A_YEAR: Final = 365


def places() -> list[tuple[str, str]]:
    """Return the choices of where it was bought, in the reader's language."""
    return [(place.value, gettext(words)) for place, words in PLACES.items()]


def wrongs() -> list[tuple[str, str]]:
    """Return the choices of what looks wrong, in the reader's language."""
    return [(wrong.value, gettext(words)) for wrong, words in WRONGS.items()]


def fault(found: Fault, *, wait: int = 0) -> str:
    """Return what to do about a fault, in the reader's language. `wait` is seconds."""
    words = FAULTS[found]
    if found in _MOST:
        return gettext(words, most=number(_MOST[found]))
    if found is Fault.PHOTO_TOO_LARGE:
        return gettext(words, megabytes=number(MAX_PHOTO // 2**20), megapixels=number(MAX_PIXELS // 10**6))
    return gettext(words, wait=duration(wait)) if found is Fault.LIMITED else gettext(words)


def kept() -> dict[str, str]:
    """Return for how long things are kept, as words of a sentence."""
    return {"personal": number(PERSONAL_DAYS), "years": number(LEAD_DAYS // A_YEAR), "note": number(MAX_NOTE),
            "megabytes": number(MAX_PHOTO // 2**20)}  # fmt: skip


def next_steps(region: str, lead: Lead | None = None) -> tuple[str, ...]:
    """Return what to do next: the authority is that of the region, or both are named where the region is not known."""
    steps = [KEEP, SELLER]
    if lead and Wrong.HARM in lead.wrong:
        steps.insert(0, HARM)
    if lead is None or lead.place == Place.ONLINE:
        steps.append(PLATFORM)
    steps.append(PAYMENT)
    if region:
        steps.append(IN_CHINA if region[:2] == "CN" else ELSEWHERE)
    else:
        steps += [PERHAPS_CHINA, PERHAPS_ELSEWHERE]
    return tuple(gettext(step) for step in steps)


@dataclass(frozen=True, slots=True)
class Told:
    """What a summary shows of a report, in the reader's language."""

    serial: str
    gtin: str
    presented: str
    """What was given as the code, where it names no unit."""
    finding: str
    """What the check said at that time."""
    place: str
    seller: str
    bought: str
    wrong: tuple[str, ...]
    note: str
    photo: str
    sha256: str
    contact: str
    """Who may have the contact: the contact itself is not shown."""


def told(lead: Lead) -> Told:
    """Return what a report says."""
    return Told(
        serial=printed(lead.serial),
        gtin=lead.gtin,
        presented="" if lead.serial else lead.presented,
        finding=_finding(lead),
        place=gettext(PLACES[Place(lead.place)]),
        seller=lead.seller,
        bought=day_in_words(date.fromisoformat(lead.bought)) if lead.bought else "",
        wrong=tuple(gettext(WRONGS[Wrong(one)]) for one in lead.wrong),
        note=lead.note,
        photo=f"{lead.photo.type}, {number(-(-lead.photo.size // 1000))} kB" if lead.photo else "",
        sha256=lead.photo.sha256.hex() if lead.photo else "",
        contact=_contact(lead),
    )


def _finding(lead: Lead) -> str:
    if not lead.registration:
        return ""
    axes = Registration(lead.registration), History(lead.history), Binding(lead.binding)
    headline = headline_of(Verdict(axes[0], (), lead.time, lead.presented, history=axes[1], binding=axes[2]))
    return gettext(WORDS[headline].headline)


def _contact(lead: Lead) -> str:
    if not lead.contact:
        return gettext("None left")
    if lead.to_brand and lead.to_inspectors:
        return gettext("Left; may be given to the manufacturer, and to inspectors and authorities")
    if lead.to_brand:
        return gettext("Left; may be given to the manufacturer")
    if lead.to_inspectors:
        return gettext("Left; may be given to inspectors and authorities")
    return gettext("Left; for the people who run this registry alone")


def language_tag() -> str:
    """Return the language in which a report is written, as far as the page knows."""
    return current().tag

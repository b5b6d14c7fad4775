"""The words of telling a rights holder: fields, the letter, the e-mail, deliveries, answers, recordals."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from registry.enforcement.answers import Fault, Own, Says
from registry.enforcement.deliveries import Channel, State
from registry.enforcement.notices import FIELDS, PHOTOS
from registry.enforcement.recordals import Right, Standing
from registry.units.serials import printed
from webapp.facts import instant
from webapp.languages import LANGUAGES, gettext, number, speaking
from webapp.presenter import coded, desk_cases
from webapp.presenter.lists import GROUPS
from webapp.presenter.words import mark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.enforcement.deliveries import Delivery
    from registry.enforcement.notices import Notice

FIELD: Final[Mapping[str, str]] = MappingProxyType({
    "office": mark("Office"),
    "detained_at": mark("Time of the detention"),
    "reference": mark("The office's file number"),
    "contact": mark("Contact at the office"),
    "units": mark("Numbers of the units"),
    "verdicts": mark("What the checks found"),
    PHOTOS: mark("Photos"),
})  # fmt: skip
"""The names of what is no detail of a case under the same name."""
CHANNEL: Final[Mapping[Channel, str]] = MappingProxyType({
    Channel.MAIL: mark("E-mail"), Channel.WEBHOOK: mark("Webhook"),
})  # fmt: skip
STATE: Final[Mapping[State, str]] = MappingProxyType({
    State.QUEUED: mark("Waiting"), State.SENT: mark("Sent out"), State.FAILED: mark("Failed, is tried again"),
    State.DEAD: mark("Given up"),
})  # fmt: skip
OWN: Final[Mapping[Own, str]] = MappingProxyType({
    Own.DIVERTED: mark("Diverted: made by you for another market"),
    Own.RECYCLED: mark("Recycled: used goods or packages of yours that came back"),
    Own.REFURBISHED: mark("Refurbished: goods of yours that somebody repaired"),
    Own.OVER_RUN: mark("Over-run: made by a supplier of yours beyond what you ordered"),
})  # fmt: skip
SAYS: Final[Mapping[Says, str]] = MappingProxyType({
    Says.YES: mark("Yes, it could be"), Says.NO: mark("No"), Says.UNKNOWN: mark("We do not know"),
})  # fmt: skip
RIGHT: Final[Mapping[Right, str]] = MappingProxyType({
    Right.TRADE_MARK: mark("Trade mark"), Right.PATENT: mark("Patent"), Right.DESIGN: mark("Design"),
    Right.COPYRIGHT: mark("Copyright"),
})  # fmt: skip
STANDING: Final[Mapping[Standing, str]] = MappingProxyType({
    Standing.NOT_YET: mark("Not valid yet"),
    Standing.VALID: mark("Valid"),
    Standing.SIX_MONTHS: mark("Ends within six months: renew it now"),
    Standing.THREE_MONTHS: mark("Ends within three months: renew it now"),
    Standing.ONE_MONTH: mark("Ends within a month: renew it at once"),
    Standing.EXPIRED: mark("Expired: customs no longer stop goods because of it"),
})  # fmt: skip
FAULT: Final[Mapping[tuple[str, Fault], str]] = MappingProxyType({
    ("signer", Fault.MISSING): mark("Enter who signs"),
    ("authority", Fault.MISSING): mark("Enter in which function the signer acts"),
    ("photos", Fault.MISSING): mark("Choose the photos that were examined, or enter a seal or what else was examined"),
    ("photos", Fault.NOT_TOLD): mark("Choose photos of this notice"),
    ("features", Fault.MISSING): mark("Compare one feature or more: without it, nobody can follow the conclusion"),
    ("features", Fault.UNFINISHED): mark("Complete each feature: its name, how it is on genuine goods, and what was found"),
    ("conclusion", Fault.MISSING): mark("Choose a conclusion"),
    ("conclusion", Fault.CONTRADICTS): mark("The conclusion contradicts what you say of your own products: change one of them"),
    ("knows_liability", Fault.MISSING): mark("Confirm that you know what a wrong statement can cost"),
})  # fmt: skip
ANY_FAULT: Final[Mapping[Fault, str]] = MappingProxyType({
    Fault.MISSING: mark("Answer this question too"),
    Fault.TOO_LONG: mark("Enter a shorter text"),
    Fault.TOO_MANY: mark("Enter fewer features"),
    Fault.NOT_TOLD: mark("Choose one of those that are offered"),
    Fault.UNFINISHED: mark("Complete it"),
    Fault.CONTRADICTS: mark("It contradicts another answer"),
})  # fmt: skip
NOT_TOLD: Final[Mapping[str, str]] = MappingProxyType({
    "nothing_told": mark("Choose one field or more: a notice that says nothing helps nobody"),
    "photo": mark("Choose photos of this case of which there is a copy"),
    "field": mark("Choose among the fields that are offered"),
    "language": mark("Choose one of the languages"),
    "manufacturer": mark("Enter the number of the manufacturer"),
    "changed": mark("The case has changed since. Look at what would be sent now"),
})  # fmt: skip
MAIL_SUBJECT: Final = mark("Notice %(reference)s from %(office)s")
MAIL_BODY: Final = mark(
    "%(office)s has left a notice for you at the Touchstone desk.\n"
    "\n"
    "Reference: %(reference)s\n"
    "To read and answer it, sign in:\n"
    "%(link)s\n"
    "\n"
    "This message holds nothing of the case on purpose. It asks for no payment and no password;\n"
    "if the link leads to another site than the one you know, do not sign in there."
)


def field(name: str) -> str:
    """Return the name of a field that can be told."""
    return gettext(FIELD[name]) if name in FIELD else desk_cases.label(name)


def lines(name: str, value: Any) -> list[str]:
    """Return the value of a field as lines of text."""
    if name == "units":
        return [f"GTIN {unit['gtin']} · {printed(unit['serial'])}" for unit in value]
    if name == "verdicts":
        return [f"{number(one['lines'])} × {_group(one['group'])}" for one in value]
    if name in coded.WORDS:
        return [coded.word(name, value)]
    if name == "detained_at":
        return [instant(value).words]
    if name == PHOTOS:
        return [f"{photo['id']} · SHA-256 {photo['sha256']}" for photo in value]
    return [number(value)] if isinstance(value, int) else str(value).splitlines()


def _group(code: str) -> str:
    found = next((headline for group, (_, _, headline, _) in GROUPS.items() if group.value == code), "")
    return gettext(found) if found else code


def told(values: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Return the told fields in their order: id, name, and lines."""
    for name in FIELDS:
        if name in values:
            yield name, field(name), lines(name, values[name])


def letter(notice: Notice) -> str:
    """Return the notice as a letter in its own language: plain text of the chosen fields alone."""
    language = next(one for one in LANGUAGES if one.tag == notice.language)
    with speaking(language):
        parts = [
            gettext("Notice to manufacturer no. %(number)s", number=notice.manufacturer),
            gettext("Case %(case)s, %(time)s", case=notice.case, time=instant(notice.time).words),
            "",
            gettext("Goods were found that carry your marks or numbers. You are asked to examine what is told below, and to say"
                    " whether they are yours."),
        ]  # fmt: skip
        for _, name, found in told(notice.values):
            parts += ["", f"{name}:", *(f"  {line}" for line in found)]
        parts += ["", gettext("What is not told here is not part of this notice."), f"SHA-256 {notice.sha256()}"]
    return "\n".join(parts) + "\n"


def mail(notice: Notice, reference: str, office: str, link: str) -> tuple[str, str]:
    """Return subject and text of the e-mail in the notice's language: reference, office and a link, and nothing else."""
    language = next(one for one in LANGUAGES if one.tag == notice.language)
    with speaking(language):
        plain_office = " ".join(office.split())[:80]
        subject = gettext(MAIL_SUBJECT, reference=reference, office=plain_office)
        body = gettext(MAIL_BODY, reference=reference, office=plain_office, link=link)
    return subject, body + "\n"


def delivery(found: Delivery) -> dict[str, Any]:
    """Return a delivery as a page shows it."""
    return {
        "id": found.id,
        "channel": gettext(CHANNEL[found.channel]),
        "address": found.address,
        "state": found.state.value,
        "state_words": gettext(STATE[found.state]),
        "attempts": found.attempts,
        "error": found.last_error,
        "sent": instant(found.sent_at) if found.sent_at else None,
        "due": instant(found.due_at) if found.state is State.FAILED else None,
    }


def fault(name: str, found: Fault) -> str:
    """Return what is wrong with a field of a statement."""
    return gettext(FAULT.get((name, found)) or ANY_FAULT[found])


def not_told(reason: str) -> str:
    """Return why a notice was not made."""
    return gettext(NOT_TOLD[reason]) if reason in NOT_TOLD else ""

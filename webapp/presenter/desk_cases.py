"""The words of cases: states and what to do next, fields, events, and what is wrong with a form."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from registry.enforcement.cases import Kind, Outcome, State
from webapp.facts import instant
from webapp.languages import gettext, ngettext, number
from webapp.presenter import coded
from webapp.presenter.words import mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from registry.enforcement.cases import Case, Details, Event
    from registry.errors import CaseError
    from webapp.facts import Time

STATES: Final[Mapping[State, str]] = MappingProxyType({
    State.DRAFT: mark("Draft"),
    State.NOTIFIED: mark("Rights holder told"),
    State.ACKNOWLEDGED: mark("Receipt confirmed"),
    State.ANSWERED: mark("Answered"),
    State.CLOSED: mark("Closed"),
    State.WITHDRAWN: mark("Withdrawn"),
})  # fmt: skip

OUTCOMES: Final[Mapping[Outcome, tuple[str, str]]] = MappingProxyType({
    Outcome.COUNTERFEIT: (mark("Counterfeit"), mark("The goods are not the manufacturer's.")),
    Outcome.COPIED_LABEL: (
        mark("Copied label"), mark("A genuine product's label was copied onto other goods."),
    ),
    Outcome.DIVERTED: (
        mark("Genuine, diverted"), mark("The manufacturer's own goods, sold where they were not meant to be."),
    ),
    Outcome.GENUINE: (mark("Genuine"), mark("The manufacturer's own goods, and nothing is wrong with them.")),
    Outcome.UNDETERMINED: (mark("Undetermined"), mark("It could not be found out.")),
})  # fmt: skip

FIELDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType({
    "reference": (mark("Your office's file number"), ""),
    "jurisdiction": (mark("Rules that apply"), mark("They decide the deadlines.")),
    "procedure": (mark("Procedure"), ""),
    "legal_basis": (mark("Legal basis"), ""),
    "region": (mark("Region"), mark("A country code, or one with its part, such as CN-SH.")),
    "place": (mark("Place"), ""),
    "place_is_exact": (mark("This is the exact place"), ""),
    "detained_at": (mark("Detained at (UTC)"), mark("Leave it empty if nothing is detained.")),
    "storage_place": (mark("Where the goods are kept"), ""),
    "member_state": (mark("EU member state"), mark("A country code, such as DE.")),
    "consignor": (mark("Consignor"), ""),
    "consignee": (mark("Consignee"), ""),
    "carrier": (mark("Carrier"), ""),
    "declarant": (mark("Declarant"), ""),
    "product_group": (mark("Product group"), mark("The public results name it.")),
    "hs_code": (mark("HS code"), mark("6 to 10 digits.")),
    "quantity": (mark("Quantity"), mark("Units in the whole consignment.")),
    "declared_value": (mark("Declared value"), ""),
    "currency": (mark("Currency"), mark("Three letters, such as CNY.")),
    "marks": (mark("Marks on the goods"), mark("Words and logos as they are seen.")),
    "perishable": (mark("The goods are perishable"), ""),
    "samples": (mark("Samples taken"), ""),
    "contact": (mark("Whom to contact in your office"), ""),
    "note": (mark("Note"), ""),
})  # fmt: skip
SECTIONS: Final = (
    (mark("The procedure"), ("reference", "region", "jurisdiction", "procedure", "member_state", "legal_basis")),
    (mark("The goods"), (
        "product_group", "quantity", "hs_code", "declared_value", "currency", "marks", "perishable", "samples",
    )),
    (mark("Place and time"), ("detained_at", "place", "place_is_exact", "storage_place")),
    (mark("The parties"), ("consignor", "consignee", "carrier", "declarant")),
    (mark("Contact and note"), ("contact", "note")),
)  # fmt: skip

EVENTS: Final[Mapping[Kind, str]] = MappingProxyType({
    Kind.OPENED: mark("Case opened"),
    Kind.CHANGED: mark("Facts changed"),
    Kind.UNITS_ADDED: mark("Checked lines added"),
    Kind.PHOTO_ADDED: mark("Photo added"),
    Kind.ABSENCE_SHOWN: mark("Shown that a number is in no batch"),
    Kind.CUSTODY: mark("Custody"),
    Kind.EXAMINED: mark("Goods examined"),
    Kind.NOTIFIED: mark("Rights holder told"),
    Kind.ACKNOWLEDGED: mark("Rights holder confirmed receipt"),
    Kind.ANSWERED: mark("Rights holder answered"),
    Kind.CLOSED: mark("Case closed"),
    Kind.REOPENED: mark("Case opened again"),
    Kind.WITHDRAWN: mark("Case withdrawn"),
    Kind.COPY_CONFIRMED: mark("Copy confirmed"),
    Kind.COPY_REVERSED: mark("Confirmation of a copy taken back"),
    Kind.STOLEN_CONFIRMED: mark("Found to be stolen"),
    Kind.STOLEN_REVERSED: mark("No longer said to be stolen"),
    Kind.HELD: mark("Legal hold set"),
    Kind.RELEASED: mark("Legal hold lifted"),
    Kind.BUNDLED: mark("Evidence bundle made"),
})  # fmt: skip
CUSTODY: Final[Mapping[str, str]] = MappingProxyType({
    "received": mark("Received"),
    "sealed": mark("Sealed"),
    "moved": mark("Moved"),
    "opened": mark("Seal opened"),
    "sampled": mark("Sample taken"),
    "handed_over": mark("Handed over"),
    "returned": mark("Returned"),
    "destroyed": mark("Destroyed"),
})  # fmt: skip

FAULTS: Final[Mapping[str, str]] = MappingProxyType({
    "changed": mark("Somebody else changed this while you had it open. Look at it as it is now, then try again"),
    "wrong_state": mark("This cannot be done to the case as it is now"),
    "no_reason": mark("Give a reason"),
    "outcome": mark("Choose what was found"),
    "field": mark("One of the entries cannot be kept as it is"),
    "no_photo": mark("Choose photos in JPEG, PNG, WebP or HEIC"),
    "photo_too_large": mark("Choose smaller photos: at most 20 MB are taken at once"),
    "no_lines": mark("Choose at least one group of lines"),
    "lines": mark("Give lines as numbers and ranges, such as 1-120, 354"),
    "no_inquiry": mark("This site cannot ask the chain for absences"),
    "registered_now": mark("One of these numbers is registered by now. Check the list again"),
    "no_act": mark("There is nothing to do"),
    "product_group": mark("Choose one of the product groups"),
    "region": mark("Give the region as a country code, or one with its part, such as CN-SH"),
    "detained_at": mark("Give the time as a date and a time"),
    "time": mark("Give the time as a date and a time"),
    "hs_code": mark("Give the HS code in 6 to 10 digits"),
    "number": mark("Give a whole number, 0 or more"),
    "declared_value": mark("Give the value as a number, such as 1200.50"),
    "currency": mark("Give the currency in three letters, such as CNY"),
    "member_state": mark("Give the member state as a country code, such as DE"),
    "action": mark("Choose what was done"),
    "too_long": mark("Shorten this: at most 4000 characters are kept"),
    "counts": mark("Found to be doubtful cannot be more than examined"),
    "unit": mark("Choose units of this case"),
    "not_over": mark("This month is not over yet"),
    "away": mark("It could not be asked now. Try again in a moment"),
})  # fmt: skip
"""What to do, by the reason of a `CaseError` or by what is wrong with a field."""


def fault(reason: str) -> str:
    """Return what to do about a form, in the reader's language."""
    return gettext(FAULTS.get(reason, FAULTS["field"]))


def fault_of(error: CaseError) -> str:
    """Return what to do about what cannot happen."""
    return fault(error.reason)


def state(value: State) -> str:
    """Return a state's name."""
    return gettext(STATES[value])


def outcome(value: Outcome | None) -> str:
    """Return an outcome's name; nothing where there is none."""
    return gettext(OUTCOMES[value][0]) if value else ""


NEXT: Final[Mapping[State, str]] = MappingProxyType({
    State.CLOSED: mark("Nothing is left to do. You can make an evidence bundle, or open the case again."),
    State.WITHDRAWN: mark("Nothing is left to do: this case was withdrawn."),
    State.ANSWERED: mark("Compare the rights holder's answer with what you found, then close the case."),
    State.ACKNOWLEDGED: mark("The rights holder is examining it. Wait for the answer, or close the case."),
    State.NOTIFIED: mark("Wait until the rights holder confirms receipt."),
    State.DRAFT: mark("Tell the rights holder, or close the case."),
})  # fmt: skip


def next_step(case: Case) -> str:
    """Return what is to be done next, as one sentence."""
    if case.state is State.DRAFT and not case.units:
        return gettext("Check a list of numbers and add its lines to the case.")
    if case.state is State.DRAFT and not case.originals:
        return gettext("Add photos of the goods and their labels.")
    if case.state is State.DRAFT and not case.of(Kind.EXAMINED):
        return gettext("Write down how many units were opened and examined.")
    return gettext(NEXT[case.state])


def label(name: str) -> str:
    """Return a field's name."""
    return gettext(FIELDS[name][0])


def hint(name: str) -> str:
    """Return what helps to fill in a field; nothing where nothing does."""
    return gettext(FIELDS[name][1]) if FIELDS[name][1] else ""


def shown(details: Details, name: str) -> str:
    """Return a field's value in the reader's language; nothing where it is not known."""
    value = getattr(details, name)
    if name in coded.WORDS:
        return coded.word(name, value)
    if isinstance(value, bool):
        return gettext("Yes") if value else ""
    if name == "detained_at":
        return instant(value).words if value else ""
    if isinstance(value, int):
        return number(value) if value else ""
    return str(value)


def facts(details: Details) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return what is known, under its headings: names and values."""
    found = []
    for heading, names in SECTIONS:
        known = [(label(name), shown(details, name)) for name in names if shown(details, name)]
        if known:
            found.append((gettext(heading), known))
    return found


@dataclass(frozen=True, slots=True)
class Told:
    """An event, for people."""

    number: int
    at: Time
    who: str
    what: str
    details: tuple[str, ...]
    why: str


def history(case: Case, name: Callable[[int], str]) -> list[Told]:
    """Return what was done, the newest first; copies of photos are told with their photos."""
    return [
        Told(
            event.number, instant(event.time), name(event.who) or gettext("Account %(id)s", id=event.who),
            gettext(EVENTS[event.kind]), tuple(_details(event)), event.why,
        )
        for event in reversed(case.events)
        if not event.values.get("derived_from")
    ]  # fmt: skip


def _details(event: Event) -> Iterator[str]:
    """Yield what an event says beside its kind."""
    values: Mapping[str, Any] = event.values
    if event.kind is Kind.UNITS_ADDED:
        count = len(values["units"])
        yield ngettext("%(count)s line", "%(count)s lines", count) % {"count": number(count)}
    elif event.kind in {Kind.CHANGED, Kind.OPENED}:
        yield from (f"{label(key)}: {_plain(key, value)}" for key, value in values.items() if key in FIELDS and value)
    elif event.kind is Kind.PHOTO_ADDED:
        yield from filter(None, (values.get("shows", ""), values.get("name", "")))
    elif event.kind is Kind.EXAMINED:
        yield examined(values)
    elif event.kind is Kind.CUSTODY:
        yield custody(values)
    elif event.kind is Kind.CLOSED:
        yield outcome(Outcome(values["outcome"]))
    elif "serial" in values:
        yield f"GTIN {values['gtin']} · {values['serial']}"
    elif "manufacturer" in values:
        yield gettext("Manufacturer no. %(number)s", number=values["manufacturer"])


def _plain(key: str, value: Any) -> str:
    if key == "detained_at":
        return instant(value).words
    if key in coded.WORDS:
        return coded.word(key, value)
    return gettext("Yes") if value is True else str(value)


def examined(values: Mapping[str, Any]) -> str:
    """Return how much was looked at."""
    return gettext(
        "opened %(opened)s, examined %(examined)s, found %(found)s",
        opened=number(values["opened"]), examined=number(values["examined"]), found=number(values["found"]),
    )  # fmt: skip


def custody(values: Mapping[str, Any]) -> str:
    """Return one line of the custody log."""
    known = CUSTODY.get(values["action"], "")
    action = gettext(known) if known else values["action"]
    seal = gettext("seal %(seal)s", seal=values["seal"]) if values.get("seal") else ""
    return " · ".join(filter(None, (action, values.get("place", ""), seal, values.get("person", ""))))

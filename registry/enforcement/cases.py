"""A case, as its events made it: what an office holds, whose goods they seem to be, who was told, what came of it.

    draft -> notified -> acknowledged -> answered -> closed
      any of them before closed -> withdrawn;  closed -> answered, if it is opened again

Nothing of a case is ever changed. It is a list of events, each with who, when and why; `fold` makes of them what stands
now, and an event that corrects an earlier one leaves it readable. Storage keeps the events, the journal keeps their hashes, and
an evidence bundle holds them all. Fields follow the detention forms of WCO IPM and EUIPO IPEP (docs/cases.md).
"""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import rfc8785

from registry.errors import CaseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LONGEST_TEXT: Final = 4000
"""Characters of a text that a person writes into a case."""


class State(enum.StrEnum):
    """How far a case is."""

    DRAFT = "draft"
    NOTIFIED = "notified"
    """A rights holder was told."""
    ACKNOWLEDGED = "acknowledged"
    ANSWERED = "answered"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


class Outcome(enum.StrEnum):
    """What an inspector found in the end."""

    COUNTERFEIT = "counterfeit"
    COPIED_LABEL = "copied_label"
    """A genuine product's label, copied onto other goods."""
    DIVERTED = "diverted"
    """Genuine, and sold where the manufacturer did not mean it to be."""
    GENUINE = "genuine"
    UNDETERMINED = "undetermined"


class Kind(enum.StrEnum):
    """What an event did."""

    OPENED = "opened"
    """`values`: office, reference, and any of `Details`."""
    CHANGED = "changed"
    """`values`: any of `Details`, as they are from now on."""
    UNITS_ADDED = "units_added"
    """`values["units"]`: lines of a checked list, as `result_lines.record` writes them."""
    PHOTO_ADDED = "photo_added"
    """`values`: id, sha256, size, type, name, shows (a text), and derived_from for a copy."""
    ABSENCE_SHOWN = "absence_shown"
    """`values`: id, sha256, size, gtin, serial, block (of the newest chain): an absence file, which is kept with the case."""
    CUSTODY = "custody"
    """`values`: action, place, seal, person, at (Unix seconds)."""
    EXAMINED = "examined"
    """`values`: opened, examined, found: counts of units or packages, so that what was not examined is told."""
    NOTIFIED = "notified"
    """`values`: notice (id), manufacturer, fields (their names), sha256 of what was sent."""
    ACKNOWLEDGED = "acknowledged"
    """`values`: notice, manufacturer."""
    ANSWERED = "answered"
    """`values`: notice, manufacturer, conclusion, sha256 of the answer, and the answer."""
    CLOSED = "closed"
    """`values`: outcome, region, product_group."""
    REOPENED = "reopened"
    WITHDRAWN = "withdrawn"
    COPY_CONFIRMED = "copy_confirmed"
    """`values`: gtin, serial. A person says that a copy of this unit's label was found."""
    COPY_REVERSED = "copy_reversed"
    STOLEN_CONFIRMED = "stolen_confirmed"
    STOLEN_REVERSED = "stolen_reversed"
    HELD = "held"
    """A legal hold: nothing of the case is deleted."""
    RELEASED = "released"
    BUNDLED = "bundled"
    """`values`: manifest (the SHA-256 of an evidence bundle's), and id, sha256 and size of what was made for it."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done to a case."""

    number: int
    """In its case, from 1 without gaps."""
    time: int
    """Unix seconds."""
    who: int
    """The officer's account."""
    kind: Kind
    why: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    """JSON values: texts, whole numbers below 2**53, true, false, null, lists and objects of them."""

    def body(self) -> bytes:
        """Return its values as RFC 8785 writes them."""
        return rfc8785.dumps(dict(self.values))

    def canonical(self, case: str, body: bytes = b"") -> bytes:
        """Return the event of a case as RFC 8785 writes it; `body` is that of its values, if it is known already."""
        before = rfc8785.dumps({"case": case, "kind": self.kind.value, "number": self.number, "time": self.time})
        after = rfc8785.dumps({"who": self.who, "why": self.why})
        # Its keys are in order, and `values` stands between these two: thousands of lines are written once.
        return before[:-1] + b',"values":' + (body or self.body()) + b"," + after[1:]

    def sha256(self, case: str, body: bytes = b"") -> str:
        """Return the hash, in hex, that the journal keeps of the event; `body` as for `canonical`."""
        return hashlib.sha256(self.canonical(case, body)).hexdigest()


@dataclass(frozen=True, slots=True)
class Details:
    """The fields of a case that a person fills in. Every text may be empty: not known, or not said."""

    reference: str = ""
    """The office's own file number."""
    jurisdiction: str = ""
    """Of the clocks: the name of a file in `jurisdictions/`, such as cn_customs."""
    procedure: str = ""
    """One of that jurisdiction's procedures."""
    region: str = ""
    """ISO 3166, coarse: where it happened."""
    place: str = ""
    place_is_exact: bool = False
    detained_at: int = 0
    """Unix seconds; 0 if nothing is detained."""
    consignor: str = ""
    consignee: str = ""
    carrier: str = ""
    declarant: str = ""
    product_group: str = ""
    hs_code: str = ""
    """Harmonized System: 6 digits or more."""
    quantity: int = 0
    declared_value: str = ""
    """A decimal number, as text."""
    currency: str = ""
    """ISO 4217."""
    marks: str = ""
    """The marks used on the goods, as seen."""
    perishable: bool = False
    member_state: str = ""
    """ISO 3166-1, for the clocks of the EU."""
    legal_basis: str = ""
    storage_place: str = ""
    samples: str = ""
    contact: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """What stands now."""

    id: str
    """Twelve characters of the serials' alphabet; says nothing of when or how many."""
    office: int
    opened_at: int
    opened_by: int
    state: State = State.DRAFT
    details: Details = field(default_factory=Details)
    outcome: Outcome | None = None
    closed_at: int = 0
    held: bool = False
    events: tuple[Event, ...] = ()

    @property
    def units(self) -> tuple[Mapping[str, Any], ...]:
        """The lines of its units, as they were checked."""
        return tuple(line for event in self.of(Kind.UNITS_ADDED) for line in event.values["units"])

    @property
    def photos(self) -> tuple[Mapping[str, Any], ...]:
        """Its photos, and the copies made of them."""
        return tuple(event.values for event in self.of(Kind.PHOTO_ADDED))

    @property
    def originals(self) -> tuple[Mapping[str, Any], ...]:
        """Its photos as they came."""
        return tuple(photo for photo in self.photos if not photo.get("derived_from"))

    @property
    def files(self) -> tuple[Mapping[str, Any], ...]:
        """Everything of which bytes are kept: photos, copies and absence files."""
        return tuple(event.values for event in self.of(Kind.PHOTO_ADDED, Kind.ABSENCE_SHOWN))

    @property
    def bundles(self) -> tuple[Mapping[str, Any], ...]:
        """Its evidence bundles, the oldest first."""
        return tuple(event.values for event in self.of(Kind.BUNDLED))

    @property
    def manufacturers(self) -> tuple[int, ...]:
        """Who was told, in that order."""
        return tuple(dict.fromkeys(event.values["manufacturer"] for event in self.of(Kind.NOTIFIED)))

    @property
    def confirmed_copies(self) -> frozenset[tuple[str, str]]:
        """GTIN and serial of the units of which a copy was found, and it was not taken back."""
        return self._standing(Kind.COPY_CONFIRMED, Kind.COPY_REVERSED)

    @property
    def confirmed_stolen(self) -> frozenset[tuple[str, str]]:
        """GTIN and serial of the units that were found to be stolen, and it was not taken back."""
        return self._standing(Kind.STOLEN_CONFIRMED, Kind.STOLEN_REVERSED)

    def of(self, *kinds: Kind) -> tuple[Event, ...]:
        """Return its events of some kinds."""
        return tuple(event for event in self.events if event.kind in kinds)

    def _standing(self, yes: Kind, no: Kind) -> frozenset[tuple[str, str]]:
        standing: set[tuple[str, str]] = set()
        for event in self.of(yes, no):
            unit = (event.values["gtin"], event.values["serial"])
            (standing.add if event.kind is yes else standing.discard)(unit)
        return frozenset(standing)


OPEN: Final = frozenset({State.DRAFT, State.NOTIFIED, State.ACKNOWLEDGED, State.ANSWERED})
TOLD: Final = OPEN - {State.DRAFT}
ALL: Final = frozenset(State)
WHEN: Final[Mapping[Kind, frozenset[State]]] = {
    Kind.CHANGED: OPEN, Kind.UNITS_ADDED: OPEN, Kind.PHOTO_ADDED: OPEN, Kind.EXAMINED: OPEN, Kind.CUSTODY: ALL,
    Kind.ABSENCE_SHOWN: OPEN | {State.CLOSED},
    Kind.NOTIFIED: OPEN, Kind.ACKNOWLEDGED: TOLD, Kind.ANSWERED: TOLD, Kind.CLOSED: OPEN,
    Kind.REOPENED: frozenset({State.CLOSED}),
    Kind.WITHDRAWN: OPEN, Kind.COPY_CONFIRMED: frozenset({State.CLOSED}), Kind.STOLEN_CONFIRMED: frozenset({State.CLOSED}),
    Kind.COPY_REVERSED: ALL, Kind.STOLEN_REVERSED: ALL, Kind.HELD: ALL, Kind.RELEASED: ALL, Kind.BUNDLED: ALL,
}  # fmt: skip
"""The states in which an event may happen. A copy is confirmed when the case is closed, by a person, with a reason."""
REASONED: Final = frozenset({
    Kind.CLOSED, Kind.REOPENED, Kind.WITHDRAWN, Kind.COPY_CONFIRMED, Kind.COPY_REVERSED, Kind.STOLEN_CONFIRMED,
    Kind.STOLEN_REVERSED, Kind.HELD, Kind.RELEASED,
})  # fmt: skip
"""What nobody does without saying why."""
_LEADS_TO: Final[Mapping[Kind, State]] = {
    Kind.NOTIFIED: State.NOTIFIED, Kind.ACKNOWLEDGED: State.ACKNOWLEDGED, Kind.ANSWERED: State.ANSWERED,
    Kind.CLOSED: State.CLOSED, Kind.REOPENED: State.ANSWERED, Kind.WITHDRAWN: State.WITHDRAWN,
}  # fmt: skip
_ORDER: Final = (State.DRAFT, State.NOTIFIED, State.ACKNOWLEDGED, State.ANSWERED)


def fold(case: str, events: Iterable[Event]) -> Case:
    """Return what events make of a case; raises `CaseError` that names the first which cannot have happened."""
    told = iter(events)
    first = next(told, None)
    if first is None or first.kind is not Kind.OPENED or first.number != 1:
        raise CaseError(f"case {case} does not begin with its opening", reason="no_opening")
    details = _details(Details(), {key: value for key, value in first.values.items() if key != "office"})
    standing = Case(case, int(first.values["office"]), first.time, first.who, details=details, events=(first,))
    for event in told:
        standing = apply(standing, event)
    return standing


def apply(case: Case, event: Event) -> Case:
    """Return a case after an event; raises `CaseError` if it cannot happen to this case now."""
    if event.number != len(case.events) + 1:
        raise CaseError(f"event {event.number} of case {case.id} follows event {len(case.events)}", reason="gap")
    if event.kind is Kind.OPENED or case.state not in WHEN[event.kind]:
        raise CaseError(
            f"case {case.id} is {case.state}, and cannot be {event.kind.replace('_', ' ')}", reason="wrong_state",
            hint="look at the case as it is now",
        )  # fmt: skip
    if event.kind in REASONED and not event.why.strip():
        raise CaseError(f"{event.kind.replace('_', ' ')} needs a reason, found none", reason="no_reason")
    if event.kind in {Kind.ACKNOWLEDGED, Kind.ANSWERED} and event.values["manufacturer"] not in case.manufacturers:
        raise CaseError(f"manufacturer {event.values['manufacturer']} was not told of case {case.id}", reason="not_told")
    after = replace(case, state=_state(case.state, event), events=(*case.events, event))
    if event.kind is Kind.CHANGED:
        return replace(after, details=_details(case.details, event.values))
    if event.kind is Kind.CLOSED:
        return replace(after, outcome=_outcome(event.values.get("outcome")), closed_at=event.time)
    if event.kind is Kind.REOPENED:
        return replace(after, outcome=None, closed_at=0)
    if event.kind in {Kind.HELD, Kind.RELEASED}:
        return replace(after, held=event.kind is Kind.HELD)
    return after


def _state(now: State, event: Event) -> State:
    """Return the state after an event: another manufacturer that is told or answers later takes nothing back."""
    to = _LEADS_TO.get(event.kind, now)
    return max(now, to, key=_ORDER.index) if now in _ORDER and to in _ORDER else to


def _outcome(value: object) -> Outcome:
    try:
        return Outcome(str(value))
    except ValueError as error:
        raise CaseError(f"found outcome {value!r}, expected one of {', '.join(Outcome)}", reason="outcome") from error


def _details(details: Details, values: Mapping[str, Any]) -> Details:
    for name, value in values.items():
        if name not in Details.__slots__ or type(value) is not type(getattr(details, name)):
            raise CaseError(f"found {name} = {value!r}, expected a field of a case", reason="field")
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise CaseError(f"{name} has {len(value)} characters, expected at most {LONGEST_TEXT}", reason="field")
    return replace(details, **values)

"""A rights holder's answer to a notice: the identification statement, and what its answers were worth (docs/telling.md).

To call one's own goods counterfeit is dear: a rights holder answers for the damage when customs or a court find that there
was no infringement (Regulations of the PRC on the Customs Protection of Intellectual Property Rights, art. 28), or when a
notice to a platform was wrong (E-Commerce Law of the PRC, art. 42). So the statement asks of each way in which goods may be
one's own, and does not take a conclusion that contradicts it.
"""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import rfc8785

from registry.enforcement.cases import Kind, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from registry.enforcement.cases import Case

TYPE: Final = "touchstone.identification"
VERSION: Final = 1
LONGEST_NAME: Final = 200
LONGEST_TEXT: Final = 1000
MOST_FEATURES: Final = 12
CULPABLE: Final = frozenset({Outcome.COUNTERFEIT, Outcome.COPIED_LABEL})
"""Conclusions that say that the goods are not the manufacturer's."""


class Own(enum.StrEnum):
    """A way in which goods that look wrong are the manufacturer's own."""

    DIVERTED = "diverted"
    """Made for another market."""
    RECYCLED = "recycled"
    """Used goods or packages that came back."""
    REFURBISHED = "refurbished"
    OVER_RUN = "over_run"
    """Made by a supplier beyond what was ordered."""


class Says(enum.StrEnum):
    """An answer to a question."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Fault(enum.StrEnum):
    """What is wrong with one field of a statement."""

    MISSING = "missing"
    TOO_LONG = "too_long"
    NOT_TOLD = "not_told"
    """A photo that is not one of the notice."""
    UNFINISHED = "unfinished"
    """A feature without what was found, or what is genuine."""
    TOO_MANY = "too_many"
    CONTRADICTS = "contradicts"
    """The conclusion says that the goods are somebody else's, and an answer that they may be one's own, or the reverse."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of the goods, compared."""

    name: str
    genuine: str
    """How it is on genuine goods."""
    found: str
    """How it is on the goods examined."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An identification statement, as it was filled in."""

    signer: str = ""
    authority: str = ""
    """In which function, and by whose power of attorney."""
    photos: tuple[str, ...] = ()
    """The photos that were examined, by their ids."""
    seal: str = ""
    """The number of the seal of what was examined."""
    examined: str = ""
    """What else was examined, and how."""
    features: tuple[Feature, ...] = ()
    own: Mapping[Own, Says] = field(default_factory=dict)
    conclusion: Outcome | None = None
    remarks: str = ""
    knows_liability: bool = False

    def canonical(self, *, notice: str, case: str, manufacturer: int, time: int, who: int) -> bytes:
        """Return the statement as RFC 8785 writes it, with what it answers, when, and whose account sent it."""
        return rfc8785.dumps({
            "type": TYPE, "version": VERSION, "notice": notice, "case": case, "manufacturer": manufacturer, "time": time,
            "who": who, "statement": self.record(),
        })  # fmt: skip

    def record(self) -> dict[str, Any]:
        """Return the statement as JSON values."""
        return {
            "signer": self.signer,
            "authority": self.authority,
            "photos": list(self.photos),
            "seal": self.seal,
            "examined": self.examined,
            "features": [{"name": one.name, "genuine": one.genuine, "found": one.found} for one in self.features],
            "own": {kind.value: said.value for kind, said in self.own.items()},
            "conclusion": self.conclusion.value if self.conclusion else None,
            "remarks": self.remarks,
            "knows_liability": self.knows_liability,
        }


def sha256(canonical: bytes) -> str:
    """Return the hash, in hex, of a statement as it is written."""
    return hashlib.sha256(canonical).hexdigest()


def faults(answer: Answer, photos: Iterable[str]) -> dict[str, Fault]:
    """Return what is wrong with a statement, by field, in the form's order; `photos` are those of the notice."""
    found: dict[str, Fault] = {}
    for name in ("signer", "authority"):
        if not getattr(answer, name).strip():
            found[name] = Fault.MISSING
    if set(answer.photos) - set(photos):
        found["photos"] = Fault.NOT_TOLD
    elif not answer.photos and not answer.seal.strip() and not answer.examined.strip():
        found["photos"] = Fault.MISSING
    if fault := _of_features(answer):
        found["features"] = fault
    found |= {f"own_{kind}": Fault.MISSING for kind in Own if kind not in answer.own}
    if fault := _of_conclusion(answer):
        found["conclusion"] = fault
    if not answer.knows_liability:
        found["knows_liability"] = Fault.MISSING
    longest = {"signer": LONGEST_NAME, "authority": LONGEST_NAME, "seal": LONGEST_NAME, "examined": LONGEST_TEXT,
               "remarks": LONGEST_TEXT}  # fmt: skip
    return found | {name: Fault.TOO_LONG for name, most in longest.items() if len(getattr(answer, name)) > most}


def _of_features(answer: Answer) -> Fault | None:
    texts = [text for one in answer.features for text in (one.name, one.genuine, one.found)]
    if len(answer.features) > MOST_FEATURES:
        return Fault.TOO_MANY
    if any(len(text) > LONGEST_TEXT for text in texts):
        return Fault.TOO_LONG
    if any(not text.strip() for text in texts):
        return Fault.UNFINISHED
    return Fault.MISSING if not texts and answer.conclusion in CULPABLE else None


def _of_conclusion(answer: Answer) -> Fault | None:
    if answer.conclusion is None:
        return Fault.MISSING
    is_own = Says.YES in answer.own.values()
    if answer.conclusion is Outcome.COUNTERFEIT and is_own:
        return Fault.CONTRADICTS
    if answer.conclusion is Outcome.DIVERTED and answer.own.get(Own.DIVERTED) is Says.NO:
        return Fault.CONTRADICTS
    return None


@dataclass(frozen=True, slots=True)
class Record:
    """What a manufacturer's answers that goods were not its own were worth, over cases that are closed."""

    manufacturer: int
    confirmed: int = 0
    """The inspector came to the same."""
    reversed: int = 0
    """The goods were the manufacturer's own in the end."""
    open: int = 0
    """Nothing was found out."""

    @property
    def share_reversed(self) -> float | None:
        """Return the share of reversed answers in those that were decided; none if there is none."""
        decided = self.confirmed + self.reversed
        return self.reversed / decided if decided else None


def records(cases: Iterable[Case]) -> Sequence[Record]:
    """Return what each manufacturer's answers were worth, in the order of their numbers: for the alliance.

    An answer counts once for a case, also if the manufacturer took it back later: by then the goods were held.
    """
    counts: dict[int, list[int]] = {}
    for case in cases:
        if case.outcome is None:
            continue
        place = 0 if case.outcome in CULPABLE else 2 if case.outcome is Outcome.UNDETERMINED else 1
        accused = {event.values["manufacturer"] for event in case.of(Kind.ANSWERED) if event.values["conclusion"] in CULPABLE}
        for manufacturer in accused:
            counts.setdefault(manufacturer, [0, 0, 0])[place] += 1
    return [Record(manufacturer, *found) for manufacturer, found in sorted(counts.items())]

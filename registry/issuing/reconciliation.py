"""Label reconciliation: what became of every label of a batch (docs/decisions/0016-label-reconciliation.md).

A batch of N units allots N serials. Labels are printed; each is then applied to a unit, spoiled, or void. What happened is a
list of entries that only ever grows: a correction is an entry too. Everything else follows from the entries, so nothing can
disagree with them, and each entry's digest covers all entries before it.

The first report of a unit stands. A report that contradicts an earlier one, or the printing, is an over-run: it changes nothing
by itself and is shown until somebody explains it. Of void units the chain decides: they are the ones that are withdrawn there.
"""

from __future__ import annotations

import copy
import enum
import hashlib
import json
import zlib
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from registry.errors import StoreDamaged
from registry.issuing.ranks import Ranks, inflate
from registry.proofs.encoding import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray


class Kind(enum.StrEnum):
    """What an entry tells."""

    PRINTED = "printed"
    """A run of labels."""
    APPLIED = "applied"
    """A file of the line: labels that are on units now."""
    SPOILED = "spoiled"
    """A file of the line: labels that are on no unit and never will be."""
    EXPLAINED = "explained"
    """Somebody says why over-runs happened, and perhaps which report stands."""
    RETRACTED = "retracted"
    """An earlier entry was a mistake and counts no more."""
    SUBMITTED = "submitted"
    """A signed transaction that withdraws units as void, kept before it is sent."""
    LAPSED = "lapsed"
    """That transaction can no longer be mined."""
    VOIDED = "voided"
    """The chain says that units are withdrawn as void."""
    ANNULLED = "annulled"
    """The chain says that units are no longer withdrawn as void."""
    CLOSED = "closed"
    """A key signed the numbers."""


class Overrun(enum.IntEnum):
    """What is wrong with a reported label."""

    PRINTED_BEFORE = 1
    """Printed again."""
    NOT_PRINTED = 2
    """Reported, and never printed before."""
    TWICE_IN_FILE = 3
    """On two lines of one file."""
    APPLIED_BEFORE = 4
    """Reported as applied in an earlier file."""
    SPOILED_BEFORE = 5
    """Reported as spoiled in an earlier file."""
    VOID_BEFORE = 6
    """Withdrawn on the chain as void before."""
    OTHER_LABEL = 7
    """The link has another lot or signature than the label that was made for the unit."""
    NOT_OF_BATCH = 8
    """A number that is not of this batch."""

    @property
    def code(self) -> str:
        """Its name in commands and JSON."""
        return self.name.lower()


RETRACTABLE: Final = frozenset({Kind.PRINTED, Kind.APPLIED, Kind.SPOILED})
OVERRUN: Final = np.dtype([("what", "u1"), ("rank", "<u4"), ("line", "<u4")])
"""`rank` of a number that is not of the batch is its place in the entry's list of those; `line` 0 is no line."""
COUNT_BYTES: Final = 4
START: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be put on record."""

    kind: Kind
    actor: str
    """Who says so: a name, or the address of a key."""
    marks: Ranks
    """The units that it is about."""
    name: str | None = None
    """The file, or what else it came from."""
    checksum: str | None = None
    """sha256 (hex) of that."""
    lines: int = 0
    reason: str | None = None
    overruns: NDArray[Any] = field(default_factory=lambda: np.zeros(0, OVERRUN))
    document: Mapping[str, Any] = field(default_factory=dict)
    """What else belongs to an entry of its kind."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is on record."""

    number: int
    """From 1, in each batch."""
    time: int
    """Unix seconds."""
    kind: Kind
    actor: str
    name: str | None
    checksum: str | None
    units: int
    """How many units it is about."""
    lines: int
    """How many labels it reports: lines of a file, or labels of a run."""
    reason: str | None
    marks: bytes
    overruns: bytes
    document: bytes
    """RFC 8785 bytes."""
    digest: bytes
    """sha256 over all of this and the digest of the entry before."""

    def facts(self) -> dict[str, Any]:
        """Return the document of the entry. Raises `StoreDamaged` if it is none."""
        try:
            found = json.loads(self.document)
        except ValueError as error:
            raise StoreDamaged(f"the document of entry {self.number} is not JSON") from error
        if not isinstance(found, dict):
            raise StoreDamaged(f"the document of entry {self.number} is no object")
        return found


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers: `allotted == applied + spoiled + void + open`, always."""

    allotted: int
    printed: int
    """Units whose label was printed at least once."""
    applied: int
    spoiled: int
    void: int
    """Neither applied nor spoiled, and withdrawn on the chain."""
    open: int
    """Nobody said anything of them yet."""
    to_void: int
    """Not applied, and not withdrawn on the chain yet: the open ones and the spoiled."""
    labels_printed: int
    """Reprints included."""
    labels_applied: int
    """Lines of the files of applied labels, whatever is wrong with them."""


@dataclass(frozen=True, slots=True)
class Found:
    """One over-run of an entry."""

    entry: Entry
    what: Overrun
    rank: int | None
    """None for a number that is not of the batch."""
    number: str | None
    """That number."""
    batch: int | None
    """The batch that it is of, 0 for none."""
    line: int
    """0 for a run of labels."""


class Ledger:
    """The state of a batch's labels: what its entries come to."""

    def __init__(self, seal: bytes, size: int, entries: Sequence[Entry] = ()) -> None:
        """Follow the entries. Raises `StoreDamaged` if they are not what was put on record, each and all of them."""
        self.seal = seal
        self.size = size
        self.entries = tuple(entries)
        self.printed, self.applied, self.spoiled, self.withdrawn, self.annulled = (Ranks(size) for _ in range(5))
        self._check_digests()
        self.retracted = {int(one.facts()["entry"]) for one in self.entries if one.kind is Kind.RETRACTED}
        self._open: dict[int, NDArray[Any]] = {}
        for entry in self.entries:
            if entry.number not in self.retracted:
                self._follow(entry)

    # ------------------------------------------------------------------------------------------------------ what it says

    def counts(self) -> Counts:
        """Return the numbers as they are now."""
        applied = self.applied - self.withdrawn
        void = self.withdrawn - self.spoiled
        done = len(applied) + len(self.spoiled) + len(void)
        standing = [one for one in self.entries if one.number not in self.retracted]
        return Counts(
            allotted=self.size,
            printed=len(self.printed),
            applied=len(applied),
            spoiled=len(self.spoiled),
            void=len(void),
            open=self.size - done,
            to_void=len(self.remainder()),
            labels_printed=sum(one.lines for one in standing if one.kind is Kind.PRINTED),
            labels_applied=sum(one.lines for one in standing if one.kind is Kind.APPLIED),
        )

    def remainder(self) -> Ranks:
        """Return the units that are not applied and not withdrawn yet."""
        return self.everything() - self.applied - self.withdrawn

    def everything(self) -> Ranks:
        """Return all units of the batch."""
        return Ranks.between(self.size, 0, self.size)

    def overruns(self) -> Counter[Overrun]:
        """Count the over-runs that nobody has explained."""
        return sum(map(_tally, self._open.values()), Counter[Overrun]())

    def listed(self) -> Iterator[Found]:
        """Yield the over-runs that nobody has explained, in the order in which they were reported."""
        for place, listed in self._open.items():
            entry = self.entries[place - 1]
            foreign = entry.facts().get("foreign", [])
            for what, rank, line in listed.tolist():
                outside = what == Overrun.NOT_OF_BATCH
                number, batch = foreign[rank] if outside else (None, None)
                yield Found(entry, Overrun(what), None if outside else rank, number, batch, line)

    def explained(self) -> Counter[Overrun]:
        """Count the over-runs that were explained; those of retracted entries do not count."""
        every = (overruns_of(self.entries[number - 1]) for number in self._open)
        return sum(map(_tally, every), Counter[Overrun]()) - self.overruns()

    def open_overruns(self) -> Mapping[int, NDArray[Any]]:
        """Return the over-runs that nobody has explained, by the number of the entry that reported them."""
        return self._open

    def known(self, kind: Kind, checksum: str) -> Entry | None:
        """Return the entry that reported the very same thing, or none."""
        same = (one for one in self.entries if (one.kind, one.checksum) == (kind, checksum))
        return next((one for one in same if one.number not in self.retracted), None)

    @property
    def pending(self) -> Entry | None:
        """The transaction that was kept to be sent and of whose end nothing is on record."""
        ended = {one.facts().get("transaction") for one in self.entries if one.kind in {Kind.VOIDED, Kind.LAPSED}}
        sent = (one for one in self.entries if one.kind is Kind.SUBMITTED)
        return next((one for one in sent if one.facts()["transaction"] not in ended), None)

    @property
    def closing(self) -> Entry | None:
        """The entry that closed the ledger, or none if it is open or something was put on record since."""
        last = self.entries[-1] if self.entries else None
        return last if last is not None and last.kind is Kind.CLOSED else None

    # -------------------------------------------------------------------------------------------------- how it goes on

    def next(self, draft: Draft, time: int) -> Entry:
        """Return a draft as the entry that follows the last one."""
        entry = Entry(
            number=len(self.entries) + 1,
            time=time,
            kind=draft.kind,
            actor=draft.actor,
            name=draft.name,
            checksum=draft.checksum,
            units=len(draft.marks),
            lines=draft.lines,
            reason=draft.reason,
            marks=draft.marks.pack(),
            overruns=_pack(draft.overruns),
            document=canonical(dict(draft.document)),
            digest=START,
        )
        return _with_digest(entry, self._head(), self.seal)

    def after(self, entry: Entry) -> Ledger:
        """Return the ledger with one more entry; this one stays as it is."""
        if entry.kind is Kind.RETRACTED:  # what follows the retracted entry is another story now
            return Ledger(self.seal, self.size, (*self.entries, entry))
        found = copy.copy(self)
        found.entries = (*self.entries, entry)
        found._open = dict(self._open)  # noqa: SLF001 -- of our own class
        found._follow(entry)  # noqa: SLF001 -- the same
        return found

    def _head(self) -> bytes:
        return self.entries[-1].digest if self.entries else START

    def _check_digests(self) -> None:
        before = START
        for number, entry in enumerate(self.entries, 1):
            if entry.number != number or _with_digest(entry, before, self.seal).digest != entry.digest:
                raise StoreDamaged(
                    f"entry {entry.number} of the label ledger is not what was put on record, or one before it is missing",
                    hint="bring the database back from a backup",
                )
            before = entry.digest

    def _follow(self, entry: Entry) -> None:
        marks = Ranks.unpack(self.size, entry.marks)
        if entry.overruns:
            self._open[entry.number] = overruns_of(entry)
        match entry.kind:
            case Kind.PRINTED:
                self.printed |= marks
            case Kind.APPLIED:
                self.applied |= marks - self.spoiled
            case Kind.SPOILED:
                self.spoiled |= marks - self.applied
            case Kind.VOIDED:
                self.withdrawn |= marks
            case Kind.ANNULLED:
                self.withdrawn -= marks
                self.annulled |= marks
            case Kind.EXPLAINED:
                self._explain(entry, marks)
            case _:
                pass

    def _explain(self, entry: Entry, marks: Ranks) -> None:
        facts = entry.facts()
        for number in selected(self._open, facts):
            listed = self._open[number]
            self._open[number] = listed[~matching(listed, Overrun(int(facts["what"])), marks)]
        if facts.get("stands") == Kind.APPLIED:
            self.applied |= marks
            self.spoiled -= marks
        elif facts.get("stands") == Kind.SPOILED:
            self.spoiled |= marks
            self.applied -= marks


def selected(listed: Mapping[int, NDArray[Any]], facts: Mapping[str, Any]) -> list[int]:
    """Return the numbers of the entries whose over-runs an explanation is about."""
    return [number for number in listed if facts.get("of") in {None, str(number)}]


def matching(listed: NDArray[Any], what: Overrun, marks: Ranks) -> NDArray[np.bool_]:
    """Say of each over-run whether it is of this kind and of one of these units; a number outside the batch is no unit."""
    same: NDArray[np.bool_] = listed["what"] == what
    if what is Overrun.NOT_OF_BATCH:
        return same
    # Ranks of other kinds may lie beyond the batch.
    ranks = np.where(same, listed["rank"], 0).astype(np.int64)
    return same & marks.has(ranks)


def overruns_for(what: Overrun, ranks: Ranks) -> NDArray[Any]:
    """Return the over-runs of one kind that stand on no line of a file."""
    found = np.zeros(len(ranks), OVERRUN)
    found["what"] = what
    found["rank"] = np.concatenate([*ranks.parts(), np.zeros(0, np.int64)])
    return found


def overruns_of(entry: Entry) -> NDArray[Any]:
    """Return every over-run that an entry reported. Raises `StoreDamaged` if they do not unpack."""
    if not entry.overruns:
        return np.zeros(0, OVERRUN)
    count = int.from_bytes(entry.overruns[:COUNT_BYTES], "big")
    return np.frombuffer(inflate(entry.overruns[COUNT_BYTES:], OVERRUN.itemsize * count), OVERRUN)


def _pack(overruns: NDArray[Any]) -> bytes:
    if not len(overruns):
        return b""
    return len(overruns).to_bytes(COUNT_BYTES, "big") + zlib.compress(overruns.astype(OVERRUN).tobytes())


def _tally(overruns: NDArray[Any]) -> Counter[Overrun]:
    what, many = np.unique(overruns["what"], return_counts=True)
    return Counter({Overrun(int(one)): int(count) for one, count in zip(what, many, strict=True)})


def _with_digest(entry: Entry, before: bytes, seal: bytes) -> Entry:
    """Return the entry with its digest, which also covers the entry before it, and so all of them."""
    told: dict[str, Any] = {name: getattr(entry, name) for name in ("kind", "actor", "name", "checksum", "reason")}
    told |= {name: str(getattr(entry, name)) for name in ("number", "time", "units", "lines")}
    told |= {name: hashlib.sha256(getattr(entry, name)).hexdigest() for name in ("marks", "overruns", "document")}
    told |= {"seal": seal.hex(), "before": before.hex()}
    return replace(entry, digest=hashlib.sha256(canonical(told)).digest())

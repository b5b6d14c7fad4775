"""The audit of cases: each case's events, held against the journal, its files, the notary's work and what lists read of it.

Nothing is repaired and nothing is written. What a case says is never told: the audit is read by people who run machines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from registry.auditing import Difference
from registry.enforcement.cases import Case, Kind, fold
from registry.errors import CaseError, StoreDamaged
from registry.storage import case_rows, case_summaries
from registry.storage.cases import LENGTH, NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from registry.enforcement.cases import Event
    from registry.storage.case_rows import CaseRows, EventRow, Noted
    from registry.storage.cases import Cases

FILED: Final = frozenset({Kind.PHOTO_ADDED, Kind.ABSENCE_SHOWN, Kind.BUNDLED})
"""Events of which bytes are kept."""
BACKUP: Final = "compare the case with a backup of it, and find out who could write to the database"


def of_cases(cases: Cases) -> Iterator[Difference]:
    """Yield what differs between cases and everything that has to follow from them, or they from it; one is held at a time.

    Raises `StoreUnavailable`, and `StoreDamaged` if the cases cannot even be listed.
    """
    for name in case_rows.names(cases.engine):
        if not isinstance(name, str) or not NAME.fullmatch(name):
            yield Difference("case_event", f"case {name!r}", "a name that no case has", f"{LENGTH} letters and digits", BACKUP)
            continue
        try:
            rows = case_rows.rows(cases.engine, name)
        except StoreDamaged as error:
            yield Difference("case_event", f"case {name}", error.message, "rows that a case can have", BACKUP)
            continue
        yield from of_case(rows)


def of_case(rows: CaseRows) -> Iterator[Difference]:
    """Yield what differs in a case."""
    changed = list(_events(rows))
    yield from changed
    yield from _files(rows, complete=not changed)
    yield from _bundles(rows)
    if not rows.events:
        if rows.summary or rows.units:
            yield _summary(rows.case, "a case without an event", "none")
        return
    try:
        standing = _standing(rows)
    except (CaseError, KeyError, TypeError, ValueError, AttributeError) as error:
        if not changed:
            said = error.message if isinstance(error, CaseError) else f"events that do not read ({type(error).__name__})"
            yield Difference("case_impossible", f"case {rows.case}", said, "events that can have happened", BACKUP)
        return
    yield from _summaries(rows, standing)


def _standing(rows: CaseRows) -> Case:
    """Return what the events make of a case. Raises `CaseError`, or what an event whose values are of another kind leads to."""
    events = [one.event for one in rows.events if one.event]
    if len(events) < len(rows.events):
        raise CaseError(f"an event of case {rows.case} does not read", reason="gap")
    return fold(rows.case, events)


def _events(rows: CaseRows) -> Iterator[Difference]:
    noted: dict[int, list[Noted]] = {}
    for note in rows.noted:
        noted.setdefault(note.number, []).append(note)
    for one in rows.events:
        said = noted.pop(one.number, [])
        right = [note for note in said if note.sha256 in {one.sha256, one.computed}]
        yield from _event(rows.case, one, said, right)
        if right:
            yield from (_removed(rows.case, note, "another one") for note in said if note.sha256 != right[0].sha256)
    for left in noted.values():
        yield from (_removed(rows.case, note, "no such event") for note in left)


def _event(case: str, one: EventRow, said: Sequence[Noted], right: Sequence[Noted]) -> Iterator[Difference]:
    """Yield what is wrong with an event; what was changed in one place alone is named once."""
    name = f"event {one.number} of case {case}"
    if not said:
        yield Difference("case_event_put_in", name, "no entry of the journal about it", "one", BACKUP)
    elif not right:
        expected = f"0x{said[-1].sha256.hex()}, as in entry {said[-1].entry} of the journal"
        yield Difference("case_event_rewritten", name, f"an event whose SHA-256 is {_hex(one)}", expected, BACKUP)
        return
    if one.computed != one.sha256:
        expected = f"0x{one.sha256.hex()}, which stands beside it"
        yield Difference("case_event", name, f"an event whose SHA-256 is {_hex(one)}", expected, BACKUP)


def _hex(one: EventRow) -> str:
    return "none, as it does not read" if one.computed is None else f"0x{one.computed.hex()}"


def _removed(case: str, note: Noted, found: str) -> Difference:
    return Difference(
        "case_event_removed", f"event {note.number} of case {case}", found,
        f"the one whose SHA-256 is 0x{note.sha256.hex()}, as in entry {note.entry} of the journal", BACKUP,
    )  # fmt: skip


def _files(rows: CaseRows, *, complete: bool) -> Iterator[Difference]:
    """Yield the files that are not those of their events; if the events are `complete`, those of no event, too."""
    kept = dict(rows.files or {})
    for event in _sound(rows):
        id_, digest = event.values.get("id"), event.values.get("sha256")
        if event.kind not in FILED or not isinstance(id_, str):
            continue
        found = kept.pop(id_, None)
        if found is None or found.hex() != digest:
            said = "no bytes" if found is None else f"bytes whose SHA-256 is 0x{found.hex()}"
            name = f"file {id_} of case {rows.case}"
            yield Difference("case_file", name, said, f"0x{digest}, as event {event.number} has it", BACKUP)
    if complete:
        for id_ in sorted(kept):
            yield Difference("case_file", f"file {id_} of case {rows.case}", "bytes of no event", "none", BACKUP)


def _bundles(rows: CaseRows) -> Iterator[Difference]:
    for event in _sound(rows):
        manifest = case_rows.manifest_of(event)
        if manifest is not None and manifest not in rows.asked:
            yield Difference(
                "bundle_not_asked", f"evidence bundle of event {event.number} of case {rows.case}",
                "no work of the notary about its hash", f"that the notary was asked to anchor 0x{manifest.hex()}",
                "find out who removed it, and have a bundle of the case made again",
            )  # fmt: skip


def _sound(rows: CaseRows) -> Iterator[Event]:
    """Yield the events that are as they were written, as far as their own hashes say."""
    for one in rows.events:
        if one.event is not None and one.computed == one.sha256:
            yield one.event


def _summaries(rows: CaseRows, case: Case) -> Iterator[Difference]:
    expected: dict[str, Any] = case_summaries.row_of(case)
    if rows.summary is None:
        yield _summary(case.id, "no row", "one, as there are events")
    elif wrong := [name for name, value in expected.items() if rows.summary[name] != value]:
        yield _summary(case.id, f"another {', '.join(wrong)}", "what follows from its events")
    units, standing = rows.units or {}, case_summaries.units_of(case)
    wrong_units = sum(units.get(unit) != standing.get(unit) for unit in units.keys() | standing.keys())
    if wrong_units:
        yield _summary(case.id, f"{wrong_units} units that differ", f"the {len(standing)} that follow from its events")


def _summary(case: str, found: str, expected: str) -> Difference:
    hint = "the events are what counts: have what follows from them made again, and find out who could write to the database"
    return Difference("case_summary", f"what lists say of case {case}", found, expected, hint)

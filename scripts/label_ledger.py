"""A batch with its label ledger as commands find it, and how it looks: lines for people, one object for machines."""

from __future__ import annotations

import getpass
import os
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from registry.issuing import ledger_entries
from registry.issuing.reconciliation import Kind, Overrun
from scripts.connect import batch_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry.issuing.batches import StoredBatch
    from registry.issuing.printing import PrintRun
    from registry.issuing.reconciliation import Draft, Entry, Found, Ledger
    from registry.storage.ledger import BatchUnits, Ledgers
    from registry.storage.store import Store
    from scripts.console import Console

    Name = Callable[[Found], str]

NUMBERS = ("allotted", "printed", "applied", "spoiled", "void", "open")
FACTS = (*NUMBERS, "to_void", "labels_printed", "labels_applied")
WORDS = {
    Overrun.PRINTED_BEFORE: "printed again, and no reason is on record",
    Overrun.NOT_PRINTED: "reported, and never printed before",
    Overrun.TWICE_IN_FILE: "on two lines of one file",
    Overrun.APPLIED_BEFORE: "applied before, as another file says",
    Overrun.SPOILED_BEFORE: "spoiled before, as another file says",
    Overrun.VOID_BEFORE: "withdrawn as void before",
    Overrun.OTHER_LABEL: "the link of another label than ours",
    Overrun.NOT_OF_BATCH: "not a number of this batch",
}


class Desk:
    """A batch with its ledger and its units, as a command finds them."""

    def __init__(self, seal: bytes, store: Store, ledgers: Ledgers) -> None:
        self.batch = batch_of(store, seal)
        self.store = store
        self.ledgers = ledgers
        self.tree = store.tree(seal)
        self.ledger = ledgers.read(self.batch)

    @property
    def units(self) -> BatchUnits:
        """What finds the batch's units."""
        return self.ledgers.units(self.batch, self.tree)

    def record(self, draft: Draft) -> Entry:
        """Put an entry on record."""
        self.ledger = self.ledgers.append(self.ledger, draft)
        return self.ledger.entries[-1]

    def name(self, found: Found) -> str:
        """Return the number of an over-run as a person looks for it."""
        if found.rank is None:
            return f"{found.number}" + (f" (of batch {found.batch})" if found.batch else "")
        record = self.tree.unit(found.rank).record
        return f"{record.gtin}/{record.serial}"


class _Sentence(click.ParamType[str]):
    name = "text"

    def __init__(self, longest: int) -> None:
        self._longest = longest

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = value.strip()
        if not text or len(text) > self._longest or not text.isprintable():
            self.fail(f"found {value[:60]!r}, expected one line of 1 to {self._longest} characters", param, ctx)
        return text


def sentence(longest: int) -> click.ParamType[str]:
    """Return the type of a text of one line."""
    return _Sentence(longest)


def record_run(console: Console, desk: Desk, run: PrintRun, reason: str | None) -> None:
    """Put a run of labels on record, and say so if labels were printed before without a reason."""
    files = [str(file.absolute()) for file in run.files]
    draft = ledger_entries.printed(desk.ledger, run.first, run.count, run.kind, files, actor=account(), reason=reason)
    if desk.ledger.known(Kind.PRINTED, draft.checksum or "") is not None:
        return
    desk.record(draft)
    if len(draft.overruns):
        console.warn(f"{len(draft.overruns):,} labels were printed before; say why with `touchstone reconcile reprint`")


def account() -> str:
    """Return the name of the account that gives a command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def facts_of(batch: StoredBatch, ledger: Ledger, listed: Sequence[Found], name: Name) -> dict[str, Any]:
    """Return everything about a ledger for machines."""
    counts, closing = ledger.counts(), ledger.closing
    return {
        "seal": f"0x{batch.seal.hex()}",
        "manufacturer": batch.manufacturer,
        **{one: getattr(counts, one) for one in FACTS},
        "over_runs": {
            "open": _by_code(ledger.overruns()),
            "explained": _by_code(ledger.explained()),
            "listed": [_overrun(one, name) for one in listed],
        },
        "entries": [_entry(one, ledger) for one in ledger.entries],
        "closed": None if closing is None else {**closing.facts(), "statement": ledger_entries.statement_of(closing)},
    }


def lines_of(batch: StoredBatch, ledger: Ledger, listed: Sequence[Found], name: Name, *, entries: bool) -> list[str]:
    """Return the same for people."""
    counts, overruns = ledger.counts(), ledger.overruns()
    files = Counter(one.kind for one in ledger.entries if one.number not in ledger.retracted)
    notes = {
        "printed": f"{counts.labels_printed:,} labels in {files[Kind.PRINTED]} runs",
        "applied": f"{counts.labels_applied:,} labels in {files[Kind.APPLIED]} files",
        "open": f"{counts.to_void:,} units to withdraw as void" if counts.to_void else "",
    }
    parts = f"{counts.applied:,} applied + {counts.spoiled:,} spoiled + {counts.void:,} void + {counts.open:,} open"
    lines = [
        f"batch 0x{batch.seal.hex()} of manufacturer {batch.manufacturer}",
        *(f"  {one:<10}{getattr(counts, one):>14,}  {notes.get(one, '')}".rstrip() for one in NUMBERS),
        f"{counts.allotted:,} = {parts}",
    ]
    if (excess := counts.labels_applied - counts.labels_printed) > 0:
        lines.append(f"{excess:,} more labels were applied than printed")
    lines.append(f"over-runs: {overruns.total():,} open, {ledger.explained().total():,} explained")
    lines += [f"  {count:>12,}  {what.code:<16}{WORDS[what]}" for what, count in sorted(overruns.items())]
    for one in listed:
        line = f", line {one.line:,}" if one.line else ""
        lines.append(f"  {name(one)}: {one.what.code}, {one.entry.name}{line} (entry {one.entry.number})")
    if (hidden := overruns.total() - len(listed)) > 0:
        lines.append(f"  … and {hidden:,} more")
    if entries:
        lines += ["on record:", *(_line(one, ledger) for one in ledger.entries)]
    if ledger.closing is None:
        return [*lines, "the ledger is open"]
    statement = ledger_entries.statement_of(ledger.closing)
    return [*lines, f"the ledger was closed at {statement['time']} by key {statement['key']}"]


def moment(seconds: int) -> str:
    """Return a time as the ledger shows it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _overrun(one: Found, name: Name) -> dict[str, Any]:
    where = {"entry": one.entry.number, "file": one.entry.name, "line": one.line or None}
    return {"what": one.what.code, "unit": name(one), **where}


def _entry(one: Entry, ledger: Ledger) -> dict[str, Any]:
    return {
        "number": one.number,
        "time": moment(one.time),
        "kind": one.kind,
        "by": one.actor,
        "file": one.name,
        "sha256": one.checksum,
        "units": one.units,
        "labels": one.lines,
        "reason": one.reason,
        "retracted": one.number in ledger.retracted,
    }


def _line(one: Entry, ledger: Ledger) -> str:
    words = [f"  {one.number:>4}  {moment(one.time)}  {one.kind:<10}{one.units:>12,} units"]
    words += [one.name] if one.name else []
    words += [f"by {one.actor}"]
    words += [f"because: {one.reason}"] if one.reason else []
    words += ["(retracted)"] if one.number in ledger.retracted else []
    return "  ".join(words)


def _by_code(counted: Counter[Overrun]) -> dict[str, int]:
    return {what.code: count for what, count in sorted(counted.items())}

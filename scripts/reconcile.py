"""`touchstone reconcile`: what became of every label of a batch, until the numbers add up and a key signs them."""

from __future__ import annotations

import io
import time
from functools import wraps
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from registry.issuing import ledger_entries, line_reports
from registry.issuing.reconciliation import Kind, Overrun
from registry.issuing.voiding import Voiding
from registry.storage.tables import LONGEST_NAME, LONGEST_TEXT
from scripts.connect import COIN, chain_options, fee_cap_option, ledger_options, path, signer_options
from scripts.console import Program, json_option
from scripts.label_ledger import Desk, account, facts_of, lines_of, moment, sentence
from scripts.receipts import hex_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.chain.transactions import Signer
    from registry.issuing.reconciliation import Draft
    from registry.storage.ledger import Ledgers
    from registry.storage.store import Store
    from scripts.connect import Chain
    from scripts.console import Console

    Command = Callable[..., Any]

LISTED = 20
CODES = {what.code: what for what in Overrun}


seal_argument = click.argument("seal", type=hex_bytes(32))
reason_option = click.option("--reason", type=sentence(LONGEST_TEXT), required=True, help="Why, in a sentence; it is kept.")
by_option = click.option(
    "--by", type=sentence(LONGEST_NAME), default=account, show_default="your account", help="Who says so; it is kept."
)
entry_option = click.option("--entry", type=click.IntRange(min=1), help="Only what the entry of this number reported.")


def at_desk(command: Command) -> Command:
    """Add SEAL, the store's options and `--json`, handed on as a `desk` and a `console`."""

    @wraps(command)
    def build(seal: bytes, store: Store, ledgers: Ledgers, **rest: Any) -> Any:
        return command(desk=Desk(seal, store, ledgers), **rest)

    return seal_argument(ledger_options(json_option(build)))


@click.group("reconcile", cls=Program)
def command() -> None:
    """Reconcile the labels of a batch: allotted, printed, applied, spoiled, void. Nothing that is on record is ever deleted."""


@command.command("show")
@at_desk
@click.option("--limit", type=click.IntRange(min=0), default=LISTED, show_default=True, help="List so many open over-runs.")
@click.option("--entries", is_flag=True, help="List everything that is on record too.")
def show(desk: Desk, limit: int, entries: bool, console: Console) -> None:
    """Show the numbers of the batch SEAL, and the over-runs that nobody has explained."""
    tell(console, desk, limit=limit, entries=entries)


@command.command("applied")
@at_desk
@click.argument("file", type=path(exists=True))
@by_option
def applied(desk: Desk, file: Path, by: str, console: Console) -> None:
    """Put on record that the labels in FILE are on units now: a serial, GTIN and serial, or a whole link on each line."""
    report(console, desk, Kind.APPLIED, file, by)


@command.command("spoiled")
@at_desk
@click.argument("file", type=path(exists=True))
@reason_option
@by_option
def spoiled(desk: Desk, file: Path, reason: str, by: str, console: Console) -> None:
    """Put on record that the labels in FILE were destroyed and are on no unit: FILE is as for `applied`."""
    report(console, desk, Kind.SPOILED, file, by, reason)


@command.command("reprint")
@at_desk
@reason_option
@entry_option
@by_option
def reprint(desk: Desk, reason: str, entry: int | None, by: str, console: Console) -> None:
    """Put on record why labels were printed again."""
    explained(console, desk, ledger_entries.explained(desk.ledger, Overrun.PRINTED_BEFORE, actor=by, reason=reason, of=entry))


@command.command("explain")
@at_desk
@click.argument("what", type=click.Choice(list(CODES)))
@reason_option
@entry_option
@click.option("--unit", "named", multiple=True, help="Only this unit: a serial, GTIN,serial or a whole link. May be repeated.")
@click.option("--stands", type=click.Choice(["applied", "spoiled"]), help="What the units are, where two files contradict.")
@by_option
def explain(
    desk: Desk,
    what: str,
    reason: str,
    entry: int | None,
    named: tuple[str, ...],
    stands: str | None,
    by: str,
    console: Console,
) -> None:
    """Explain the open over-runs of the kind WHAT. Without --stands the first report of a unit stands."""
    units = line_reports.named(io.BytesIO("\n".join(named).encode()), desk.ledger, desk.units) if named else None
    kind = None if stands is None else Kind(stands)
    draft = ledger_entries.explained(desk.ledger, CODES[what], actor=by, reason=reason, of=entry, units=units, stands=kind)
    explained(console, desk, draft)


@command.command("retract")
@at_desk
@click.argument("entry", type=click.IntRange(min=1))
@reason_option
@by_option
def retract(desk: Desk, entry: int, reason: str, by: str, console: Console) -> None:
    """Take the entry of the number ENTRY back, a run of labels or a file: it stays on record and counts no more."""
    desk.record(ledger_entries.retracted(desk.ledger, entry, actor=by, reason=reason))
    tell(console, desk, done=f"entry {entry} counts no more")


@command.command("void")
@at_desk
@chain_options
@signer_options
@fee_cap_option
@click.option("--dry-run", is_flag=True, help="Say what it would cost, and do nothing.")
@click.option("--yes", is_flag=True, help="Pay without asking.")
def void(desk: Desk, chain: Chain, signer: Signer, fee_cap: float | None, dry_run: bool, yes: bool, console: Console) -> None:
    """Withdraw on the chain, as void, every unit of the batch SEAL that is not applied. Run it again after a crash."""
    with desk.store.exclusive():
        work = Voiding(desk.ledgers, chain.writer(signer, fee_cap=fee_cap), desk.batch)
        plan = work.plan()
        if plan.under_way:
            console.say(f"{plan.under_way:,} units are in a transaction of an earlier run, which is followed first")
        if plan.annulled:
            console.warn(f"the withdrawal of {plan.annulled:,} of the units was annulled before: are they applied after all?")
        cost = f"about {plan.fee / COIN:.9f} coins, at most {plan.most / COIN:.9f}"
        many = f"{plan.units:,} of {desk.batch.unit_count:,} units, in {plan.transactions} transactions"
        console.say(f"to withdraw as void: {many}; cost: {cost}")
        if dry_run:
            told = {"units": plan.units, "transactions": plan.transactions, "under_way": plan.under_way, "gas": plan.gas}
            console.found({**told, "fee": f"{plan.fee / COIN:.9f}", "fee_at_most": f"{plan.most / COIN:.9f}"})
            return
        if plan.units and not yes:
            click.confirm("Withdraw them?", abort=True, err=True)
        with console.progress("withdraw", plan.units + plan.under_way) as done:
            result = work.run(done)
    desk.ledger = result.ledger
    tell(
        console,
        desk,
        done=f"{result.units:,} units are withdrawn as void",
        transactions=list(result.transactions),
        gas=result.gas,
        fee=f"{result.fee / COIN:.9f}",
    )


@command.command("close")
@at_desk
@chain_options
@signer_options
def close(desk: Desk, chain: Chain, signer: Signer, console: Console) -> None:
    """Close the ledger of the batch SEAL: the chain is asked once more, and the key signs the numbers."""
    writer = chain.writer(signer)
    desk.ledger = Voiding(desk.ledgers, writer, desk.batch).compare(desk.ledger)
    if desk.ledger.closing is not None:
        tell(console, desk, done="the ledger is closed already")
        return
    now = int(time.time())
    draft = ledger_entries.closed(desk.ledger, desk.batch.manufacturer, writer.key(), signer.sign_digest, now)
    desk.record(draft)
    tell(console, desk, done="the ledger is closed")


def report(console: Console, desk: Desk, kind: Kind, file: Path, by: str, reason: str | None = None) -> None:
    """Put a file of the line on record, once."""
    with file.open("rb") as stream:
        before = desk.ledger.known(kind, line_reports.fingerprint(stream))
        if before is not None:
            done = f"{file.name} is entry {before.number}, of {moment(before.time)}, already: nothing was put on record"
            tell(console, desk, done=done, recorded=False, entry=before.number)
            return
        closed = desk.ledger.closing is not None
        with console.progress("bytes", file.stat().st_size) as progress:
            draft = line_reports.read(
                stream, desk.ledger, desk.units, kind, actor=by, name=file.name, reason=reason, progress=progress
            )
    entry = desk.record(draft)
    if closed:
        console.warn("the ledger was closed; it is open again")
    if len(draft.overruns):
        console.warn(f"{len(draft.overruns):,} over-runs: see to them now, while the line can still be looked at")
    tell(console, desk, done=f"entry {entry.number}: {entry.units:,} units {kind}", recorded=True, entry=entry.number)


def explained(console: Console, desk: Desk, draft: Draft) -> None:
    """Put an explanation on record."""
    desk.record(draft)
    tell(console, desk, done=f"{draft.lines:,} over-runs are explained")


def tell(
    console: Console, desk: Desk, *, done: str | None = None, limit: int = LISTED, entries: bool = False, **more: object
) -> None:
    """Give the numbers, the open over-runs and whether the ledger is closed."""
    if done:
        console.say(done)
    facts = {"done": done, **more} if done else {}
    listed = list(islice(desk.ledger.listed(), limit))
    console.found(
        {**facts, **facts_of(desk.batch, desk.ledger, listed, desk.name)},
        lines_of(desk.batch, desk.ledger, listed, desk.name, entries=entries),
    )

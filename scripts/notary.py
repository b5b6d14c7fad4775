"""`touchstone notary`: a process with a key of its own that anchors and signs what the desk asks for."""

from __future__ import annotations

import logging
import signal
import threading
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from registry.chain.records import Records
from registry.notary import Notary
from registry.storage.journal import Journal
from registry.storage.outbox import Outbox
from registry.telling.time_stamps import TimeStamps
from scripts.connect import chain_options, fee_cap_option, path, signer_options
from scripts.console import Program, json_option

if TYPE_CHECKING:
    from pathlib import Path

    from registry.chain.transactions import Signer
    from scripts.connect import Chain, Command
    from scripts.console import Console

desk_option = click.option(
    "--desk", envvar="TOUCHSTONE_DESK_URL", show_envvar=True, required=True, help="The desk's database: journal and outbox."
)


def stamp_options(command: Command) -> Command:
    """Add `--tsa` and `--tsa-roots`, handed on as `stamp`."""

    @wraps(command)
    def build(tsa: str | None, tsa_roots: Path | None, **rest: Any) -> Any:
        if (tsa is None) != (tsa_roots is None):
            raise click.UsageError("--tsa and --tsa-roots go together")
        return command(stamp=TimeStamps.of(tsa, tsa_roots) if tsa and tsa_roots else None, **rest)

    asked = click.option("--tsa", help="Address of a time-stamp authority (RFC 3161), asked about the hash of each bundle.")
    roots = click.option(
        "--tsa-roots", type=path(exists=True), help="PEM file of the root certificates that its time-stamps have to lead to."
    )
    return asked(roots(build))


@click.group("notary", cls=Program)
def command() -> None:
    """Anchor and sign what the desk asks for, with a key that the site never sees; its account is an inspector's."""


@command.command("once")
@click.option("--head", is_flag=True, help="Anchor the journal as it is now, too; otherwise once a day.")
@desk_option
@chain_options
@signer_options
@fee_cap_option
@stamp_options
@json_option
def once(head: bool, desk: str, console: Console, **acting: Any) -> None:
    """Do everything that is due, and end. What could not be done stays, with the reason, and is tried again."""
    with Journal.open(desk, acting["chain"].trust.registry_id) as journal, Outbox.open(desk, create=True) as outbox:
        done = notary(journal, outbox, **acting).once(head=head)
    facts = {"anchored": done.anchored, "signed": done.signed, "waiting": list(done.waiting)}
    console.found(facts, [f"anchored {done.anchored}, signed {done.signed}, waiting {len(done.waiting)}"])
    for reason in done.waiting:
        console.warn(reason)
    if done.waiting:
        raise SystemExit(1)


@command.command("run")
@click.option("--every", type=click.FloatRange(0.1), default=5.0, show_default=True, help="Seconds between two looks.")
@desk_option
@chain_options
@signer_options
@fee_cap_option
@stamp_options
@json_option
def run(every: float, desk: str, console: Console, **acting: Any) -> None:
    """Look into the outbox again and again, until told to end (SIGTERM or Ctrl-C)."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with Journal.open(desk, acting["chain"].trust.registry_id) as journal, Outbox.open(desk, create=True) as outbox:
        console.say("the notary looks into the outbox")
        notary(journal, outbox, **acting).run(every=every, sleep=ended.wait, until=ended.is_set)


def notary(
    journal: Journal, outbox: Outbox, *, chain: Chain, signer: Signer, fee_cap: float | None, stamp: TimeStamps | None
) -> Notary:
    """Return a notary of the current deployment."""
    return Notary(
        chain.trust.registry_id,
        journal=journal,
        outbox=outbox,
        on_record=Records(chain.reader()),
        recorder=chain.writer(signer, fee_cap=fee_cap),
        signer=signer,
        stamp=stamp,
    )

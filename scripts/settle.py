"""`touchstone settle`: brings registrations to their end that nobody waits for, without a key."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import click

from registry.chain.broadcasting import Broadcast
from registry.settling import Settler
from scripts.connect import chain_options, new_store_options
from scripts.console import REFUSED, Program, json_option

if TYPE_CHECKING:
    from registry.storage.store import Store
    from scripts.connect import Chain
    from scripts.console import Console


@click.group("settle", cls=Program)
def command() -> None:
    """Send transactions again that a node or a reorganisation dropped, and note which anchors are final.

    No key is needed: what is sent was signed when the batch was registered. A registration that is at work is left alone.
    """


@command.command("once")
@new_store_options
@chain_options
@json_option
@click.pass_context
def once(context: click.Context, /, console: Console, **asked: Any) -> None:
    """Look at every batch that is not final, and end. Exits with 1 if one was lost, or could not be asked about now."""
    found = settler(**asked).once()
    told = {name: [f"0x{seal.hex()}" for seal in getattr(found, name)] for name in ("final", "anchored", "sent")}
    stuck = {name: {f"0x{seal.hex()}": why for seal, why in getattr(found, name)} for name in ("lost", "waiting")}
    console.found({**told, **stuck}, [", ".join(f"{name} {len(seals)}" for name, seals in {**told, **stuck}.items())])
    for seal, why in stuck["lost"].items():
        console.warn(f"the transaction of batch {seal} can be mined no longer: {why}; run its registration again")
    for seal, why in stuck["waiting"].items():
        console.warn(f"batch {seal} waits: {why}")
    if found.lost or found.waiting:
        context.exit(REFUSED)


@command.command("run")
@click.option("--every", type=click.FloatRange(0.1), default=60.0, show_default=True, help="Seconds between two looks.")
@new_store_options
@chain_options
@json_option
def run(every: float, console: Console, **asked: Any) -> None:
    """Look again and again, until told to end (SIGTERM or Ctrl-C)."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    console.say("batches that are not final are looked after")
    settler(**asked).run(every=every, sleep=ended.wait, until=ended.is_set)


def settler(*, store: Store, chain: Chain) -> Settler:
    """Return what looks after a store's batches of the current deployment."""
    reader = chain.reader().asking_now()
    return Settler(store, reader, Broadcast(reader.pool))

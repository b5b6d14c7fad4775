"""`touchstone witness`: replays every batch of a store and attests it, with an account of its own."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import click

from registry.witness import Witness
from scripts.connect import chain_options, fee_cap_option, signer_options, store_options
from scripts.console import Program, json_option

if TYPE_CHECKING:
    from registry.chain.transactions import Signer
    from registry.storage.store import Store
    from scripts.connect import Chain
    from scripts.console import Console


@click.group("witness", cls=Program)
def command() -> None:
    """Replay every batch that a store holds, and attest those that hold. The store is the witness's own: keep it.

    Batches come into it as into any registry: `touchstone publish` sends them, `touchstone admit` takes them in.
    """


@command.command("once")
@store_options
@chain_options
@signer_options
@fee_cap_option
@json_option
def once(console: Console, **acting: Any) -> None:
    """Look at every batch, and end. Exits with 1 if one does not hold, or could not be attested now."""
    found = witness(**acting).once()
    told = {
        "attested": [f"0x{seal.hex()}" for seal in found.attested],
        "wrong": {f"0x{seal.hex()}": why for seal, why in found.wrong},
        "waiting": {f"0x{seal.hex()}": why for seal, why in found.waiting},
    }
    lines = [f"0x{seal.hex()} is replayed and attested" for seal in found.attested]
    console.found(told, [*lines, f"attested {len(lines)}, wrong {len(found.wrong)}, waiting {len(found.waiting)}"])
    for seal, why in found.wrong:
        console.warn(f"batch 0x{seal.hex()} does not hold, and is not attested: {why}")
    for seal, why in found.waiting:
        console.warn(f"batch 0x{seal.hex()} waits: {why}")
    if found.wrong or found.waiting:
        raise SystemExit(1)


@command.command("run")
@click.option("--every", type=click.FloatRange(0.1), default=60.0, show_default=True, help="Seconds between two looks.")
@store_options
@chain_options
@signer_options
@fee_cap_option
@json_option
def run(every: float, console: Console, **acting: Any) -> None:
    """Look again and again, until told to end (SIGTERM or Ctrl-C)."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    console.say("the witness looks at the store")
    witness(**acting).run(every=every, sleep=ended.wait, until=ended.is_set)


def witness(*, store: Store, chain: Chain, signer: Signer, fee_cap: float | None) -> Witness:
    """Return a witness of the current deployment."""
    return Witness(store, chain.reader(), chain.writer(signer, fee_cap=fee_cap))

"""`touchstone attest`: a witness replays a batch's whole tree and attests it on the chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry.witness import replay
from scripts.accredit import acting
from scripts.connect import batch_of, store_options
from scripts.receipts import hex_bytes, report

if TYPE_CHECKING:
    from registry.chain.writer import ChainWriter
    from registry.storage.store import Store
    from scripts.console import Console


@click.command("attest")
@click.argument("seal", type=hex_bytes(32))
@acting
@store_options
def command(seal: bytes, console: Console, writer: ChainWriter, store: Store) -> None:
    """Replay the whole tree of the batch SEAL (order, indexes, count, shape, salt) from this store, then attest it.

    Keep the store: an attested batch is one whose absence proofs count, as long as somebody besides the maker holds its tree.
    """
    batch = batch_of(store, seal)
    replay(store, batch)
    console.say(f"replayed {batch.unit_count:,} rows: order, indexes, count, shape and salt hold")
    receipt = writer.attest(batch.manufacturer, seal)
    report(console, f"batch 0x{seal.hex()} is attested", receipt)

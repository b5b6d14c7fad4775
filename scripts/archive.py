"""`touchstone archive`: moves tree files to another folder, and checks them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry.errors import InputError, StoreDamaged
from registry.issuing.batches import State
from registry.storage.objects import is_address
from scripts.connect import batch_of, store_options
from scripts.console import json_option
from scripts.receipts import hex_bytes

if TYPE_CHECKING:
    from registry.issuing.batches import StoredBatch
    from registry.storage.store import Store
    from scripts.console import Console

DAY = 24 * 60 * 60


@click.command("archive")
@click.argument("seals", type=hex_bytes(32), nargs=-1, metavar="[SEAL]...")
@click.option("--older-than", type=click.IntRange(min=0), metavar="DAYS", help="Every final batch that was stored before that.")
@click.option("--to", "place", help="The folder to move to. Default: the one of --archive.")
@click.option(
    "--check", is_flag=True, help="Move nothing: replay the tree files, here and in the archive, and name each fault."
)
@store_options
@json_option
def command(
    seals: tuple[bytes, ...], older_than: int | None, place: str | None, check: bool, store: Store, console: Console
) -> None:
    """Move the tree files of old batches to the archive, or check those of all batches.

    A file is copied, read there from end to end, and only then removed here. Whoever reads the store from then on needs
    --archive; the folder may also be served over HTTP, from an object store for instance, and --archive be its address. The
    files hold the batches' salts: keep them as private as the store.
    """
    batches = _chosen(store, seals, older_than, everything=check)
    if check:
        _check(store, batches, console)
        return
    place = place or click.get_current_context().params["archive"]
    if place is None or is_address(place):
        raise InputError("found no folder to move to, expected one", hint="name it with --to; an address can only be read from")
    if not seals and older_than is None:
        raise InputError("found no batch to move, expected seals, or --older-than")
    moved = 0
    with console.progress("moving", len(batches)) as done:
        for count, batch in enumerate(batches, 1):
            moved += store.archive(batch.seal, Path(place))
            done(count)
    console.found({"batches": len(batches), "moved": moved, "archive": place})


def _chosen(store: Store, seals: tuple[bytes, ...], older_than: int | None, *, everything: bool) -> list[StoredBatch]:
    if not seals:
        before = time.time() - (older_than or 0) * DAY
        return [
            batch
            for batch in store.batches()
            if (everything and older_than is None) or (batch.state is State.FINAL and batch.created_at <= before)
        ]
    return [batch_of(store, seal) for seal in seals]


def _check(store: Store, batches: list[StoredBatch], console: Console) -> None:
    faults = {}
    units = sum(batch.unit_count for batch in batches)
    so_far = 0
    with console.progress("checking", units) as done:
        for batch in batches:
            try:
                store.check_tree(batch.seal)
            except StoreDamaged as error:
                faults[f"0x{batch.seal.hex()}"] = error.message
                console.warn(f"batch 0x{batch.seal.hex()}: {error.message}")
            so_far += batch.unit_count
            done(so_far)
    if faults:
        console.found({"batches": len(batches), "units": units, "damaged": faults})
        raise StoreDamaged(
            f"{len(faults)} of {len(batches)} tree files are damaged or missing", hint="bring them back from a backup"
        )
    console.found({"batches": len(batches), "units": units, "damaged": {}})

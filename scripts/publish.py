"""`touchstone publish`: sealed batches go from this store to another registry."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

from registry.errors import InputError, PublicationRefused
from registry.issuing.batches import State
from registry.publishing.door import Door
from registry.publishing.sending import Sender
from scripts.connect import batch_of, path, store_options
from scripts.console import REFUSED, explain, json_option
from scripts.receipts import hex_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from registry.issuing.batches import StoredBatch
    from registry.storage.store import Store
    from scripts.console import Console

LOCAL: Final = re.compile(r"localhost|127\.[0-9.]+|::1")


@click.command("publish")
@click.argument("seals", nargs=-1, type=hex_bytes(32))
@click.option("--to", "base", required=True, help="The registry's address, such as https://verify.example.org.")
@click.option("--all", "everything", is_flag=True, help="Publish every anchored batch of this store, the oldest first.")
@click.option("--no-wait", is_flag=True, help="End when everything is sent, before the registry has checked it.")
@click.option(
    "--patience",
    type=click.FloatRange(min=0),
    default=900.0,
    show_default=True,
    help="Seconds for which a registry may be silent, or check without getting on.",
)
@click.option("--ca-file", type=path(exists=True), help="Certificate authorities to believe instead of the system's.")
@store_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    seals: tuple[bytes, ...],
    base: str,
    everything: bool,
    no_wait: bool,
    patience: float,
    ca_file: Path | None,
    store: Store,
    console: Console,
) -> None:
    """Send the batches of SEALS, with their manufacturers' profiles, and wait until the registry has checked and admitted them.

    Needs no account and no key: the registry believes what it computes again, and the chain. Killed at any moment, run again:
    it goes on where the registry says that it is. A batch that is there already is left alone.
    """
    if bool(seals) == everything:
        raise InputError("found neither seals nor --all, or both, expected one of them")
    if _is_in_clear(base):
        console.warn("the address is not https: the batch's serials and its salt travel in clear")
    batches = _anchored(store) if everything else [batch_of(store, seal) for seal in seals]
    results, refused = [], 0
    for batch in batches:
        with console.gauge() as gauge:
            sender = Sender(Door(base, ca_file), store.profile, picture=store.pictures.read, patience=patience, progress=gauge)
            try:
                told = {"state": sender.send(batch, store.tree(batch.seal), wait=not no_wait).state.value}
            except PublicationRefused as error:
                refused += 1
                explain(error)
                told = {"state": "refused", "reason": error.reason}
        results.append({"seal": f"0x{batch.seal.hex()}", "units": batch.unit_count, **told})
    console.found(
        {"batches": results},
        [f"{one['seal']}  {one['units']:,} units: {one['state']}" + _why(one) for one in results] or ["no batch is anchored"],
    )
    if refused:
        ctx.exit(REFUSED)


def _anchored(store: Store) -> list[StoredBatch]:
    return [batch for batch in store.batches() if batch.state not in {State.SEALED, State.SUBMITTED}]


def _is_in_clear(base: str) -> bool:
    parts = urlsplit(base)
    return parts.scheme == "http" and not LOCAL.fullmatch(parts.hostname or "")


def _why(result: dict[str, object]) -> str:
    return f" ({result['reason']})" if "reason" in result else ""

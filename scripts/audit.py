"""`touchstone audit`: holds what is stored, the journal, the tree files and the chain against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry import auditing
from registry.chain.annals import Annals
from registry.chain.named import read_address
from registry.chain.records import Records
from registry.storage.journal import Journal
from registry.storage.outbox import Outbox
from scripts.connect import chain_options, store_options
from scripts.console import json_option

if TYPE_CHECKING:
    from registry.storage.store import Store
    from scripts.connect import Chain
    from scripts.console import Console


@click.command("audit")
@click.option(
    "--desk", envvar="TOUCHSTONE_DESK_URL", show_envvar=True, help="The desk's database; its journal is left out without."
)
@click.option(
    "--notary",
    "notaries",
    multiple=True,
    help="Address of this desk's notary, where other desks' anchor on this contract, too.",
)
@click.option("--quick", is_flag=True, help="Leave out the tree files, which are otherwise read from end to end.")
@store_options
@chain_options
@json_option
@click.pass_context
def command(
    context: click.Context,
    desk: str | None,
    notaries: tuple[str, ...],
    quick: bool,
    chain: Chain,
    store: Store,
    console: Console,
) -> None:
    """Name every difference between storage, journal, tree files and chain; nothing is changed. Ends with 1 if there is one.

    What cannot be asked ends the audit with an error, and is no difference.
    """
    found: list[auditing.Difference] = []
    for reader in chain.readers():
        found += auditing.of_batches(store, Annals(reader), trees=not quick)
    if desk is not None:
        with Journal.open(desk) as journal, Outbox.open(desk) as outbox:
            found += auditing.of_journal(
                chain.trust.registry_id, journal, outbox, Records(chain.reader()), notaries=list(map(read_address, notaries))
            )
    told = [
        {"code": one.code, "subject": one.subject, "found": one.found, "expected": one.expected, "hint": one.hint}
        for one in found
    ]
    lines = [line for one in found for line in (str(one), f"  {one.hint}")]
    console.found({"differences": told}, [*lines, f"{len(found)} differences"])
    if found:
        context.exit(1)

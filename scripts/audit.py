"""`touchstone audit`: holds what is stored, the journal, cases, the tree files and the chain against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry import auditing, case_auditing, results_auditing
from registry.chain.annals import Annals
from registry.chain.named import read_address
from registry.chain.records import Records
from registry.errors import StoreDamaged, TouchstoneError
from registry.storage.cases import Cases
from registry.storage.journal import Journal
from registry.storage.outbox import Outbox
from scripts.connect import chain_options, store_options
from scripts.console import NOT_ASKED, REFUSED, Inquiry, explain, harmless, json_option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.auditing import Difference
    from registry.storage.store import Store
    from scripts.connect import Chain
    from scripts.console import Console


@click.command("audit", cls=Inquiry)
@click.option(
    "--desk",
    envvar="TOUCHSTONE_DESK_URL",
    show_envvar=True,
    help="The desk's database; its journal, cases and results are left out without.",
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
    """Name every difference between storage, journal, cases, tree files and chain; nothing is changed.

    Exits with 0 if there is none, with 1 if there is one, and with 2 if there is none in what could be asked, but the chain, a
    database or a setting kept it from asking the rest: that is no difference, and no clean audit either.
    """
    addresses = [read_address(one) for one in notaries]
    parts = {
        f"the batches of contract {reader.deployment.contract}": auditing.of_batches(store, Annals(reader), trees=not quick)
        for reader in chain.readers()
    }
    if desk is not None:
        parts |= {
            "the journal": _of_journal(desk, chain, addresses),
            "the cases": _of_cases(desk),
        }
    found: list[Difference] = []
    not_asked: dict[str, TouchstoneError] = {}
    for part, differences in parts.items():
        try:
            # One by one: what a part found before it could not go on stays found.
            for one in differences:
                found.append(one)  # noqa: PERF402 -- see above
        except StoreDamaged as error:
            found.append(auditing.of_damage(part, error))
        except TouchstoneError as error:
            not_asked[part] = error
    _tell(found, not_asked, console)
    if found or not_asked:
        context.exit(REFUSED if found else NOT_ASKED)


def _of_journal(desk: str, chain: Chain, notaries: list[str]) -> Iterator[Difference]:
    with Journal.open(desk) as journal, Outbox.open(desk) as outbox:
        yield from auditing.of_journal(chain.trust.registry_id, journal, outbox, Records(chain.reader()), notaries=notaries)


def _of_cases(desk: str) -> Iterator[Difference]:
    with Cases.open(desk) as cases:
        yield from case_auditing.of_cases(cases)
        yield from results_auditing.of_results(cases.engine)


def _tell(found: list[Difference], not_asked: dict[str, TouchstoneError], console: Console) -> None:
    for part, error in not_asked.items():
        console.say(f"{part} could not be held against everything, which is no difference:")
        explain(error)
    told = [
        {"code": one.code, "subject": one.subject, "found": one.found, "expected": one.expected, "hint": one.hint}
        for one in found
    ]
    lines = [harmless(line) for one in found for line in (str(one), f"  {one.hint}")]
    end = f"{len(found)} differences"
    if not_asked:
        end += f" in what could be asked; not asked: {', '.join(not_asked)}"
    missed = [{"part": part, "reason": error.message, "hint": error.hint} for part, error in not_asked.items()]
    console.found({"differences": told, "not_asked": missed}, [*lines, end])

"""`touchstone verify`: the verdict on one link, or the repetition of a proof file, step by step."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.checking.json_form import as_json
from registry.checking.verdicts import Registration
from registry.checking.verifier import Verifier
from scripts import verify_proof
from scripts.connect import chain_options, options_of, store_options
from scripts.console import REFUSED, Console, json_option
from scripts.verify_proof import MARKS

if TYPE_CHECKING:
    from registry.checking.verdicts import Verdict
    from registry.storage.store import Store
    from scripts.connect import Chain

LINK = re.compile(r"https?:", re.IGNORECASE)


@chain_options
@store_options
def check_link(link: str, chain: Chain, store: Store, console: Console) -> bool:
    """Check a link as the site does, and say whether the verdict is `registered`."""
    verdict = Verifier(chain.trust, chain.readers(), store).check(link)
    console.found(as_json(verdict), _lines(verdict))
    return verdict.registration is Registration.REGISTERED


@click.command("verify")
@click.argument("presented", metavar="LINK|FILE")
@click.option("--contract", help="For a proof file: the contract to ask, from a source that you trust. Not asked without it.")
@options_of(check_link)
@json_option
@click.pass_context
def command(ctx: click.Context, /, presented: str, contract: str | None, console: Console, **options: Any) -> None:
    """Check LINK as the site does, or repeat the proof FILE (proof.json), and print every step.

    Exits with 0 if the verdict is `registered`, or if each step of the proof that was asked holds; with 1 otherwise. A proof is
    checked up to its seal with no network, and against a chain with --contract and --rpc; it needs no --trust and no store.
    """
    file = Path(presented)
    if not LINK.match(presented) and (contract is not None or file.suffix == ".json" or file.is_file()):
        good = verify_proof.check(file, contract, options["rpc"], console)
    elif contract is not None:
        raise click.UsageError("--contract is for a proof file: a link is checked with --trust")
    else:
        good = check_link(link=presented, console=console, **options)
    if not good:
        ctx.exit(REFUSED)


def _lines(verdict: Verdict) -> list[str]:
    lines = [f"{verdict.registration.value}" + (f"  ({', '.join(verdict.reasons)})" if verdict.reasons else "")]
    for check in verdict.checks:
        told = ": ".join(text for text in (check.code or "", check.detail) if text)
        lines.append(f"  ({check.step.value:>2}) {check.step.name.lower():<10} {MARKS[check.outcome]:<4} {told}".rstrip())
    if verdict.anchor is not None:
        anchor = verdict.anchor
        lines.append(
            f"  anchored in block {anchor.block} of chain {anchor.deployment.chain_id}, contract {anchor.deployment.contract}"
        )
    if verdict.seen is not None and verdict.seen.stale:
        lines.append(f"  the chain is silent: as of {verdict.seen.age_seconds:.0f} seconds ago")
    return lines

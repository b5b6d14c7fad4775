"""`touchstone verify`: the verdict on one link, or the repetition of a proof or absence file, step by step."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.checking.json_form import as_json
from registry.checking.verdicts import Registration
from registry.checking.verifier import Verifier
from registry.errors import DocumentError
from registry.proofs import absence_file
from scripts import verify_absence, verify_proof
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
    console.found(as_json(verdict), lines_of(verdict))
    return verdict.registration is Registration.REGISTERED


@click.command("verify")
@click.argument("presented", metavar="LINK|FILE")
@click.option(
    "--contract",
    "contracts",
    multiple=True,
    help="For a file: the contract to ask, from a source that you trust; for an absence file each contract of the registry. "
    "Not asked without it.",
)
@options_of(check_link)
@json_option
@click.pass_context
def command(ctx: click.Context, /, presented: str, contracts: tuple[str, ...], console: Console, **options: Any) -> None:
    """Check LINK as the site does, or repeat the FILE of a proof or an absence (proof.json), and print every step.

    Exits with 0 if the verdict is `registered`, or if each step of the file that was asked holds; with 1 otherwise. A file is
    checked up to its seals with no network, and against a chain with --contract and --rpc; it needs no --trust and no store.
    """
    file = Path(presented)
    if not LINK.match(presented) and (contracts or file.suffix == ".json" or file.is_file()):
        good = _check_file(_read(file), contracts, options["rpc"], console)
    elif contracts:
        raise click.UsageError("--contract is for a file: a link is checked with --trust")
    else:
        good = check_link(link=presented, console=console, **options)
    if not good:
        ctx.exit(REFUSED)


def _check_file(raw: bytes, contracts: tuple[str, ...], rpc: str, console: Console) -> bool:
    if absence_file.is_one(raw):
        return verify_absence.check(raw, contracts, rpc, console)
    if len(contracts) > 1:
        raise click.UsageError("a proof file is about one contract: name one with --contract")
    return verify_proof.check(raw, contracts[0] if contracts else None, rpc, console)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(absence_file.MAX_BYTES + 1)
    except OSError as error:
        raise DocumentError(f"{path} cannot be read: {error.strerror or error}") from error


def lines_of(verdict: Verdict) -> list[str]:
    """Return a verdict with its steps, for people."""
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

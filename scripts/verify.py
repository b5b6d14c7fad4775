"""`touchstone verify`: the verdict on one link, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry.checking.json_form import as_json
from registry.checking.verdicts import Registration
from registry.checking.verifier import Verifier
from scripts.connect import chain_options, store_options
from scripts.console import REFUSED, Console, json_option

if TYPE_CHECKING:
    from registry.checking.verdicts import Verdict
    from registry.storage.store import Store
    from scripts.connect import Chain

MARKS = {"passed": "ok", "failed": "NO", "noted": "note", "not_asked": "-", "unknown": "?"}


@click.command("verify")
@click.argument("link")
@chain_options
@store_options
@json_option
@click.pass_context
def command(ctx: click.Context, link: str, chain: Chain, store: Store, console: Console) -> None:
    """Check LINK as the site does, and print every step. Exits with 0 if the verdict is `registered`, with 1 otherwise."""
    verdict = Verifier(chain.trust, chain.readers(), store).check(link)
    console.found(as_json(verdict), _lines(verdict))
    if verdict.registration is not Registration.REGISTERED:
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

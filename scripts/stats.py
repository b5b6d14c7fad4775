"""`touchstone stats`: what a store holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry.storage.scans import Reason, Scans
from scripts.connect import store_options
from scripts.console import json_option

if TYPE_CHECKING:
    from registry.storage.store import Store
    from scripts.console import Console

SHOWN = 20


@click.command("stats")
@click.option(
    "--scans", "scans_url", envvar="TOUCHSTONE_SCANS_URL", show_envvar=True, help="Database of the site's scans, to count them."
)
@store_options
@json_option
def command(scans_url: str | None, store: Store, console: Console) -> None:
    """Count batches, units and bytes of a store, and name tree files that are missing or belong to no batch.

    Of scans it says how many are stored, dropped because the queue of a site was full, and lost because a site was killed.
    """
    found = store.census()
    scanned = _scans(scans_url) if scans_url else None
    facts = {
        "batches": sum(found.batches.values()),
        "units": sum(found.units.values()),
        "by_state": {state: {"batches": count, "units": found.units[state]} for state, count in sorted(found.batches.items())},
        "by_manufacturer": {
            str(number): {"batches": count, "units": units} for number, (count, units) in found.manufacturers.items()
        },
        "database_bytes": found.database_bytes,
        "tree_files": found.tree_files,
        "tree_bytes": found.tree_bytes,
        "archived": found.archived,
        "missing": [f"0x{seal}" for seal in found.missing],
        "strange_files": list(found.strange),
        "scans": scanned,
    }
    lines = [f"{'':<24}{'batches':>12}{'units':>16}"]
    lines += [f"{state:<24}{count:>12,}{found.units[state]:>16,}" for state, count in sorted(found.batches.items())]
    lines += [f"manufacturer {number:<11}{count:>12,}{units:>16,}" for number, (count, units) in found.manufacturers.items()]
    lines += [f"{'together':<24}{facts['batches']:>12,}{facts['units']:>16,}", ""]
    lines += [f"database      {found.database_bytes / 1e6:,.1f} MB"]
    lines += [f"tree files    {found.tree_files:,}, {found.tree_bytes / 1e6:,.1f} MB; in the archive {found.archived:,}"]
    if scanned:
        lines.append("scans         " + ", ".join(f"{name} {count:,}" for name, count in scanned.items()))
    console.found(facts, lines)
    for seal in found.missing[:SHOWN]:
        console.warn(f"batch 0x{seal} has no tree file: bring it back from a backup")
    for name in found.strange[:SHOWN]:
        console.warn(f"{name} in the folder of trees belongs to no batch")
    for kind, count in (("missing", len(found.missing)), ("strange", len(found.strange))):
        if count > SHOWN:
            console.warn(f"and {count - SHOWN} more {kind} files")


def _scans(url: str) -> dict[str, int]:
    """Count the scans of a database, and those that never reached it."""
    with Scans.open(url, create=False) as scans:
        told = {"stored": scans.count(), "dropped": 0, "lost": 0}
        for loss in scans.losses():
            told["dropped" if loss.reason is Reason.FULL else "lost"] += loss.scans
    return told

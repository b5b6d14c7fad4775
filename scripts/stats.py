"""`touchstone stats`: what a store holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scripts.connect import store_options
from scripts.console import json_option

if TYPE_CHECKING:
    from registry.storage.store import Store
    from scripts.console import Console

SHOWN = 20


@click.command("stats")
@store_options
@json_option
def command(store: Store, console: Console) -> None:
    """Count batches, units and bytes of a store, and name tree files that are missing or belong to no batch."""
    found = store.census()
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
    }
    lines = [f"{'':<24}{'batches':>12}{'units':>16}"]
    lines += [f"{state:<24}{count:>12,}{found.units[state]:>16,}" for state, count in sorted(found.batches.items())]
    lines += [f"manufacturer {number:<11}{count:>12,}{units:>16,}" for number, (count, units) in found.manufacturers.items()]
    lines += [f"{'together':<24}{facts['batches']:>12,}{facts['units']:>16,}", ""]
    lines += [f"database      {found.database_bytes / 1e6:,.1f} MB"]
    lines += [f"tree files    {found.tree_files:,}, {found.tree_bytes / 1e6:,.1f} MB; in the archive {found.archived:,}"]
    console.found(facts, lines)
    for seal in found.missing[:SHOWN]:
        console.warn(f"batch 0x{seal} has no tree file: bring it back from a backup")
    for name in found.strange[:SHOWN]:
        console.warn(f"{name} in the folder of trees belongs to no batch")
    for kind, count in (("missing", len(found.missing)), ("strange", len(found.strange))):
        if count > SHOWN:
            console.warn(f"and {count - SHOWN} more {kind} files")

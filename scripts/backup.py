"""`touchstone backup`: takes a snapshot of everything that a site has, while it works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from registry.errors import InputError
from registry.storage.backup import Backups, Site
from scripts.connect import path, site_options
from scripts.console import json_option

if TYPE_CHECKING:
    from pathlib import Path

    from registry.storage.backup import Snapshot
    from scripts.console import Console


@click.command("backup")
@click.argument("folder", type=path(folder=True))
@click.option("--keep", type=click.IntRange(min=1), metavar="N", help="Afterwards remove all snapshots but the newest N.")
@click.option("--list", "list_", is_flag=True, help="Take none: name the snapshots that are there.")
@click.option("--check", is_flag=True, help="Take none: read every file of the latest snapshot, and name each that changed.")
@click.option("--snapshot", help="With --check: another than the latest.")
@site_options
@json_option
def command(
    folder: Path, keep: int | None, list_: bool, check: bool, snapshot: str | None, site: Site, console: Console
) -> None:
    """Back databases, tree files, pictures and trust file up to FOLDER, which grows by what is new.

    The site may work meanwhile. A snapshot counts when it is whole and on disk; one that was killed leaves nothing. Keys are
    never in it, but salts and what people reported are: keep FOLDER on another disk, and as private as the store.
    """
    if sum((list_, check, keep is not None)) > 1 or (snapshot and not check):
        raise InputError("found options that belong to different tasks, expected --list, --check or --keep alone")
    backups = Backups(folder)
    if list_:
        found = [backups.read(name) for name in backups.names()]
        console.found({"snapshots": [_facts(one) for one in found]}, [_line(one) for one in found] or ["no snapshots"])
        return
    if check:
        chosen = backups.read(snapshot)
        with console.gauge() as gauge:
            backups.check(chosen, gauge)
        console.found({"checked": True, **_facts(chosen)})
        return
    with console.gauge() as gauge:
        made = backups.make(site, gauge)
    removed = backups.keep_only(keep) if keep is not None else []
    console.found({**_facts(made), "removed": len(removed)})


def _facts(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "snapshot": snapshot.name,
        "databases": ", ".join(" and ".join(part.holds) for part in snapshot.parts),
        "rows": sum(sum(part.rows.values()) for part in snapshot.parts),
        "tree_files": len(snapshot.trees),
        "pictures": len(snapshot.pictures),
        "trust_file": snapshot.trust is not None,
        "bytes": snapshot.size,
    }


def _line(snapshot: Snapshot) -> str:
    facts = _facts(snapshot)
    return f"{facts['snapshot']}  {facts['tree_files']:,} tree files, {facts['rows']:,} rows, {facts['bytes']:,} bytes"

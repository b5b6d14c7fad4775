"""`touchstone restore`: brings a backup back to an empty machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry.storage.backup import Backups, Site
from scripts.connect import path, site_options
from scripts.console import json_option

if TYPE_CHECKING:
    from pathlib import Path

    from scripts.console import Console


@click.command("restore")
@click.argument("folder", type=path(exists=True, folder=True))
@click.option("--snapshot", help="Another than the latest; `touchstone backup FOLDER --list` names them.")
@site_options
@json_option
def command(folder: Path, snapshot: str | None, site: Site, console: Console) -> None:
    """Bring a snapshot of FOLDER back into empty databases and an empty folder of trees, of either engine.

    Nothing that is there is replaced. Every file is compared with its SHA-256, tree files are read from end to end, and the
    index of units is made from them. Killed at any moment, it can be done again. Afterwards `touchstone audit` holds everything
    against the chain.
    """
    backups = Backups(folder)
    chosen = backups.read(snapshot)
    with console.gauge() as gauge:
        backups.restore(chosen, site, gauge)
    console.found({"snapshot": chosen.name, "tree_files": len(chosen.trees), "pictures": len(chosen.pictures)})

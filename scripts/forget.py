"""`touchstone forget`: the retention job of a site that remembers checks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from registry.checking.history import KEPT_DAYS
from registry.storage.histories import HOUR, Histories
from scripts.console import json_option

if TYPE_CHECKING:
    from scripts.console import Console


@click.command("forget")
@click.option("--scans", "url", envvar="TOUCHSTONE_SCANS_URL", show_envvar=True, required=True, help="The database of scans.")
@click.option(
    "--days", type=click.IntRange(1, KEPT_DAYS), default=KEPT_DAYS, show_default=True, help="Scans younger than this are kept."
)
@json_option
def command(url: str, days: int, console: Console) -> None:
    """Fold scans that are older than some days into three facts of their unit, and remove them.

    What is left is the day and region of a unit's first check, and how many there were; who said that a check was not theirs is
    removed as well. Run it every night: it may be interrupted, and the site goes on meanwhile.
    """
    before = (int(time.time()) - days * 86_400) // HOUR * HOUR
    with Histories.open(url, create=True) as histories:
        forgotten = histories.forget(before)
    console.found(
        {"forgotten": forgotten, "days": days}, [f"{forgotten:,} scans of more than {days} days ago are folded and gone"]
    )

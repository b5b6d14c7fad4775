"""`touchstone forget`: the retention job of a site that remembers checks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from registry.checking.history import KEPT_DAYS
from registry.storage.histories import HOUR, Histories
from registry.storage.leads import A_DAY, LEAD_DAYS, PERSONAL_DAYS, Leads
from scripts.connect import scans_option
from scripts.console import json_option

if TYPE_CHECKING:
    from scripts.console import Console


@click.command("forget")
@scans_option
@click.option(
    "--days", type=click.IntRange(1, KEPT_DAYS), default=KEPT_DAYS, show_default=True, help="Scans younger than this are kept."
)
@json_option
def command(url: str, days: int, console: Console) -> None:
    """Fold scans that are older than some days into three facts of their unit, and remove them.

    What is left is the day and region of a unit's first check, and how many there were; who said that a check was not theirs is
    removed as well. Of reports, contacts and photos are removed when they are as old as people were told, and in the end the
    report. Run it every night: it may be interrupted, and the site goes on meanwhile.
    """
    now = int(time.time())
    before = (now - days * A_DAY) // HOUR * HOUR
    with Leads.open(url, create=True) as leads:
        gone = leads.forget(now)
    with Histories.open(url, create=True) as histories:
        forgotten = histories.forget(before)
    console.found(
        {"forgotten": forgotten, "days": days, "contacts": gone.contacts, "photos": gone.photos, "leads": gone.leads},
        [
            f"{forgotten:,} scans of more than {days} days ago are folded and gone",
            f"{gone.contacts:,} contacts and {gone.photos:,} photos of reports of more than {PERSONAL_DAYS} days ago are gone",
            f"{gone.leads:,} reports of more than {LEAD_DAYS} days ago are gone",
        ],
    )

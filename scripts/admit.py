"""`touchstone admit`: checks what the site received, and stores what holds."""

from __future__ import annotations

import logging
import signal
import time
from typing import TYPE_CHECKING, Final, NoReturn

import click

from registry.checking.deployments import Deployments
from registry.publishing.admission import Admitter
from registry.publishing.inbox import Inbox
from scripts.connect import chain_options, new_store_options, path
from scripts.console import REFUSED, json_option

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

    from registry.storage.store import Store
    from scripts.connect import Chain
    from scripts.console import Console

PAUSE: Final = 5.0
"""Seconds until what could not be asked is asked again."""


@click.command("admit")
@click.option(
    "--inbox",
    type=path(folder=True),
    envvar="TOUCHSTONE_INBOX",
    show_envvar=True,
    required=True,
    help="The folder into which the site receives.",
)
@click.option("--once", is_flag=True, help="Look once, and end; exit code 1 if something has to wait.")
@click.option("--every", type=click.FloatRange(min=0.05), default=1.0, show_default=True, help="Seconds between two looks.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes that check a large batch. Default: one for each core.")
@chain_options
@new_store_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    inbox: Path,
    once: bool,
    every: float,
    workers: int | None,
    chain: Chain,
    store: Store,
    console: Console,
) -> None:
    """Check every batch that the site received, down to each signature, and store those that hold; goes on until Ctrl-C.

    Runs beside the site, with the site's store. What does not hold is refused with a reason that its sender reads; what could
    not be asked is asked again. Killed at any moment, run again: nothing is stored by half.
    """
    logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
    signal.signal(signal.SIGTERM, _stop)
    received = Inbox(inbox)
    deployments = Deployments(chain.trust, [reader.asking_now() for reader in chain.readers()])
    admitter = Admitter(received, deployments, store, chain.trust.registry_id, workers=workers, tell=console.say)
    try:
        with received.admitting():
            waiting = admitter.run_once()
            while not once:
                time.sleep(max(every, PAUSE) if waiting else every)
                waiting = admitter.run_once()
    except KeyboardInterrupt:
        console.say("ended; what was begun is taken up again at the next start")
        return
    console.found({"waiting": waiting})
    if waiting:
        ctx.exit(REFUSED)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """End as Ctrl-C does."""
    del number, frame
    raise KeyboardInterrupt

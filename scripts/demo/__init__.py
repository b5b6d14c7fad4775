"""`touchstone demo`: the main job, running on real input.

A chain with its state on disk, the contract, an alliance with a witness and a notary, three fictitious brands, signed, anchored
and labelled batches, the site, and a second site whose chain is silent. Ctrl-C ends everything; the next start continues.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry import barcodes
from registry.chain.devchain import Anvil
from registry.errors import TouchstoneError
from registry.issuing import labels
from registry.issuing.printing import print_labels
from registry.publishing.door import Door
from registry.publishing.sending import Sender
from scripts.demo import certificate
from scripts.demo.beside import Beside, RunningBeside
from scripts.demo.cases import PastCases
from scripts.demo.links import Links
from scripts.demo.officers import PASSPHRASE, people_of_the_desk
from scripts.demo.past import PastChecks
from scripts.demo.photo import photograph
from scripts.demo.processes import RunningSite, Site, make_room
from scripts.demo.stage import ACCOUNTS, BEGINS, DAY, Stage, first_start
from scripts.demo.story import KESTREL, Story
from scripts.print_labels import order_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

    from registry.issuing.batches import StoredBatch
    from scripts.demo.links import DemoLink
    from scripts.demo.stage import Brand

HERE = "127.0.0.1"
DEAD_CHAIN = "http://127.0.0.1:9"
"""The discard port: nothing listens there."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)
PRINTED = 210
"""Labels on the demo's sheets: ten pages."""
PHOTO_PIXELS = 8
ADMITS_EVERY, NOTARISES_EVERY = "0.1", "1"
"""Seconds: in a demo somebody waits."""
PATIENCE = 60.0
"""Seconds that the site may take to check a batch of 1,000 units."""


@click.command("demo")
@click.option(
    "--port", type=click.IntRange(1, 65534), default=8000, show_default=True, help="The site; the silent one is next."
)
@click.option("--host", help="This machine's address on the network: serves TLS there, so that a phone can scan the labels.")
@click.option(
    "--folder", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True, help="Where all is kept."
)
@click.option("--examples", type=click.Path(exists=True, path_type=Path), default=Path("examples"), help="The brands' files.")
@click.option("--once", is_flag=True, help="Set everything up, write the links, and end.")
def command(port: int, host: str | None, folder: Path, examples: Path, once: bool) -> None:
    """Set up and run the whole story, and print one link for each verdict."""
    began = time.monotonic()

    def tell(text: str) -> None:
        click.echo(f"[{time.monotonic() - began:5.1f} s] {text}")

    def tell_between_steps(text: str) -> None:
        tell(text)
        if stop.is_set():
            raise KeyboardInterrupt

    folder = folder.resolve()
    address, scheme = host or HERE, "https" if host else "http"
    base, silent_base = f"{scheme}://{address}:{port}", f"{scheme}://{address}:{port + 1}"
    stop = threading.Event()
    for number in SIGNALS:
        signal.signal(number, lambda _number, _frame: _asked_to_stop(stop, _frame))
    with suppress(KeyboardInterrupt), ExitStack() as running:
        stage = _stage(folder, examples, running, tell_between_steps)
        tls = certificate.ensure(folder / "tls", host) if host else None
        wanted = _sites(stage, address, port, tls)
        for site in wanted:
            make_room(site)  # better said now than after the whole story
        admitting, notarising = _beside(stage, wanted[0].settings)
        for what in (admitting, notarising):
            what.end_earlier()
        stage.trust  # noqa: B018  # the sites read its file
        stage.site  # noqa: B018  # and open its databases
        stage.histories  # noqa: B018  # two of them
        officers = people_of_the_desk(_desk_of(stage))
        stage.inbox.mkdir(mode=0o700, exist_ok=True)
        sites = _serve(wanted, running)
        admitter = cache(lambda: _run(admitting, running))  # not before it is needed, so that the sites are up sooner

        def send(brand: Brand, batch: StoredBatch) -> None:
            admitter()
            sites[0].wait_until_up()
            store = stage.store(brand)
            Sender(Door(base, tls[2] if tls else None), store.profile, picture=store.pictures.read, patience=PATIENCE).send(
                batch, store.tree(batch.seal)
            )

        story = Story(stage, f"{address}:{port}", tell_between_steps, send)
        story.play()
        PastChecks(stage, story).tell()
        PastCases(stage, _desk_of(stage)).tell()
        demo_links = Links(stage, story, base, silent_base)
        found = demo_links.all()
        sheet, photo = _print(stage, demo_links, found[0], base)
        listed = json.dumps([one.as_json() for one in found], ensure_ascii=False, indent=2)
        (folder / "links.json").write_text(listed + "\n", encoding="utf-8")
        for one in sites:
            one.wait_until_up()
        tell_between_steps("the sites are up")
        _show(found, base, sheet, photo, folder, tls[2] if tls else None)
        click.echo(f"\ndesk                 {base}/desk\npassphrase of all    {PASSPHRASE}\nauthenticators' keys")
        click.echo("\n".join(f"  {line}" for line in officers) + "\n\nCtrl-C ends everything.")
        if not once:
            _wait(stop, sites, (admitter(), _run(notarising, running)), stage.chain)
    tell("ended; the next start continues with the same chain and data")


def _asked_to_stop(stop: threading.Event, frame: FrameType | None) -> None:
    """Stop after the present step; asked a second time, at once. A third time would leave processes behind, and is ignored."""
    del frame
    if stop.is_set():
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt
    stop.set()


def _stage(folder: Path, examples: Path, running: ExitStack, tell: Callable[[str], None]) -> Stage:
    """Start the chain and set the stage on it."""
    start = first_start(folder)
    begins = start - BEGINS * DAY
    chain = running.enter_context(Anvil(folder / "chain.json", accounts=ACCOUNTS, genesis_time=begins))
    stage = Stage(folder, examples, chain, start, tell)
    running.callback(stage.close)
    return stage


def _print(stage: Stage, links: Links, first: DemoLink, base: str) -> tuple[Path, Path]:
    """Print sheets of labels, and a picture of one label as a phone would take it; once for each address that they carry."""
    sheet, photo, printed = stage.folder / "labels.pdf", stage.folder / "photo.png", stage.folder / "printed-for"
    if printed.exists() and printed.read_text() == base:
        return sheet, photo
    order = order_of(stage.store(KESTREL), links.labelled().seal, base, "pdf", labels.STOCKS["A4-21"])
    print_labels(order, sheet, count=PRINTED)
    photograph(barcodes.encode(first.link).picture(PHOTO_PIXELS), photo)
    printed.write_text(base)
    return sheet, photo


def _sites(stage: Stage, address: str, port: int, tls: tuple[Path, Path, Path] | None) -> tuple[Site, Site]:
    """Return the site and the one whose chain is silent."""
    common = {
        "TOUCHSTONE_DATABASE_URL": stage.database,
        "TOUCHSTONE_TREES": str(stage.trees),
        "TOUCHSTONE_TRUST": str(stage.trust_file),
        "TOUCHSTONE_TRUSTED_HOST": f"{address}:{port}",
    }
    whole = {
        "TOUCHSTONE_RPC": stage.chain.url,
        "TOUCHSTONE_READER_RPC": stage.chain.url,
        "TOUCHSTONE_INBOX": str(stage.inbox),
        "TOUCHSTONE_SCANS_URL": stage.scans_database,
        "TOUCHSTONE_DEVICE_SECRET": stage.device_secret,
        "TOUCHSTONE_DESK_URL": _desk_of(stage),
        "TOUCHSTONE_DEMO": "1",
    }
    pair = tls[:2] if tls else None
    return (
        Site("site", address, port, {**common, **whole}, stage.folder / "site.log", pair),
        Site("silent", address, port + 1, {**common, "TOUCHSTONE_RPC": DEAD_CHAIN}, stage.folder / "silent.log", pair),
    )


def _desk_of(stage: Stage) -> str:
    """Return the desk's database."""
    return f"sqlite:///{stage.folder / 'desk.db'}"


def _beside(stage: Stage, settings: Mapping[str, str]) -> tuple[Beside, Beside]:
    """Return what admits what the site receives, and the notary, whose key the site does not know."""
    inbox, key = str(stage.inbox), str(stage.keystore("notary"))
    secret = ("--passphrase-file", str(stage.passphrase_file))
    return (
        Beside(("admit", "--inbox", inbox, "--every", ADMITS_EVERY), inbox, settings, stage.folder / "admit.log"),
        Beside(
            ("notary", "run", "--keystore", key, *secret, "--every", NOTARISES_EVERY),
            key,
            settings,
            stage.folder / "notary.log",
        ),
    )


def _run(what: Beside, running: ExitStack) -> RunningBeside:
    """Start what works beside the sites; it ends with the demo."""
    one = RunningBeside(what)
    running.callback(one.stop)
    return one


def _serve(wanted: tuple[Site, Site], running: ExitStack) -> list[RunningSite]:
    """Start the sites; they come up while the story is told."""
    sites = []
    for site in wanted:
        one = RunningSite(site)
        running.callback(one.stop)
        sites.append(one)
    return sites


def _show(found: list[DemoLink], base: str, sheet: Path, photo: Path, folder: Path, authority: Path | None) -> None:
    click.echo()
    for link in found:
        click.echo(f"{link.expect.value:<20} {link.name}\n{'':<20} {link.page}")
    click.echo()
    click.echo(f"start page           {base}/")
    click.echo(f"inspector's page     {base}/inspect")
    click.echo(f"report a problem     {base}/report")
    click.echo(f"published results    {base}/results")
    click.echo(f"manufacturers        {base}/manufacturers")
    click.echo(f"label sheets         {sheet}")
    click.echo(f"photo to upload      {photo}")
    click.echo(f"links as JSON        {folder / 'links.json'}")
    if authority is not None:
        click.echo(f"certificate          {authority} (install it on the phone, and remove it afterwards)")


def _wait(stop: threading.Event, sites: list[RunningSite], beside: tuple[RunningBeside, ...], chain: Anvil) -> None:
    """Wait for Ctrl-C. Raises `TouchstoneError` if one of the processes ends by itself."""
    while not stop.wait(1.0):
        for one in beside:
            if one.ended:
                raise TouchstoneError(f"`{one.what.name}` ended by itself", hint=f"see {one.what.log}")
        for site in sites:
            if site.ended:
                raise TouchstoneError(f"the site {site.site.name!r} ended by itself", hint=f"see {site.site.log}")
        if not chain.running:
            raise TouchstoneError("the chain ended by itself", hint="start the demo again: it continues")

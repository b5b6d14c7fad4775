"""The drill for a stolen key, as people type it: what was anchored before stands, what came later is under review, and why."""

from __future__ import annotations

import datetime as dt
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pytest
from web3 import Web3

from registry.chain.devchain import Anvil
from registry.keys import create_keystore
from scripts.demo.processes import RunningSite, Site
from tests.journeys.plant import PASSPHRASE, Plant
from tests.journeys.reading import headline_pattern, reading
from tests.journeys.running_demo import free_ports, get
from tests.journeys.test_from_csv_to_print import LAMP, LOT, NUMBER, PRODUCTS, PROFILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = pytest.mark.xdist_group("compromise")

FRESH: Final = 2.0
"""Seconds that an answer of the chain is kept: the cache time."""
HOUR: Final = 3600


@dataclass(frozen=True)
class Scene:
    """A manufacturer at work, and the site."""

    plant: Plant

    def key(self, name: str) -> str:
        """Make a key and have it added; gives its address."""
        run, by = self.plant.touchstone, self.plant.by
        address: str = run("key", "new", f"{name}.json", "--passphrase-file", "passphrase")["address"]
        self.plant.chain.fund(address)
        consent = run("key", "consent", NUMBER, *by(name))["consent"]
        run("key", "add", NUMBER, address, "--consent", consent, *by("controller"))
        return address

    def batch(self, name: str, by: str, *, refused: bool = False) -> dict[str, Any]:
        """Register a lamp by a key."""
        (self.plant.folder / f"{name}.csv").write_text(f"gtin,lot,serial\n{LAMP},{LOT},\n")
        words = ("register", f"{name}.csv", "--products", "products.toml", "--run", name, *self.plant.by(by))
        done = self.plant.program(*words, refused=refused)
        self.plant.chain.finalize()
        return done

    def link(self, seal: str) -> str:
        """Return the label's link of a batch of one."""
        self.plant.touchstone("labels", seal, "--base", self.plant.base, "--format", "csv", "--out", f"{seal}.csv")
        rows = (self.plant.folder / f"{seal}.csv").read_text().splitlines()
        return rows[1].split(",")[rows[0].split(",").index("link")]

    def later(self) -> int:
        """Let an hour pass on the chain, and return the time in the middle of it."""
        chain = self.plant.chain
        now = int(chain.w3().eth.get_block("latest")["timestamp"])
        chain.request("evm_increaseTime", HOUR)
        chain.request("evm_mine")
        return now + HOUR // 2

    def within_the_cache_time(self, links: dict[str, str], expected: dict[str, tuple[str, list[str]]]) -> None:
        """Ask without end: until the cache time is over the old answers may come, and none other; then the new ones do."""
        old = {name: self.said(link) for name, link in links.items()}
        begun = time.monotonic()
        while time.monotonic() < begun + FRESH:
            for name, link in links.items():
                assert self.said(link) in (old[name], expected[name])
        assert {name: self.said(link) for name, link in links.items()} == expected

    def said(self, link: str) -> tuple[str, list[str]]:
        """Return what the site says of a label, to programs."""
        found = get(f"{self.plant.base}/api/v1/verify?link={quote(link, safe='')}").json
        return found["registration"], found["reasons"]


@pytest.fixture(scope="module")
def scene(require_backend: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Found a registry with a manufacturer that has no key yet."""
    require_backend("anvil")
    folder = tmp_path_factory.mktemp("plant")
    (folder / "passphrase").write_text(f"{PASSPHRASE}\n")
    (folder / "products.toml").write_text(PRODUCTS)
    (folder / "profile.json").write_text(json.dumps(PROFILE, ensure_ascii=False))
    with Anvil(epoch_slots=1) as chain:
        for number, name in enumerate(["alliance", "controller"]):
            create_keystore(folder / f"{name}.json", PASSPHRASE, light=True, private_key=chain.private_key(number))
        plant = Plant(folder, chain, f"http://127.0.0.1:{free_ports()}")
        run, by = plant.touchstone, plant.by
        run("deploy", *by("alliance"), "--trust", "trust.json")
        trust = json.loads((folder / "trust.json").read_text())
        (folder / "trust.json").write_text(json.dumps({**trust, "freshSeconds": FRESH}))
        run("accredit", "role", "accreditor", chain.accounts[0], *by("alliance"))
        run("accredit", "domains", plant.base.removeprefix("http://"), *by("alliance"))
        profile = ("profile.json", "--uri", "https://larch.example/profile.json")
        run("accredit", "manufacturer", NUMBER, chain.accounts[1], *profile, *by("alliance"))
        yield Scene(plant)


def test_the_drill(scene: Scene, browser: Browser) -> None:
    """Reported at the command line, read on the page within the cache time; the next key goes on, one batch is vouched for."""
    plant, run, by = scene.plant, scene.plant.touchstone, scene.plant.by
    stolen = scene.key("line")
    before = scene.batch("before", "line")["seal"]
    since = scene.later()
    ours, theirs = (scene.batch(name, "line")["seal"] for name in ("ours", "theirs"))
    links = {"before": scene.link(before), "ours": scene.link(ours), "theirs": scene.link(theirs)}
    settings = {
        "TOUCHSTONE_DATABASE_URL": f"sqlite:///{plant.folder / 'registry.db'}",
        "TOUCHSTONE_TREES": str(plant.folder / "trees"),
        "TOUCHSTONE_TRUST": str(plant.folder / "trust.json"),
        "TOUCHSTONE_RPC": plant.chain.url,
    }
    site = RunningSite(Site("site", "127.0.0.1", int(plant.base.rsplit(":", 1)[1]), settings, plant.folder / "site.log"))
    try:
        site.wait_until_up()
        for link in links.values():
            assert scene.said(link) == ("registered", [])

        moment = f"{dt.datetime.fromtimestamp(since, dt.UTC):%Y-%m-%dT%H:%M:%S}"
        run("key", "compromised", stolen, "--since", moment, "--reason", "the laptop of the line was stolen", *by("controller"))
        review = ("key_under_review", ["key_compromised"])
        scene.within_the_cache_time(links, {"before": ("registered", []), "ours": review, "theirs": review})
        why = {"en": "may have been in other hands", "zh-Hans": "可能已落入他人之手"}
        for language, words in why.items():
            with reading(browser, language=language) as reader:
                reader.page.goto(links["before"])
                assert headline_pattern("registered", language).fullmatch(reader.headline)
                assert words not in reader.text
                reader.page.goto(links["theirs"])
                assert headline_pattern("under_review", language).fullmatch(reader.headline)
                assert words in reader.text
                assert reader.faults == []
                assert reader.strangers(plant.base) == []

        # The stolen key anchors nothing any more, and that is said before anything is paid; the next key goes on.
        paid = plant.chain.w3().eth.get_transaction_count(Web3.to_checksum_address(stolen))
        told = scene.batch("too-late", "line", refused=True)["refused"]
        assert f"was reported as compromised, since {moment.replace('T', ' ')} UTC" in told
        assert plant.chain.w3().eth.get_transaction_count(Web3.to_checksum_address(stolen)) == paid
        scene.key("next-line")
        links["next"] = scene.link(scene.batch("next", "next-line")["seal"])
        # The maker knows one of the two later batches for its own.
        run("key", "endorse", NUMBER, ours, stolen, *by("controller"))
        plant.chain.finalize()
        stands: tuple[str, list[str]] = ("registered", [])
        vouched = ("registered", ["endorsed"])
        scene.within_the_cache_time(links, {"before": stands, "ours": vouched, "theirs": review, "next": stands})
        with reading(browser) as reader:
            reader.page.goto(links["ours"])
            assert headline_pattern("registered", "en").fullmatch(reader.headline)
            assert "the manufacturer has vouched for this batch since" in reader.text
    finally:
        site.stop()

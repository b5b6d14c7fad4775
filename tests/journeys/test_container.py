"""A container of two thousand serials, from an inspector's list to evidence that a court can check, by everybody's own hands.

1,800 genuine labels, 120 lines of one copied label, 50 numbers that were never registered, 30 of a lot that was withdrawn. The
chain is away when the list is first checked. A notary process signs and anchors beside the site, as in earnest.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest
from PIL import Image
from playwright.sync_api import TimeoutError as TookTooLong

from registry.accounts.one_time import code_at
from registry.chain.deployment import load_trust
from registry.chain.devchain import Anvil
from registry.chain.endpoints import connect
from registry.chain.reader import ChainReader
from registry.chain.records import Records
from registry.enforcement.cases import Kind
from registry.enforcement.results import FEWEST
from registry.keys import create_keystore
from registry.storage.accounts import TOTP_BYTES
from registry.storage.cases import Cases
from registry.storage.journal import Journal
from registry.units import links, serials
from scripts.demo.officers import PASSPHRASE as EVERYBODYS
from scripts.demo.officers import people_of_the_desk
from scripts.demo.processes import RunningSite, Site
from tests.journeys.plant import PASSPHRASE, Plant
from tests.journeys.reading import headline_pattern, reading
from tests.journeys.running_demo import ROOT, free_ports, get
from tests.journeys.switch import Switch, switched
from tests.webapp.tab import AXE, follow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

    from registry.enforcement.cases import Case
    from registry.units.links import Link

pytestmark = pytest.mark.xdist_group("container")

SCOOTER, LOT, RECALLED = "09521001000017", "K2611A", "K2608R"
A_MONTH: Final = 32 * 86_400
GENUINE, COPIES, NEVER, WITHDRAWN = 1800, 120, 50, 30
LANGUAGES: Final = {"en": "en-GB", "zh-Hans": "zh-CN"}
PRODUCTS: Final = f"""
[[product]]
gtin = "{SCOOTER}"
names.en = "Kestrel S2 electric scooter"
names.zh = "红隼 S2 电动滑板车"
lot = [{{ lot = "{LOT}" }}, {{ lot = "{RECALLED}" }}]
"""
PROFILE: Final = {
    "format": "touchstone-profile", "version": "1", "legalName": {"en": "Kestrel Mobility"}, "brand": {"en": "Kestrel"},
    "domain": "kestrel.example", "trademarks": ["CN 12000001"], "gtins": ["9521001"], "country": "CN",
    "contact": "ip@kestrel.example",
}  # fmt: skip


@dataclass(frozen=True)
class World:
    """The chain with its wire, the site, and what lies in the container."""

    plant: Plant
    wire: Switch
    settings: dict[str, str]
    """The site's."""
    lines: list[str]
    copied: str
    """The label of which there are many."""

    @property
    def site(self) -> str:
        """The site's address."""
        return self.plant.base

    @property
    def records(self) -> Records:
        """What is on the chain's record."""
        trust = load_trust(self.plant.folder / "trust.json")
        return Records(ChainReader(connect(self.plant.chain.url), trust, trust.deployments[0]))


@pytest.fixture(scope="module")
def world(require_backend: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Register, withdraw a lot, open the site and start the notary."""
    require_backend("anvil")
    folder = tmp_path_factory.mktemp("container")
    (folder / "passphrase").write_text(f"{PASSPHRASE}\n")
    (folder / "products.toml").write_text(PRODUCTS)
    (folder / "profile.json").write_text(json.dumps(PROFILE))
    for name, lot, count in (("units", LOT, GENUINE + 1), ("recalled", RECALLED, WITHDRAWN)):
        (folder / f"{name}.csv").write_text("\n".join(["gtin,lot,serial", *[f"{SCOOTER},{lot},"] * count, ""]))
    with Anvil(epoch_slots=1) as chain, switched(chain.port) as wire:
        for number, name in enumerate(["alliance", "controller", "notary"]):
            create_keystore(folder / f"{name}.json", PASSPHRASE, light=True, private_key=chain.private_key(number))
        plant = Plant(folder, chain, f"http://127.0.0.1:{free_ports()}")
        good, recalled = _register(plant)
        desk = f"sqlite:///{folder / 'desk.db'}"
        people_of_the_desk(desk)
        settings = {
            "TOUCHSTONE_DATABASE_URL": f"sqlite:///{folder / 'registry.db'}",
            "TOUCHSTONE_TREES": str(folder / "trees"),
            "TOUCHSTONE_TRUST": str(folder / "trust.json"),
            "TOUCHSTONE_RPC": wire.url,
            "TOUCHSTONE_SCANS_URL": f"sqlite:///{folder / 'scans.db'}",
            "TOUCHSTONE_DEVICE_SECRET": "a secret that makes the keys of phones",
            "TOUCHSTONE_LISTS": str(folder / "lists"),
            "TOUCHSTONE_DESK_URL": desk,
            "TOUCHSTONE_DEMO": "1",
        }
        wire.cut()
        site = RunningSite(Site("site", "127.0.0.1", int(plant.base.rsplit(":", 1)[1]), settings, folder / "site.log"))
        notary = subprocess.Popen(
            [sys.executable, "-m", "scripts", "notary", "run", "--every", "0.3", "--desk", desk, *plant.by("notary")],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **plant.settings},
            stdout=subprocess.DEVNULL,
        )
        try:
            site.wait_until_up()
            never = [f"(01){SCOOTER}(21){serials.generate()}" for _ in range(NEVER)]
            lines = [*good[1:], *[good[0]] * COPIES, *never, *recalled]
            yield World(plant, wire, settings, lines, good[0])
        finally:
            notary.terminate()
            notary.wait(10)
            site.stop()


def _register(plant: Plant) -> tuple[list[str], list[str]]:
    """Return the labels of both lots: the second is withdrawn."""
    run, by, chain = plant.touchstone, plant.by, plant.chain
    run("deploy", *by("alliance"), "--trust", "trust.json")
    trust = json.loads((plant.folder / "trust.json").read_text())
    (plant.folder / "trust.json").write_text(json.dumps({**trust, "freshSeconds": 1}))  # a test waits no ten seconds
    for role, account in (("accreditor", 0), ("inspector", 2)):
        run("accredit", "role", role, chain.accounts[account], *by("alliance"))
    run("accredit", "domains", plant.base.removeprefix("http://"), *by("alliance"))
    profile = ("profile.json", "--uri", "https://kestrel.example/profile.json")
    run("accredit", "manufacturer", "1", chain.accounts[1], *profile, *by("alliance"))
    key = run("key", "new", "line.json", "--passphrase-file", "passphrase")["address"]
    chain.fund(key)
    consent = run("key", "consent", "1", *by("line"))["consent"]
    run("key", "add", "1", key, "--consent", consent, "--withdraw", *by("controller"))
    found = []
    for name in ("units", "recalled"):
        done = plant.program("register", f"{name}.csv", "--products", "products.toml", *by("line"))
        run("labels", done["seal"], "--base", plant.base, "--format", "csv", "--out", f"{name}-links.csv")
        with (plant.folder / f"{name}-links.csv").open(encoding="utf-8", newline="") as stream:
            found.append([row["link"] for row in csv.DictReader(stream)])
    run("withdraw", "batch", done["seal"], "--for", "recalled", *by("line"))
    chain.finalize()
    return found[0], found[1]


class Person:
    """Somebody at the desk, in a browser of his own."""

    def __init__(
        self, browser: Browser, site: str, email: str, *, language: str, width: int = 1280, dark: bool = False, later: float = 0
    ) -> None:
        scheme: Any = "dark" if dark else "light"
        self.context: BrowserContext = browser.new_context(
            locale=LANGUAGES[language], viewport={"width": width, "height": 900}, color_scheme=scheme, accept_downloads=True
        )
        self.page: Page = self.context.new_page()
        self.site = site
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        secret = hashlib.sha256(f"demo {email}".encode()).digest()[:TOTP_BYTES]
        self.go("/desk/sign-in")
        for field, value in (("email", email), ("passphrase", EVERYBODYS), ("code", code_at(secret, time.time() + later))):
            self.page.fill(f"#{field}", value)
        self.press()
        assert self.page.url == f"{self.site}/desk", self.text

    def go(self, address: str) -> None:
        """Open a page and see that nothing is wrong with it."""
        self.page.goto(self.site + address if address.startswith("/") else address)
        self.look()

    def look(self) -> None:
        """See that no line sticks out, and that axe-core finds nothing."""
        self.page.evaluate((ROOT / AXE).read_text(encoding="utf-8"))
        found = self.page.evaluate("async () => (await axe.run()).violations.map(one => one.id + ' ' + one.nodes[0].html)")
        assert found == [], (self.page.url, found)
        assert self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), self.page.url

    def press(self, selector: str = "main form button[type=submit]") -> None:
        """Press a button that leads to another page."""
        follow(self.page, selector)

    def wait_for(self, selector: str) -> None:
        """Wait for a part of a page that loads itself again until it is there."""
        try:
            self.page.wait_for_selector(selector, timeout=60_000)
        except TookTooLong as error:
            raise AssertionError(self.text) from error

    @property
    def text(self) -> str:
        """All that is to be read."""
        return self.page.locator("body").inner_text()


def found_in(inspector: Person) -> list[dict[str, Any]]:
    """Return every line of a result, as its file for machines has them."""
    with inspector.page.expect_download() as download:
        inspector.page.get_by_role("link", name="All lines (JSON lines)").click()
    return [json.loads(line) for line in download.value.path().read_text().splitlines()]


def test_the_whole_road(world: World, browser: Browser, tmp_path: Path) -> None:
    """Every step by a person's own hands; nothing is lost while the chain is away, and nobody accused."""
    inspector = Person(browser, world.site, "customs@desk.example", language="en")
    _check_the_list(inspector, world, tmp_path)
    case = _open_a_case(inspector, tmp_path)
    _tell(inspector, case)
    _answer(Person(browser, world.site, "brand1@desk.example", language="zh-Hans", width=820, dark=True))
    _close(inspector, case, links.parse(world.copied))
    with reading(browser) as buyer:
        buyer.page.goto(world.copied)
        assert headline_pattern("confirmed_copy", "en").fullmatch(buyer.headline), buyer.headline
    follow(inspector.page, "main a[href$='/evidence']")
    inspector.look()
    inspector.press()
    _verify(_anchored(inspector), world, tmp_path / "clerk")
    assert inspector.faults == []
    _publish(browser, world, case.rsplit("/", 1)[1], tmp_path)


def _check_the_list(inspector: Person, world: World, folder: Path) -> None:
    """While the chain is away every line says so and nothing else; then the same lines are asked again, and each is right."""
    page = inspector.page
    (folder / "container.txt").write_text("\n".join(world.lines) + "\n")
    inspector.go("/inspect")
    page.set_input_files("#file", folder / "container.txt")
    inspector.press("#list button[type=submit]")
    inspector.wait_for("#lines")  # after the site has asked again and again
    away = found_in(inspector)
    assert len(away) == len(world.lines) == 2000
    assert {line["group"] for line in away} == {"not_asked"}
    assert "2,000 lines could not be asked: this says nothing about the products" in inspector.text

    world.wire.mend()
    follow(page, "form.again button")
    inspector.wait_for("#lines")
    inspector.look()
    lines = found_in(inspector)
    expected = ["as_registered"] * GENUINE + ["repeated"] * COPIES + ["not_registered"] * NEVER + ["withdrawn"] * WITHDRAWN
    assert [line["group"] for line in lines] == expected
    assert [line["given"] for line in lines] == world.lines
    assert {line["unit_lines"] for line in lines if line["group"] == "repeated"} == {COPIES}


def _open_a_case(inspector: Person, folder: Path) -> str:
    """Of all lines, with facts, a photo and what was examined; returns its address."""
    page = inspector.page
    photo = folder / "IMG_2041.jpg"
    Image.new("RGB", (1200, 900), "darkgreen").save(photo, "JPEG")
    follow(page, "main a[href*='/desk/cases/new']")
    for group in ("as_registered", "repeated", "not_registered", "withdrawn"):
        page.check(f"#group-{group}")
    page.select_option("#product_group", "light_vehicles")
    for name, value in (("reference", "SH-2026-0117"), ("quantity", "2000")):
        page.fill(f"#{name}", value)
    inspector.press()
    case = page.url
    inspector.look()
    inspector.go(f"{case}/photos")
    page.set_input_files("input[type=file]", photo)
    page.fill("#shows", "The label of carton 14")
    inspector.press()
    inspector.go(f"{case}/examined")
    for name, value in (("opened", "240"), ("examined", "200"), ("found", "120")):
        page.fill(f"#{name}", value)
    inspector.press()
    return case


def _tell(inspector: Person, case: str) -> None:
    """The brand is told what was chosen."""
    page = inspector.page
    inspector.go(case.replace("/cases/", "/telling/"))
    page.fill("#manufacturer", "1")
    for name in ("reference", "office", "product_group", "units", "verdicts"):
        page.check(f"#field-{name}")
    page.check("main input[name=photo]")
    inspector.press()
    inspector.look()
    follow(page, "main form button[type=submit]")


def _close(inspector: Person, case: str, label: Link) -> None:
    """Close the case, and say that a copy of a unit was found."""
    page = inspector.page
    inspector.go(case)
    assert "Answered" in inspector.text
    inspector.go(f"{case}/close")
    page.check("#outcome-copied_label")
    page.check(f"input[name=copied][value='{label.gtin} {label.serial}']")
    page.fill("#why", "120 labels with one number; the brand says that they are not its own.")
    inspector.press()
    inspector.look()


def _answer(brand: Person) -> None:
    """The brand reads the notice, confirms it, and says that the goods are not its own."""
    page = brand.page
    brand.go("/desk/inbox")
    follow(page, "main a[href^='/desk/inbox/']")
    brand.look()
    follow(page, "main form button[type=submit]")
    follow(page, "main a[href$='/answer']")
    brand.look()
    page.fill("#signer", "陈杰")
    page.fill("#authority", "品牌保护负责人")
    page.check("main input[name=photos]")
    for name, value in (("name", "踏板"), ("genuine", "激光雕刻"), ("found", "印刷")):
        page.locator(f"[name=feature_{name}]").first.fill(value)
    for own in ("diverted", "recycled", "refurbished", "over_run"):
        page.check(f"#own_{own}-no")
    page.check("#conclusion-copied_label")
    page.check("#knows_liability")
    brand.press()
    brand.look()
    assert "已答复" in brand.text
    assert brand.faults == []


def _anchored(inspector: Person) -> bytes:
    """Wait until the hash is on the chain, and download the bundle."""
    page = inspector.page
    deadline = time.monotonic() + 60
    while "Its hash is on the chain since" not in inspector.text:
        assert time.monotonic() < deadline, inspector.text
        page.wait_for_timeout(300)
        page.reload()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the bundle").click()
    return download.value.path().read_bytes()


def _verify(raw: bytes, world: World, clerk: Path) -> None:
    """Do what a clerk does."""
    clerk.mkdir()
    (clerk / "bundle.zip").write_bytes(raw)
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        (clerk / "verify.py").write_bytes(archive.read("verify.py"))
        anchor = json.loads(archive.read("anchor/anchor.json"))
        roles = Counter(one["role"] for one in json.loads(archive.read("manifest.json"))["files"])
    assert (roles["absence"], roles["presence"], roles["notice"], roles["answer"], roles["photo"]) == (NEVER, 2, 1, 1, 1)
    command = [sys.executable, "-I", "-S", "verify.py", "bundle.zip"]
    done = subprocess.run(command, cwd=clerk, capture_output=True, text=True, check=False, env={})
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{GENUINE + 1 + WITHDRAWN} units are in 2 batches" in done.stdout
    assert f"{NEVER} numbers are in none" in done.stdout
    assert anchor["manifestSha256"] in done.stdout
    assert world.records.find(bytes.fromhex(anchor["manifestSha256"])) is not None
    assert get(f"{world.site}/healthz").status == 200


def _publish(browser: Browser, world: World, case: str, folder: Path) -> None:
    """When the month is over, the alliance publishes what it comes to: everybody reads it, and the notary anchors its hash."""
    (folder / "sitecustomize.py").write_text(f"import time\nreal = time.time\ntime.time = lambda: real() + {A_MONTH}\n")
    later = {**world.settings, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    with Cases.open(world.settings["TOUCHSTONE_DESK_URL"]) as cases:
        held = cases.get(case)
    assert held is not None
    _close_others(world, held)
    site = RunningSite(Site("later", "127.0.0.1", free_ports(), later, folder / "later.log"))
    try:
        site.wait_until_up()
        base = f"http://127.0.0.1:{site.site.port}"
        chair = Person(browser, base, "alliance@desk.example", language="en", later=A_MONTH)
        chair.go("/desk/results")
        assert "Scooters, bicycles and motorcycles" in chair.text
        chair.press("main form button[type=submit]")
        chair.look()
        assert "-".join((case[:4], case[4:8], case[8:])) in chair.text
        notary = ("notary", "once", "--desk", later["TOUCHSTONE_DESK_URL"], *world.plant.by("notary"))
        world.plant.program(*notary, PYTHONPATH=later["PYTHONPATH"])
        with reading(browser) as everybody:
            page = everybody.page
            page.goto(f"{base}/results")
            said = page.locator("main").inner_text()
            for words in (
                f"{FEWEST}\ncases closed by inspectors",
                "Copied label",
                "Scooters, bicycles and motorcycles",
                "China (CN-SH)",
            ):
                assert words in said, said
            assert case not in page.content()
            assert "0x" in (page.locator("dl.proof").text_content() or "")
            month = page.locator("a[href$='.json']").first.get_attribute("href")
            follow(page, "footer a[href='/manufacturers']")
            assert "Kestrel Mobility" in page.locator("main").inner_text()
        raw = get(f"{base}{month}").body
        assert world.records.find(hashlib.sha256(raw).digest()) is not None
        assert chair.faults == []
    finally:
        site.stop()


def _close_others(world: World, case: Case) -> None:
    """Close as many other cases of the same kind as it takes for a figure."""
    url, trust = world.settings["TOUCHSTONE_DESK_URL"], load_trust(world.plant.folder / "trust.json")
    facts = {"region": case.details.region, "product_group": case.details.product_group}
    with Journal.open(url, trust.registry_id) as journal, Cases.open(url, create=True, journal=journal.append_in) as cases:
        for _ in range(FEWEST - 1):
            other = cases.open_case(case.office, case.opened_by, facts)
            cases.append(other.id, Kind.CLOSED, case.opened_by, "as the others", {"outcome": "copied_label"})

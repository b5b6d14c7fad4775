"""One unit's whole road, as people type it: a CSV becomes labels on paper, and a stranger reads what they prove."""

from __future__ import annotations

import csv
import io
import json
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import pypdfium2
import pytest

from registry import barcodes
from registry.chain.devchain import Anvil
from registry.keys import create_keystore
from registry.units import links, serials
from scripts.demo.photo import photograph
from scripts.demo.processes import RunningSite, Site
from tests.journeys.plant import PASSPHRASE, Plant
from tests.journeys.reading import headline_pattern, reading
from tests.journeys.running_demo import free_ports, get

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from PIL import Image
    from playwright.sync_api import Browser

    from tests.journeys.reading import Reader

pytestmark = pytest.mark.xdist_group("csv-to-print")

NUMBER: Final = "7"
LAMP, FUSE, LOT = "09521004000014", "09521004000021", "L2611A"
LAMPS, FUSES = 40, 8
OWN_SERIAL: Final = "KQ70-M1ZX9A0B4"
TYPED_BADLY: Final = "kq7o mizx 9aOb4"
"""The same in small letters, with letters for digits and a space for the dash."""
DPI: Final = 300
PRODUCTS: Final = f"""
[[product]]
gtin = "{LAMP}"
model = "L1"
names.en = "Larch desk lamp"
names.zh = "落叶松台灯"
[[product.lot]]
lot = "{LOT}"
produced = "2026-11-02"
markets = ["CN", "DE"]

[[product]]
gtin = "{FUSE}"
carrier = "compact"
names.en = "Larch fuse"
names.zh = "落叶松保险丝"
[[product.lot]]
lot = "{LOT}"
"""
PROFILE: Final = {
    "format": "touchstone-profile",
    "version": "1",
    "legalName": {"en": "Larch Lighting Co., Ltd.", "zh": "落叶松照明有限公司"},
    "brand": {"en": "Larch", "zh": "落叶松"},
    "domain": "larch.example",
    "trademarks": ["CN 70952004"],
    "gtins": ["9521004"],
    "country": "CN",
    "contact": "ip@larch.example",
}


@dataclass(frozen=True)
class Printed:
    """What came out of the printer."""

    seal: str
    pages: list[Image.Image]
    codes: list[str]
    """What the codes on the sheets say."""

    def code(self, gtin: str, number: int = 0) -> str:
        """Return a code of a product."""
        return [code for code in self.codes if f"/{gtin}/" in code][number]


@pytest.fixture(scope="module")
def plant(require_backend: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """Give a new chain, files of a production line, two people with keys, and a port for a site."""
    require_backend("anvil")
    folder = tmp_path_factory.mktemp("plant")
    (folder / "passphrase").write_text(f"{PASSPHRASE}\n")
    (folder / "products.toml").write_text(PRODUCTS)
    (folder / "profile.json").write_text(json.dumps(PROFILE, ensure_ascii=False, indent=2))
    lines = [f"{LAMP},{LOT},{OWN_SERIAL}"] + [f"{LAMP},{LOT},"] * (LAMPS - 1) + [f"{FUSE},{LOT},"] * FUSES
    (folder / "units.csv").write_text("\n".join(["gtin,lot,serial", *lines, ""]))
    with Anvil(epoch_slots=1) as chain:
        for number, name in enumerate(["alliance", "controller"]):
            create_keystore(folder / f"{name}.json", PASSPHRASE, light=True, private_key=chain.private_key(number))
        yield Plant(folder, chain, f"http://127.0.0.1:{free_ports()}")


@pytest.fixture(scope="module")
def printed(plant: Plant) -> Printed:
    """Go the road from the first key to the printed sheets, one command after the other.

    The two that take their time start processes of their own, and are programs as they are for whoever types them.
    """
    run, by, chain = plant.touchstone, plant.by, plant.chain
    run("deploy", *by("alliance"), "--trust", "trust.json")
    trust = json.loads((plant.folder / "trust.json").read_text())
    (plant.folder / "trust.json").write_text(json.dumps({**trust, "freshSeconds": 1}))  # a test waits no ten seconds
    run("accredit", "role", "accreditor", chain.accounts[0], *by("alliance"))
    run("accredit", "domains", plant.base.removeprefix("http://"), *by("alliance"))
    profile = ("profile.json", "--uri", "https://larch.example/profile.json")
    run("accredit", "manufacturer", NUMBER, chain.accounts[1], *profile, *by("alliance"))

    key = run("key", "new", "line.json", "--passphrase-file", "passphrase")["address"]
    chain.fund(key)
    consent = run("key", "consent", NUMBER, *by("line"))
    assert consent["key"] == key
    run("key", "add", NUMBER, key, "--consent", consent["consent"], "--withdraw", *by("controller"))

    done = plant.program("register", "units.csv", "--products", "products.toml", *by("line"))
    assert done["units_in_file"] == done["units_stored"] == done["signed_in_this_run"] == LAMPS + FUSES
    assert done["serials_generated"] == LAMPS + FUSES - 1
    assert done["transactions_made"] == 1
    chain.finalize()
    sheets = plant.program("labels", done["seal"], "--base", plant.base, "--out", "labels.pdf")
    assert sheets["labels"] == sheets["read_back"] == LAMPS + FUSES

    with pypdfium2.PdfDocument(plant.folder / "labels.pdf") as document:
        assert len(document) == sheets["pages"] == 3
        pages = [page.render(scale=DPI / 72).to_pil() for page in document]
    return Printed(done["seal"], pages, [text for page in pages for text in barcodes.read(page)])


@pytest.fixture(scope="module")
def site(plant: Plant, printed: Printed) -> Iterator[str]:
    """Open the site over what was registered, as an operator would: what it trusts is in the trust file and on the chain."""
    del printed
    settings = {
        "TOUCHSTONE_DATABASE_URL": f"sqlite:///{plant.folder / 'registry.db'}",
        "TOUCHSTONE_TREES": str(plant.folder / "trees"),
        "TOUCHSTONE_TRUST": str(plant.folder / "trust.json"),
        "TOUCHSTONE_RPC": plant.chain.url,
    }
    running = RunningSite(Site("site", "127.0.0.1", int(plant.base.rsplit(":", 1)[1]), settings, plant.folder / "site.log"))
    try:
        running.wait_until_up()
        yield plant.base
    finally:
        running.stop()


def test_every_unit_of_the_file_is_on_the_sheets_once(plant: Plant, printed: Printed) -> None:
    """The codes on paper are the links that the print house gets as a list, and there is one for every line of the file."""
    plant.touchstone("labels", printed.seal, "--base", plant.base, "--format", "csv", "--out", "links.csv")
    with (plant.folder / "links.csv").open(encoding="utf-8", newline="") as stream:
        listed = [row["link"] for row in csv.DictReader(stream)]
    assert sorted(printed.codes) == sorted(listed)
    units = {(links.parse(code).gtin, links.parse(code).serial) for code in printed.codes}
    assert len(units) == len(printed.codes) == LAMPS + FUSES


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_a_stranger_opens_a_printed_code(site: str, printed: Printed, browser: Browser, language: str) -> None:
    """The signed code opens by itself: registered, by whom, and what one should be holding, in the reader's own language."""
    link = printed.code(LAMP)
    with reading(browser, language=language) as reader:
        assert_answered(reader, link, 200)
        assert headline_pattern("registered", language).fullmatch(reader.headline)
        names = {"en": ("Larch desk lamp", "Larch Lighting Co., Ltd."), "zh-Hans": ("落叶松台灯", "落叶松照明有限公司")}
        for told in (*names[language], LOT, "CN 70952004", serials.group(links.parse(link).serial), LAMP):
            assert told in reader.text
        assert reader.faults == []
        assert reader.strangers(site) == []


def test_the_small_code_is_registered_too(site: str, printed: Printed, browser: Browser) -> None:
    """The compact code carries no signature and no lot; its scheme and host are in capitals, as scanners give them."""
    code = printed.code(FUSE)
    assert code.startswith("HTTP://127.0.0.1:")
    with reading(browser) as reader:
        reader.page.goto(code)  # a browser writes scheme and host in small letters
        assert headline_pattern("registered", "en").fullmatch(reader.headline)
        assert reader.strangers(site) == []


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_a_changed_code_is_told_from_the_printed_one(
    site: str, plant: Plant, printed: Printed, browser: Browser, language: str
) -> None:
    """Another lot on a printed code is found out on the page and by the independent command."""
    del site
    changed = printed.code(LAMP, 1).replace(f"/{LOT}/", "/L2611B/")
    with reading(browser, language=language) as reader:
        assert_answered(reader, changed, 200)
        assert headline_pattern("altered", language).fullmatch(reader.headline)
    assert plant.program("verify", changed, refused=True)["registration"] == "altered"
    assert plant.touchstone("verify", printed.code(LAMP, 1))["registration"] == "registered"


def test_a_photo_of_the_printed_label(site: str, plant: Plant, printed: Printed, browser: Browser) -> None:
    """A tilted, blurred, badly lit picture of one label cut from the sheet leads to that label's verdict."""
    sheet = printed.pages[0]
    left, top, width, height = (round(mm / 25.4 * DPI) for mm in (7.25, 15.15, 63.5, 38.1))
    label = sheet.crop((left, top, left + width, top + height))
    photograph(label, plant.folder / "photo.png")
    (text,) = barcodes.read(label)
    with reading(browser) as reader:
        reader.page.goto(f"{site}/")
        reader.page.get_by_label("Photo of the code").set_input_files(plant.folder / "photo.png")
        reader.page.get_by_role("button", name="Check the photo").click()
        assert headline_pattern("registered", "en").fullmatch(reader.headline)
        assert serials.group(links.parse(text).serial) in reader.text


def test_a_serial_typed_with_small_mistakes(site: str, browser: Browser) -> None:
    """Letters for digits and small letters are repaired, the page says so, and a typed number is never a checked label."""
    with reading(browser) as reader:
        reader.page.goto(f"{site}/")
        reader.page.get_by_label("Number or link").fill(TYPED_BADLY)
        reader.page.get_by_role("button", name="Check the number").click()
        assert headline_pattern("number_known", "en").fullmatch(reader.headline)
        assert OWN_SERIAL in reader.text
        assert reader.page.locator(".remark.warns").count() == 1
    with reading(browser, language="zh-Hans") as reader:
        reader.page.goto(f"{site}/check?link={OWN_SERIAL}")
        assert headline_pattern("number_known", "zh-Hans").fullmatch(reader.headline)
        assert reader.page.locator(".remark.warns").count() == 0


def test_a_consignment_of_a_thousand_lines(site: str, printed: Printed, browser: Browser) -> None:
    """An inspector pastes genuine links, the same ones again, changed ones and rubbish: each line gets its own answer."""
    good = [code for code in printed.codes if f"/{LAMP}/" in code]
    changed = [code.replace(f"/{LOT}/", "/L2611B/") for code in good[:10]]
    rubbish = [f"<script>alert({number})</script> ' OR 1=1 --" for number in range(20)]
    invented = [f"{serials.generate()}" for _ in range(1000 - 2 * len(good) - len(changed) - len(rubbish))]
    lines = [*good, *changed, *rubbish, *invented, *good]
    assert len(lines) == 1000
    with reading(browser) as reader:
        reader.page.goto(f"{site}/inspect")
        reader.page.get_by_label("Numbers or links, one on each line").fill("\n".join(lines))
        reader.page.get_by_role("button", name="Check the list").click()
        reader.page.wait_for_selector("#lines")  # until then, its page tells how far it is, and reloads itself
        found = [json.loads(line) for line in get(f"{reader.page.url}/lines.jsonl").body.splitlines()]
        assert len(found) == 1000
        flagged = sum(line["unit_lines"] > 1 for line in found)
        told = Counter(line["registration"] for line in found)
        shown = {line.split(maxsplit=1)[0] for line in reader.page.locator(".groups strong").all_inner_texts()}
        assert {str(told["altered"]), f"{2 * len(good)}"} <= shown
        # A changed link names the unit of a good one: three lines of the same unit.
        assert flagged == 2 * len(good) + len(changed)
        assert told["registered"] == 2 * len(good)
        assert told["altered"] == len(changed)
        assert told["unreadable"] + told["not_registered"] == len(rubbish) + len(invented)
        assert told["not_registered"] >= len(invented)
        assert reader.faults == []


def test_a_recall_reaches_the_page(site: str, plant: Plant, printed: Printed, browser: Browser) -> None:
    """Units that the manufacturer withdraws by the list are withdrawn on the page, and only they."""
    link = links.parse(printed.code(LAMP, 2))
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([("gtin", "serial"), (link.gtin, link.serial)])
    (plant.folder / "recall.csv").write_text(stream.getvalue())
    plant.touchstone("withdraw", "units", "recall.csv", "--for", "recalled", *plant.by("line"))
    wait_until_seen(plant, printed.code(LAMP, 3))
    with reading(browser, language="zh-Hans") as reader:
        reader.page.goto(printed.code(LAMP, 2))
        assert headline_pattern("withdrawn", "zh-Hans").fullmatch(reader.headline)
        reader.page.goto(printed.code(LAMP, 3))
        assert headline_pattern("registered", "zh-Hans").fullmatch(reader.headline)
        assert reader.strangers(site) == []


def wait_until_seen(plant: Plant, link: str) -> None:
    """Wait until the site answers as of the chain's newest block: what it was told may be so many seconds old."""
    newest = plant.chain.w3().eth.block_number
    deadline = time.monotonic() + 60
    while (seen := get(f"{plant.base}/api/v1/verify?link={quote(link, safe='')}").json["seen"])["block"] < newest:
        assert time.monotonic() < deadline, seen
        time.sleep(0.2)


def assert_answered(reader: Reader, url: str, status: int) -> None:
    """Open a page and see that it answers so."""
    answer = reader.page.goto(url)
    assert answer is not None
    assert answer.status == status

"""`make demo` keeps its word: each link gives the verdict that it names, to a program and to a person, again and again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from registry.accounts.one_time import code_at
from registry.checking.verdicts import Registration
from registry.photos.reading import decode
from registry.storage.outbox import Outbox, Work
from scripts.demo import officers
from scripts.demo.cases import CLOSED
from tests.journeys.conftest import transactions
from tests.journeys.reading import headline_pattern, reading
from tests.journeys.running_demo import PATIENCE, ROOT, get
from tests.photos.bombs import BOMBS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.journeys.conftest import Demo
    from tests.journeys.reading import Reader
    from tests.journeys.running_demo import Answer, Shown

pytestmark = pytest.mark.xdist_group("demo")

WANTED = [
    "registered: an electric scooter",
    "registered: a bottle of baijiu",
    "registered: compact code of a charger",
    "registered: key compromised after the anchor",
    "registered: checked in many places",
    "registered: a copy was found",
    "key compromised before the anchor",
    "signature stripped",
    "signed, not anchored",
    "anchored, awaiting finality",
    "never registered",
    "signature altered",
    "serial changed",
    "lot changed",
    "another brand's GTIN",
    "foreign host",
    "unit withdrawn: recalled",
    "unit withdrawn: stolen",
    "batch withdrawn: recalled",
    "issuer suspended",
    "unreadable: not one of our links",
    "unreadable: a product without a serial",
    "dead chain",
]
REASONS = {
    "key compromised before the anchor": "key_compromised",
    "signature stripped": "signature_absent",
    "signed, not anchored": "no_record",
    "anchored, awaiting finality": "not_final",
    "never registered": "no_record",
    "signature altered": "signer_unknown",
    "serial changed": "signer_unknown",
    "lot changed": "signer_unknown",
    "another brand's GTIN": "gtin_not_claimed",
    "foreign host": "host_not_official",
    "unit withdrawn: recalled": "recalled",
    "unit withdrawn: stolen": "stolen",
    "batch withdrawn: recalled": "recalled",
    "issuer suspended": "suspended",
    "unreadable: not one of our links": "not_a_link",
    "unreadable: a product without a serial": "not_a_unit_link",
    "dead chain": "chain_unavailable",
}
SILENT = 503
STATUS = {"unreadable": 400, "cannot_check": 503}
UNREMARKABLE = {"not_applicable", "first_check", "plausible_repeat"}
NEVER = re.compile(r"authentic|blockchain verified|unclonable|court-admissible|正品", re.IGNORECASE)
KEYS = {
    "headline", "registration", "reasons", "history", "binding", "unit", "manufacturer", "batch", "anchor", "checks", "proof",
}  # fmt: skip


def of(demo: Demo, name: str) -> Shown:
    """Return the demo's link of this name."""
    return next(shown for shown in demo.running.links() if shown.name == name)


def test_there_is_a_link_for_every_verdict(demo: Demo) -> None:
    """The story has every value of `registration`, and every named case within them."""
    links = demo.running.links()
    assert [shown.name for shown in links] == WANTED
    assert {shown.registration for shown in links} == {registration.value for registration in Registration}


def test_the_first_start_keeps_its_word_and_shows_progress(demo: Demo) -> None:
    """Every link gave the promised verdict right after the first start, and every printed link was in the file."""
    assert demo.first.wrong == {}
    assert len(re.findall(r"^\[ *[\d.]+ s\] ", demo.first.output, re.MULTILINE)) >= 12
    for shown in demo.running.links():
        assert f"{shown.name}\n" in demo.first.output
        assert f" {shown.page}\n" in demo.first.output


def test_ctrl_c_ends_everything(demo: Demo) -> None:
    """The chain, the sites, their workers and the admitter end with the demo, which ends well."""
    assert demo.first.exit_code == 0
    assert demo.first.outlived == []


def test_the_second_start_continues(demo: Demo) -> None:
    """Same contract, same links, and not one transaction more: nothing was told twice."""
    assert demo.running.trust["deployments"][0]["contract"] == demo.first.contract
    assert tuple(shown.link for shown in demo.running.links()) == demo.first.links
    assert transactions(demo.running) == demo.first.sent
    told = demo.running.output.split("the sites are up")[0]
    assert "published" not in told
    assert "signed" not in told


@pytest.mark.parametrize("name", WANTED)
def test_the_api_gives_the_verdict(demo: Demo, name: str) -> None:
    """After the second start too: status, verdict, reason, and a proof for whoever presented a label's content."""
    shown = of(demo, name)
    answer = get(shown.question)
    found = answer.json
    assert found.keys() >= KEYS
    assert (answer.status, found["registration"]) == (STATUS.get(shown.registration, 200), shown.registration)
    assert ("retry-after" in answer.headers) == (answer.status == 503)
    if name in REASONS:
        assert REASONS[name] in found["reasons"]
    assert found["history"] == shown.history if shown.history else found["history"] in UNREMARKABLE
    assert (found["past"] is None) <= (found["history"] == "not_applicable")
    assert found["binding"] == "none"
    assert (found["proof"] is not None) <= ("sig=" in shown.link or name.startswith("registered"))


@pytest.fixture(scope="module")
def readers(browser: Browser) -> Iterator[dict[str, Reader]]:
    """One person for each language, without scripts."""
    with reading(browser, language="en") as english, reading(browser, language="zh-Hans") as chinese:
        yield {"en": english, "zh-Hans": chinese}


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
@pytest.mark.parametrize("name", WANTED)
def test_a_person_reads_the_verdict(demo: Demo, readers: dict[str, Reader], name: str, language: str) -> None:
    """In both languages, without scripts, with nothing fetched from elsewhere and nothing refused by the page's own policy."""
    shown = of(demo, name)
    headline = get(shown.question).json["headline"]
    reader = readers[language].afresh()
    expected = STATUS.get(shown.registration, 200)
    deadline = time.monotonic() + PATIENCE
    while (answer := reader.page.goto(shown.page)) is None or (answer.status == SILENT != expected):
        # The chain saves itself now and then, which takes seconds on a busy machine: a person tries again, as the page says.
        assert time.monotonic() < deadline
        time.sleep(1)
        reader.afresh()
    assert answer.status == expected
    assert reader.language == language
    assert headline_pattern(headline, language).fullmatch(reader.headline)
    assert reader.page.locator(".verdict .icon").first.is_visible()
    assert not NEVER.search(reader.text)
    assert reader.faults == []
    assert reader.strangers(shown.site) == []


def test_the_pages_are_clean_with_scripts_on(demo: Demo, browser: Browser) -> None:
    """With scripts allowed there is no error, no refusal and no stranger either, and nothing is wider than a small phone."""
    with reading(browser, scripts=True) as reader:
        reader.page.set_viewport_size({"width": 320, "height": 640})
        for shown in demo.running.links():
            reader.page.goto(shown.page)
            assert reader.page.evaluate("document.documentElement.scrollWidth") <= 320, shown.name
        assert reader.faults == []
        assert reader.strangers(demo.running.base, f"http://127.0.0.1:{demo.running.port + 1}") == []


def test_results_and_manufacturers_are_there_for_everybody(demo: Demo) -> None:
    """Months that the alliance published, once however often the demo is started, and who is accredited, by the chain."""
    results = json.loads(get(f"{demo.running.base}/results.json").body)["reports"]
    assert [one["report"]["revision"] for one in results] == [1, 1, 1]
    assert [sum(line["cases"] for line in one["report"]["lines"]) for one in results] == [
        sum(counts[place] for *_, counts in CLOSED) for place in range(3)
    ]
    found = json.loads(get(f"{demo.running.base}/manufacturers.json").body)
    assert [one["profile"]["brand"]["en"] for one in found["manufacturers"]] == ["Kestrel", "Bamboo Spring", "Green Ridge"]
    assert [bool(one["suspendedAt"]) for one in found["manufacturers"]] == [False, False, True]
    assert sum(sum(one["batches"].values()) for one in found["manufacturers"]) == 6


def test_links_lead_on_as_gs1_says(demo: Demo) -> None:
    """A label's address gives its links to programs, and each of them is there; a product's address has a page."""
    shown = of(demo, WANTED[0])
    known = get(shown.link, headers={"Accept": "application/linkset+json"})
    assert (known.status, known.headers["content-type"]) == (200, "application/linkset+json")
    assert known.headers["access-control-allow-origin"] == "*"
    item, product = known.json["linkset"]
    targets = {link["href"]: link.get("type") for name, links in item.items() if name.startswith("http") for link in links}
    assert {(address == shown.link, kind) for address, kind in targets.items()} == {
        (True, "text/html"),
        (False, "application/json"),
    }
    for address, kind in targets.items():
        answer = get(address)
        assert answer.status == 200
        assert answer.headers["content-type"].startswith(kind)
    page = get(product["anchor"], headers={"Accept": "text/html"})
    assert page.status == 200
    assert "electric scooter" in page.body.decode()
    assert get(f"{demo.running.base}/.well-known/gs1resolver").json["resolverRoot"] == demo.running.base
    assert get(f"{demo.running.base}/01/09506000134352?linkType=linkset").status == 404


def test_a_page_weighs_little(demo: Demo) -> None:
    """HTML and style sheet of the fullest page are within 20 KB as a phone gets them, compressed or not as the site chooses."""
    shown = of(demo, WANTED[0])
    phone = {"Accept-Encoding": "gzip, deflate, br"}
    page = get(shown.page, headers=phone)
    style = re.search(r'href="([^"]+site\.css[^"]*)"', page.body.decode())
    assert style is not None
    assert len(page.body) + len(get(f"{shown.site}{style[1]}", headers=phone).body) < 20_000


def test_the_language_is_changed_on_the_same_address(demo: Demo, browser: Browser) -> None:
    """The visible switch shows the same verdict in the other language, at the label's own address."""
    shown = of(demo, WANTED[0])
    with reading(browser) as reader:
        reader.page.goto(shown.page)
        with reader.page.expect_navigation():
            reader.page.get_by_role("link", name="简体中文").click()
        assert reader.language == "zh-Hans"
        assert reader.page.url == shown.page
        assert headline_pattern("registered", "zh-Hans").fullmatch(reader.headline)


def test_the_photo_is_read_on_the_page(demo: Demo, browser: Browser) -> None:
    """The photo-like picture of a label leads to the verdict of its code."""
    photo = demo.running.folder / "photo.png"
    link = demo.running.link(WANTED[0])
    assert decode(photo.read_bytes()) == (link,)
    with reading(browser) as reader:
        reader.page.goto(f"{demo.running.base}/")
        reader.page.get_by_label("Photo of the code").set_input_files(photo)
        reader.page.get_by_role("button", name="Check the photo").click()
        assert headline_pattern("registered", "en").fullmatch(reader.headline)
        assert urlsplit(link).path.rsplit("/", 1)[1] in reader.text.replace(" ", "")


def test_a_problem_is_reported_and_read(demo: Demo, browser: Browser) -> None:
    """From a label's page without a script to the people who read leads: one lead, with the code and what was found then."""
    with reading(browser) as reader:
        page = reader.page
        page.goto(of(demo, "registered: a copy was found").page)
        page.get_by_role("link", name="Report a problem").first.click()
        page.get_by_label("The seal: broken, missing or replaced").check()
        page.get_by_label("At a market or a street stall").check()
        page.wait_for_timeout(3_100)  # faster than that, no person fills it in
        page.get_by_role("button", name="Send the report").click()
        reference = page.locator(".card .serial").inner_text()
        assert reader.faults == []
    url = f"sqlite:///{demo.running.folder / 'site' / 'scans.db'}"
    command = [sys.executable, "-m", "scripts", "leads", "--scans", url, "--manufacturer", "2", "--json"]
    (lead,) = json.loads(subprocess.run(command, capture_output=True, check=True, cwd=ROOT).stdout)["leads"]
    assert lead["reference"] == reference


def test_a_sheet_is_signed_within_seconds(demo: Demo, browser: Browser, tmp_path: Path) -> None:
    """At the desk an inspector asks for the signature, the demo's notary gives it, and everything that was done is anchored."""
    email, secret = "customs@desk.example", officers.secret_of("customs@desk.example")
    with reading(browser) as reader:
        page = reader.page
        page.goto(f"{demo.running.base}/desk/sign-in")
        for name, value in (("email", email), ("passphrase", officers.PASSPHRASE), ("code", code_at(secret, time.time()))):
            page.locator(f"main [name={name}]").fill(value)
        page.locator("main form button[type=submit]").click()
        page.goto(f"{demo.running.base}/inspect")
        page.locator("[name=codes]").fill(of(demo, WANTED[0]).link)
        page.get_by_role("button", name="Check the list").click()
        page.get_by_role("button", name="Ask for the signature").click()
        until = time.monotonic() + PATIENCE
        while page.get_by_text("Waiting for the notary").is_visible():
            assert time.monotonic() < until
            page.get_by_role("link", name="Look again").click()
            page.reload()
        for name in ("sheet.json", "lines.jsonl"):
            address = page.locator(f"main a[href$='/{name}']").last.get_attribute("href")
            (tmp_path / name).write_bytes(page.request.get(f"{demo.running.base}{address}").body())
        assert reader.faults == []
    files = [str(tmp_path / "sheet.json"), "--lines", str(tmp_path / "lines.jsonl")]
    asked = ["--trust", str(demo.running.folder / "trust.json"), "--rpc", demo.running.chain_url()]
    said = subprocess.run(
        [sys.executable, "-m", "scripts", "verify-sheet", *files, *asked, "--json"], capture_output=True, check=True, cwd=ROOT
    )
    assert json.loads(said.stdout)["is_inspector"]
    with closing(Outbox.open(f"sqlite:///{demo.running.folder / 'desk.db'}")) as outbox:
        while not any(task.done_at for task in outbox.all(Work.JOURNAL)):
            assert time.monotonic() < until
            time.sleep(0.1)


def test_a_photo_without_a_code_says_so(demo: Demo, browser: Browser) -> None:
    """What is no picture gets an explanation, not a verdict."""
    with reading(browser) as reader:
        reader.page.goto(f"{demo.running.base}/")
        reader.page.get_by_label("Photo of the code").set_input_files(
            {"name": "photo.png", "mimeType": "image/png", "buffer": b"not a picture"}
        )
        with reader.page.expect_navigation():
            reader.page.get_by_role("button", name="Check the photo").click()
        assert reader.page.get_by_role("alert").is_visible()
        assert reader.page.locator(".verdict").count() == 0


def test_photos_made_to_be_slow_keep_nobody_waiting(demo: Demo) -> None:
    """While they are read, and are given up, every other question is answered; then photos are read as before."""
    question = of(demo, WANTED[0]).question
    with ThreadPoolExecutor() as pool:
        slow = [pool.submit(post, demo, BOMBS[name][0]()) for name in ("finder patterns", "more finder patterns")]
        answered = 0
        while not all(one.done() for one in slow):
            assert get(question).json["registration"] == "registered"
            answered += 1
        assert answered > 2
        assert [one.result().status for one in slow] == [400, 400]
        assert all(b"took too long" in one.result().body for one in slow)
    assert post(demo, BOMBS["svg"][0]()).status == 400
    assert get(question).json["registration"] == "registered"


def post(demo: Demo, photo: bytes) -> Answer:
    """Send a photo as a form does."""
    part = b'--edge\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n' + photo + b"\r\n--edge--\r\n"
    return get(f"{demo.running.base}/photo", data=part, headers={"Content-Type": "multipart/form-data; boundary=edge"})

"""A report in a real browser without scripts, from a label's page to the printed summary, in both languages."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import pypdfium2
import pytest
from PIL import Image

from registry.storage.leads import Leads, read_reference
from tests.webapp.gallery import fill_in, serving
from tests.webapp.reporting import Clock, reporting
from tests.webapp.samples import BY_NAME, LINK, REGISTERED, Answers, readers
from tests.webapp.tab import Tab, follow
from webapp.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.xdist_group("browser")

MEASURE: Final = """() => ({
  out: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  small: [...document.querySelectorAll('main button, main textarea, .choice, main input:not([type=hidden])')]
    .filter(one => !one.closest('.trap') && !['checkbox', 'radio'].includes(one.type))
    .filter(one => one.getBoundingClientRect().height < 44)
    .map(one => one.outerHTML.slice(0, 80)),
  unnamed: [...document.querySelectorAll('main input:not([type=hidden]), main textarea')]
    .filter(one => !one.labels.length).map(one => one.outerHTML.slice(0, 80)),
  trap: [...document.querySelectorAll('.trap input')].map(one => one.getBoundingClientRect().right > 0),
})"""


@pytest.fixture(scope="module")
def leads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Leads]:
    """Where reports land."""
    with Leads.open(f"sqlite:///{tmp_path_factory.mktemp('reports') / 'scans.db'}", create=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def base(leads: Leads) -> Iterator[str]:
    """A site that takes them."""
    table = {**BY_NAME, LINK: REGISTERED}
    reports = reporting(leads, Clock(step=4), checks=Answers(table))
    with serving(create_app(readers(table, reports=reports))) as address:
        yield address


def photo() -> bytes:
    """Return a photo as a phone takes it."""
    file = io.BytesIO()
    Image.effect_noise((1200, 900), 40).convert("RGB").save(file, "JPEG", quality=90)
    return file.getvalue()


def look(page: Page) -> None:
    """See that a page fits, and that everything on it can be touched and is named."""
    for width in (320, 180):
        page.set_viewport_size({"width": width, "height": 640})
        found = page.evaluate(MEASURE)
        assert found["out"] <= 1, width
        assert (found["small"], found["unnamed"], any(found["trap"])) == ([], [], False), width


@pytest.mark.usefixtures("require_backend")
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_the_whole_way_of_a_report(browser: Browser, base: str, leads: Leads, tmp_path: Path, language: str) -> None:
    """From the verdict's foot, through a form with faults, with a photo, to a summary of one sheet."""
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, locale=language, color_scheme="light" if language == "en" else "dark",
        java_script_enabled=False,
    )  # fmt: skip
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    before = len(leads.list())

    page.goto(f"{base}/check?link=registered")
    follow(page, "main a[href^='/report']")
    look(page)
    page.fill("#note", "kept")
    follow(page, "#send")
    assert page.evaluate("document.activeElement.className") == "summary"
    look(page)
    page.click(".summary a >> nth=0")
    assert page.url.endswith(("#place-shop", "#wrong-code"))
    assert page.input_value("#note") == "kept"
    assert len(leads.list()) == before

    follow(page, ".languages button")
    assert page.input_value("#note") == "kept"
    follow(page, ".languages button")
    fill_in(page)
    picture = photo()
    page.set_input_files("#photo", {"name": "IMG_1.jpg", "mimeType": "image/jpeg", "buffer": picture})
    follow(page, "#send")
    look(page)
    reference = read_reference(page.locator(".card .serial").inner_text())
    assert reference is not None
    lead = leads.lead(reference)
    assert lead is not None
    assert leads.photo(reference) == picture
    assert (lead.place, lead.wrong, lead.bought) == ("market", ("package", "seal"), "2026-07-28")
    assert lead.contact == "buyer@mail.example"
    assert ("谢谢" if language == "zh-CN" else "Thank you") in page.locator("h1").inner_text()

    page.pdf(path=tmp_path / "summary.pdf", format="A4")
    sheet = pypdfium2.PdfDocument(tmp_path / "summary.pdf")
    text = sheet[0].get_textpage().get_text_range()
    assert len(sheet) == 1
    assert page.locator(".card .serial").inner_text() in text
    assert lead.photo is not None
    assert lead.photo.sha256.hex()[:16] in text
    sheet.close()
    context.close()
    assert [fault for fault in faults if "400" not in fault] == []


@pytest.mark.usefixtures("require_backend")
def test_the_way_back_is_no_second_report(browser: Browser, base: str, leads: Leads) -> None:
    """Sent, gone back and sent again with another word in it: the first counts, and its reference comes. Axe looks too."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="en")
    page = context.new_page()
    page.goto(f"{base}/report")
    follow(page, "#send")
    assert Tab(page).faults() == []
    page.goto(f"{base}/report")
    fill_in(page)
    follow(page, "#send")
    assert Tab(page).faults() == []
    reference = page.locator(".card .serial").inner_text()
    count = len(leads.list())
    page.go_back()
    page.fill("#note", "another word")
    follow(page, "#send")
    assert page.locator(".card .serial").inner_text() == reference
    assert len(leads.list()) == count
    context.close()

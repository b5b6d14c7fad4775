"""In a real browser, with scripts switched off: nothing sticks out, everything can be touched and read, nothing is blocked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.webapp.gallery import LIST, site
from tests.webapp.tab import follow
from webapp.languages import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from webapp.languages import Language

pytestmark = pytest.mark.xdist_group("browser")

VERDICTS: Final = tuple(f"/check?link={name}" for name in ("registered", "withdrawn_foreign_host", "altered", "choice"))
PAGES: Final = (*VERDICTS, "/", "/check", "/inspect", "/scan", "/offline")
TOUCH: Final = 44
"""CSS pixels that a target has at least on one side; 24 is what WCAG 2.2 asks."""
MEASURE: Final = """() => ({
  wide: document.documentElement.scrollWidth, seen: document.documentElement.clientWidth,
  out: [...document.querySelectorAll('main *')].filter(one => !one.closest('.scroll') && !one.closest('svg')
    && one.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(one => one.outerHTML.slice(0, 80)),
  small: [...document.querySelectorAll('.action, button, .languages a, .bottom a, summary, input, textarea')]
    .filter(one => one.checkVisibility() && one.getBoundingClientRect().height < %d).map(one => one.outerHTML.slice(0, 80)),
})"""


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """The site over the samples."""
    with site() as address:
        yield address


def open_page(browser: Browser, address: str, *, width: int = 320, language: str = "en") -> Page:
    """Open a page without scripts, as a narrow phone does."""
    context = browser.new_context(viewport={"width": width, "height": 640}, locale=language, java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    return page


@pytest.mark.usefixtures("require_backend")
@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.tag)
def test_nothing_sticks_out_of_a_narrow_screen(browser: Browser, base: str, language: object) -> None:
    """At 320 pixels, and at 180, which is what 200 % zoom leaves of 360; the inspector's table alone may scroll."""
    tag = getattr(language, "tag", "en")
    for address in PAGES:
        for width in (320, 180):
            page = open_page(browser, base + address, width=width, language=tag)
            found = page.evaluate(MEASURE % TOUCH)
            assert found["out"] == [], address
            assert found["small"] == [], address
            assert found["wide"] <= found["seen"] + 1, address
            page.context.close()


@pytest.mark.usefixtures("require_backend")
def test_the_whole_way_works_without_scripts(browser: Browser, base: str) -> None:
    """Type, read the verdict, unfold how we know, change the language, paste a list."""
    faults: list[str] = []
    page = open_page(browser, base + "/")
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.fill("#link", "registered")
    follow(page, "form[action='/check'] button")
    assert page.title().startswith("This code is registered")
    assert not page.locator("details ol").is_visible()
    page.click("summary")
    assert page.locator("details ol").is_visible()
    follow(page, ".languages a")
    assert page.locator("h1").inner_text() == "该编码已登记"
    assert page.url.endswith("/check?link=registered")
    follow(page, ".bottom a >> nth=1")
    page.fill("#codes", LIST)
    follow(page, "#list button")
    follow(page, ".filters a")
    assert page.locator("tbody tr").count() == len(LIST.splitlines())
    follow(page, ".languages a")
    assert page.locator("thead th").first.inner_text() == "Line"
    assert page.locator("tbody tr").count() == len(LIST.splitlines())
    assert faults == []
    page.context.close()


@pytest.mark.usefixtures("require_backend")
@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.tag)
def test_a_verdict_prints_on_one_page(browser: Browser, base: str, language: Language) -> None:
    """Unfolded, with its address, without anything to press; on A4, also from a dark screen."""
    context = browser.new_context(viewport={"width": 680, "height": 900}, locale=language.tag, color_scheme="dark")
    page = context.new_page()
    page.emulate_media(media="print")
    for name in ("withdrawn_destroyed", "opened", "registered_checked_before"):
        page.goto(f"{base}/check?link={name}")
        assert len(re.findall(rb"/Type\s*/Page(?![s\w])", page.pdf(format="A4", prefer_css_page_size=True))) == 1
        assert page.locator(".checks li").count() == sum(one.is_visible() for one in page.locator(".checks li").all()) == 10
        assert page.locator(".address").is_visible()
        assert not any(one.is_visible() for one in page.locator("button, .action, .languages a, .ways a").all())
        assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(0, 0, 0)"
    context.close()

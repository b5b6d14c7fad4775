"""For everybody: axe-core finds nothing, nothing breaks when text is stretched, the keyboard goes where the eye goes.

Every verdict, in both languages, light and dark; the rules run with everything unfolded. Nothing of the site's own runs.
"""

from __future__ import annotations

import colorsys
import itertools
from typing import TYPE_CHECKING, Final

import pytest

from tests.webapp.gallery import REPORT, site
from tests.webapp.samples import BY_NAME
from tests.webapp.tab import FORMS, Tab
from webapp.languages import LANGUAGES, Language
from webapp.presenter.verdicts import headline_of
from webapp.presenter.words import Headline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.usefixtures("require_backend")]
languages = pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.tag)

HEADLINES: Final = tuple(name for name in BY_NAME if name in set(Headline))
PLAIN: Final = (
    "/",
    "/check",
    "/inspect",
    "/inspect/sample?lot=2000",
    "/again?link=registered",
    "/check?link=choice",
    "/nowhere",
    "/scan",
    "/offline",
    "/report",
    REPORT,
)
BUSY: Final = ("registered_checked_before", "withdrawn_foreign_host", "key_under_review", "number_known_repaired")
"""Pages with the most on them, and others than those of the headlines."""
SPACED: Final = "* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; } \
p { margin-bottom: 2em !important; }"
"""What a page must bear (WCAG 1.4.12)."""
BROKEN: Final = """() => {
  const seen = document.documentElement.clientWidth, texts = [...document.querySelectorAll('body *')].filter(one =>
    !one.closest('svg, .scroll, .skip') && one.checkVisibility());
  const wide = texts.filter(one => one.getBoundingClientRect().right > seen + 1);
  const cut = texts.filter(one => one.matches('p, h1, h2, dd, dt, li, a, button, summary, label')
    && (one.scrollHeight > one.clientHeight + 2 && getComputedStyle(one).overflow !== 'visible'));
  return [...wide, ...cut].map(one => one.outerHTML.slice(0, 90));
}"""
"""Elements beyond the edge, or with text cut off."""
COLOURS: Final = """() => {
  const paper = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = text => { paper.clearRect(0, 0, 1, 1); paper.fillStyle = text; paper.fillRect(0, 0, 1, 1);
    return [...paper.getImageData(0, 0, 1, 1).data]; };
  const style = (one, name) => rgb(getComputedStyle(document.querySelector(one))[name]);
  return { headline: style('h1', 'color'), symbol: style('.verdict .icon .fill', 'fill'),
    ground: style('.verdict', 'backgroundColor'), action: style('.action', 'backgroundColor'),
    edge: style('.verdict', 'borderTopColor') };
}"""
FOCUSED: Final = """() => { const one = document.activeElement;
  const box = one.getBoundingClientRect(), style = getComputedStyle(one);
  const all = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), summary, textarea')]
    .filter(each => each.checkVisibility());
  return { place: all.indexOf(one), of: all.length, top: box.top + scrollY, seen: box.top >= 0 && box.bottom <= innerHeight,
    outline: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 }; }"""


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """The site over the samples."""
    with site() as address:
        yield address


@pytest.fixture(scope="module", params=LANGUAGES, ids=lambda language: language.tag)
def tab(request: pytest.FixtureRequest, browser: Browser, base: str) -> Iterator[Tab]:
    """A phone's narrow tab, in each language."""
    language: Language = request.param
    found = Tab.open(browser, base, width=320, language=language.tag)
    yield found
    found.close()


def test_axe_finds_nothing_on_any_page(tab: Tab) -> None:
    """Every rule in one scheme of colours, the other one in the other language, and contrast alone in the scheme that is left:
    no other rule depends on colours.
    """  # noqa: D205 -- one sentence
    faults: dict[str, list[str]] = {}
    begins_dark = tab.page.evaluate("navigator.language") != "en"
    pages = [(f"/check?link={name}", False) for name in (*HEADLINES, *BUSY)]
    for address, posted in (*pages, *((address, False) for address in PLAIN), *((address, True) for address in FORMS)):
        tab.dark(dark=begins_dark)
        tab.turn_to(address, posted=posted)
        found = tab.faults()
        tab.dark(dark=not begins_dark)
        tab.fold()
        found += tab.faults("color-contrast")
        if found:
            faults[address] = found
    assert faults == {}


def test_axe_finds_nothing_on_a_desk(browser: Browser, base: str) -> None:
    """Where a wide screen lays things out otherwise."""
    wide = Tab.open(browser, base, width=1280, language="en")
    faults = []
    for address, posted in ((f"/check?link={BUSY[0]}", False), ("/inspect", True), ("/", False)):
        wide.turn_to(address, posted=posted)
        faults += wide.faults()
    wide.close()
    assert faults == []


def test_nothing_breaks_when_text_is_stretched(tab: Tab) -> None:
    """At 320 pixels, which is what 400 % zoom leaves of 1280, as it comes and with the spacing that some readers need."""
    broken: dict[str, list[str]] = {}
    for address in (*(f"/check?link={name}" for name in (*HEADLINES, *BUSY)), *PLAIN):
        tab.turn_to(address)
        found = tab.page.evaluate(BROKEN)
        # Without a policy that forbids it, as a reader's own style sheet is.
        tab.page.add_style_tag(content=SPACED)
        found += tab.page.evaluate(BROKEN)
        tab.page.evaluate("() => document.querySelector('head > style').remove()")
        if found:
            broken[address] = found
    assert broken == {}


def is_green(colour: list[int]) -> bool:
    """Say whether a colour would be called green."""
    hue, _, saturation = colorsys.rgb_to_hls(*(part / 255 for part in colour[:3]))
    return 80 / 360 <= hue <= 170 / 360 and saturation > 0.12


def test_only_a_hidden_code_or_chip_is_ever_green(tab: Tab) -> None:
    """The colours that a browser computes, of headline, symbol, ground, edge and action, in both schemes."""
    for name, dark in itertools.product(BY_NAME, (False, True)):
        tab.dark(dark=dark)
        tab.turn_to(f"/check?link={name}", unfold=False)
        found = tab.page.evaluate(COLOURS)
        green = {part for part, colour in found.items() if is_green(colour)}
        assert green == (set(found) if headline_of(BY_NAME[name]) is Headline.VERIFIED else set()), (name, found)


def test_the_keyboard_goes_where_the_eye_goes(tab: Tab) -> None:
    """Every target once, in the order of the page, with a frame that is seen; the first one leads past the page's head."""
    page = tab.page
    tab.turn_to("/check?link=registered_checked_before")
    page.evaluate("document.activeElement.blur()")
    places, tops = [], []
    page.keyboard.press("Tab")
    first = page.evaluate(FOCUSED)
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(first["of"]):
        found = page.evaluate(FOCUSED)
        assert found["seen"], found
        assert found["outline"], found
        places.append(found["place"])
        tops.append(found["top"])
        page.keyboard.press("Tab")
    assert places == list(range(first["of"]))
    # Nobody is led up the page: the skip link lies over the head of the page, and what stands in one row shares its top.
    assert all(below >= above - 30 for above, below in itertools.pairwise(tops))


@languages
def test_the_skip_link_leads_to_the_content(browser: Browser, base: str, language: Language) -> None:
    """On a page that was really loaded, without scripts."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale=language.tag)
    page = context.new_page()
    page.goto(f"{base}/check?link=registered")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "action"
    context.close()


def test_symbols_stay_where_a_system_chooses_the_colours(browser: Browser, base: str) -> None:
    """Shape and mark differ from each other and from the ground, and words have their symbols beside them."""
    chosen = Tab.open(browser, base, width=360, language="en", forced_colors="active")
    for name in ("registered", "withdrawn", "not_registered", "under_review", "cannot_check", "verified"):
        chosen.turn_to(f"/check?link={name}")
        fill, mark, ground, small, edge = chosen.page.evaluate("""() => { const style = name => getComputedStyle(
          document.querySelector(name)); return [style('.icon .fill').fill, style('.icon .mark').stroke,
          style('body').backgroundColor, style('.small').stroke, style('.action').borderTopWidth]; }""")
        assert fill != mark
        assert fill != ground
        assert small not in {"none", ground}
        assert edge == "2px"
    chosen.close()

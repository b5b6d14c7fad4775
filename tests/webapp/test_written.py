"""What others wrote, whatever it is: shown as text, on one line, of bounded length, and without reaching beyond itself."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from registry.checking.verdicts import UnitView
from tests.webapp.gallery import serving
from tests.webapp.html import Page
from tests.webapp.samples import GTIN, PRODUCT, PROFILE, REGISTERED, SERIAL, Answers, readers
from webapp.app import create_app
from webapp.languages import LANGUAGES
from webapp.written import LONGEST, MISSING, MOST_MARKS, mixes_alphabets, shown

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from registry.checking.verdicts import Verdict

BIDI: Final = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
MARKUP: Final = (
    "</bdi></dd></dl></section><script>window.ran=1</script>\"'><img src=x onerror=window.ran=1><h1>{{7*7}}%(x)s{%x%}&amp;"
)
HOSTILE: Final = {
    "markup": MARKUP,
    "bidi": f"abc\u202e{BIDI}\u05d0\u05d1 reversed",
    "zero_width": "Kes\u200btrel\ufeff\u2060\u00ad S2\u3164",
    "long": "W" * 5000,
    "marks": "Z" + "\u0341\u0489\u20dd" * 60 + "algo",
    "emoji": "👩‍👩‍👧‍👦🏴\U000e0067\U000e0062\U000e007f🇨🇳❤️" * 30,
    "lines": "one\ntwo\r\n\u2028three\u2029\x0b\x00\x1b[31m\x85",
    "wide": "﷽" * 40,
    "nothing": "\u200b\u3164",
    "lone": "a\ud800b",
}
SEES: Final = st.text(st.characters() | st.sampled_from(BIDI + "\u0300\u0489\u200b\u3164<&\"'{}%\n"), max_size=400)


@given(SEES)
@example(*[MARKUP])
@example("a" + "\u0300" * 400)
@example("\u200b")
def test_a_text_is_one_bounded_line_that_steers_nothing(text: str) -> None:
    """No control, no direction, no invisible sign but the joiners, no pile of marks; and what is plain comes back as it was."""
    found = shown(text)
    assert 0 < len(found) <= LONGEST
    assert not any(unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"} for sign in found)
    assert {sign for sign in found if unicodedata.category(sign) == "Cf"} <= {"\u200c", "\u200d"}
    assert not set(BIDI) & set(found)
    piles = "".join("m" if unicodedata.category(sign) in {"Mn", "Me"} else " " for sign in found)
    assert "m" * (MOST_MARKS + 1) not in piles
    assert shown(found) == found


@pytest.mark.parametrize(
    "text",
    [
        "Kestrel S2 electric scooter", "竹泉·珍藏 浓香型白酒 500毫升", "เหล้าไผ่น้ำผึ้ง", "Nước mắm Phú Quốc", "می‌خواهم", "क्षत्रिय",
        "Crème brûlée", "👩‍👩‍👧‍👦", "שוקולד", "བོད་ཡིག", "…",
    ],
)  # fmt: skip
def test_honest_names_are_left_alone(text: str) -> None:
    """In every script that we know of, with its marks and joiners."""
    assert shown(text) == text
    assert not mixes_alphabets(text)


@pytest.mark.parametrize("text", ["Kеstrel", "Вamboo Spring", "Spring Βamboo", "𝐊estrel", "аррle", "Ｋеstrel"])
def test_a_word_of_two_alphabets_that_look_alike_is_pointed_out(text: str) -> None:
    """Latin with Cyrillic, Greek or mathematical letters in one word."""
    assert mixes_alphabets(text)


@pytest.mark.parametrize(
    "text", ["A型", "T恤 XL", "10 kΩ", "50 μg", "Яндекс Store", "Vitamin C", "ЛДСП-OSB", "MacBook用", "β-Carotin"]
)
def test_words_that_honestly_stand_beside_each_other_are_not(text: str) -> None:
    """Chinese and Latin in one word, units, and two words of two alphabets."""
    assert not mixes_alphabets(text)


def verdict_with(text: str, *, markets: int = 1) -> Verdict:
    """Return a verdict in which everything that others write is this text."""
    assert REGISTERED.manufacturer
    marks = tuple(f"{text}{number}" for number in range(markets))
    product = replace(PRODUCT, names={"en": text}, model=text, produced=text, expires=text, markets=marks, trademarks=marks)
    profile = replace(PROFILE, legal_name={"zh": text}, brand={"en": text}, domain=text, contact=text, trademarks=marks)
    return replace(
        REGISTERED,
        unit=UnitView(GTIN, SERIAL, "B2608", product),
        manufacturer=replace(REGISTERED.manufacturer, profile=profile),
    )


ANSWERS: Final = Answers()
CLIENT: Final = create_app(readers(checks=ANSWERS)).test_client()


def outline(page: Page) -> list[str]:
    """Return the elements of a page, without what the text decides: a remark that is there or not."""
    return [tag for tag, attributes in page.elements if "warns" not in attributes.get("class", "")]


@settings(max_examples=60)
@given(SEES.filter(str.strip))
@example(MARKUP)
@example(HOSTILE["bidi"])
def test_no_text_changes_what_a_page_is_made_of(text: str) -> None:
    """The same elements with the same names and classes, whatever is written; and every such text is isolated."""
    pages = []
    for told in (text, "plain"):
        ANSWERS.table["x"] = verdict_with(told)
        pages.append(Page(CLIENT.get("/check?link=x").get_data(as_text=True)))
    assert pages[0].faults == []
    assert outline(pages[0]) == outline(pages[1])
    assert not set(BIDI) & set(pages[0].text())


def test_lists_without_end_are_cut(client: object) -> None:
    """A manifest of megabytes makes no page of megabytes, and says that there is more."""
    del client
    ANSWERS.table["x"] = verdict_with("W" * 1000, markets=5000)
    source = CLIENT.get("/check?link=x").text
    assert len(source) < 60_000
    assert "<bdi>…</bdi>" in source


def test_names_that_mix_alphabets_are_remarked_on() -> None:
    """On the product and on the company, each where it stands; plain names get no remark."""
    for language, words in zip(LANGUAGES, ("letters of different alphabets", "不同文字的字母"), strict=True):
        for name, times in (("Kеstrel", 2), ("Kestrel", 0)):
            ANSWERS.table["x"] = verdict_with(name)
            source = CLIENT.get("/check?link=x", headers={"Accept-Language": language.tag}).text
            assert source.count(words) == times


@pytest.mark.xdist_group("browser")
@pytest.mark.usefixtures("require_backend")
def test_in_a_browser_it_runs_nothing_and_moves_nothing(browser: Browser) -> None:
    """No markup comes alive, nothing sticks out of a narrow screen, and the words of the site stand where they always stand."""
    table: dict[str, Verdict] = {name: verdict_with(text) for name, text in HOSTILE.items()}
    table["plain"] = verdict_with("plain")
    with serving(create_app(readers(table))) as address:
        context = browser.new_context(viewport={"width": 320, "height": 640}, locale="en")
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        found = {}
        for name in ("plain", *HOSTILE):
            page.goto(f"{address}/check?link={name}")
            found[name] = page.evaluate(LOOK)
        context.close()
    for name, seen in found.items():
        assert not seen["ran"], name
        assert seen["out"] == [], name
        assert seen["words"] == found["plain"]["words"], name
        assert seen["elements"] == found["plain"]["elements"], name
        assert all(abs(one - plain) < 1 for one, plain in zip(seen["left"], found["plain"]["left"], strict=True)), name
        assert seen["spill"] == [], name
    assert all(re.match(rf"{re.escape(address)}/(check|static)", url) for url in asked), json.dumps(asked)


LOOK: Final = """() => { const edge = document.documentElement.clientWidth; return {
  ran: window.ran === 1,
  out: [...document.querySelectorAll('body *')].filter(one => !one.closest('svg, .skip')
    && one.checkVisibility() && (one.getBoundingClientRect().right > edge + 1 || one.getBoundingClientRect().left < -1))
    .map(one => one.outerHTML.slice(0, 90)),
  words: [...document.querySelectorAll('h1, h2, dt, summary, .action, .bottom p')].map(one => one.innerText),
  left: [...document.querySelectorAll('h1, h2, dt, dd, summary')].map(one => one.getBoundingClientRect().left),
  spill: [...document.querySelectorAll('dd')].filter(one => one.scrollWidth > one.clientWidth + 1 && one.clientWidth)
    .map(one => one.innerText.slice(0, 40)),
  elements: document.querySelectorAll('body *').length }; }"""


def test_what_is_left_out_leaves_a_mark() -> None:
    """Nothing vanishes quietly: not a sign that steers, not a text of nothing."""
    assert shown("Kes\u202etrel") == f"Kes{MISSING}trel"
    assert shown("\u200b") == shown("\n ") == MISSING
    assert shown("W" * 500).endswith("…")
    assert shown("a\n\u3000 b") == "a b"

"""Every page in every language: what it shows, in which order, and that any browser can read it."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import pytest

from registry.checking.verdicts import Registration, UnitView
from registry.units.serials import check_character
from tests.webapp.html import Page
from tests.webapp.samples import BY_NAME, GTIN, NOW, PRODUCT, PROFILE, REGISTERED, SERIAL, readers
from webapp.app import create_app
from webapp.languages import LANGUAGES, Language
from webapp.presenter.verdicts import headline_of
from webapp.presenter.words import WORDS

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.webapp.conftest import Wire

HEAVIEST: Final = 30 * 1024
"""Bytes of HTML and CSS that a verdict may take over the wire, compressed."""
OTHER_PAGES: Final = ("/", "/check", "/check?link=choice", "/inspect", "/nowhere", "/check?link=" + "x" * 3000)
SCRIPTS: Final = {"/inspect": ["/static/gather.js"]}
"""Of pages that work without."""
ADDRESSES: Final = (*(f"/check?link={name}" for name in BY_NAME), *OTHER_PAGES)
languages = pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.tag)


def open_page(client: FlaskClient, address: str, language: Language = LANGUAGES[0]) -> Page:
    """Open a page in a language."""
    return Page(client.get(address, headers={"Accept-Language": language.tag}).text)


@languages
@pytest.mark.parametrize("name", BY_NAME)
def test_a_verdict_page_says_its_headline_first(client: FlaskClient, name: str, language: Language) -> None:
    """In the title, in the only first heading, with its tone, its symbol and one action; with the right status."""
    answer = client.get(f"/check?link={name}", headers={"Accept-Language": language.tag})
    page, words = Page(answer.text), WORDS[headline_of(BY_NAME[name])]
    registration = BY_NAME[name].registration
    assert answer.status_code == {Registration.UNREADABLE: 400, Registration.CANNOT_CHECK: 503}.get(registration, 200)
    assert ("Retry-After" in answer.headers) == (answer.status_code == 503)
    assert page.all("html")[0]["lang"] == language.tag
    assert page.text("title").startswith(page.text("h1"))
    assert page.has_class(words.tone)
    assert sum(attributes.get("class") == "action" for attributes in page.all("a")) == 1
    if language.tag == "en" and name == headline_of(BY_NAME[name]) and name not in {"withdrawn", "verified"}:
        assert page.text("h1") == words.headline


@languages
@pytest.mark.parametrize("address", ADDRESSES)
def test_every_page_is_sound_html(client: FlaskClient, address: str, language: Language) -> None:
    """Balanced, with landmarks, one first heading, no skipped level, labels, unique ids, and links that lead somewhere."""
    page = open_page(client, address, language)
    assert page.faults == []
    for landmark in ("header", "main", "footer", "nav", "h1"):
        assert len(page.all(landmark)) == 1
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))
    labelled = {attributes["for"] for attributes in page.all("label")}
    fields = [
        attributes["id"]
        for tag in ("input", "select", "textarea")
        for attributes in page.all(tag)
        if attributes.get("type") != "hidden"
    ]
    assert set(fields) == labelled
    for attributes in page.all("a"):
        assert attributes["href"].startswith(("/", "#"))
        if attributes["href"].startswith("#"):
            assert attributes["href"][1:] in ids
    described = [
        attributes.get(name, "") for _, attributes in page.elements for name in ("aria-labelledby", "aria-describedby")
    ]
    assert set(" ".join(described).split()) <= set(ids)


@languages
@pytest.mark.parametrize("address", ADDRESSES)
def test_no_page_needs_or_holds_a_script_or_an_inline_style(client: FlaskClient, address: str, language: Language) -> None:
    """Nothing runs but the camera of lists, nothing is styled inline, and nothing comes from another address."""
    page = open_page(client, address, language)
    assert not {tag for tag, _ in page.elements} & {"style", "iframe", "object", "embed", "base", "img"}
    assert [one["src"].partition("?")[0] for one in page.all("script")] == SCRIPTS.get(address, [])
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        for name in ("src", "href", "action", "formaction"):
            assert "://" not in attributes.get(name, "").partition("?")[0]
            assert not attributes.get(name, "").startswith("//")


@languages
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_is_light(wire: Wire, address: str, language: Language) -> None:
    """HTML and CSS together stay within 30 KB as the site itself sends them, also on a page that says everything."""
    headers = {"accept-language": language.tag, "accept-encoding": "gzip, br"}
    page = wire.send(address, headers=headers).body
    sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)">', page.decode())
    assert len(sheets) == 1
    assert len(page) + len(wire.send(sheets[0], headers=headers).body) <= HEAVIEST


def test_the_verdict_page_keeps_its_order(client: FlaskClient) -> None:
    """What to hold, the number, who registered it, how we know, where you are: in this order, top to bottom."""
    text = open_page(client, "/check?link=registered").text()
    order = [
        "This code is registered", "Compare the details", "What you should be holding", "Bamboo Spring Reserve, 500 ml",
        "BS-52-500", "B2608", "August 14, 2026", "China", PRINTED, "09521002000016", "Registered by",
        "Bamboo Spring Distillery Co., Ltd.", "45120983", "July 10, 2026", "How we know", "1,000 units", "0xabab",
        "31337", "1,130", "0x1a1a", "July 30, 2026 06:02:11 (UTC)", "You are at localhost",
        "We never ask for payment, a login or an ID.",
    ]  # fmt: skip
    places = [text.find(part) for part in order]
    assert -1 not in places
    assert places == sorted(places)


def test_the_same_page_in_chinese_uses_chinese_names_dates_and_clock(client: FlaskClient) -> None:
    """Names come in the reader's language, dates in its form, the time on its clock with the zone named."""
    text = open_page(client, "/check?link=registered", LANGUAGES[1]).text()
    for part in (
        "竹泉·珍藏 浓香型白酒 500毫升",
        "竹泉酒业股份有限公司",
        "2026年8月14日",
        "中国 、 新加坡",
        "2026年7月30日 14:02:11 (UTC+8)",
    ):
        assert part in text


def test_a_name_in_another_language_is_marked_as_such() -> None:
    """A screen reader changes its voice for a brand that has no name in the page's language."""
    unit = UnitView(GTIN, SERIAL, "B2608", replace(PRODUCT, names={"th": "เหล้าไผ่"}))
    client = create_app(readers({"x": replace(REGISTERED, unit=unit)})).test_client()
    assert '<bdi lang="th">เหล้าไผ่</bdi>' in client.get("/check?link=x").text


def test_all_ten_checks_are_shown_in_order_with_their_outcome(client: FlaskClient) -> None:
    """Folded, numbered by the list itself, each with a word."""
    page = open_page(client, "/check?link=key_under_review")
    assert sum(attributes.get("class") == "step" for attributes in page.all("span")) == 10
    text = page.text("details")
    assert text.count("does not hold") == 1
    assert text.count("not asked") == 2
    assert "may have been in other hands" in text


@pytest.mark.parametrize("name", ["foreign_host", "withdrawn_foreign_host"])
def test_a_foreign_address_is_always_warned_of(client: FlaskClient, name: str) -> None:
    """Also where another verdict outranks it; the address is shown and never linked."""
    page = open_page(client, f"/check?link={name}")
    assert "points to an address that is not this registry's" in page.text("main")
    assert "Do not enter anything there." in page.text("main")
    assert "verify-example.shop" in page.text("main")
    assert not any("verify-example.shop" in attributes["href"] for attributes in page.all("a"))


def test_a_stale_answer_says_how_old_it_is(client: FlaskClient) -> None:
    """The verdict stands, with the age of what it rests on."""
    assert "This is what it said 6 minutes ago." in open_page(client, "/check?link=registered_stale").text("main")
    assert "6分钟前的结果" in open_page(client, "/check?link=registered_stale", LANGUAGES[1]).text("main")


@pytest.mark.parametrize("name", ["altered", "not_registered", "cannot_check", "not_yet_released"])
def test_what_was_only_read_is_not_shown_as_confirmed(client: FlaskClient, name: str) -> None:
    """Where nothing was proved, no product and no company is named."""
    page = open_page(client, f"/check?link={name}")
    assert "What the code says" in page.text()
    assert "Nothing of it is confirmed." in page.text()
    assert "Bamboo Spring" not in page.text()


def test_a_registration_in_doubt_is_not_shown_as_one(client: FlaskClient) -> None:
    """In whose name it was made is a fact of the chain; that they made it is what is being reviewed."""
    text = open_page(client, "/check?link=key_under_review").text()
    assert "Registered in the name of" in text
    assert "Registered by" not in text
    assert "we show no product" in text


def test_why_nobody_answered_is_not_told_to_everybody() -> None:
    """The names of our own machines stay in the log."""
    silent = BY_NAME["cannot_check"]
    checks = tuple(replace(check, detail="node7.internal cannot be reached") for check in silent.checks if check.code)
    client = create_app(readers({"x": replace(silent, checks=checks)})).test_client()
    assert "node7" not in client.get("/check?link=x").text


PRINTED: Final = f"7K3M 9QX2 PTRD H5WB · {check_character(SERIAL)}"
HOSTILE: Final = "<script>alert(1)</script>\"'><img src=x onerror=1>\u202e{{ 7*7 }} %(x)s"


@languages
def test_what_a_manufacturer_wrote_is_shown_and_does_nothing(language: Language) -> None:
    """Markup is text, the direction of a text ends where it ends, and an address is no link."""
    product = replace(PRODUCT, names={"en": HOSTILE}, model=HOSTILE, markets=(HOSTILE,), produced=HOSTILE)
    profile = replace(PROFILE, legal_name={"en": HOSTILE}, domain="javascript:alert(1)", contact=HOSTILE)
    verdict = replace(
        REGISTERED,
        unit=UnitView("09521002000016", "<b>&", HOSTILE, product),
        manufacturer=replace(REGISTERED.manufacturer, profile=profile) if REGISTERED.manufacturer else None,
    )
    client = create_app(readers({"x": verdict})).test_client()
    source = client.get("/check?link=x", headers={"Accept-Language": language.tag}).text
    page = Page(source)
    assert page.faults == []
    assert not page.all("script")
    assert not page.all("img")
    assert "{{ 7*7 }}" in page.text()
    # Whatever may hold such text stands alone in an element that isolates its direction.
    for match in re.finditer(r"\u202e", source):
        before = source[: match.start()]
        assert before.rfind("<bdi") > before.rfind("</bdi>")
    assert not any("javascript:" in attributes["href"] for attributes in page.all("a"))


@languages
def test_the_address_to_pass_on_is_the_label_s_own(client: FlaskClient, language: Language) -> None:
    """Nothing that came with the request is in it, and a label that leads elsewhere gets none."""
    address = f"http://localhost/01/{GTIN}/10/B2608/21/{SERIAL}?sig={'A' * 85}Q"
    source = client.get("/check?link=registered&utm_source=x&gtin=", headers={"Accept-Language": language.tag}).text
    assert f'<p class="address"><bdi>{address}</bdi></p>' in source
    assert "utm_source" not in source.partition("<main")[2]
    assert f"http://localhost/01/{GTIN}/21/{SERIAL}<" in client.get("/check?link=number_known").text
    for name in ("foreign_host", "withdrawn_foreign_host", "unreadable"):
        assert 'class="address"' not in client.get(f"/check?link={name}").text


def test_what_was_typed_is_shown_and_does_nothing(client: FlaskClient) -> None:
    """Neither a form that comes back nor a question about it carries markup from an address."""
    page = open_page(client, "/check?link=%22%3E%3Cscript%3E&gtin=%3Cb%3E")
    assert page.faults == []
    assert not page.all("script")


def test_the_time_of_a_check_is_its_own(client: FlaskClient) -> None:
    """Machines find it in ISO 8601."""
    assert {"datetime": "2026-07-30T06:02:11Z"} in open_page(client, "/check?link=registered").all("time")
    assert NOW == 1_785_391_331

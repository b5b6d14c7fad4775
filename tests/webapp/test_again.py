"""A proof to take away, and the page that repeats it: without scripts, with ours, and with no other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pytest

from registry.checking.repeating import proof_of, repeat
from registry.proofs import proof_file
from registry.units import links
from registry.units.records import Record
from tests.checking.anchored import SIGNED, anchored
from tests.checking.world import BASE, make_world, seal
from tests.js.test_recheck import first_bad, flips
from tests.vectors.test_own_vectors import FILES
from tests.webapp import bundle
from tests.webapp.conftest import Wire
from tests.webapp.gallery import serving
from tests.webapp.html import Page
from tests.webapp.samples import BY_NAME, Answers, readers
from tests.webapp.tab import RUN, axe
from tests.webapp.test_browser import MEASURE, TOUCH
from webapp.app import create_app
from webapp.languages import LANGUAGES, Language
from webapp.limits import MAX_TEXT
from webapp.presenter import again

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

    from registry.checking.verdicts import Verdict
    from tests.checking.anchored import Registry

pytestmark = pytest.mark.xdist_group("recheck")

ODD: Final = Record("09521001000017", "L/1", "A/B?%+&")
"""What GS1 allows and browsers mangle."""


def address_of(page: str, link: str) -> str:
    """Return where a link's proof, or its page, is."""
    return f"{page}?link={quote(link, safe='')}"


@pytest.fixture(scope="module")
def verdict() -> Verdict:
    """A verdict with a proof that holds."""
    world = make_world()
    return world.verifier().check(world.link(world.scooter))


@pytest.fixture
def answers(verdict: Verdict) -> Answers:
    """What the site's checks answer."""
    return Answers({verdict.presented: verdict, **BY_NAME})


@pytest.fixture
def wire(answers: Answers) -> Wire:
    """The site behind its server."""
    return Wire(create_app(readers(checks=answers, endpoint="https://node.example/suggested")))


def test_a_proof_is_downloaded(wire: Wire, verdict: Verdict) -> None:
    """Whole, as a file, never kept by anything in between."""
    answer = wire.send(address_of("/proof.json", verdict.presented))
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == 'attachment; filename="proof.json"'
    assert answer.headers["cache-control"] == "no-store"
    assert proof_file.read(answer.body) == proof_of(verdict)


def test_a_link_is_asked_about_exactly_as_it_was_scanned(wire: Wire, answers: Answers) -> None:
    """An encoded slash stays in its serial, on the way to the page and to the file."""
    world = make_world()
    world.add(seal([ODD], "key 1", manufacturer=1), "key 1")
    path = links.path_of(BASE, ODD.gtin, lot=ODD.lot, serial=ODD.serial)
    link = f"{path}?sig={links.parse(world.signed_link(world.scooter, 'key 1')).signature}"
    found = world.verifier().check(link)
    answers.table[link] = found
    page = Page(wire.send(address_of("/again", link)).body.decode())
    form = next(one for one in page.all("form") if "data-proof" in one)
    answers.asked.clear()
    assert wire.send(form["data-proof"]).status == 404  # another unit's signature: altered, so that there is no proof
    assert answers.asked == [link]


@pytest.mark.parametrize(
    ("name", "status"), [("unreadable", 400), ("cannot_check", 503), ("not_registered", 404), ("number_known", 404)]
)
def test_a_verdict_without_proof_gives_no_file(wire: Wire, name: str, status: int) -> None:
    """A machine's refusal, with the verdict's own status where that is one."""
    answer = wire.send(address_of("/proof.json", name))
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (status, "no_proof")


@pytest.mark.parametrize("query", ["", "?link=", "?link=a&link=b", "?link=" + "x" * (MAX_TEXT + 1)])
def test_a_question_about_nothing_is_refused(wire: Wire, query: str) -> None:
    """Before anything is looked up."""
    assert wire.send(f"/proof.json{query}").status == 400


def test_neither_page_nor_file_is_a_scan(verdict: Verdict, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is recorded, and the log names neither serial nor signature."""

    class Noisy:
        def note(self, *_: object) -> None:
            raise AssertionError

    wire = Wire(create_app(readers(checks=Answers({verdict.presented: verdict}), scans=Noisy())))
    with caplog.at_level("INFO"):
        for page in ("/again", "/proof.json"):
            assert wire.send(address_of(page, verdict.presented)).status == 200
    assert verdict.unit is not None
    assert verdict.unit.serial not in caplog.text
    assert "sig=" not in caplog.text


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.tag)
def test_the_page_has_words_for_everything_and_brings_none_by_script(wire: Wire, verdict: Verdict, language: Language) -> None:
    """Each step, outcome and code; what cannot be found here; how it works without scripts. One script, ours, with its hash."""
    answer = wire.send(address_of("/again", verdict.presented), headers={"accept-language": language.tag})
    page = Page(answer.body.decode())
    assert page.faults == []
    marks = {
        kind: {one[f"data-{kind}"] for one in page.all("template") if f"data-{kind}" in one}
        for kind in ("outcome", "code", "summary")
    }
    assert {one["data-step"] for one in page.all("li") if "data-step" in one} == {step.value for step in again.STEPS}
    assert marks["code"] == set(again.CODES)
    assert marks["summary"] == set(again.SUMMARIES)
    assert {"en": "cannot find a dishonest operator", "zh-Hans": "无法发现不诚实的网站运营者"}[language.tag] in page.text(
        "main"
    )
    assert "JavaScript" in page.text("noscript")
    (script,) = page.all("script")
    assert script["type"] == "module"
    assert script["integrity"] == json.loads(bundle.RECORD.read_text())["integrity"]
    assert "https://node.example/suggested" in answer.body.decode()
    bundled = bundle.BUNDLE.read_text(encoding="utf-8")
    for text in (*again.STEPS.values(), *again.CODES.values(), *again.SUMMARIES.values()):
        assert text not in bundled


def test_only_this_page_may_run_a_script_and_ask_others(wire: Wire, verdict: Verdict) -> None:
    """And even here nothing inline and nobody else's."""
    policy = wire.send(address_of("/again", verdict.presented)).headers["content-security-policy"]
    assert "script-src 'self'; connect-src 'self' https: http:" in policy
    assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self'; ")
    assert "unsafe" not in policy
    for other in ("/", address_of("/check", verdict.presented), address_of("/proof.json", verdict.presented)):
        strict = wire.send(other).headers["content-security-policy"]
        assert "script-src" not in strict
        assert "connect-src" not in strict


def test_a_link_that_is_none_leads_to_its_verdict(wire: Wire) -> None:
    """Which says why; and without any link a file can be chosen."""
    answer = wire.send(address_of("/again", "hello"))
    assert (answer.status, answer.headers["location"]) == (303, "/check?link=hello")
    assert wire.send("/again").status == 200


def test_a_verdict_page_leads_there_where_it_has_a_proof(wire: Wire, verdict: Verdict) -> None:
    """From "how we know", folded."""
    page = Page(wire.send(address_of("/check", verdict.presented)).body.decode())
    hrefs = [one["href"] for one in page.all("a")]
    assert address_of("/again", verdict.presented) in hrefs
    assert address_of("/proof.json", verdict.presented) in hrefs
    assert "Check it again on this phone" in page.text("details")
    bare = Page(wire.send(address_of("/check", "number_known")).body.decode())
    assert not any(one["href"].startswith(("/again", "/proof.json")) for one in bare.all("a"))


# ---------------------------------------------------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def registry(require_backend: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry on a real chain."""
    with anchored(require_backend("anvil"), tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture(scope="module")
def site(registry: Registry) -> Iterator[tuple[str, str]]:
    """The site over one registered label; its address, and that of the page."""
    found = registry.check()
    with serving(create_app(readers({found.presented: found}, endpoint=registry.chain.url))) as base:
        yield base, base + address_of("/again", found.presented)


@pytest.fixture
def tab(browser: Browser, site: tuple[str, str], require_backend: Callable[[str], Path]) -> Iterator[Tab]:
    """The page on a narrow phone, which must say nothing to the console."""
    require_backend("chromium")
    faults: list[str] = []
    context = browser.new_context(viewport={"width": 320, "height": 640}, locale="en")
    page = context.new_page()
    page.on("console", lambda message: faults.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(site[1])
    yield page
    context.close()
    assert faults == []


def run(tab: Tab) -> tuple[str, dict[str, str]]:
    """Press the button, and return the summary and each step's outcome."""
    tab.evaluate("document.getElementById('recheck').dataset.found = ''")
    tab.click("#recheck button")
    tab.wait_for_selector("#recheck[data-found]:not([data-found=''])")  # to wait for a function would need `unsafe-eval`
    steps = tab.evaluate(
        "Object.fromEntries([...document.querySelectorAll('[data-step]')].map(one => [one.dataset.step, one.dataset.result]))"
    )
    return tab.evaluate("document.getElementById('recheck').dataset.found"), steps


def test_a_phone_repeats_a_proof(tab: Tab, site: tuple[str, str], registry: Registry) -> None:
    """With the suggested endpoint, without any, and with one that does not answer; and after a withdrawal it says so."""
    assert run(tab) == ("holds", dict.fromkeys(again.STEPS, "passed"))
    assert SIGNED.serial in tab.inner_text(".about")
    assert tab.inner_text(".result").startswith("Every step holds.")
    assert tab.evaluate(MEASURE % TOUCH)["out"] == []
    tab.evaluate(axe())
    assert tab.evaluate(RUN, None) == []
    tab.fill("#endpoint", "")
    assert run(tab)[0] == "offline"
    tab.fill("#endpoint", registry.chain.url)
    tab.fill("#contract", "0x" + "11" * 20)
    assert (run(tab)[0], tab.inner_text("[data-step=contract] .codes")) == (
        "broken",
        "The proof is about another contract than the one that you named.",
    )
    tab.fill("#contract", registry.chain.deployment.contract)
    snapshot = registry.chain.snapshot()
    registry.chain.set_suspended(1, suspended=True)
    found, steps = run(tab)
    registry.chain.revert(snapshot)
    assert (found, first_bad([(step, outcome, []) for step, outcome in steps.items()])) == ("broken", "key")
    assert tab.url == site[1]


def test_a_phone_names_the_step_of_a_damaged_file(tab: Tab, registry: Registry) -> None:
    """A file from anywhere is chosen, and stays on the device; the step is the desk command's."""
    file = proof_of(registry.check())
    assert file is not None
    document = proof_file.write(file)
    tab.fill("#endpoint", "")
    for changed in flips(document)[::40]:
        tab.set_input_files("#file", {"name": "proof.json", "mimeType": "application/json", "buffer": changed})
        bad = [one.step.value for one in repeat(changed)[1] if one.outcome == "failed"]
        found, steps = run(tab)
        assert [step for step, outcome in steps.items() if outcome == "failed"] == bad
        assert found == ("broken" if bad else "offline")


def test_chromium_agrees_with_every_vector(tab: Tab) -> None:
    """The module as it is served, in the page that serves it."""
    cases: list[Any] = FILES["proofs"]["cases"]
    program = """async texts => { const { repeat } = await import("/static/recheck.js");
        return texts.map(text => repeat(new TextEncoder().encode(text)).steps.at(-1)); }"""
    lasts = tab.evaluate(program, [case["document"] for case in cases])
    for case, last in zip(cases, lasts, strict=True):
        assert (last["outcome"] == "passed") == case["valid"], case["name"]
        assert case["valid"] or f"proof_{last['step']}" == case["failure"], case["name"]


@pytest.mark.usefixtures("require_backend")
def test_without_scripts_the_page_says_so(browser: Browser, site: tuple[str, str]) -> None:
    """Nothing is offered that does not work, and the proof can be fetched all the same."""
    context = browser.new_context(java_script_enabled=False, accept_downloads=True, locale="en")
    page = context.new_page()
    page.goto(site[1])
    assert "needs JavaScript" in page.inner_text("main")
    assert not page.locator("#recheck").is_visible()
    with page.expect_download() as download:
        page.click("a[download]")
    assert download.value.suggested_filename == "proof.json"
    assert repeat(download.value.path().read_bytes())[0] is not None
    context.close()

"""The scan page in a real browser: a film of a label for a camera, everything that a camera can refuse, and codes of others."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pytest

from registry import barcodes
from registry.errors import LinkError
from registry.units import links
from registry.units.serials import printed
from tests.conftest import CHROMIUM
from tests.issuing import label_batch
from tests.webapp import bundle, films
from tests.webapp.cameras import STREAM, codes, hold, refusing
from tests.webapp.gallery import serving
from tests.webapp.samples import BY_NAME, REGISTERED, readers
from tests.webapp.tab import Tab
from tests.webapp.test_browser import MEASURE, TOUCH
from webapp import languages
from webapp.app import create_app
from webapp.languages import LANGUAGES
from webapp.presenter import scanning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from PIL import Image
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.xdist_group("scan")

SERIAL: Final = "7K3M9QX2PTRDH5WB"
FOREIGN: Final = "https://pay.example/6f1?to=\u202egnp.elbat"
CLOCK: Final = """setInterval(() => { const video = document.querySelector("video");
  if (video?.currentTime) sessionStorage.seconds = video.currentTime; }, 10);"""
"""Notes how far the film is, where the next page finds it."""


FAILING: Final = {
    "none": refusing("NotFoundError"),
    "busy": refusing("NotReadableError"),
    "failed": refusing("TypeError"),
    "insecure": "Object.defineProperty(globalThis, 'isSecureContext', { value: false });",
    "unsupported": "Object.defineProperty(navigator, 'mediaDevices', { value: undefined });",
    "wechat": "Object.defineProperty(navigator, 'userAgent', { value: 'Mozilla/5.0 MicroMessenger/8.0' });",
}


def detecting(sample: str, seen: list[str]) -> str:
    """Return a detector of the browser's own, which reads this in a drawn code and that in a video."""
    return f"""globalThis.BarcodeDetector = class {{
      static async getSupportedFormats() {{ return ["qr_code"]; }}
      async detect(where) {{ const texts = where instanceof HTMLVideoElement ? {json.dumps(seen)} : {json.dumps([sample])};
        return texts.map(rawValue => ({{ rawValue }})); }} }};"""


@pytest.fixture(scope="module")
def label() -> tuple[str, Image.Image]:
    """What a label's code says, and the label as it was printed."""
    (made,) = label_batch.make([label_batch.unit(serial=SERIAL)])
    picture = films.printed(made)
    (text,) = barcodes.read(picture)
    return text, picture


@pytest.fixture(scope="module")
def base(label: tuple[str, Image.Image]) -> Iterator[str]:
    """The site, which knows that label."""
    with serving(create_app(readers({**BY_NAME, label[0]: REGISTERED}))) as address:
        yield address


@pytest.fixture(scope="module")
def filming(browser: Browser, label: tuple[str, Image.Image], tmp_path_factory: pytest.TempPathFactory,
            require_backend: Callable[[str], Path]) -> Iterator[Browser]:  # fmt: skip
    """A browser whose camera plays the film of that label."""
    file = tmp_path_factory.mktemp("film") / "label.mjpeg"
    file.write_bytes(films.film(label[1]))
    camera = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={file}"]
    program = require_backend("chromium")
    other = browser.browser_type.launch(executable_path=program, headless=True, args=[*CHROMIUM, *camera])
    yield other
    other.close()


@contextmanager
def opened(browser: Browser, base: str, *scripts: str, allowed: bool = True, **options: Any) -> Iterator[Page]:
    """Open the scan page on a phone on which these scripts have run before; nothing may be said to the console but refusals."""
    faults: list[str] = []
    options = {"viewport": {"width": 360, "height": 740}, "locale": "en"} | options
    context = browser.new_context(permissions=["camera"] if allowed else [], **options)
    for script in scripts:
        context.add_init_script(script)
    page = context.new_page()
    page.on("console", lambda said: faults.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{base}/scan")
    yield page
    context.close()
    assert [fault for fault in faults if "Failed to load resource" not in fault] == []


def state(page: Page, *names: str) -> str:
    """Wait until the page says one of these things, and return what a screen reader hears."""
    page.wait_for_selector(",".join(f"#scan[data-state={name}]" for name in names))
    return page.inner_text("[role=status]")


def asked_by(page: Page) -> list[str]:
    """Return the addresses that a page asks for from now on; the list grows."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    return asked


def test_a_moving_label_in_poor_light_is_read_within_three_seconds_of_film(filming: Browser, base: str) -> None:
    """From the tap to the verdict, the reader of codes still to be fetched. A machine busy with others may try again."""
    for _ in range(3):
        with opened(filming, base, CLOCK) as page:
            assert not page.locator("video").is_visible()
            page.click("[data-part=start]")
            page.wait_for_url("**/check?link=*", timeout=60_000)
            assert page.title().startswith("This code is registered")
            seconds = float(page.evaluate("sessionStorage.seconds"))
        if seconds <= films.SECONDS:
            return
    pytest.fail(f"the film was {seconds} seconds long when the code was read")


def test_a_refused_camera_leaves_photo_and_number(browser: Browser, base: str) -> None:
    """Really refused, by the browser; the page says what to do, and both other ways lead on."""
    with opened(browser, base, refusing("NotAllowedError"), allowed=False) as page:
        page.click("[data-part=start]")
        assert state(page, "refused").startswith("The camera was not allowed")
        assert page.evaluate("document.activeElement.dataset.part") == "start"
        page.fill("#link", "registered")
        page.click("#number button")
        assert page.title().startswith("This code is registered")
        page.go_back()
        page.set_input_files("#photo-file", {"name": "label.png", "mimeType": "image/png", "buffer": b"\x89PNG"})
        page.click("#photo button")
        assert "We found no code in the photo" in page.inner_text("main")  # this site's reader finds none, but was asked


def test_every_failure_has_its_words(browser: Browser, base: str) -> None:
    """In Chinese as well; where no camera can be had, none is offered, and what is said can be read."""
    with languages.speaking(LANGUAGES[1]):
        words = scanning.words().failures
    cases = "\n".join(f'if (location.search === "?{said}") {{ {script} }}' for said, script in FAILING.items())
    with opened(browser, base, cases, locale="zh-CN") as page:
        for said in FAILING:
            page.goto(f"{base}/scan?{said}")
            offered = page.locator("[data-part=start]").is_visible()
            assert offered == (said in {"none", "busy", "failed"})
            if offered:
                page.click("[data-part=start]")
            assert state(page, said).split("\n")[0] == words[said][0]
            assert not page.locator("video").is_visible()
            assert Tab(page).faults() == []


def test_a_code_of_others_is_shown_and_never_opened(browser: Browser, base: str, label: tuple[str, Image.Image]) -> None:
    """As a text, without what would turn its letters round; nobody is asked about it, and the camera goes on looking."""
    with opened(browser, base, STREAM) as page:
        hold(page, codes(FOREIGN))
        asked = asked_by(page)
        page.click("[data-part=start]")
        assert state(page, "foreign").startswith("This is not one of our labels.")
        assert page.inner_text("[data-part=found]") == FOREIGN.replace("\u202e", "\ufffd")
        assert page.locator("[data-part=found] a").count() == 0
        assert page.evaluate("document.querySelector('[data-part=found] bdi').childElementCount") == 0
        assert page.locator("video").is_visible()
        assert [url for url in asked if not url.startswith((f"{base}/static/", f"{base}/test/"))] == []
        page.click("[data-part=stop]")
        hold(page, codes(label[0]))
        page.click("[data-part=start]")
        page.wait_for_url("**/check?link=*")


def test_of_several_codes_the_person_chooses(browser: Browser, base: str, label: tuple[str, Image.Image]) -> None:
    """Ours with their numbers as printed, the others named; the camera is let go, and can be started again."""
    other = label[0].replace(SERIAL, "9BFN6Z1YJR80PGSA")
    with opened(browser, base, STREAM) as page:
        hold(page, codes(label[0], FOREIGN, other))
        page.click("[data-part=start]")
        assert state(page, "choose").startswith("There are several codes")
        assert page.evaluate("stream.getTracks().map(track => track.readyState)") == ["ended"]
        lines = page.locator("[data-part=found] li").all_inner_texts()
        assert {printed(SERIAL), printed("9BFN6Z1YJR80PGSA")} == {line.partition("\n")[0] for line in lines[:2]}
        assert "09521001000017" in lines[0]
        assert "verify.example.org" in lines[0]
        assert lines[2].startswith("Not one of our labels")
        assert page.evaluate("document.activeElement.tagName") == "A"
        assert page.evaluate(MEASURE % TOUCH)["out"] == []
        page.click("[data-part=again]")
        state(page, "choose")
        page.click(f"[data-part=found] a >> text={printed(SERIAL)}")
        assert page.title().startswith("This code is registered")


def test_the_browsers_own_detector_is_taken_where_it_detects(
    browser: Browser, base: str, label: tuple[str, Image.Image]
) -> None:
    """Then nothing else is fetched; one that announces codes and finds none is not believed."""
    for sample, fetched in (("TOUCHSTONE", False), ("", True)):
        with opened(browser, base, STREAM, detecting(sample, [label[0]])) as page:
            hold(page, codes(label[0]))
            asked = asked_by(page)
            page.click("[data-part=start]")
            page.wait_for_url("**/check?link=*")
        assert any("zxing_reader.wasm" in url for url in asked) == fetched


def test_a_reader_that_was_changed_or_lost_is_not_started(browser: Browser, base: str) -> None:
    """One byte is enough; the words are there, and the camera is let go."""
    changed = bundle.READER.read_bytes()[:-1] + b"\0"
    with opened(browser, base, STREAM) as page:
        hold(page, codes(FOREIGN))
        started: list[object] = []
        page.on("worker", lambda worker: started.append(worker))  # noqa: PLW0108 -- Playwright wants a function of its own
        for status, said in ((200, "reader_changed"), (404, "reader_missing")):
            page.route("**/zxing_reader.wasm*", lambda route, _, status=status: route.fulfill(status=status, body=changed))
            page.click("[data-part=start]")
            assert state(page, said).startswith(scanning.FAILURES[said][0])
            assert page.evaluate("stream.getTracks().map(track => track.readyState)") == ["ended"]
        page.evaluate("document.getElementById('scan').dataset.reader = ''")  # as on a site that was installed without it
        page.click("[data-part=start]")
        assert state(page, "reader_absent").startswith(scanning.FAILURES["reader_absent"][0])
        assert started == []


def test_light_zoom_and_cameras_are_offered_where_there_are_any(browser: Browser, base: str) -> None:
    """What a tap does reaches the camera; without such abilities nothing is offered."""
    able = """
      MediaStreamTrack.prototype.getCapabilities = () => ({ torch: true, zoom: { min: 1, max: 4, step: 0.5 } });
      MediaStreamTrack.prototype.applyConstraints = async change => { globalThis.changed = change; };
      navigator.mediaDevices.enumerateDevices = async () =>
        ["back", "front"].map(deviceId => ({ kind: "videoinput", deviceId, label: deviceId }));"""
    for scripts, shown in (((STREAM, able), True), ((STREAM,), False)):
        with opened(browser, base, *scripts) as page:
            hold(page, codes(FOREIGN))
            page.click("[data-part=start]")
            state(page, "foreign")
            parts = [page.locator(f"[data-part={name}]") for name in ("torch", "zoom", "camera")]
            assert [part.is_visible() for part in parts] == [shown] * 3
            assert page.evaluate("wanted.video.facingMode") == {"ideal": "environment"}
            assert page.evaluate(MEASURE % TOUCH)["out"] == Tab(page).faults() == []
            if shown:
                parts[0].click()
                assert page.evaluate("changed") == {"advanced": [{"torch": True}]}
                assert parts[0].get_attribute("aria-pressed") == "true"
                parts[1].fill("2.5")
                assert page.evaluate("changed") == {"advanced": [{"zoom": 2.5}]}
                parts[2].select_option("front")
                state(page, "foreign")
                assert page.evaluate("wanted.video.deviceId") == {"exact": "front"}


def test_the_camera_is_let_go_when_nobody_looks(browser: Browser, base: str) -> None:
    """By the button, and when the page is hidden."""
    hide = (
        """Object.defineProperty(document, "hidden", { value: true }); document.dispatchEvent(new Event("visibilitychange"));"""
    )
    with opened(browser, base, STREAM) as page:
        hold(page, codes(FOREIGN))
        for leave in (lambda: page.click("[data-part=stop]"), lambda: page.evaluate(hide)):
            page.click("[data-part=start]")
            state(page, "foreign")
            leave()
            assert state(page, "stopped") == "The camera is off."
            assert page.evaluate("stream.getTracks().map(track => track.readyState)") == ["ended"]
            assert page.locator("[data-part=start]").is_visible()
        assert page.evaluate("document.activeElement.tagName") == "BODY"


def test_whatever_the_site_reads_as_a_label_the_page_takes_for_one(browser: Browser, base: str) -> None:
    """Of any form that GS1 allows; and texts that are no links stay on the phone."""
    base_url, gtin = "https://h.example", "09521001000017"
    ours = [
        links.path_of(base_url, gtin, cpv="v1", lot="L/1?+", serial="A/B?%+&"),
        links.path_of(base_url.upper(), gtin, serial=SERIAL),
        f"{base_url}/some/stem/01/{gtin}/21/x?17=270101&sig=AA#top",
        f"http://[::1]:8000/01/{gtin}/21/1",
    ]
    others = ["", "hello", SERIAL, f"{base_url}/01/{gtin}", f"javascript:{ours[0]}", f" {ours[0]}", f"{ours[0]}\u202e",
              f"{base_url}/01/{gtin}/10/L1", "https://h.example/?u=/01/1/21/2", "WIFI:S:x;;", ours[1] + "x" * 2000]  # fmt: skip
    for text in ours:
        links.parse(text)
    for text in others:
        with pytest.raises(LinkError):
            links.parse(text)
    program = """async texts => { const { label } = await import("/static/scan.js"); return texts.map(label); }"""
    with opened(browser, base) as page:
        told = page.evaluate(program, [*ours, *others])
    assert [bool(one) for one in told] == [True] * len(ours) + [False] * len(others)
    assert told[1] == {"host": "h.example", "gtin": gtin, "serial": printed(SERIAL)}


def test_without_a_connection_no_verdict_is_shown(browser: Browser, label: tuple[str, Image.Image]) -> None:
    """A page that says so in both languages; what was read before is not shown again, and nothing of it was kept."""
    site = serving(create_app(readers({label[0]: REGISTERED})))
    base = site.__enter__()
    try:
        with opened(browser, base) as page:
            page.evaluate("navigator.serviceWorker.ready.then(one => one.active.state)")
            page.goto(f"{base}/check?link={quote(label[0], safe='')}")
            assert page.title().startswith("This code is registered")
            kept = page.evaluate(
                "caches.keys().then(names => Promise.all(names.map(name => caches.open(name).then(one => one.keys()))))"
                ".then(all => all.flat().map(one => new URL(one.url).pathname))"
            )
            assert sorted(kept) == ["/offline", "/static/icon.svg", "/static/site.css"]
            verdict = page.url
            site.__exit__(None, None, None)
            page.goto(verdict)
            for words in (
                "No connection: nothing can be checked now",
                "没有网络",
                "says nothing about the product",
                "不代表商品真伪",
            ):
                assert words in page.inner_text("main")
            assert "registered" not in page.inner_text("body")
            assert page.url == verdict
            assert page.evaluate("getComputedStyle(document.querySelector('.verdict')).display") == "grid"
            assert Tab(page).faults() == page.evaluate(MEASURE % TOUCH)["out"] == []
            page.go_back()
            assert "No connection" in page.inner_text("main")
    finally:
        site.__exit__(None, None, None)

"""The camera of the list page: each code that is held before it becomes a line, a repeat only if the person says so."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from registry import barcodes
from registry.units.serials import printed
from tests.conftest import CHROMIUM
from tests.issuing import label_batch
from tests.webapp import cameras, films
from tests.webapp.gallery import serving
from tests.webapp.html import Page as Html
from tests.webapp.samples import LINK, SERIAL, readers
from tests.webapp.tab import Tab
from tests.webapp.test_accessible import BROKEN
from webapp.app import create_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from PIL.Image import Image
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.usefixtures("require_backend")]
OTHER = LINK.replace(SERIAL, "9BFN6Z1YJR80PGSA")
STREAM = """
  navigator.mediaDevices.getUserMedia = async () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 960, height: 480 });
    const look = async () => {
      const picture = await createImageBitmap(await (await fetch("/test/picture.png", { cache: "no-store" })).blob());
      canvas.getContext("2d").drawImage(picture, 0, 0);
    };
    await look();
    setInterval(look, 60);
    globalThis.stream = canvas.captureStream(25);
    return globalThis.stream;
  };"""
"""A camera before which pictures can be changed."""


LOCKS = """Object.defineProperty(Navigator.prototype, "wakeLock", { value: { request: async () => {
  globalThis.locks = (globalThis.locks ?? 0) + 1; return { release: async () => { globalThis.locks -= 1; } }; } } });"""
"""Counts what keeps the screen on."""


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """The site."""
    with serving(create_app(readers({}))) as address:
        yield address


class Camera:
    """The page with a camera that runs, and what is held before it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._picture = b""
        page.route("**/test/picture.png", lambda route: route.fulfill(body=self._picture, content_type="image/png"))

    def hold(self, *texts: str) -> None:
        """Hold codes before it, or nothing."""
        picture: Image = cameras.codes(*texts)
        file = io.BytesIO()
        picture.save(file, "PNG")
        self._picture = file.getvalue()

    @property
    def lines(self) -> list[str]:
        """The list."""
        return self.page.input_value("#codes").split("\n")[:-1]

    def wait(self, condition: str) -> None:
        """Wait until something holds on the page."""
        self.page.wait_for_function(condition, timeout=30_000)

    def state(self, name: str) -> None:
        """Wait until the page says something."""
        self.wait(f"document.getElementById('gather').dataset.state === '{name}'")


@pytest.fixture
def camera(browser: Browser, base: str) -> Iterator[Camera]:
    """A camera that runs, with nothing before it."""
    tab = Tab.open(browser, base, width=820, language="en")
    tab.page.add_init_script(STREAM + LOCKS)
    one = Camera(tab.page)
    one.hold()
    tab.page.goto(f"{base}/inspect")
    tab.page.get_by_role("button", name="Start the camera").click()
    one.state("gathering")
    yield one
    tab.close()


def test_one_item_after_the_other(camera: Camera) -> None:
    """Each becomes a line, also codes of others and several at once; what stays in the picture is one item. Nothing is sent."""
    sent: list[str] = []
    camera.page.on("request", lambda request: sent.append(request.url))
    camera.page.fill("#codes", "typed by hand")
    camera.hold(LINK)
    camera.wait("document.getElementById('codes').value.split('\\n').length === 3")
    assert camera.lines == ["typed by hand", LINK]
    camera.hold(OTHER, "https://pay.example/6f1")
    camera.wait("document.getElementById('codes').value.split('\\n').length === 5")
    camera.page.wait_for_timeout(1000)
    assert sorted(camera.lines[2:]) == sorted([OTHER, "https://pay.example/6f1"])
    assert camera.page.text_content("[data-part=count]") == "4"
    assert not camera.page.is_visible("[data-part=repeated]")
    assert [url for url in sent if not url.endswith("/test/picture.png") and "/static/icon" not in url] == []
    camera.page.get_by_role("button", name="Stop the camera").click()
    assert camera.page.evaluate("globalThis.stream.getTracks().every(track => track.readyState === 'ended')")
    camera.page.get_by_role("button", name="Check the list").click()
    camera.page.wait_for_url("**/inspect/*")
    assert "4 lines" in Html(camera.page.content()).text("h2")


def test_one_code_on_two_items_is_added_if_the_person_says_so(camera: Camera) -> None:
    """It has to leave the picture first; by keyboard, and without an answer nothing is added."""
    camera.hold(LINK)
    camera.state("added")
    camera.hold()
    camera.page.wait_for_timeout(1700)
    camera.hold(LINK)
    camera.state("repeated")
    assert camera.lines == [LINK]
    again = camera.page.get_by_role("button", name="Add it again: it is on another item")
    assert again.is_visible()
    again.press("Enter")
    camera.state("added")
    assert camera.lines == [LINK, LINK]
    assert not again.is_visible()
    camera.hold()
    camera.page.wait_for_timeout(1700)
    camera.hold(LINK)
    camera.state("repeated")
    camera.hold(OTHER)
    camera.state("added")
    assert camera.lines == [LINK, LINK, OTHER]
    assert not again.is_visible(), "the question is about a code that was passed over"


def test_of_a_new_code_and_a_listed_one_in_one_picture_neither_is_lost(camera: Camera) -> None:
    """The one is added, and the other asked about; whoever types meanwhile keeps the place, and what is shown cannot turn."""
    camera.page.fill("#codes", f"{LINK}\n")
    camera.page.evaluate("document.getElementById('codes').setSelectionRange(3, 5)")
    camera.hold(LINK, OTHER)
    camera.wait("document.getElementById('codes').value.split('\\n').length === 3")
    camera.state("repeated")
    assert camera.page.get_by_role("button", name="Add it again: it is on another item").is_visible()
    assert camera.page.text_content("[data-part=twice]") == printed(SERIAL)
    assert camera.lines == [LINK, OTHER]
    place = "(({ selectionStart, selectionEnd }) => [selectionStart, selectionEnd])(document.getElementById('codes'))"
    assert camera.page.evaluate(place) == [3, 5]
    camera.hold("https://pay.example/6f1?to=\u202egnp.elbat")
    camera.state("added")
    assert camera.page.text_content("[data-part=last]") == "https://pay.example/6f1?to=\ufffdgnp.elbat"


def test_the_screen_stays_on_as_long_as_the_camera(camera: Camera) -> None:
    """No longer: a tablet goes dark as ever afterwards."""
    assert camera.page.evaluate("locks") == 1
    camera.page.get_by_role("button", name="Stop the camera").click()
    camera.wait("locks === 0")


def test_two_labels_in_a_film_become_two_lines(
    browser: Browser, base: str, tmp_path: Path, require_backend: Callable[[str], Path]
) -> None:
    """As a camera films them, one after the other, by an unsteady hand; as the film begins again, each is asked about."""
    labels = label_batch.make([label_batch.unit(serial=serial) for serial in ("7K3M9QX2PTRDH5WB", "9BFN6Z1YJR80PGSA")])
    pictures = [films.printed(one) for one in labels]
    file = tmp_path / "labels.mjpeg"
    file.write_bytes(b"".join(map(films.film, pictures)))
    camera = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={file}"]
    program = require_backend("chromium")
    other = browser.browser_type.launch(executable_path=program, headless=True, args=[*CHROMIUM, *camera])
    page = other.new_context(permissions=["camera"], locale="en").new_page()
    page.goto(f"{base}/inspect")
    page.get_by_role("button", name="Start the camera").press("Enter")
    page.locator("[data-part=more]").wait_for(timeout=60_000)
    assert sorted(page.input_value("#codes").split()) == sorted(barcodes.read(one)[0] for one in pictures)
    other.close()


@pytest.mark.parametrize(("width", "language", "dark"), [(320, "zh-CN", True), (820, "en", False)])
def test_nothing_is_wrong_with_the_running_camera(
    browser: Browser, base: str, width: int, language: str, *, dark: bool
) -> None:
    """Nor with its question."""
    tab = Tab.open(browser, base, width=width, language=language)
    tab.dark(dark=dark)
    tab.page.add_init_script(STREAM)
    one = Camera(tab.page)
    one.hold(LINK)
    tab.page.goto(f"{base}/inspect")
    tab.page.fill("#codes", LINK)
    tab.page.locator("[data-part=start]").click()
    one.state("repeated")
    assert tab.faults() + tab.page.evaluate(BROKEN) == []
    tab.page.locator("[data-part=more]").click()
    one.state("added")
    assert tab.faults() + tab.page.evaluate(BROKEN) == []
    tab.close()


def test_without_a_script_there_is_no_camera_and_all_else(browser: Browser, base: str) -> None:
    """The box and the file stay."""
    tab = Tab.open(browser, base, width=320, language="en", java_script_enabled=False)
    tab.page.goto(f"{base}/inspect")
    assert not tab.page.is_visible("[data-part=start]")
    assert tab.page.is_visible("#codes")
    assert "The camera needs JavaScript" in (tab.page.text_content("main") or "")
    tab.close()

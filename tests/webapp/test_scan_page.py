"""The scan page as it is sent: complete without scripts, a policy of its own, the reader of codes, what a phone installs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from PIL import Image

from registry.barcodes import read_rows
from tests.webapp import bundle, icons
from tests.webapp.html import Page
from webapp.languages import LANGUAGES, Language
from webapp.presenter import scanning

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient

languages = pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.tag)
SOURCES: Final = bundle.RECORDS


@languages
def test_the_page_is_complete_without_scripts(client: FlaskClient, language: Language) -> None:
    """Both forms are there and lead where those of the first page lead; what needs a script is hidden, and says why."""
    headers = {"Accept-Language": language.tag}
    page, home = (Page(client.get(address, headers=headers).text) for address in ("/scan", "/"))
    assert page.faults == []
    assert [form["action"] for form in page.all("form")] == ["/photo", "/check"]
    assert sorted(form["action"] for form in home.all("form")) == ["/check", "/photo"]
    assert "JavaScript" in page.text("noscript")
    assert all("hidden" in one for one in page.all("div") if one.get("data-part") == "ready")
    assert {"/scan"} <= {one["href"] for one in home.all("a")}
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    labelled = {attributes["for"] for attributes in page.all("label")}
    assert {one["id"] for tag in ("input", "select") for one in page.all(tag)} == labelled


def test_the_script_has_a_word_for_everything_and_brings_none(client: FlaskClient) -> None:
    """What it says by name is on the page; its own text is ours, with the hash that is written down."""
    page = Page(client.get("/scan").text)
    assert {one["data-say"] for one in page.all("template") if "data-say" in one} == {*scanning.HAPPENINGS, *scanning.FAILURES}
    sources = "".join(
        (SOURCES / name).read_text(encoding="utf-8") for name in ("scan_page.js", "finder.js", "camera.js", "readers.js")
    )
    named = set(re.findall(r'(?:say|stop|Failure)\("([a-z_]+)"', sources)) | set(re.findall(r'"([a-z]+)",\n', sources))
    assert named | {"wechat", "insecure", "unsupported", "failed"} == {*scanning.HAPPENINGS, *scanning.FAILURES}
    (script,) = page.all("script")
    assert script["integrity"] == json.loads(bundle.record_of(bundle.SCAN).read_text())["integrity"]
    bundled = bundle.SCAN.read_text(encoding="utf-8")
    assert not [text for text in scanning.HAPPENINGS.values() if text in bundled]


def test_the_lists_camera_has_a_word_for_everything_and_brings_none(client: FlaskClient) -> None:
    """As that of the scan page."""
    page = Page(client.get("/inspect").text)
    told = {*scanning.GATHERING, *scanning.FAILURES}
    assert {one["data-say"] for one in page.all("template") if "data-say" in one} == told
    sources = "".join((SOURCES / name).read_text(encoding="utf-8") for name in ("gather.js", "finder.js"))
    assert set(re.findall(r'(?:say|stop)\("([a-z_]+)"', sources)) | {"failed"} <= told
    (script,) = page.all("script")
    assert script["integrity"] == json.loads(bundle.record_of(bundle.GATHER).read_text())["integrity"]
    bundled = bundle.GATHER.read_text(encoding="utf-8")
    assert not [text for text in scanning.GATHERING.values() if text in bundled]


def test_webassembly_may_be_started_by_these_pages_and_their_worker_alone(client: FlaskClient) -> None:
    """Nothing inline, nobody else's, and the worker may ask nobody for anything."""
    policies = {
        address: client.get(address).headers["Content-Security-Policy"]
        for address in (
            "/",
            "/again",
            "/check?link=registered",
            "/offline",
            "/static/scan.js",
            "/static/scan_worker.js",
            "/scan",
            "/inspect",
        )
    }
    allowed = [address for address, policy in policies.items() if "wasm" in policy]
    assert allowed == ["/static/scan_worker.js", "/scan", "/inspect"]
    assert policies["/inspect"] == policies["/scan"]
    assert policies["/static/scan_worker.js"] == "default-src 'none'; script-src 'wasm-unsafe-eval'"
    assert policies["/scan"].startswith(policies["/"])
    assert policies["/scan"].endswith(
        "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; manifest-src 'self'"
    )
    assert "unsafe-inline" not in "".join(policies.values())


def test_the_reader_of_codes_is_sent_compressed_and_kept(client: FlaskClient) -> None:
    """Under an address that names its content; it is the file that the script was built for."""
    (section,) = (one for one in Page(client.get("/scan").text).all("section") if "data-reader" in one)
    with client.get(section["data-reader"], headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["Content-Type"] == "application/wasm"
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert len(answer.data) < len(bundle.READER.read_bytes()) / 2
    pinned = json.loads(bundle.record_of(bundle.READER).read_text())
    assert pinned["integrity"] in bundle.SCAN.read_text(encoding="utf-8")
    assert pinned["bytes"] == bundle.READER.stat().st_size


def test_set_up_refuses_another_reader(tmp_path: Path) -> None:
    """A package whose file is not the one that is written down is not served."""
    for folder in ("requirements", "webapp/client", "webapp/static", "node_modules/zxing-wasm/dist/reader"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(bundle.ROOT / "requirements/reader.py", tmp_path / "requirements")
    shutil.copy(bundle.record_of(bundle.READER), tmp_path / "webapp/client")
    packed = tmp_path / "node_modules/zxing-wasm/dist/reader/zxing_reader.wasm"
    served = tmp_path / "webapp/static/zxing_reader.wasm"
    content = bundle.READER.read_bytes()
    for given, code in ((content[:-1], 1), (content, 0)):
        packed.write_bytes(given)
        done = subprocess.run(
            [sys.executable, tmp_path / "requirements/reader.py"], capture_output=True, text=True, check=False
        )
        assert done.returncode == code
        assert served.exists() == (code == 0)
        assert bool(done.stderr) == bool(code)


def test_the_drawn_sample_is_a_code() -> None:
    """By which a browser's own detector is tried."""
    source = (SOURCES / "readers.js").read_text(encoding="utf-8")
    rows = [int(row, 16) for row in re.findall(r"0x([0-9a-f]{6})", source)]
    modules = np.array([[row >> (20 - column) & 1 for column in range(21)] for row in rows], dtype=bool)
    assert read_rows(21, np.packbits(modules, axis=1).tobytes()) == ("TOUCHSTONE",)
    assert 'SAMPLE = "TOUCHSTONE"' in source


@languages
def test_a_phone_can_install_the_page(client: FlaskClient, language: Language) -> None:
    """With its name in the reader's language, and icons of the sizes that it names."""
    (link,) = (one for one in Page(client.get("/scan").text).all("link") if one["rel"] == "manifest")
    answer = client.get(link["href"], headers={"Accept-Language": language.tag})
    assert answer.mimetype == "application/manifest+json"
    manifest = json.loads(answer.text)
    assert (manifest["start_url"], manifest["scope"], manifest["display"]) == ("/scan", "/", "standalone")
    assert (manifest["lang"], manifest["short_name"]) == (language.tag, {"en": "Touchstone", "zh-Hans": "试金石"}[language.tag])
    assert [icon["purpose"] for icon in manifest["icons"] if "purpose" in icon] == ["maskable"]
    for icon in manifest["icons"]:
        with client.get(icon["src"]) as sent:
            assert sent.mimetype == icon["type"]
            assert "immutable" in sent.headers["Cache-Control"]


@pytest.mark.parametrize("name", icons.ICONS)
def test_icons_are_drawn_from_the_logo(name: str) -> None:
    """They are small, and what the program draws; the maskable one has no transparent edge."""
    size, part = icons.ICONS[name]
    stored = Image.open(icons.STATIC / name).convert("RGBA")
    drawn = np.asarray(icons.draw(size, part), dtype=np.int16)
    assert stored.size == (size, size)
    assert np.abs(np.asarray(stored, dtype=np.int16) - drawn)[drawn[..., 3] > 0].mean() < 2
    assert (icons.STATIC / name).stat().st_size < 8_000
    assert (stored.getchannel("A").getextrema()[0] == 255) == (name == "icon-maskable.png")


def test_the_page_without_a_connection_is_the_same_for_everybody(client: FlaskClient) -> None:
    """In every language, and it alone may be kept; the service worker names what it keeps, and is asked for each time."""
    pages = {client.get("/offline", headers={"Accept-Language": language.tag, "Host": f"{language.tag}.example"}).text
             for language in LANGUAGES}  # fmt: skip
    (text,) = pages
    page = Page(text)
    assert page.faults == []
    assert {one["lang"] for one in page.all("section")} == {language.tag for language in LANGUAGES}
    for words in ("nothing can be checked", "says nothing about the product", "暂时无法核验", "不代表商品真伪"):
        assert words in page.text("main")
    worker = client.get("/offline.js")
    assert worker.mimetype == "text/javascript"
    assert worker.headers["Cache-Control"] == "no-cache"
    assert worker.headers["Content-Security-Policy"] == "default-src 'none'; connect-src 'self'"
    assert "cache.put" not in worker.text
    kept = re.findall(r'"(/[^"]+)"', worker.text)
    assert [address.partition("?")[0] for address in kept] == ["/offline", "/static/site.css", "/static/icon.svg"]
    for address in kept:
        with client.get(address) as answer:
            assert answer.headers["Cache-Control"].startswith("public")

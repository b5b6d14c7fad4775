"""Pictures of every page, to be looked at: `python -m tests.webapp.gallery OUT [NAME…]`.

Starts the site over hand-made verdicts and photographs each with Chromium, in both languages, on a phone and a desk, light and
dark. `OUT` is a folder that git ignores, such as `var/gallery`.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from playwright.sync_api import sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from registry.storage.leads import Leads
from tests.conftest import BACKENDS
from tests.issuing import label_batch
from tests.webapp import cameras, films
from tests.webapp.reporting import Clock, reporting
from tests.webapp.samples import BY_NAME, CHOICE, GTIN, HOST, LINK, SERIAL, Album, Answers, readers
from webapp.app import create_app
from webapp.languages import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flask import Flask
    from playwright.sync_api import Page

    from registry.checking.typed import Choice
    from registry.checking.verdicts import Verdict

SIZES: Final = {"320": (320, 640), "360": (360, 740), "1280": (1280, 900)}
LISTED: Final = {
    f"https://{HOST}/01/{GTIN}/21/{serial}": replace(BY_NAME[name], unit=replace(found, serial=serial))
    for name, serial in {
        "altered": "4T5XV9KD2M7QCW3H",
        "registered": "9BFN6Z1YJR80PGSA",
        "withdrawn": "2HWXK7MD5C4VQ3T9",
        "not_registered": "8NRG0YPJ1ZB6FSAE",
        "number_known_other_lot": "M3T9D2HWXK7C4VQ5",
    }.items()
    if (found := BY_NAME[name].unit)
}
LIST: Final = "\n".join([*LISTED, "7K3M 9QX2", "m3t9 d2hw xk7c 4vqs", "hello", next(iter(LISTED))])
TYPED: Final[dict[str, Verdict | Choice]] = {
    "choice": CHOICE,
    "7K3M 9QX2": CHOICE,
    "m3t9 d2hw xk7c 4vqs": BY_NAME["number_known_repaired"],
}
PHOTO: Final = (LINK, LINK.replace(SERIAL, "9BFN6Z1YJR80PGSA"), "https://pay.example/6f1", "6901234567892")
SCANS: Final[Mapping[str, tuple[str, ...]]] = {
    "scan": (),
    "scan_refused": (),
    "scan_running": (),
    "scan_foreign": (PHOTO[2],),
    "scan_choose": PHOTO[:3],
}
"""The scan page, and the codes that are held before its camera."""
REPORT: Final = f"/report?link={LINK}"
FORMS: Final = {
    "home": "/",
    "home_error": "/check",
    "choose": "/check?link=choice",
    "again": "/again?link=registered",
    "missing": "/nowhere",
    "offline": "/offline",
    "list": "/inspect",
    "sample": "/inspect/sample?lot=2000&rate=1&confidence=95",
    "report": REPORT,
    "report_without_code": "/report",
}
"""Pages with an address of their own."""
STEPS: Final = ("photo", "inspect", "report_errors", "report_sent")
"""Pages to which a form leads."""
STORY: Final = "The cap turned without a crack, and the print on the box is blurred.\nThe shop said that all of them are so."


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 -- Werkzeug's own signature
        del type, message, args


@contextmanager
def site() -> Iterator[str]:
    """Serve the site over the samples on a free port of this machine; yields its address."""
    table: dict[str, Verdict | Choice] = {**BY_NAME, **LISTED, **TYPED}
    with tempfile.TemporaryDirectory() as folder, Leads.open(f"sqlite:///{folder}/scans.db", create=True) as leads:
        reports = reporting(leads, Clock(step=4), checks=Answers(table | {LINK: BY_NAME["registered"]}))
        with serving(create_app(readers(table, decode=lambda _: PHOTO, pictures=Album(), reports=reports))) as address:
            yield address


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Serve an app on a free port of this machine; yields its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def photograph(out: Path, names: list[str]) -> int:
    """Photograph the named pages, or all of them; returns how many pictures were made."""
    steps = {name: name for name in (*STEPS, *SCANS)}
    pages = {**{name: f"/check?link={name}" for name in BY_NAME}, **FORMS, **steps}
    chosen = {name: pages[name] for name in names or pages}
    program = BACKENDS["chromium"]()
    made = 0
    with site() as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for language in LANGUAGES:
            for size, (width, height) in SIZES.items():
                for scheme in ("light", "dark"):
                    context = browser.new_context(
                        viewport={"width": width, "height": height}, color_scheme=scheme, locale=language.tag
                    )
                    page = context.new_page()
                    for name, address in chosen.items():
                        _open(page, base, address)
                        page.screenshot(path=out / f"{name}-{language.tag}-{size}-{scheme}.png", full_page=True)
                        made += 1
                    context.close()
        browser.close()
    return made


def _open(page: Page, base: str, address: str) -> None:
    """Open a page, by a form where it has no address of its own."""
    if address == "photo":
        page.goto(f"{base}/")
        page.set_input_files("#photo-file", {"name": "label.png", "mimeType": "image/png", "buffer": b"\x89PNG"})
        page.click("form[action='/photo'] button")
    elif address == "inspect":
        page.goto(f"{base}/inspect")
        page.fill("#codes", LIST)
        page.click("#list button")
    elif address in SCANS:
        _scan(page, base, address)
    elif address.startswith("report_"):
        page.goto(base + REPORT)
        if address == "report_sent":
            fill_in(page)
        page.click("#send")
    else:
        page.goto(base + address)
        if address.startswith("/check?link=registered"):
            page.click("summary")


def _scan(page: Page, base: str, name: str) -> None:
    """Open the scan page, and start its camera unless it is to be seen before that."""
    page.goto(f"{base}/scan")
    camera = cameras.refusing("NotAllowedError") if name == "scan_refused" else cameras.STREAM
    page.evaluate(f"() => {{ {camera} }}")
    (label,) = label_batch.make([label_batch.unit()])
    held = cameras.codes(*SCANS[name]) if SCANS[name] else films.moment(films.printed(label), 0.1, np.random.default_rng(22))
    cameras.hold(page, held)
    if name != "scan":
        page.click("[data-part=start]")
        said = {"scan_running": "looking"}.get(name, name.removeprefix("scan_"))
        page.wait_for_selector(f"#scan[data-state={said}]")
        page.wait_for_timeout(300)  # until the camera's picture is there


def fill_in(page: Page) -> None:
    """Fill in the form of a report."""
    for choice in ("wrong-seal", "wrong-package", "place-market", "to_inspectors"):
        page.check(f"#{choice}")
    page.fill("#note", STORY)
    page.fill("#seller", "Stall 14, night market, Chengdu · 成都夜市14号摊")
    page.fill("#bought", "2026-07-28")
    page.fill("#contact", "buyer@mail.example")


def main() -> None:
    """Photograph what the command line names."""
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    print(f"{photograph(out, sys.argv[2:])} pictures in {out}")


if __name__ == "__main__":
    main()

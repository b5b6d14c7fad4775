"""The desk's cases for everybody: axe-core finds nothing, nothing is cut off, and a keyboard closes a case."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from registry.checking.verdicts import UnitView
from registry.enforcement.cases import Outcome
from registry.photos.processes import PhotoReaders
from tests.webapp.desk import CHEN, LI, Desk, furnish, open_desk
from tests.webapp.gallery import serving
from tests.webapp.samples import BY_NAME, GTIN, SERIAL
from tests.webapp.tab import Tab
from tests.webapp.test_accessible import BROKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.usefixtures("require_backend")]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, dict[str, str], str]]:
    """The site with something on each page, the addresses of these, and where it is served."""
    absent = replace(BY_NAME["not_registered"], unit=UnitView(GTIN, "NEVER1", None))
    known = replace(BY_NAME["registered"], unit=UnitView(GTIN, SERIAL, "B2608"))
    with closing(PhotoReaders(at_once=1)) as photos:
        found = open_desk(tmp_path_factory.mktemp("desk"), {SERIAL: known, "NEVER1": absent}, copy=photos.copy)
        pages = furnish(found, f"{SERIAL}\n{SERIAL}\nNEVER1")
        with serving(found.app) as base:
            yield found, pages, base


@pytest.mark.parametrize(("width", "language", "dark"), [(320, "en", False), (820, "zh-CN", True)])
def test_nothing_is_wrong_with_any_page(
    browser: Browser, desk: tuple[Desk, dict[str, str], str], width: int, language: str, *, dark: bool
) -> None:
    """On a phone and on a tablet, in both languages and schemes of colours."""
    found, pages, base = desk
    faults: dict[str, list[str]] = {}
    found.as_(LI)
    tab = Tab.open(browser, base, width=width, language=language)
    tab.dark(dark=dark)
    for name, address in {**pages, "edit": f"/desk/guides/edit?gtin={GTIN}"}.items():
        found.as_(CHEN if name == "edit" else LI)
        tab.page.goto(base + address)
        if wrong := tab.faults() + tab.page.evaluate(BROKEN):
            faults[name] = wrong
    tab.close()
    assert faults == {}


def test_a_keyboard_closes_a_case(browser: Browser, desk: tuple[Desk, dict[str, str], str]) -> None:
    """From the case to its outcome without a mouse, and without a script."""
    found, pages, base = desk
    found.as_(LI)
    tab = Tab.open(browser, base, width=1280, language="en", java_script_enabled=False)
    page = tab.page
    page.goto(base + pages["case"])
    page.get_by_role("link", name="Close the case").press("Enter")
    page.wait_for_url("**/close")
    page.get_by_label("Copied label").press("Space")
    page.get_by_label("Reason").fill("The deck is printed.")
    page.get_by_role("button", name="Close the case").press("Enter")
    page.get_by_text("Closed: Copied label").wait_for()
    tab.close()
    case = found.cases.get(pages["case"].rpartition("/")[2])
    assert case is not None
    assert case.outcome is Outcome.COPIED_LABEL

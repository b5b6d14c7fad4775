"""Pages of telling and of accounts for everybody: axe-core finds nothing, nothing is cut off, and a keyboard signs in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from registry.enforcement.officers import OfficeKind
from tests.webapp.desk import CHEN, LI, OFFICERS, Desk, open_desk, picture
from tests.webapp.gallery import serving
from tests.webapp.officers import PASSPHRASE, open_site, post
from tests.webapp.tab import Tab
from tests.webapp.test_accessible import BROKEN
from tests.webapp.test_desk_telling import case as case_of
from tests.webapp.test_desk_telling import tell

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from registry.enforcement.officers import Officer

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.usefixtures("require_backend")]
LOOKS = pytest.mark.parametrize(("width", "language", "dark"), [(320, "zh-CN", True), (820, "en", False)])
ALLIANCE = next(one for one in OFFICERS if one.office.kind is OfficeKind.ALLIANCE)


def looked_at(tab: Tab, address: str, faults: dict[str, list[str]]) -> None:
    """Open a page and note what is wrong with it."""
    answer = tab.page.goto(address)
    assert answer is not None
    assert answer.ok or address.endswith("/none"), address
    if wrong := tab.faults() + tab.page.evaluate(BROKEN):
        faults[address] = wrong


@LOOKS
def test_nothing_is_wrong_with_pages_of_telling(
    browser: Browser, tmp_path: Path, width: int, language: str, *, dark: bool
) -> None:
    """Choosing, what was sent, the brand's inbox, its answer, how it is told, the notice to a platform, the brands' record."""
    desk: Desk = open_desk(tmp_path, {}, copy=lambda _: picture("blue", ""))
    name = case_of.__wrapped__(desk)  # type: ignore[attr-defined]  # the fixture's own function
    notice = tell(desk, name, photo=["P2"])
    pages: list[tuple[Officer, str]] = [
        (LI, f"/desk/telling/{name}"), (LI, f"/desk/telling/{name}/notices/{notice}"), (ALLIANCE, "/desk/brands"),
        *((CHEN, f"/desk/inbox{page}") for page in ("", f"/{notice}", f"/{notice}/answer", f"/{notice}/platform")),
        (CHEN, "/desk/how-we-are-told"),
    ]  # fmt: skip
    faults: dict[str, list[str]] = {}
    with desk.cases, serving(desk.app) as base:
        tab = Tab.open(browser, base, width=width, language=language)
        tab.dark(dark=dark)
        for officer, address in pages:
            desk.as_(officer)
            looked_at(tab, base + address, faults)
        tab.close()
    assert faults == {}


@LOOKS
def test_nothing_is_wrong_with_pages_of_accounts(
    browser: Browser, tmp_path: Path, width: int, language: str, *, dark: bool
) -> None:
    """Signing in, an invitation, one's own account, its passkeys, and the people of the desk."""
    site = open_site(f"sqlite:///{tmp_path / 'desk.db'}")
    member = site.join("chair@alliance.example", OfficeKind.ALLIANCE)
    invited = site.invite("new@customs.example")
    cookies: list[Any] = [{"name": cookie.key, "value": cookie.value} for cookie in (member._cookies or {}).values()]
    faults: dict[str, list[str]] = {}
    with serving(site.app) as base:
        tab = Tab.open(browser, base, width=width, language=language)
        tab.dark(dark=dark)
        for address in ("/desk/sign-in", "/desk/sign-in/passkey", f"/desk/invitation/{invited}", "/desk/invitation/none"):
            looked_at(tab, base + address, faults)
        tab.page.context.add_cookies([cookie | {"url": base} for cookie in cookies])
        for address in ("/desk", "/desk/account", "/desk/account/passkeys", "/desk/people"):
            looked_at(tab, base + address, faults)
            assert "sign-in" not in tab.page.url, "nobody is signed in"
        tab.close()
    assert faults == {}


def test_a_keyboard_signs_in(browser: Browser, tmp_path: Path) -> None:
    """From field to field by Tab, and in by Enter, without a script."""
    site = open_site(f"sqlite:///{tmp_path / 'desk.db'}")
    post(site.join("li@customs.example"), "/desk/sign-out", page="/desk")
    with serving(site.app) as base:
        tab = Tab.open(browser, base, width=1280, language="en", java_script_enabled=False)
        page = tab.page
        page.goto(f"{base}/desk/sign-in")
        page.get_by_label("E-mail address").focus()
        for text in ("li@customs.example", PASSPHRASE, site.code("li@customs.example")):
            page.keyboard.type(text)
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**/desk")
        assert "Li Wei" in page.locator("body").inner_text()
        tab.close()

"""A passkey signs its officer in, in a real browser with an authenticator of its own; nothing else does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from registry.enforcement.officers import OfficeKind
from tests.webapp.gallery import serving
from tests.webapp.officers import PASSPHRASE, Site, open_site, post
from tests.webapp.tab import follow
from webapp.desk.door import BY_NETWORK, FRESH, Caller

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.xdist_group("browser")
LI = "li@customs.example"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A desk with one officer."""
    site = open_site(f"sqlite:///{tmp_path / 'desk.db'}")
    site.join(LI)
    return site


@pytest.fixture
def base(site: Site) -> Iterator[str]:
    """The same, for browsers: passkeys belong to a name, and not to a number."""
    with serving(site.app) as address:
        yield address.replace("127.0.0.1", "localhost")


def authenticator(page: Page, *, verifies: bool = True) -> tuple[Any, str]:
    """Give a browser a phone's key store; its owner puts the finger on it, or does not."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    kind = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": verifies, "automaticPresenceSimulation": True,
    }  # fmt: skip
    return session, session.send("WebAuthn.addVirtualAuthenticator", {"options": kind})["authenticatorId"]


@pytest.mark.usefixtures("require_backend")
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_passkey_is_made_signs_in_and_is_removed(browser: Browser, base: str, site: Site, language: str) -> None:
    """For the passphrase it is made; then it alone is enough, until it is removed."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale=language)
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    session, key_store = authenticator(page)
    page.goto(f"{base}/desk/sign-in")
    page.fill("#email", LI)
    page.fill("#passphrase", PASSPHRASE)
    page.fill("#code", site.code(LI))
    follow(page, "main button")
    page.goto(f"{base}/desk/account/passkeys")
    page.fill("#passphrase", "not the passphrase")
    follow(page, "#passkey button")
    assert page.locator(".summary").is_visible()
    page.fill("#passphrase", PASSPHRASE)
    follow(page, "#passkey button")
    assert page.locator(".rows li form").count() == 1
    assert len(session.send("WebAuthn.getCredentials", {"authenticatorId": key_store})["credentials"]) >= 1

    follow(page, ".leave button")
    follow(page, "main a[href^='/desk/sign-in/passkey']")
    follow(page, "#passkey button")
    assert page.url == f"{base}/desk"
    assert site.acts[-1][0] == "account.signed_in"
    page.goto(f"{base}/desk/account/passkeys")
    page.fill(".rows input[type=password]", PASSPHRASE)
    follow(page, ".rows button")
    follow(page, ".leave button")
    page.goto(f"{base}/desk/sign-in/passkey")
    follow(page, "#passkey button")
    assert page.url == f"{base}/desk/sign-in/passkey"
    assert page.locator(".summary").is_visible()
    assert [fault for fault in faults if "400" not in fault] == []
    context.close()


@pytest.mark.usefixtures("require_backend")
def test_a_passkey_confirms_who_is_signed_in(browser: Browser, base: str, site: Site) -> None:
    """Asked again, the alliance answers with a passkey, and what it asked for is done; another's passkey does nothing."""
    chair = "chair@alliance.example"
    site.join(chair, OfficeKind.ALLIANCE)
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="en")
    page = context.new_page()
    session, key_store = authenticator(page)
    page.goto(f"{base}/desk/sign-in?next=/desk/account/passkeys")
    page.fill("#email", chair)
    page.fill("#passphrase", PASSPHRASE)
    page.fill("#code", site.code(chair))
    follow(page, "main button")
    page.fill("#passphrase", PASSPHRASE)
    follow(page, "#passkey button")
    page.goto(f"{base}/desk/people")
    site.time[0] += FRESH + 1
    page.locator("summary").first.click()
    page.locator("details select").first.select_option("left")
    follow(page, "details button[value=suspend]")
    assert page.locator("#code").is_visible()
    assert site.acts[-1][0] != "account.suspended"
    follow(page, "#passkey button")
    assert [kind for kind, _, _ in site.acts[-2:]] == ["account.second_factor_shown", "account.suspended"]
    assert page.locator(".suspended").is_visible()

    site.time[0] += FRESH + 1
    account, other = site.door.accounts.by_email(chair), site.door.accounts.by_email(LI)
    assert account is not None
    assert other is not None
    page.locator("summary").first.click()
    page.locator("details select").first.select_option("error")
    follow(page, "details button[value=restore]")
    mine = site.door.accounts.passkeys(account.officer.id)[0]
    site.door.remove_passkey(account.officer.id, mine.id)
    site.door.add_passkey(other.officer.id, mine.credential, mine.public_key, counter=mine.counter, name="his")
    follow(page, "#passkey button")
    assert page.locator(".summary").is_visible()
    assert page.locator("#passkey").count() == 0, "the alliance has none any more"
    page.fill("#code", site.code(chair))
    follow(page, "#coded button")
    assert page.locator(".suspended").count() == 0
    assert session.send("WebAuthn.getCredentials", {"authenticatorId": key_store})["credentials"]
    context.close()


@pytest.mark.usefixtures("require_backend")
def test_nobody_signs_in_who_is_not_verified(browser: Browser, base: str) -> None:
    """An authenticator whose owner does not put the finger on it gives nothing, and the page says so."""
    context = browser.new_context(locale="en")
    page = context.new_page()
    authenticator(page, verifies=False)
    page.goto(f"{base}/desk/sign-in/passkey")
    page.click("#passkey button")
    page.locator("#refused").wait_for(state="visible")
    context.close()


@pytest.mark.parametrize(
    "answer",
    ["", "{}", "[]", '"x"', "1", json.dumps({"rawId": "AAAA", "response": {"clientDataJSON": "e30"}}), "[" * 20_000,
     json.dumps({"rawId": "AAAA", "response": {"clientDataJSON": "eyJjaGFsbGVuZ2UiOiJBQUFBIn0"}})],
    ids=range(8),
)  # fmt: skip
def test_rubbish_signs_nobody_in(site: Site, answer: str) -> None:
    """It is refused as any other wrong passkey, at the door and inside."""
    assert post(site.app.test_client(), "/desk/sign-in/passkey", answer=answer).status_code == 400
    browser = site.app.test_client()
    site.sign_in(browser, LI)
    refused = post(browser, "/desk/account/passkeys", answer=answer, passphrase=PASSPHRASE)
    assert refused.status_code == 400
    assert "Touchstone" in refused.text


def test_strangers_in_the_same_network_lock_nobody_out(site: Site) -> None:
    """They use up what the network may try; a browser in which the officer signed in has a budget of its own."""
    account = site.door.accounts.by_email(LI)
    assert account is not None
    device = site.door.sign_ins.know(account.officer.id, site.door.now())
    for number in range(BY_NETWORK + 1):
        site.door.sign_in(f"nobody{number}@customs.example", "x", "000000", Caller(network="203.0.113.0"))
    stranger = site.door.sign_in(LI, PASSPHRASE, site.code(LI), Caller(network="203.0.113.0"))
    assert str(stranger) == "often"
    let = site.door.sign_in(LI, PASSPHRASE, site.code(LI), Caller(device, "203.0.113.0"))
    assert not isinstance(let, str)

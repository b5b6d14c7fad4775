"""Who comes to the desk proves who he is, each proof is good once, and nobody learns from the door who has an account."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from registry.accounts import one_time
from registry.enforcement.officers import OfficeKind
from registry.errors import DocumentError
from registry.storage.cases import Cases
from registry.storage.sign_ins import IDLE, LONGEST
from scripts.demo.officers import people_of_the_desk
from tests.webapp.officers import KINDS, PASSPHRASE, Site, open_site, post, ticket_in
from webapp.desk.casework import Casework
from webapp.desk.composing import front_door
from webapp.desk.door import BY_ACCOUNT, BY_BROWSER
from webapp.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

LI = "li@customs.example"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A desk without anybody."""
    return open_site(f"sqlite:///{tmp_path / 'desk.db'}")


def test_from_an_invitation_to_the_desk(site: Site) -> None:
    """Whoever was invited chooses a passphrase, gets ten codes once, and comes in with passphrase and authenticator."""
    browser = site.app.test_client()
    address = f"/desk/invitation/{site.invite(LI)}"
    answer = post(browser, address, name="Li Wei", passphrase=PASSPHRASE, code=site.code(LI))
    assert answer.text.count("<li>") >= one_time.CODES
    assert "Desk of Li Wei" in browser.get("/desk").text
    assert browser.get(address).status_code == 404, "a link is good once"
    assert post(browser, "/desk/sign-out", page="/desk").status_code == 303
    assert browser.get("/desk").location == "/desk/sign-in?next=%2Fdesk"
    assert site.sign_in(browser, LI, next="/desk/cases?q=1").location == "/desk/cases?q=1"
    assert [kind for kind, _, _ in site.acts if kind.startswith("account.signed")] == [
        "account.signed_in", "account.signed_out", "account.signed_in",
    ]  # fmt: skip


@pytest.mark.parametrize("passphrase", ["short", "password12345", "li@customs.example", "abababababab"])
def test_a_weak_passphrase_is_refused(site: Site, passphrase: str) -> None:
    """What is short, common, or the address itself makes no account."""
    browser = site.app.test_client()
    answer = post(browser, f"/desk/invitation/{site.invite(LI)}", name="Li", passphrase=passphrase, code=site.code(LI))
    assert answer.status_code == 400
    assert site.door.accounts.by_email(LI) is None


def test_a_code_is_good_once(site: Site) -> None:
    """The authenticator's code that signed somebody in signs nobody in again; so it is with a recovery code."""
    site.join(LI)
    code = site.code(LI)
    assert site.sign_in(site.app.test_client(), LI, code=code).status_code == 303
    assert site.sign_in(site.app.test_client(), LI, code=code).status_code == 400
    account = site.door.accounts.by_email(LI)
    assert account is not None
    recovery = site.door.renew_codes(account.officer.id)[0]
    assert site.sign_in(site.app.test_client(), LI, code=one_time.grouped(recovery).lower()).status_code == 303
    assert site.sign_in(site.app.test_client(), LI, code=recovery).status_code == 400


def test_one_answer_for_whoever_is_not_let_in(site: Site) -> None:
    """An unknown address, a wrong passphrase and a wrong code get the same words."""
    site.join(LI)
    browser = site.app.test_client()
    pages = [
        site.sign_in(browser, LI, passphrase="not it at all"),
        site.sign_in(browser, LI, code="000000"),
        site.sign_in(browser, "nobody@customs.example", code="123456"),
    ]
    assert [page.status_code for page in pages] == [400, 400, 400]
    assert len({page.text.replace("nobody@customs.example", LI) for page in pages}) == 1


def test_strangers_cannot_lock_an_officer_out(site: Site) -> None:
    """Guesses use up the account's budget; a browser in which its officer has signed in has its own."""
    his = site.join(LI)
    stranger = site.app.test_client()
    for _ in range(BY_ACCOUNT):
        assert site.sign_in(stranger, LI, passphrase="a guess of mine").status_code == 400
    assert site.sign_in(stranger, LI).status_code == 429, "the right passphrase is not looked at any more"
    post(his, "/desk/sign-out", page="/desk")
    for _ in range(BY_BROWSER):
        site.time[0] -= 30  # all within a quarter of an hour
        assert site.sign_in(his, LI, passphrase="a slip of the finger").status_code == 400
    assert site.sign_in(his, LI).status_code == 429


def test_a_known_browser_comes_in_while_others_guess(site: Site) -> None:
    """Its officer signs in as ever."""
    his = site.join(LI)
    post(his, "/desk/sign-out", page="/desk")
    for _ in range(BY_ACCOUNT + 1):
        site.sign_in(site.app.test_client(), LI, passphrase="a guess of mine", code="111111")
    assert site.sign_in(his, LI).status_code == 303


def test_a_session_is_new_with_every_sign_in_and_ends(site: Site) -> None:
    """What a browser held before is worth nothing afterwards; unused for half an hour, or after twelve hours, it is over."""
    browser = site.join(LI)
    before = browser.get_cookie("desk")
    page = browser.get("/desk").text
    data = {"email": LI, "passphrase": PASSPHRASE, "code": site.code(LI), "ticket": ticket_in(page)}
    assert browser.post("/desk/sign-in", data=data).status_code == 303
    after = browser.get_cookie("desk")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    assert site.door.sign_ins.session(before.value, site.door.now()) is None
    site.time[0] += IDLE
    assert browser.get("/desk").status_code == 303
    site.sign_in(browser, LI)
    for _ in range(LONGEST // (IDLE - 60)):
        site.time[0] += IDLE - 60
        browser.get("/desk")
    site.time[0] += IDLE - 60
    assert browser.get("/desk").status_code == 303


def test_cookies_are_kept_from_scripts_and_over_tls_from_other_hosts(site: Site) -> None:
    """Their names begin with __Host- there; without TLS nobody signs in but on this machine."""
    token = site.invite(LI)
    browser = site.app.test_client()
    address = f"https://desk.example/desk/invitation/{token}"
    answer = post(browser, address, name="Li", passphrase=PASSPHRASE, code=site.code(LI))
    found = [line for line in answer.headers.getlist("Set-Cookie") if line.startswith("__Host-desk")]
    assert len(found) == 2
    assert all("Secure" in line and "HttpOnly" in line and "SameSite=Lax" in line and "Path=/" in line for line in found)
    other = site.app.test_client()
    assert post(other, "http://desk.example/desk/sign-in", email=LI).status_code == 403


def test_forms_of_others_are_refused(site: Site) -> None:
    """A form without the ticket of this session, or from another site, does nothing."""
    browser = site.join(LI)
    assert browser.post("/desk/sign-out").status_code == 403
    theirs = ticket_in(site.join("chen@customs.example").get("/desk").text)
    assert browser.post("/desk/sign-out", data={"ticket": theirs}).status_code == 403
    mine = ticket_in(browser.get("/desk").text)
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert browser.post("/desk/sign-out", data={"ticket": mine}, headers=headers).status_code == 403
    assert browser.get("/desk").status_code == 200
    assert browser.post("/desk/sign-out", data={"ticket": mine}).status_code == 303


@pytest.mark.parametrize(
    "wanted", ["/inspect", "/inspect/fU3-_bVUhGq4rCWsNOyTdA", "/inspect/fU3?show=all&page=2", "/desk/cases/A1"]
)
def test_one_comes_back_to_where_one_came_from(site: Site, wanted: str) -> None:
    """To a page of the desk, or to a list, with a passphrase and where one is signed in already."""
    browser = site.join(LI)
    assert site.sign_in(site.app.test_client(), LI, next=wanted).location == wanted
    assert browser.get("/desk/sign-in", query_string={"next": wanted}).location == wanted


def test_lists_lead_to_the_door_and_back(tmp_path: Path) -> None:
    """Whoever is not signed in is offered to be, on a site with a desk; a list of an office asks for it."""
    url = f"sqlite:///{tmp_path / 'cases.db'}"
    site = open_site(url, casework=Casework(lambda: Cases.open(url, create=True), bytes), lists=tmp_path / "lists")
    browser = site.app.test_client()
    assert 'href="/desk/sign-in?next=/inspect"' in browser.get("/inspect").text
    public = browser.post("/inspect", data={"codes": "registered"}).location
    assert f'href="/desk/sign-in?next={public}"' in browser.get(public).text
    his = site.join(LI)
    assert "/desk/sign-in" not in his.get("/inspect").text
    mine = his.post("/inspect", data={"codes": "registered"}).location
    assert "/desk/sign-in" not in his.get(mine).text
    led = browser.get(f"{mine}?show=all").location
    assert led == f"/desk/sign-in?next={mine.replace('/', '%2F')}%3Fshow%3Dall"
    page = browser.get(led).text
    found = re.search(r'name="next" value="([^"]*)"', page)
    assert found is not None
    assert site.sign_in(browser, LI, next=found[1]).location == f"{mine}?show=all"
    assert browser.get(mine).status_code == 200
    assert site.join("vogt@rival.example", OfficeKind.PLATFORM).get(mine).status_code == 404


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "https://evil.example", "http:evil.example", "/desk/../x\\", "/desk@evil.example", "/\\evil.example",
     "/inspect//evil.example", "/inspect/..//evil.example", "/inspect/%2e%2e/%2Fevil.example", "/%2Fevil.example",
     "/inspect/%5Cevil.example", "/inspect\r\nLocation: //evil.example", "/inspect\n", "/inspect\t//evil", "/inspection",
     "/inspect.evil.example", "/inspect@evil.example", "/inspect:80", "javascript:alert(1)", "desk", " /desk", "/check", "/"],
)  # fmt: skip
def test_nobody_is_led_elsewhere(site: Site, wanted: str) -> None:
    """After signing in one is on the desk, whatever the address said, and none of it is handed on to the form."""
    site.join(LI)
    assert site.sign_in(site.app.test_client(), LI, next=wanted).location == "/desk"
    assert 'name="next"' not in site.app.test_client().get("/desk/sign-in", query_string={"next": wanted}).text


def test_buyers_get_no_cookie(site: Site) -> None:
    """A page outside the desk neither sets one nor asks the database who is there."""
    site.door.accounts.close()
    answer = site.app.test_client().get("/", headers={"Cookie": "desk=something"})
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers


def test_no_secret_is_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Neither passphrase nor code, neither link nor cookie is in the log."""
    caplog.set_level(logging.DEBUG)
    token = site.invite(LI)
    browser = site.app.test_client()
    code = site.code(LI)
    post(browser, f"/desk/invitation/{token}", name="Li", passphrase=PASSPHRASE, code=code)
    site.sign_in(site.app.test_client(), LI, passphrase="something else entirely")
    held = browser.get_cookie("desk")
    assert held is not None
    for secret in (token, PASSPHRASE, "something else entirely", held.value, one_time.text_of(site.secrets[LI]), LI):
        assert secret not in caplog.text


def test_a_demonstrations_accounts_let_no_other_site_start(tmp_path: Path) -> None:
    """Everybody knows their secrets: without the demo's own setting the site says so, and does not start."""
    url = f"sqlite:///{tmp_path / 'desk.db'}"
    settings = Settings("sqlite:///registry.db", tmp_path, tmp_path / "trust.json", ("http://127.0.0.1:9",), desk_url=url)
    assert front_door(settings, bytes(32)) is not None
    assert len(people_of_the_desk(url)) > len(KINDS)
    with pytest.raises(DocumentError, match="demonstration"):
        front_door(settings, bytes(32))
    assert front_door(replace(settings, demo=True), bytes(32)) is not None

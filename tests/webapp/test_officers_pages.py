"""Pages about accounts: who may see them, what they do, and that every page of the desk asks who is there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from registry.enforcement.officers import OfficeKind
from registry.storage.cases import Cases
from tests.webapp.officers import KINDS, PASSPHRASE, Site, open_site, post, ticket_in
from webapp.desk.casework import Casework
from webapp.desk.door import BY_BROWSER, FRESH
from webapp.desk.signed_in import PUBLIC

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.routing import Rule

ALLIANCE = "chair@alliance.example"
LI = "li@customs.example"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, dict[str, FlaskClient]]:
    """A site with everything that the desk has, and somebody of every role."""
    url = f"sqlite:///{tmp_path_factory.mktemp('desk') / 'desk.db'}"
    site = open_site(url, casework=Casework(lambda: Cases.open(url, create=True), bytes))
    return site, {role: site.join(f"{role}@office.example", kind) for role, kind in KINDS.items()}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A desk without anybody."""
    return open_site(f"sqlite:///{tmp_path / 'desk.db'}")


def rules_of(app: Flask) -> Iterator[tuple[Rule, str]]:
    """Yield every route below /desk that is not for everybody, and how it is asked."""
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/desk") and rule.endpoint not in PUBLIC:
            yield rule, "POST" if "POST" in (rule.methods or ()) else "GET"


def asked(rule: Rule) -> str:
    """Return an address of a route, of things that are not there."""
    return re.sub(r"<[^>]+>", "1", rule.rule)


def test_every_page_of_the_desk_asks_who_is_there(whole: tuple[Site, dict[str, FlaskClient]]) -> None:
    """Of all routes below /desk, those alone are open that are on the list of open ones."""
    app = whole[0].app
    rules = list(rules_of(app))
    assert len(rules) > 15
    for rule, method in rules:
        stranger = app.test_client()
        page = ticket_in(stranger.get("/desk/sign-in").text)
        answer = stranger.open(asked(rule), method=method, data={"ticket": page} if method == "POST" else None)
        assert answer.status_code == 303, rule
        assert answer.location.startswith("/desk/sign-in"), rule


@pytest.mark.parametrize("role", KINDS)
def test_each_role_has_its_own_pages(whole: tuple[Site, dict[str, FlaskClient]], role: str) -> None:
    """What is another role's does not exist; one's own navigation leads to pages that do."""
    site, browsers = whole
    mine = {
        "inspector": {"cases.", "guides.", "publishing."}, "rights_holder": {"guides."},
        "alliance": {"desk_people.", "publishing."}, "operator": set[str](),
    }[role] | {"desk_home.", "desk_account.", "desk_passkeys."}  # fmt: skip
    ticket = ticket_in(browsers[role].get("/desk").text)
    for rule, method in rules_of(site.app):
        if any(rule.endpoint.startswith(blueprint) for blueprint in mine):
            continue
        data = {"ticket": ticket} if method == "POST" else None
        assert browsers[role].open(asked(rule), method=method, data=data).status_code == 404, rule
    for address in re.findall(r'<li><a href="(/[^"]*)"', browsers[role].get("/desk").text):
        assert browsers[role].get(address).status_code == 200, address


def test_no_form_of_the_desk_works_without_its_ticket(whole: tuple[Site, dict[str, FlaskClient]]) -> None:
    """Whoever is signed in: a form that another page sent is refused before anybody looks at it."""
    site, browsers = whole
    for rule, method in rules_of(site.app):
        if method == "POST":
            for browser in browsers.values():
                assert browser.post(asked(rule), data={"ticket": "0" * 64}).status_code == 403, rule


def test_the_alliance_invites(site: Site) -> None:
    """It makes an office and a link for one person, which is shown once."""
    chair = site.join(ALLIANCE, OfficeKind.ALLIANCE)
    office = {"name": "Zollamt Hamburg", "kind": "customs", "region": "DE-HH", "office": "", "manufacturer": ""}
    answer = post(chair, "/desk/people", do="invite", email="vogt@zoll.example", **office)
    link = re.search(r"<code>http://localhost(/desk/invitation/[\w-]+)</code>", answer.text)
    assert link is not None
    assert "Zollamt Hamburg" in site.app.test_client().get(link[1]).text
    assert link[1] not in chair.get("/desk/people").text
    for wrong in (
        {"email": "nobody"},
        {"region": "Hamburg"},
        {"kind": "court"},
        {"manufacturer": "7"},
        {"kind": "manufacturer"},
    ):
        sent = {"do": "invite", "email": "b@zoll.example", **office, "name": "Another", **wrong}
        assert post(chair, "/desk/people", **sent).status_code == 400, wrong


FORMS = {
    "invite": {"email": "new@zoll.example", "name": "Zollamt Hamburg", "kind": "customs", "region": "DE-HH"},
    "suspend": {"why": "misuse"}, "restore": {"why": "error"}, "reset": {"why": "lost"},
}  # fmt: skip
WRITTEN = {
    "invite": "account.invited", "suspend": "account.suspended", "restore": "account.restored",
    "reset": "account.second_factor_reset",
}  # fmt: skip


@pytest.mark.parametrize("do", FORMS)
@pytest.mark.parametrize("role", KINDS)
def test_who_decides_about_others_gave_his_second_factor_lately(site: Site, do: str, role: str) -> None:
    """The alliance is asked again after a quarter of an hour, and goes on from there; for others there is nothing."""
    email = f"{role}@office.example"
    browser = site.join(email, KINDS[role])
    site.join(LI)
    sent = {"do": do, **FORMS[do]} | ({} if do == "invite" else {"officer": str(officer_of(site, LI))})
    site.time[0] += FRESH + 1
    invited, done = WRITTEN["invite"], WRITTEN[do]
    before = [kind for kind, _, _ in site.acts].count(done)
    answer = post(browser, "/desk/people", page="/desk", **sent)
    assert [kind for kind, _, _ in site.acts].count(done) == before, "nothing is done yet"
    if role != "alliance":
        assert answer.status_code == 404
        assert post(browser, "/desk/people", page="/desk", **sent, code=site.code(email)).status_code == 404
        return
    assert answer.status_code == 200
    waiting = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', answer.text))
    assert waiting.pop("ticket")
    assert waiting == sent
    assert post(browser, "/desk/people", page="/desk", **waiting, code="000000").status_code == 400
    assert post(browser, "/desk/people", page="/desk", **waiting, code=site.code(LI)).status_code == 400, "another's code"
    assert [kind for kind, _, _ in site.acts].count(done) == before
    code = site.code(email)
    assert post(browser, "/desk/people", page="/desk", **waiting, code=code).status_code == 200
    assert [kind for kind, _, _ in site.acts].count(done) == before + 1
    site.time[0] += FRESH - 60
    again = {"do": "invite", "email": "other@zoll.example", "office": "1"}
    assert post(browser, "/desk/people", page="/desk", **again).status_code == 200
    assert site.acts[-1][0] == invited, "for a quarter of an hour nobody is asked again"
    site.time[0] += 61
    assert post(browser, "/desk/people", page="/desk", **again, code=code).status_code == 400, "a code is good once"


def test_the_second_factor_of_one_session_is_not_anothers(site: Site) -> None:
    """Who confirms in one browser has not confirmed in the other; a recovery code does, once; guesses are counted."""
    here, there = site.join(ALLIANCE, OfficeKind.ALLIANCE), site.app.test_client()
    site.sign_in(there, ALLIANCE)
    site.time[0] += FRESH + 1
    sent = {"do": "invite", **FORMS["invite"]}
    assert "http://localhost/desk/invitation/" in post(here, "/desk/people", **sent, code=site.code(ALLIANCE)).text
    asked = post(there, "/desk/people", **sent | {"email": "second@zoll.example"})
    assert "/desk/invitation/" not in asked.text
    assert "Confirm that it is you" in asked.text
    recovery = site.door.renew_codes(officer_of(site, ALLIANCE))[0]
    site.time[0] += FRESH + 1
    wrong = {"do": "suspend", "officer": "1", "why": "misuse", "code": "000000"}
    for _ in range(BY_BROWSER):
        assert post(here, "/desk/people", **wrong).status_code == 400
    assert post(here, "/desk/people", **wrong | {"code": recovery}).status_code == 429
    assert post(here, "/desk/people", **wrong | {"answer": "{}"}).status_code == 400
    for code in (recovery, site.code(ALLIANCE)):
        assert "Confirm" in post(here, "/desk/people", **wrong | {"code": code}).text


def test_a_suspended_officer_is_out_at_once(site: Site) -> None:
    """His sessions end, he cannot sign in, and the reason is one of those that name nobody."""
    chair, his = site.join(ALLIANCE, OfficeKind.ALLIANCE), site.join(LI)
    number = str(officer_of(site, LI))
    assert post(chair, "/desk/people", do="suspend", officer=number).status_code == 400, "without a reason"
    assert post(chair, "/desk/people", do="suspend", officer=number, why="left").status_code == 200
    assert his.get("/desk").status_code == 303
    assert site.sign_in(his, LI).status_code == 400
    post(chair, "/desk/people", do="restore", officer=number, why="error")
    assert site.sign_in(his, LI).status_code == 303
    assert post(chair, "/desk/people", do="suspend", officer=str(officer_of(site, ALLIANCE)), why="left").status_code == 404
    for nobody in ("0", "99", "x"):
        assert post(chair, "/desk/people", do="suspend", officer=nobody, why="left").status_code == 404


def test_a_reset_second_factor_needs_the_passphrase_still(site: Site) -> None:
    """Whoever resets it does not get in: the link gives a new authenticator to whoever knows the passphrase."""
    chair, his = site.join(ALLIANCE, OfficeKind.ALLIANCE), site.join(LI)
    answer = post(chair, "/desk/people", do="reset", officer=str(officer_of(site, LI)), why="lost")
    link = re.search(r"/desk/invitation/([\w-]+)", answer.text)
    assert link is not None
    assert his.get("/desk").status_code == 303
    assert site.sign_in(his, LI).status_code == 400, "the old authenticator is worth nothing"
    invitation = site.door.accounts.invitation(link[1], site.door.now())
    assert invitation is not None
    site.secrets[LI] = invitation.totp
    wrong = post(site.app.test_client(), link[0], passphrase="what I think it is", code=site.code(LI))
    assert wrong.status_code == 400
    assert post(his, link[0], passphrase=PASSPHRASE, code=site.code(LI)).status_code == 200
    assert his.get("/desk").status_code == 200


def test_an_officer_changes_his_account(site: Site) -> None:
    """With his passphrase he makes new codes and another passphrase, which ends his other sessions."""
    browser = site.join(LI)
    other = site.app.test_client()
    site.sign_in(other, LI)
    here = "/desk/account"
    assert post(browser, here, do="codes", codes_passphrase="not mine").status_code == 400
    assert "Your recovery codes" in post(browser, here, do="codes", codes_passphrase=PASSPHRASE).text
    assert post(browser, here, do="passphrase", present=PASSPHRASE, new="password1234").status_code == 400
    new = "a kettle under seven moons"
    assert post(browser, here, do="passphrase", present=PASSPHRASE, new=new).status_code == 200
    assert other.get("/desk").status_code == 303
    assert browser.get("/desk").status_code == 200
    assert site.sign_in(other, LI, passphrase=new).status_code == 303
    sessions = re.findall(r'name="session" value="(\d+)"', browser.get(here).text)
    assert post(browser, here, do="end", session=sessions[0]).status_code == 303
    assert other.get("/desk").status_code == 303


def officer_of(site: Site, email: str) -> int:
    """Return the number of an account."""
    found = site.door.accounts.by_email(email)
    assert found is not None
    return found.officer.id

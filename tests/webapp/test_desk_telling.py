"""A rights holder is told what an inspector chose, over real servers, and answers; nobody else sees any of it."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import socket
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller

from registry.enforcement.cases import Kind, Outcome, State
from registry.enforcement.deliveries import Channel
from registry.storage.cases import Act
from registry.storage.rights_holders import OVERLAP
from registry.telling.mail import Mail, Security
from registry.telling.runner import Done, Runner
from registry.telling.webhook import Webhook, signature
from tests.telling.conftest import receiver
from tests.telling.test_mail import Box
from tests.webapp.desk import ALLIANCE, CHEN, LI, OFFICERS, VOGT, open_desk, picture, shown
from tests.webapp.samples import NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry.enforcement.officers import Officer
    from tests.webapp.desk import Desk

__all__ = ["receiver"]
BOARD = next(one for one in OFFICERS if one.office == ALLIANCE)
OTHER_BRAND = next(one for one in OFFICERS if one.office.manufacturer == 8)
SECRET_WORD = "Wuxi Consignee Nobody Chose"
ANSWER = {
    "signer": "Chen Jie", "authority": "Head of brand protection", "seal": "CN-77",
    "feature_name": ["Hologram", "", "", ""], "feature_genuine": ["moves", "", "", ""],
    "feature_found": ["is printed", "", "", ""],
    "own_diverted": "no", "own_recycled": "unknown", "own_refurbished": "no", "own_over_run": "no",
    "conclusion": "counterfeit", "knows_liability": "on",
}  # fmt: skip


@pytest.fixture
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk with one case of Shanghai's."""
    opened = open_desk(tmp_path_factory.mktemp("desk"), {}, copy=lambda _: picture("blue", ""))
    with opened.cases:
        yield opened


@pytest.fixture
def case(desk: Desk) -> str:
    """A case with units of two manufacturers and a photo."""
    line = {"gtin": "09506000134352", "group": "registered", "serial": "KESTRELSERIAL", "manufacturer": 7}
    other = {"gtin": "09506000134369", "group": "registered", "serial": "LARCHSERIAL", "manufacturer": 8}
    details = {"reference": "SH-2026-0117", "region": "CN-SH", "consignee": SECRET_WORD, "quantity": 2000, "note": "our own"}
    name = desk.cases.open_case(3, LI.id, details, [line, other]).id
    for id_, values in (("P1", {}), ("P2", {"derived_from": "P1"})):
        told = {
            "id": id_,
            "sha256": hashlib.sha256(b"x" + id_.encode()).hexdigest(),
            "size": 3,
            "type": "image/jpeg",
            "name": "",
            "shows": "the seal",
        }
        desk.cases.append_all(name, LI.id, [act(Kind.PHOTO_ADDED, told | values, {id_: b"x" + id_.encode()})])
    return name


def act(kind: Kind, values: dict[str, Any], files: dict[str, bytes]) -> Act:
    """Return something that is done to a case."""
    return Act(kind, values, files=files)


def hidden(page: str) -> list[tuple[str, str]]:
    """Return the hidden fields of a page's forms."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    return [(name, html.unescape(value)) for name, value in found]


def tell(desk: Desk, case: str, fields: tuple[str, ...] = ("reference", "office", "units"), **more: Any) -> str:
    """Tell manufacturer 7; returns the notice."""
    browser = desk.as_(LI)
    choice = {"manufacturer": "7", "language": "en", "field": list(fields), **more}
    preview = browser.post(f"/desk/telling/{case}/preview", data=choice)
    assert preview.status_code == 200, preview.text
    form: dict[str, Any] = {}
    for name, value in hidden(preview.text):
        form.setdefault(name, []).append(value)
    assert browser.post(f"/desk/telling/{case}/send", data=form).status_code == 303
    return str(form["notice"][0])


def hook_of(desk: Desk) -> Webhook:
    """Return what sends webhooks to this machine."""
    return Webhook(lambda maker, now: desk.telling.rights_holders.secrets(maker, now).valid, loopback=True, clock=lambda: NOW)


def test_the_whole_road(  # noqa: PLR0915  # one road, in its order
    desk: Desk, case: str, receiver: Callable[..., Any]
) -> None:
    """Chosen, previewed, sent by mail and webhook over real servers, read, received, answered: the case knows it all."""
    holders = desk.telling.rights_holders
    holders.add_contact(7, Channel.MAIL, "legal@kestrel.example")
    secret = holders.new_secret(7, NOW)
    box = Box()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        with receiver() as got:
            holders.add_contact(7, Channel.WEBHOOK, f"http://127.0.0.1:{got.port}/in")
            notice = tell(desk, case, photo=["P2"])
            mail = Mail("127.0.0.1", "desk@touchstone.example", port, Security.NONE)
            runner = Runner(desk.telling.deliveries, {Channel.MAIL: mail, Channel.WEBHOOK: hook_of(desk)}, lambda: NOW)
            assert runner.once() == Done(sent=2)
            assert runner.once() == Done()
    finally:
        controller.stop()
    [(_, headers, body)] = got.posts
    told = desk.telling.get(notice)
    assert told is not None
    assert body == told.payload
    assert headers["webhook-signature"] == signature([secret], headers["webhook-id"], NOW, body)
    assert b"KESTRELSERIAL" in body
    [(message, _)] = box.got
    assert notice in message.get_content()
    for unchosen in (SECRET_WORD, "LARCHSERIAL", "our own", "2000"):
        assert unchosen.encode() not in body
        assert unchosen not in desk.page(CHEN, f"/desk/inbox/{notice}").raw
    for chosen in ("SH-2026-0117", "KESTRELSERIAL"):
        assert chosen not in message.as_string()
        assert chosen in desk.page(CHEN, f"/desk/inbox/{notice}").raw
    browser = desk.as_(CHEN)
    assert browser.get(f"/desk/inbox/{notice}/photos/P2").data == b"xP2"
    assert browser.get(f"/desk/inbox/{notice}/photos/P1").status_code == 404
    assert browser.post(f"/desk/inbox/{notice}/received").status_code == 303
    assert browser.post(f"/desk/inbox/{notice}/received").status_code == 303
    sent = browser.post(f"/desk/inbox/{notice}/answer", data=ANSWER | {"photos": ["P2"]})
    assert sent.status_code == 303, sent.text
    found = desk.cases.get(case)
    assert found is not None
    assert found.state is State.ANSWERED
    [event] = found.of(Kind.ANSWERED)
    answered = desk.telling.get(notice)
    assert answered is not None
    assert answered.answer is not None
    assert event.values["conclusion"] == "counterfeit"
    assert event.values["sha256"] == hashlib.sha256(answered.answer).hexdigest()
    assert [one.values["sha256"] for one in found.of(Kind.NOTIFIED)] == [hashlib.sha256(body).hexdigest()]
    assert "is printed" in desk.page(CHEN, f"/desk/inbox/{notice}").text
    assert "Sent out" in desk.page(LI, f"/desk/telling/{case}").text
    desk.cases.append(
        case, Kind.CLOSED, LI.id, "own goods", {"outcome": Outcome.GENUINE.value, "region": "CN", "product_group": "x"}
    )
    assert "100 %" in desk.page(BOARD, "/desk/brands").text
    late = desk.as_(CHEN).post(f"/desk/inbox/{notice}/answer", data=ANSWER | {"photos": ["P2"]})
    assert late.status_code == 400


def test_nobody_else_sees_it(desk: Desk, case: str) -> None:
    """Every address of a notice and of telling, asked by everybody whom it is not for: 404, and sign-in for nobody."""
    notice = tell(desk, case, photo=["P2"])
    inbox = [f"/desk/inbox/{notice}{end}" for end in ("", "/photos/P2", "/letter", "/payload", "/answer", "/platform")]
    posts = [f"/desk/inbox/{notice}{end}" for end in ("/received", "/answer", "/platform")]
    telling = [f"/desk/telling/{case}", f"/desk/telling/{case}/notices/{notice}"]
    tells = [f"/desk/telling/{case}/{end}" for end in ("preview", "send", "finish", "again")]
    own = ["/desk/how-we-are-told", "/desk/inbox"]
    sets = [f"/desk/how-we-are-told/{end}" for end in ("contact", "secret", "recordal", "remove")]

    def refuses(who: Officer | None, gets: list[str], sends: list[str], status: int) -> None:
        browser = desk.as_(who)
        for address in gets:
            assert browser.get(address).status_code == status, (address, who)
        for address in sends:
            assert browser.post(address, data=ANSWER | {"manufacturer": "7", "notice": notice}).status_code == status, (
                address,
                who,
            )

    for other in OFFICERS:
        if other is not CHEN:
            refuses(other, inbox, posts, 404)
        if other is not LI:
            refuses(other, telling, tells, 404)
        if other.office.manufacturer is None:
            refuses(other, own, sets, 404)
        if other is not BOARD:
            refuses(other, ["/desk/brands"], [], 404)
    refuses(None, [*inbox, *telling, *own, "/desk/brands"], [*posts, *tells, *sets], 303)
    assert notice[:8].upper() not in desk.page(OTHER_BRAND, "/desk/inbox").text
    assert notice[:8].upper() in desk.page(CHEN, "/desk/inbox").text
    standing = desk.cases.get(case)
    assert standing is not None
    assert standing.state is State.NOTIFIED


def test_a_preview_that_is_no_longer_true_is_shown_again(desk: Desk, case: str) -> None:
    """A case that changed between preview and sending tells nobody anything that was not shown; sent twice, it is told once."""
    browser = desk.as_(LI)
    choice = {"manufacturer": "7", "language": "zh-Hans", "field": ["reference", "marks"]}
    preview = browser.post(f"/desk/telling/{case}/preview", data=choice)
    form = dict(hidden(preview.text)) | {"field": ["reference", "marks"]}
    desk.cases.append(case, Kind.CHANGED, LI.id, "", {"marks": "a new mark"})
    again = browser.post(f"/desk/telling/{case}/send", data=form)
    assert again.status_code == 400
    assert "a new mark" in again.text
    assert desk.telling.of_manufacturer(7) == []
    form = dict(hidden(again.text)) | {"field": ["reference", "marks"]}
    for _ in range(2):
        assert browser.post(f"/desk/telling/{case}/send", data=form).status_code == 303
    assert len(desk.telling.of_manufacturer(7)) == 1
    standing = desk.cases.get(case)
    assert standing is not None
    assert len(standing.of(Kind.NOTIFIED)) == 1
    wrong: tuple[dict[str, Any], ...] = (
        {"manufacturer": "x"},
        {"field": []},
        {"field": ["note"]},
        {"photo": ["P1"]},
        {"language": "xx"},
    )
    for bad in wrong:
        assert browser.post(f"/desk/telling/{case}/preview", data=choice | bad).status_code == 400


def test_a_notice_left_in_between_goes_out_later(desk: Desk, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after the case knew and before anything was queued: nobody was told, and one button tells."""
    with monkeypatch.context() as broken:
        broken.setattr(type(desk.telling), "release", lambda *_: False)
        notice = tell(desk, case)
    assert desk.as_(CHEN).get(f"/desk/inbox/{notice}").status_code == 404
    assert "it did not go out" in desk.page(LI, f"/desk/telling/{case}").text
    assert desk.as_(LI).post(f"/desk/telling/{case}/finish", data={"notice": notice}).status_code == 303
    assert desk.as_(CHEN).get(f"/desk/inbox/{notice}").status_code == 200


def test_mails_that_nobody_sends_are_told(desk: Desk, case: str) -> None:
    """Where no process sends, the desk says so; a dead one can be sent again by the inspector alone."""
    desk.telling.rights_holders.add_contact(7, Channel.MAIL, "legal@kestrel.example")
    tell(desk, case)
    assert "Mails are waiting" in desk.page(LI, f"/desk/telling/{case}").text
    [delivery] = desk.telling.deliveries.take([Channel.MAIL], NOW)
    assert "Mails are waiting" not in desk.page(LI, f"/desk/telling/{case}").text
    desk.telling.deliveries.failed(delivery, "the mail server refused the address with 550", NOW, is_final=True)
    page = desk.page(LI, f"/desk/telling/{case}")
    assert "Given up" in page.text
    assert "550" in page.text
    address = f"/desk/telling/{case}/again"
    assert desk.as_(VOGT).post(address, data={"delivery": delivery.id}).status_code == 404
    assert desk.as_(LI).post(address, data={"delivery": delivery.id}).status_code == 303
    assert [one.id for one in desk.telling.deliveries.take([Channel.MAIL], NOW)] == [delivery.id]


def test_a_faulty_answer_names_its_fields(desk: Desk, case: str) -> None:
    """Every fault with a link to its question, and what was filled in stays; the case knows nothing of it."""
    notice = tell(desk, case)
    browser = desk.as_(CHEN)
    shown(browser.get(f"/desk/inbox/{notice}/answer"))
    refused = browser.post(f"/desk/inbox/{notice}/answer", data=ANSWER | {"own_diverted": "yes", "signer": "", "seal": "<b>9"})
    assert refused.status_code == 400
    page = shown(refused)
    assert "contradicts" in page.text
    assert "Enter who signs" in page.text
    assert 'value="&lt;b&gt;9"' in page.raw
    empty = shown(browser.post(f"/desk/inbox/{notice}/answer", data={}))
    for link in re.findall(r'<li><a href="#([^"]+)"', empty.raw):
        assert f'id="{link}"' in empty.raw, link
    standing = desk.cases.get(case)
    assert standing is not None
    assert standing.state is State.NOTIFIED


def test_a_platform_notice_as_text_and_paper(desk: Desk, case: str) -> None:
    """It holds what article 42 asks for, in both languages; parties that were not for the platform are not in it."""
    notice = tell(desk, case, ("reference", "units", "consignee"))
    browser = desk.as_(CHEN)
    address = f"/desk/inbox/{notice}/platform"
    shown(browser.get(address))
    form = {
        "platform": "Shop", "holder": "Kestrel", "identity": "9131", "contact": "Chen", "right": "TM 1", "links": "https://shop.example/1",
        "reason": "copied label", "language": "zh-Hans", "truth": "on", "as": "text",
    }  # fmt: skip
    text = browser.post(address, data=form).text
    assert SECRET_WORD not in text
    for part in ("Kestrel", "9131", "https://shop.example/1", "copied label", "KESTRELSERIAL"):
        assert part in text
    assert browser.post(address, data=form | {"as": "pdf"}).data.startswith(b"%PDF-")
    assert browser.post(address, data={"as": "text"}).status_code == 400


def test_how_a_brand_is_told(desk: Desk) -> None:
    """Addresses, a secret that is shown once, recordals; bad ones are refused, and those of others cannot be removed."""
    browser = desk.as_(CHEN)
    base = "/desk/how-we-are-told"
    assert (
        browser.post(f"{base}/contact", data={"channel": "mail", "address": "a@b.example\r\nBcc: x@y.example"}).status_code
        == 400
    )
    assert browser.post(f"{base}/contact", data={"channel": "webhook", "address": "http://b.example/"}).status_code == 400
    assert browser.post(f"{base}/contact", data={"channel": "mail", "address": "legal@kestrel.example"}).status_code == 303
    made = browser.post(f"{base}/contact", data={"channel": "webhook", "address": "https://b.example/in"})
    secret = base64.b64decode(re.search(r"whsec_([A-Za-z0-9+/=]+)", made.text)[1])  # type: ignore[index]  # it is there
    holders = desk.telling.rights_holders
    assert holders.secrets(7, NOW).valid == (secret,)
    assert "whsec_" not in desk.page(CHEN, base).raw
    assert "whsec_" in browser.post(f"{base}/secret").text
    assert len(holders.secrets(7, NOW).valid) == 2
    assert len(holders.secrets(7, NOW + OVERLAP).valid) == 1
    assert (
        browser.post(
            f"{base}/recordal", data={"jurisdiction": "cn", "number": "T2020-1", "right": "trade_mark", "first": "2020-05-01"}
        ).status_code
        == 303
    )
    assert (
        browser.post(
            f"{base}/recordal", data={"jurisdiction": "C", "number": "T", "right": "trade_mark", "first": "2020-05-01"}
        ).status_code
        == 400
    )
    page = shown(browser.get(base))
    assert "T2020-1" in page.text
    assert "Apr 30, 2030" in page.text or "April 30, 2030" in page.text
    [(row, _)] = holders.recordals(7)
    other = desk.as_(OTHER_BRAND)
    assert other.post(f"{base}/remove", data={"what": "recordal", "row": str(row)}).status_code == 404
    assert desk.as_(CHEN).post(f"{base}/remove", data={"what": "recordal", "row": str(row)}).status_code == 303
    assert holders.recordals(7) == []

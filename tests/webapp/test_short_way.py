"""The short way gives the answer that Flask gives, or leaves the request to Flask."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pytest

from tests.webapp.samples import BY_NAME, GTIN, HOST, LINK, Answers, readers
from webapp.app import create_app
from webapp.asgi import environ_of
from webapp.short_way import ShortWay
from webapp.visits import NOBODY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flask import Flask

    from registry.checking.verdicts import Verdict
    from registry.storage.scans import Channel
    from webapp.visits import Visit

EXPIRES: Final = re.compile(r"Expires=[^;]*; ")
LABEL: Final = LINK.removeprefix(f"https://{HOST}")
ASKED: Final = f"/api/v1/verify?link={quote(LINK, safe='')}"
HEADERS: Final[tuple[dict[str, str], ...]] = (
    {},
    {"accept-language": "zh-CN,zh;q=0.9"},
    {"cookie": "lang=zh-Hans"},
    {"cookie": "lang=en", "accept-language": "zh"},
    {"cookie": "lang=xx"},
    {"cookie": "lang=zh-Hans; other=1"},
    {"host": f"{HOST}:8443"},
    {"host": "bad host"},
    {"host": ""},
    {"host": "h_h"},
    {"host": "[::1]:99999999"},
    {"content-length": "3"},
    {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"},
    {"accept": "Application/Linkset+JSON"},
)
TARGETS: Final = (
    LABEL,
    ASKED,
    f"/api/v1/verify?link={LINK}",
    f"/api/v1/verify?link={quote(LINK, safe='')}&link=x",
    f"/api/v1/verify?link={quote(LINK, safe='')}&gtin=1",
    "/api/v1/verify?link=",
    "/api/v1/verify?link=a+b",
    "/api/v1/verify?link=%E7%AB%B9",
    "/api/v1/verify?link=%FF",
    "/api/v1/verify?link=%00",
    "/api/v1/verify?link=a%26b%3Dc",
    "/api/v1/verify?link=a;b=c",
    "/api/v1/verify?link=a=b",
    "/api/v1/verify?link=a?b",
    "/api/v1/verify?link=" + "7" * 2048,
    "/api/v1/verify?link=" + "7" * 2049,
    "/api/v1/verify?link=" + "7" * 5000,
    "/api/v1/verify?number=7K3M",
    "/api/v1/verify/?link=a",
    f"/01/{GTIN}/21/A",
    f"/01/{GTIN}/21/A/",
    f"/01/{GTIN}/21/A?",
    f"/01/{GTIN}/21/A?sig=",
    f"/01/{GTIN}/21/A?sig=x&lang=zh-Hans",
    f"/01/{GTIN}/21/A?lang=zh-Hans",
    f"/01/{GTIN}/21/A?sig=x%41",
    f"/01/{GTIN}/21/A?linkType=linkset",
    f"/01/{GTIN}/21/A?linkType=gs1:pip",
    f"/01/{GTIN}",
    f"/01/{GTIN}/10/21",
    f"/01/{GTIN}/21/A%2FB",
    f"/01/{GTIN}//21/A",
    f"//01/{GTIN}/21/A",
    f"/01/{GTIN}/21/A/../B",
    f"/01/{GTIN}/21/" + "A" * 5000,
    "/01",
    "/01/",
    "/01//",
    "/01/x",
)


class Noted:
    """Remembers what was noted."""

    def __init__(self) -> None:
        self.scans: list[tuple[Verdict, Channel]] = []

    def note(self, verdict: Verdict, channel: Channel, visit: Visit = NOBODY) -> None:
        """Remember it."""
        del visit
        self.scans.append((verdict, channel))


def answer(app: Callable[..., Iterable[bytes]], target: str, headers: dict[str, str], method: str = "GET") -> tuple[Any, ...]:
    """Ask an app as the server does; returns status, sorted headers and body."""
    path, _, query = target.partition("?")
    sent = {"host": HOST, **headers}
    scope = {
        "type": "http", "method": method, "scheme": "https", "http_version": "1.1", "server": ("127.0.0.1", 443),
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "client": ("192.0.2.1", 9),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
    }  # fmt: skip
    started: list[tuple[str, list[tuple[str, str]]]] = []
    body = b"".join(app(environ_of(scope, b""), lambda status, head, _=None: started.append((status, head))))
    status, head = started[0]
    # The second in which a cookie was set is not the answer's: the next answer may be given in the next one.
    return status, sorted((name.lower(), EXPIRES.sub("", value)) for name, value in head), body


@pytest.fixture
def table() -> dict[str, Any]:
    """What is answered to links."""
    return {**BY_NAME, LINK: BY_NAME["registered"]}


@pytest.fixture
def noted() -> Noted:
    """What was noted."""
    return Noted()


@pytest.fixture
def site(table: dict[str, Any], noted: Noted) -> Flask:
    """A site with a short way."""
    return create_app(readers(checks=Answers(table), scans=noted))


def around(site: Flask) -> Callable[..., Iterable[bytes]]:
    """Return the long way of a site."""
    way = site.wsgi_app
    assert isinstance(way, ShortWay)
    return way._app


@pytest.mark.parametrize("headers", HEADERS, ids=str)
def test_both_ways_give_the_same_answer(site: Flask, headers: dict[str, str]) -> None:
    """Status, headers and body, whatever is asked; twice, because a page is kept at its second time at the latest."""
    for target in TARGETS:
        expected = answer(around(site), target, headers)
        assert answer(site.wsgi_app, target, headers) == expected, target
        assert answer(site.wsgi_app, target, headers) == expected, target


@pytest.mark.parametrize("name", BY_NAME)
def test_both_ways_say_the_same_of_every_verdict(site: Flask, table: dict[str, Any], name: str) -> None:
    """In both languages, as a page and as JSON."""
    table[LINK] = BY_NAME[name]
    site = create_app(readers(checks=Answers(table)))
    for target in (LABEL, ASKED):
        for headers in ({}, {"accept-language": "zh"}):
            expected = answer(around(site), target, headers)
            assert answer(site.wsgi_app, target, headers) == expected
            assert answer(site.wsgi_app, target, headers) == expected


def test_a_crowd_goes_the_short_way(site: Flask) -> None:
    """A printed label and a program's question do not reach Flask; a page does once."""
    reached: list[str] = []
    flask = around(site)
    way = site.wsgi_app
    assert isinstance(way, ShortWay)

    def watched(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        reached.append(environ["PATH_INFO"])
        return flask(environ, start_response)

    way._app = watched
    for _ in range(3):
        for target in (LABEL, ASKED):
            answer(way, target, {"accept-language": "en-GB,en;q=0.9"})
    assert reached == [LABEL.partition("?")[0]]
    answer(way, LABEL, {}, "HEAD")
    answer(way, ASKED, {}, "POST")
    assert len(reached) == 3


def test_a_check_is_made_and_noted_once(site: Flask, table: dict[str, Any], noted: Noted) -> None:
    """Also where the short way found no page and Flask had to make it."""
    checks = Answers(table)
    site = create_app(readers(checks=checks, scans=noted))
    for target in (LABEL, LABEL, ASKED, "/api/v1/verify?number=registered", "/check?link=registered"):
        answer(site.wsgi_app, target, {})
    assert checks.asked == [LINK, LINK, LINK, "registered", "registered"]
    assert [channel for _, channel in noted.scans] == ["page", "page", "api", "api", "typed"]


def test_a_fault_on_the_short_way_is_answered_by_flask() -> None:
    """With the page that says so."""

    class Broken(Answers):
        def link(self, raw: str) -> Verdict:
            raise ValueError(raw)

    site = create_app(readers(checks=Broken()))
    status, _, body = answer(site.wsgi_app, LABEL, {})
    assert status.startswith("500")
    assert b"This says nothing about the product" in body


def test_the_short_way_logs_as_flask_does(site: Flask, caplog: pytest.LogCaptureFixture) -> None:
    """Method, endpoint, status, time, headline; no address."""
    caplog.set_level("INFO")
    for app in (around(site), site.wsgi_app, site.wsgi_app):
        for target in (LABEL, ASKED):
            answer(app, target, {})
    lines = [record.getMessage().split(" ") for record in caplog.records if record.name == "touchstone.access"]
    assert [[line[0], line[1], line[2], line[5]] for line in lines] == 3 * [
        ["GET", "check.link", "200", "registered"],
        ["GET", "api.verify", "200", "registered"],
    ]

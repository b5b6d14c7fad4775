"""Addresses are read as they were sent, byte for byte: a decoded path would make two links look alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from werkzeug.test import create_environ, run_wsgi_app

from registry.errors import LinkError, TouchstoneError
from registry.units import links
from tests.webapp.samples import GTIN, HOST, LINK, SERIAL
from webapp.app import create_app
from webapp.raw_uri import RawTarget

if TYPE_CHECKING:
    from flask import Flask

    from tests.webapp.conftest import Wire
    from tests.webapp.samples import Answers

PATH = f"/01/{GTIN}/21"


@pytest.mark.parametrize(
    "target",
    [
        LINK.removeprefix(f"https://{HOST}"),
        f"{PATH}/A%2FB",
        f"{PATH}/A%252FB",
        f"{PATH}/A%2fB?sig=x",
        f"{PATH}/%E7%AB%B9",
        f"{PATH}/A/../B",
        f"{PATH}/A/./B",
        f"{PATH}/..",
        f"{PATH}/A/",
        f"{PATH}//A",
        f"{PATH}/A;b=c",
        f"{PATH}/A?sig=x&sig=y",
        f"{PATH}/A?sig=%41",
        f"{PATH}/A?a=b&&c",
        f"{PATH}/A+B?q=1+2",
        f"/01/{GTIN}%2F21%2FA",
        f"/%30%31/{GTIN}/21/A",
        f"/{PATH}/A",
    ],
)
def test_a_link_is_checked_exactly_as_it_was_sent(wire: Wire, checks: Answers, target: str) -> None:
    """Nothing is decoded, completed, merged or redirected on the way to the verifier."""
    answer = wire.send(target)
    assert answer.status == 400
    assert checks.asked == [f"https://{HOST}{target}"]


@pytest.mark.parametrize(
    "path", ["/21/A/../B", "/21/A/", "/21//A", "//21/A", "/21/A?sig=x&sig=y", "/21/A?sig=%41", "%2F21%2FA", "/./21/A"]
)
def test_what_reaches_the_verifier_is_refused_by_its_parser(wire: Wire, checks: Answers, path: str) -> None:
    """The traps stay traps: none of these is read as some other link."""
    wire.send(f"/01/{GTIN}{path}")
    with pytest.raises(LinkError):
        links.parse(checks.asked[0])


def test_an_encoded_slash_stays_in_the_serial(wire: Wire, checks: Answers) -> None:
    """`A%2FB` is the serial `A/B`, not the serial `A` with something behind it."""
    wire.send(f"{PATH}/A%2FB")
    assert links.parse(checks.asked[0]).serial == "A/B"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_head_answers_as_get_without_the_page(wire: Wire, checks: Answers, method: str) -> None:
    """A link preview sees the same status and headers."""
    checks.table[LINK] = checks.table["registered"]
    answer = wire.send(LINK.removeprefix(f"https://{HOST}"), method=method)
    del checks.table[LINK]
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert bool(answer.body) == (method == "GET")


@pytest.mark.parametrize("target", ["/01", "/01/", "/02/1", "/x/../01/1", "/inspect/", "/check/", "/index.php"])
def test_an_address_that_is_none_of_ours_is_not_found(wire: Wire, checks: Answers, target: str) -> None:
    """Nothing is looked up for it, and it is led nowhere."""
    assert wire.send(target).status == 404
    assert checks.asked == []


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (f"{PATH}/A%2FB?sig=x%41&lang=en&a=b", f"{PATH}/A%2FB?sig=x%41&a=b"),
        (f"{PATH}/A?lang=zh-Hans", f"{PATH}/A"),
        ("/?lang=zh-Hans&lang=en", "/"),
        ("/?language=en&lang=en", "/?language=en"),
        ("//evil.example/01/1?lang=en", "/evil.example/01/1"),
        ("///evil.example?lang=en", "/evil.example"),
        ("/check?link=a%26lang=en&lang=fr", "/check?link=a%26lang=en"),
    ],
)
def test_a_wish_for_a_language_leads_back_to_the_same_address(wire: Wire, checks: Answers, target: str, expected: str) -> None:
    """The rest of the address is kept byte for byte, and it is never another host's."""
    answer = wire.send(target)
    assert answer.status == 303
    assert answer.headers["location"] == expected
    assert checks.asked == []


def test_the_address_of_a_proxy_request_is_cut_down_to_ours() -> None:
    """The absolute form names a host that is not for us to choose."""
    assert RawTarget.of({"REQUEST_URI": "http://other.example/01/1?x=y"}).text == "/01/1?x=y"
    assert RawTarget.of({"RAW_URI": "/01/1?"}).text == "/01/1?"


def test_a_server_without_the_raw_address_is_not_served(app: Flask) -> None:
    """A decoded path is no substitute: the site says that something is wrong on its side."""
    with pytest.raises(TouchstoneError, match="no raw request target"):
        RawTarget.of({"PATH_INFO": "/01/1"})
    environ = create_environ(f"{PATH}/{SERIAL}")
    del environ["REQUEST_URI"], environ["RAW_URI"]
    _, status, _ = run_wsgi_app(app, environ)
    assert status.startswith("500")


def test_the_app_is_made_of_what_it_is_handed() -> None:
    """Two sites in one process share nothing."""
    from tests.webapp.samples import BY_NAME, readers  # noqa: PLC0415 -- beside its only use

    first, second = create_app(readers({"x": BY_NAME["registered"]})), create_app(readers({"x": BY_NAME["altered"]}))
    assert first.test_client().get("/check?link=x").text != second.test_client().get("/check?link=x").text

"""Who looks: a person or a program, a coarse region, and a kind of phone that no address went into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from registry.errors import DocumentError
from registry.units.records import UnitId
from tests.webapp.samples import GTIN, NOW, SERIAL
from webapp.regions import RegionTable, named
from webapp.tickets import GOOD_FOR, Tickets
from webapp.visits import NOBODY, NOT_COUNTED, SEASON, Visitors, why_not

if TYPE_CHECKING:
    from pathlib import Path

SECRET = b"s" * 32
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Mobile/15E148 Safari/604.1"
)
WECHAT = (
    "Mozilla/5.0 (Linux; Android 14; CUBOT NOTE 50 Build/UP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
    "Chrome/126.0 Mobile Safari/537.36 XWEB/1260 MMWEBSDK/2024 MicroMessenger/8.0.50 NetType/{} Language/zh_CN ABI/arm64"
)


def look(agent: str = IPHONE, **more: str) -> dict[str, Any]:
    """Return the environment of a look."""
    return {"REQUEST_METHOD": "GET", "REMOTE_ADDR": "203.0.113.9", "HTTP_USER_AGENT": agent, **more}


@pytest.mark.parametrize("agent", [IPHONE, WECHAT.format("WIFI"), IPHONE + " Instagram 300.0"])
def test_a_person_is_counted(agent: str) -> None:
    """In the browser that the camera opens, in WeChat on a phone whose maker's name ends like a program's, in an app."""
    assert why_not(look(agent)) is None


@pytest.mark.parametrize(
    ("request_of", "rule"),
    [
        (look(REQUEST_METHOD="HEAD"), "method"),
        (look(HTTP_SEC_PURPOSE="prefetch;prerender"), "prefetch"),
        (look(HTTP_PURPOSE="prefetch"), "old_prefetch"),
        (look(HTTP_X_MOZ="prefetch"), "mozilla_prefetch"),
        (look(""), "no_browser"),
        (look("curl/8.5.0"), "no_browser"),
        (look("WhatsApp/2.24.1 A"), "no_browser"),
        (look("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"), "robot"),
        (look("Mozilla/5.0 (compatible; Baiduspider/2.0)"), "robot"),
        (look("Mozilla/5.0 (compatible; facebookexternalhit/1.1)"), "preview"),
        (look("Mozilla/5.0 (compatible; StatusCake)"), "probe"),
        (look("Mozilla/5.0 zgrab/0.x"), "scanner"),
    ],
)
def test_what_is_no_person_is_not_counted(request_of: dict[str, Any], rule: str) -> None:
    """And a rule says why."""
    found = why_not(request_of)
    assert found is not None
    assert (found.id, bool(found.because)) == (rule, True)
    assert Visitors(SECRET).visit(request_of, NOW) == NOBODY


def test_signed_in_staff_are_not_counted() -> None:
    """Where the proxy names them; what a reader could send counts for nothing where it does not."""
    working = look(HTTP_X_FORWARDED_USER="wang@customs.example")
    visitors = Visitors(SECRET, staff_header="X-Forwarded-User")
    found = visitors.why_not(working)
    assert found is not None
    assert (found.id, bool(found.because)) == ("staff", True)
    assert visitors.visit(working, NOW) == NOBODY
    for request_of in (look(), look(HTTP_X_FORWARDED_USER=" ")):
        assert visitors.visit(request_of, NOW) != NOBODY
    assert Visitors(SECRET).visit(working, NOW) != NOBODY
    assert "staff" not in {rule.id for rule in NOT_COUNTED}


@pytest.mark.parametrize("cookies", ["desk=x", "lang=en; desk=x", "lang=en; __Host-desk=x; a=b"])
def test_officers_of_the_desk_are_not_counted(cookies: str) -> None:
    """While one is signed in, what he looks at is his work; a browser that he was signed in with is a person's again."""
    visitors = Visitors(SECRET)
    found = visitors.why_not(look(HTTP_COOKIE=cookies))
    assert found is not None
    assert found.id == "officer"
    for others in ("desk-device=x", "__Host-desk-device=x", "mydesk=x", "lang=desk=x"):
        assert visitors.visit(look(HTTP_COOKIE=others), NOW) != NOBODY


def test_every_rule_has_an_id_of_its_own() -> None:
    """They are data."""
    assert len({rule.id for rule in NOT_COUNTED}) == len(NOT_COUNTED)


def test_no_address_goes_into_the_key_of_a_phone() -> None:
    """Nor the network of the moment; the languages and the browser do."""
    visitors = Visitors(SECRET)
    key = visitors.visit(look(), NOW).device
    assert len(key) == 16
    assert visitors.visit(look(REMOTE_ADDR="198.51.100.7", HTTP_X_FORWARDED_FOR="192.0.2.1"), NOW).device == key
    assert visitors.visit(look(WECHAT.format("WIFI")), NOW) == visitors.visit(look(WECHAT.format("5G")), NOW)
    assert visitors.visit(look(HTTP_ACCEPT_LANGUAGE="th"), NOW).device != key
    assert visitors.visit(look(WECHAT.format("5G")), NOW).device != key


def test_keys_are_others_each_season_and_with_another_secret() -> None:
    """They cannot be compared, nor made without the secret."""
    visitors = Visitors(SECRET)
    keys = {visitors.visit(look(), NOW + n * SEASON).device for n in range(3)}
    assert len(keys | {Visitors(b"t" * 32).visit(look(), NOW).device}) == 4


def test_a_region_comes_from_the_proxy_or_from_a_table(tmp_path: Path) -> None:
    """A header that the operator names, else the table; what a reader could send is not asked."""
    file = tmp_path / "regions.csv"
    file.write_text('# a test table\n203.0.113.0,203.0.113.255,CN-33\n"2001:db8::","2001:db8:0:ff::","TH"\n', encoding="ascii")
    table = RegionTable.read(file)
    assert Visitors(SECRET, header="CF-Region").visit(look(HTTP_CF_REGION="cn-33"), NOW).region == "CN-33"
    assert Visitors(SECRET, header="CF-Region", table=table).visit(look(), NOW).region == ""
    assert Visitors(SECRET, table=table).visit(look(), NOW).region == "CN-33"
    by_header = Visitors(SECRET, table=table, address_header="X-Real-IP")
    assert by_header.visit(look(HTTP_X_REAL_IP="2001:db8::1"), NOW).region == "TH"
    assert Visitors(SECRET).visit(look(), NOW).region == ""


@pytest.mark.parametrize(
    ("address", "region"),
    [("9.255.255.255", ""), ("10.0.0.0", "CN"), ("10.0.0.255", "CN"), ("10.0.1.0", ""), ("::ffff:10.0.0.9", "CN"),
     ("2001:db8::1", "VN"), ("2001:db9::", ""), ("not an address", ""), ("", ""), ("11.0.0.1", "")],
)  # fmt: skip
def test_a_table_knows_its_ranges_and_no_more(address: str, region: str) -> None:
    """First and last included; unknown regions are none."""
    table = RegionTable(
        ["2001:db8::,2001:db8:ffff:ffff:ffff:ffff:ffff:ffff,VN", "11.0.0.0,11.0.0.9,ZZ", "10.0.0.0,10.0.0.255,CN"]
    )
    assert table.region(address) == region


@pytest.mark.parametrize("line", ["10.0.0.0,CN", "10.0.0.9,10.0.0.0,CN", "10.0.0.0,2001:db8::,CN", "a,b,CN"])
def test_a_table_that_is_none_is_refused_by_its_line(line: str) -> None:
    """The operator reads which."""
    with pytest.raises(DocumentError, match="line 2"):
        RegionTable(["10.0.0.0,10.0.0.255,CN", line])


def test_a_header_names_a_region_or_nothing() -> None:
    """Whatever it holds."""
    assert [named(text) for text in ("cn", "CN-33", "XX", "T1", "China", "<b>", "")] == ["CN", "CN-33", "", "", "", "", ""]


def test_a_ticket_is_good_for_its_unit_and_an_hour() -> None:
    """Changed by a bit, made with another secret or too old, it is none."""
    tickets, unit = Tickets(SECRET), UnitId(GTIN, "a/b.c")
    ticket = tickets.issue(unit, NOW)
    assert tickets.read(ticket, NOW + GOOD_FOR) == unit
    assert tickets.read(ticket, NOW + GOOD_FOR + 1) is None
    assert Tickets(b"t" * 32).read(ticket, NOW) is None
    changed = [
        "A" + ticket[1:],
        ticket[:-4] + "AAAA",
        "",
        "a",
        "%%%",
        "é" * 9,
        ticket * 9,
        tickets.issue(UnitId(GTIN, SERIAL), NOW)[:40],
    ]
    assert [tickets.read(one, NOW) for one in changed] == [None] * len(changed)

"""The short way for links that we print ourselves: whatever takes it is read as the strict parser reads it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.errors import LinkError
from registry.units import identity, links
from registry.units.links import PRINTED, Link
from registry.units.records import Record, UnitId

GTIN = "09521001000017"
SIGNATURE = bytes(range(64))
LINK = links.build("https://verify.example.org", Record(GTIN, "L1", "4D2A9KXQ7M1TZ0BC"), SIGNATURE)
CHARACTERS = st.sampled_from("01289AZaz_-./%:?&=#+~ \n\0é")
PIECES = st.sampled_from(
    [
        "http",
        "HTTPS",
        "hTTp",
        "://",
        "/",
        "01",
        "10",
        "21",
        "22",
        "8003",
        "sig=",
        "?sig=",
        "&sig=",
        GTIN,
        "09521001000010",
        "L1",
        "..",
        ":80",
    ]
)


def strictly(raw: str) -> Link | str:
    """Return what the strict parser says of a link, or why it refuses it."""
    try:
        found = links.parse_digital_link(raw)
    except LinkError as error:
        return error.message
    values = dict(found.ai)
    if "21" not in values:
        return "no serial"
    return Link(
        raw, found.scheme.lower(), found.host, values["01"], values.get("10"), values["21"], values.get("22"), found.signature
    )


def agree(raw: str) -> None:
    """See that the short way and the strict parser say the same of a link."""
    try:
        parsed: Link | str = links.parse(raw)
    except LinkError as error:
        parsed = error.message
    strict = strictly(raw)
    assert parsed == strict or (strict == "no serial" and isinstance(parsed, str))


@given(
    scheme=st.sampled_from(["http", "https", "HTTP", "HTTPS", "Https"]),
    host=st.from_regex(r"[A-Za-z0-9.:-]{1,20}", fullmatch=True) | st.just("verify.example.org:70000"),
    gtin=st.just(GTIN) | st.from_regex(r"[0-9]{14}", fullmatch=True),
    lot=st.none() | st.text("ABc0_-.%/", min_size=1, max_size=22),
    serial=st.text("ABc01_-.%", min_size=1, max_size=22),
    signature=st.none() | st.text("ABc01_-.%", max_size=90),
)
def test_links_of_our_form_are_read_alike(
    *, scheme: str, host: str, gtin: str, lot: str | None, serial: str, signature: str | None
) -> None:
    """Any scheme, host, lot, serial and signature, right or wrong."""
    middle = "" if lot is None else f"/10/{lot}"
    query = "" if signature is None else f"?sig={signature}"
    agree(f"{scheme}://{host}/01/{gtin}{middle}/21/{serial}{query}")


@given(data=st.data())
@example(data=None)
def test_damaged_links_are_read_alike(data: st.DataObject | None) -> None:
    """A character changed, a piece put in or left out, as often as one likes."""
    raw = LINK
    for _ in range(data.draw(st.integers(0, 3)) if data else 0):
        assert data is not None
        at, until = sorted((data.draw(st.integers(0, len(raw))), data.draw(st.integers(0, len(raw)))))
        until = min(until, at + data.draw(st.integers(0, 6)))
        raw = raw[:at] + data.draw(CHARACTERS | PIECES | st.just("")) + raw[until:]
    agree(raw)


def test_a_link_that_is_too_long_is_refused_in_both_ways() -> None:
    """Its length is looked at first, whatever its form."""
    agree(LINK + "A" * 2000)
    assert isinstance(strictly(LINK + "A" * 2000), str)


@pytest.mark.parametrize(
    "raw",
    [
        LINK,
        links.build("http://127.0.0.1:8000", Record(GTIN, "10", "21"), SIGNATURE),
        links.build_compact("https://verify.example.org", UnitId(GTIN, "4D2A9KXQ7M1TZ0BC")),
    ],
)
def test_our_own_links_take_the_short_way(raw: str) -> None:
    """Signed and compact ones: otherwise it would be there for nothing."""
    found = PRINTED.fullmatch(raw)
    assert found is not None
    assert identity.is_gtin(found["gtin"])
    agree(raw)

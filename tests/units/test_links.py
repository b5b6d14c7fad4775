"""Links: strict reading of the raw text, and the ways in which two links could be made to look alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import LinkError, TouchstoneError
from registry.units import identity, links
from registry.units.records import Record, UnitId

GTIN = "09521001000017"
GOOD = f"https://verify.example.org/01/{GTIN}/10/K2609A/21/7K3M9QWX2BHNV5TD"
SIGNATURE = bytes(range(64))
ISSUABLE = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=20)
GTINS = st.integers(0, 10**13 - 1).map(lambda number: f"{number:013d}" + identity.check_digit(f"{number:013d}"))


@given(GTINS, ISSUABLE, ISSUABLE, st.binary(min_size=64, max_size=64))
def test_what_is_built_is_read_back(gtin: str, lot: str, serial: str, signature: bytes) -> None:
    """Parsing a built link gives back exactly what was signed."""
    link = links.parse(links.build("https://verify.example.org:8443", Record(gtin, lot, serial), signature))
    assert (link.gtin, link.lot, link.serial, link.host) == (gtin, lot, serial, "verify.example.org:8443")
    compact = links.parse(links.build_compact("https://verify.example.org", UnitId(gtin, serial)))
    assert (compact.gtin, compact.lot, compact.serial, compact.signature) == (gtin, None, serial, None)
    assert compact.host == "verify.example.org"


@given(
    st.text(max_size=300)
    | st.text(max_size=80).map(lambda tail: GOOD + tail)
    | st.text(max_size=80).map(lambda p: f"https://a/{p}")
)
def test_whatever_the_text_only_our_own_error_comes_out(text: str) -> None:
    """The parser leaks no error but its own, and nothing that it returns is outside GS1's characters."""
    try:
        link = links.parse(text)
    except LinkError:
        return
    assert identity.parse_gtin(link.gtin) == link.gtin
    assert identity.is_cset82(link.serial)
    assert link.raw == text


@pytest.mark.parametrize(
    "tail",
    [
        "?sig=a&sig=a",
        "?%73ig=a",
        "?s%69g=a&sig=b",
        "?sig=%41",
        "?21=OTHER",
        "?10=OTHER",
        "?%3999=ABC",
        "?99=A&99=B",
        "?99=A&%39%39=B",
        "?8031=X",
        "?1234=X",
        "?99",
        "?17=260230",
        "?12=260101",
        "?3171=000100",
        "?3106=000100",
        "?3101=000100&3102=000100",
        "?3922=0299",
        "?3103=000195&3922=0299&3923=0299",
        "?90=1234567890123456789012345678901",
        "/",
        "/10/LATER",
        "/21/AGAIN",
        "/99/X",
        "/foo",
        "%00",
        "\\",
        "/../21/X",
        " ",
        "\u200b",
        "\uff21",
        "<script>",
        "'\"><",
    ],
)
def test_a_link_with_something_more_is_refused(tail: str) -> None:
    """What could be read in two ways is not read at all."""
    with pytest.raises(LinkError):
        links.parse(GOOD + tail)


@pytest.mark.parametrize(
    "tail",
    [
        "#fragment",
        "?",
        "?&&",
        "?utm=1",
        "?linkType=all",
        "?17=261231",
        "?17=261200",
        "?3103=000195&3922=0299",
        "?99=ABC",
        "?singleton",
        "?SIG=x",
    ],
)
def test_what_gs1_ignores_is_ignored(tail: str) -> None:
    """Fragments, empty pairs, unknown words and well-formed attributes change nothing."""
    link = links.parse(GOOD + tail)
    assert (link.gtin, link.lot, link.serial, link.signature) == (GTIN, "K2609A", "7K3M9QWX2BHNV5TD", None)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "hello",
        "https://",
        f"ftp://a/01/{GTIN}/21/X",
        f"HtTp://a/01/{GTIN}/21/X",
        f"//a/01/{GTIN}/21/X",
        f"https://user@a/01/{GTIN}/21/X",
        f"https://a_b/01/{GTIN}/21/X",
        f"https://a%2e/01/{GTIN}/21/X",
        f"https://a:99999/01/{GTIN}/21/X",
        f"https://a:/01/{GTIN}/21/X",
        f"https:///01/{GTIN}/21/X",
        f"https://a/21/X/01/{GTIN}",
        f"https://a/01/{GTIN}/21/X/10/L",
        f"https://a/01/{GTIN}/10/L/22/V/21/X",
        f"https://a/01/{GTIN[:-1]}8/21/X",
        f"https://a/01/{GTIN[1:]}/21/X",
        f"https://a/01/{GTIN}/21/",
        f"https://a/01/{GTIN}/21/{'X' * 21}",
        f"https://a/01/{GTIN}/10/{'X' * 21}/21/X",
        f"https://a/01/{GTIN}/21/%5B",
        "https://a/01/" + "0" * 3000,
        "https://a/01/%D9%A0952100100001/21/X",
    ],
)
def test_what_is_not_one_of_our_links_is_refused(raw: str) -> None:
    """Each of these is refused by name before anything is looked up."""
    with pytest.raises(LinkError):
        links.parse(raw)


def test_the_rightmost_primary_key_counts() -> None:
    """What stands to its left is stem, whatever it looks like."""
    link = links.parse(f"https://a/01/09521002000016/21/FAKE/01/{GTIN}/21/REAL")
    assert (link.gtin, link.serial) == (GTIN, "REAL")


def test_an_encoded_slash_stays_in_its_serial() -> None:
    """`A%2FB` is one serial of three characters, not two path segments: the raw text is read, and decoded once."""
    assert links.parse(f"https://a/01/{GTIN}/21/A%2FB").serial == "A/B"
    assert links.parse(f"https://a/01/{GTIN}/21/A%252FB").serial == "A%2FB"


@pytest.mark.parametrize("serial", [".", "..", "A/B", "A B", "A+B", "Ä", "", "X" * 21, "A%2F"])
def test_what_browsers_and_servers_mangle_is_never_issued(serial: str) -> None:
    """GS1 allows some of these; we refuse to print them."""
    with pytest.raises(TouchstoneError, match="serial"):
        links.build("https://a", Record(GTIN, "L", serial), SIGNATURE)
    with pytest.raises(TouchstoneError, match="serial"):
        links.build_compact("https://a", UnitId(GTIN, serial))


@pytest.mark.parametrize(
    "base",
    [
        "verify.example.org",
        "ftp://verify.example.org",
        "HTTPS://verify.example.org",
        "https://",
        "https://user@verify.example.org",
        "https://verify.example.org/check",
        "https://verify.example.org?a=1",
        "https://verify.example.org#a",
        "https://verify.example.org//",
        " https://verify.example.org",
    ],
)
def test_a_batch_of_labels_is_not_begun_under_a_wrong_address(base: str) -> None:
    """A base that is more or less than scheme and host is refused before anything is printed."""
    with pytest.raises(LinkError, match="expected scheme and host alone"):
        links.build(base, Record(GTIN, "L", "S"), SIGNATURE)
    with pytest.raises(LinkError, match="expected scheme and host alone"):
        links.build_compact(base, UnitId(GTIN, "S"))


def test_a_slash_after_the_host_changes_nothing() -> None:
    """`https://host/` and `https://host` give the same links."""
    record = Record(GTIN, "L", "S")
    assert links.build("http://127.0.0.1:8000/", record, SIGNATURE) == links.build("http://127.0.0.1:8000", record, SIGNATURE)

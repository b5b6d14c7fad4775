"""A manifest has one form of bytes, and nothing is read that was not understood."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import DocumentError
from registry.proofs import encoding, manifest
from registry.proofs.manifest import Manifest, Product

if TYPE_CHECKING:
    from collections.abc import Callable

WORD = bytes(range(32))
FULL = Product(
    gtin="09521001000017",
    lot="L2609A",
    carrier="compact",
    names={"en": "Kestrel S2", "zh-Hans": "红隼 S2"},
    model="S2",
    produced="2026-09-14",
    expires="2028-02-29",
    markets=("CN", "TH"),
    pictures=("ab" * 32,),
    trademarks=("CN 1234567",),
    recordals=("T2026-1", "T2026-2"),
    serialised_since="2026-08-01",
)
BARE = Product(gtin="09521001000017", lot="L2609B", carrier="signed", names={"en": "Kestrel"})
SAMPLE = Manifest(WORD, encoding.salt_hash(WORD), (FULL, BARE), supersedes=WORD)
MISSING = type("Missing", (), {"__repr__": lambda _: "missing"})()


def changed(*path: str | int, to: object) -> bytes:
    """Return the sample's canonical bytes with one member changed, added or (`MISSING`) removed."""
    document = json.loads(manifest.write(SAMPLE))
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    if to is MISSING:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return rfc8785.dumps(document)


def test_what_was_written_is_read() -> None:
    """Every field, filled or empty."""
    raw = manifest.write(SAMPLE)
    assert manifest.read(raw) == SAMPLE
    assert manifest.manifest_hash(raw) == encoding.keccak256(raw)


def test_a_product_is_found_by_gtin_and_lot() -> None:
    """Both, or nothing is said."""
    assert SAMPLE.product("09521001000017", "L2609A") == FULL
    assert SAMPLE.product("09521001000017", "L2609B") == BARE
    assert SAMPLE.product("09521001000017", "l2609a") is None
    assert SAMPLE.product("09521001000024", "L2609A") is None


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
dates = st.one_of(st.just(""), st.dates().map(str))
products = st.builds(
    Product,
    gtin=st.from_regex(r"[0-9]{14}", fullmatch=True),
    lot=st.text("ABCabc012-_./", min_size=1, max_size=20),
    carrier=st.sampled_from(["signed", "compact"]),
    names=st.dictionaries(st.sampled_from(["en", "zh", "th", "zh-Hant"]), texts, min_size=1),
    model=st.one_of(st.just(""), texts),
    produced=dates,
    expires=dates,
    markets=st.lists(st.from_regex(r"[A-Z]{2}", fullmatch=True), unique=True).map(tuple),
    pictures=st.lists(st.binary(min_size=32, max_size=32).map(bytes.hex), unique=True, max_size=3).map(tuple),
    trademarks=st.lists(texts, unique=True, max_size=3).map(tuple),
    recordals=st.lists(texts, unique=True, max_size=3).map(tuple),
    serialised_since=dates,
)
manifests = st.builds(
    Manifest,
    registry_id=st.binary(min_size=32, max_size=32),
    salt_hash=st.binary(min_size=32, max_size=32),
    products=st.lists(products, min_size=1, max_size=3, unique_by=lambda one: (one.gtin, one.lot)).map(
        lambda many: tuple(sorted(many, key=lambda one: (one.gtin, one.lot)))
    ),
    supersedes=st.one_of(st.none(), st.binary(min_size=32, max_size=32)),
)


@given(manifests)
def test_any_manifest_can_be_written_and_read(sample: Manifest) -> None:
    """And the bytes are their own canonical form."""
    raw = manifest.write(sample)
    assert manifest.read(raw) == sample
    assert rfc8785.dumps(json.loads(raw)) == raw


@given(st.integers(0, len(manifest.write(SAMPLE)) - 1), st.integers(1, 255))
def test_no_changed_byte_is_read_as_the_same_manifest(position: int, change: int) -> None:
    """One meaning has one form."""
    raw = bytearray(manifest.write(SAMPLE))
    raw[position] ^= change
    with suppress(DocumentError):
        assert manifest.read(bytes(raw)) != SAMPLE


@given(st.binary(max_size=200))
def test_only_a_document_error_gets_out(raw: bytes) -> None:
    """Whatever the bytes are."""
    with pytest.raises(DocumentError):
        manifest.read(raw)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "within each other"),
        (b'{"a":' * 100_000, "within each other"),
        (b'["\\"",' * 100_000, "within each other"),
        (b'"' + b"[" * 100 + b'"', "is a text"),
        (b'"' + b'\\"' * 1_000_000, "not JSON"),
        (b"1" * 5000, "not JSON"),
        (b"null", "is null"),
        (b"[]", "is a list"),
        (b'"text"', "is a text"),
        (b'{"a":"","a":""}', "twice"),
        (b'{"a":NaN}', "no canonical form"),
        (b'{"a":1e999}', "no canonical form"),
        (b'{"a":"\\ud800"}', "no canonical form"),
        (b" " * (manifest.MAX_BYTES + 1), "expected at most"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[:20]),
)
def test_what_is_no_object_is_refused(raw: bytes, message: str) -> None:
    """Before anything is looked for in it."""
    with pytest.raises(DocumentError, match=message):
        manifest.read(raw)


@pytest.mark.parametrize(
    "loosen",
    [
        lambda raw: raw + b"\n",
        lambda raw: b"\xef\xbb\xbf" + raw,
        lambda raw: raw.replace(b":", b": ", 1),
        lambda raw: raw.replace("红".encode(), b"\\u7ea2"),
        lambda raw: json.dumps(dict(reversed(json.loads(raw).items())), ensure_ascii=False, separators=(",", ":")).encode(),
    ],
    ids=["line end", "byte order mark", "space", "escape", "order"],
)
def test_only_the_canonical_form_is_read(loosen: Callable[[bytes], bytes]) -> None:
    """The same document in other bytes has another hash, so it is another document."""
    raw = manifest.write(SAMPLE)
    assert loosen(raw) != raw
    with pytest.raises(DocumentError):
        manifest.read(loosen(raw))


@pytest.mark.parametrize(
    ("path", "to", "message"),
    [
        (("format",), "touchstone-profile", "format is 'touchstone-profile'"),
        (("version",), "2", "version is '2', expected '1'"),
        (("version",), 1, "version is 1, expected '1'"),
        (("version",), MISSING, "has no version"),
        (("registryId",), "0x" + "00" * 31, "registryId is"),
        (("registryId",), "0x" + "AB" * 32, "registryId is"),
        (("registryId",), "ab" * 32, "registryId is"),
        (("saltHash",), None, "saltHash is null"),
        (("saltHash",), MISSING, "has no saltHash"),
        (("supersedes",), None, "supersedes is null"),
        (("supersedes",), MISSING, "has no supersedes"),
        (("note",), "x", "not known: note"),
        (("products",), {}, "products is an object"),
        (("products",), [], "products is empty"),
        (("products", 0), "x", r"products\[0\] is a text"),
        (("products", 1), json.loads(manifest.write(SAMPLE))["products"][0], "twice or out of order"),
        (("products", 0, "lot"), "Z", "twice or out of order"),
        (("products", 0, "price"), "1", "not known: price"),
        (("products", 0, "gtin"), "9521001000017", "gtin is"),
        (("products", 0, "gtin"), 9521001000017, "gtin is a number"),
        (("products", 0, "gtin"), "٠9521001000017", "gtin is"),
        (("products", 0, "lot"), "", "lot is ''"),
        (("products", 0, "lot"), "L" * 21, "lot is"),
        (("products", 0, "lot"), "L 1", "lot is"),
        (("products", 0, "carrier"), "nfc", "carrier is 'nfc'"),
        (("products", 0, "names"), {}, "at least one language"),
        (("products", 0, "names"), "Kestrel", "at least one language"),
        (("products", 0, "names", "EN"), "Kestrel", "names is 'EN'"),
        (("products", 0, "names", "en"), "", "not empty"),
        (("products", 0, "model"), 2, "model is a number"),
        (("products", 0, "model"), True, "model is a truth value"),
        (("products", 0, "produced"), "2026-9-14", "produced is"),
        (("products", 0, "produced"), "20260914", "produced is"),
        (("products", 0, "expires"), "2026-02-29", "a day of the calendar"),
        (("products", 0, "markets"), ["cn"], "markets is 'cn'"),
        (("products", 0, "markets"), ["CN", "CN"], "twice"),
        (("products", 0, "markets"), "CN", "markets is a text, expected a list"),
        (("products", 0, "pictures"), ["ab"], "pictures is"),
        (("products", 0, "trademarks"), [""], "not empty"),
        (("products", 0, "recordals"), [1], "recordals is a number"),
        (("products", 0, "serialisedSince"), MISSING, "has no serialisedSince"),
    ],
    ids=str,
)
def test_every_member_is_known_complete_and_of_its_kind(path: tuple[str | int, ...], to: object, message: str) -> None:
    """Texts only, none missing, none unknown."""
    with pytest.raises(DocumentError, match=message):
        manifest.read(changed(*path, to=to))


@pytest.mark.parametrize(
    "bad",
    [
        Manifest(WORD[:31], WORD, (BARE,)),
        Manifest(WORD, WORD, ()),
        Manifest(WORD, WORD, (BARE, FULL)),
        Manifest(WORD, WORD, (FULL, FULL)),
        Manifest(WORD, WORD, (Product(gtin="1", lot="L", carrier="signed", names={"en": "x"}),)),
        Manifest(WORD, WORD, (Product(gtin="09521001000017", lot="L", carrier="signed", names={}),)),
    ],
    ids=["registry id", "no product", "order", "twice", "GTIN", "no name"],
)
def test_nothing_is_written_that_could_not_be_read(bad: Manifest) -> None:
    """A seal over an unreadable manifest would be lost."""
    with pytest.raises(DocumentError):
        manifest.write(bad)

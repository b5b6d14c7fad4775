"""An offer is read strictly, whatever it is made of, before anything is looked up."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import DocumentError, PublicationRefused
from registry.proofs import tree_file
from registry.proofs.tree_file import Header
from registry.publishing import offer as offers
from registry.publishing.offer import Offer
from registry.publishing.refusals import Refusal
from registry.publishing.status import State, Status
from tests.publishing import brand

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = st.binary(min_size=32, max_size=32)
HEADERS = st.builds(
    Header,
    unit_count=st.integers(1, 2**32 - 1),
    manifest_size=st.integers(1, tree_file.MAX_MANIFEST),
    attributes_size=st.integers(0, 2**16),
    salt=WORDS,
    root=WORDS,
    manifest_hash=WORDS,
    parcel_checksum=WORDS,
    nodes_checksum=WORDS,
)
HEADER = Header(10, 300, 0, b"s" * 32, b"r" * 32, b"m" * 32, b"p" * 32, b"n" * 32)
OFFER = Offer(7, brand.KEY, HEADER)


@given(HEADERS, st.integers(1, 2**32 - 1))
def test_what_is_written_is_read(header: Header, manufacturer: int) -> None:
    offer = Offer(manufacturer, brand.KEY, header)
    assert offers.read(offers.write(offer), header.seal) == offer
    assert offer.size == header.nodes_at


@given(st.binary(max_size=5000), WORDS)
def test_any_bytes_are_refused_and_nothing_else_happens(raw: bytes, seal: bytes) -> None:
    with pytest.raises(PublicationRefused) as refused:
        offers.read(raw, seal)
    assert refused.value.reason == Refusal.MALFORMED_OFFER


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
GOOD: dict[str, Any] = json.loads(offers.write(OFFER))


@given(st.dictionaries(st.sampled_from([*GOOD, "more"]), JSON | st.text("0123456789abcdefx")))
def test_an_offer_with_other_values_is_refused(changes: dict[str, Any]) -> None:
    """Whatever stands in a field, it is that field's one form or it is refused."""
    raw = json.dumps({**GOOD, **changes}).encode("utf-8", "surrogatepass")
    with suppress(PublicationRefused):
        assert json.loads(offers.write(offers.read(raw, HEADER.seal))) == {**GOOD, **changes}


def changed(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def headed(header: Header) -> bytes:
    return changed(header=tree_file.write_header(header).hex())


MALFORMED: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "a list": lambda: b"[]",
    "a number": lambda: changed(manufacturer=7),
    "manufacturer 0": lambda: changed(manufacturer="0"),
    "a manufacturer beyond uint32": lambda: changed(manufacturer="4294967296"),
    "digits of another script": lambda: changed(manufacturer="٧"),
    "no checksum": lambda: changed(key=brand.KEY.lower()),
    "another version": lambda: changed(version="2"),
    "a header in capitals": lambda: changed(header=GOOD["header"].upper()),
    "a short header": lambda: changed(header=GOOD["header"][:-2]),
    "a damaged header": lambda: changed(header="00" + GOOD["header"][2:]),
    "one bit": lambda: changed(header=GOOD["header"][:40] + "f" + GOOD["header"][41:]),
    "more": lambda: changed(more=""),
    "twice": lambda: b'{"key": "", ' + offers.write(OFFER)[1:],
    "attributes without units": lambda: headed(replace(HEADER, unit_count=1, attributes_size=2**32 - 1)),
    "no unit": lambda: headed(replace(HEADER, unit_count=0)),
    "a manifest without end": lambda: headed(replace(HEADER, manifest_size=2**32 - 1)),
    "too long": lambda: changed(more="x" * 5000),
    "deep": lambda: b"[" * 2000,
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(name: str) -> None:
    with pytest.raises(PublicationRefused) as refused:
        offers.read(MALFORMED[name](), HEADER.seal)
    assert refused.value.reason == Refusal.MALFORMED_OFFER


def test_the_header_must_give_the_seal() -> None:
    """Whoever knows a seal from the chain, and not what it commits, cannot offer it."""
    with pytest.raises(PublicationRefused, match="gives seal") as refused:
        offers.read(offers.write(OFFER), b"x" * 32)
    assert refused.value.reason == Refusal.WRONG_SEAL


def test_a_parcel_has_the_name_of_its_whole_header() -> None:
    """Two parcels of one seal are two things."""
    assert OFFER.parcel != replace(OFFER, header=replace(HEADER, parcel_checksum=b"q" * 32)).parcel
    assert OFFER.header.seal == replace(HEADER, parcel_checksum=b"q" * 32).seal


@given(
    st.builds(
        Status,
        st.sampled_from(State),
        st.text(),
        *[st.integers(0, 2**60)] * 4,
        st.tuples() | st.tuples(WORDS, WORDS),
        st.text(min_size=1),
        st.text(),
        st.text(),
    )
)
def test_a_status_is_read_as_it_was_told(status: Status) -> None:
    assert Status.read(status.as_json()) == status


@given(JSON | st.fixed_dictionaries(dict.fromkeys(Status(State.RECEIVING).as_json(), JSON), optional={"reason": JSON}))
def test_any_document_is_a_status_or_refused(document: object) -> None:
    """A sender is told anything by anybody."""
    with suppress(DocumentError):
        assert isinstance(Status.read(document), Status)

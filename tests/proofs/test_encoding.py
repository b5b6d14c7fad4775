"""The bytes that are hashed are those of the specifications, by other people's encoders."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from eth_abi.abi import encode as abi_encode
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import DocumentError, IdentityError, MerkleError, SealError
from registry.proofs import encoding
from registry.proofs.encoding import Opening, RecordHasher, Row
from registry.units.records import Record, UnitId

words = st.binary(min_size=32, max_size=32)
uint32 = st.integers(0, 2**32 - 1)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
ROW = Row(3, b"k" * 32, b"d" * 32, b"a" * 32)
OPENING = Opening(b"r" * 32, 5, b"m" * 32)


def oracle(registry_id: bytes, record: Record) -> bytes:
    """Return the digest as eth-account encodes it."""
    message = encode_typed_data(
        domain_data={"name": "Touchstone", "version": "1", "salt": registry_id},
        message_types={"Unit": [{"name": name, "type": "string"} for name in ("gtin", "lot", "serial")]},
        message_data={"gtin": record.gtin, "lot": record.lot, "serial": record.serial},
    )
    return keccak(b"\x19" + message.version + message.header + message.body)


@given(words, text, text, text)
def test_the_digest_is_that_of_a_general_encoder(registry_id: bytes, gtin: str, lot: str, serial: str) -> None:
    """The fast path gives what `encode_typed_data` gives, for any text."""
    record = Record(gtin, lot, serial)
    assert RecordHasher(registry_id).digest(record) == oracle(registry_id, record)


@given(uint32, words, words, words)
def test_the_leaf_is_openzeppelins(index: int, unit_key: bytes, digest: bytes, attributes_hash: bytes) -> None:
    """A leaf is the double hash of the ABI encoding of its four values."""
    values = (index, unit_key, digest, attributes_hash)
    encoded = abi_encode(["uint32", "bytes32", "bytes32", "bytes32"], values)
    assert encoding.leaf(Row(*values)) == keccak(keccak(encoded))


@given(words, st.integers(1, 2**32 - 1), words)
def test_the_seal_is_the_hash_of_its_abi_encoding(root: bytes, count: int, manifest_hash: bytes) -> None:
    """Root, count and manifest hash, as Solidity encodes them."""
    encoded = abi_encode(["bytes32", "uint32", "bytes32"], (root, count, manifest_hash))
    assert encoding.seal(Opening(root, count, manifest_hash)) == keccak(encoded)


def test_the_unit_key_is_the_hash_of_salt_gtin_separator_and_serial() -> None:
    """The bytes are written out in full."""
    expected = keccak(b"s" * 32 + b"09521001000017" + b"\x1f" + b"AB-1")
    assert encoding.unit_key(b"s" * 32, UnitId("09521001000017", "AB-1")) == expected


def test_a_unit_without_attributes_has_a_hash_of_zeros() -> None:
    """Which is not the hash of empty attributes."""
    assert encoding.attributes_hash(None) == bytes(32)
    assert encoding.attributes_hash(b"{}") == keccak(b"{}")


@pytest.mark.parametrize(
    "gtin", ["", "9521001000017", "009521001000017", "0952100100001x", "०9521001000017", "0952100100001\x1f"]
)
def test_only_a_gtin_of_14_digits_has_a_key(gtin: str) -> None:
    """A GTIN of another length would let two units share a key."""
    with pytest.raises(IdentityError, match="expected 14 digits"):
        encoding.unit_key(bytes(32), UnitId(gtin, "A"))


@pytest.mark.parametrize("serial", ["", "é", "\ud800"])
def test_only_a_serial_of_ascii_characters_has_a_key(serial: str) -> None:
    """No link carries any other."""
    with pytest.raises(IdentityError, match="expected ASCII"):
        encoding.unit_key(bytes(32), UnitId("09521001000017", serial))


def test_text_without_an_encoding_has_no_digest() -> None:
    """Half of a surrogate pair is no text."""
    with pytest.raises(IdentityError, match="UTF-8"):
        RecordHasher(bytes(32)).digest(Record("09521001000017", "L", "\ud800"))


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_salt_and_a_registry_id_have_32_bytes(size: int) -> None:
    """Anything else would shift what follows."""
    with pytest.raises(SealError, match="expected 32"):
        encoding.unit_key(bytes(size), UnitId("09521001000017", "A"))
    with pytest.raises(SealError, match="expected 32"):
        RecordHasher(bytes(size))


@pytest.mark.parametrize(
    "row",
    [
        replace(ROW, index=-1),
        replace(ROW, index=2**32),
        replace(ROW, unit_key=b"k" * 31, digest=b"d" * 33),
        replace(ROW, digest=b"d" * 31, attributes_hash=b"a" * 33),
        replace(ROW, attributes_hash=b""),
    ],
)
def test_bytes_cannot_slide_from_one_field_of_a_row_to_the_next(row: Row) -> None:
    """A leaf has one meaning."""
    with pytest.raises(MerkleError):
        encoding.leaf(row)


@pytest.mark.parametrize(
    "opening",
    [
        replace(OPENING, unit_count=0),
        replace(OPENING, unit_count=-1),
        replace(OPENING, unit_count=2**32),
        replace(OPENING, root=b"r" * 33),
        replace(OPENING, manifest_hash=b"m" * 31),
    ],
)
def test_a_seal_has_a_count_and_two_hashes(opening: Opening) -> None:
    """A batch has at least one unit, and no more than a uint32 counts."""
    with pytest.raises(SealError):
        encoding.seal(opening)


@pytest.mark.parametrize("document", [float("nan"), 2**60, "\ud800", {"\ud800": ""}, {1: ""}, b"", range(2)])
def test_what_is_not_json_has_no_canonical_form(document: object) -> None:
    """The library's own errors do not get out."""
    with pytest.raises(DocumentError, match="no canonical form"):
        encoding.canonical(document)


def test_the_canonical_form_is_rfc_8785() -> None:
    """Names are in the order of their UTF-16 units, without spaces (RFC 8785, section 3.2.3)."""
    document = {"€": "Euro", "\r": "CR", "\ufb33": "Dalet", "1": "One", "😀": "Smile", "\u0080": "Control", "ö": "O"}
    written = encoding.canonical(document)
    assert b": " not in written
    assert list(json.loads(written)) == ["\r", "1", "\u0080", "ö", "€", "😀", "\ufb33"]

"""The typed-data hashes of ethers.js: eth-account agrees with all of them, so it may be the oracle of our one type.

That our digest equals eth-account's for any record is shown in tests/proofs/test_encoding.py.
"""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from registry.proofs import encoding, signing
from registry.proofs.encoding import RecordHasher
from registry.units.records import Record

if TYPE_CHECKING:
    from pathlib import Path

DOMAIN_TYPES: Final = {
    "name": "string",
    "version": "string",
    "chainId": "uint256",
    "verifyingContract": "address",
    "salt": "bytes32",
}


@pytest.fixture(scope="module")
def cases(shared_vectors: Path) -> Any:
    """Give all cases."""
    with gzip.open(shared_vectors / "eip712" / "typed-data.json.gz") as file:
        return json.load(file)


def oracle(case: Any) -> tuple[bytes, bytes]:
    """Return the domain separator and the digest as eth-account encodes the case."""
    domain = {name: value for name, value in case["domain"].items() if name in DOMAIN_TYPES}
    types = {"EIP712Domain": [{"name": name, "type": DOMAIN_TYPES[name]} for name in DOMAIN_TYPES if name in domain]}
    message = encode_typed_data(
        full_message={
            "domain": domain,
            "types": types | case["types"],
            "primaryType": case["primaryType"],
            "message": case["data"],
        }
    )
    return message.header, keccak(b"\x19" + message.version + message.header + message.body)


def test_the_oracle_agrees_with_every_hash(cases: Any) -> None:
    """130 structures of all kinds."""
    assert len(cases) == 130
    for case in cases:
        assert "0x" + oracle(case)[1].hex() == case["digest"], case["name"]


def test_our_domain_is_built_like_those_of_the_cases(cases: Any) -> None:
    """The separator of every case with the members of our domain, written as we write it, is the oracle's.

    No case has exactly our members, so the rest of each domain is dropped, in both.
    """
    with_salt = [case for case in cases if {"name", "version", "salt"} <= case["domain"].keys()]
    assert with_salt
    for case in with_salt:
        domain = {name: case["domain"][name] for name in ("name", "version", "salt")}
        ours = keccak(
            encoding.keccak256(b"EIP712Domain(string name,string version,bytes32 salt)")
            + encoding.keccak256(domain["name"].encode())
            + encoding.keccak256(domain["version"].encode())
            + bytes.fromhex(domain["salt"][2:])
        )
        assert ours == oracle(case | {"domain": domain})[0]


def test_our_digest_agrees_with_the_oracle_on_the_texts_of_the_cases(cases: Any) -> None:
    """Names and versions of the cases, emoji included, taken as GTIN, lot and serial."""
    texts = sorted({case["domain"].get(name, "") for case in cases for name in ("name", "version")})
    assert len(texts) > 100
    registry_id = encoding.keccak256(b"registry of the tests")
    hasher = RecordHasher(registry_id)
    for gtin, lot, serial in zip(texts, texts[1:], texts[2:], strict=False):
        unit = {
            "name": "unit",
            "domain": {"name": "Touchstone", "version": "1", "salt": "0x" + registry_id.hex()},
            "types": {"Unit": [{"name": name, "type": "string"} for name in ("gtin", "lot", "serial")]},
            "primaryType": "Unit",
            "data": {"gtin": gtin, "lot": lot, "serial": serial},
        }
        separator, digest = oracle(unit)
        assert separator == encoding.domain_separator(registry_id)
        assert hasher.digest(Record(gtin, lot, serial)) == digest


def test_the_signature_of_the_example_is_ours(cases: Any) -> None:
    """The one case with a key is signed to the same r, s and parity, and recovers to its address."""
    [case] = [case for case in cases if "signature" in case]
    digest = bytes.fromhex(case["digest"][2:])
    theirs = bytes.fromhex(case["signature"][2:])
    r, s, v = theirs[:32], int.from_bytes(theirs[32:64], "big"), theirs[64]
    ours = signing.sign(digest, bytes.fromhex(case["privateKey"][2:]))
    assert ours == r + (s | (v - 27) << 255).to_bytes(32, "big")
    assert signing.recover(digest, ours) == signing.address_of(bytes.fromhex(case["privateKey"][2:]))

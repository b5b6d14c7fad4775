"""Other people's signatures, valid and invalid: we accept exactly those that EIP-2098 can carry and low s allows."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from eth_account.messages import encode_defunct
from eth_utils.crypto import keccak

from registry.errors import SignatureError
from registry.proofs import signing

if TYPE_CHECKING:
    from pathlib import Path


def compact(r: int, s: int, parity: int) -> bytes:
    """Return the 64 bytes of EIP-2098. Raises `OverflowError` if r has no 32 bytes, or s no 255 bits."""
    if s >> 255:
        raise OverflowError
    return r.to_bytes(32, "big") + (s | parity << 255).to_bytes(32, "big")


def signers(digest: bytes, r: int, s: int) -> set[str]:
    """Return the addresses to which a pair recovers, with either parity; none if every form of it is refused."""
    found = set()
    for parity in (0, 1):
        try:
            found.add(signing.recover(digest, compact(r, s, parity)))
        except (SignatureError, OverflowError):
            continue
    return found


def eip2098_cases(folder: Path) -> Any:
    """Return the examples of the specification."""
    return json.loads((folder / "ecdsa" / "eip2098_vectors.json").read_text())


def test_the_examples_of_eip_2098(shared_vectors: Path) -> None:
    """We sign to the same 64 bytes, and recover the key."""
    for case in eip2098_cases(shared_vectors):
        key = bytes.fromhex(case["priv"][2:])
        message = encode_defunct(text=case["message"])
        digest = keccak(b"\x19" + message.version + message.header + message.body)
        expected = bytes.fromhex(case["r"][2:] + case["yParityAndS"][2:])
        assert signing.sign(digest, key) == expected
        assert signing.recover(digest, expected) == signing.address_of(key)


def openzeppelin_cases(folder: Path) -> Any:
    """Return the cases of OpenZeppelin's ECDSA tests."""
    return json.loads((folder / "ecdsa" / "oz_vectors.json").read_text())


def as_compact(case: Any) -> bytes:
    """Return what a case would be on one of our labels; the bytes as they are where they have no such form."""
    if "vs" in case:
        return bytes.fromhex(case["r"][2:] + case["vs"][2:])
    raw = bytes.fromhex(case["signature"][2:])
    if len(raw) == 65 and raw[64] in {27, 28} and not raw[32] >> 7:
        return compact(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big"), raw[64] - 27)
    return raw


def test_openzeppelins_cases(shared_vectors: Path) -> None:
    """Whoever their contract recovers, we recover; what it refuses, we refuse.

    A signature of 64 bytes, which their function for bytes of any length refuses, is the form that we read: it is the same
    signature as in the valid case of (r, vs).
    """
    cases = openzeppelin_cases(shared_vectors)
    assert len(cases) == 15
    for case in cases:
        digest, signature = bytes.fromhex(case["hash"][2:]), as_compact(case)
        if case["valid"]:
            assert signing.recover(digest, signature) == case["signer"]
        elif "not_signer" in case:
            assert signing.recover(digest, signature) != case["not_signer"]
        elif len(signature) == 64 and "Length(64)" in case["error"]:
            assert signing.recover(digest, signature) in {other.get("signer") for other in cases}
        else:
            with pytest.raises(SignatureError):
                signing.recover(digest, signature)


def wycheproof_groups(folder: Path) -> Any:
    """Return Wycheproof's ECDSA cases for Bitcoin, which refuse a high s."""
    return json.loads((folder / "ecdsa" / "ecdsa_secp256k1_sha256_bitcoin_test.json").read_text())["testGroups"]


def read_der(raw: bytes) -> tuple[int, int]:
    """Return r and s of a strictly encoded signature. Raises `ValueError` for any other bytes."""

    def take(raw: bytes, tag: int) -> tuple[bytes, bytes]:
        if len(raw) < 2 or raw[0] != tag or raw[1] > 127 or len(raw) < 2 + raw[1]:
            raise ValueError
        return raw[2 : 2 + raw[1]], raw[2 + raw[1] :]

    def integer(raw: bytes) -> int:
        if not raw or raw[0] > 127 or (len(raw) > 1 and raw[0] == 0 and raw[1] <= 127):
            raise ValueError
        return int.from_bytes(raw, "big")

    body, rest = take(raw, 0x30)
    r, body = take(body, 0x02)
    s, body = take(body, 0x02)
    if rest or body:
        raise ValueError
    return integer(r), integer(s)


def test_wycheproofs_cases(shared_vectors: Path) -> None:
    """A valid signature recovers to its key; an invalid one is refused or recovers to another.

    One thing EIP-2098 cannot write: a point whose x is not below the curve's order. Of the valid cases, those are the only
    ones that we do not recover.
    """
    valid = invalid = beyond = 0
    for group in wycheproof_groups(shared_vectors):
        key = bytes.fromhex(group["publicKey"]["uncompressed"])
        address = signing.checksummed(keccak(key[1:])[12:])
        for case in group["tests"]:
            digest = hashlib.sha256(bytes.fromhex(case["msg"])).digest()
            try:
                found = signers(digest, *read_der(bytes.fromhex(case["sig"])))
            except ValueError:
                found = set()
            if case["result"] == "invalid":
                assert address not in found, case
                invalid += 1
            elif address in found:
                valid += 1
            else:
                assert case["comment"] == "k*G has a large x-coordinate", case
                beyond += 1
    assert (valid + beyond, invalid) == (162, 301)
    assert beyond <= 2


def test_every_high_s_is_refused_or_means_another_signature(shared_vectors: Path) -> None:
    """The malleable twin (r, n - s) of every valid signature."""
    for group in wycheproof_groups(shared_vectors):
        address = signing.checksummed(keccak(bytes.fromhex(group["publicKey"]["uncompressed"])[1:])[12:])
        for case in group["tests"]:
            if case["result"] != "valid":
                continue
            digest = hashlib.sha256(bytes.fromhex(case["msg"])).digest()
            r, s = read_der(bytes.fromhex(case["sig"]))
            assert signers(digest, r, signing.ORDER - s) == set()
            forced = r.to_bytes(32, "big") + (signing.ORDER - s).to_bytes(32, "big")
            try:
                assert signing.recover(digest, forced) != address
            except SignatureError:
                continue

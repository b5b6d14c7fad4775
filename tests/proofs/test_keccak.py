"""keccak256 is the same function wherever it comes from."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.proofs import keccak


@pytest.mark.parametrize("source", [keccak.from_tiny_keccak, keccak.from_safe_pysha3, keccak.from_eth_hash])
@given(st.binary(max_size=600))
@example(b"a" * 135)
@example(b"a" * 136)
@example(b"a" * 137)
def test_every_implementation_gives_the_same_hash(source: keccak.Source, message: bytes) -> None:
    """A registry may change the library without changing a seal."""
    assert source()(message) == keccak.keccak256(message)


def test_a_missing_library_is_passed_over() -> None:
    """Without the fast one the next one is taken."""

    def missing() -> keccak.Hash:
        raise ImportError

    assert keccak.choose([missing, keccak.from_eth_hash])(b"") == keccak.keccak256(b"")


def test_sha3_is_not_taken_for_keccak() -> None:
    """A library that gives the standard's SHA-3 under the other name never hashes anything."""

    def mistaken() -> keccak.Hash:
        return lambda data: hashlib.sha3_256(data).digest()

    with pytest.raises(ImportError, match="known answers"):
        keccak.choose([mistaken])

"""The proof file: what is written is read back, what is malformed is refused with its place, and nothing else ever happens."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import DocumentError
from registry.proofs import encoding, proof_file
from tests.vectors.test_own_vectors import FILES

GOOD: Final = next(case["document"].encode() for case in FILES["proofs"]["cases"] if case["name"] == "unit 0 of 3")
MEMBERS: Final[dict[str, Any]] = json.loads(GOOD)
WORDS: Final = st.binary(min_size=32, max_size=32)
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda one: st.lists(one) | st.dictionaries(st.text(), one),
)


def changed(**members: Any) -> bytes:
    """Return the good file with other members."""
    return json.dumps(MEMBERS | members, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


@given(
    salt=WORDS,
    path=st.lists(WORDS, unique=True, max_size=32),
    index=st.integers(0, 2**32 - 1),
    chain_id=st.integers(1, 10**16 - 1),
)
def test_what_is_written_is_read_back(salt: bytes, path: list[bytes], index: int, chain_id: int) -> None:
    """Whatever the values are, and the same file always has the same bytes."""
    file = replace(proof_file.read(GOOD), salt=salt, path=tuple(path), index=index, chain_id=chain_id)
    raw = proof_file.write(file)
    assert proof_file.read(raw) == file
    assert proof_file.write(proof_file.read(raw)) == raw


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"version": "2"}, "proof.version"),
        ({"note": ""}, "note"),
        ({"salt": "0x00"}, "proof.salt"),
        ({"path": {}}, "proof.path"),
        ({"path": [f"0x{number:064x}" for number in range(33)]}, "proof.path"),
        ({"index": "4294967296"}, "proof.index"),
        ({"unitCount": 3}, "proof.unitCount"),
        ({"signer": "0x"}, "proof.signer"),
        ({"label": []}, "proof.label"),
        ({"label": MEMBERS["label"] | {"gtin": "09521001000018"}}, "proof.label.gtin"),
        ({"label": MEMBERS["label"] | {"lot": ""}}, "proof.label.lot"),
        ({"label": MEMBERS["label"] | {"extra": ""}}, "proof.label"),
        ({"anchor": {"chainId": "31337"}}, "proof.anchor"),
        ({"anchor": {"chainId": "31337", "contract": "0x" + "aB" * 20}}, "proof.anchor.contract"),
        ({"manifest": ""}, "proof.manifest"),
    ],
)
def test_a_fault_is_named_with_its_place(members: dict[str, Any], place: str) -> None:
    """Whoever wrote the file finds it at once."""
    with pytest.raises(DocumentError, match=rf"^{place}|{place}"):
        proof_file.read(changed(**members))


def test_a_file_is_measured_before_it_is_decoded() -> None:
    """So that a large one costs nothing; and so is its depth."""
    with pytest.raises(DocumentError, match="bytes, expected at most"):
        proof_file.read(b"\xff" * (proof_file.MAX_BYTES + 1))
    with pytest.raises(DocumentError, match="within each other"):
        proof_file.read(b"[" * 1_000_000)


def refused_or_read(raw: bytes) -> None:
    """Read a document: it is one, and then it is written back as it was; or a `DocumentError` says why not."""
    try:
        file = proof_file.read(raw)
    except DocumentError:
        return
    assert proof_file.write(file) == raw


@given(st.binary())
def test_rubbish_is_refused(raw: bytes) -> None:
    """Any bytes."""
    refused_or_read(raw)


@given(JSON)
def test_any_json_is_refused(document: Any) -> None:
    """Any values, canonical where they have such a form."""
    try:
        refused_or_read(encoding.canonical(document))
    except DocumentError:
        refused_or_read(json.dumps(document).encode())


@given(st.sampled_from([*MEMBERS]), JSON)
def test_any_value_in_any_place_is_refused_or_read(name: str, value: Any) -> None:
    """A member of another kind never gets further than its own place."""
    try:
        raw = encoding.canonical(MEMBERS | {name: value})
    except DocumentError:
        return
    refused_or_read(raw)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255), st.integers(0, 40))
def test_a_damaged_file_is_refused_or_read(place: int, byte: int, missing: int) -> None:
    """Bytes overwritten and left out."""
    refused_or_read(GOOD[:place] + bytes([byte]) + GOOD[place + missing :])

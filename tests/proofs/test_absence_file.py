"""The absence file: what is written is read back, what is malformed is refused with its place, and no more happens."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import DocumentError
from registry.proofs import absence_file, encoding
from tests.proofs.test_proof_file import JSON, WORDS
from tests.vectors.test_own_vectors import FILES

GOOD: Final = next(case["document"].encode() for case in FILES["absences"]["cases"] if case["valid"])
MEMBERS: Final[dict[str, Any]] = json.loads(GOOD)
LISTING: Final[dict[str, Any]] = MEMBERS["deployments"][0]
ISSUER: Final[dict[str, Any]] = LISTING["manufacturers"][0]
LISTED: Final[dict[str, Any]] = ISSUER["batches"][0]
GAP: Final[dict[str, Any]] = MEMBERS["batches"][0]
ROW: Final[dict[str, Any]] = GAP["neighbours"][0]


def changed(**members: Any) -> bytes:
    """Return the good file with other members."""
    return encoding.canonical(MEMBERS | members)


def listing(**members: Any) -> bytes:
    """Return the good file with another first deployment."""
    return changed(deployments=[LISTING | members, *MEMBERS["deployments"][1:]])


def issuer(**members: Any) -> bytes:
    """Return the good file with another first manufacturer."""
    return listing(manufacturers=[ISSUER | members, *LISTING["manufacturers"][1:]])


def gap(**members: Any) -> bytes:
    """Return the good file with another first batch."""
    return changed(batches=[GAP | members, *MEMBERS["batches"][1:]])


@given(
    root=WORDS, path=st.lists(WORDS, unique=True, max_size=32), index=st.integers(0, 2**32 - 1), time=st.integers(0, 10**16 - 1)
)
def test_what_is_written_is_read_back(root: bytes, path: list[bytes], index: int, time: int) -> None:
    """Whatever the values are, and the same file always has the same bytes."""
    file = absence_file.read(GOOD)
    (first, *others), (shown, *rest) = file.listings, file.gaps
    one = replace(shown.neighbours[0], row=replace(shown.neighbours[0].row, index=index), path=tuple(path))
    file = replace(
        file,
        listings=(replace(first, block=replace(first.block, time=time)), *others),
        gaps=(replace(shown, root=root, neighbours=(one,)), *rest),
    )
    raw = absence_file.write(file)
    assert absence_file.read(raw) == file
    assert absence_file.write(absence_file.read(raw)) == raw


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (changed(version="2"), "absence.version"),
        (changed(note=""), "note"),
        (changed(deployments=[]), "absence.deployments"),
        (changed(deployments=[LISTING, LISTING]), "absence.deployments has a contract twice"),
        (changed(unit={"gtin": "09521001000018", "serial": "X"}), "absence.unit.gtin"),
        (changed(unit={"gtin": "09521001000017", "serial": ""}), "absence.unit.serial"),
        (changed(profiles=[MEMBERS["profiles"][0]] * 2), "absence.profiles"),
        (changed(batches=MEMBERS["batches"][::-1]), "absence.batches"),
        (changed(batches=[GAP, GAP]), "absence.batches"),
        (listing(contract=LISTING["contract"].lower()), "EIP-55"),
        (listing(chainId="0"), r"deployments\[0\].chainId"),
        (listing(block={"number": "1", "hash": "0x"}), r"block"),
        (listing(manufacturers=LISTING["manufacturers"][::-1]), "manufacturers has something twice or out of order"),
        (issuer(number="4294967296"), "number is 4294967296"),
        (issuer(profiles=["0x00"]), "profiles"),
        (issuer(batches=[LISTED, LISTED]), "has a batch twice"),
        (issuer(batches=[LISTED | {"attestations": "256"}]), "attestations is 256"),
        (issuer(batches=[LISTED | {"block": "-1"}]), r"batches\[0\].block"),
        (gap(unitCount=3), "unitCount"),
        (gap(neighbours=[ROW | {"path": [f"0x{number:064x}" for number in range(33)]}]), "33 hashes"),
        (gap(neighbours=[ROW | {"more": ""}]), "more"),
        (gap(manifest=""), "manifest"),
    ],
)
def test_a_fault_is_named_with_its_place(raw: bytes, place: str) -> None:
    """Whoever wrote the file finds it at once."""
    with pytest.raises(DocumentError, match=place):
        absence_file.read(raw)


def test_a_profile_may_come_back() -> None:
    """A manufacturer that goes back to an earlier version names its hash twice."""
    file = absence_file.read(issuer(profiles=ISSUER["profiles"] * 2))
    assert len(file.listings[0].issuers[0].profiles) == 2 * len(ISSUER["profiles"])


def test_a_file_says_what_it_is() -> None:
    """And what is none does not."""
    assert absence_file.is_one(GOOD)
    for raw in (b"", b"[]", b"{}", b'{"format":"touchstone-proof"}', b"[" * 100_000):
        assert not absence_file.is_one(raw)


def refused_or_read(raw: bytes) -> None:
    """Read a document: it is one, and then it is written back as it was; or a `DocumentError` says why not."""
    try:
        file = absence_file.read(raw)
    except DocumentError:
        return
    assert absence_file.write(file) == raw


@given(st.binary())
def test_rubbish_is_refused(raw: bytes) -> None:
    """Any bytes."""
    refused_or_read(raw)


@given(st.sampled_from([changed, listing, issuer, gap]), st.sampled_from(sorted({*MEMBERS, *LISTING, *ISSUER, *GAP})), JSON)
def test_any_value_in_any_place_is_refused_or_read(place: Any, name: str, value: Any) -> None:
    """A member of another kind never gets further than its own place."""
    try:
        raw = place(**{name: value})
    except DocumentError:
        return
    refused_or_read(raw)

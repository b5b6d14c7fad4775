"""A profile has one form of bytes, whoever wrote it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import DocumentError
from registry.proofs import encoding, profile
from registry.proofs.profile import Profile

SAMPLE = Profile(
    legal_name={"en": "Kestrel Mobility Co., Ltd.", "zh": "红隼出行有限公司"},
    brand={"en": "Kestrel"},
    domain="kestrel.example",
    trademarks=("CN 1234567",),
    gtins=("9521001", "09521002000016"),
    country="CN",
    contact="codes@kestrel.example",
)


def test_what_was_written_is_read() -> None:
    """Every field."""
    raw = profile.write(SAMPLE)
    assert profile.read(raw) == SAMPLE
    assert profile.profile_hash(raw) == encoding.keccak256(raw)


def test_a_profile_written_by_hand_gets_its_canonical_form() -> None:
    """Spaces, line ends and order are the writer's."""
    raw = profile.write(SAMPLE)
    by_hand = json.dumps(dict(reversed(json.loads(raw).items())), indent=4)
    assert profile.read_json(by_hand.encode()) == raw
    with pytest.raises(DocumentError, match="canonical"):
        profile.read(by_hand.encode())


def test_a_name_written_twice_by_hand_is_refused() -> None:
    """Nobody could say which of the two was meant."""
    with pytest.raises(DocumentError, match="twice"):
        profile.read_json(b'{"brand":{},"brand":{}}')


@given(st.binary(max_size=200))
def test_only_a_document_error_gets_out(raw: bytes) -> None:
    """Whatever the bytes are."""
    for read in (profile.read, profile.read_json):
        with pytest.raises(DocumentError):
            read(raw)


@pytest.mark.parametrize(
    ("name", "to"),
    [
        ("format", "touchstone-manifest"),
        ("version", "2"),
        ("legalName", {}),
        ("brand", "Kestrel"),
        ("domain", ""),
        ("domain", "Kestrel.example"),
        ("domain", "https://kestrel.example"),
        ("domain", "-kestrel.example"),
        ("trademarks", "CN 1234567"),
        ("gtins", ["952"]),
        ("gtins", ["9521001000017"]),
        ("gtins", ["9521001", "9521001"]),
        ("gtins", [9521001]),
        ("country", "China"),
        ("contact", ""),
        ("owner", "somebody"),
    ],
    ids=str,
)
def test_every_member_is_known_and_of_its_kind(name: str, to: object) -> None:
    """Texts only, none unknown."""
    document = json.loads(profile.write(SAMPLE)) | {name: to}
    with pytest.raises(DocumentError):
        profile.read(rfc8785.dumps(document))


@pytest.mark.parametrize("name", json.loads(profile.write(SAMPLE)))
def test_no_member_may_be_missing(name: str) -> None:
    """Nothing has a value that it was not given."""
    document = {key: value for key, value in json.loads(profile.write(SAMPLE)).items() if key != name}
    with pytest.raises(DocumentError, match=f"has no {name}"):
        profile.read(rfc8785.dumps(document))


def test_nothing_is_written_that_could_not_be_read() -> None:
    """The chain would hold the hash of something unreadable."""
    with pytest.raises(DocumentError):
        profile.write(replace(SAMPLE, gtins=("952",)))

"""A sealed batch holds every unit once, in order, signed, under one seal."""

from __future__ import annotations

import json

import pytest

from registry.errors import SealError
from registry.issuing.sealing import seal_batch
from registry.proofs import encoding, manifest, merkle, signing
from registry.units.records import Record
from tests.issuing.samples import (
    GTIN,
    KEY,
    LOT,
    PRIVATE_KEY,
    REGISTRY_ID,
    intake,
    product,
    products,
    sealed_batch,
    serials,
    steady,
)


def sign(digest: bytes) -> bytes:
    return signing.sign(digest, PRIVATE_KEY)


def test_every_unit_is_in_once_and_signed_by_the_key() -> None:
    batch = sealed_batch(serials(9))
    hasher = encoding.RecordHasher(REGISTRY_ID)
    assert sorted(unit.record for unit in batch.units) == sorted(Record(GTIN, LOT, serial) for serial in serials(9))
    for row, unit in zip(batch.rows, batch.units, strict=True):
        assert row.unit_key == encoding.unit_key(batch.salt, unit.record.id)
        assert row.digest == hasher.digest(unit.record)
        assert row.attributes_hash == encoding.attributes_hash(unit.attributes)
        assert signing.recover(row.digest, unit.signature) == KEY


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_a_witness_can_replay_it(count: int) -> None:
    batch = sealed_batch(serials(count))
    ids = [unit.record.id for unit in batch.units]
    merkle.replay(batch.rows, batch.opening, batch.salt, ids, seal=batch.seal, manifest_bytes=batch.manifest)
    assert batch.seal == encoding.seal(batch.opening)
    assert [row.index for row in batch.rows] == list(range(count))


def test_the_manifest_names_exactly_the_lots_of_the_batch() -> None:
    known = products(product(), product(lot="L2609B"), product("09521002000016"))
    batch = seal_batch(intake(serials(2)), known, sign, REGISTRY_ID, salt=bytes(32), supersedes=b"\1" * 32)
    stated = manifest.read(batch.manifest)
    assert [(entry.gtin, entry.lot) for entry in stated.products] == [(GTIN, LOT)]
    assert stated.product(GTIN, LOT) == product()
    assert (stated.registry_id, stated.supersedes) == (REGISTRY_ID, b"\1" * 32)
    assert stated.salt_hash == encoding.salt_hash(bytes(32))


def test_attributes_are_blinded_anew_for_each_unit() -> None:
    batch = sealed_batch(serials(9))
    documents = [unit.attributes for unit in batch.units if unit.attributes is not None]
    assert len(documents) == len(set(documents)) == 3
    for document in documents:
        members = json.loads(document)
        assert members["colour"] == "red"
        assert len(bytes.fromhex(members["random"])) == 16
        assert encoding.canonical(members) == document


def test_the_same_input_gives_the_same_bytes() -> None:
    assert sealed_batch(serials(5)) == sealed_batch(serials(5))
    assert sealed_batch(serials(5)).seal != sealed_batch(serials(5), label="other").seal


def test_without_a_salt_each_seal_is_another() -> None:
    one, other = (seal_batch(intake(serials(2)), products(), sign, REGISTRY_ID) for _ in range(2))
    assert one.salt != other.salt
    assert one.seal != other.seal


def test_a_unit_twice_is_refused() -> None:
    with pytest.raises(SealError, match="twice in the batch"):
        sealed_batch([*serials(3), serials(1)[0]])


def test_nothing_is_not_sealed() -> None:
    with pytest.raises(SealError, match="at least one"):
        sealed_batch([])


def test_a_lot_without_an_entry_is_not_sealed() -> None:
    with pytest.raises(SealError, match="not in the products file"):
        seal_batch(intake(serials(1)), products(product(lot="OTHER")), lambda _: pytest.fail("signed"), REGISTRY_ID)


def test_progress_ends_at_the_total() -> None:
    told: list[int] = []
    seal_batch(intake(serials(3)), products(), sign, REGISTRY_ID, random=steady("x"), progress=told.append)
    assert told == [3]

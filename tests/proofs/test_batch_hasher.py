"""The hashes of a batch are those of the protocol."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from registry.proofs import encoding
from registry.proofs.batch_hasher import BatchHasher, leaf
from registry.proofs.encoding import Row
from registry.units.records import Record

TEXT = st.text("ABCXYZabcxyz0189_-", min_size=1, max_size=20)
WORD = st.binary(min_size=32, max_size=32)
GTINS = st.text("0123456789", min_size=14, max_size=14)


@given(registry_id=WORD, salt=WORD, pairs=st.lists(st.tuples(GTINS, TEXT), min_size=1, max_size=5), serial=TEXT)
def test_keys_and_digests_are_those_of_single_units(
    registry_id: bytes, salt: bytes, pairs: list[tuple[str, str]], serial: str
) -> None:
    hasher = BatchHasher(registry_id, salt, pairs)
    for place, (gtin, lot) in enumerate(pairs):
        record = Record(gtin, lot, serial)
        assert hasher.unit_key(place, serial.encode()) == encoding.unit_key(salt, record.id)
        assert hasher.digest(place, serial.encode()) == encoding.RecordHasher(registry_id).digest(record)


@given(index=st.integers(0, 2**32 - 1), key=WORD, digest=WORD, attributes=WORD)
def test_leaves_are_those_of_single_rows(index: int, key: bytes, digest: bytes, attributes: bytes) -> None:
    assert leaf(index, key, digest, attributes) == encoding.leaf(Row(index, key, digest, attributes))

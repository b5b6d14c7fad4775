"""A sealed batch holds every unit once, in order, signed, under one seal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from registry.errors import SealError, SignatureError
from registry.issuing import sealing
from registry.issuing.sealing import SealedBatch, seal_batch
from registry.issuing.stages import Stage
from registry.issuing.workshop import Job
from registry.proofs import crew as crews
from registry.proofs import encoding, manifest, merkle, signing
from registry.units.records import Record
from tests.issuing.samples import (
    GTIN,
    KEY,
    LOT,
    OTHER_GTIN,
    REGISTRY_ID,
    Signer,
    intake,
    product,
    products,
    sealed_batch,
    serials,
    steady,
    tree,
    units,
)
from tests.proofs import tree_files

if TYPE_CHECKING:
    from pathlib import Path

    from registry.issuing.intake import Intake

KNOWN = products(product(), product(lot="L2609B"), product(OTHER_GTIN))
NAMES = ["zz", "colour", "imei", "a_b"]


def seal(taken: Intake, signer: sealing.UnitSigner | None = None, **named: object) -> SealedBatch:
    """Seal with all that tests have in common."""
    options = {"random": steady("x"), **named}
    return seal_batch(taken, KNOWN, signer or Signer(), REGISTRY_ID, taken.spool.folder, **options)  # type: ignore[arg-type]  # options of several types


def mixed(folder: Path, count: int) -> Intake:
    """Return units of several products and lots, with attributes of all lengths and of difficult characters."""
    wanted = []
    for place, serial in enumerate(serials(count)):
        gtin, lot = [(GTIN, LOT), (OTHER_GTIN, LOT), (GTIN, "L2609B")][place % 3]
        values = [(name, f'"\\/ü序 {place}' * (place % 5)) for name in NAMES[: place % (len(NAMES) + 1)]]
        wanted.append((Record(gtin, lot, serial), tuple(sorted((name, value) for name, value in values if value))))
    return intake(folder, wanted)


def test_every_unit_is_in_once_and_signed_by_the_key(tmp_path: Path) -> None:
    batch = sealed_batch(tmp_path, serials(9))
    file = tree(batch)
    file.check()
    hasher = encoding.RecordHasher(REGISTRY_ID)
    assert sorted(unit.record for unit in file.units()) == sorted(Record(GTIN, LOT, serial) for serial in serials(9))
    for row, unit in zip(file.rows(), file.units(), strict=True):
        assert row.unit_key == encoding.unit_key(batch.salt, unit.record.id)
        assert row.digest == hasher.digest(unit.record)
        assert row.attributes_hash == encoding.attributes_hash(unit.attributes)
        assert signing.recover(row.digest, unit.signature) == KEY


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_a_witness_can_replay_it(tmp_path: Path, count: int) -> None:
    batch = sealed_batch(tmp_path, serials(count))
    file = tree(batch)
    ids = [unit.record.id for unit in file.units()]
    merkle.replay(file.rows(), batch.opening, batch.salt, ids, seal=batch.seal, manifest_bytes=batch.manifest)
    assert batch.seal == encoding.seal(batch.opening) == file.seal
    assert (file.header.opening, file.header.salt, file.manifest_bytes) == (batch.opening, batch.salt, batch.manifest)


def test_the_file_is_the_one_that_is_written_the_plain_way(tmp_path: Path) -> None:
    batch = seal(mixed(tmp_path, 200))
    plain = tmp_path / "plain"
    held = [(unit.record, unit.attributes) for unit in tree(batch).units()]
    tree_files.write(plain, held, batch.manifest, batch.salt, Signer().sign_digest)
    assert batch.file.read_bytes() == plain.read_bytes()


def test_the_file_is_the_same_whoever_writes_which_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = seal(mixed(tmp_path, 700), workers=1).file.read_bytes()
    monkeypatch.setattr(crews, "FEW", 0)
    assert seal(mixed(tmp_path, 700), workers=2).file.read_bytes() == alone
    monkeypatch.setattr(sealing, "KEYS_AT_ONCE", 17)
    monkeypatch.setattr(sealing, "SIGNED_AT_ONCE", 5)
    assert seal(mixed(tmp_path, 700), workers=3).file.read_bytes() == alone
    assert seal(mixed(tmp_path, 700), workers=1).file.read_bytes() == alone


def test_a_signer_that_cannot_be_shared_signs_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hsm:
        address = KEY

        def sign_digest(self, digest: bytes) -> bytes:
            return Signer().sign_digest(digest)

    monkeypatch.setattr(crews, "FEW", 0)
    assert seal(mixed(tmp_path, 50), Hsm(), workers=2).file.read_bytes() == seal(mixed(tmp_path, 50)).file.read_bytes()


@pytest.mark.parametrize("workers", [1, 2])
def test_signatures_of_another_key_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    monkeypatch.setattr(crews, "FEW", 0)
    signer = Signer()
    signer.address = "0x000000000000000000000000000000000000dEaD"
    with pytest.raises(SignatureError, match=f"of {KEY}, expected 0x000000000000000000000000000000000000dEaD"):
        seal(mixed(tmp_path, 50), signer, workers=workers)


def test_the_manifest_names_exactly_the_lots_of_the_batch(tmp_path: Path) -> None:
    batch = seal(intake(tmp_path, units(serials(2))), salt=bytes(32), supersedes=b"\1" * 32)
    stated = manifest.read(batch.manifest)
    assert [(entry.gtin, entry.lot) for entry in stated.products] == [(GTIN, LOT)]
    assert stated.product(GTIN, LOT) == product()
    assert (stated.registry_id, stated.supersedes) == (REGISTRY_ID, b"\1" * 32)
    assert stated.salt_hash == encoding.salt_hash(bytes(32))


def test_attributes_are_blinded_anew_for_each_unit(tmp_path: Path) -> None:
    documents = [unit.attributes for unit in tree(sealed_batch(tmp_path, serials(9))).units() if unit.attributes is not None]
    assert len(documents) == len(set(documents)) == 3
    for document in documents:
        members = json.loads(document)
        assert members["colour"] == "red"
        assert len(bytes.fromhex(members["random"])) == 16


def test_attributes_are_canonical_and_those_of_the_file(tmp_path: Path) -> None:
    taken = mixed(tmp_path, 60)
    expected = {unit.record: dict(unit.attributes) for unit in taken.units()}
    for unit in tree(seal(taken)).units():
        members = json.loads(unit.attributes) if unit.attributes is not None else {}
        assert unit.attributes is None or encoding.canonical(members) == unit.attributes
        members.pop("random", None)
        assert members == expected[unit.record]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    one, same, other = (sealed_batch(tmp_path, serials(5), label=label) for label in ("x", "x", "y"))
    assert one.file.read_bytes() == same.file.read_bytes()
    assert one.seal == same.seal != other.seal


def test_without_a_salt_each_seal_is_another(tmp_path: Path) -> None:
    taken = [intake(tmp_path, units(serials(2))) for _ in range(2)]
    one, other = (seal_batch(each, KNOWN, Signer(), REGISTRY_ID, each.spool.folder) for each in taken)
    assert one.salt != other.salt
    assert one.seal != other.seal


def test_a_unit_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SealError, match=f"unit {GTIN}/{serials(1)[0]} is twice in the batch"):
        sealed_batch(tmp_path, [*serials(3), serials(1)[0]])


def test_keys_that_begin_alike_are_ordered_by_the_rest(tmp_path: Path) -> None:
    """No test finds two such units: their keys are written here."""
    taken = intake(tmp_path, units(serials(7)))
    keys = [
        b"\2" * 8 + bytes([9, *range(23)]),
        b"\1" * 32,
        b"\2" * 8 + bytes(24),
        b"\2" * 8 + b"\1" * 24,
        b"\4" * 32,
        b"\3" * 32,
    ]
    keys.append(b"\3" * 31 + b"\2")
    (tmp_path / "keys").write_bytes(b"".join(keys))
    job = Job(
        taken.spool,
        taken.pairs,
        (0,),
        REGISTRY_ID,
        tree(sealed_batch(tmp_path, serials(7))).header,
        tmp_path / "keys",
        tmp_path,
        KEY,
    )
    assert [keys[place] for place in sealing._ordered(job).tolist()] == sorted(keys)


def test_nothing_is_not_sealed(tmp_path: Path) -> None:
    with pytest.raises(SealError, match="at least one"):
        sealed_batch(tmp_path, [])


def test_a_lot_without_an_entry_is_not_sealed(tmp_path: Path) -> None:
    with pytest.raises(SealError, match="not in the products file"):
        seal(intake(tmp_path, units(serials(1), lot="OTHER")))


def test_a_disk_without_room_is_said_before_anything_is_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    monkeypatch.setattr(Signer, "sign_digest", lambda *_: pytest.fail("signed"))
    with pytest.raises(OSError, match="No space left"):
        seal(intake(tmp_path, units(serials(3))))


def test_progress_of_every_stage_ends_at_the_total(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "SIGNED_AT_ONCE", 40)
    told: list[tuple[Stage, int, int]] = []
    seal(intake(tmp_path, units(serials(100))), progress=lambda *what: told.append(what))
    assert [done for stage, done, _ in told if stage is Stage.SIGNING] == [40, 80, 100]
    assert {stage: (done, total) for stage, done, total in told} == dict.fromkeys(
        (Stage.ORDERING, Stage.SIGNING, Stage.GROWING), (100, 100)
    )

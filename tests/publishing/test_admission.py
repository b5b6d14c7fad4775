"""What is admitted is what was computed again; everything else is refused by name, and no fault of ours is a refusal."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from registry.checking.trust import Reason
from registry.errors import StoreUnavailable
from registry.issuing.batches import State as Stored
from registry.proofs import encoding, profile, signing, tree_file
from registry.publishing import admission
from registry.publishing.admission import Admitter
from registry.publishing.refusals import Refusal
from registry.publishing.status import State
from registry.storage.store import Store
from registry.units.records import Record
from tests.publishing import brand
from tests.publishing.brand import (
    CABLE,
    KEY,
    LAMP,
    LOT,
    MANUFACTURER,
    PRIVATE_KEY,
    RIVAL,
    RIVALS,
    RIVALS_KEY,
    RIVALS_PRIVATE_KEY,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from registry.proofs.tree_file import TreeUnit
    from registry.publishing.inbox import Parcel
    from tests.publishing.brand import Made
    from tests.publishing.conftest import Registry


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The registry's store, which knows the brand's profile."""
    with Store.open(f"sqlite:///{tmp_path / 'site.db'}", tmp_path / "trees", create=True) as store:
        store.add_profile(brand.PROFILE)
        yield store


@pytest.fixture
def told() -> list[str]:
    """What the admitter said."""
    return []


@pytest.fixture
def admitter(registry: Registry, store: Store, told: list[str]) -> Admitter:
    return Admitter(registry.inbox, brand.asking(registry.chain), store, brand.REGISTRY_ID, workers=1, tell=told.append)


def hand_in(registry: Registry, made: Made, parcel: bytes | None = None, *, anchor: bool = True) -> Parcel:
    """Put a parcel into the inbox, past the desk: as a web process that is in other hands could."""
    if anchor and registry.chain.batch(made.manufacturer, made.seal, KEY).pending_anchor is None:
        registry.chain.anchor(KEY if made.manufacturer == MANUFACTURER else RIVALS_KEY, made.seal)
    received = registry.inbox.receive(made.offer)
    received.path.write_bytes(made.parcel if parcel is None else parcel)
    return received


def refusal(admitter: Admitter, parcel: Parcel, store: Store) -> str:
    """Return why a parcel is refused; nothing of it is in the store."""
    before = [batch.id for batch in store.batches()]
    assert admitter.run_once() == 0
    status = parcel.status()
    assert status.state is State.REFUSED
    assert status.message
    assert not parcel.path.exists()
    assert [batch.id for batch in store.batches()] == before
    return status.code


# ---------------------------------------------------------------------------------------------------------- what holds


@pytest.mark.parametrize("count", [1, 2, 3, 100])
def test_a_batch_is_admitted_as_its_maker_sealed_it(
    registry: Registry, store: Store, admitter: Admitter, tmp_path: Path, count: int
) -> None:
    made = brand.make(tmp_path, count=count)
    parcel = hand_in(registry, made)
    assert admitter.run_once() == 0
    assert not parcel.folder.exists()
    (batch,) = store.batches()
    assert (batch.manufacturer, batch.key, batch.seal) == (MANUFACTURER, KEY, made.seal)
    assert (batch.state, batch.anchored_block) == (Stored.ANCHORED, registry.chain.height)
    assert (tmp_path / "trees" / made.seal.hex()).read_bytes() == made.path.read_bytes()
    for unit in made.tree.units():
        claimed = store.find(unit.record.id)
        assert claimed is not None
        assert (claimed.lot, claimed.signature, claimed.attributes) == (unit.record.lot, unit.signature, unit.attributes)
        assert (claimed.index, claimed.proof) == (unit.index, made.tree.path(unit.index))


def test_workers_find_the_same(registry: Registry, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several processes, several tasks each; units in attributes, two keys of the manufacturer."""
    other = encoding.keccak256(b"another key of the brand")
    registry.chain.add_key(MANUFACTURER, signing.address_of(other))
    turns = iter(range(10**6))

    def sign(digest: bytes) -> bytes:
        return signing.sign(digest, other if next(turns) % 2 else PRIVATE_KEY)

    made = brand.make(tmp_path, count=700, sign=sign)
    monkeypatch.setattr(admission, "AT_ONCE", 64)
    monkeypatch.setattr(admission, "hands", lambda _count, _wanted: 2)
    hand_in(registry, made)
    Admitter(registry.inbox, brand.asking(registry.chain), store, brand.REGISTRY_ID).run_once()
    assert (tmp_path / "trees" / made.seal.hex()).read_bytes() == made.path.read_bytes()


def test_a_final_anchor_is_noted_at_once_and_another_later(
    registry: Registry, store: Store, admitter: Admitter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = brand.make(tmp_path, "first"), brand.make(tmp_path, "second")
    registry.chain.anchor(KEY, first.seal)
    registry.chain.finalize()
    hand_in(registry, first, anchor=False)
    hand_in(registry, second)
    admitter.run_once()
    assert [batch.state for batch in store.batches()] == [Stored.FINAL, Stored.ANCHORED]
    registry.chain.finalize()
    monkeypatch.setattr(admitter, "_tidy_at", 0.0)
    admitter.run_once()
    assert [batch.state for batch in store.batches()] == [Stored.FINAL, Stored.FINAL]


def test_a_withdrawn_batch_is_admitted(registry: Registry, store: Store, admitter: Admitter, tmp_path: Path) -> None:
    made = brand.make(tmp_path)
    parcel = hand_in(registry, made)
    registry.chain.withdraw_batch(KEY, made.seal, Reason.RECALLED)
    admitter.run_once()
    assert not parcel.folder.exists()
    assert store.batch(made.seal) is not None


def test_profiles_are_admitted_before_batches(registry: Registry, store: Store, admitter: Admitter, tmp_path: Path) -> None:
    newer = brand.a_profile("9521001", "9521003")
    digest = profile.profile_hash(newer)
    registry.chain.update_profile(MANUFACTURER, digest, "https://larch.example/profile.json")
    gtin = brand.gtin("0952100300001")
    made = brand.make(tmp_path, records=[Record(gtin, LOT, "A1")])
    hand_in(registry, made)
    registry.inbox.add_profile(digest, MANUFACTURER, newer)
    registry.inbox.add_profile(profile.profile_hash(b"{}"), MANUFACTURER, b"{}")
    registry.inbox.add_profile(digest, RIVAL, newer)
    admitter.run_once()
    assert store.batch(made.seal) is not None
    assert registry.inbox.profiles() == []
    assert store.profile(digest) == newer
    assert store.profile(profile.profile_hash(b"{}")) is None


def test_a_profile_that_comes_after_the_look_for_profiles(
    registry: Registry, store: Store, admitter: Admitter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes before its batch, and both while the admitter is at work."""
    newer = brand.a_profile("9521001", "9521003")
    digest = profile.profile_hash(newer)
    registry.chain.update_profile(MANUFACTURER, digest, "https://larch.example/profile.json")
    made = brand.make(tmp_path)
    registry.chain.anchor(KEY, made.seal)
    listed = registry.inbox.parcels

    def come() -> list[Parcel]:
        monkeypatch.undo()
        registry.inbox.add_profile(digest, MANUFACTURER, newer)
        hand_in(registry, made)
        return listed()

    monkeypatch.setattr(admitter, "_tidy_at", 10.0**10)
    monkeypatch.setattr(registry.inbox, "parcels", come)
    assert admitter.run_once() == 0
    assert store.batch(made.seal) is not None


# ------------------------------------------------------------------------------------------------------ what does not


def test_a_cut_or_changed_parcel(registry: Registry, store: Store, admitter: Admitter, tmp_path: Path) -> None:
    """Every byte of it counts: of the header, of the manifest, of a unit, of the attributes."""
    made = brand.make(tmp_path)
    whole = made.parcel
    for place in (0, 100, 300, made.header.units_at + 5, made.header.attributes_at, len(whole) - 1):
        changed = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        assert refusal(admitter, hand_in(registry, made, changed), store) == Refusal.DAMAGED_PARCEL
    cut = hand_in(registry, made, whole[:-1])
    admitter.run_once()
    assert cut.status().state is State.RECEIVING
    longer = hand_in(registry, made, whole + b"x")
    admitter.run_once()
    assert longer.status().state is State.RECEIVING


def resealed(made: Made, change: Callable[[bytearray], object]) -> tuple[Made, bytes]:
    """Return a parcel that its sender changed, with the checksum that it has then; the seal is the same."""
    parcel = bytearray(made.parcel)
    change(parcel)
    changed = replace(made.header, parcel_checksum=hashlib.sha256(parcel[tree_file.HEADER.size :]).digest())
    return replace(made, header=changed), tree_file.write_header(changed) + bytes(parcel[tree_file.HEADER.size :])


def unit_at(made: Made, rank: int) -> int:
    return made.header.units_at + tree_file.UNIT.size * rank


def swap(made: Made, one: int, other: int) -> Callable[[bytearray], None]:
    def change(parcel: bytearray) -> None:
        size = tree_file.UNIT.size
        first, second = unit_at(made, one), unit_at(made, other)
        parcel[first : first + size], parcel[second : second + size] = (
            parcel[second : second + size], parcel[first : first + size],
        )  # fmt: skip

    return change


def write(place: int, data: bytes) -> Callable[[bytearray], None]:
    def change(parcel: bytearray) -> None:
        parcel[place : place + len(data)] = data

    return change


SIGNATURE_AT = tree_file.UNIT.size - 64
SERIAL_AT = 6


CHANGES: dict[str, tuple[Callable[[Made], Callable[[bytearray], None]], Refusal]] = {
    "two units swapped": (lambda made: swap(made, 3, 4), Refusal.WRONG_ORDER),
    "a unit twice": (
        lambda made: write(unit_at(made, 4), made.parcel[unit_at(made, 3) : unit_at(made, 4)]), Refusal.WRONG_ORDER,
    ),
    "one signature of nobody": (
        lambda made: write(unit_at(made, 7) + SIGNATURE_AT, signing.sign(b"d" * 32, PRIVATE_KEY)), Refusal.WRONG_SIGNATURE,
    ),
    "one signature of another unit": (
        lambda made: write(unit_at(made, 7) + SIGNATURE_AT, made.tree.unit(6).signature), Refusal.WRONG_SIGNATURE,
    ),
    "one signature of zeros": (lambda made: write(unit_at(made, 9) + SIGNATURE_AT, bytes(64)), Refusal.WRONG_SIGNATURE),
    "a signature with a high s": (
        lambda made: write(unit_at(made, 0) + SIGNATURE_AT + 32, b"\x7f" + b"\xff" * 31), Refusal.WRONG_SIGNATURE,
    ),
    "a serial with a space": (lambda made: write(unit_at(made, 2) + SERIAL_AT, b"a b"), Refusal.MALFORMED_PARCEL),
    "no serial": (lambda made: write(unit_at(made, 2) + SERIAL_AT, bytes(20)), Refusal.MALFORMED_PARCEL),
    "a serial after a zero": (lambda made: write(unit_at(made, 2) + SERIAL_AT + 19, b"x"), Refusal.MALFORMED_PARCEL),
    "a product beyond the manifest": (lambda made: write(unit_at(made, 2), b"\xff\xff"), Refusal.MALFORMED_PARCEL),
    "attributes beyond the file": (lambda made: write(unit_at(made, 2) + 2, b"\xff" * 4), Refusal.MALFORMED_PARCEL),
    "attributes backwards": (lambda made: write(unit_at(made, 9) + 2, bytes(4)), Refusal.MALFORMED_PARCEL),
    "attributes that are no document": (lambda made: write(made.header.attributes_at, b"["), Refusal.WRONG_ATTRIBUTES),
    "another colour": (lambda made: write(made.header.nodes_at - 3, b"D"), Refusal.WRONG_TREE),
    "a manifest that is another": (lambda _: write(tree_file.HEADER.size + 5, b"X"), Refusal.WRONG_MANIFEST),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_sender_changed(registry: Registry, store: Store, admitter: Admitter, tmp_path: Path, name: str) -> None:
    """The header's checksums fit, the seal is on the chain, and one thing in the parcel is another."""
    made = brand.make(tmp_path)
    change, expected = CHANGES[name]
    changed, parcel = resealed(made, change(made))
    assert refusal(admitter, hand_in(registry, changed, parcel), store) == expected
    hand_in(registry, made)
    admitter.run_once()
    assert store.batch(made.seal) is not None


def test_a_unit_with_another_serial(registry: Registry, store: Store, admitter: Admitter, tmp_path: Path) -> None:
    """Signed by the manufacturer's own key, in the right place, and not what was sealed."""
    made = brand.make(tmp_path, count=1)
    unit = made.tree.unit(0)
    other = Record(unit.record.gtin, unit.record.lot, "OTHER")
    signature = signing.sign(encoding.RecordHasher(brand.REGISTRY_ID).digest(other), PRIVATE_KEY)

    def change(parcel: bytearray) -> None:
        place = unit_at(made, 0)
        parcel[place + SERIAL_AT : place + SIGNATURE_AT + 64] = b"OTHER".ljust(20, b"\0") + signature

    changed, parcel = resealed(made, change)
    assert refusal(admitter, hand_in(registry, changed, parcel), store) == Refusal.WRONG_TREE


def test_another_salt(registry: Registry, store: Store, admitter: Admitter, tmp_path: Path) -> None:
    made = brand.replace_header(brand.make(tmp_path), salt=b"x" * 32)
    parcel = tree_file.write_header(made.header) + made.parcel[tree_file.HEADER.size :]
    assert refusal(admitter, hand_in(registry, made, parcel), store) == Refusal.WRONG_SALT


def test_a_checksum_of_other_nodes(registry: Registry, store: Store, admitter: Admitter, tmp_path: Path) -> None:
    made = brand.replace_header(brand.make(tmp_path), nodes_checksum=b"x" * 32)
    parcel = tree_file.write_header(made.header) + made.parcel[tree_file.HEADER.size :]
    assert refusal(admitter, hand_in(registry, made, parcel), store) == Refusal.WRONG_TREE


DISHONEST: dict[str, tuple[dict[str, Any], Refusal]] = {
    "a manifest of another registry": ({"registry_id": b"o" * 32}, Refusal.WRONG_REGISTRY),
    "a manifest of another salt": ({"committed_salt": b"o" * 32}, Refusal.WRONG_SALT),
    "a GTIN of another brand": ({"records": [Record(LAMP, LOT, "A1"), Record(RIVALS, LOT, "A2")]}, Refusal.GTIN_NOT_CLAIMED),
    "a GTIN without its check digit": ({"records": [Record(LAMP[:-1] + "0", LOT, "A1")]}, Refusal.WRONG_MANIFEST),
    "a lot that no link can carry": ({"records": [Record(LAMP, "A/B", "A1")]}, Refusal.WRONG_MANIFEST),
    "two units that read alike": (
        {"records": [Record(LAMP, LOT, one) for one in ("LOT10", "B", "L0T1O")]},
        Refusal.UNITS_ALIKE,
    ),
    "attributes with a space": ({"attributes": lambda _: b'{"a": "b"}'}, Refusal.WRONG_ATTRIBUTES),
    "attributes that are a list": ({"attributes": lambda _: b"[]"}, Refusal.WRONG_ATTRIBUTES),
    "attributes that are deep": ({"attributes": lambda _: b"[" * 100 + b"]" * 100}, Refusal.WRONG_ATTRIBUTES),
    "units signed by another brand": ({"sign": RIVALS_PRIVATE_KEY}, Refusal.WRONG_SIGNATURE),
    "units signed by nobody": ({"sign": b"n" * 32}, Refusal.WRONG_SIGNATURE),
    "units out of order": ({"change": lambda units: _ranked(units[::-1])}, Refusal.WRONG_ORDER),
    "ranks out of order": ({"change": lambda units: [units[0], *reversed(units[1:])]}, Refusal.WRONG_ORDER),
    "ranks that are others": (
        {"change": lambda units: [replace(one, index=one.index + 1) for one in units]},
        Refusal.WRONG_TREE,
    ),
}


def _ranked(units: Sequence[TreeUnit]) -> list[TreeUnit]:
    return [replace(unit, index=rank) for rank, unit in enumerate(units)]


@pytest.mark.parametrize("name", DISHONEST)
def test_what_a_manufacturer_sealed_wrongly(
    registry: Registry, store: Store, admitter: Admitter, tmp_path: Path, name: str
) -> None:
    """Its seal is on the chain, the file is its own, and the batch should never have been sealed so."""
    changes, expected = DISHONEST[name]
    made = brand.make(tmp_path, **changes)
    assert refusal(admitter, hand_in(registry, made), store) == expected


def test_the_key_that_was_offered_signed_nothing(registry: Registry, store: Store, admitter: Admitter, tmp_path: Path) -> None:
    other = encoding.keccak256(b"another key of the brand")
    registry.chain.add_key(MANUFACTURER, signing.address_of(other))
    made = brand.make(tmp_path, sign=other)
    assert refusal(admitter, hand_in(registry, made), store) == Refusal.WRONG_SIGNATURE


def test_not_anchored(registry: Registry, store: Store, admitter: Admitter, tmp_path: Path) -> None:
    """A reorganisation may take an anchor back between offer and admission."""
    parcel = hand_in(registry, brand.make(tmp_path), anchor=False)
    assert refusal(admitter, parcel, store) == Refusal.NOT_ANCHORED


def test_suspended_meanwhile(registry: Registry, store: Store, admitter: Admitter, tmp_path: Path) -> None:
    parcel = hand_in(registry, brand.make(tmp_path))
    registry.chain.set_suspended(MANUFACTURER, suspended=True)
    assert refusal(admitter, parcel, store) == Refusal.SUSPENDED


def test_a_rival_cannot_hand_in_what_it_copied(registry: Registry, store: Store, admitter: Admitter, tmp_path: Path) -> None:
    """Seals are public, so a rival can anchor ours; the signatures in it stay ours."""
    theirs = replace(brand.make(tmp_path), manufacturer=RIVAL, key=RIVALS_KEY)
    store.add_profile(brand.a_profile("9521002"))
    assert refusal(admitter, hand_in(registry, theirs), store) == Refusal.GTIN_NOT_CLAIMED
    claims_all = brand.a_profile("9521001", "9521002")
    store.add_profile(claims_all)
    registry.chain.update_profile(RIVAL, profile.profile_hash(claims_all), "https://rival.example/profile.json")
    again = replace(brand.make(tmp_path, "again"), manufacturer=RIVAL, key=RIVALS_KEY)
    assert refusal(admitter, hand_in(registry, again), store) == Refusal.WRONG_SIGNATURE


@pytest.mark.parametrize("serial", ["first-00003", "FIRST-OOOO3", "first00003"])
def test_a_unit_of_another_batch(registry: Registry, store: Store, admitter: Admitter, tmp_path: Path, serial: str) -> None:
    """The same number, or one that reads like it."""
    hand_in(registry, brand.make(tmp_path, "first"))
    admitter.run_once()
    second = brand.make(tmp_path, "second", records=[Record(LAMP, LOT, serial), Record(LAMP, LOT, "new")])
    parcel = hand_in(registry, second)
    assert refusal(admitter, parcel, store) == Refusal.UNIT_REGISTERED
    assert serial in parcel.status().message
    other_product = brand.make(tmp_path, "third", records=[Record(CABLE, LOT, serial)])
    hand_in(registry, other_product)
    admitter.run_once()
    assert store.batch(other_product.seal) is not None


def test_a_profile_that_was_lost(registry: Registry, admitter: Admitter, tmp_path: Path, store: Store) -> None:
    newer = brand.a_profile("9521001", "9521003")
    registry.chain.update_profile(MANUFACTURER, profile.profile_hash(newer), "https://larch.example/profile.json")
    parcel = hand_in(registry, brand.make(tmp_path))
    assert refusal(admitter, parcel, store) == Refusal.PROFILE_MISSING


# -------------------------------------------------------------------------------------------------------- could not ask


def waiting(admitter: Admitter, parcel: Parcel) -> str:
    """Return what a parcel waits for."""
    assert admitter.run_once() == 1
    status = parcel.status()
    assert status.state is State.CHECKING
    assert parcel.is_complete
    return status.code


def test_a_silent_chain_keeps_the_parcel(registry: Registry, store: Store, admitter: Admitter, tmp_path: Path) -> None:
    made = brand.make(tmp_path)
    parcel = hand_in(registry, made)
    registry.chain.be_silent()
    assert waiting(admitter, parcel) == "chain_unavailable"
    registry.chain.fault = None
    assert admitter.run_once() == 0
    assert store.batch(made.seal) is not None


@pytest.mark.parametrize(
    ("method", "error", "expected"),
    [
        ("add_batch", StoreUnavailable("the database is gone"), "store_unavailable"),
        ("workroom", OSError(28, "No space left on device"), "store_unavailable"),
        ("profile", ZeroDivisionError(), "unexpected"),
    ],
)
def test_a_fault_of_ours_keeps_the_parcel(  # noqa: PLR0917  # three parameters, five parts
    registry: Registry, store: Store, admitter: Admitter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    method: str, error: Exception, expected: str,
) -> None:  # fmt: skip
    made = brand.make(tmp_path)
    parcel = hand_in(registry, made)
    other = brand.make(tmp_path, "other")

    def fail(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as planted:
        planted.setattr(store, method, fail)
        assert waiting(admitter, parcel) == expected
    hand_in(registry, other)
    assert admitter.run_once() == 0
    assert {batch.seal for batch in store.batches()} == {made.seal, other.seal}


def test_a_store_that_is_at_work_is_waited_for(registry: Registry, store: Store, admitter: Admitter, tmp_path: Path) -> None:
    parcel = hand_in(registry, brand.make(tmp_path))
    with store.exclusive():
        assert waiting(admitter, parcel) == "store_unavailable"
    assert admitter.run_once() == 0


def test_killed_after_the_store_had_it(
    registry: Registry, store: Store, admitter: Admitter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next admitter finds the batch, notes its anchor and clears the inbox."""
    made = brand.make(tmp_path)
    parcel = hand_in(registry, made)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as planted:
        planted.setattr(store, "mark_anchored", die)
        with pytest.raises(KeyboardInterrupt):
            admitter.run_once()
    assert parcel.folder.exists()
    assert admitter.run_once() == 0
    assert not parcel.folder.exists()
    (batch,) = store.batches()
    assert (batch.state, batch.anchored_block is None) == (Stored.ANCHORED, False)


def test_a_parcel_with_a_damaged_offer_keeps_nobody_out(
    registry: Registry, store: Store, admitter: Admitter, tmp_path: Path
) -> None:
    parcel = hand_in(registry, brand.make(tmp_path))
    (parcel.folder / "offer").write_bytes(b"{")
    made = brand.make(tmp_path, "other")
    hand_in(registry, made)
    admitter.run_once()
    assert store.batch(made.seal) is not None


def test_an_admitter_says_what_it_did(registry: Registry, admitter: Admitter, tmp_path: Path, told: list[str]) -> None:
    made = brand.make(tmp_path)
    hand_in(registry, made)
    admitter.run_once()
    assert len(told) == 1
    assert told[0].startswith(f"0x{made.seal.hex()}: admitted, 10 units in ")

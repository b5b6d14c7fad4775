"""What a store promises, whatever its engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text

from registry.errors import AlreadyRegistered, StoreDamaged, StoreError, StoreUnavailable
from registry.issuing.batches import State
from registry.proofs import encoding, merkle
from registry.storage import catalogue, index, schema
from registry.storage.store import Store
from registry.units.records import Record, UnitId
from registry.units.serials import fold
from tests.issuing.samples import GTIN, KEY, LOT, OTHER_GTIN, REGISTRY_ID, sealed_batch, serials, tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry.issuing.sealing import SealedBatch
    from registry.proofs.tree_file import TreeFile


class StoreConformance:
    """Subclasses give the fixture `url`: an empty database."""

    @pytest.fixture
    def trees(self, tmp_path: Path) -> Path:
        """Give a folder for trees that is not there yet."""
        return tmp_path / "trees"

    @pytest.fixture
    def store(self, url: str, trees: Path) -> Iterator[Store]:
        """Give an empty store, open to write."""
        with Store.open(url, trees, create=True) as store:
            yield store

    @pytest.fixture
    def batch(self, tmp_path: Path) -> SealedBatch:
        """Give a batch of seven units."""
        return sealed_batch(tmp_path, serials(7))

    @pytest.fixture
    def written(self, batch: SealedBatch) -> TreeFile:
        """Give that batch's file as it was written."""
        return tree(batch)

    @pytest.fixture
    def batch_id(self, store: Store, batch: SealedBatch, written: TreeFile) -> int:
        """Store that batch."""
        assert written.whole
        return store.add_batch(batch, manufacturer=1, run="first", key=KEY)

    def execute(self, url: str, *statements: str, **values: object) -> None:
        """Change the database behind the store's back."""
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement), values)
        engine.dispose()

    # ------------------------------------------------------------------------------------------------------- what is kept

    @pytest.mark.parametrize("count", [1, 2, 3, 8])
    def test_every_unit_is_found_with_a_path_to_its_seal(self, store: Store, count: int, tmp_path: Path) -> None:
        """What is found of a unit hashes up to the seal of its batch."""
        batch = sealed_batch(tmp_path, serials(count))
        written = tree(batch)
        store.add_batch(batch, manufacturer=1, run="first", key=KEY)
        for serial in serials(count):
            found = store.find(UnitId(GTIN, serial))
            assert found is not None
            digest = encoding.RecordHasher(REGISTRY_ID).digest(Record(found.gtin, found.lot, found.serial))
            key = encoding.unit_key(found.batch.salt, UnitId(found.gtin, found.serial))
            row = encoding.Row(found.index, key, digest, encoding.attributes_hash(found.attributes))
            assert merkle.climb(encoding.leaf(row), found.proof) == found.batch.root
            assert found.signature == written.unit(found.index).signature
            assert found.attributes == written.unit(found.index).attributes
            assert (found.batch.manufacturer, found.batch.seal, found.batch.unit_count) == (1, batch.seal, count)
            assert found.batch.manifest == batch.manifest

    @pytest.mark.parametrize(
        "unit",
        [
            UnitId(GTIN, "NOT-THERE"),
            UnitId(OTHER_GTIN, serials(1)[0]),
            UnitId(GTIN, serials(1)[0].lower()),
            UnitId(GTIN, serials(1)[0] + "\0"),
            UnitId(GTIN, ""),
            UnitId(GTIN, "A" * 10_000),
            UnitId(GTIN, "\ud800"),
            UnitId("序", "列"),
        ],
    )
    def test_what_is_not_there_is_nothing(self, store: Store, batch_id: int, unit: UnitId) -> None:
        """An identity that is not registered byte for byte is not found, and nothing is raised."""
        assert batch_id
        assert store.find(unit) is None

    def test_labels_come_in_order_of_the_rows(self, store: Store, written: TreeFile, batch_id: int) -> None:
        """Labels of a batch are its units in the order of their rows, from the first or from any on."""
        expected = [(unit.record, unit.signature, unit.index) for unit in written.units()]
        assert list(store.labels(batch_id)) == expected
        assert list(store.labels(batch_id, 3)) == expected[3:]
        assert list(store.labels(batch_id + 1)) == []

    def test_a_batch_of_many_parts_is_all_there(self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """However many statements a batch is written by, each of its units is found, and counted once."""
        monkeypatch.setattr(index, "AT_ONCE", 10)
        monkeypatch.setattr(index, "READ_AT_ONCE", 7)
        mixed = [serial if place % 2 else f"{serial[:8]}-{serial[8:].lower()}" for place, serial in enumerate(serials(33))]
        told: list[int] = []
        sealed = sealed_batch(tmp_path, mixed)
        batch_id = store.add_batch(sealed, manufacturer=1, run="first", key=KEY, progress=told.append)
        assert told == [10, 20, 30, 33]
        assert store.count_units(batch_id) == 33
        for serial in mixed:
            assert store.find(UnitId(GTIN, serial)) is not None
            assert store.find_typed(fold(serial), GTIN) == (UnitId(GTIN, serial),)

    def test_rows_and_paths_come_back(self, store: Store, batch: SealedBatch, written: TreeFile, batch_id: int) -> None:
        """The tree that is read is the tree that was written."""
        rows = tuple(written.rows())
        assert tuple(store.rows(batch_id)) == rows
        nodes = merkle.build([encoding.leaf(row) for row in rows])
        assert [store.tree(batch.seal).path(row.index) for row in rows] == [
            merkle.path(nodes, row.index, len(rows)) for row in rows
        ]

    def test_a_batch_comes_back_by_run_by_seal_and_by_number(self, store: Store, batch: SealedBatch, batch_id: int) -> None:
        """A batch is found by its run, its seal and its number, with all that was given."""
        found = store.batch_by_run(1, "first")
        assert found is not None
        assert found == store.batch(batch.seal) == store.batch_by_id(batch_id)
        assert (found.id, found.manufacturer, found.run, found.key) == (batch_id, 1, "first", KEY)
        assert (found.seal, found.root, found.unit_count) == (batch.seal, batch.opening.root, 7)
        assert (found.manifest, found.salt, found.fingerprint) == (batch.manifest, batch.salt, batch.fingerprint)
        assert (found.state, found.raw_transaction, found.anchored_block) == (State.SEALED, None, None)
        assert store.batch_by_run(2, "first") is None
        assert store.batch(bytes(32)) is store.batch(b"short") is store.batch_by_id(0) is None
        assert store.batches() == store.batches(1) == store.batches(state=State.SEALED) == (found,)
        assert store.batches(2) == store.batches(state=State.FINAL) == ()

    def test_what_was_stored_is_there_when_opened_again(self, url: str, trees: Path, batch: SealedBatch) -> None:
        """A store that is closed and opened to read has all that was put into it, and its file is where it belongs."""
        with Store.open(url, trees, create=True) as store:
            store.add_batch(batch, manufacturer=1, run="first", key=KEY)
        with Store.open(url, trees) as store:
            assert store.find(UnitId(GTIN, serials(1)[0])) is not None
        assert not batch.file.exists()
        assert (trees / batch.seal.hex()).stat().st_mode & 0o777 == 0o644

    def test_profiles_are_kept_by_hash(self, store: Store) -> None:
        """A profile is found by its hash, stored twice it is stored once."""
        digest = store.add_profile(b'{"a":"b"}')
        assert store.add_profile(b'{"a":"b"}') == digest
        assert store.profile(digest) == b'{"a":"b"}'
        assert store.profile(bytes(32)) is None

    def test_a_damaged_profile_is_mended_by_adding_it_again(self, url: str, store: Store) -> None:
        """Adding a profile whose stored body was changed puts the right body back."""
        digest = store.add_profile(b'{"a":"b"}')
        self.execute(url, "UPDATE profiles SET body = :body", body=b"{}")
        assert store.profile(digest) == b"{}"
        store.add_profile(b'{"a":"b"}')
        assert store.profile(digest) == b'{"a":"b"}'

    def test_typed_serials_are_found_by_how_they_read(self, store: Store, tmp_path: Path) -> None:
        """A serial as it reads after repair finds the unit under its GTIN, or every unit that reads so."""
        store.add_batch(sealed_batch(tmp_path, ["AB-1O"]), manufacturer=1, run="one", key=KEY)
        store.add_batch(sealed_batch(tmp_path, ["ab10"], gtin=OTHER_GTIN), manufacturer=2, run="two", key=KEY)
        assert store.find_typed(fold("AB1O"), GTIN) == (UnitId(GTIN, "AB-1O"),)
        assert store.find_typed(fold("AB1O")) == (UnitId(GTIN, "AB-1O"), UnitId(OTHER_GTIN, "ab10"))
        assert store.find_typed(fold("NONE")) == ()
        assert store.find_typed("") == store.find_typed("\0", GTIN) == store.find_typed("\ud800") == ()

    # ----------------------------------------------------------------------------------------------- what is refused

    def test_a_product_is_known_once_a_batch_of_it_is_anchored(
        self, store: Store, batch_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And a unit of it is found, in a store that had looked before."""
        monkeypatch.setattr(catalogue, "LOOK_EVERY", 0.0)
        assert not store.has_product(GTIN)
        assert list(store.units_of(GTIN)) == []
        store.mark_anchored(batch_id, 5, 1_700_000_000)
        assert store.has_product(GTIN)
        (found,) = store.units_of(GTIN)
        assert found in {UnitId(GTIN, serial) for serial in serials(7)}
        other = sealed_batch(tmp_path, serials(3, start=50), gtin=OTHER_GTIN, label="other")
        other_id = store.add_batch(other, manufacturer=1, run="other", key=KEY)
        assert not store.has_product(OTHER_GTIN)
        store.mark_anchored(other_id, 6, 1_700_000_012)
        assert store.has_product(OTHER_GTIN)
        assert not store.has_product("09521003000015")

    def test_unknown_products_are_not_looked_for_at_any_rate(
        self, store: Store, batch_id: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not again at once: whoever asks for numbers that nobody has must not have the database read each time."""
        now = 100.0
        monkeypatch.setattr(catalogue, "monotonic", lambda: now)
        assert not store.has_product(GTIN)
        store.mark_anchored(batch_id, 5, 1_700_000_000)
        assert not store.has_product(GTIN)
        now += catalogue.LOOK_EVERY
        assert store.has_product(GTIN)

    def test_a_product_of_a_database_that_was_put_back_is_looked_for_anew(
        self, url: str, store: Store, batch_id: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With fewer batches in it than the one before, what was known of that one is forgotten."""
        monkeypatch.setattr(catalogue, "LOOK_EVERY", 0.0)
        store.mark_anchored(batch_id, 5, 1_700_000_000)
        assert store.has_product(GTIN)
        self.execute(url, "DELETE FROM units", "DELETE FROM batches")
        assert not store.has_product(OTHER_GTIN)
        assert not store.has_product(GTIN)

    def test_a_unit_of_another_batch_is_refused_by_name(
        self, store: Store, batch: SealedBatch, batch_id: int, tmp_path: Path
    ) -> None:
        """Every unit that is registered is named with the batch it is in, and nothing of the new batch is stored."""
        twice = [*serials(2), *serials(5, start=100), serials(3)[2].lower()]
        with pytest.raises(AlreadyRegistered, match="3 of 8 units") as caught:
            store.add_batch(sealed_batch(tmp_path, twice, label="other"), manufacturer=2, run="second", key=KEY)
        named = " ".join(caught.value.conflicts)
        assert len(caught.value.conflicts) == 3
        for serial in twice[:2]:
            assert f"{GTIN}/{serial} is in batch {batch_id} (seal 0x{batch.seal.hex()})" in named
        assert f"{GTIN}/{twice[-1]} reads like {serials(3)[2]} in batch {batch_id}" in named
        assert len(store.batches()) == 1
        assert store.find(UnitId(GTIN, twice[3])) is None

    def test_conflicts_come_in_the_order_asked(self, store: Store, batch_id: int) -> None:
        """Units in the way are told before anything is signed, in the order of the file."""
        asked = [*serials(900, start=200), *reversed(serials(7))]
        found = store.conflicts(GTIN, asked)
        assert [conflict.unit for conflict in found] == [UnitId(GTIN, serial) for serial in asked[-7:]]
        assert {conflict.batch_id for conflict in found} == {batch_id}
        assert store.conflicts(GTIN, []) == store.conflicts(OTHER_GTIN, serials(1)) == []

    def test_the_same_run_or_seal_is_refused(self, store: Store, batch: SealedBatch, batch_id: int, tmp_path: Path) -> None:
        """A run registers one batch, and a seal is stored once."""
        with pytest.raises(AlreadyRegistered, match=f"run 'first' of manufacturer 1 is batch {batch_id}"):
            store.add_batch(sealed_batch(tmp_path, serials(2, start=50)), manufacturer=1, run="first", key=KEY)
        with pytest.raises(AlreadyRegistered, match=f"is batch {batch_id} already"):
            store.add_batch(sealed_batch(tmp_path, serials(7)), manufacturer=1, run="second", key=KEY)
        assert len(store.batches()) == 1
        assert store.find(UnitId(GTIN, serials(1)[0])) is not None
        assert store.batch(batch.seal) is not None

    def test_without_room_for_the_tree_nothing_is_stored(self, store: Store, batch: SealedBatch, trees: Path) -> None:
        """A batch whose tree file cannot be written is not in the database either."""
        for path in trees.iterdir():
            path.unlink()
        trees.rmdir()
        with pytest.raises(StoreUnavailable, match="cannot be written"):
            store.add_batch(batch, manufacturer=1, run="first", key=KEY)
        assert store.batches() == ()

    def test_a_file_without_its_batch_goes_with_the_next_registration(
        self, *, store: Store, batch: SealedBatch, batch_id: int, trees: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As a program leaves it that is killed before the commit; a batch that was committed keeps its file."""

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("registry.storage.trees.sync_folder", killed)
            with pytest.raises(KeyboardInterrupt):
                store.add_batch(sealed_batch(tmp_path, serials(3, start=50)), manufacturer=1, run="second", key=KEY)
        (trees / f".placed-{batch.seal.hex()}").touch()
        assert len(store.census().strange) == 1
        with store.exclusive():
            pass
        assert store.census().strange == ()
        assert {path.name for path in trees.iterdir()} == {".lock", batch.seal.hex()}
        assert [found.id for found in store.batches()] == [batch_id]

    def test_a_store_opened_to_read_does_not_write(self, url: str, trees: Path, batch: SealedBatch, store: Store) -> None:
        """Whoever opens a store without `create` cannot change it."""
        assert store.batches() == ()
        with Store.open(url, trees) as reading:
            with pytest.raises(StoreError, match=r"read.?only"):
                reading.add_batch(batch, manufacturer=1, run="first", key=KEY)
            with pytest.raises(StoreError, match=r"read.?only"):
                reading.add_profile(b"{}")
            assert reading.batches() == ()

    def test_readers_are_not_kept_by_a_writer(
        self, *, url: str, trees: Path, store: Store, batch_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """While a batch is written everything that was there is read, and nothing of the new one until all of it is."""
        monkeypatch.setattr(index, "AT_ONCE", 5)
        new = serials(23, start=50)
        batch = sealed_batch(tmp_path, new, label="new")
        with Store.open(url, trees) as reading:
            seen = []

            def look(written: int) -> None:
                found = [reading.find(UnitId(GTIN, serial)) is not None for serial in (serials(1)[0], new[0], new[-1])]
                seen.append((written, *found, len(reading.batches())))

            store.add_batch(batch, manufacturer=1, run="second", key=KEY, progress=look)
            assert seen == [(written, True, False, False, 1) for written in (5, 10, 15, 20, 23)]
            assert reading.find(UnitId(GTIN, new[-1])) is not None
        assert batch_id

    def test_one_registration_holds_the_store(self, url: str, trees: Path, store: Store) -> None:
        """While one registration works, another is refused; afterwards it is not."""
        with Store.open(url, trees, create=True) as other:
            with store.exclusive(), pytest.raises(StoreUnavailable, match="another registration"), other.exclusive():
                pass
            with other.exclusive():
                pass

    # --------------------------------------------------------------------------------------------------------- states

    def test_a_batch_goes_through_its_states(self, store: Store, batch_id: int) -> None:
        """Each step on the way to the chain is kept with its facts."""
        store.mark_submitted(batch_id, b"raw", b"\1" * 32)
        store.mark_submitted(batch_id, b"raw again", b"\2" * 32)
        store.mark_anchored(batch_id, 17, 1_790_000_000)
        found = store.batch_by_id(batch_id)
        assert found is not None
        assert (found.state, found.raw_transaction, found.transaction_hash) == (State.ANCHORED, b"raw again", b"\2" * 32)
        assert (found.anchored_block, found.anchored_at) == (17, 1_790_000_000)
        store.mark_final(batch_id)
        store.mark_final(batch_id)
        found = store.batch_by_id(batch_id)
        assert found is not None
        assert found.state is State.FINAL

    def test_a_batch_does_not_go_back(self, store: Store, batch_id: int) -> None:
        """A final batch cannot be submitted or anchored again, and one that is not anchored cannot be final."""
        with pytest.raises(StoreError, match="is sealed, expected anchored or final"):
            store.mark_final(batch_id)
        store.mark_anchored(batch_id, 17, 1_790_000_000, b"\3" * 32)
        store.mark_final(batch_id)
        with pytest.raises(StoreError, match="is final"):
            store.mark_submitted(batch_id, b"raw", b"\1" * 32)
        with pytest.raises(StoreError, match="is final"):
            store.mark_anchored(batch_id, 18, 1_790_000_001)
        with pytest.raises(StoreError, match="no batch 99"):
            store.mark_final(99)

    # --------------------------------------------------------------------------------------------------------- damage

    def test_a_lost_tree_is_damage(self, store: Store, batch: SealedBatch, batch_id: int, trees: Path) -> None:
        """Without its tree a unit is not found as if nothing were wrong."""
        (trees / batch.seal.hex()).unlink()
        with pytest.raises(StoreDamaged, match="no tree file"):
            store.find(UnitId(GTIN, serials(1)[0]))
        with pytest.raises(StoreDamaged, match="no tree file"):
            list(store.rows(batch_id))

    def test_a_tree_that_is_brought_back_is_read_again(
        self, store: Store, batch: SealedBatch, batch_id: int, trees: Path
    ) -> None:
        """A damaged file that was opened is not held on to when the right one lies in its place."""
        assert batch_id
        file, unit = trees / batch.seal.hex(), UnitId(GTIN, serials(1)[0])
        whole = file.read_bytes()
        found = store.find(unit)
        file.write_bytes(whole[:100])
        with pytest.raises(StoreDamaged):
            store.find(unit)
        file.write_bytes(whole)
        assert store.find(unit) == found

    def test_an_index_outside_the_tree_is_damage(self, url: str, store: Store, written: TreeFile, batch_id: int) -> None:
        """A rank that is not below the count is damage, and so is one that leads to another unit."""
        unit = written.unit(6).record.id
        for rank, named in ((7, "index 7"), (5, "another unit"), (2**31, "index")):
            self.execute(url, "UPDATE units SET row_index = :rank WHERE folded = :folded", rank=rank, folded=fold(unit.serial))
            with pytest.raises(StoreDamaged, match=named):
                store.find(unit)
        assert batch_id

    def test_a_batch_that_is_gone_is_damage(self, url: str, store: Store, batch_id: int) -> None:
        """A unit whose batch is not there is damage, not "no record"."""
        self.execute(url, "UPDATE units SET batch_id = :id", id=batch_id + 1)
        with pytest.raises(StoreDamaged, match="not there"):
            store.find(UnitId(GTIN, serials(1)[0]))

    def test_a_batch_that_was_put_back_otherwise_is_read_anew(
        self, url: str, store: Store, batch_id: int, tmp_path: Path
    ) -> None:
        """What is remembered of a batch gives way when the database says something else by now."""
        unit = UnitId(GTIN, serials(1)[0])
        before = store.find(unit)
        other = store.add_batch(sealed_batch(tmp_path, serials(3, start=50)), manufacturer=1, run="other", key=KEY)
        assert store.find(UnitId(GTIN, serials(1, start=50)[0])) is not None
        self.execute(
            url,
            "UPDATE units SET batch_id = :other + 99 WHERE batch_id = :id",
            "UPDATE units SET batch_id = :id WHERE batch_id = :other",
            "UPDATE units SET batch_id = :other WHERE batch_id = :other + 99",
            "UPDATE batches SET id = :other + 99 WHERE id = :id",
            "UPDATE batches SET id = :id WHERE id = :other",
            "UPDATE batches SET id = :other WHERE id = :other + 99",
            other=other,
            id=batch_id,
        )
        assert store.find(unit) == before

    @pytest.mark.parametrize(
        ("column", "constraint", "value"),
        [("salt", "ck_batches_salt_length", b"\1" * 33), ("root", None, b""), ("manifest", None, b"\1" * (4 * 2**20 + 1))],
    )
    @pytest.mark.usefixtures("batch_id")
    def test_a_value_of_the_wrong_shape_is_damage(
        self, url: str, store: Store, *, column: str, constraint: str | None, value: object
    ) -> None:
        """A stored value of the wrong length is damage, whatever let it in."""
        self.execute(url, *self.without(constraint, "batches"), f"UPDATE batches SET {column} = :value", value=value)
        with pytest.raises(StoreDamaged):
            store.find(UnitId(GTIN, serials(1)[0]))

    def without(self, constraint: str | None, table: str) -> list[str]:
        """Return the statements that take a constraint away."""
        return [f"ALTER TABLE {table} DROP CONSTRAINT {constraint}"] if constraint else []

    def test_missing_tables_are_damage_to_a_running_program(self, url: str, store: Store, batch_id: int) -> None:
        """A table that vanishes under a running program is damage, not an empty answer."""
        assert batch_id
        self.execute(url, "DROP TABLE units")
        with pytest.raises(StoreDamaged):
            store.find(UnitId(GTIN, "A"))

    # -------------------------------------------------------------------------------------------------------- opening

    def test_without_tables_it_does_not_open_to_read(self, url: str, trees: Path) -> None:
        """A database without our tables is refused with a hint, and nothing is made."""
        with pytest.raises(StoreUnavailable) as caught:
            Store.open(url, trees)
        assert caught.value.hint
        assert not trees.exists()

    def test_another_revision_does_not_open(self, url: str, trees: Path, store: Store) -> None:
        """Tables of another revision than the program's are refused with both named."""
        assert store.batches() == ()
        self.execute(url, "UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(StoreUnavailable, match=f"revision 9999, expected {schema.HEAD}"):
            Store.open(url, trees)

    def test_lots_are_kept(self, store: Store, batch_id: int) -> None:
        """A unit's lot is the lot that was signed."""
        found = store.find(UnitId(GTIN, serials(1)[0]))
        assert batch_id
        assert found is not None
        assert found.lot == LOT

"""Old tree files elsewhere: moved whole, read by ranges, and never taken for something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from registry.errors import InputError, StoreDamaged, StoreUnavailable, TreeMissing
from registry.storage.store import Store
from registry.storage.trees import locked
from registry.units.records import UnitId
from tests.issuing.samples import GTIN, KEY, sealed_batch, serials
from tests.storage.object_store import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry.issuing.sealing import SealedBatch

UNITS = [UnitId(GTIN, serial) for serial in serials(5)]


@pytest.fixture
def batch(tmp_path: Path) -> SealedBatch:
    """Give a sealed batch of five."""
    return sealed_batch(tmp_path, serials(5))


@pytest.fixture
def store(tmp_path: Path, sqlite_url: str, batch: SealedBatch) -> Iterator[Store]:
    """Give a store that holds that batch and knows no archive."""
    with Store.open(sqlite_url, tmp_path / "trees", create=True) as store:
        store.add_batch(batch, manufacturer=1, run="first", key=KEY)
        yield store


def test_an_archived_batch_is_found_as_before(store: Store, batch: SealedBatch, sqlite_url: str, tmp_path: Path) -> None:
    """From a folder and over HTTP, every unit is found with the same signature, attributes and path."""
    before = [store.find(unit) for unit in UNITS]
    assert store.archive(batch.seal, tmp_path / "archive")
    assert not store.archive(batch.seal, tmp_path / "archive")
    assert [path.name for path in (tmp_path / "archive").iterdir() if path.name != ".lock"] == [batch.seal.hex()]
    assert not (tmp_path / "trees" / batch.seal.hex()).exists()
    with pytest.raises(TreeMissing):
        store.find(UNITS[0])
    with serving(tmp_path / "archive") as server:
        for place in (str(tmp_path / "archive"), server.address, f"{server.address}/"):
            with Store.open(sqlite_url, tmp_path / "trees", archive=place) as reading:
                assert [reading.find(unit) for unit in UNITS] == before
                assert len(list(reading.labels(1))) == 5
                reading.check_tree(batch.seal)
                assert reading.census().archived == 1
                assert reading.census().missing == ()
        assert server.asked > 10


def test_a_copy_that_was_cut_short_is_made_again(store: Store, batch: SealedBatch, tmp_path: Path) -> None:
    """What a killed move left in the archive is replaced; the original goes only when the copy is whole."""
    archive = tmp_path / "archive"
    archive.mkdir()
    (archive / batch.seal.hex()).write_bytes(b"half")
    assert store.archive(batch.seal, archive)
    assert (archive / batch.seal.hex()).stat().st_size > 1000


def test_the_folder_of_the_trees_is_no_archive(store: Store, batch: SealedBatch, tmp_path: Path) -> None:
    """Moved to where it is, under whatever name of the folder, a file would be gone."""
    (tmp_path / "other name").symlink_to(tmp_path / "trees")
    for name in ("trees", "other name"):
        with pytest.raises(InputError, match="expected another"):
            store.archive(batch.seal, tmp_path / name)
    assert store.find(UNITS[0]) is not None


def test_one_move_works_in_an_archive_and_tidies_it(store: Store, batch: SealedBatch, tmp_path: Path) -> None:
    """What a killed move left there goes with the next one; while one works, another is refused."""
    archive = tmp_path / "archive"
    archive.mkdir()
    (archive / ".writing-abc").write_bytes(b"half")
    with locked(archive / ".lock", "busy"), pytest.raises(StoreUnavailable, match="another move"):
        store.archive(batch.seal, archive)
    assert store.find(UNITS[0]) is not None
    assert store.archive(batch.seal, archive)
    assert sorted(path.name for path in archive.iterdir()) == [".lock", batch.seal.hex()]


def test_a_damaged_file_is_not_archived(store: Store, batch: SealedBatch, tmp_path: Path) -> None:
    """A file that does not hold is named and stays where it is."""
    file = tmp_path / "trees" / batch.seal.hex()
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(StoreDamaged, match="checksum"):
        store.archive(batch.seal, tmp_path / "archive")
    assert file.exists()


@pytest.mark.parametrize("fault", ["no ranges", "error", "short", "other range", "grown"])
def test_an_archive_that_answers_wrongly_could_not_be_asked(
    store: Store, batch: SealedBatch, sqlite_url: str, tmp_path: Path, fault: str
) -> None:
    """Whatever an object store does, it is "could not ask": no record is found, and none is called missing."""
    store.archive(batch.seal, tmp_path / "archive")
    with serving(tmp_path / "archive") as server, Store.open(sqlite_url, tmp_path / "trees", archive=server.address) as reading:
        before = reading.find(UNITS[0])
        server.fault = fault
        with pytest.raises(StoreUnavailable):
            reading.find(UNITS[1])
        server.fault = ""
        assert reading.find(UNITS[0]) == before


def test_an_archive_that_is_away_could_not_be_asked(store: Store, batch: SealedBatch, sqlite_url: str, tmp_path: Path) -> None:
    """Nobody at the address is unavailable; an archive without the file is damage."""
    store.archive(batch.seal, tmp_path / "archive")
    nobody = Store.open(sqlite_url, tmp_path / "trees", archive="http://127.0.0.1:9/trees")
    with nobody as reading, pytest.raises(StoreUnavailable, match="archive"):
        reading.find(UNITS[0])
    (tmp_path / "empty").mkdir()
    with serving(tmp_path / "empty") as server:
        for place in (str(tmp_path / "empty"), server.address):
            with Store.open(sqlite_url, tmp_path / "trees", archive=place) as reading, pytest.raises(TreeMissing):
                reading.find(UNITS[0])


def test_a_census_names_what_is_missing_and_what_is_strange(store: Store, batch: SealedBatch, tmp_path: Path) -> None:
    """Batches, units and bytes are counted; a lost file and one that belongs to nothing are named."""
    found = store.census()
    assert (found.batches, found.units, found.manufacturers) == ({"sealed": 1}, {"sealed": 5}, {1: (1, 5)})
    assert (found.tree_files, found.archived, found.missing, found.strange) == (1, 0, (), ())
    assert found.tree_bytes == (tmp_path / "trees" / batch.seal.hex()).stat().st_size
    assert found.database_bytes > 4096
    (tmp_path / "trees" / batch.seal.hex()).rename(tmp_path / "trees" / "lost")
    found = store.census()
    assert (found.missing, found.strange, found.tree_files) == ((batch.seal.hex(),), ("lost",), 0)

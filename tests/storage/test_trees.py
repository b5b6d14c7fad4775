"""The folder of tree files: what is opened is the file of that seal, whole, or it is damage."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from registry.errors import DocumentError, StoreDamaged, StoreUnavailable
from registry.proofs import encoding, merkle
from registry.proofs.tree_file import HEADER, FileSource, TreeFile
from registry.storage import trees as trees_module
from registry.storage.trees import LOOK_EVERY, Trees
from tests.issuing.samples import sealed_batch, serials

if TYPE_CHECKING:
    from pathlib import Path

    from registry.issuing.sealing import SealedBatch


@pytest.fixture
def batch(tmp_path: Path) -> SealedBatch:
    """Give a sealed batch of five."""
    return sealed_batch(tmp_path, serials(5))


@pytest.fixture
def trees(tmp_path: Path, batch: SealedBatch) -> Trees:
    """Give a folder that holds that batch's file."""
    folder = tmp_path / "trees"
    folder.mkdir()
    trees = Trees(folder)
    trees.place(batch.file, batch.seal)
    trees.keep(batch.seal)
    return trees


def test_a_tree_is_named_by_its_seal(trees: Trees, batch: SealedBatch) -> None:
    """The folder holds one file, named by the seal in hex, and nothing left over from writing it."""
    assert [path.name for path in trees.folder.iterdir()] == [batch.seal.hex()]
    tree = trees.open(batch.seal)
    tree.check()
    nodes = merkle.build([encoding.leaf(row) for row in tree.rows()])
    for index in range(5):
        assert tree.path(index) == merkle.path(nodes, index, 5)


def test_an_opened_file_is_used_again_while_it_lies_there(trees: Trees, batch: SealedBatch) -> None:
    """A second look opens nothing; another file of the name is opened, and a lost one is damage."""
    first = trees.open(batch.seal)
    assert trees.open(batch.seal) is first
    path = trees.path_of(batch.seal)
    whole = path.read_bytes()
    path.unlink()
    assert trees.open(batch.seal) is first
    trees.look_again()
    with pytest.raises(StoreDamaged, match="no tree file"):
        trees.open(batch.seal)
    path.write_bytes(whole)
    assert trees.open(batch.seal) is not first


def test_a_look_at_a_file_is_good_for_a_second(trees: Trees, batch: SealedBatch, monkeypatch: pytest.MonkeyPatch) -> None:
    """After it, a file that was taken away is missed by itself."""
    now = 100.0
    monkeypatch.setattr("registry.storage.trees.monotonic", lambda: now)
    first = trees.open(batch.seal)
    trees.path_of(batch.seal).unlink()
    now += LOOK_EVERY - 0.1
    assert trees.open(batch.seal) is first
    now += 0.2
    with pytest.raises(StoreDamaged, match="no tree file"):
        trees.open(batch.seal)


def test_every_header_byte_changed_is_damage(trees: Trees, batch: SealedBatch) -> None:
    """A change of any byte of the header is noticed when the file is opened; one anywhere else by a check of the whole."""
    path = trees.path_of(batch.seal)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        if place < HEADER.size:
            with pytest.raises(StoreDamaged):
                trees.open(batch.seal)
        else:
            with pytest.raises(DocumentError):
                trees.open(batch.seal).check()


def test_every_length_but_the_right_one_is_damage(trees: Trees, batch: SealedBatch) -> None:
    """A file cut short anywhere, a parcel without nodes, or one with something behind it, is damage."""
    path = trees.path_of(batch.seal)
    whole = path.read_bytes()
    parcel = TreeFile(FileSource(path)).header.nodes_at
    for changed in [*(whole[:size] for size in range(0, len(whole), 7)), whole[:parcel], whole + b"\0"]:
        path.write_bytes(changed)
        with pytest.raises(StoreDamaged):
            trees.open(batch.seal)


def test_a_file_cut_while_it_is_open_is_damage(trees: Trees, batch: SealedBatch) -> None:
    """A file that gets shorter while it is read is damage, and nothing dies of it."""
    tree = trees.open(batch.seal)
    assert tree.path(0)
    os.truncate(trees.path_of(batch.seal), HEADER.size + 10)
    with pytest.raises(DocumentError, match="bytes early"):
        tree.unit(4)


def test_a_tree_of_another_batch_is_damage(trees: Trees, batch: SealedBatch) -> None:
    """A whole file under the name of another seal is damage."""
    path = trees.path_of(batch.seal)
    path.rename(trees.folder / bytes(32).hex())
    with pytest.raises(StoreDamaged, match="another one"):
        trees.open(bytes(32))


def test_a_folder_in_place_of_a_tree_could_not_be_asked(trees: Trees) -> None:
    """What cannot be read is unavailable; what is not there is damage."""
    with pytest.raises(StoreDamaged, match="no tree file"):
        trees.open(bytes(32))
    (trees.folder / bytes(32).hex()).mkdir()
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        trees.open(bytes(32)).check()


def test_a_failed_write_leaves_nothing(tmp_path: Path, batch: SealedBatch) -> None:
    """Where a file cannot have its place, nothing is there."""
    missing = Trees(tmp_path / "missing")
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        missing.place(batch.file, batch.seal)
    with pytest.raises(StoreUnavailable, match="no work"), missing.workroom():
        pass


def test_a_workroom_goes_with_its_work(trees: Trees) -> None:
    """What was left in a workroom goes, and what a killed program left is swept; trees stay."""
    with trees.workroom() as room:
        (room / "half").write_bytes(b"half")
        assert room.parent == trees.folder
    before = list(trees.folder.iterdir())
    (trees.folder / ".writing-abc").write_bytes(b"half")
    (trees.folder / ".writing-def").mkdir()
    (trees.folder / ".writing-def" / "half").write_bytes(b"half")
    trees.sweep(lambda _: False)
    assert list(trees.folder.iterdir()) == before


def test_a_file_whose_batch_was_not_stored_loses_its_place(trees: Trees, batch: SealedBatch, tmp_path: Path) -> None:
    """If its note says that this was open; one without a note stays, because its batch may be lost and come back."""
    other = sealed_batch(tmp_path, serials(4, start=50), label="other")
    trees.place(other.file, other.seal)
    (trees.folder / ".placed-of nothing").touch()
    trees.sweep(lambda seal: seal == other.seal)
    names = {".placed-of nothing", batch.seal.hex(), other.seal.hex()}
    assert {path.name for path in trees.folder.iterdir()} == names
    (trees.folder / f".placed-{other.seal.hex()}").touch()
    trees.sweep(lambda _: False)
    assert {path.name for path in trees.folder.iterdir()} == names - {other.seal.hex()}


def test_many_files_are_read_by_many_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are closed to make room for others are read to the end by whoever still holds them."""
    monkeypatch.setattr(trees_module, "OPEN_AT_ONCE", 2)
    folder = tmp_path / "many"
    folder.mkdir()
    trees = Trees(folder)
    seals = []
    for number in range(6):
        batch = sealed_batch(tmp_path, serials(4, start=10 * number), label=str(number))
        trees.place(batch.file, batch.seal)
        seals.append(batch.seal)
    faults: list[BaseException] = []

    def read(first: int) -> None:
        try:
            for turn in range(300):
                tree = trees.open(seals[(first + turn) % len(seals)])
                assert merkle.climb(b"\0" * 32, tree.path(turn % 4))
                assert tree.unit(turn % 4).index == turn % 4
        except BaseException as error:  # noqa: BLE001 -- whatever it is, the test names it
            faults.append(error)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []

"""Tree files are whole, or they are damage."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import StoreDamaged, StoreUnavailable
from registry.proofs import merkle
from registry.storage.trees import HEADER, Trees, sibling_places
from tests.issuing.samples import sealed_batch, serials

if TYPE_CHECKING:
    from pathlib import Path

BATCH = sealed_batch(serials(5))
ROOT = BATCH.opening.root


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    """Give a folder that holds the tree of a batch of five."""
    trees = Trees(tmp_path)
    trees.write(BATCH.seal, ROOT, BATCH.rows, BATCH.nodes)
    return trees


def test_a_tree_is_named_by_its_seal(trees: Trees) -> None:
    """The folder holds one file, named by the seal in hex, and nothing left over from writing it."""
    assert [path.name for path in trees.folder.iterdir()] == [BATCH.seal.hex()]
    assert trees.path_of(BATCH.seal).stat().st_size == HEADER.size + 5 * 96 + 9 * 32


@pytest.mark.parametrize("index", range(5))
def test_a_path_is_the_one_of_the_tree(trees: Trees, index: int) -> None:
    """The path read from the file is the one that the tree gives."""
    assert trees.proof(BATCH.seal, ROOT, 5, index) == merkle.path(BATCH.nodes, index, 5)


@given(st.integers(1, 2**32 - 1).flatmap(lambda count: st.tuples(st.integers(0, count - 1), st.just(count))))
def test_a_path_is_never_longer_than_allowed(index_and_count: tuple[int, int]) -> None:
    """For every size of a batch a path stays inside the tree and within the longest that a verifier accepts."""
    index, count = index_and_count
    places = list(sibling_places(index, count))
    assert len(places) <= merkle.max_path(count)
    assert all(0 < place < 2 * count - 1 for place in places)


def test_rows_and_nodes_come_back(trees: Trees) -> None:
    """What was written is read."""
    assert tuple(trees.rows(BATCH.seal, ROOT, 5)) == BATCH.rows
    assert trees.nodes(BATCH.seal, ROOT, 5) == BATCH.nodes


def test_every_byte_changed_is_damage(trees: Trees) -> None:
    """A change of any byte is noticed when the whole file is read; one in the header also when a path is."""
    path = trees.path_of(BATCH.seal)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(StoreDamaged):
            trees.rows(BATCH.seal, ROOT, 5)
        if place < HEADER.size:
            with pytest.raises(StoreDamaged):
                trees.proof(BATCH.seal, ROOT, 5, 0)


def test_every_length_but_the_right_one_is_damage(trees: Trees) -> None:
    """A file cut short anywhere, or with something behind it, is damage."""
    path = trees.path_of(BATCH.seal)
    whole = path.read_bytes()
    for changed in [*(whole[:size] for size in range(0, len(whole), 7)), whole + b"\0"]:
        path.write_bytes(changed)
        with pytest.raises(StoreDamaged):
            trees.proof(BATCH.seal, ROOT, 5, 0)
        with pytest.raises(StoreDamaged):
            trees.nodes(BATCH.seal, ROOT, 5)


def test_a_file_cut_while_it_is_read_is_damage(trees: Trees, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that gets shorter after its size was checked is damage, and nothing dies of it."""
    whole = trees.path_of(BATCH.seal).stat()
    os.truncate(trees.path_of(BATCH.seal), HEADER.size + 10)
    monkeypatch.setattr(os, "fstat", lambda _: whole)
    with pytest.raises(StoreDamaged, match="bytes early"):
        trees.proof(BATCH.seal, ROOT, 5, 0)


def test_a_tree_of_another_batch_is_damage(trees: Trees) -> None:
    """A file whose root or count is not the batch's is damage."""
    with pytest.raises(StoreDamaged, match="another root"):
        trees.proof(BATCH.seal, bytes(32), 5, 0)
    with pytest.raises(StoreDamaged, match="5 units"):
        trees.proof(BATCH.seal, ROOT, 6, 0)


@pytest.mark.parametrize("index", [-1, 5])
def test_an_index_outside_is_damage(trees: Trees, index: int) -> None:
    """There is no path for a row that is not there."""
    with pytest.raises(StoreDamaged, match="of a batch of 5"):
        trees.proof(BATCH.seal, ROOT, 5, index)


def test_a_folder_in_place_of_a_tree_could_not_be_asked(trees: Trees) -> None:
    """What cannot be read is unavailable; what is not there is damage."""
    with pytest.raises(StoreDamaged, match="no tree file"):
        trees.proof(bytes(32), ROOT, 5, 0)
    (trees.folder / bytes(32).hex()).mkdir()
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        trees.proof(bytes(32), ROOT, 5, 0)


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk refuses, neither a tree nor a part of one stays."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreUnavailable, match="No space left"):
        Trees(tmp_path).write(BATCH.seal, ROOT, BATCH.rows, BATCH.nodes)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_is_swept(trees: Trees) -> None:
    """Unfinished files go, trees stay."""
    (trees.folder / ".writing-abc").write_bytes(b"half")
    trees.sweep()
    assert [path.name for path in trees.folder.iterdir()] == [BATCH.seal.hex()]

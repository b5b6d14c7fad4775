"""Every unit of a batch, and no other, can be shown to be in it; every other unit, and none of it, to be absent."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import MerkleError
from registry.proofs import encoding, merkle
from tests.proofs.batch import Batch, seal

words = st.binary(min_size=32, max_size=32)
BATCH = seal(13)
LOWEST, HIGHEST = bytes(32), b"\xff" * 32


def neighbours_of(batch: Batch, key: bytes) -> list[tuple[encoding.Row, tuple[bytes, ...]]]:
    """Return the rows between which an honest manufacturer shows that a key is absent."""
    before = [row.index for row in batch.rows if row.unit_key < key][-1:]
    after = [row.index for row in batch.rows if row.unit_key > key][:1]
    return [batch.proven(place) for place in (*before, *after)]


def plain_root(leaves: list[bytes]) -> bytes:
    """Return the root of OpenZeppelin's tree, written a second time and differently: by position, from the top."""

    def node(place: int) -> bytes:
        if place >= len(leaves) - 1:
            return leaves[2 * len(leaves) - 2 - place]
        return encoding.keccak256(b"".join(sorted((node(2 * place + 1), node(2 * place + 2)))))

    return node(0)


@given(st.lists(words, min_size=1, max_size=40))
def test_the_tree_has_openzeppelins_shape(leaves: list[bytes]) -> None:
    """The root is that of a tree built the other way round; leaf i is at 2n-2-i."""
    nodes = merkle.build(leaves)
    assert len(nodes) == 32 * (2 * len(leaves) - 1)
    assert merkle.root(nodes) == plain_root(leaves)
    for index, leaf in enumerate(leaves):
        start = 32 * (2 * len(leaves) - 2 - index)
        assert nodes[start : start + 32] == leaf


@given(st.lists(words, min_size=1, max_size=40), st.data())
def test_every_path_leads_to_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    """And none is longer than ceil(log2(n))."""
    index = data.draw(st.integers(0, len(leaves) - 1))
    nodes = merkle.build(leaves)
    path = merkle.path(memoryview(nodes), index, len(leaves))
    assert merkle.climb(leaves[index], path) == merkle.root(nodes)
    assert len(path) <= merkle.max_path(len(leaves)) == math.ceil(math.log2(len(leaves)))


@pytest.mark.parametrize("count", range(1, 34))
def test_every_row_of_a_batch_is_present(count: int) -> None:
    """Whatever the size."""
    batch = seal(count)
    for place in range(count):
        merkle.verify_presence(batch.opening, *batch.proven(place))


@pytest.mark.parametrize("count", range(1, 10))
def test_no_rows_show_that_a_unit_of_the_batch_is_absent(count: int) -> None:
    """No choice of rows, in any order."""
    batch = seal(count)
    proven = [batch.proven(place) for place in range(count)]
    for asked in batch.rows:
        for size in range(4):
            for chosen in combinations(proven, size):
                for neighbours in (chosen, chosen[::-1]):
                    with pytest.raises(MerkleError):
                        merkle.verify_absence(batch.opening, asked.unit_key, neighbours)


@given(st.integers(1, 20), words)
def test_every_other_key_is_absent(count: int, key: bytes) -> None:
    """Two neighbours, or one row at either edge."""
    batch = seal(count)
    merkle.verify_absence(batch.opening, key, neighbours_of(batch, key))


@pytest.mark.parametrize("count", [1, 2, 13])
@pytest.mark.parametrize("key", [LOWEST, HIGHEST])
def test_one_row_is_enough_at_the_edges(count: int, key: bytes) -> None:
    """Before the first row, and after the last."""
    batch = seal(count)
    place = 0 if key == LOWEST else count - 1
    merkle.verify_absence(batch.opening, key, [batch.proven(place)])


@pytest.mark.parametrize(("key", "place"), [(LOWEST, 1), (LOWEST, 12), (HIGHEST, 0), (HIGHEST, 11)])
def test_one_row_elsewhere_shows_nothing(key: bytes, place: int) -> None:
    """Only the first row bounds the batch below, and only the last above."""
    with pytest.raises(MerkleError, match="alone shows no absence"):
        merkle.verify_absence(BATCH.opening, key, [BATCH.proven(place)])


def test_neighbours_come_in_order() -> None:
    """The row before, then the row after."""
    key = (int.from_bytes(BATCH.rows[3].unit_key, "big") + 1).to_bytes(32, "big")
    merkle.verify_absence(BATCH.opening, key, [BATCH.proven(3), BATCH.proven(4)])
    with pytest.raises(MerkleError, match="no neighbours"):
        merkle.verify_absence(BATCH.opening, key, [BATCH.proven(4), BATCH.proven(3)])


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_has_32_bytes(size: int) -> None:
    """A shorter one would be smaller than a longer one with the same start."""
    with pytest.raises(MerkleError, match="unit key"):
        merkle.verify_absence(BATCH.opening, bytes(size), [BATCH.proven(0)])


@given(st.integers(0, 12), st.data())
def test_a_changed_row_is_not_present(place: int, data: st.DataObject) -> None:
    """Index, key, digest and attributes are all bound."""
    row, path = BATCH.proven(place)
    changed = data.draw(
        st.one_of(
            st.builds(replace, st.just(row), index=st.integers(0, 12)),
            st.builds(replace, st.just(row), unit_key=words),
            st.builds(replace, st.just(row), digest=words),
            st.builds(replace, st.just(row), attributes_hash=words),
        ).filter(lambda other: other != row)
    )
    with pytest.raises(MerkleError, match="does not lead to the root"):
        merkle.verify_presence(BATCH.opening, changed, path)


@given(st.integers(0, 12), st.data())
def test_a_changed_path_leads_elsewhere(place: int, data: st.DataObject) -> None:
    """Each hash of it counts, and so does its length."""
    row, path = BATCH.proven(place)
    position = data.draw(st.integers(0, len(path) - 1))
    other = data.draw(words.filter(lambda word: word != path[position]))
    for changed in ((*path[:position], other, *path[position + 1 :]), path[:position] + path[position + 1 :]):
        with pytest.raises(MerkleError, match="does not lead to the root"):
            merkle.verify_presence(BATCH.opening, row, changed)


@pytest.mark.parametrize("index", [-1, 13, 2**32])
def test_an_index_is_below_the_count(index: int) -> None:
    """A row cannot name a rank that the batch does not have."""
    row, path = BATCH.proven(0)
    with pytest.raises(MerkleError, match="expected 0 to 12"):
        merkle.verify_presence(BATCH.opening, replace(row, index=index), path)
    with pytest.raises(MerkleError, match="expected 0 to 12"):
        merkle.path(BATCH.nodes, index, 13)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_hash_of_a_path_has_32_bytes(size: int) -> None:
    """Two hashes at once would make a second way to the root."""
    row, path = BATCH.proven(0)
    with pytest.raises(MerkleError, match="expected 32"):
        merkle.verify_presence(BATCH.opening, row, (bytes(size), *path[1:]))


def test_a_path_is_cut_from_the_tree_that_it_belongs_to() -> None:
    """An array of another size is refused, before a wrong hash is read."""
    for nodes, count in ((BATCH.nodes[:-32], 13), (BATCH.nodes, 12), (BATCH.nodes, 0), (b"", 0)):
        with pytest.raises(MerkleError, match="expected the tree of"):
            merkle.path(nodes, 0, count)


@pytest.mark.parametrize("leaves", [[], [b""], [bytes(32), bytes(31)]])
def test_a_tree_has_leaves_of_32_bytes(leaves: list[bytes]) -> None:
    """And at least one."""
    with pytest.raises(MerkleError):
        merkle.build(leaves)

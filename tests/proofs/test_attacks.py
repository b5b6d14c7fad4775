"""What a dishonest manufacturer, or whoever stands between it and a verifier, may try with a tree.

Attacks that need a chain or a label are tried in tests/chain and tests/checking.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from registry.errors import MerkleError, SealError
from registry.proofs import encoding, manifest, merkle
from registry.proofs.encoding import Opening, Row
from tests.proofs.batch import SALT, Batch, describe, seal, with_index

if TYPE_CHECKING:
    from collections.abc import Callable

FALSE_SALT = encoding.keccak256(b"another salt")


def just_after(key: bytes) -> bytes:
    """Return the next key."""
    return (int.from_bytes(key, "big") + 1).to_bytes(32, "big")


def swapped(rows: list[Row]) -> list[Row]:
    """Exchange two rows and give each the index of its new place: the ranks look right, the keys do not ascend."""
    rows[2], rows[5] = with_index(rows[5], 2), with_index(rows[2], 5)
    return rows


def repeated(rows: list[Row]) -> list[Row]:
    """Seal one unit twice."""
    return [*rows[:4], with_index(rows[3], 4), *(with_index(row, row.index + 1) for row in rows[4:])]


def index_used_twice(rows: list[Row]) -> list[Row]:
    """Give two units the same index."""
    return [*rows[:4], with_index(rows[4], 3), *rows[5:]]


def shuffled_leaves(rows: list[Row]) -> list[Row]:
    """Leave every row right and put the leaves into other places of the tree."""
    return [*rows[1:], rows[0]]


def test_an_honest_batch_replays() -> None:
    """The witness has nothing to object to."""
    for count in (1, 2, 3, 8, 13):
        seal(count).replay()


def test_a_false_salt_is_refused() -> None:
    """With another salt the same tree would be about other serials; the manifest commits the right one."""
    batch = seal(8)
    false = replace(batch, salt=FALSE_SALT)
    with pytest.raises(SealError, match="salt"):
        false.replay()


def test_keys_from_a_salt_that_was_never_committed_are_refused() -> None:
    """The manufacturer commits one salt and derives the keys from another, so that nobody could ever look a serial up."""
    batch = seal(8, salt_of_keys=FALSE_SALT)
    merkle.verify_presence(batch.opening, *batch.proven(0))
    with pytest.raises(MerkleError, match="the key of row 0 is not that of its unit"):
        batch.replay()


def test_another_manifest_is_refused() -> None:
    """A manifest written for the false salt is not the one that the seal commits."""
    batch = seal(8)
    with pytest.raises(SealError, match="not the one that the seal commits"):
        replace(batch, salt=FALSE_SALT, manifest_bytes=describe(FALSE_SALT)).replay()


def test_a_batch_shown_in_place_of_the_sealed_one_is_refused() -> None:
    """The witness attests a seal: an honest tree that is not the one behind it earns nothing."""
    shown, sealed = seal(8), permuted()
    with pytest.raises(SealError, match="do not give the seal"):
        merkle.replay(
            shown.rows,
            shown.opening,
            shown.salt,
            shown.units,
            seal=encoding.seal(sealed.opening),
            manifest_bytes=shown.manifest_bytes,
        )


def test_an_index_used_twice_is_found() -> None:
    """Both rows can be shown to be present: only a replay sees that they share a rank."""
    batch = seal(8, change=index_used_twice)
    for place in (3, 4):
        merkle.verify_presence(batch.opening, *batch.proven(place))
    with pytest.raises(MerkleError, match="rank 4 says index 3"):
        batch.replay()


@pytest.mark.parametrize("claimed", [7, 9, 1000])
def test_a_count_that_lies_is_found(claimed: int) -> None:
    """Too small hides the last rows, too great makes room for more; the rows say how many there are."""
    batch = seal(8, claimed_count=claimed)
    with pytest.raises(MerkleError, match=f"found 8 rows, expected {claimed}"):
        batch.replay()


def test_a_count_that_lies_gives_another_seal() -> None:
    """Nobody else can change the count of a batch that was anchored."""
    batch = seal(8)
    assert encoding.seal(batch.opening) != encoding.seal(replace(batch.opening, unit_count=9))


def test_a_row_hidden_beyond_a_small_count_is_not_present() -> None:
    """What the manufacturer keeps out of the count, it cannot use."""
    batch = seal(8, claimed_count=7)
    with pytest.raises(MerkleError, match="found the index 7"):
        merkle.verify_presence(batch.opening, *batch.proven(7))


@pytest.mark.parametrize("change", [swapped, repeated])
def test_rows_that_do_not_ascend_are_found(change: Callable[[list[Row]], list[Row]]) -> None:
    """Presence does not see it; absence would mean nothing."""
    batch = seal(8, change=change)
    for place in range(len(batch.rows)):
        merkle.verify_presence(batch.opening, *batch.proven(place))
    with pytest.raises(MerkleError, match="does not have a greater key"):
        batch.replay()


def test_leaves_in_other_places_are_found() -> None:
    """The tree must be the one that anybody builds from the rows."""
    dishonest = seal(8, change=shuffled_leaves)
    honest = seal(8)
    in_order = replace(dishonest, rows=honest.rows, units=honest.units)
    with pytest.raises(MerkleError, match="do not give the root"):
        in_order.replay()


def test_a_tree_of_another_shape_is_found() -> None:
    """A chain of nodes instead of a balanced tree: paths lead to its root, but nobody would build it."""
    honest = seal(3)
    leaves = [encoding.leaf(row) for row in honest.rows]
    lopsided = merkle.climb(leaves[2], [leaves[0], leaves[1]])
    batch = replace(honest, opening=replace(honest.opening, root=lopsided))
    merkle.verify_presence(batch.opening, batch.rows[2], [leaves[0], leaves[1]])
    with pytest.raises(MerkleError, match="another shape"):
        batch.replay()


def test_units_kept_from_the_witness_are_missed() -> None:
    """A row without a unit, or a unit without a row."""
    batch = seal(8)
    with pytest.raises(MerkleError, match="the key of row 7 is not that of its unit"):
        replace(batch, units=batch.units[:-1]).replay()
    with pytest.raises(MerkleError, match="more units than rows"):
        replace(batch, units=(*batch.units, batch.units[0])).replay()
    with pytest.raises(MerkleError, match="the key of row 0 is not that of its unit"):
        replace(batch, units=batch.units[::-1]).replay()


def test_an_inner_node_is_no_leaf() -> None:
    """From a node's children a path leads to the root, but no row hashes to a node."""
    batch = seal(4)
    leaves = [encoding.leaf(row) for row in batch.rows]
    path = batch.path(0)
    node = merkle.climb(leaves[0], path[:1])
    assert merkle.climb(node, path[1:]) == batch.opening.root

    left, right = sorted((leaves[0], path[0]))
    claimed = Row(0, left, right, bytes(32))
    with pytest.raises(MerkleError, match="does not lead to the root"):
        merkle.verify_presence(batch.opening, claimed, path[1:])


def test_a_single_hash_of_a_row_is_no_leaf() -> None:
    """The hash is taken twice, and a path that starts at the first of the two leads nowhere."""
    row, path = seal(4).proven(0)
    once = encoding.keccak256(row.index.to_bytes(32, "big") + row.unit_key + row.digest + row.attributes_hash)
    assert merkle.climb(encoding.keccak256(once), path) == seal(4).opening.root
    assert merkle.climb(once, path) != seal(4).opening.root


def test_a_path_that_is_too_long_is_refused() -> None:
    """The manufacturer says 2 units and hides 4 in the tree: rows that it could show or deny as it likes."""
    hidden = seal(4)
    opening = Opening(hidden.opening.root, 2, hidden.opening.manifest_hash)
    for place in (0, 1):
        with pytest.raises(MerkleError, match="2 hashes, expected at most 1"):
            merkle.verify_presence(opening, *hidden.proven(place))


def test_rows_that_are_no_neighbours_show_no_absence() -> None:
    """Between them lies the very unit."""
    batch = seal(8)
    with pytest.raises(MerkleError, match="no neighbours"):
        merkle.verify_absence(batch.opening, batch.rows[3].unit_key, [batch.proven(2), batch.proven(4)])


def test_neighbours_that_do_not_enclose_the_key_show_no_absence() -> None:
    """Consecutive indexes alone say nothing about this key."""
    batch = seal(8)
    with pytest.raises(MerkleError, match="do not enclose"):
        merkle.verify_absence(batch.opening, just_after(batch.rows[5].unit_key), [batch.proven(2), batch.proven(3)])


def permuted() -> Batch:
    """Seal four units of which the second by key has the last index: the first and third then are neighbours by index."""

    def permute(rows: list[Row]) -> list[Row]:
        first, second, third, fourth = rows
        return [first, with_index(third, 1), with_index(fourth, 2), with_index(second, 3)]

    return seal(4, change=permute)


def test_absence_is_no_evidence_until_a_witness_has_replayed_the_tree() -> None:
    """One unit shown both present and absent: a path does not bind the rank, so absence rests on the order of all rows."""
    batch = permuted()
    denied, path = batch.proven(3)
    merkle.verify_presence(batch.opening, denied, path)
    merkle.verify_absence(batch.opening, denied.unit_key, [batch.proven(0), batch.proven(1)])

    with pytest.raises(MerkleError, match="does not have a greater key"):
        batch.replay()


def test_the_seal_binds_root_count_and_manifest() -> None:
    """Changing any of the three gives another seal, which nobody anchored."""
    opening = seal(4).opening
    other = encoding.keccak256(b"other")
    seals = {
        encoding.seal(opening),
        encoding.seal(replace(opening, root=other)),
        encoding.seal(replace(opening, unit_count=5)),
        encoding.seal(replace(opening, manifest_hash=other)),
    }
    assert len(seals) == 4


def test_a_manifest_of_another_batch_does_not_fit() -> None:
    """Names and pictures come from the manifest that the seal commits, so a better one cannot be borrowed."""
    assert manifest.manifest_hash(describe(FALSE_SALT)) != manifest.manifest_hash(describe(SALT))

"""Absence from a tree file: of every unit that is not in it, of none that is, and nothing that a liar can make of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.errors import DocumentError, IdentityError, MerkleError, SealError
from registry.proofs import absence, encoding, manifest
from registry.proofs.tree_file import FileSource, TreeFile
from registry.units.records import Record, UnitId
from tests.proofs import tree_files
from tests.proofs.batch import GTIN, LOT, PRIVATE_KEY, REGISTRY_ID, SALT, describe, seal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from registry.proofs.absence import BatchGap

SERIALS: Final = st.text("abcdefghABCDEFGH0123456789_-", min_size=1, max_size=4)
ASKED: Final = UnitId(GTIN, "asked-2")
"""It lies in the midst of the fixture's batch."""


def write(folder: Path, serials: Iterable[str], salt: bytes = SALT) -> TreeFile:
    """Seal units with these serials."""
    units: list[tree_files.Unit] = [(Record(GTIN, LOT, serial), None) for serial in serials]
    path = folder / "tree"
    tree_files.write(path, units, describe(salt), salt, PRIVATE_KEY)
    return TreeFile(FileSource(path))


@pytest.fixture
def tree(tmp_path: Path) -> TreeFile:
    """A batch of 13."""
    return write(tmp_path, (f"S{number}" for number in range(13)))


def refused(gap: BatchGap, unit: UnitId = ASKED) -> None:
    """See that a gap shows nothing."""
    with pytest.raises((MerkleError, SealError, DocumentError)):
        absence.verify(gap, unit, REGISTRY_ID)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    made=st.sets(SERIALS, min_size=1, max_size=60),
    asked=st.sets(SERIALS, max_size=30),
    salt=st.binary(min_size=32, max_size=32),
)
def test_a_unit_is_absent_just_when_it_was_not_made(tmp_path: Path, made: set[str], asked: set[str], salt: bytes) -> None:
    """Whatever the batch, as a plain set says it; and what shows one absent shows nothing about any unit of the batch."""
    tree = write(tmp_path, made, salt)
    for serial in asked | made:
        unit = UnitId(GTIN, serial)
        if serial in made:
            with pytest.raises(MerkleError, match="is the one that was asked for"):
                absence.find(tree, unit)
            continue
        gap = absence.find(tree, unit)
        absence.verify(gap, unit, REGISTRY_ID)
        for other in made:
            refused(gap, UnitId(GTIN, other))


def test_few_places_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are spread evenly, so that a place is found by where it should be; and where they are not, by halving."""
    tree = write(tmp_path, (f"S{number}" for number in range(2000)))
    looked: list[int] = []
    identity = TreeFile.identity

    def look(self: TreeFile, place: int) -> tuple[str, bytes]:
        looked.append(place)
        return identity(self, place)

    monkeypatch.setattr(TreeFile, "identity", look)
    for number in range(100):
        absence.find(tree, UnitId(GTIN, f"none-{number}"))
    assert len(looked) / 100 < 7
    monkeypatch.setattr(absence, "GUESSES", 0)
    looked.clear()
    for number in range(100):
        absence.find(tree, UnitId(GTIN, f"none-{number}"))
    assert len(looked) / 100 <= 11


@pytest.mark.parametrize("serial", ["é", "全"])
def test_what_no_label_carries_is_refused(tree: TreeFile, serial: str) -> None:
    """It has no key."""
    with pytest.raises(IdentityError):
        absence.find(tree, UnitId(GTIN, serial))


def test_a_batch_of_one_shows_it_by_its_only_row(tmp_path: Path) -> None:
    """Before or after it."""
    tree = write(tmp_path, ["only"])
    for number in range(8):
        gap = absence.find(tree, UnitId(GTIN, f"none-{number}"))
        assert len(gap.neighbours) == 1
        absence.verify(gap, UnitId(GTIN, f"none-{number}"), REGISTRY_ID)
        refused(gap, UnitId(GTIN, "only"))


def test_no_row_is_left_out_or_put_in(tree: TreeFile) -> None:
    """None, the wrong one of two, both exchanged, one twice, three."""
    gap = absence.find(tree, ASKED)
    before, after = gap.neighbours
    for rows in ((), (before,), (after,), (after, before), (before, before), (before, after, after)):
        refused(replace(gap, neighbours=rows))


def test_rows_that_are_no_neighbours_show_nothing(tree: TreeFile) -> None:
    """Also where they enclose the unit."""
    gap = absence.find(tree, ASKED)
    before, after = (one.row.index for one in gap.neighbours)
    for one, other in ((before - 1, after), (before, after + 1), (before - 1, after + 1)):
        rows = tuple(absence.Neighbour(tree.row(tree.unit(place)), tree.path(place)) for place in (one, other))
        refused(replace(gap, neighbours=rows))
    forged = replace(gap.neighbours[1], row=replace(gap.neighbours[1].row, index=before + 2))
    refused(replace(gap, neighbours=(gap.neighbours[0], forged)))


def test_the_rows_of_another_batch_show_nothing(tree: TreeFile, tmp_path: Path) -> None:
    """A gap that another tree has."""
    folder = tmp_path / "other"
    folder.mkdir()
    other = absence.find(write(folder, ["x", "y", "z"]), ASKED)
    gap = absence.find(tree, ASKED)
    refused(replace(gap, neighbours=other.neighbours))
    refused(replace(other, seal=gap.seal))
    refused(replace(gap, root=other.root, unit_count=other.unit_count, neighbours=other.neighbours))


@pytest.mark.parametrize("count", [0, 1, 12, 14, 2**32 - 1])
def test_a_count_that_lies_gives_another_seal(tree: TreeFile, count: int) -> None:
    """So that the last row cannot be claimed to be an earlier one."""
    gap = absence.find(tree, ASKED)
    with pytest.raises(SealError):
        absence.verify(replace(gap, unit_count=count), ASKED, REGISTRY_ID)


def test_a_false_salt_gives_another_key_and_is_refused(tree: TreeFile) -> None:
    """Otherwise any unit could be given a key for which there is a gap."""
    gap = absence.find(tree, ASKED)
    false = encoding.keccak256(b"false")
    with pytest.raises(SealError, match="salt"):
        absence.verify(replace(gap, salt=false), ASKED, REGISTRY_ID)
    refused(replace(gap, salt=false, manifest=describe(false)))


def test_a_manifest_of_another_registry_is_refused(tree: TreeFile) -> None:
    """A batch of one registry says nothing about another."""
    gap = absence.find(tree, ASKED)
    with pytest.raises(SealError, match="another registry"):
        absence.verify(gap, ASKED, encoding.keccak256(b"another registry"))
    with pytest.raises(DocumentError):
        absence.verify(replace(gap, manifest=b"{}"), ASKED, REGISTRY_ID)


def test_each_hash_of_each_row_counts(tree: TreeFile) -> None:
    """Every field, and every sibling."""
    gap = absence.find(tree, ASKED)
    other = encoding.keccak256(b"other")
    for place, one in enumerate(gap.neighbours):
        rows = [replace(one.row, **{name: other}) for name in ("unit_key", "digest", "attributes_hash")]  # type: ignore[arg-type]  # each is 32 bytes
        paths = [(*one.path[:step], other, *one.path[step + 1 :]) for step in range(len(one.path))]
        changed = [*(replace(one, row=row) for row in rows), *(replace(one, path=path) for path in paths)]
        for wrong in changed:
            neighbours = list(gap.neighbours)
            neighbours[place] = wrong
            refused(replace(gap, neighbours=tuple(neighbours)))


def test_an_unordered_tree_shows_a_unit_present_and_absent() -> None:
    """Which is why absence speaks for the manufacturer alone until a witness replayed the tree."""
    dishonest = seal(
        4, change=lambda rows: [replace(row, index=rank) for rank, row in enumerate((rows[0], rows[2], rows[3], rows[1]))]
    )
    hidden = dishonest.units[3]
    gap = absence.BatchGap(
        seal=encoding.seal(dishonest.opening),
        root=dishonest.opening.root,
        unit_count=4,
        manifest=dishonest.manifest_bytes,
        salt=dishonest.salt,
        neighbours=tuple(absence.Neighbour(*dishonest.proven(place)) for place in (0, 1)),
    )
    absence.verify(gap, hidden, REGISTRY_ID)
    with pytest.raises(MerkleError, match="greater key"):
        dishonest.replay()


def test_the_opening_is_what_the_file_says(tree: TreeFile) -> None:
    """Root, count and manifest hash lead to the seal."""
    gap = absence.find(tree, ASKED)
    assert gap.opening == tree.header.opening
    assert manifest.read(gap.manifest).salt_hash == encoding.salt_hash(gap.salt)

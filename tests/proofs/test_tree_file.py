"""The file that holds a batch: what is written comes back, and what is not well-formed is refused."""

from __future__ import annotations

import contextlib
import pickle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import DocumentError, MerkleError, TouchstoneError
from registry.proofs import encoding, merkle, tree_file
from registry.proofs.tree_file import HEADER, UNIT, FileSource, TreeFile
from tests.proofs import batch, tree_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def written(folder: Path, count: int, *, attributes: bool = False) -> tuple[Path, tree_file.Header]:
    path = folder / f"{count}"
    units = [
        (record, encoding.canonical({"colour": "red" * (place % 9)}) if attributes and place % 3 else None)
        for place, record in enumerate(batch.records(count))
    ]
    return path, tree_files.write(path, units, batch.describe(), batch.SALT, batch.PRIVATE_KEY)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 4100])
@pytest.mark.parametrize("attributes", [False, True])
def test_units_rows_and_paths_come_back(tmp_path: Path, count: int, *, attributes: bool) -> None:
    """Every unit read alone is the one read in a stream, and its path leads to the root."""
    path, header = written(tmp_path, count, attributes=attributes)
    tree = TreeFile(FileSource(path))
    tree.check()
    assert tree.header == header
    assert tree.whole
    units = list(tree.units())
    assert [unit.index for unit in units] == list(range(count))
    assert {unit.record for unit in units} == set(batch.records(count))
    nodes = merkle.build([encoding.leaf(row) for row in tree.rows()])
    for index in {0, 1, count // 2, count - 1} & set(range(count)):
        assert tree.unit(index) == units[index]
        assert tree.identity(index) == (units[index].record.gtin, units[index].record.serial.encode())
        assert list(tree.units(index, 3)) == units[index : index + 3]
        merkle.verify_presence(header.opening, tree.row(units[index]), tree.path(index))
        assert tree.path(index) == merkle.path(nodes, index, count)
    assert tree.seal == encoding.seal(header.opening)


def test_another_process_opens_the_file_anew(tmp_path: Path) -> None:
    """What is sent is where the file lies: a descriptor is of no use elsewhere, and closing it there would be a fault."""
    tree = TreeFile(FileSource(written(tmp_path, 3)[0]))
    sent = pickle.loads(pickle.dumps(tree))  # noqa: S301  # our own
    tree.close()
    assert [unit.index for unit in sent.units()] == [0, 1, 2]


def test_rows_are_those_of_a_sealed_batch(tmp_path: Path) -> None:
    """The rows derived from a file are the rows that the same units give in memory."""
    path, _ = written(tmp_path, 25)
    assert tuple(TreeFile(FileSource(path)).rows()) == batch.seal(25).rows


def test_a_parcel_has_units_and_no_path(tmp_path: Path) -> None:
    """What comes before the nodes is readable alone; a path is refused, not guessed."""
    path, header = written(tmp_path, 9, attributes=True)
    parcel = tmp_path / "parcel"
    parcel.write_bytes(path.read_bytes()[: header.nodes_at])
    tree = TreeFile(FileSource(parcel))
    tree.check()
    assert not tree.whole
    assert list(tree.units()) == list(TreeFile(FileSource(path)).units())
    with pytest.raises(DocumentError, match="no nodes"):
        tree.path(0)


def test_an_index_beyond_the_units_is_refused(tmp_path: Path) -> None:
    """A rank that the batch does not have is an error, not another unit."""
    tree = TreeFile(FileSource(written(tmp_path, 4)[0]))
    for wrong in (-1, 4):
        for ask in (tree.unit, tree.identity, tree.path):
            with pytest.raises(MerkleError, match="expected 0 to 3"):
                ask(wrong)


@pytest.mark.parametrize("where", [0, 8, 12, 20, 30, 100, 200, 250])
def test_a_changed_header_is_refused(tmp_path: Path, where: int) -> None:
    """One changed byte of the header is noticed when the file is opened."""
    path, _ = written(tmp_path, 4)
    spoil(path, where)
    with pytest.raises(DocumentError):
        TreeFile(FileSource(path))


def test_a_file_of_another_size_is_refused(tmp_path: Path) -> None:
    """A file that was cut short or added to is neither whole nor a parcel."""
    path, header = written(tmp_path, 4)
    whole = path.read_bytes()
    for cut in (whole[:100], whole[: header.nodes_at - 1], whole[: header.nodes_at + 1], whole[:-1], whole + b"\0"):
        path.write_bytes(cut)
        with pytest.raises(DocumentError):
            TreeFile(FileSource(path))


@pytest.mark.parametrize("section", ["units_at", "attributes_at", "nodes_at"])
def test_check_names_a_damaged_part(tmp_path: Path, section: str) -> None:
    """A byte changed in any part is found by the checksum over it."""
    path, header = written(tmp_path, 7, attributes=True)
    spoil(path, getattr(header, section) + 40)
    with pytest.raises(DocumentError, match="checksum"):
        TreeFile(FileSource(path)).check()


def test_a_changed_manifest_is_refused(tmp_path: Path) -> None:
    """The manifest is never read unless it has the hash that the header names."""
    path, _ = written(tmp_path, 3)
    spoil(path, HEADER.size + 5)
    with pytest.raises(DocumentError, match="hash"):
        list(TreeFile(FileSource(path)).units())


CHANGES: dict[str, Callable[[int, int, bytes, bytes], tuple[int, int, bytes, bytes]]] = {
    "product": lambda _, end, serial, signature: (1, end, serial, signature),
    "attributes end": lambda product, _, serial, signature: (product, 2**31, serial, signature),
    "no serial": lambda product, end, _, signature: (product, end, b"", signature),
    "letters": lambda product, end, _, signature: (product, end, "ü".encode(), signature),
    "zeros inside": lambda product, end, _, signature: (product, end, b"A\0B", signature),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_malformed_unit_is_refused(tmp_path: Path, name: str) -> None:
    """A unit whose fields cannot be what was written is an error, in a stream and alone."""
    path, header = written(tmp_path, 5, attributes=True)
    raw = bytearray(path.read_bytes())
    at = header.units_at + UNIT.size * 2
    raw[at : at + UNIT.size] = UNIT.pack(*CHANGES[name](*UNIT.unpack_from(raw, at)))
    path.write_bytes(raw)
    tree = TreeFile(FileSource(path))
    for ask in (lambda: tree.unit(2), lambda: list(tree.units())):
        with pytest.raises(DocumentError):
            ask()
    if name == "product":
        with pytest.raises(DocumentError, match="no product"):
            tree.identity(2)


@settings(max_examples=60)
@given(data=st.data())
def test_whatever_is_in_a_file_only_our_errors_come_out(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Bytes changed anywhere are read as something well-formed or refused by an error of ours."""
    folder = tmp_path_factory.mktemp("files")
    path, header = written(folder, 6, attributes=True)
    raw = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(HEADER.size, header.size - 1), min_size=1, max_size=8)):
        raw[place] = data.draw(st.integers(0, 255))
    path.write_bytes(raw)
    tree = TreeFile(FileSource(path))
    for ask in (tree.check, lambda: list(tree.units()), lambda: list(tree.rows()), lambda: tree.path(3)):
        with contextlib.suppress(TouchstoneError):
            ask()


def spoil(path: Path, where: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[where] ^= 0x55
    path.write_bytes(raw)

"""The tree that grows in its file is the tree that is built in memory."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import DocumentError
from registry.proofs import growing, merkle
from registry.proofs.crew import Crew
from registry.proofs.tree_file import FileSource, Header, TreeFile
from tests.proofs import batch, chores, tree_files

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = 300
ATTRIBUTES = 70
SMALL = 16
"""Parents of one task, so that little trees take many."""


def leaves(count: int, seed: int = 0) -> list[bytes]:
    return [hashlib.sha256(f"{seed} {number}".encode()).digest() for number in range(count)]


def planted(path: Path, wanted: list[bytes]) -> Header:
    """Write a file that has all but the inner nodes and the header; its leaves come in several parts."""
    header = Header(len(wanted), MANIFEST, ATTRIBUTES, b"s" * 32, bytes(32), b"m" * 32, bytes(32), bytes(32))
    raw = bytearray(b"x" * header.nodes_at + bytes(header.size - header.nodes_at))
    bounds = sorted({0, len(wanted) // 3, len(wanted) // 2, len(wanted)})
    for first, end in pairwise(bounds):
        part = b"".join(reversed(wanted[first:end]))
        start = growing.leaves_at(header, first, end - first)
        raw[start : start + len(part)] = part
    path.write_bytes(raw)
    return header


def grown(path: Path, wanted: list[bytes], crew: Crew[None]) -> bytes:
    """Return the nodes of the file that grew."""
    draft = planted(path, wanted)
    header = growing.grow(path, draft, crew)
    raw = path.read_bytes()
    nodes = raw[header.nodes_at :]
    assert len(raw) == header.size
    assert raw[256 : header.nodes_at] == b"x" * (header.nodes_at - 256)
    assert TreeFile(FileSource(path)).header == header
    assert replace(header, root=bytes(32), parcel_checksum=bytes(32), nodes_checksum=bytes(32)) == draft
    assert header.root == nodes[:32]
    assert header.nodes_checksum == hashlib.sha256(nodes).digest()
    assert header.parcel_checksum == hashlib.sha256(raw[256 : header.nodes_at]).digest()
    return nodes


@pytest.mark.parametrize("at_once", [1, 5, growing.AT_ONCE])
def test_small_trees_of_every_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(growing, "AT_ONCE", at_once)
    with Crew(chores.nothing, workers=1) as crew:
        for count in range(1, 301 if at_once > 1 else 40):
            assert grown(tmp_path / "tree", leaves(count), crew) == merkle.build(leaves(count))


@settings(max_examples=20)
@given(count=st.integers(1, 30_000), seed=st.integers(0, 2**20))
def test_larger_trees_of_any_size(tmp_path_factory: pytest.TempPathFactory, count: int, seed: int) -> None:
    path = tmp_path_factory.getbasetemp() / "tree"
    with Crew(chores.nothing, workers=1) as crew:
        assert grown(path, leaves(count, seed), crew) == merkle.build(leaves(count, seed))


def test_several_workers_grow_the_same_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "AT_ONCE", SMALL)
    with Crew(chores.nothing, workers=3) as crew:
        for count in (1, 2, 1000, 2049):
            assert grown(tmp_path / "tree", leaves(count), crew) == merkle.build(leaves(count))


def test_a_batch_without_its_nodes_grows_to_the_whole_file(tmp_path: Path) -> None:
    """What a receiver of a parcel does, once it has made the leaves."""
    path = tmp_path / "batch"
    units = [(record, None) for record in batch.records(100)]
    header = tree_files.write(path, units, batch.describe(), batch.SALT, batch.PRIVATE_KEY)
    whole = path.read_bytes()
    path.write_bytes(whole[: header.nodes_at] + bytes(32 * 99) + whole[header.nodes_at + 32 * 99 :])
    with Crew(chores.nothing, workers=1) as crew:
        assert growing.grow(path, header, crew) == header
    assert path.read_bytes() == whole


def test_progress_ends_at_the_number_of_inner_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "AT_ONCE", SMALL)
    told: list[int] = []
    with Crew(chores.nothing, workers=1) as crew:
        growing.grow(tmp_path / "tree", planted(tmp_path / "tree", leaves(100)), crew, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 99


@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_that_ends_too_early_is_refused(tmp_path: Path, workers: int) -> None:
    path = tmp_path / "tree"
    draft = planted(path, leaves(100))
    path.write_bytes(path.read_bytes()[:-1])
    with Crew(chores.nothing, workers=workers) as crew, pytest.raises(DocumentError, match="ends 1 bytes early"):
        growing.grow(path, draft, crew)

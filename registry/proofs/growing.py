"""Grows the tree in its file: from leaves that are written in place to nodes, root, checksums and header.

In OpenZeppelin's layout the nodes of a level lie side by side, and so do their children: a worker reads a range of children,
and writes the range of their parents. Nothing is held but the range at hand.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from registry.errors import DocumentError
from registry.proofs import tree_file
from registry.proofs.keccak import keccak256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry.proofs.crew import Crew
    from registry.proofs.tree_file import Header

    Task = tuple[Path, int, int, int]
    """The file, where its nodes begin, the first parent and the one after the last."""

WORD: Final = 32
AT_ONCE: Final = 8192
"""Parents that a worker makes at once."""
CHUNK: Final = 2**20


def grow(path: Path, draft: Header, crew: Crew[Any], *, progress: Callable[[int], None] | None = None) -> Header:
    """Make the nodes above the leaves, then write the header with root and checksums, so that all of it survives a power cut.

    Everything but the inner nodes is in the file already: manifest, units, attributes, leaves. Of the `draft`, root and
    checksums are not looked at; the header that was written is returned. `progress` is told of the inner nodes made so far.
    Raises `DocumentError` if the file ends too early, `OSError`, and what the crew raises.
    """
    made = 0
    for tasks in _levels(path, draft):
        for count in crew.map(_make_parents, tasks):
            made += count
            if progress is not None:
                progress(made)
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        header = replace(
            draft,
            root=read(descriptor, draft.nodes_at, WORD),
            parcel_checksum=_checksum(descriptor, tree_file.HEADER.size, draft.nodes_at),
            nodes_checksum=_checksum(descriptor, draft.nodes_at, draft.size),
        )
        write(descriptor, 0, tree_file.write_header(header))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return header


def leaves_at(header: Header, first: int, count: int) -> int:
    """Return where in the file the leaves of so many ranks from the first on belong, the last of them first."""
    return header.nodes_at + WORD * (2 * header.unit_count - 1 - first - count)


def parents(children: bytes) -> bytes:
    """Return the nodes above a range of nodes, of which each two are siblings."""
    made = []
    for place in range(0, len(children), 2 * WORD):
        left, right = children[place : place + WORD], children[place + WORD : place + 2 * WORD]
        made.append(keccak256(left + right if left < right else right + left))
    return b"".join(made)


def read(descriptor: int, offset: int, size: int) -> bytes:
    """Read exactly so many bytes. Raises `DocumentError` if the file ends before."""
    data = os.pread(descriptor, size, offset)
    while len(data) < size:
        more = os.pread(descriptor, size - len(data), offset + len(data))
        if not more:
            raise DocumentError(f"the tree file ends {size - len(data)} bytes early")
        data += more
    return data


def write(descriptor: int, offset: int, data: bytes) -> None:
    """Write all bytes."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written


def _levels(path: Path, header: Header) -> Iterator[list[Task]]:
    """Yield the tasks of each level with inner nodes, the lowest first."""
    inner = header.unit_count - 1
    for depth in reversed(range(inner.bit_length())):
        first, end = 2**depth - 1, min(2 ** (depth + 1) - 1, inner)
        yield [(path, header.nodes_at, start, min(start + AT_ONCE, end)) for start in range(first, end, AT_ONCE)]


def _make_parents(_: object, task: Task) -> int:
    """Make a range of parents in the file; returns their number."""
    path, nodes_at, first, end = task
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        children = read(descriptor, nodes_at + WORD * (2 * first + 1), 2 * WORD * (end - first))
        write(descriptor, nodes_at + WORD * first, parents(children))
    finally:
        os.close(descriptor)
    return end - first


def _checksum(descriptor: int, start: int, end: int) -> bytes:
    found = hashlib.sha256()
    for offset in range(start, end, CHUNK):
        found.update(read(descriptor, offset, min(CHUNK, end - offset)))
    return found.digest()

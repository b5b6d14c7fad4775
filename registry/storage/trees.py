"""The trees: one file per seal, written once, named by the seal in hex.

Layout, all integers big-endian:

    offset  bytes        what
    0       8            magic `TSTREE` and two zero bytes
    8       4            version, 1
    12      4            unit count n
    16      32           root
    48      32           sha256 of the body (rows and nodes)
    80      16           first half of the sha256 of the 80 bytes before
    96      96 n         rows: unit key, digest, attributes hash, each 32 bytes; the index is the place
    96+96n  32 (2n-1)    nodes: OpenZeppelin's array, root first, leaf i at place 2n-2-i

A file comes into being under another name, is synced and then renamed: there is either the whole tree or none. A path of a
proof is read by `pread`, never through a memory map, because touching a map of a file that was cut short kills the process.
"""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from registry.errors import StoreDamaged, StoreUnavailable
from registry.proofs.encoding import Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MAGIC = b"TSTREE\0\0"
VERSION = 1
HEADER = struct.Struct(">8sII32s32s16s")
WORD = 32
ROW = 3 * WORD
CHUNK = 2**20
ROWS_AT_ONCE = 10_000
UNFINISHED = ".writing-"


class Trees:
    """The folder of tree files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path_of(self, seal: bytes) -> Path:
        """Return where the tree of a seal is or would be."""
        return self.folder / seal.hex()

    def write(self, seal: bytes, root: bytes, rows: Sequence[Row], nodes: bytes) -> None:
        """Write the tree of a seal so that after return it survives a power cut. Raises `StoreUnavailable`."""
        if len(nodes) != WORD * (2 * len(rows) - 1):
            raise ValueError(f"{len(nodes)} bytes of nodes for {len(rows)} rows, expected {WORD * (2 * len(rows) - 1)}")
        try:
            descriptor, name = tempfile.mkstemp(prefix=UNFINISHED, dir=self.folder)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    _write(file, root, rows, nodes)
                    os.fchmod(file.fileno(), 0o644)
                    os.fsync(file.fileno())
                os.replace(name, self.path_of(seal))  # noqa: PTH105 -- the name is a string already
            except BaseException:
                with suppress(OSError):
                    os.unlink(name)  # noqa: PTH108  # the name is a string already
                raise
            _sync_folder(self.folder)
        except OSError as error:
            raise StoreUnavailable(
                f"the tree file of seal {seal.hex()} cannot be written: {error.strerror or error}",
                hint=f"see that {self.folder} exists, is writable and has room",
            ) from error

    def sweep(self) -> None:
        """Remove what a killed writer left behind. Only whoever holds the store's lock may do this."""
        for path in self.folder.glob(f"{UNFINISHED}*"):
            with suppress(OSError):
                path.unlink()

    def proof(self, seal: bytes, root: bytes, unit_count: int, index: int) -> tuple[bytes, ...]:
        """Return the sibling hashes of a row, leaf to root.

        Only the header's own checksum is checked here, not the whole body: whoever asks climbs the path to the seal anyway.
        Raises `StoreDamaged` if the file is missing, cut short or not of this root and count; `StoreUnavailable` if it cannot
        be read.
        """
        if not 0 <= index < unit_count:
            raise StoreDamaged(f"row {index} of a batch of {unit_count}, expected a smaller index")
        with self._opened(seal, root, unit_count) as (descriptor, _):
            first = HEADER.size + ROW * unit_count
            return tuple(_read(descriptor, first + WORD * place, WORD) for place in sibling_places(index, unit_count))

    def rows(self, seal: bytes, root: bytes, unit_count: int) -> tuple[Row, ...]:
        """Return every row, after the checksum over the whole file. Raises as `proof` does."""
        raw = self._body(seal, root, unit_count)[: ROW * unit_count]
        cut = (raw[start : start + ROW] for start in range(0, len(raw), ROW))
        return tuple(Row(index, row[:32], row[32:64], row[64:]) for index, row in enumerate(cut))

    def nodes(self, seal: bytes, root: bytes, unit_count: int) -> bytes:
        """Return the whole tree, after the checksum over the whole file. Raises as `proof` does."""
        return self._body(seal, root, unit_count)[ROW * unit_count :]

    def _body(self, seal: bytes, root: bytes, unit_count: int) -> bytes:
        with self._opened(seal, root, unit_count) as (descriptor, checksum):
            body = _read(descriptor, HEADER.size, _body_size(unit_count))
        if hashlib.sha256(body).digest() != checksum:
            raise StoreDamaged(f"the tree file of seal {seal.hex()} does not have the checksum that its header names")
        return body

    @contextmanager
    def _opened(self, seal: bytes, root: bytes, unit_count: int) -> Iterator[tuple[int, bytes]]:
        """Open a tree file whose header and size are right; yields the descriptor and the checksum of the body."""
        try:
            descriptor = os.open(self.path_of(seal), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise StoreDamaged(
                f"there is no tree file of seal {seal.hex()}", hint=f"bring it back to {self.folder} from a backup"
            ) from error
        except OSError as error:
            raise StoreUnavailable(f"the tree file of seal {seal.hex()} cannot be opened: {error.strerror or error}") from error
        try:
            checksum = _check_header(descriptor, root, unit_count)
            yield descriptor, checksum
        except OSError as error:
            raise StoreUnavailable(f"the tree file of seal {seal.hex()} cannot be read: {error.strerror or error}") from error
        finally:
            os.close(descriptor)


def sibling_places(index: int, unit_count: int) -> Iterator[int]:
    """Yield the places in the node array of a row's siblings, leaf to root."""
    place = 2 * unit_count - 2 - index
    while place > 0:
        yield place + 1 if place % 2 else place - 1
        place = (place - 1) // 2


def _write(file: BinaryIO, root: bytes, rows: Sequence[Row], nodes: bytes) -> None:
    """Write rows and nodes, then the header before them: it holds their checksum."""
    checksum = hashlib.sha256()
    file.write(bytes(HEADER.size))
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = b"".join(row.unit_key + row.digest + row.attributes_hash for row in rows[start : start + ROWS_AT_ONCE])
        checksum.update(part)
        file.write(part)
    checksum.update(nodes)
    file.write(nodes)
    file.seek(0)
    file.write(_header(len(rows), root, checksum.digest()))
    file.flush()


def _header(unit_count: int, root: bytes, checksum: bytes) -> bytes:
    head = HEADER.pack(MAGIC, VERSION, unit_count, root, checksum, bytes(16))[:80]
    return head + hashlib.sha256(head).digest()[:16]


def _check_header(descriptor: int, root: bytes, unit_count: int) -> bytes:
    """Return the body's checksum of a header that is whole and names this root and count, in a file of the right size."""
    head = _read(descriptor, 0, HEADER.size)
    _, version, count, _, checksum, _ = HEADER.unpack(head)
    if head[:8] != MAGIC or head[80:] != hashlib.sha256(head[:80]).digest()[:16]:
        raise StoreDamaged("a tree file has a damaged header, expected its magic and checksum")
    if head != _header(unit_count, root, checksum):
        raise StoreDamaged(
            f"a tree file has version {version}, {count} units or another root, expected version {VERSION}, {unit_count} units"
        )
    size = os.fstat(descriptor).st_size
    if size != HEADER.size + _body_size(unit_count):
        raise StoreDamaged(f"a tree file has {size} bytes, expected {HEADER.size + _body_size(unit_count)}")
    return bytes(checksum)


def _body_size(unit_count: int) -> int:
    return ROW * unit_count + WORD * (2 * unit_count - 1)


def _read(descriptor: int, offset: int, size: int) -> bytes:
    """Read exactly `size` bytes, or raise `StoreDamaged`: the file is shorter than its header says."""
    data = os.pread(descriptor, size, offset)
    if len(data) < size:
        parts = [data]
        missing = size - len(data)
        # One call gives at most about 2 GiB, and may give less.
        while missing and (more := os.pread(descriptor, min(missing, CHUNK), offset + size - missing)):
            parts.append(more)
            missing -= len(more)
        data = b"".join(parts)
    if len(data) != size:
        raise StoreDamaged(f"a tree file ends {size - len(data)} bytes early")
    return data


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

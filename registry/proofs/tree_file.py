"""The tree file of a batch: all that its labels and proofs will ever need, in one file (docs/tree-file.md).

Layout, all integers big-endian, for n units, M bytes of manifest and A bytes of attributes:

    offset       bytes     what
    0            256       header, see `HEADER`
    256          M         the manifest, RFC 8785 bytes
    256+M        90 n      units by rank, see `UNIT`: product, end of attributes, serial, signature
    256+M+90n    A         the attributes documents by rank, one after the other
    …            32(2n-1)  the nodes: OpenZeppelin's array, root first, leaf i at place 2n-2-i

What comes before the nodes is called the parcel: the nodes follow from it. Nothing in a file is believed because it is there:
hashes lead from it to a seal, and the seal is on the chain or it is not. A file is read by `pread`, never through a memory map,
because touching a map of a file that was cut short kills the process. It holds the batch's salt, so it is not for publication.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Protocol

from registry.errors import DocumentError, MerkleError
from registry.proofs import encoding, manifest
from registry.units.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry.proofs.manifest import Manifest

MAGIC: Final = b"TSBATCH\0"
VERSION: Final = 1
WORD: Final = 32
HEADER: Final = struct.Struct(">8sIIII32s32s32s32s32s56x16s")
"""Magic, version, unit count, bytes of manifest, bytes of attributes, salt, root, manifest hash, sha256 of the parcel without
its header, sha256 of the nodes, zeros, and the first half of the sha256 of the 240 bytes before."""
CHECKED: Final = HEADER.size - 16
UNIT: Final = struct.Struct(">HI20s64s")
"""Place of (gtin, lot) in the manifest, where the unit's attributes end, serial (ASCII, zeros after it), signature."""
IDENTITY: Final = struct.Struct(">H4x20s")
"""The beginning of that: what names the unit."""
UNIT_TYPE: Final = [("product", ">u2"), ("attributes_end", ">u4"), ("serial", "S20"), ("signature", "V64")]
"""The same for `numpy.dtype`."""
MAX_MANIFEST: Final = 4 * 2**20
MAX_ATTRIBUTES: Final = 2**16
"""Bytes of one unit's attributes."""
MAX_PRODUCTS: Final = 2**16
SERIAL: Final = re.compile(rb"([A-Za-z0-9_-]{1,20})\0*")
TOP: Final = 2**10 - 1
"""Nodes of the upper levels, kept in memory at least: half of every path."""
READ_LEVELS: Final = 7
"""Below the upper levels of a large tree, of which a hundredth part is kept."""
SMALL: Final = 2**14
TOP_OF_SMALL: Final = 2**7 - 1
"""Nodes that are kept of a tree of at most `SMALL` units: such trees are many."""
AT_ONCE: Final = 4096
"""Units read by one call."""
HELD: Final = 2**24
"""Bytes of attributes read by one call."""
CHUNK: Final = 2**20


@dataclass(frozen=True, slots=True)
class Header:
    """What a tree file says of itself."""

    unit_count: int
    manifest_size: int
    attributes_size: int
    salt: bytes
    root: bytes
    manifest_hash: bytes
    parcel_checksum: bytes
    """sha256 of manifest, units and attributes."""
    nodes_checksum: bytes

    @property
    def opening(self) -> encoding.Opening:
        """What the batch's seal commits."""
        return encoding.Opening(self.root, self.unit_count, self.manifest_hash)

    @property
    def seal(self) -> bytes:
        """The batch's seal."""
        return encoding.seal(self.opening)

    @property
    def units_at(self) -> int:
        """Where the units begin."""
        return HEADER.size + self.manifest_size

    @property
    def attributes_at(self) -> int:
        """Where the attributes begin."""
        return self.units_at + UNIT.size * self.unit_count

    @property
    def nodes_at(self) -> int:
        """Where the nodes begin, and the parcel ends."""
        return self.attributes_at + self.attributes_size

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return self.nodes_at + WORD * (2 * self.unit_count - 1)


def write_header(header: Header) -> bytes:
    """Return the header's 256 bytes."""
    head = HEADER.pack(
        MAGIC,
        VERSION,
        header.unit_count,
        header.manifest_size,
        header.attributes_size,
        header.salt,
        header.root,
        header.manifest_hash,
        header.parcel_checksum,
        header.nodes_checksum,
        bytes(16),
    )[:CHECKED]
    return head + hashlib.sha256(head).digest()[:16]


def read_header(raw: bytes) -> Header:
    """Read a header. Raises `DocumentError` if it is not exactly one that `write_header` gives."""
    if len(raw) != HEADER.size or raw[: len(MAGIC)] != MAGIC:
        raise DocumentError("found no header of a tree file, expected its magic and 256 bytes")
    _, version, *fields, _ = HEADER.unpack(raw)
    if version != VERSION:
        raise DocumentError(f"the tree file has version {version}, expected {VERSION}")
    header = Header(*fields)
    if write_header(header) != raw:
        raise DocumentError("the tree file's header does not have its checksum, expected it as it was written")
    if not header.unit_count or not 0 < header.manifest_size <= MAX_MANIFEST:
        raise DocumentError(
            f"the tree file names {header.unit_count} units and {header.manifest_size} bytes of manifest, "
            f"expected at least one unit and at most {MAX_MANIFEST} bytes"
        )
    return header


def pack_unit(product: int, attributes_end: int, serial: bytes, signature: bytes) -> bytes:
    """Return a unit's 90 bytes; serial and signature are ones that were checked."""
    return UNIT.pack(product, attributes_end, serial, signature)


class Source(Protocol):
    """Where a tree file is read from: a disk, or an object store."""

    @property
    def size(self) -> int:
        """Bytes of the file."""

    def read(self, offset: int, size: int) -> bytes:
        """Return exactly so many bytes. Raises `DocumentError` if the file ends before, and what its place raises."""

    def close(self) -> None:
        """Give back what it holds."""


class FileSource:
    """A file on a disk, open until it is closed. Threads may share it; its methods raise `OSError` too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1  # for `close`, if there is nothing to open
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self._descriptor).st_size

    def read(self, offset: int, size: int) -> bytes:
        """Return exactly so many bytes. Raises `DocumentError` if the file ends before."""
        data = os.pread(self._descriptor, size, offset)
        if len(data) == size:
            return data
        # One call gives at most about 2 GiB, and may give less.
        parts = [data]
        missing = size - len(data)
        while missing and (more := os.pread(self._descriptor, missing, offset + size - missing)):
            parts.append(more)
            missing -= len(more)
        if missing:
            raise DocumentError(f"the tree file ends {missing} bytes early")
        return b"".join(parts)

    def close(self) -> None:
        """Close the file."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __reduce__(self) -> tuple[type[FileSource], tuple[Path]]:
        # Another process opens the file anew: the descriptor is ours.
        return FileSource, (self._path,)

    def __del__(self) -> None:
        # Whoever put it out of a memory of open files cannot know who else still reads it.
        self.close()


@dataclass(frozen=True, slots=True)
class TreeUnit:
    """A unit as its file holds it."""

    index: int
    """Its rank, from 0."""
    record: Record
    signature: bytes
    """64 bytes, EIP-2098."""
    attributes: bytes | None
    """RFC 8785 bytes, or none."""


class TreeFile:
    """A tree file, or a parcel, whose header and size are right. Threads may share it.

    What it returns is well-formed and nothing more. Sent to another process, it is opened there again. Its methods raise
    `DocumentError` for what is not well-formed, and what its source raises.
    """

    def __init__(self, source: Source) -> None:
        """Read the header. Raises `DocumentError` unless it is one, and the size is that of the whole file or of its parcel."""
        self._source = source
        self.header = read_header(source.read(0, HEADER.size))
        self._count, self._units_at, self._nodes_at = self.header.unit_count, self.header.units_at, self.header.nodes_at
        self.whole = source.size == self.header.size
        if not self.whole and source.size != self.header.nodes_at:
            raise DocumentError(
                f"the tree file has {source.size} bytes, expected {self.header.size}, or {self.header.nodes_at} without nodes"
            )

    @cached_property
    def seal(self) -> bytes:
        """The batch's seal, as the header has it."""
        return self.header.seal

    @cached_property
    def manifest_bytes(self) -> bytes:
        """The manifest as bytes; raises `DocumentError` if they do not have the header's hash."""
        raw = self._source.read(HEADER.size, self.header.manifest_size)
        if manifest.manifest_hash(raw) != self.header.manifest_hash:
            raise DocumentError("the tree file's manifest does not have the hash that its header names")
        return raw

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest."""
        return manifest.read_once(self.manifest_bytes)

    def unit(self, index: int) -> TreeUnit:
        """Return the unit of a rank. Raises `MerkleError` if there is none."""
        self._check_index(index)
        before = 1 if index and self.header.attributes_size else 0
        start = self._units_at + UNIT.size * (index - before)
        raw = self._source.read(start, UNIT.size * (before + 1))
        begin = UNIT.unpack_from(raw)[1] if before else 0
        return self._unit(index, raw[-UNIT.size :], begin, None)

    def identity(self, index: int) -> tuple[str, bytes]:
        """Return GTIN and serial (ASCII) of a rank, for whoever asks about millions. Raises `MerkleError` if there is none."""
        self._check_index(index)
        place, padded = IDENTITY.unpack(self._source.read(self.header.units_at + UNIT.size * index, IDENTITY.size))
        products = self.manifest.products
        if place >= len(products):
            raise DocumentError(f"unit {index} of the tree file has no product, expected one of its manifest's")
        return products[place].gtin, padded.rstrip(b"\0")

    def units(self, first: int = 0, count: int | None = None) -> Iterator[TreeUnit]:
        """Yield the units from a rank on, all or so many; only some thousands are held at once."""
        end = self.header.unit_count if count is None else min(first + count, self.header.unit_count)
        begin = self._attributes_before(first)
        while first < end:
            here = min(AT_ONCE, end - first)
            raw = self._source.read(self.header.units_at + UNIT.size * first, UNIT.size * here)
            until = UNIT.unpack_from(raw, UNIT.size * (here - 1))[1]
            self._check_attributes(begin, until, here)
            held = None
            if until - begin <= HELD:
                held = (begin, self._source.read(self.header.attributes_at + begin, until - begin))
            for place in range(here):
                unit = self._unit(first + place, raw[UNIT.size * place : UNIT.size * (place + 1)], begin, held)
                begin += len(unit.attributes or b"")
                yield unit
            first += here

    def packed(self, first: int, count: int) -> bytes:
        """Return so many units as they stand in the file, 90 bytes each (`UNIT`), for whoever works on millions."""
        return self._source.read(self.header.units_at + UNIT.size * first, UNIT.size * count)

    def row(self, unit: TreeUnit) -> encoding.Row:
        """Return what the tree holds of a unit."""
        return encoding.Row(
            unit.index,
            encoding.unit_key(self.header.salt, unit.record.id),
            self._hasher.digest(unit.record),
            encoding.attributes_hash(unit.attributes),
        )

    def rows(self) -> Iterator[encoding.Row]:
        """Yield every row, in order."""
        return map(self.row, self.units())

    def path(self, index: int) -> tuple[bytes, ...]:
        """Return the sibling hashes of a row, leaf to root. Raises `MerkleError` if there is no such row or no nodes."""
        self._check_index(index)
        top, read, nodes_at = self._top, self._source.read, self._nodes_at
        within = len(top) // WORD
        found = []
        place = 2 * self._count - 2 - index
        while place > 0:
            sibling = place + 1 if place & 1 else place - 1
            if sibling < within:
                found.append(top[WORD * sibling : WORD * sibling + WORD])
            else:
                found.append(read(nodes_at + WORD * sibling, WORD))
            place = (place - 1) >> 1
        return tuple(found)

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the file's bytes, a megabyte at a time."""
        end = self._source.size if end is None else end
        for offset in range(start, end, CHUNK):
            yield self._source.read(offset, min(CHUNK, end - offset))

    def check(self) -> None:
        """Read everything once. Raises `DocumentError` if a checksum is not the header's, or the units are malformed."""
        parts = [("parcel", HEADER.size, self.header.nodes_at, self.header.parcel_checksum)]
        if self.whole:
            parts.append(("nodes", self.header.nodes_at, self.header.size, self.header.nodes_checksum))
        for name, start, end, expected in parts:
            found = hashlib.sha256()
            for chunk in self.chunks(start, end):
                found.update(chunk)
            if found.digest() != expected:
                raise DocumentError(f"the tree file's {name} does not have the checksum that its header names")
        for _ in self.units():
            pass
        if self._attributes_before(self.header.unit_count) != self.header.attributes_size:
            raise DocumentError("the tree file's attributes end elsewhere than its header says")

    def __reduce__(self) -> tuple[type[TreeFile], tuple[Source]]:
        return TreeFile, (self._source,)

    def close(self) -> None:
        """Give back what the source holds."""
        self._source.close()

    # ----------------------------------------------------------------------------------------------------------- within

    @cached_property
    def _hasher(self) -> encoding.RecordHasher:
        return encoding.RecordHasher(self.manifest.registry_id)

    @cached_property
    def _top(self) -> bytes:
        self._check_whole()
        count = self.header.unit_count
        kept = max(TOP, (1 << count.bit_length() - READ_LEVELS) - 1) if count > SMALL else min(TOP_OF_SMALL, 2 * count - 1)
        return self._source.read(self.header.nodes_at, WORD * kept)

    def _unit(self, index: int, raw: bytes, begin: int, held: tuple[int, bytes] | None) -> TreeUnit:
        """Return a unit from its 90 bytes; its attributes begin at `begin` and are among those held, or are read."""
        place, end, padded, signature = UNIT.unpack(raw)
        products = self.manifest.products
        serial = SERIAL.fullmatch(padded)
        if serial is None or place >= len(products):
            raise DocumentError(f"unit {index} of the tree file has no serial or no product, expected both")
        self._check_attributes(begin, end, 1)
        if begin == end:
            attributes = None
        elif held is None:
            attributes = self._source.read(self.header.attributes_at + begin, end - begin)
        else:
            attributes = held[1][begin - held[0] : end - held[0]]
        product = products[place]
        return TreeUnit(index, Record(product.gtin, product.lot, serial[1].decode()), signature, attributes)

    def _attributes_before(self, index: int) -> int:
        """Return where the attributes of a rank begin."""
        if index == 0 or self.header.attributes_size == 0:
            return 0
        end: int = UNIT.unpack(self._source.read(self.header.units_at + UNIT.size * (index - 1), UNIT.size))[1]
        return end

    def _check_attributes(self, begin: int, end: int, units: int) -> None:
        if not 0 <= end - begin <= MAX_ATTRIBUTES * units or end > self.header.attributes_size:
            raise DocumentError(f"the tree file's attributes go from {begin} to {end}, expected places in their order")

    def _check_index(self, index: int) -> None:
        if not 0 <= index < self._count:
            raise MerkleError(f"found the index {index}, expected 0 to {self._count - 1}")

    def _check_whole(self) -> None:
        if not self.whole:
            raise DocumentError("the tree file has no nodes, expected the whole file and not its parcel")

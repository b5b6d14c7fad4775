"""What a worker process does to check a parcel: everything that a unit says is computed again, and its leaf is written.

It works for ranges of units that it is told, and believes nothing of the file: a parcel comes from anybody.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from registry.errors import DocumentError, SignatureError
from registry.proofs import documents, encoding, growing, signing, tree_file
from registry.proofs.batch_hasher import BatchHasher, leaf
from registry.publishing.refusals import Refusal, refused
from registry.units.serials import fold

if TYPE_CHECKING:
    from pathlib import Path

    from registry.proofs.tree_file import Header

    Units = list[tuple[int, int, bytes, bytes]]
    """Product, end of attributes, serial and signature of neighbours."""

NUMBER: Final = 8
"""Bytes of what two units that read alike have in common."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker knows of a batch; it travels to each once."""

    file: Path
    """The parcel, with room for the nodes after it."""
    header: Header
    registry_id: bytes
    products: tuple[tuple[str, str], ...]
    """(gtin, lot) as the manifest numbers them."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known of a range of units that hold by themselves."""

    first: int
    """The rank of the first."""
    first_key: bytes
    last_key: bytes
    signers: dict[str, int]
    """Every address that signed some of them, with the rank of the first one that it signed."""
    numbers: bytes
    """8 bytes a unit: units whose serials read the same when typed have the same."""

    @property
    def count(self) -> int:
        """The number of units."""
        return len(self.numbers) // NUMBER


class Replay:
    """Works on one parcel."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._hasher = BatchHasher(job.registry_id, job.header.salt, job.products)

    def check(self, span: tuple[int, int]) -> Checked:
        """Check the units from one rank to another, and write their leaves.

        Raises `PublicationRefused` for the first that does not hold, and `DocumentError` if the file ends too early.
        """
        first, end = span
        descriptor = os.open(self._job.file, os.O_RDWR | os.O_CLOEXEC)
        try:
            units, begin = self._units(descriptor, first, end)
            hashes = self._attribute_hashes(descriptor, first, begin, units)
            keys = [self._hasher.unit_key(product, serial) for product, _, serial, _ in units]
            for rank, (before, after) in enumerate(pairwise(keys), first + 1):
                if before >= after:
                    raise out_of_order(rank)
            digests = [self._hasher.digest(product, serial) for product, _, serial, _ in units]
            signers = _signers(first, digests, units)
            leaves = list(map(leaf, range(first, end), keys, digests, hashes))
            growing.write(descriptor, growing.leaves_at(self._job.header, first, end - first), b"".join(reversed(leaves)))
        finally:
            os.close(descriptor)
        numbers = b"".join(self._number(product, serial) for product, _, serial, _ in units)
        return Checked(first, keys[0], keys[-1], signers, numbers)

    def _units(self, descriptor: int, first: int, end: int) -> tuple[Units, int]:
        """Return the units, and where the attributes of the first begin."""
        header = self._job.header
        before = 1 if first else 0
        size = tree_file.UNIT.size
        raw = growing.read(descriptor, header.units_at + size * (first - before), size * (end - first + before))
        begin = tree_file.UNIT.unpack_from(raw)[1] if before else 0
        found: Units = []
        for rank, (product, attributes_end, padded, signature) in enumerate(
            tree_file.UNIT.iter_unpack(memoryview(raw)[size * before :]), first
        ):
            serial = tree_file.SERIAL.fullmatch(padded)
            if serial is None or product >= len(self._job.products):
                raise refused(
                    Refusal.MALFORMED_PARCEL, f"unit {rank} has no serial that may be issued, or no product of the manifest"
                )
            found.append((product, attributes_end, serial[1], signature))
        if end == header.unit_count and found[-1][1] != header.attributes_size:
            raise refused(Refusal.MALFORMED_PARCEL, "the attributes end elsewhere than the header says")
        return found, begin

    def _attribute_hashes(self, descriptor: int, first: int, begin: int, units: Units) -> list[bytes]:
        """Return the hash of each unit's attributes."""
        ends = [begin, *(end for _, end, _, _ in units)]
        header = self._job.header
        for rank, (start, end) in enumerate(pairwise(ends), first):
            if not 0 <= end - start <= tree_file.MAX_ATTRIBUTES or end > header.attributes_size:
                raise refused(Refusal.MALFORMED_PARCEL, f"the attributes of unit {rank} go from {start} to {end}")
        hashes = []
        for rank, (start, end) in enumerate(pairwise(ends), first):
            if start == end:
                hashes.append(encoding.NO_ATTRIBUTES)
                continue
            raw = growing.read(descriptor, header.attributes_at + start, end - start)
            try:
                document = documents.load(raw, what="attributes", max_bytes=tree_file.MAX_ATTRIBUTES)
            except DocumentError as error:
                raise refused(Refusal.WRONG_ATTRIBUTES, f"unit {rank}: {error.message}") from error
            if not isinstance(document, dict):
                raise refused(Refusal.WRONG_ATTRIBUTES, f"unit {rank} has attributes that are no object")
            hashes.append(encoding.attributes_hash(raw))
        return hashes

    def _number(self, product: int, serial: bytes) -> bytes:
        gtin, _ = self._job.products[product]
        return hashlib.blake2b(f"{gtin}/{fold(serial.decode())}".encode(), digest_size=NUMBER).digest()


def out_of_order(rank: int) -> Exception:
    """Return the refusal of a unit that is not where its key belongs."""
    return refused(Refusal.WRONG_ORDER, f"unit {rank} does not have a greater key than the unit before it")


def _signers(first: int, digests: list[bytes], units: Units) -> dict[str, int]:
    """Recover who signed each unit."""
    found: dict[str, int] = {}
    for rank, (digest, (_, _, _, signature)) in enumerate(zip(digests, units, strict=True), first):
        try:
            found.setdefault(signing.recover(digest, signature), rank)
        except SignatureError as error:
            raise refused(Refusal.WRONG_SIGNATURE, f"unit {rank}: {error.message}") from error
    return found

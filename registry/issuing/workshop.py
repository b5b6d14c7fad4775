"""What a worker process does for a seal: unit keys, and then units and leaves, written straight into their files.

It works for ranges of units that it is told. What it writes depends on the range alone, so the files are the same whoever
writes which part, and in whatever order.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from registry.errors import SignatureError
from registry.issuing.spool import BLINDING_BYTES, Spool, blinded
from registry.proofs import encoding, growing, signing, tree_file
from registry.proofs.batch_hasher import BatchHasher, leaf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry.issuing.spool import Rows
    from registry.proofs.tree_file import Header

    Sign = Callable[[bytes], bytes]
    """Makes a 64-byte EIP-2098 signature of a digest."""

WORD: Final = 32


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker knows of a batch; it travels to each once."""

    spool: Spool
    pairs: tuple[tuple[str, str], ...]
    """(gtin, lot) as the spool numbers them."""
    products: tuple[int, ...]
    """The place of each in the manifest."""
    registry_id: bytes
    draft: Header
    """The batch's header, without root and checksums."""
    keys: Path
    """The file of unit keys, in the order of the spool."""
    file: Path
    """The batch's tree file."""
    address: str
    """EIP-55 address of the key that signs."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """Units that are to be signed: neighbours in the order of their keys."""

    first: int
    """The rank of the first."""
    places: bytes
    """Their places in the spool (uint32)."""
    attributes_at: int
    """Where in the file's attributes theirs begin."""
    random: bytes
    """For the attributes of those that have some, in order."""


class KeyForWorkers:
    """A private key on its way through a pipe into a worker process, where calling it gives what signs.

    It shows nothing of itself: not in `repr`, and so in no error, log or traceback that shows its arguments.
    """

    __slots__ = ("_key",)

    def __init__(self, private_key: bytes) -> None:
        self._key = private_key

    def __call__(self) -> Sign:
        """Return what signs with the key. Raises `SignatureError` if it is none."""
        return signing.signer(self._key)

    def __repr__(self) -> str:
        return "KeyForWorkers(...)"


class Workshop:
    """Works on one batch."""

    def __init__(self, job: Job, get_sign: Callable[[], Sign]) -> None:
        self._job = job
        self._sign = get_sign()
        self._hasher = BatchHasher(job.registry_id, job.draft.salt, job.pairs)

    def make_keys(self, span: tuple[int, int]) -> int:
        """Write the unit keys of spooled units from one place to another; returns their number."""
        first, end = span
        rows = self._job.spool.rows()[first:end]
        keys = map(self._hasher.unit_key, rows["pair"].tolist(), rows["serial"].tolist())
        with _opened(self._job.keys) as file:
            growing.write(file, WORD * first, b"".join(keys))
        return end - first

    def sign(self, ranks: Ranks) -> int:
        """Sign units and write them with their attributes and leaves; returns their number.

        Raises `SignatureError` if the signatures are not of the key that they should be of: one of each range is checked.
        """
        job, hasher, sign = self._job, self._hasher, self._sign
        places = np.frombuffer(ranks.places, np.uint32)
        rows = job.spool.rows()[places]
        keys = np.memmap(job.keys, f"V{WORD}", "r")[places].tolist()
        pairs, serials = rows["pair"].tolist(), rows["serial"].tolist()
        digests = list(map(hasher.digest, pairs, serials))
        signatures = list(map(sign, digests))
        signer = signing.recover(digests[0], signatures[0])
        if signer != job.address:
            raise SignatureError(f"the signatures are of {signer}, expected {job.address}")
        documents = self._attributes(rows, ranks.random)
        ends = ranks.attributes_at + np.cumsum(rows["attributes_size"], dtype=np.int64)
        products = [job.products[pair] for pair in pairs]
        units = map(tree_file.pack_unit, products, ends.tolist(), serials, signatures)
        hashes = map(encoding.attributes_hash, documents)
        leaves = list(map(leaf, range(ranks.first, ranks.first + len(places)), keys, digests, hashes))
        draft = job.draft
        with _opened(job.file) as file:
            growing.write(file, draft.units_at + tree_file.UNIT.size * ranks.first, b"".join(units))
            growing.write(file, draft.attributes_at + ranks.attributes_at, b"".join(filter(None, documents)))
            growing.write(file, growing.leaves_at(draft, ranks.first, len(places)), b"".join(reversed(leaves)))
        return len(places)

    def _attributes(self, rows: Rows, random: bytes) -> list[bytes | None]:
        """Return the attributes documents of units with their random bytes in, none where a unit has no attributes."""
        documents: list[bytes | None] = [None] * len(rows)
        owners = np.flatnonzero(rows["attributes_size"])
        for drawn, (owner, document) in enumerate(zip(owners.tolist(), self._job.spool.documents(rows[owners]), strict=True)):
            documents[owner] = blinded(document, random[BLINDING_BYTES * drawn : BLINDING_BYTES * (drawn + 1)])
        return documents


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)

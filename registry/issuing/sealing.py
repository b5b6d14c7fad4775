"""Seals a batch: unit keys, order, signatures, tree, manifest, seal (protocol §§ 3-4).

The work is done by processes that write into the batch's one file (docs/decisions/0018-sealing-in-processes.md); here is what
they are told. Nothing asks a clock, a chain or a database. With the same salt, the same `random` and the same signer the file
is the same to the byte, however many processes there were.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import numpy as np

from registry.errors import SealError
from registry.issuing.spool import BLINDING_BYTES
from registry.issuing.stages import Stage, untold
from registry.issuing.workshop import Job, Ranks, Workshop
from registry.proofs import encoding, growing, manifest
from registry.proofs.crew import Crew, hands
from registry.proofs.tree_file import HEADER, MAX_PRODUCTS, Header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry.issuing.intake import Intake, Products
    from registry.issuing.stages import Progress
    from registry.issuing.workshop import Sign
    from registry.proofs.encoding import Opening

    Order = np.ndarray[tuple[int], np.dtype[np.uint32]]
    """Places in the spool, by rank."""
    Sizes = np.ndarray[tuple[int], np.dtype[np.uint32]]

WORD: Final = 32
SALT_BYTES: Final = 32
KEYS_AT_ONCE: Final = 2**14
SIGNED_AT_ONCE: Final = 2**11
"""Units of one task: a tenth of a second's work."""


class UnitSigner(Protocol):
    """What signs units."""

    @property
    def address(self) -> str:
        """EIP-55 address."""

    def sign_digest(self, digest: bytes) -> bytes:
        """Return a 64-byte EIP-2098 signature."""


@runtime_checkable
class SharedSigner(Protocol):
    """A signer that worker processes may have too; `registry.keys.KeystoreSigner` is one, an HSM is none."""

    def for_workers(self) -> Callable[[], Sign]:
        """Return what can be sent through a pipe, and called there gives what signs."""


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """A batch before it is stored and paid for: its file holds all that its labels and proofs will ever need."""

    opening: Opening
    salt: bytes
    """32 bytes. Lose it and every proof of the batch is lost."""
    manifest: bytes
    """RFC 8785 bytes."""
    seal: bytes
    fingerprint: str
    """sha256 (hex) of the input that was sealed, see `intake.Intake`."""
    file: Path
    """The tree file, which is on the disk for good; whoever stores the batch takes it away from there."""


def seal_batch(
    intake: Intake,
    products: Products,
    signer: UnitSigner,
    registry_id: bytes,
    folder: Path,
    *,
    supersedes: bytes | None = None,
    salt: bytes | None = None,
    random: Callable[[int], bytes] = secrets.token_bytes,
    progress: Progress = untold,
    workers: int | None = None,
) -> SealedBatch:
    """Sign every unit of an intake and seal them as one batch, in a file in this folder.

    `supersedes` is the seal of a withdrawn batch that this one corrects. Without a number of workers there are as many as
    cores; a signer that cannot be shared with them has none.

    Raises `SealError` if there is nothing to seal, a lot is unknown or a unit is there twice; `DocumentError` if the manifest
    cannot be written; `SignatureError` if a signature is not the signer's; `OSError` if the folder has no room; `WorkerLost`.
    """
    if not len(intake):
        raise SealError("found no unit, expected at least one")
    salt = random(SALT_BYTES) if salt is None else salt
    # Before anything is signed: a manifest that cannot be written, or a disk without room, stops here.
    document = manifest.write(_manifest(intake, products, registry_id, salt, supersedes))
    draft = Header(
        unit_count=len(intake),
        manifest_size=len(document),
        attributes_size=intake.attributes_size,
        salt=salt,
        root=bytes(WORD),
        manifest_hash=manifest.manifest_hash(document),
        parcel_checksum=bytes(WORD),
        nodes_checksum=bytes(WORD),
    )
    listed = sorted(intake.pairs)
    job = Job(
        spool=intake.spool,
        pairs=intake.pairs,
        products=tuple(map(listed.index, intake.pairs)),
        registry_id=registry_id,
        draft=draft,
        keys=folder / "keys",
        file=folder / "batch",
        address=signer.address,
    )
    _make_room(job.keys, WORD * len(intake))
    _make_room(job.file, draft.size, HEADER.size, document)
    header = _work(job, signer, random, progress, workers)
    job.keys.unlink()
    return SealedBatch(
        opening=header.opening,
        salt=salt,
        manifest=document,
        seal=header.seal,
        fingerprint=intake.fingerprint,
        file=job.file,
    )


def _work(job: Job, signer: UnitSigner, random: Callable[[int], bytes], progress: Progress, workers: int | None) -> Header:
    """Have the units keyed, ordered and signed and the tree grown; returns the header of the finished file."""
    count = job.draft.unit_count
    shared = signer.for_workers() if isinstance(signer, SharedSigner) else None
    get_sign = shared or (lambda: signer.sign_digest)
    with Crew(Workshop, job, get_sign, workers=hands(count, workers) if shared else 1) as crew:

        def done(stage: Stage, counts: Iterator[int]) -> None:
            total = 0
            for part in counts:
                total += part
                progress(stage, total, count)

        done(Stage.ORDERING, crew.map(Workshop.make_keys, _spans(count, KEYS_AT_ONCE)))
        order = _ordered(job)
        done(Stage.SIGNING, crew.map(Workshop.sign, _ranks(job, order, random)))
        del order
        return growing.grow(job.file, job.draft, crew, progress=lambda made: progress(Stage.GROWING, made + 1, count))


def _ordered(job: Job) -> Order:
    """Return the units' places in the spool in the order of their keys, which is strictly ascending.

    Raises `SealError` if two keys are equal.
    """
    firsts = np.empty(job.draft.unit_count, np.uint64)
    with job.keys.open("rb") as file:
        for start, end in _spans(len(firsts), KEYS_AT_ONCE):
            firsts[start:end] = np.frombuffer(file.read(WORD * (end - start)), ">u8")[:: WORD // 8]
    order = np.argsort(firsts).astype(np.uint32)
    firsts = firsts[order]
    equal = np.flatnonzero(firsts[1:] == firsts[:-1])
    # Of some millions hardly two keys begin with the same eight bytes: those that do are compared whole.
    for run in np.split(equal, np.flatnonzero(np.diff(equal) > 1) + 1) if len(equal) else ():
        start, end = int(run[0]), int(run[-1]) + 2
        order[start:end] = _ordered_whole(job, order[start:end].tolist())
    return order


def _ordered_whole(job: Job, places: list[int]) -> list[int]:
    keys = np.memmap(job.keys, f"V{WORD}", "r")
    keyed = sorted((keys[place].tobytes(), place) for place in places)
    for (before, _), (key, place) in pairwise(keyed):
        if before == key:
            row = job.spool.rows()[place]
            gtin, _ = job.pairs[row["pair"]]
            raise SealError(f"unit {gtin}/{row['serial'].decode()} is twice in the batch, expected once")
    return [place for _, place in keyed]


def _ranks(job: Job, order: Order, random: Callable[[int], bytes]) -> Iterator[Ranks]:
    """Yield ranges of ranks for the workers to sign, each with its share of random bytes and of the file's attributes."""
    sizes = _attribute_sizes(job)
    attributes_at = 0
    for first, end in _spans(len(order), SIGNED_AT_ONCE):
        places = order[first:end]
        theirs = sizes[places] if len(sizes) else sizes
        blinding = b"".join(random(BLINDING_BYTES) for _ in range(np.count_nonzero(theirs)))
        yield Ranks(first, places.tobytes(), attributes_at, blinding)
        attributes_at += int(theirs.sum())


def _attribute_sizes(job: Job) -> Sizes:
    """Return the bytes of each unit's attributes, in the order of the spool; nothing if no unit has any."""
    if not job.draft.attributes_size:
        return np.empty(0, np.uint32)
    return np.concatenate([rows["attributes_size"] for rows in job.spool.chunks()])


def _spans(count: int, at_once: int) -> Iterator[tuple[int, int]]:
    for first in range(0, count, at_once):
        yield first, min(first + at_once, count)


def _make_room(path: Path, size: int, offset: int = 0, data: bytes = b"") -> None:
    """Make a file of this size for the workers, with some bytes in it. Raises `OSError` if the disk has no room for it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        os.posix_fallocate(descriptor, 0, size)
        growing.write(descriptor, offset, data)
    finally:
        os.close(descriptor)


def _manifest(
    intake: Intake, products: Products, registry_id: bytes, salt: bytes, supersedes: bytes | None
) -> manifest.Manifest:
    """Return the manifest: the entries of exactly the lots that the batch holds, in order of (gtin, lot)."""
    entries = []
    for gtin, lot in sorted(intake.pairs):
        entry = products.entry(gtin, lot)
        if entry is None:
            raise SealError(f"lot {lot} of {gtin} is not in the products file, expected every lot there")
        entries.append(entry)
    if len(entries) > MAX_PRODUCTS:
        raise SealError(f"found {len(entries)} lots, expected at most {MAX_PRODUCTS}: split the file")
    return manifest.Manifest(
        registry_id=registry_id, salt_hash=encoding.salt_hash(salt), products=tuple(entries), supersedes=supersedes
    )

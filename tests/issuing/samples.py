"""Products, intakes and sealed batches for tests of issuing and storage."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from registry.issuing.intake import Intake
from registry.issuing.products import Products
from registry.issuing.sealing import SealedBatch, seal_batch
from registry.issuing.spool import Spool, SpoolWriter, describe
from registry.issuing.workshop import KeyForWorkers
from registry.proofs import signing
from registry.proofs.manifest import Product
from registry.proofs.tree_file import FileSource, TreeFile
from registry.units.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Unit = tuple[Record, tuple[tuple[str, str], ...]]
"""A record and the attributes that a file gives it."""

GTIN = "09521001000017"
OTHER_GTIN = "09521002000016"
LOT = "L2609A"
REGISTRY_ID = hashlib.sha256(b"registry of the tests").digest()
PRIVATE_KEY = hashlib.sha256(b"key of the tests").digest()
KEY = signing.address_of(PRIVATE_KEY)


def product(gtin: str = GTIN, lot: str = LOT, *, carrier: str = "signed") -> Product:
    """Return a manifest entry with every field."""
    return Product(
        gtin=gtin,
        lot=lot,
        carrier="compact" if carrier == "compact" else "signed",
        names={"en": "Sample", "zh": "样品"},
        model="S1",
        produced="2026-09-01",
        expires="2029-09-01",
        markets=("CN", "TH"),
        pictures=(),
        trademarks=("TM 1",),
        recordals=(),
        serialised_since="2026-08-01",
    )


def products(*entries: Product, attributes: Iterable[str] = (), random_serials: Iterable[str] = ()) -> Products:
    """Return what a products file with these entries (or one sample) says."""
    known = entries or (product(),)
    return Products(
        entries={(entry.gtin, entry.lot): entry for entry in known},
        attributes=frozenset(attributes),
        random_serials=frozenset(random_serials),
        pictures={},
        fingerprint=hashlib.sha256(repr(known).encode()).digest(),
    )


def serials(count: int, *, start: int = 0) -> list[str]:
    """Return serials as a generator would make them, the same ones each time; from another `start`, others."""
    return [hashlib.sha256(f"serial {number}".encode()).hexdigest()[:16].upper() for number in range(start, start + count)]


def units(wanted: Iterable[str], *, gtin: str = GTIN, lot: str = LOT) -> list[Unit]:
    """Return units with these serials; every third has an attribute."""
    return [(Record(gtin, lot, serial), (("colour", "red"),) if place % 3 == 0 else ()) for place, serial in enumerate(wanted)]


def intake(folder: Path, wanted: Sequence[Unit]) -> Intake:
    """Return the intake of a file with these units, in a folder of its own below this one; nothing about them is checked."""
    folder = Path(tempfile.mkdtemp(dir=folder))
    pairs = {pair: place for place, pair in enumerate(dict.fromkeys((record.gtin, record.lot) for record, _ in wanted))}
    with SpoolWriter(folder) as spool:
        spool.add(
            [pairs[record.gtin, record.lot] for record, _ in wanted],
            range(2, 2 + len(wanted)),
            [record.serial for record, _ in wanted],
            [False] * len(wanted),
            [describe(attributes) for _, attributes in wanted],
        )
    return Intake(
        spool=Spool(folder),
        pairs=tuple(pairs),
        count=len(wanted),
        generated=0,
        attributes_size=spool.attributes_size,
        warnings=(),
        fingerprint=hashlib.sha256(repr(wanted).encode()).hexdigest(),
    )


class Signer:
    """A key for tests, that worker processes may have too."""

    def __init__(self, private_key: bytes = PRIVATE_KEY) -> None:
        self.address = signing.address_of(private_key)
        self._key = private_key

    def sign_digest(self, digest: bytes) -> bytes:
        return signing.sign(digest, self._key)

    def for_workers(self) -> KeyForWorkers:
        return KeyForWorkers(self._key)


def steady(label: str) -> Callable[[int], bytes]:
    """Return a source of "random" bytes that is the same each time."""
    drawn = 0

    def draw(count: int) -> bytes:
        nonlocal drawn
        drawn += 1
        return hashlib.shake_256(f"{label} {drawn}".encode()).digest(count)

    return draw


def sealed_batch(folder: Path, wanted: Iterable[str], *, gtin: str = GTIN, lot: str = LOT, label: str = "salt") -> SealedBatch:
    """Return a sealed batch of these serials, the same to the byte each time, in a folder of its own below this one."""
    taken = intake(folder, units(wanted, gtin=gtin, lot=lot))
    known = products(product(gtin, lot))
    return seal_batch(taken, known, Signer(), REGISTRY_ID, taken.spool.folder, random=steady(label))


def tree(sealed: SealedBatch) -> TreeFile:
    """Return the file of a sealed batch."""
    return TreeFile(FileSource(sealed.file))

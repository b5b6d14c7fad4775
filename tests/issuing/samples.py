"""Products, intakes and sealed batches for tests of issuing and storage."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from registry.issuing.intake import Intake, IntakeUnit
from registry.issuing.products import Products
from registry.issuing.sealing import SealedBatch, seal_batch
from registry.proofs import signing
from registry.proofs.manifest import Product
from registry.units.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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


def intake(wanted: Iterable[str], *, gtin: str = GTIN, lot: str = LOT) -> Intake:
    """Return the intake of a file with these serials; every third unit has an attribute."""
    units = tuple(
        IntakeUnit(Record(gtin, lot, serial), (("colour", "red"),) if place % 3 == 0 else (), place + 2, generated=False)
        for place, serial in enumerate(wanted)
    )
    return Intake(units, (), hashlib.sha256(repr(units).encode()).hexdigest())


def steady(label: str) -> Callable[[int], bytes]:
    """Return a source of "random" bytes that is the same each time."""
    drawn = 0

    def draw(count: int) -> bytes:
        nonlocal drawn
        drawn += 1
        return hashlib.shake_256(f"{label} {drawn}".encode()).digest(count)

    return draw


def sealed_batch(wanted: Iterable[str], *, gtin: str = GTIN, lot: str = LOT, label: str = "salt") -> SealedBatch:
    """Return a sealed batch of these serials, the same to the byte each time."""
    return seal_batch(
        intake(wanted, gtin=gtin, lot=lot),
        products(product(gtin, lot)),
        lambda digest: signing.sign(digest, PRIVATE_KEY),
        REGISTRY_ID,
        random=steady(label),
    )

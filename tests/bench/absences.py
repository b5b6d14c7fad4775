"""Proofs of absence: found in a batch's file, checked by its seal, and the whole file of one read by both verifiers."""

from __future__ import annotations

import os
import tempfile
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry.enforcement import absence_steps
from registry.enforcement.verifier.files import check_file
from registry.proofs import absence, absence_file, encoding, growing, manifest, profile, tree_file
from registry.proofs.absence_file import AbsenceFile, Block, Issuer, ListedBatch, Listing
from registry.proofs.batch_hasher import BatchHasher, leaf
from registry.proofs.crew import Crew
from registry.proofs.keccak import keccak256
from registry.proofs.tree_file import FileSource, Header, TreeFile
from registry.units.records import UnitId
from tests.bench.measuring import Kind, Limit, NothingToMeasure, Row, paired, per_item

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GTIN, LOT = "09521001000017", "B2611A"
UNITS: Final = 1_000_000
ASKED: Final = 10_000
SHOWN: Final = 50
"""Files that are read: whoever has nothing but Python has time."""
AT_ONCE: Final = 10_000
REGISTRY_ID: Final = keccak256(b"registry of the measurements")
SALT: Final = keccak256(b"salt of the measurements")
PRODUCT: Final = manifest.Product(gtin=GTIN, lot=LOT, carrier="signed", names={"en": "Lamp", "zh": "灯"})
PROFILE: Final = profile.write(
    profile.Profile({"en": "Maker"}, {"en": "Brand"}, "m.example.com", (), ("9521001",), "CN", "mail")
)
CONTRACT: Final = "0x5FbDB2315678afecb367f032d93F642f64180aa3"


def rows(units: int = UNITS, asked: int = ASKED, shown: int = SHOWN) -> Iterator[Row]:
    """Yield the table's rows."""
    with tempfile.TemporaryDirectory(prefix="touchstone-bench-") as folder:
        path = Path(folder) / "tree"
        seal(path, units)
        tree = TreeFile(FileSource(path))
        wanted = [UnitId(GTIN, f"NEVER-{number}") for number in range(asked)]
        gaps = [absence.find(tree, unit) for unit in wanted]
        told = f"in a batch of {units:,}"
        found = paired(lambda: [absence.find(tree, unit) for unit in wanted], lambda: hashes(asked))
        yield Row(f"absence {told}, found", "one bare keccak", *per_item(found, asked), Limit(Kind.MICROSECONDS, 300))
        checked = paired(lambda: check(wanted, gaps), lambda: hashes(asked))
        yield Row(f"absence {told}, checked", "one bare keccak", *per_item(checked, asked), Limit(Kind.MICROSECONDS, 200))
        files = [written(unit, gap) for unit, gap in islice(zip(wanted, gaps, strict=True), shown)]
        sides = paired(lambda: repeat(files), lambda: repeat_alone(files), rounds=1)
        size = len(files[0])
        yield Row(f"absence file of {size:,} bytes, repeated", "by `verify.py` alone", *per_item(sides, shown))
        tree.close()


def check(units: Sequence[UnitId], gaps: Sequence[absence.BatchGap]) -> None:
    """See that every gap holds."""
    for unit, gap in zip(units, gaps, strict=True):
        absence.verify(gap, unit, REGISTRY_ID)


def seal(path: Path, units: int) -> Header:
    """Make a tree file of so many units, without their signatures, which no absence looks at."""
    hasher = BatchHasher(REGISTRY_ID, SALT, [(GTIN, LOT)])
    keyed = sorted((hasher.unit_key(0, b"S%d" % number), b"S%d" % number) for number in range(units))
    described = manifest.write(manifest.Manifest(REGISTRY_ID, encoding.salt_hash(SALT), (PRODUCT,)))
    empty = bytes(32)
    draft = Header(units, len(described), 0, SALT, empty, manifest.manifest_hash(described), empty, empty)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        growing.write(descriptor, draft.size - 1, b"\0")
        growing.write(descriptor, tree_file.HEADER.size, described)
        for first in range(0, units, AT_ONCE):
            part = keyed[first : first + AT_ONCE]
            packed = b"".join(tree_file.pack_unit(0, 0, serial, bytes(64)) for _, serial in part)
            growing.write(descriptor, draft.units_at + tree_file.UNIT.size * first, packed)
            made = [leaf(first + place, key, hasher.digest(0, serial), empty) for place, (key, serial) in enumerate(part)]
            growing.write(descriptor, growing.leaves_at(draft, first, len(part)), b"".join(reversed(made)))
    finally:
        os.close(descriptor)
    with Crew(lambda: None, workers=1) as crew:
        return growing.grow(path, draft, crew)


def written(unit: UnitId, gap: absence.BatchGap) -> bytes:
    """Return the absence file of a registry with one manufacturer and one batch."""
    issuer = Issuer(1, (profile.profile_hash(PROFILE),), 1, (ListedBatch(gap.seal, 1, 1),))
    listing = Listing(31337, CONTRACT, Block(2, keccak256(b"block"), 1_790_000_000), (issuer,))
    return absence_file.write(AbsenceFile(REGISTRY_ID, unit, (listing,), (PROFILE,), (gap,)))


def repeat(files: Sequence[bytes]) -> None:
    """Make every step of every file."""
    for raw in files:
        if absence_steps.repeat(raw)[1][-1].outcome is not absence_steps.Outcome.PASSED:
            raise NothingToMeasure("an absence file does not hold")


def repeat_alone(files: Sequence[bytes]) -> None:
    """Do the same with the standard library."""
    for raw in files:
        if not check_file(raw)[1][-1][1]:
            raise NothingToMeasure("an absence file does not hold for `verify.py`")


def hashes(count: int) -> None:
    """Hash two words, again and again."""
    word = bytes(64)
    for _ in range(count):
        keccak256(word)

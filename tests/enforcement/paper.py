"""A registry on paper for the tests of absence: real tree files, and deployments whose past a test writes down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from registry.enforcement.absence import Inquiry
from registry.enforcement.chronicle import Accredited, Anchored, ProfileVersion, Roll
from registry.errors import ChainUnavailable, MerkleError, TreeMissing
from registry.proofs import encoding, manifest, merkle, profile, tree_file
from registry.proofs.absence_file import Block
from registry.proofs.tree_file import FileSource, TreeFile
from registry.units.records import Record, UnitId
from tests.proofs import tree_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from registry.proofs.absence import Neighbour
    from registry.proofs.encoding import Opening

REGISTRY_ID: Final = encoding.keccak256(b"a registry on paper")
PRIVATE_KEY: Final = encoding.keccak256(b"a key on paper")
GTIN: Final = "09521001000017"
OTHER_GTIN: Final = "09521002000016"
LOT: Final = "P2609A"
ABSENT: Final = UnitId(GTIN, "NEVER-MADE-1")
CONTRACTS: Final = ("0x5FbDB2315678afecb367f032d93F642f64180aa3", "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512")
FINAL, HEAD = 100, 110


def block(number: int) -> Block:
    """Return a block that only its number makes."""
    return Block(number, encoding.keccak256(b"block %d" % number), 1_790_000_000 + 12 * number)


@dataclass
class PaperChronicle:
    """One deployment: what a test writes down of it."""

    chain_id: int = 31337
    contract: str = CONTRACTS[0]
    versions: dict[int, list[ProfileVersion]] = field(default_factory=dict)
    anchored: dict[int, list[Anchored]] = field(default_factory=dict)
    final: int = FINAL
    head: int = HEAD
    silent: set[str] = field(default_factory=set)
    """Names of the questions that get no answer."""
    asked: list[str] = field(default_factory=list)
    view_says: bool | None = None
    """What the contract's view answers; what is true, if none."""

    def roll(self) -> Roll:
        """Return every manufacturer."""
        self._asked("roll")
        known = tuple(Accredited(number, tuple(of)) for number, of in sorted(self.versions.items()))
        return Roll(block(self.head), block(self.final), known)

    def batches(self, number: int, head: Block) -> tuple[Anchored, ...]:
        """Return the batches of a manufacturer."""
        self._asked("batches")
        return tuple(one for one in self.anchored.get(number, ()) if one.block <= head.number)

    def block(self, number: int) -> Block:
        """Return a block."""
        self._asked("block")
        return block(number)

    def shows_absence(self, number: int, opening: Opening, unit_key: bytes, neighbours: Sequence[Neighbour]) -> bool:
        """Judge as the contract's view does."""
        self._asked("view")
        if self.view_says is not None:
            return self.view_says
        try:
            merkle.verify_absence(opening, unit_key, [(one.row, one.path) for one in neighbours])
        except MerkleError:
            return False
        return encoding.seal(opening) in {one.seal for one in self.anchored.get(number, ())}

    def _asked(self, name: str) -> None:
        self.asked.append(name)
        if name in self.silent:
            message = "the endpoint is silent"
            raise ChainUnavailable(message)


@dataclass
class PaperRegistry:
    """Some deployments and a store."""

    folder: Path
    chronicles: list[PaperChronicle] = field(default_factory=lambda: [PaperChronicle()])
    trees: dict[bytes, TreeFile] = field(default_factory=dict)
    profiles: dict[bytes, bytes] = field(default_factory=dict)

    def tree(self, seal: bytes) -> TreeFile:
        """Return a tree file, as the store does."""
        if seal not in self.trees:
            message = "there is no tree file of this seal"
            raise TreeMissing(message)
        return self.trees[seal]

    def profile(self, profile_hash: bytes) -> bytes | None:
        """Return a profile, as the store does."""
        return self.profiles.get(profile_hash)

    def accredit(self, number: int, *gtins: str, at: int = 10, of: int = 0) -> bytes:
        """Give a manufacturer a version of its profile that claims these GTINs."""
        names = {"en": f"Maker {number}"}
        raw = profile.write(profile.Profile(names, names, f"m{number}.example.com", (), gtins, "CN", "mail"))
        profile_hash = profile.profile_hash(raw)
        self.profiles[profile_hash] = raw
        self.chronicles[of].versions.setdefault(number, []).append(ProfileVersion(profile_hash, at))
        return profile_hash

    def seal(
        self,
        serials: Sequence[str],
        *,
        gtin: str = GTIN,
        salt: bytes | None = None,
        change: Callable[[list[tree_file.TreeUnit]], Sequence[tree_file.TreeUnit]] = tuple,
    ) -> bytes:
        """Seal units into a tree file of the store; returns the seal."""
        salt = salt or encoding.keccak256(repr(serials).encode())
        product = manifest.Product(gtin=gtin, lot=LOT, carrier="signed", names={"en": "Lamp"})
        described = manifest.write(manifest.Manifest(REGISTRY_ID, encoding.salt_hash(salt), (product,)))
        path = self.folder / salt.hex()
        units: list[tree_files.Unit] = [(Record(gtin, LOT, serial), None) for serial in serials]
        header = tree_files.write(path, units, described, salt, PRIVATE_KEY, change=change)
        self.trees[header.seal] = TreeFile(FileSource(path))
        return header.seal

    def anchor(self, number: int, seal: bytes, *, at: int = 20, attested: Sequence[int] = (), of: int = 0) -> bytes:
        """Anchor a batch, and have it attested in these blocks; returns the seal."""
        self.chronicles[of].anchored.setdefault(number, []).append(Anchored(seal, at, tuple(attested)))
        return seal

    def inquiry(self) -> Inquiry:
        """Ask this registry."""
        return Inquiry(REGISTRY_ID, self.chronicles, self)


def furnish(folder: Path) -> PaperRegistry:
    """Return a registry with a manufacturer that claims the GTIN and has two batches, one attested, and one that does not."""
    registry = PaperRegistry(folder)
    registry.accredit(1, "9521001")
    registry.accredit(2, "9521002")
    registry.anchor(1, registry.seal([f"A-{number}" for number in range(5)]), at=20, attested=(30,))
    registry.anchor(1, registry.seal(["B-1"]), at=40)
    registry.anchor(2, registry.seal(["C-1", "C-2"], gtin=OTHER_GTIN), at=50)
    return registry


def serials(count: int) -> Iterator[str]:
    """Yield so many serials."""
    return (f"S{number:06d}" for number in range(count))

"""A brand with a key, a profile and sealed batches, and a chain in memory that knows of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from registry.checking.deployments import Deployments
from registry.checking.trust import Trust
from registry.issuing.batches import State, StoredBatch
from registry.proofs import encoding, manifest, profile, signing
from registry.proofs.tree_file import FileSource, TreeFile
from registry.publishing.offer import Offer
from registry.units import identity
from registry.units.records import Record
from tests.chain.fake import FakeChain
from tests.proofs import tree_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from registry.proofs.tree_file import Header, TreeUnit

REGISTRY_ID: Final = encoding.keccak256(b"registry of the tests")
MANUFACTURER: Final = 7
RIVAL: Final = 8
PRIVATE_KEY: Final = encoding.keccak256(b"key of the brand")
KEY: Final = signing.address_of(PRIVATE_KEY)
RIVALS_PRIVATE_KEY: Final = encoding.keccak256(b"key of the rival")
RIVALS_KEY: Final = signing.address_of(RIVALS_PRIVATE_KEY)
LOT: Final = "L2609A"


def gtin(digits13: str) -> str:
    """Return a GTIN with its check digit."""
    return digits13 + identity.check_digit(digits13)


LAMP: Final = gtin("0952100100001")
CABLE: Final = gtin("0952100100002")
RIVALS: Final = gtin("0952100200001")
"""A GTIN that the other manufacturer claims."""


def a_profile(*gtins: str, name: str = "Larch") -> bytes:
    """Return the body of a profile that claims these GTINs."""
    return profile.write(
        profile.Profile({"en": f"{name} Ltd."}, {"en": name}, "larch.example", (), gtins, "CN", "ip@larch.example")
    )


PROFILE: Final = a_profile("9521001")
PROFILE_HASH: Final = profile.profile_hash(PROFILE)


def described(
    *products: tuple[str, str],
    salt: bytes,
    registry_id: bytes = REGISTRY_ID,
    committed_salt: bytes | None = None,
    pictures: tuple[str, ...] = (),
) -> bytes:
    """Return a manifest of these products and lots."""
    entries = tuple(
        manifest.Product(code, lot, "signed", {"en": f"Product {code}"}, pictures=pictures) for code, lot in sorted(products)
    )
    return manifest.write(manifest.Manifest(registry_id, encoding.salt_hash(committed_salt or salt), entries))


@dataclass(frozen=True)
class Made:
    """A batch that was sealed."""

    path: Path
    header: Header
    key: str = KEY
    manufacturer: int = MANUFACTURER

    @property
    def seal(self) -> bytes:
        """Its seal."""
        return self.header.seal

    @property
    def offer(self) -> Offer:
        """What its maker says of it."""
        return Offer(self.manufacturer, self.key, self.header)

    @property
    def parcel(self) -> bytes:
        """What is sent of it."""
        return self.path.read_bytes()[: self.header.nodes_at]

    @property
    def tree(self) -> TreeFile:
        """Its tree file."""
        return TreeFile(FileSource(self.path))

    def stored(self, state: State = State.ANCHORED) -> StoredBatch:
        """Return it as its maker's store has it."""
        opening = self.header.opening
        return StoredBatch(
            id=1,
            manufacturer=self.manufacturer,
            run="a run",
            fingerprint="0" * 64,
            key=self.key,
            seal=self.seal,
            root=opening.root,
            unit_count=opening.unit_count,
            manifest=self.tree.manifest_bytes,
            salt=self.header.salt,
            state=state,
            created_at=0,
            raw_transaction=None,
            transaction_hash=None,
            anchored_block=1,
            anchored_at=1,
        )


def make(
    folder: Path,
    name: str = "batch",
    count: int = 10,
    *,
    records: Sequence[Record] | None = None,
    attributes: Callable[[int], bytes | None] = lambda rank: b'{"colour":"red"}' if rank % 3 == 0 else None,
    sign: bytes | Callable[[bytes], bytes] = PRIVATE_KEY,
    change: Callable[[list[TreeUnit]], Sequence[TreeUnit]] = tuple,
    manifest_bytes: bytes | None = None,
    **manifest_changes: Any,
) -> Made:
    """Seal a batch whose serials begin with its name, as an honest manufacturer would unless something is changed."""
    salt = encoding.keccak256(f"salt of {name}".encode())
    units = list(records or (Record(LAMP if rank % 2 else CABLE, LOT, f"{name}-{rank:05d}") for rank in range(count)))
    raw = manifest_bytes or described(*{(unit.gtin, unit.lot) for unit in units}, salt=salt, **manifest_changes)
    path = folder / f"{name}.tree"
    header = tree_files.write(
        path, [(unit, attributes(rank)) for rank, unit in enumerate(units)], raw, salt, sign, change=change
    )
    return Made(path, header)


def a_chain() -> FakeChain:
    """Return a chain on which both manufacturers are accredited, and have a key."""
    chain = FakeChain()
    chain.accredit(MANUFACTURER, f"0x{'7' * 40}", PROFILE_HASH, "https://larch.example/profile.json")
    chain.accredit(RIVAL, f"0x{'8' * 40}", profile.profile_hash(a_profile("9521002")), "https://rival.example/profile.json")
    chain.add_key(MANUFACTURER, KEY)
    chain.add_key(RIVAL, RIVALS_KEY)
    return chain


def asking(chain: FakeChain) -> Deployments:
    """Return what is asked of a chain."""
    return Deployments(Trust(REGISTRY_ID, (chain.deployment,)), [chain])


@dataclass
class Books:
    """What a desk knows of its registry's store."""

    batches: dict[bytes, StoredBatch] = field(default_factory=dict)
    profiles: dict[bytes, bytes] = field(default_factory=lambda: {PROFILE_HASH: PROFILE})
    fault: Exception | None = None

    def batch(self, seal: bytes) -> StoredBatch | None:
        """Return a batch, or none."""
        self._asked()
        return self.batches.get(seal)

    def profile(self, profile_hash: bytes) -> bytes | None:
        """Return a profile, or none."""
        self._asked()
        return self.profiles.get(profile_hash)

    def _asked(self) -> None:
        if self.fault:
            raise self.fault


def replace_header(made: Made, **changes: Any) -> Made:
    """Return a batch whose maker says something else in its header."""
    return replace(made, header=replace(made.header, **changes))

"""A small registry for tests: two manufacturers with real keys, signatures and trees, on a chain made of dictionaries.

Everything is real except the chain, whose facts a test writes down as it needs them, and the store, which is a pair of
dictionaries. A test changes one thing and looks at the verdict.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Final

from registry.checking.claims import ClaimedBatch, ClaimedUnit
from registry.checking.trust import (
    Anchor,
    BatchFacts,
    Deployment,
    KeyFacts,
    ManufacturerFacts,
    ProfileFacts,
    Reason,
    Seen,
    Trust,
    Withdrawal,
)
from registry.checking.verifier import Verifier
from registry.errors import ChainUnavailable, StoreUnavailable
from registry.issuing.products import Products
from registry.issuing.sealing import seal_batch
from registry.proofs import encoding, manifest, merkle, profile, signing
from registry.units import identity, links, serials
from registry.units.records import Record, UnitId
from tests.issuing import samples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from registry.issuing.sealing import SealedBatch, UnitSigner

REGISTRY_ID: Final = encoding.keccak256(b"a registry for tests")
HOST: Final = "verify.example.org"
BASE: Final = f"https://{HOST}"
DAY: Final = 86_400
NOW: Final = 1_790_000_000
KEYS_ADDED: Final = NOW - 100 * DAY
ANCHORED: Final = NOW - 50 * DAY
FAR: Final = NOW + 1000 * DAY
DEPLOYMENT: Final = Deployment(31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3", 1, encoding.keccak256(b"code"))
OLD_DEPLOYMENT: Final = Deployment(31337, "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512", 1, encoding.keccak256(b"old code"))


def private_key(name: str) -> bytes:
    """Return a key that only its name makes."""
    return encoding.keccak256(name.encode())


def address(name: str) -> str:
    """Return the address of the key of this name."""
    return signing.address_of(private_key(name))


def gtin(digits13: str) -> str:
    """Return a GTIN with its check digit."""
    return digits13 + identity.check_digit(digits13)


SCOOTER: Final = gtin("0952100100001")
SCREW: Final = gtin("0952100100002")
LIQUOR: Final = gtin("0952100200001")
HERB: Final = gtin("0952100200002")
STRANGE: Final = gtin("0952100900001")
"""A GTIN that no profile claims."""


@dataclass
class Slot:
    """What one deployment holds of one seal."""

    anchor: Anchor | None
    final: bool = True
    endorsed: bool = False
    attestations: int = 0
    batch_withdrawal: Withdrawal | None = None
    unit_withdrawals: dict[int, list[Withdrawal]] = field(default_factory=dict)


@dataclass
class PaperChain:
    """One deployment whose facts are written down by the test."""

    deployment: Deployment = DEPLOYMENT
    keys: dict[str, KeyFacts] = field(default_factory=dict)
    manufacturers: dict[int, ManufacturerFacts] = field(default_factory=dict)
    slots: dict[tuple[int, bytes], Slot] = field(default_factory=dict)
    official: tuple[str, ...] = (HOST,)
    seen: Seen = field(default_factory=lambda: Seen(1000, NOW - 5, 1.0, stale=False))
    silent: set[str] = field(default_factory=set)
    """Names of the calls that cannot be asked."""
    error: Exception = field(default_factory=lambda: ChainUnavailable("the endpoint is silent"))
    calls: list[str] = field(default_factory=list)

    def _asked(self, name: str) -> None:
        self.calls.append(name)
        if name in self.silent:
            raise self.error

    def as_of(self) -> Seen | None:
        """Each answer says by itself how old it is."""
        return None

    def batch(self, manufacturer: int, seal: bytes, signer: str) -> BatchFacts:
        """Return everything batch-wide."""
        self._asked("batch")
        slot = self._slot(manufacturer, seal)
        owner = self.manufacturers.get(manufacturer, ManufacturerFacts(manufacturer, "", 0, 0, 0, ()))
        at = slot.anchor.time if slot.anchor else NOW
        in_force = [version.profile_hash for version in owner.profiles if version.since <= at]
        return BatchFacts(
            anchor=slot.anchor if slot.final else None,
            pending_anchor=None if slot.final else slot.anchor,
            endorsed=slot.endorsed,
            attestations=slot.attestations,
            batch_withdrawal=self._reviewed(slot.batch_withdrawal) if slot.batch_withdrawal else None,
            any_units_withdrawn=bool(slot.unit_withdrawals),
            manufacturer=owner,
            anchor_key=self._key(slot.anchor.key) if slot.anchor else None,
            signer_key=self._key(signer),
            profile_hash=in_force[-1] if in_force else bytes(32),
            seen=self.seen,
        )

    def key(self, address: str) -> KeyFacts:
        """Return a key, or nobody's."""
        self._asked("key")
        return replace(self._key(address), seen=self.seen)

    def manufacturer(self, number: int) -> ManufacturerFacts:
        """Return a manufacturer, or nobody."""
        self._asked("manufacturer")
        return replace(self.manufacturers.get(number, ManufacturerFacts(number, "", 0, 0, 0, ())), seen=self.seen)

    def unit_withdrawals(self, manufacturer: int, seal: bytes, index: int) -> tuple[Withdrawal, ...]:
        """Return the withdrawals of one unit."""
        self._asked("unit_withdrawals")
        return tuple(self._reviewed(one) for one in self._slot(manufacturer, seal).unit_withdrawals.get(index, ()))

    def domains(self) -> tuple[str, ...]:
        """Return the official domains."""
        self._asked("domains")
        return self.official

    def anchor_transaction(self, manufacturer: int, seal: bytes) -> str | None:
        """Return a transaction hash."""
        self._asked("anchor_transaction")
        return "0x" + encoding.keccak256(bytes([manufacturer]) + seal).hex()

    def _slot(self, manufacturer: int, seal: bytes) -> Slot:
        return self.slots.get((manufacturer, seal), Slot(None))

    def _key(self, address: str) -> KeyFacts:
        return self.keys.get(address, KeyFacts(address, 0, 0, 0, 0, 0, 0))

    def _reviewed(self, withdrawal: Withdrawal) -> Withdrawal:
        return replace(withdrawal, key_compromised=self._key(withdrawal.key).compromised_at(withdrawal.time))


@dataclass
class Shelf:
    """A store made of dictionaries."""

    units: dict[UnitId, ClaimedUnit] = field(default_factory=dict)
    profiles: dict[bytes, bytes] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    error: Exception = field(default_factory=lambda: StoreUnavailable("the database is gone"))

    def find(self, unit: UnitId) -> ClaimedUnit | None:
        """Return the unit of exactly this identity."""
        self._asked("find")
        return self.units.get(unit)

    def profile(self, profile_hash: bytes) -> bytes | None:
        """Return the profile of this hash."""
        self._asked("profile")
        return self.profiles.get(profile_hash)

    def find_typed(self, folded: str, gtin: str | None) -> tuple[UnitId, ...]:
        """Return the units that read like this one."""
        self._asked("find_typed")
        alike = (unit for unit in self.units if serials.fold(unit.serial) == folded)
        return tuple(sorted(unit for unit in alike if gtin in (None, unit.gtin)))

    def _asked(self, name: str) -> None:
        if name in self.silent:
            raise self.error


def product(gtin: str, lot: str, *, carrier: str = "signed") -> manifest.Product:
    """Return what a manifest says of a product."""
    return manifest.Product(
        gtin=gtin,
        lot=lot,
        carrier=carrier,  # type: ignore[arg-type]  # a literal in the protocol, a parameter here
        names={"en": f"Product {gtin}"},
        model="M1",
        produced="2026-08-01",
        expires="2029-08-01",
        markets=("CN",),
        pictures=(),
        trademarks=("TM 1",),
        recordals=(),
        serialised_since="2026-01-01",
    )


def seal(
    records: Sequence[Record],
    key: str,
    *,
    manufacturer: int,
    carriers: Mapping[str, str] | None = None,
    supersedes: bytes | None = None,
    registry_id: bytes = REGISTRY_ID,
    committed_registry_id: bytes | None = None,
    committed_salt: bytes | None = None,
) -> dict[UnitId, ClaimedUnit]:
    """Seal records as the manufacturer's machine does, signed with the key of this name; returns what a store would hold.

    A dishonest manufacturer's manifest may commit another registry or another salt than the one that was used.
    """
    salt = encoding.keccak256(f"salt of {key} {records}".encode())
    ordered = sorted(records, key=lambda record: encoding.unit_key(salt, record.id))
    hasher = encoding.RecordHasher(registry_id)
    digests = [hasher.digest(record) for record in ordered]
    nothing = encoding.attributes_hash(None)
    rows = [
        encoding.Row(index, encoding.unit_key(salt, record.id), digest, nothing)
        for index, (record, digest) in enumerate(zip(ordered, digests, strict=True))
    ]
    nodes = merkle.build([encoding.leaf(row) for row in rows])
    lots = sorted({(record.gtin, record.lot) for record in records})
    carriers = carriers or {}
    products = tuple(product(code, lot, carrier=carriers.get(code, "signed")) for code, lot in lots)
    described = manifest.Manifest(
        committed_registry_id or registry_id, encoding.salt_hash(committed_salt or salt), products, supersedes
    )
    raw = manifest.write(described)
    opening = encoding.Opening(merkle.root(nodes), len(rows), manifest.manifest_hash(raw))
    batch = ClaimedBatch(manufacturer, encoding.seal(opening), opening.root, opening.unit_count, raw, salt)
    return {
        record.id: ClaimedUnit(
            gtin=record.gtin,
            lot=record.lot,
            serial=record.serial,
            index=index,
            signature=signing.sign(digest, private_key(key)),
            attributes=None,
            proof=merkle.path(nodes, index, len(rows)),
            batch=batch,
        )
        for index, (record, digest) in enumerate(zip(ordered, digests, strict=True))
    }


def issue(
    folder: Path,
    records: Sequence[Record],
    signer: UnitSigner,
    *,
    carriers: Mapping[str, str] | None = None,
    registry_id: bytes = REGISTRY_ID,
) -> SealedBatch:
    """Seal records with the program of the manufacturers, for a real store; every other unit has attributes.

    The batch's file is in a folder of its own below this one.
    """
    carriers = carriers or {}
    entries = {
        (record.gtin, record.lot): product(record.gtin, record.lot, carrier=carriers.get(record.gtin, "signed"))
        for record in records
    }
    units = [(record, (("colour", "red"),) if place % 2 else ()) for place, record in enumerate(records)]
    taken = samples.intake(folder, units)
    return seal_batch(
        taken,
        Products(entries, frozenset({"colour"}), frozenset(), {}, bytes(32)),
        signer,
        registry_id,
        taken.spool.folder,
        random=lambda length: encoding.keccak256(f"random {records}".encode())[:length],
    )


@dataclass
class World:
    """Two manufacturers, each with a batch on the chain that holds a signed and a compact product."""

    chain: PaperChain
    shelf: Shelf
    more_chains: list[PaperChain] = field(default_factory=list)

    scooter: ClassVar = Record(SCOOTER, "L1", "4D2A9KXQ7M1TZ0BC")
    screw: ClassVar = Record(SCREW, "L2", "6E3B8JWP5N2SY1CD")
    liquor: ClassVar = Record(LIQUOR, "L3", "7F4C9HVR6P3TX2DE")
    herb: ClassVar = Record(HERB, "L4", "8G5D1GTS7Q4VW3EF")

    @property
    def trust(self) -> Trust:
        """The operator's settings: every deployment."""
        return Trust(REGISTRY_ID, tuple(chain.deployment for chain in (self.chain, *self.more_chains)))

    def verifier(self) -> Verifier:
        """Return a verifier over this world at `NOW`."""
        return Verifier(self.trust, (self.chain, *self.more_chains), self.shelf, clock=lambda: NOW)

    def stored(self, record: Record) -> ClaimedUnit:
        """Return what the store holds of a record."""
        return self.shelf.units[record.id]

    def link(self, record: Record, base: str = BASE) -> str:
        """Return the signed link of a stored unit."""
        return links.build(base, record, self.stored(record).signature)

    def signed_link(self, record: Record, key: str, base: str = BASE) -> str:
        """Return a link that the key of this name signed."""
        digest = encoding.RecordHasher(REGISTRY_ID).digest(record)
        return links.build(base, record, signing.sign(digest, private_key(key)))

    def slot(self, record: Record) -> Slot:
        """Return what the current deployment holds of a unit's batch."""
        batch = self.stored(record).batch
        return self.chain.slots[batch.manufacturer, batch.seal]

    def add_key(self, name: str, manufacturer: int, chain: PaperChain | None = None) -> None:
        """Register the key of this name."""
        where = chain or self.chain
        where.keys[address(name)] = KeyFacts(address(name), manufacturer, 3, KEYS_ADDED, FAR, 0, 0)

    def change_key(self, name: str, **changes: int) -> None:
        """Change facts of a key."""
        key = self.chain.keys[address(name)]
        self.chain.keys[address(name)] = replace(key, **changes)  # type: ignore[arg-type]  # only its numbers are changed

    def suspend(self, manufacturer: int, chain: PaperChain | None = None) -> None:
        """Suspend a manufacturer."""
        where = chain or self.chain
        where.manufacturers[manufacturer] = replace(where.manufacturers[manufacturer], suspended_at=NOW - DAY)

    def accredit(self, manufacturer: int, *gtins: str, chain: PaperChain | None = None, since: int = KEYS_ADDED) -> bytes:
        """Accredit a manufacturer, or give it another profile, with claims on these GTINs; returns the profile's hash."""
        where = chain or self.chain
        raw = profile.write(
            profile.Profile(
                legal_name={"en": f"Manufacturer {manufacturer}"},
                brand={"en": f"Brand {manufacturer}"},
                domain=f"m{manufacturer}.example.com",
                trademarks=(),
                gtins=gtins,
                country="CN",
                contact=f"contact@m{manufacturer}.example.com",
            )
        )
        profile_hash = profile.profile_hash(raw)
        self.shelf.profiles[profile_hash] = raw
        known = where.manufacturers.get(manufacturer)
        before = known.profiles if known else ()
        versions = (*before, ProfileFacts(profile_hash, since, "https://example.com/profile.json"))
        controller = address(f"controller {manufacturer}")
        where.manufacturers[manufacturer] = ManufacturerFacts(manufacturer, controller, KEYS_ADDED, 0, 1, versions)
        return profile_hash

    def add(
        self, sealed: dict[UnitId, ClaimedUnit], key: str, *, time: int = ANCHORED, chain: PaperChain | None = None
    ) -> None:
        """Store sealed units and anchor their batch with the key of this name."""
        self.shelf.units |= sealed
        self.anchor(next(iter(sealed.values())).batch, key, time=time, chain=chain)

    def anchor(self, batch: ClaimedBatch, key: str, *, time: int = ANCHORED, chain: PaperChain | None = None) -> None:
        """Anchor a batch with the key of this name."""
        (chain or self.chain).slots[batch.manufacturer, batch.seal] = Slot(Anchor(address(key), time, 900))

    def withdraw(
        self, record: Record, reason: Reason, *, whole_batch: bool = False, key: str = "", at: int = NOW - DAY
    ) -> None:
        """Withdraw a unit or its batch."""
        unit = self.stored(record)
        who = address(key or f"key {unit.batch.manufacturer}")
        withdrawal = Withdrawal(reason, who, at, whole_batch=whole_batch, key_compromised=False)
        if whole_batch:
            self.slot(record).batch_withdrawal = withdrawal
        else:
            self.slot(record).unit_withdrawals.setdefault(unit.index, []).append(withdrawal)

    def old_deployment(self) -> PaperChain:
        """Add an earlier deployment that knows the same manufacturers and keys, and no batch."""
        old = PaperChain(OLD_DEPLOYMENT, dict(self.chain.keys), dict(self.chain.manufacturers))
        self.more_chains.append(old)
        return old


def make_world() -> World:
    """Return the world as every test finds it."""
    world = World(PaperChain(), Shelf())
    world.accredit(1, "9521001")
    world.accredit(2, "9521002")
    world.add_key("key 1", 1)
    world.add_key("key 2", 2)
    compact = {SCREW: "compact", HERB: "compact"}
    others = [Record(SCOOTER, "L1", f"S-{number}") for number in range(3)]
    world.add(seal([world.scooter, world.screw, *others], "key 1", manufacturer=1, carriers=compact), "key 1")
    world.add(seal([world.liquor, world.herb], "key 2", manufacturer=2, carriers=compact), "key 2")
    return world

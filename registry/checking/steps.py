"""The low-level checks of the verifier: each returns what it proved, or raises. None of them makes a verdict.

What comes out of our own store is a claim (`registry.checking.claims`). `follow_to_seal` turns it into a `SealedUnit` by
hashing it up to a seal; whether that seal is anchored, by whom and when, is then a question to the chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from registry.errors import DocumentError, IdentityError, MerkleError, SealError, SignatureError, StoreDamaged
from registry.proofs import encoding, manifest, merkle, profile, signing
from registry.units import identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from registry.checking.claims import ClaimedBatch, ClaimedUnit, Records
    from registry.checking.trust import Withdrawal
    from registry.proofs.manifest import Manifest, Product
    from registry.units.links import Link
    from registry.units.records import Record

SHORT: Final = 2**12
"""Bytes of a document: those of most batches are shorter."""
SHORT_REMEMBERED: Final = 16_384
LONG: Final = 2**16
"""Bytes of a document: longer ones are rare, and would fill the memory."""
LONG_REMEMBERED: Final = 256


@dataclass(frozen=True, slots=True)
class SignedRecord:
    """A record with its signature and the address that made it; whose address that is, only the chain can say."""

    record: Record
    digest: bytes
    signature: bytes
    """64 bytes, EIP-2098."""
    signer: str
    """EIP-55 address."""


@dataclass(frozen=True, slots=True)
class SealedUnit:
    """A signed record that was followed up to a seal. Everything here is bound by the seal, except who anchored it."""

    signed: SignedRecord
    manufacturer: int
    """Who is said to have anchored the seal: the chain confirms it or knows no such anchor."""
    seal: bytes
    opening: encoding.Opening
    row: encoding.Row
    leaf: bytes
    path: tuple[bytes, ...]
    salt: bytes
    manifest: Manifest
    manifest_bytes: bytes
    product: Product


@dataclass(frozen=True, slots=True)
class OpenedBatch:
    """What a stored batch's own bytes say, seen to be of one seal."""

    opening: encoding.Opening
    manifest: Manifest
    products: Mapping[tuple[str, str], Product]
    """By GTIN and lot."""


def signed_by(record: Record, signature: bytes, registry_id: bytes) -> SignedRecord:
    """Recover the address that signed a record.

    Recovery yields *some* address for nearly any bytes: an address that is nobody's key has signed nothing (protocol § 3).

    Raises `SignatureError` if the signature is malformed, high-s or gives no address.
    """
    digest = _hasher(registry_id).digest(record)
    return SignedRecord(record, digest, signature, signing.recover(digest, signature))


def compare(claimed: ClaimedUnit, link: Link, signed: SignedRecord, manufacturer: int) -> None:
    """Compare a stored unit with the signed link that asked for it.

    The link's own signature was recovered before, so a difference is damage of our store and says nothing about the link.

    Raises `StoreDamaged` if they differ.
    """
    if claimed.lot != link.lot:
        differs = "lot"
    elif claimed.signature != signed.signature:
        differs = "signature"
    elif claimed.batch.manufacturer != manufacturer:
        differs = "manufacturer"
    else:
        return
    raise StoreDamaged(f"the stored {differs} is not the one that the link's signature vouches for")


def follow_to_seal(
    claimed: ClaimedUnit, record: Record, registry_id: bytes, *, signed: SignedRecord | None = None
) -> SealedUnit:
    """Follow a stored unit from its signature to its seal: digest, row, leaf, path, root, manifest, salt (protocol § 4).

    `record` is what was asked for, never what was found: an answer about another unit is refused. `signed` is the same record
    with the label's own signature, if it carries one: otherwise the stored signature is recovered.

    Raises `StoreDamaged` if any part does not fit the next: no other outcome follows from what our own store says.
    """
    if (claimed.gtin, claimed.serial, claimed.lot) != (record.gtin, record.serial, record.lot):
        raise StoreDamaged("the store answered with a unit other than the one that was asked for")
    try:
        signed = signed or signed_by(record, claimed.signature, registry_id)
        return _follow(claimed, signed, registry_id)
    except (SignatureError, MerkleError, SealError, DocumentError, IdentityError) as error:
        raise StoreDamaged(f"the stored proof does not hold: {error.message}") from error


def _follow(claimed: ClaimedUnit, signed: SignedRecord, registry_id: bytes) -> SealedUnit:
    record, batch = signed.record, claimed.batch
    opened = _open_short(batch, registry_id) if len(batch.manifest) <= SHORT else _open_long(batch, registry_id)
    product = opened.products.get((record.gtin, record.lot))
    if product is None:
        raise SealError("the manifest does not name the unit's product and lot")
    row = encoding.Row(
        claimed.index,
        encoding.unit_key(batch.salt, record.id),
        signed.digest,
        claimed.attributes_hash or encoding.attributes_hash(claimed.attributes),
    )
    leaf = merkle.verify_presence(opened.opening, row, claimed.proof)
    return SealedUnit(
        signed=signed,
        manufacturer=batch.manufacturer,
        seal=batch.seal,
        opening=opened.opening,
        row=row,
        leaf=leaf,
        path=claimed.proof,
        salt=batch.salt,
        manifest=opened.manifest,
        manifest_bytes=batch.manifest,
        product=product,
    )


def open_batch(batch: ClaimedBatch, registry_id: bytes) -> OpenedBatch:
    """Read a stored batch's manifest, and see that it, root, count and salt belong to its seal.

    Raises `SealError` or `DocumentError` if any of them does not fit.
    """
    described = manifest.read_once(batch.manifest)
    if described.registry_id != registry_id:
        raise SealError("the manifest belongs to another registry")
    if described.salt_hash != encoding.salt_hash(batch.salt):
        raise SealError("the salt is not the one that the manifest commits")
    opening = encoding.Opening(batch.root, batch.unit_count, manifest.manifest_hash(batch.manifest))
    if encoding.seal(opening) != batch.seal:
        raise SealError("root, count and manifest do not give the seal")
    return OpenedBatch(opening, described, {(product.gtin, product.lot): product for product in described.products})


def read_profile(records: Records, profile_hash: bytes) -> profile.Profile | None:
    """Return the profile that the chain knows by this hash; none if our copy of it is missing or damaged.

    Raises `StoreUnavailable` if the store could not be asked.
    """
    try:
        raw = records.profile(profile_hash) or b""
        found, read = _hashed_profile(raw) if len(raw) <= LONG else _hash_profile(raw)
    except (StoreDamaged, DocumentError):
        return None
    return read if found == profile_hash else None


def _hash_profile(raw: bytes) -> tuple[bytes, profile.Profile]:
    return profile.profile_hash(raw), profile.read(raw)


# Most of the time of a check would go into reading documents again that say the same every time: what bytes say depends on
# nothing else, so that remembering it trusts nobody. What raises is not remembered.
_hasher = lru_cache(LONG_REMEMBERED)(encoding.RecordHasher)
_open_short = lru_cache(SHORT_REMEMBERED)(open_batch)
_remember_long = lru_cache(LONG_REMEMBERED)(open_batch)
_hashed_profile = lru_cache(LONG_REMEMBERED)(_hash_profile)
claims = lru_cache(SHORT_REMEMBERED)(identity.claims)
"""Whether a GTIN is among what a manufacturer claims."""


def _open_long(batch: ClaimedBatch, registry_id: bytes) -> OpenedBatch:
    return (_remember_long if len(batch.manifest) <= LONG else open_batch)(batch, registry_id)


def gravest(withdrawals: Iterable[Withdrawal]) -> Withdrawal | None:
    """Return the withdrawal that counts: one that is not under review before one that is, then by reason, then the oldest."""
    return min(withdrawals, key=lambda one: (one.key_compromised, one.reason, one.time), default=None)

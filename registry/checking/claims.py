"""What our own store claims about a unit: untrusted until the verifier has checked it against the chain.

Nothing of these types may say yes. The verifier turns them into facts by hashing them up to an anchored seal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from registry.proofs.profile import profile_hash as hash_of

if TYPE_CHECKING:
    from registry.units.records import UnitId

MOST_PROFILES: Final = 4096


@dataclass(frozen=True, slots=True)
class ClaimedBatch:
    """A batch as stored."""

    manufacturer: int
    seal: bytes
    root: bytes
    unit_count: int
    manifest: bytes
    """The manifest's RFC 8785 bytes."""
    salt: bytes
    """32 bytes; its keccak256 is the manifest's `saltHash`."""


@dataclass(frozen=True, slots=True)
class ClaimedUnit:
    """A unit as stored, with its path in its batch's tree."""

    gtin: str
    lot: str
    serial: str
    index: int
    signature: bytes
    """64 bytes, EIP-2098."""
    attributes: bytes | None
    """RFC 8785 bytes of the attributes, or none."""
    proof: tuple[bytes, ...]
    """Sibling hashes, leaf to root."""
    batch: ClaimedBatch
    attributes_hash: bytes | None = None
    """The hash of the attributes, where only that is told: in a proof file."""


class Records(Protocol):
    """What a verifier asks of a store. Both methods raise `StoreUnavailable` or `StoreDamaged`."""

    def find(self, unit: UnitId) -> ClaimedUnit | None:
        """Return the stored unit of exactly this identity, or none."""

    def profile(self, profile_hash: bytes) -> bytes | None:
        """Return the RFC 8785 bytes of the profile of this hash, or none."""


class KeptProfiles:
    """Records whose profiles are asked for once: a body that has the hash that was asked for can never be another one."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._kept: dict[bytes, bytes] = {}

    def find(self, unit: UnitId) -> ClaimedUnit | None:
        """Return the stored unit of exactly this identity, or none."""
        return self._records.find(unit)

    def profile(self, profile_hash: bytes) -> bytes | None:
        """Return the bytes of the profile of this hash, or none; what has another hash is given, and not kept."""
        if (kept := self._kept.get(profile_hash)) is not None:
            return kept
        body = self._records.profile(profile_hash)
        if body is not None and hash_of(body) == profile_hash:
            if len(self._kept) >= MOST_PROFILES:
                self._kept.clear()
            self._kept[profile_hash] = body
        return body

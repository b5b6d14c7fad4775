"""What our own store claims about a unit: untrusted until the verifier has checked it against the chain.

Nothing of these types may say yes. The verifier turns them into facts by hashing them up to an anchored seal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from registry.units.records import UnitId


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

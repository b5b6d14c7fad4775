"""What a verdict rests on: the operator's settings and what the chain says. Only these types may say yes.

`Trust` is fixed by the operator and never read from the database. `ChainFacts` is what a verifier asks of one deployment;
`registry.chain.reader.ChainReader` answers it from a real chain.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal, Protocol

Finality = Literal["finalized", "safe", "latest"]


@dataclass(frozen=True, slots=True)
class Deployment:
    """One contract that belongs to the registry."""

    chain_id: int
    contract: str
    """EIP-55 address."""
    block: int
    """The block of its creation: logs are asked from here on."""
    code_hash: bytes
    """keccak256 of the deployed code."""


@dataclass(frozen=True, slots=True)
class Trust:
    """The operator's settings: which registry, which contracts, how final, how fresh."""

    registry_id: bytes
    deployments: tuple[Deployment, ...]
    """Every deployment of the registry, the current one first: a suspension or withdrawal in any of them counts."""
    finality: Finality = "finalized"
    fresh_seconds: float = 10.0
    """Changeable facts younger than this are not asked again."""
    stale_seconds: float = 600.0
    """While the chain is silent, facts up to this age are still used, and their age is said."""
    production: bool = False
    """Whether labels in the world depend on this registry: it is never deployed on a development chain."""


class Reason(enum.IntEnum):
    """Why units are withdrawn: the contract's `Reason`, in order of precedence."""

    NONE = 0
    RECALLED = 1
    STOLEN = 2
    DESTROYED = 3
    VOID = 4
    COPIED = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """When a fact was read: the block asked, its time, and how long ago we asked."""

    block: int
    block_time: int
    """Unix seconds."""
    age_seconds: float
    """Seconds since the chain was asked."""
    stale: bool
    """Whether the chain is silent now and this is its last known answer."""


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A key as the contract knows it; `manufacturer` 0 means the address is nobody's."""

    address: str
    manufacturer: int
    permissions: int
    not_before: int
    not_after: int
    revoked_at: int
    compromised_since: int
    seen: Seen | None = None
    """When this was read; none inside `BatchFacts`, which says it for the whole answer."""

    def valid_at(self, time: int) -> bool:
        """Say whether the key was in its window and not revoked at that time (compromise is another question)."""
        in_window = self.manufacturer != 0 and self.not_before <= time <= self.not_after
        return in_window and (self.revoked_at == 0 or time < self.revoked_at)

    def compromised_at(self, time: int) -> bool:
        """Say whether the key may have been in other hands at that time."""
        return self.compromised_since != 0 and time >= self.compromised_since


@dataclass(frozen=True, slots=True)
class ProfileFacts:
    """One version of a manufacturer's profile."""

    profile_hash: bytes
    since: int
    uri: str


@dataclass(frozen=True, slots=True)
class ManufacturerFacts:
    """A manufacturer as the contract knows it; `accredited_at` 0 means the number is unknown."""

    number: int
    controller: str
    accredited_at: int
    suspended_at: int
    batch_count: int
    profiles: tuple[ProfileFacts, ...]
    """Oldest first."""
    seen: Seen | None = None
    """When this was read; none inside `BatchFacts`, which says it for the whole answer."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A seal's entry on the chain."""

    key: str
    time: int
    """Unix seconds of the block."""
    block: int


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A withdrawal that stands: of the whole batch or of one unit."""

    reason: Reason
    key: str
    time: int
    whole_batch: bool
    key_compromised: bool
    """The withdrawing key may have been in other hands at that time: the withdrawal itself is under review."""


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """Everything batch-wide, from one status call."""

    anchor: Anchor | None
    """At the configured finality."""
    pending_anchor: Anchor | None
    """At `latest`, where it is not final yet."""
    endorsed: bool
    attestations: int
    batch_withdrawal: Withdrawal | None
    any_units_withdrawn: bool
    manufacturer: ManufacturerFacts
    anchor_key: KeyFacts | None
    signer_key: KeyFacts
    profile_hash: bytes
    """The profile in force at the anchor, or the latest."""
    seen: Seen | None
    """None where it came from memory: see `ChainFacts.as_of`."""


class ChainFacts(Protocol):
    """What a verifier asks of one deployment. Every method raises `ChainUnavailable` or `WrongChain`, and never guesses."""

    @property
    def deployment(self) -> Deployment:
        """The contract that answers."""

    def as_of(self) -> Seen | None:
        """Return as of when what it remembers is true, and how old that is by now; none if it remembers nothing now.

        An answer whose `seen` is none came from memory, and is as old as this said before it.
        """

    def batch(self, manufacturer: int, seal: bytes, signer: str) -> BatchFacts:
        """Return everything batch-wide; unknown things come back empty."""

    def key(self, address: str) -> KeyFacts:
        """Return a key as of `latest`."""

    def manufacturer(self, number: int) -> ManufacturerFacts:
        """Return a manufacturer with all versions of its profile."""

    def unit_withdrawals(self, manufacturer: int, seal: bytes, index: int) -> tuple[Withdrawal, ...]:
        """Return the withdrawals of one unit that stand, in order of precedence."""

    def domains(self) -> tuple[str, ...]:
        """Return the official verifier domains, lower case, with a port where one is set."""

    def anchor_transaction(self, manufacturer: int, seal: bytes) -> str | None:
        """Return the hash (0x...) of the transaction that anchored a seal, from the contract's events, or none."""

"""What is asked of a deployment about its whole past: who was accredited, with which profiles, and every batch of theirs.

All of it comes from the contract's events, each with its block, so that what stood at any earlier block can be told later from
the same answer. Events can be left out; what the contract counts cannot: see `registry.chain.annals`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.proofs.absence import Neighbour
    from registry.proofs.absence_file import Block
    from registry.proofs.encoding import Opening


@dataclass(frozen=True, slots=True)
class ProfileVersion:
    """A version of a manufacturer's profile."""

    profile_hash: bytes
    block: int
    """From which it was in force."""


@dataclass(frozen=True, slots=True)
class Accredited:
    """A manufacturer that was ever accredited."""

    number: int
    versions: tuple[ProfileVersion, ...]
    """Of its profile, oldest first; the first came with the accreditation."""


@dataclass(frozen=True, slots=True)
class Anchored:
    """A batch that was anchored."""

    seal: bytes
    block: int
    attested: tuple[int, ...]
    """The blocks in which witnesses attested it."""


@dataclass(frozen=True, slots=True)
class Roll:
    """Every manufacturer that a deployment ever accredited, as of its newest block."""

    head: Block
    final: Block
    """The newest block at the finality that was asked for."""
    manufacturers: tuple[Accredited, ...]
    """By number."""


class Chronicle(Protocol):
    """What is asked of one deployment. Every method raises `ChainUnavailable` or `WrongChain`, and never guesses."""

    @property
    def chain_id(self) -> int:
        """The chain's number."""

    @property
    def contract(self) -> str:
        """The contract's EIP-55 address."""

    def roll(self) -> Roll:
        """Return every manufacturer, each with as many versions of its profile as the contract holds."""

    def batches(self, number: int, head: Block) -> tuple[Anchored, ...]:
        """Return every batch of a manufacturer up to a block, by number, as many as the contract counted there."""

    def block(self, number: int) -> Block:
        """Return the block of a number."""

    def shows_absence(self, number: int, opening: Opening, unit_key: bytes, neighbours: Sequence[Neighbour]) -> bool:
        """Ask the contract's own view whether rows show that a manufacturer's batch has no unit of a key."""

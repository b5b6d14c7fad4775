"""A batch on its way from the packing line to the chain: its states, and how it looks once it is stored."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.units.records import UnitId


class State(enum.StrEnum):
    """Where a batch is."""

    SEALED = "sealed"
    """Signed, sealed and stored; nothing was paid."""
    SUBMITTED = "submitted"
    """A signed transaction is stored; it may or may not have been sent."""
    ANCHORED = "anchored"
    """The seal is on the chain."""
    FINAL = "final"
    """The anchor is as final as the operator asks for."""


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A batch as stored, without its units."""

    id: int
    manufacturer: int
    run: str
    """The name of the registration run: the same run continues, it never registers twice."""
    fingerprint: str
    """sha256 (hex) of the input that was sealed."""
    key: str
    """EIP-55 address of the key that signed the units."""
    seal: bytes
    root: bytes
    unit_count: int
    manifest: bytes
    """RFC 8785 bytes."""
    salt: bytes
    state: State
    created_at: int
    """Unix seconds."""
    raw_transaction: bytes | None
    """The signed transaction that anchors the seal, stored before it is sent."""
    transaction_hash: bytes | None
    anchored_block: int | None
    anchored_at: int | None
    """Unix seconds of the block."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A unit that was to be registered, and the registered one that stands in its way."""

    unit: UnitId
    registered: UnitId
    """The same identity, or one that reads the same after repair of typing errors."""
    batch_id: int
    seal: bytes

    def __str__(self) -> str:
        """Name both, and where the registered one is."""
        where = f"batch {self.batch_id} (seal 0x{self.seal.hex()})"
        if self.unit == self.registered:
            return f"{self.unit.gtin}/{self.unit.serial} is in {where}"
        return f"{self.unit.gtin}/{self.unit.serial} reads like {self.registered.serial} in {where}"

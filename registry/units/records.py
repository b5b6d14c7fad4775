"""What is signed about a unit: exactly what its label carries (protocol § 3)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class UnitId:
    """A unit's identity: unique as a pair in the whole registry, byte for byte (protocol § 2)."""

    gtin: str
    """GTIN-14 (AI 01), check digit included."""
    serial: str
    """Serial (AI 21), 1 to 20 characters."""


@dataclass(frozen=True, slots=True, order=True)
class Record:
    """The EIP-712 `Unit(string gtin,string lot,string serial)` of one unit."""

    gtin: str
    lot: str
    serial: str

    @property
    def id(self) -> UnitId:
        """The identity that this record is about."""
        return UnitId(self.gtin, self.serial)

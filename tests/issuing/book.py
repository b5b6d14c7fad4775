"""A label ledger in memory, and the units of a batch that it is about."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from registry.issuing import ledger_entries, line_reports
from registry.issuing.reconciliation import Kind, Ledger
from registry.proofs import signing
from registry.proofs.tree_file import TreeUnit
from registry.units.records import Record
from tests.issuing.samples import GTIN, LOT, PRIVATE_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from registry.issuing.batches import StoredBatch
    from registry.issuing.ranks import Ranks
    from registry.issuing.reconciliation import Draft, Overrun

SEAL = b"\x5e" * 32
BATCH, OTHER_BATCH = 3, 4
ACTOR = "line 2"
NOW = 1_790_000_000


class UnitsInMemory:
    """Units `U0`, `U1` and so on of one product, or of several, and `X0` to `X99` of another batch."""

    def __init__(self, size: int, gtins: tuple[str, ...] = (GTIN,)) -> None:
        self.size = size
        self.batch_id = BATCH
        self.gtins = gtins

    def places(self, wanted: Sequence[tuple[str, str]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return batch and rank of each."""
        found = [self._place(gtin, serial) for gtin, serial in wanted]
        batches, ranks = np.array(found, np.int64).reshape(-1, 2).T
        return batches, ranks

    def _place(self, gtin: str, serial: str) -> tuple[int, int]:
        if gtin not in self.gtins or not serial[1:].isdigit() or serial != f"{serial[0]}{int(serial[1:])}":
            return 0, 0
        number = int(serial[1:])
        if serial[0] == "X" and number < 100:
            return OTHER_BATCH, number
        rank = number * len(self.gtins) + self.gtins.index(gtin)
        return (BATCH, rank) if serial[0] == "U" and rank < self.size else (0, 0)

    def unit(self, rank: int) -> TreeUnit:
        """Return a unit with a signature."""
        gtin = self.gtins[rank % len(self.gtins)]
        record = Record(gtin, LOT, f"U{rank // len(self.gtins)}")
        return TreeUnit(rank, record, signing.sign(bytes([rank % 256]) * 32, PRIVATE_KEY), None)


class Book:
    """A ledger that grows, in memory."""

    def __init__(self, size: int, gtins: tuple[str, ...] = (GTIN,)) -> None:
        self.units = UnitsInMemory(size, gtins)
        self.ledger = Ledger(SEAL, size)

    def read(self, batch: StoredBatch | None = None) -> Ledger:
        """Return the ledger as somebody finds it who comes after us."""
        del batch
        return Ledger(SEAL, self.ledger.size, self.ledger.entries)

    def append(self, ledger: Ledger, draft: Draft) -> Ledger:
        """Put an entry on record."""
        assert ledger.entries == self.ledger.entries
        self.ledger = ledger.after(ledger.next(draft, NOW + len(ledger.entries)))
        return self.ledger

    def add(self, draft: Draft) -> Ledger:
        """Put an entry on record."""
        return self.append(self.ledger, draft)

    def print(self, first: int, count: int, *, file: str = "labels.pdf", reason: str | None = None) -> Ledger:
        """Put a run of labels on record."""
        return self.add(ledger_entries.printed(self.ledger, first, count, "pdf", [file], actor=ACTOR, reason=reason))

    def report(self, kind: Kind, text: str, name: str = "line.csv") -> Ledger:
        """Put a file of the line on record."""
        reason = "torn" if kind is Kind.SPOILED else None
        stream = io.BytesIO(text.encode())
        return self.add(line_reports.read(stream, self.ledger, self.units, kind, actor=ACTOR, name=name, reason=reason))

    def applied(self, *numbers: int, name: str = "line.csv") -> Ledger:
        """Report units as applied, by their serials."""
        return self.report(Kind.APPLIED, "".join(f"U{number}\n" for number in numbers), name)

    def spoiled(self, *numbers: int, name: str = "spoiled.csv") -> Ledger:
        """Report units as spoiled, by their serials."""
        return self.report(Kind.SPOILED, "".join(f"U{number}\n" for number in numbers), name)

    def explain(
        self, what: Overrun, *, of: int | None = None, units: Ranks | None = None, stands: Kind | None = None
    ) -> Ledger:
        """Explain over-runs."""
        draft = ledger_entries.explained(self.ledger, what, actor=ACTOR, reason="looked at", of=of, units=units, stands=stands)
        return self.add(draft)

    def found(self) -> list[tuple[str, int | str | None, int]]:
        """Return the open over-runs: what, which unit, which line."""
        return [(one.what.code, one.number if one.rank is None else one.rank, one.line) for one in self.ledger.listed()]

"""How much was asked in a minute from each network that asks much, counted by all workers together.

A worker counts for itself and adds what it counted now and then (`webapp.rates`); what it gets back is what all of them
counted. A row is gone minutes after its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from sqlalchemy import delete, text

from registry.storage import schema
from registry.storage.schema import asking
from registry.storage.tables import check_counts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Engine

KEPT: Final = 3
"""Minutes."""
COUNT: Final = text(
    "INSERT INTO check_counts (bucket, minute, taken) VALUES (:bucket, :minute, :taken) "
    "ON CONFLICT (bucket, minute) DO UPDATE SET taken = check_counts.taken + excluded.taken RETURNING taken"
)


class Rates:
    """The counts in a database. Methods raise `StoreUnavailable` or `StoreDamaged`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the counts of a database, its tables made if they are not there."""
        engine = schema.open_engine(url, create=True)
        try:
            schema.make_tables(engine)
            schema.check_schema(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()

    def add(self, minute: int, counts: Mapping[str, int]) -> dict[str, int]:
        """Add what a worker counted in a minute (Unix time / 60), by bucket, and return what all workers did."""
        with asking(), self._engine.begin() as connection:
            connection.execute(delete(check_counts).where(check_counts.c.minute < minute - KEPT))
            # In one order: two workers that count the same networks would else wait for each other.
            return {
                bucket: int(connection.execute(COUNT, {"bucket": bucket, "minute": minute, "taken": taken}).scalar_one())
                for bucket, taken in sorted(counts.items())
            }

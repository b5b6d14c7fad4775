"""Which products have units here: found by their GTINs in the manifests of anchored batches.

What it says is a claim, like everything in the database: it decides what is linked to, never what is said of a unit. The index
of units is in the order of serials, so that a product's units cannot be found in it; manifests are read once, and remembered.
"""

from __future__ import annotations

import re
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from registry.issuing.batches import State
from registry.storage.schema import asking
from registry.storage.tables import batches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Connection, Engine

LOOK_EVERY: Final = 1.0
"""Seconds between two looks for new batches: numbers that nobody has may be asked for at any rate."""
AT_ONCE: Final = 500
REMEMBERED: Final = 3
"""Batches of each product that are remembered."""
GTIN: Final = re.compile(rb'"gtin":"([0-9]{14})"')
"""As it stands in a manifest, which is canonical JSON."""
ANCHORED: Final = frozenset({State.ANCHORED, State.FINAL})


class Catalogue:
    """The products of one database. Threads may share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = Lock()
        self._batches: dict[str, tuple[int, ...]] = {}
        """The newest anchored batches of each product, the newest first."""
        self._last = 0
        """The newest batch that was looked at."""
        self._waiting: set[int] = set()
        """Batches that were not anchored yet."""
        self._until = float("-inf")

    def batches_of(self, gtin: str) -> tuple[int, ...]:
        """Return anchored batches with this product, the newest first and some at most; those after them are not looked for.

        Raises `StoreUnavailable` or `StoreDamaged`.
        """
        with self._lock:
            if gtin not in self._batches and monotonic() >= self._until:
                self._look()
                self._until = monotonic() + LOOK_EVERY
            return self._batches.get(gtin, ())

    def _look(self) -> None:
        with asking(), self._engine.connect() as connection:
            newest = connection.execute(select(func.max(batches.c.id))).scalar_one() or 0
            if newest < self._last:  # another database was put in place of this one
                self._batches, self._last, self._waiting = {}, 0, set()
            waiting, self._waiting = sorted(self._waiting), set()
            for begin in range(0, len(waiting), AT_ONCE):
                self._read(connection, batches.c.id.in_(waiting[begin : begin + AT_ONCE]))
            self._read(connection, batches.c.id >= self._last + 1)
            self._last = newest

    def _read(self, connection: Connection, which: ColumnElement[bool]) -> None:
        for batch_id, gtins in _products(connection, which):
            if gtins is None:
                self._waiting.add(batch_id)
                continue
            for gtin in gtins:
                newest = sorted({batch_id, *self._batches.get(gtin, ())}, reverse=True)
                self._batches[gtin] = tuple(newest[:REMEMBERED])


def _products(connection: Connection, which: ColumnElement[bool]) -> Iterator[tuple[int, set[str] | None]]:
    """Yield batches with the products that their manifests name; none of one that is not anchored."""
    query = select(batches.c.id, batches.c.state, batches.c.manifest).where(which)
    for batch_id, state, manifest in connection.execute(query):
        anchored = state in ANCHORED
        yield batch_id, {found.decode() for found in GTIN.findall(manifest or b"")} if anchored else None

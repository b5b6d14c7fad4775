"""Counts what a store holds: batches, units, bytes, and files that belong to no batch."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import select, text

from registry.storage.objects import is_address
from registry.storage.schema import asking
from registry.storage.tables import batches
from registry.storage.trees import reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Engine

    from registry.storage.trees import Trees

NAME: Final = 64
"""Characters of a tree file's name."""


@dataclass(frozen=True, slots=True)
class Census:
    """What a store holds."""

    batches: Mapping[str, int]
    """By state."""
    units: Mapping[str, int]
    """Of the batches of each state."""
    manufacturers: Mapping[int, tuple[int, int]]
    """Batches and units of each."""
    database_bytes: int
    tree_files: int
    tree_bytes: int
    archived: int
    """Batches whose file lies in the archive."""
    missing: tuple[str, ...]
    """Seals (hex) of batches whose file is in neither place."""
    strange: tuple[str, ...]
    """Names of files in the folder that belong to no batch: left by a program that was killed, or put there."""


def take(engine: Engine, trees: Trees) -> Census:
    """Count. Raises `StoreUnavailable` or `StoreDamaged`."""
    states: Counter[str] = Counter()
    units: Counter[str] = Counter()
    makers: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    seals: set[str] = set()
    columns = (batches.c.manufacturer, batches.c.state, batches.c.unit_count, batches.c.seal)
    with asking(), engine.connect() as connection:
        for maker, state, count, seal in connection.execute(select(*columns)):
            states[state] += 1
            units[state] += count
            makers[maker] = (makers[maker][0] + 1, makers[maker][1] + count)
            seals.add(seal.hex())
        size = _database_bytes(engine)
    with reading(b""):
        files = {path.name: path.stat().st_size for path in trees.folder.iterdir() if not path.name.startswith(".")}
    away = seals - files.keys()
    archived = {seal for seal in away if _is_archived(trees, seal)}
    ours = {name for name in files if name in seals}
    return Census(
        batches=dict(states),
        units=dict(units),
        manufacturers=dict(sorted(makers.items())),
        database_bytes=size,
        tree_files=len(ours),
        tree_bytes=sum(files[name] for name in ours),
        archived=len(archived),
        missing=tuple(sorted(away - archived)),
        strange=tuple(sorted(files.keys() - ours)),
    )


def _is_archived(trees: Trees, seal: str) -> bool:
    """Say whether a file lies in the archive; an object store is asked for its header."""
    if trees.archive is None:
        return False
    if is_address(trees.archive):
        return trees.holds(bytes.fromhex(seal))
    return (Path(trees.archive) / seal).is_file()


def _database_bytes(engine: Engine) -> int:
    if engine.name == "postgresql":
        with engine.connect() as connection:
            return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    with engine.connect() as connection:
        file = Path(str(connection.exec_driver_sql("PRAGMA database_list").all()[0][2]))
    return sum(part.stat().st_size for part in (file, file.with_name(f"{file.name}-wal")) if part.exists())

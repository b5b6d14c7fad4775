"""The units move into their batch's tree file; the database keeps an index of them.

Before, a tree file held rows and nodes (`TSTREE`), and the database held serials, lots, signatures and attributes. Each file is
written anew beside the old one and takes its place whole, so that a migration that was killed can be run again: a file that is
of the new form already is left as it is. Only the end of the transaction makes the tables new.
"""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic import context, op

from registry.errors import StoreDamaged, StoreUnavailable
from registry.proofs import manifest, tree_file
from registry.proofs.tree_file import FileSource, TreeFile

if TYPE_CHECKING:
    from collections.abc import Iterator

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
AT_ONCE = 10_000
WORD = 32
ROW = 3 * WORD
OLD_MAGIC = b"TSTREE\0\0"
OLD_HEADER = struct.Struct(">8sII32s32s16s")
UNFINISHED = ".writing-migration"
KEPT = ".batch"


def upgrade() -> None:
    """Move the units into their files."""
    connection = op.get_bind()
    for batch in _batches(connection):
        path = _folder() / batch.seal.hex()
        try:
            _into_file(connection, path, batch)
        except FileNotFoundError as error:
            raise StoreDamaged(f"there is no tree file {path.name}", hint=f"bring it back to {path.parent}") from error
    op.create_table(
        "moving",
        sa.Column("folded", sa.String(20)),
        sa.Column("gtin", sa.String(14)),
        sa.Column("batch_id", INTEGER),
        sa.Column("row_index", INTEGER),
    )
    columns = "folded, gtin, batch_id, row_index"
    op.execute(f"INSERT INTO moving ({columns}) SELECT {columns} FROM units ORDER BY folded, gtin")  # noqa: S608  # our own names
    op.drop_table("units")
    op.create_table(
        "units",
        sa.Column("folded", sa.String(20), nullable=False),
        sa.Column("gtin", sa.String(14), nullable=False),
        sa.Column("batch_id", INTEGER, nullable=False),
        sa.Column("row_index", INTEGER, nullable=False),
        sa.CheckConstraint("row_index >= 0", name="row_index_not_negative"),
        sa.PrimaryKeyConstraint("folded", "gtin"),
        sqlite_with_rowid=False,
    )
    op.execute(f"INSERT INTO units ({columns}) SELECT {columns} FROM moving ORDER BY folded, gtin")  # noqa: S608  # our own names
    op.drop_table("moving")


def downgrade() -> None:
    """Move the units back into the database."""
    connection = op.get_bind()
    op.create_table(
        "moving",
        sa.Column("folded", sa.String(20), nullable=False),
        sa.Column("gtin", sa.String(14), nullable=False),
        sa.Column("batch_id", INTEGER, nullable=False),
        sa.Column("row_index", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "row_index", name="pk_moving"),
    )
    columns = "folded, gtin, batch_id, row_index"
    op.execute(f"INSERT INTO moving ({columns}) SELECT {columns} FROM units")  # noqa: S608  # our own names
    op.drop_table("units")
    units = op.create_table(
        "units",
        sa.Column("gtin", sa.String(14), nullable=False),
        sa.Column("serial", sa.String(20), nullable=False),
        sa.Column("lot", sa.String(20), nullable=False),
        sa.Column("folded", sa.String(20), nullable=False),
        sa.Column("batch_id", INTEGER, nullable=False),
        sa.Column("row_index", INTEGER, nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.Column("attributes", sa.LargeBinary()),
        sa.CheckConstraint("length(signature) = 64", name="signature_length"),
        sa.CheckConstraint("row_index >= 0", name="row_index_not_negative"),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"]),
        sa.PrimaryKeyConstraint("gtin", "serial"),
        sa.UniqueConstraint("folded", "gtin"),
        sa.UniqueConstraint("batch_id", "row_index"),
    )
    for batch in _batches(connection):
        tree = TreeFile(FileSource(_kept(_folder() / batch.seal.hex())))
        folded = {}
        part: list[dict[str, Any]] = []
        for unit in tree.units():
            if not part:
                asked = {"id": batch.id, "first": unit.index, "end": unit.index + AT_ONCE}
                rows = connection.execute(sa.text(_FOLDED), asked)
                folded = {row.row_index: row.folded for row in rows}
            part.append(
                {
                    "gtin": unit.record.gtin,
                    "serial": unit.record.serial,
                    "lot": unit.record.lot,
                    "folded": folded[unit.index],
                    "batch_id": batch.id,
                    "row_index": unit.index,
                    "signature": unit.signature,
                    "attributes": unit.attributes,
                }
            )
            if len(part) == AT_ONCE:
                connection.execute(sa.insert(units), part)
                part = []
        if part:
            connection.execute(sa.insert(units), part)
    op.drop_table("moving")
    for batch in _batches(connection):
        _out_of_file(_folder() / batch.seal.hex())


_FOLDED = "SELECT row_index, folded FROM moving WHERE batch_id = :id AND row_index >= :first AND row_index < :end"
_UNITS = (
    "SELECT gtin, lot, serial, row_index, signature, attributes FROM units "
    "WHERE batch_id = :id AND row_index >= :first ORDER BY row_index LIMIT :count"
)


def _batches(connection: sa.Connection) -> list[Any]:
    query = sa.text("SELECT id, seal, root, unit_count, manifest, salt FROM batches ORDER BY id")
    return list(connection.execute(query))


def _folder() -> Path:
    folder = context.config.attributes.get("trees")
    if folder is None:
        raise StoreUnavailable(
            "the folder of tree files is not known, expected it because there are batches",
            hint="open the store with its folder: that brings its tables up to date",
        )
    return Path(folder)


def _into_file(connection: sa.Connection, path: Path, batch: Any) -> None:
    """Write the new tree file of a batch in place of the old one, or take the one that a downgrade kept."""
    if path.with_suffix(KEPT).exists():
        path.with_suffix(KEPT).replace(path)
    with path.open("rb") as old:
        if old.read(len(OLD_MAGIC)) == tree_file.MAGIC:
            return
        old.seek(0)
        head = old.read(OLD_HEADER.size)
        if len(head) != OLD_HEADER.size or not head.startswith(OLD_MAGIC):
            raise StoreDamaged(f"the tree file {path.name} is none, expected one of the form before")
        places = {(one.gtin, one.lot): place for place, one in enumerate(manifest.read(batch.manifest).products)}
        size = WORD * (2 * batch.unit_count - 1)
        old.seek(OLD_HEADER.size + ROW * batch.unit_count)
        with (path.parent / UNFINISHED).open("w+b") as new:
            new.write(bytes(tree_file.HEADER.size) + batch.manifest)
            end = 0
            for unit in _stored(connection, batch):
                end += len(unit.attributes or b"")
                place = places[unit.gtin, unit.lot]
                new.write(tree_file.pack_unit(place, end, unit.serial.encode(), unit.signature))
            for unit in _stored(connection, batch) if end else ():
                new.write(unit.attributes or b"")
            parcel_end = new.tell()
            while size and (chunk := old.read(min(size, tree_file.CHUNK))):
                new.write(chunk)
                size -= len(chunk)
            header = tree_file.Header(
                unit_count=batch.unit_count,
                manifest_size=len(batch.manifest),
                attributes_size=end,
                salt=batch.salt,
                root=batch.root,
                manifest_hash=manifest.manifest_hash(batch.manifest),
                parcel_checksum=_checksum(new, tree_file.HEADER.size, parcel_end),
                nodes_checksum=_checksum(new, parcel_end, None),
            )
            new.seek(0)
            new.write(tree_file.write_header(header))
            _finish(new, path)
    TreeFile(FileSource(path)).check()


def _stored(connection: sa.Connection, batch: Any) -> Iterator[Any]:
    """Yield the units of a batch as the database had them, by rank."""
    first = 0
    while first < batch.unit_count:
        part = connection.execute(sa.text(_UNITS), {"id": batch.id, "first": first, "count": AT_ONCE}).all()
        if [unit.row_index for unit in part] != list(range(first, first + len(part))) or not part:
            raise StoreDamaged(f"batch {batch.id} lacks units from rank {first} on, expected {batch.unit_count}")
        yield from part
        first += len(part)


def _kept(path: Path) -> Path:
    """Give a tree file a second name, under which it stays: a downgrade that is killed must find it again."""
    kept = path.with_suffix(KEPT)
    if not kept.exists():
        kept.hardlink_to(path)
    return kept


def _out_of_file(path: Path) -> None:
    """Write the old tree file of a batch in place of the new one, which stays beside it."""
    tree = TreeFile(FileSource(_kept(path)))
    header = tree.header
    with (path.parent / UNFINISHED).open("w+b") as old:
        old.write(bytes(OLD_HEADER.size))
        for row in tree.rows():
            old.write(row.unit_key + row.digest + row.attributes_hash)
        for chunk in tree.chunks(header.nodes_at):
            old.write(chunk)
        body = _checksum(old, OLD_HEADER.size, None)
        head = OLD_HEADER.pack(OLD_MAGIC, 1, header.unit_count, header.root, body, bytes(16))[:80]
        old.seek(0)
        old.write(head + hashlib.sha256(head).digest()[:16])
        _finish(old, path)


def _checksum(file: Any, start: int, end: int | None) -> bytes:
    found = hashlib.sha256()
    file.seek(start)
    while chunk := file.read(tree_file.CHUNK if end is None else min(tree_file.CHUNK, end - file.tell())):
        found.update(chunk)
    return found.digest()


def _finish(file: Any, path: Path) -> None:
    """Put a file that was written beside another into its place, for good."""
    file.flush()
    os.fchmod(file.fileno(), 0o644)
    os.fsync(file.fileno())
    (path.parent / UNFINISHED).replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

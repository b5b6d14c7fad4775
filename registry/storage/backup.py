"""Backups: a folder that grows by one snapshot each time, and from which an empty machine gets everything back.

    <folder>/trees/<seal>             each tree file once: it never changes, so a later snapshot copies only what is new
    <folder>/pictures/<sha256>        pictures of products, the same
    <folder>/<time>/<n>.sqlite        the rows of a database, whatever engine it has, as they were at one moment
    <folder>/<time>/trust.json        the trust file, if one was named
    <folder>/<time>/backup.json       what belongs to the snapshot, with sizes and SHA-256 of all files; written last

A snapshot's folder has its name only when it is whole and on disk: what was killed is swept by the next. The index of units is
not in it, because the tree files say the same, and are read from end to end when they come back. Keys are never in a backup.
It holds salts and what people reported, so that it has to be kept as private as the store.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from registry.errors import DocumentError, InputError, ProofError, StoreDamaged, StoreUnavailable, TreeMissing
from registry.proofs.documents import Fields, load_loosely
from registry.proofs.tree_file import FileSource, TreeFile
from registry.storage import rows, schema
from registry.storage.index import Index
from registry.storage.schema import asking
from registry.storage.tables import batches
from registry.storage.trees import LOCK, PLACED, UNFINISHED, Trees, locked, sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Engine

    Progress = Callable[[str, int, int], None]
    """Told of a stage, how much is done of it, and of how much."""

FORMAT: Final = "touchstone-backup"
NAME: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z(-[0-9]+)?")
SEAL: Final = re.compile(r"[0-9a-f]{64}")
COUNT: Final = re.compile(r"0|[1-9][0-9]{0,18}")
REVISION: Final = re.compile(r"[0-9]{4}")
ROLE: Final = re.compile(r"registry|scans|desk")
FILE: Final = re.compile(r"[1-3]\.sqlite|trust\.json")
MANIFEST: Final = "backup.json"
MAX_MANIFEST: Final = 2**28
"""Bytes of the list of what a snapshot holds: for more than a million batches."""
TRUST: Final = "trust.json"
BUSY: Final = "another backup or restore works with this folder"
AT_ONCE: Final = 2**20


@dataclass(frozen=True, slots=True)
class Kept:
    """One file of a backup."""

    name: str
    size: int
    """Bytes."""
    sha256: str


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one database."""

    holds: tuple[str, ...]
    """What it was at the site: `registry`, `scans`, `desk`, or several of them."""
    file: Kept
    rows: Mapping[str, int]
    """Rows of each table that has any."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a site was at one moment."""

    name: str
    """Its folder, the time at which it was begun (UTC)."""
    revision: str
    """Of the tables (`schema.HEAD`)."""
    parts: tuple[Part, ...]
    trees: tuple[Kept, ...]
    pictures: tuple[Kept, ...]
    trust: Kept | None

    @property
    def size(self) -> int:
        """Bytes of all its files, those included that it shares with other snapshots."""
        files = [*self.trees, *self.pictures, *(part.file for part in self.parts), *((self.trust,) if self.trust else ())]
        return sum(file.size for file in files)


@dataclass(frozen=True, slots=True)
class Site:
    """The places that a backup is taken of, or that one is brought back to."""

    databases: Mapping[str, str]
    """The URLs of `registry`, and of `scans` and `desk` if there are such; some may be the same."""
    trees: Path
    archive: str | None = None
    trust: Path | None = None

    def by_url(self) -> dict[str, tuple[str, ...]]:
        """Return what each database is, without any twice. The registry, which the others name units of, is the last."""
        found: dict[str, tuple[str, ...]] = {}
        for role in ("desk", "scans", "registry"):
            if url := self.databases.get(role):
                found[url] = (*found.get(url, ()), role)
        return found


class Backups:
    """The folder of backups. Its methods raise `StoreUnavailable` if a disk or a database cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Return the names of the whole snapshots, oldest first."""
        with _disk(self.folder):
            if not self.folder.is_dir():
                raise InputError(f"found no folder {self.folder}, expected one that `touchstone backup` filled")
            return sorted(path.name for path in self.folder.iterdir() if NAME.fullmatch(path.name))

    def read(self, name: str | None = None) -> Snapshot:
        """Return the snapshot of a name, or the latest.

        Raises `InputError` if there is none, `DocumentError` if its list is damaged.
        """
        names = self.names()
        if not names or (name is not None and name not in names):
            known = f"; there are {', '.join(names[-5:])}" if names else ""
            which = f" {name}" if name else ""
            raise InputError(f"found no backup{which} in {self.folder}{known}", hint="see that the folder is the right one")
        chosen = name or names[-1]
        with _disk(self.folder), (self.folder / chosen / MANIFEST).open("rb") as file:
            return _read(chosen, file.read(MAX_MANIFEST + 1))

    # ---------------------------------------------------------------------------------------------------------- taking

    def make(self, site: Site, progress: Progress) -> Snapshot:
        """Take a snapshot of a site while it works.

        Databases are read before files, so that each batch that is in it has its file. Raises `StoreDamaged` if a tree file is
        missing or is not what its name says, and `StoreUnavailable`; then the folder is as it was before.
        """
        with _disk(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(self.folder / LOCK, BUSY):
                for left in self.folder.glob(f"{UNFINISHED}*"):
                    shutil.rmtree(left, ignore_errors=True)
                work = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=self.folder))
                try:
                    return self._make(work, site, progress)
                finally:
                    shutil.rmtree(work, ignore_errors=True)

    def keep_only(self, newest: int) -> list[str]:
        """Remove all snapshots but the newest, and return which; tree files and pictures stay."""
        gone = self.names()[:-newest]
        with _disk(self.folder), locked(self.folder / LOCK, BUSY):
            for name in gone:
                hidden = self.folder / f"{UNFINISHED}{name}"
                (self.folder / name).rename(hidden)
                shutil.rmtree(hidden, ignore_errors=True)
            sync_folder(self.folder)
        return gone

    def _make(self, work: Path, site: Site, progress: Progress) -> Snapshot:
        begun = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        parts, seals = [], []
        for number, (url, holds) in enumerate(site.by_url().items(), 1):
            with _opened(url) as source:
                parts.append(_keep_rows(source, holds, work / f"{number}.sqlite"))
                if "registry" in holds:
                    with _opened(f"sqlite:///{work / f'{number}.sqlite'}") as kept, asking(), kept.connect() as connection:
                        seals = list(connection.execute(select(batches.c.seal).order_by(batches.c.id)).scalars())
            progress("databases", number, len(site.by_url()))
        known = self._known()
        trees = self._keep_trees(Trees(site.trees, site.archive), seals, known, progress)
        pictures = self._keep_pictures(site.trees / "pictures", known, progress)
        trust = None
        if site.trust is not None:
            _copy(site.trust, work / TRUST)
            trust = _kept(work / TRUST)
        snapshot = Snapshot(self._free_name(begun), schema.HEAD, tuple(parts), trees, pictures, trust)
        _write(work / MANIFEST, _document(snapshot))
        sync_folder(work)
        work.rename(self.folder / snapshot.name)
        sync_folder(self.folder)
        return snapshot

    def _known(self) -> dict[str, Kept]:
        """Return the files that the latest snapshot shares, by their names."""
        if not self.names():
            return {}
        latest = self.read()
        return {file.name: file for file in (*latest.trees, *latest.pictures)}

    def _keep_trees(
        self, trees: Trees, seals: Sequence[bytes], known: Mapping[str, Kept], progress: Progress
    ) -> tuple[Kept, ...]:
        folder = self._folder("trees")
        found, missing = [], []
        for done, seal in enumerate(seals, 1):
            place = folder / seal.hex()
            if place.exists():
                found.append(_already(place, known))
            else:
                try:
                    found.append(_keep_tree(trees, seal, place))
                except TreeMissing:
                    missing.append(seal.hex())
            progress("tree files", done, len(seals))
        if missing:
            raise StoreDamaged(
                f"{len(missing)} of {len(seals)} tree files are missing: {', '.join(missing[:5])}",
                hint="bring them back from an older backup, or name their --archive: without them this one would be of no use",
            )
        sync_folder(folder)
        return tuple(found)

    def _keep_pictures(self, source: Path, known: Mapping[str, Kept], progress: Progress) -> tuple[Kept, ...]:
        if not source.is_dir():
            return ()
        folder = self._folder("pictures")
        found = []
        names = sorted(path.name for path in source.iterdir() if SEAL.fullmatch(path.name))
        for done, name in enumerate(names, 1):
            place = folder / name
            if not place.exists():
                _copy(source / name, place)
            found.append(_already(place, known))
            progress("pictures", done, len(names))
        sync_folder(folder)
        return tuple(found)

    def _folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(mode=0o700, exist_ok=True)
        for left in folder.glob(f"{UNFINISHED}*"):
            left.unlink()
        return folder

    def _free_name(self, name: str) -> str:
        """Return a name that sorts behind all others of its second, and is free."""
        number, found = 1, name
        while (self.folder / found).exists():
            number += 1
            found = f"{name}-{number}"
        return found

    # -------------------------------------------------------------------------------------------------------- checking

    def check(self, snapshot: Snapshot, progress: Progress) -> None:
        """Read every file of a snapshot. Raises `StoreDamaged` with all that are missing, or are not what they were."""
        files = self._files(snapshot)
        faults = []
        with _disk(self.folder):
            for done, (path, kept) in enumerate(files, 1):
                if fault := _fault(path, kept):
                    faults.append(fault)
                progress("files", done, len(files))
        if faults:
            raise StoreDamaged(
                f"{len(faults)} of {len(files)} files of backup {snapshot.name} are not as they were: {'; '.join(faults[:5])}",
                hint="use another backup, and find out what ails this disk",
            )

    def _files(self, snapshot: Snapshot) -> list[tuple[Path, Kept]]:
        of_snapshot = [part.file for part in snapshot.parts] + ([snapshot.trust] if snapshot.trust else [])
        return [
            *((self.folder / snapshot.name / kept.name, kept) for kept in of_snapshot),
            *((self.folder / "trees" / kept.name, kept) for kept in snapshot.trees),
            *((self.folder / "pictures" / kept.name, kept) for kept in snapshot.pictures),
        ]

    # ------------------------------------------------------------------------------------------------------- restoring

    def restore(self, snapshot: Snapshot, site: Site, progress: Progress) -> None:
        """Bring a snapshot back to a site that is empty; all tree files come to its folder, those of an archive, too.

        Files come first and rows last, those of each database all or none. Killed at any moment, it can be done again: what is
        there already and the same stays. Raises `InputError` if the site and the backup have other databases, `StoreDamaged`
        if a file is not as it was, and `StoreUnavailable` if a database or a file of another content is in the way.
        """
        _match(snapshot, site)
        with _disk(self.folder), locked(self.folder / LOCK, BUSY), ExitStack() as opened:
            for part in snapshot.parts:
                if fault := _fault(self.folder / snapshot.name / part.file.name, part.file):
                    raise _damaged(snapshot, fault)
            work = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="touchstone-")))
            with _disk(site.trees):
                site.trees.mkdir(parents=True, exist_ok=True)
                opened.enter_context(locked(site.trees / LOCK, "another program works with this store"))
            targets = [
                (opened.enter_context(_opened(url, create=True)), self._sources(snapshot, holds, work, opened))
                for url, holds in site.by_url().items()
            ]
            to_do = [(target, sources) for target, sources in targets if not _is_done(target, sources)]
            self._bring_files(snapshot, site, progress)
            for target, sources in to_do:
                self._bring_rows(target, sources, Trees(site.trees), progress)
            if site.trust is not None and snapshot.trust is not None:
                with _disk(site.trust):
                    site.trust.parent.mkdir(parents=True, exist_ok=True)
                    _bring(self.folder / snapshot.name / TRUST, site.trust, snapshot, snapshot.trust)

    def _sources(self, snapshot: Snapshot, holds: tuple[str, ...], work: Path, opened: ExitStack) -> list[Engine]:
        """Open what was kept of a database, in a copy with our tables if it was kept by an older program."""
        found = []
        for part in snapshot.parts:
            if set(part.holds).isdisjoint(holds):
                continue
            file = self.folder / snapshot.name / part.file.name
            if snapshot.revision != schema.HEAD:
                older, file = file, work / f"{'-'.join(holds)}-{part.file.name}"
                _copy(older, file)
                with _opened(f"sqlite:///{file}", create=True):
                    pass
            found.append(opened.enter_context(_opened(f"sqlite:///{file}")))
        return found

    def _bring_files(self, snapshot: Snapshot, site: Site, progress: Progress) -> None:
        pictures = site.trees / "pictures"
        with _disk(site.trees):
            if snapshot.pictures:
                pictures.mkdir(exist_ok=True)
            for done, kept in enumerate(snapshot.pictures, 1):
                _bring(self.folder / "pictures" / kept.name, pictures / kept.name, snapshot, kept)
                progress("pictures", done, len(snapshot.pictures))
            for done, kept in enumerate(snapshot.trees, 1):
                _bring(self.folder / "trees" / kept.name, site.trees / kept.name, snapshot, kept)
                # A registration that was killed may have left a note that this file is nobody's.
                (site.trees / f"{PLACED}{kept.name}").unlink(missing_ok=True)
                progress("tree files", done, len(snapshot.trees))
            for folder in (pictures, site.trees):
                if folder.is_dir():
                    sync_folder(folder)

    @staticmethod
    def _bring_rows(target: Engine, sources: Sequence[Engine], trees: Trees, progress: Progress) -> None:
        """Add all rows and the index of units, in one transaction."""
        index = Index(target)
        with asking(), target.begin() as connection:
            for source in sources:
                with rows.snapshot(source) as kept:
                    if len(sources) > 1:
                        _demand_apart(kept, connection)
                    rows.copy(kept, connection)
            rows.count_on(connection)
            found = connection.execute(select(batches.c.id, batches.c.seal, batches.c.unit_count).order_by(batches.c.id)).all()
            total, done = sum(row.unit_count for row in found), 0
            for row in found:
                tree = trees.open(row.seal)
                tree.check()
                index.add(connection, tree, row.id, lambda count, done=done: progress("units", done + count, total))  # type: ignore[misc]  # mypy cannot tell a lambda with a default
                done += row.unit_count


def _match(snapshot: Snapshot, site: Site) -> None:
    kept = {role for part in snapshot.parts for role in part.holds}
    for role in sorted(kept - set(site.databases)):
        raise InputError(
            f"backup {snapshot.name} holds the database of the {role}, and no place for it is named",
            hint="name an empty database for each that the backup holds: --database, --scans, --desk",
        )
    for role in sorted(set(site.databases) - kept):
        raise InputError(
            f"backup {snapshot.name} does not hold the database of the {role}",
            hint=f"leave --{role} out, or see another backup",
        )
    if snapshot.revision > schema.HEAD:
        raise InputError(
            f"backup {snapshot.name} has tables of revision {snapshot.revision}, this program knows those up to {schema.HEAD}",
            hint="restore with the version of the program that made it, or a later one",
        )


def _is_done(target: Engine, sources: Sequence[Engine]) -> bool:
    """Say whether a restore that was interrupted brought these rows already.

    Raises `StoreUnavailable` if other rows are there.
    """
    with rows.snapshot(target) as there:
        if len(sources) == 1 and rows.names_of_filled(there):
            with rows.snapshot(sources[0]) as kept:
                if rows.same(kept, there):
                    return True
        rows.demand_empty(there, f"the database {target.url.database}")
    return False


def _demand_apart(kept: Connection, there: Connection) -> None:
    """Raise `StoreUnavailable` if a table has rows in two databases that are to become one."""
    both = sorted(set(rows.names_of_filled(kept)) & set(rows.names_of_filled(there)))
    if both:
        raise StoreUnavailable(
            f"two databases of the backup hold rows of {', '.join(both)}, which cannot go into one",
            hint="restore into a database for each, as they were",
        )


def _keep_rows(source: Engine, holds: tuple[str, ...], file: Path) -> Part:
    with _opened(f"sqlite:///{file}", create=True) as target, asking():
        with rows.snapshot(source) as there, target.begin() as connection:
            copied = rows.copy(there, connection)
        with target.connect() as connection:
            # One file from now on, without the two that SQLite keeps beside it.
            connection.exec_driver_sql("PRAGMA journal_mode = DELETE")
    file.with_name(f"{file.name}.lock").unlink(missing_ok=True)
    file.chmod(0o600)
    _sync(file)
    return Part(holds, _kept(file), copied)


def _keep_tree(trees: Trees, seal: bytes, place: Path) -> Kept:
    """Copy a tree file, from the archive if it is there, and read the copy."""
    new = place.with_name(f"{UNFINISHED}{place.name}")
    tree = trees.open(seal)
    with _new(new) as file:
        for chunk in tree.chunks():
            file.write(chunk)
    try:
        copied = TreeFile(FileSource(new))
        copied.check()
        copied.close()
    except (DocumentError, ProofError) as error:
        raise StoreDamaged(
            f"the tree file of seal {seal.hex()} is damaged: {error.message}", hint="bring it back from an older backup"
        ) from error
    found = _kept(new)
    new.rename(place)
    return Kept(place.name, found.size, found.sha256)


def _already(place: Path, known: Mapping[str, Kept]) -> Kept:
    """Return what is known of a file that is there; the checksum of an earlier snapshot stands, so that damage shows."""
    kept = known.get(place.name)
    if kept is None:
        return _kept(place)
    if place.stat().st_size != kept.size:
        raise StoreDamaged(
            f"{place.parent.name}/{place.name} of the backup has {place.stat().st_size} bytes, expected {kept.size}",
            hint="remove that file, and back up again; then `touchstone backup --check`, because the disk may be ill",
        )
    return kept


def _bring(source: Path, target: Path, snapshot: Snapshot, kept: Kept) -> None:
    """Copy a file to its place, unless it is there and the same."""
    if target.exists():
        if fault := _fault(target, kept):
            raise StoreUnavailable(
                f"{target} is in the way, another file than the backup's: {fault}", hint="restore into an empty folder"
            )
        return
    if fault := _fault(source, kept):
        raise _damaged(snapshot, fault)
    new = target.with_name(f"{UNFINISHED}{target.name}")
    _copy(source, new)
    new.chmod(0o644)
    new.replace(target)


def _damaged(snapshot: Snapshot, fault: str) -> StoreDamaged:
    return StoreDamaged(f"backup {snapshot.name} is damaged: {fault}", hint="use another backup: `touchstone backup --list`")


def _fault(path: Path, kept: Kept) -> str:
    """Say what is wrong with a file, if anything is."""
    shown = f"{path.parent.name}/{path.name}"
    try:
        found = _kept(path)
    except FileNotFoundError:
        return f"{shown} is not there"
    if found.size != kept.size:
        return f"{shown} has {found.size} bytes, expected {kept.size}"
    return "" if found.sha256 == kept.sha256 else f"{shown} has another SHA-256"


@contextmanager
def _opened(url: str, *, create: bool = False) -> Iterator[Engine]:
    """Give an engine whose tables are ours, made if they may be."""
    engine = schema.open_engine(url, create=create)
    try:
        if create:
            schema.make_tables(engine)
        schema.check_schema(engine)
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _disk(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(
            f"{error.filename or place} cannot be read or written: {error.strerror or error}",
            hint=f"see that {place} exists, is writable and has room; then run again",
        ) from error


@contextmanager
def _new(path: Path) -> Iterator[Any]:
    """Write a file of our own that survives a power cut."""
    with path.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        yield file
        file.flush()
        os.fsync(file.fileno())


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as original, _new(target) as file:
        shutil.copyfileobj(original, file, AT_ONCE)


def _write(path: Path, document: object) -> None:
    with _new(path) as file:
        file.write((json.dumps(document, indent=1, sort_keys=True) + "\n").encode())


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _kept(path: Path) -> Kept:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return Kept(path.name, os.fstat(file.fileno()).st_size, digest.hexdigest())


def _document(snapshot: Snapshot) -> dict[str, Any]:
    def file(kept: Kept) -> dict[str, str]:
        return {"name": kept.name, "bytes": str(kept.size), "sha256": kept.sha256}

    document: dict[str, Any] = {
        "format": FORMAT,
        "version": "1",
        "revision": snapshot.revision,
        "databases": [
            {
                "holds": list(part.holds),
                "file": file(part.file),
                "rows": {name: str(count) for name, count in part.rows.items()},
            }
            for part in snapshot.parts
        ],
        "trees": [file(kept) for kept in snapshot.trees],
        "pictures": [file(kept) for kept in snapshot.pictures],
    }
    if snapshot.trust is not None:
        document["trust"] = file(snapshot.trust)
    return document


def _read(name: str, raw: bytes) -> Snapshot:
    """Return the snapshot that a document describes. Raises `DocumentError`."""
    what = f"{MANIFEST} of backup {name}"
    fields = Fields(load_loosely(raw, what=what, max_bytes=MAX_MANIFEST), what)
    fields.constant("format", FORMAT)
    fields.constant("version", "1")
    revision = fields.text("revision", REVISION)
    parts = tuple(_read_part(Fields(one, f"{what}.databases")) for one in fields.items("databases"))
    trees = tuple(_read_file(Fields(one, f"{what}.trees"), SEAL) for one in fields.items("trees"))
    pictures = tuple(_read_file(Fields(one, f"{what}.pictures"), SEAL) for one in fields.items("pictures"))
    trust = _read_file(fields.member("trust"), FILE) if fields.has("trust") else None
    fields.done()
    return Snapshot(name, revision, parts, trees, pictures, trust)


def _read_part(fields: Fields) -> Part:
    holds = fields.texts("holds", ROLE)
    file = _read_file(fields.member("file"), FILE)
    counted = fields.member("rows")
    counts = {table.name: int(counted.text(table.name, COUNT)) for table in rows.TABLES if counted.has(table.name)}
    fields.done()
    return Part(holds, file, counts)


def _read_file(fields: Fields, names: re.Pattern[str]) -> Kept:
    kept = Kept(fields.text("name", names), int(fields.text("bytes", COUNT)), fields.text("sha256", SEAL))
    fields.done()
    return kept

"""A backup comes back on an empty machine, of either engine, exactly as the site was; or it says why not."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import exc as sql
from sqlalchemy import inspect, text

from registry import case_auditing
from registry.enforcement.journal import examine
from registry.errors import DocumentError, InputError, StoreDamaged, StoreError, StoreUnavailable, TouchstoneError
from registry.storage import backup, rows, schema
from registry.storage.backup import Backups, Site
from registry.storage.cases import Cases
from registry.storage.journal import Journal
from registry.storage.scans import Channel, Scan, Scans
from registry.storage.store import Store
from registry.storage.tables import metadata
from tests.issuing.samples import KEY, PRIVATE_KEY, sealed_batch, serials
from tests.proofs.test_pictures import drawn
from tests.storage import killed_desk
from tests.storage.killed_desk import REGISTRY
from tests.storage.test_migrations import Stopped, StoppedBefore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry.checking.claims import ClaimedUnit

pytestmark = pytest.mark.xdist_group("postgresql")

ENGINES = ("sqlite", "postgresql")
NOW = 1_790_000_000
SLOT = "ab" * 16


def quiet(stage: str, done: int, total: int) -> None:
    """Hear nothing of the progress."""
    assert done <= total, stage


def site_at(folder: Path, url: str | None = None) -> Site:
    """Return the places of a site: three files of SQLite, or one database of PostgreSQL."""
    names = ("registry", "scans", "desk")
    databases = dict.fromkeys(names, url) if url else {name: f"sqlite:///{folder / f'{name}.db'}" for name in names}
    return Site(databases, folder / "trees", trust=folder / "trust.json")


def add_batch(site: Site, number: int) -> None:
    """Register some units."""
    with Store.open(site.databases["registry"], site.trees, create=True) as store, store.exclusive(), store.workroom() as room:
        sealed = sealed_batch(room, serials(20, start=number * 20), label=str(number))
        store.add_batch(sealed, manufacturer=1, run=f"run {number}", key=KEY)


def add_acts(site: Site, seed: int = 1) -> None:
    """Let the desk do something, and somebody scan."""
    chosen = random.Random(seed)
    with (
        Journal.open(site.databases["desk"], REGISTRY) as journal,
        Cases.open(site.databases["desk"], create=True, journal=journal.append_in) as cases,
    ):
        case = cases.open_case(3, 5, {"quantity": 4}, [killed_desk.unit(chosen) for _ in range(3)])
        for _ in range(6):
            cases.append_all(case.id, 5, [killed_desk.act(chosen)])
        journal.append("list.checked", 5, "list")
    with Scans.open(site.databases["scans"]) as scans:
        scans.settle(SLOT, 0, NOW)
        scans.add(SLOT, [Scan("09521002000016", "S1", NOW, "registered", Channel.PAGE)] * 3)


def found(site: Site) -> dict[str, Any]:
    """Return all that the site says of its units, with their paths, and of its cases."""
    units: dict[str, list[ClaimedUnit | None]] = {}
    with Store.open(site.databases["registry"], site.trees, archive=site.archive) as store:
        for batch in store.batches():
            store.check_tree(batch.seal)
            units[batch.seal.hex()] = [store.find(record.id) for record, _, _ in store.labels(batch.id)]
            assert store.count_units(batch.id) == batch.unit_count
        batches = store.batches()
    assert all(unit is not None for of_batch in units.values() for unit in of_batch)
    with Journal.open(site.databases["desk"]) as journal, Cases.open(site.databases["desk"]) as cases:
        assert not list(case_auditing.of_cases(cases))
        head, kept = journal.head(), list(journal.kept())
        heads, faults = examine(REGISTRY, kept)
        assert (faults, heads[head.hash]) == ([], len(kept))
    with Scans.open(site.databases["scans"]) as scans:
        scanned = scans.count()
    files = {path.name: path.read_bytes() for path in site.trees.rglob("*") if path.is_file() and path.name[0] != "."}
    return {"units": units, "batches": batches, "head": head, "journal": kept, "scans": scanned, "files": files}


@pytest.fixture
def url_of(request: pytest.FixtureRequest) -> Callable[[str], str | None]:
    """Give the URL of a PostgreSQL database of the test's own, or none for SQLite."""
    return lambda engine: str(request.getfixturevalue("postgresql_url")) if engine == "postgresql" else None


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site on SQLite at work."""
    return filled(site_at(tmp_path / "site"))


def filled(site: Site) -> Site:
    """Put something into each part of a site."""
    site.trees.mkdir(parents=True)
    for number in range(2):
        add_batch(site, number)
    with Store.open(site.databases["registry"], site.trees, create=True) as store:
        store.keep_picture(drawn(8, 8))
        store.add_profile(b"{}")
    add_acts(site)
    assert site.trust is not None
    site.trust.write_text('{"trusted": true}\n')
    return site


@pytest.fixture
def backups(tmp_path: Path) -> Backups:
    """Where backups go."""
    return Backups(tmp_path / "backups")


# ------------------------------------------------------------------------------------------------------------------ the drill


@pytest.mark.parametrize(("before", "after"), list(itertools.product(ENGINES, ENGINES)))
def test_an_empty_machine_gets_everything_back(
    before: str,
    after: str,
    tmp_path: Path,
    backups: Backups,
    url_of: Callable[[str], str | None],
) -> None:
    """Each unit with its path, each file byte for byte, each act; from either engine to either, and it works on."""
    site = filled(site_at(tmp_path / "site", url_of(before)))
    expected = found(site)
    made = backups.make(site, quiet)
    backups.check(made, quiet)
    shutil.rmtree(tmp_path / "site")
    url = url_of(after)
    if url is not None and before == "postgresql":
        url = empty_again(url)
    back = site_at(tmp_path / "other" / "machine", url)
    backups.restore(backups.read(), back, quiet)
    assert found(back) == expected
    assert back.trust is not None
    assert back.trust.read_text() == '{"trusted": true}\n'
    # New rows are numbered after the old ones, and what may only be added to still refuses changes.
    add_batch(back, 2)
    add_acts(back, 2)
    again = found(back)
    assert len(again["batches"]) == 3
    assert again["journal"][: len(expected["journal"])] == expected["journal"]
    engine = schema.open_engine(back.databases["desk"], create=True)
    with pytest.raises(sql.DatabaseError, match="only added"), engine.begin() as connection:
        connection.execute(text("DELETE FROM journal"))
    engine.dispose()


def empty_again(url: str) -> str:
    """Make a PostgreSQL database as it was before anything was in it."""
    engine = schema.open_engine(url, create=True)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return url


def test_archived_tree_files_are_in_it(site: Site, backups: Backups, tmp_path: Path) -> None:
    """They come back to the folder of trees, from which they can be archived again."""
    expected = found(site)
    archived = Site(site.databases, site.trees, archive=str(tmp_path / "archive"), trust=site.trust)
    with Store.open(site.databases["registry"], site.trees, create=True) as store:
        store.archive(store.batches()[0].seal, tmp_path / "archive")
    back = site_at(tmp_path / "back")
    backups.restore(backups.make(archived, quiet), back, quiet)
    assert found(back) == expected


def test_a_later_snapshot_copies_what_is_new_and_each_comes_back(site: Site, backups: Backups, tmp_path: Path) -> None:
    """Tree files are there once; an older snapshot is what the site was then; old ones can go."""
    before = found(site)
    first = backups.make(site, quiet)
    marks = {path: path.stat().st_mtime_ns for path in (backups.folder / "trees").iterdir()}
    add_batch(site, 2)
    second = backups.make(site, quiet)
    assert first.name < second.name
    assert {path: path.stat().st_mtime_ns for path in marks} == marks
    assert len(list((backups.folder / "trees").iterdir())) == len(marks) + 1
    backups.restore(backups.read(first.name), site_at(tmp_path / "older"), quiet)
    assert found(site_at(tmp_path / "older")) == before
    assert backups.keep_only(1) == [first.name]
    assert backups.names() == [second.name]
    backups.restore(backups.read(), site_at(tmp_path / "newer"), quiet)
    assert found(site_at(tmp_path / "newer")) == found(site)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_snapshot_is_of_one_moment_while_others_write(
    engine: str, tmp_path: Path, backups: Backups, url_of: Callable[[str], str | None]
) -> None:
    """A desk writes without end meanwhile: the journal that comes back has no gap, and each case is what it says."""
    site = filled(site_at(tmp_path / "site", url_of(engine)))
    context = multiprocessing.get_context("forkserver")
    here, there = context.Pipe(duplex=False)
    writer = context.Process(target=killed_desk.work, args=(site.databases["desk"], there, 5), daemon=True)
    writer.start()
    there.close()
    try:
        for number in range(4):
            here.recv()
            made = backups.make(site, quiet)
            back = site_at(tmp_path / f"back {number}")
            backups.restore(made, back, quiet)
            found(back)
            while here.poll():
                here.recv()
    finally:
        writer.kill()
        writer.join()


def test_every_table_is_copied() -> None:
    """A table that somebody adds is in backups by itself, or the index of units, which is made again."""
    assert {table.name for table in rows.TABLES} | {"units"} == set(metadata.tables)


def test_no_key_is_in_it(site: Site, backups: Backups) -> None:
    """Whoever has a backup signs nothing with it."""
    (site.trees.parent / "key.json").write_bytes(PRIVATE_KEY)
    backups.make(site, quiet)
    for path in backups.folder.rglob("*"):
        if path.is_file() and path.name != ".lock":
            content = path.read_bytes()
            assert PRIVATE_KEY not in content
            assert PRIVATE_KEY.hex().encode() not in content.lower()
            assert path.stat().st_mode & 0o077 == 0, path


def test_a_backup_of_an_older_program_comes_back(site: Site, backups: Backups, tmp_path: Path) -> None:
    """Its tables are brought up to date in a copy; one of a newer program is refused."""
    expected = found(site)
    made = backups.make(site, quiet)
    folder = backups.folder / made.name
    for part in made.parts:
        engine = schema.open_engine(f"sqlite:///{folder / part.file.name}", create=True)
        schema.migrate(engine, "0012")
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = DELETE")
        engine.dispose()
    rewrite(backups, made.name, revision="0012")
    back = site_at(tmp_path / "back")
    backups.restore(backups.read(), back, quiet)
    assert found(back) == expected
    rewrite(backups, made.name, revision="9999")
    with pytest.raises(InputError, match="9999"):
        backups.restore(backups.read(), site_at(tmp_path / "other"), quiet)


def rewrite(backups: Backups, name: str, **changed: str) -> None:
    """Change what a snapshot says of itself, with checksums that fit."""
    path = backups.folder / name / backup.MANIFEST
    document = json.loads(path.read_bytes()) | changed
    for part in document["databases"]:
        kept = backup._kept(path.parent / part["file"]["name"])
        part["file"] |= {"bytes": str(kept.size), "sha256": kept.sha256}
    path.write_text(json.dumps(document))


# -------------------------------------------------------------------------------------------------------- killed at any moment


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> StoppedBefore:
    """Count the moments at which something gets to disk, before and after each."""
    stop = StoppedBefore()
    for owner, name in ((os, "fsync"), (Path, "rename"), (Path, "replace"), (rows, "copy"), (shutil, "copyfileobj")):
        monkeypatch.setattr(owner, name, stop.around(getattr(owner, name)))
    return stop


def stopped_everywhere(moments: StoppedBefore, work: Callable[[], object]) -> Iterator[int]:
    """Do some work again and again, each time stopped at a later moment, until it comes through."""
    for moment in range(1000):
        moments.at(moment)
        try:
            work()
        except Stopped:
            moments.at(None)
            yield moment
        else:
            moments.at(None)
            return
    pytest.fail("never came through")


def test_a_backup_is_whole_or_none(site: Site, backups: Backups, moments: StoppedBefore, tmp_path: Path) -> None:
    """Stopped before and after each step to disk: what there is is whole, and the next one succeeds."""
    expected = found(site)
    count = 0
    for count in stopped_everywhere(moments, lambda: backups.make(site, quiet)):
        if backups.folder.exists():
            for name in backups.names():
                backups.check(backups.read(name), quiet)
        if count % 3 == 0:
            shutil.rmtree(backups.folder, ignore_errors=True)
    assert count > 20
    back = site_at(tmp_path / "back")
    backups.restore(backups.read(), back, quiet)
    assert found(back) == expected
    assert not list(backups.folder.rglob(".writing-*"))


def test_a_restore_is_done_again_until_it_is_done(site: Site, backups: Backups, moments: StoppedBefore, tmp_path: Path) -> None:
    """Stopped before and after each step, and done again: what is there stays, the rest comes, nothing twice."""
    expected = found(site)
    made = backups.make(site, quiet)
    numbers = itertools.count()
    last = 0

    def bring() -> None:
        nonlocal last
        last = next(numbers)
        backups.restore(made, site_at(tmp_path / f"back {last}"), quiet)

    for _ in stopped_everywhere(moments, bring):
        back = site_at(tmp_path / f"back {last}")
        backups.restore(made, back, quiet)
        assert found(back) == expected
    assert last > 20
    assert found(site_at(tmp_path / f"back {last}")) == expected


# ---------------------------------------------------------------------------------------------------------- damage and refusals


def files_of(backups: Backups) -> list[Path]:
    """Return the files of all snapshots, the lists of what they hold left out."""
    return sorted(path for path in backups.folder.rglob("*") if path.is_file() and path.name not in {".lock", backup.MANIFEST})


def test_a_flipped_bit_of_any_file_is_named_and_nothing_is_restored_of_it(site: Site, backups: Backups, tmp_path: Path) -> None:
    """Of databases, tree files, pictures and the trust file; also one that is gone, or longer."""
    made = backups.make(site, quiet)
    paths = files_of(backups)
    assert len(paths) == 3 + 2 + 1 + 1
    chosen = random.Random(7)
    for number, path in enumerate(paths):
        right = path.read_bytes()
        place = chosen.randrange(len(right))
        for wrong in (right[:place] + bytes([right[place] ^ 1]) + right[place + 1 :], right + b"\n", None):
            path.unlink()
            if wrong is not None:
                path.write_bytes(wrong)
            with pytest.raises(StoreDamaged, match=path.name):
                backups.check(made, quiet)
            back = site_at(tmp_path / f"back {number}")
            with pytest.raises(StoreDamaged, match=path.name):
                backups.restore(made, back, quiet)
            path.write_bytes(right)
    backups.check(made, quiet)


def test_a_list_of_contents_that_was_changed_leads_to_no_other_site(site: Site, backups: Backups, tmp_path: Path) -> None:
    """Any byte of it: refused with our own error, or what comes back is the same."""
    expected = found(site)
    made = backups.make(site, quiet)
    path = backups.folder / made.name / backup.MANIFEST
    right = path.read_bytes()
    chosen = random.Random(11)
    refused = 0
    for number in range(60):
        place = chosen.randrange(len(right))
        path.write_bytes(right[:place] + bytes([chosen.randrange(256)]) + right[place + 1 :])
        back = site_at(tmp_path / f"back {number}")
        try:
            backups.restore(backups.read(), back, quiet)
        except TouchstoneError:
            refused += 1
        else:
            assert found(back) == expected
    assert refused > 30
    for wrong in (b"", b"{}", b"[" * 100_000, right.replace(b'"1"', b'"2"'), right[:-9]):
        path.write_bytes(wrong)
        with pytest.raises(DocumentError):
            backups.read()


def test_what_is_there_is_never_replaced(site: Site, backups: Backups, tmp_path: Path) -> None:
    """Rows, or a file of another content, are in the way; and the site that is there stays as it is."""
    made = backups.make(site, quiet)
    other = filled(site_at(tmp_path / "other"))
    add_batch(other, 5)
    before = found(other)
    with pytest.raises(StoreUnavailable, match="expected an empty database"):
        backups.restore(made, other, quiet)
    assert found(other) == before
    back = site_at(tmp_path / "back")
    back.trees.mkdir(parents=True)
    (back.trees / made.trees[0].name).write_bytes(b"another")
    with pytest.raises(StoreUnavailable, match="in the way"):
        backups.restore(made, back, quiet)
    assert (back.trees / made.trees[0].name).read_bytes() == b"another"
    with pytest.raises(StoreError):
        found(back)


def test_places_that_do_not_fit_are_named(site: Site, backups: Backups, tmp_path: Path) -> None:
    """A database without a place, a place without a database, no backup, another name."""
    with pytest.raises(InputError, match="no folder"):
        backups.read()
    made = backups.make(Site({"registry": site.databases["registry"], "desk": site.databases["desk"]}, site.trees), quiet)
    back = site_at(tmp_path / "back")
    with pytest.raises(InputError, match="does not hold the database of the scans"):
        backups.restore(made, back, quiet)
    with pytest.raises(InputError, match="no place for it"):
        backups.restore(made, Site({"registry": back.databases["registry"]}, back.trees), quiet)
    with pytest.raises(InputError, match=made.name):
        backups.read("20200101T000000Z")
    assert not back.trees.exists()


def test_two_databases_with_rows_of_one_table_do_not_become_one(
    site: Site, backups: Backups, tmp_path: Path, postgresql_url: str
) -> None:
    """It is refused, and nothing is in the database."""
    with Scans.open(site.databases["desk"]) as scans:
        scans.settle(SLOT, 0, NOW)
        scans.add(SLOT, [Scan("09521002000016", "S1", NOW, "registered", Channel.PAGE)])
    made = backups.make(site, quiet)
    back = site_at(tmp_path / "back", postgresql_url)
    with pytest.raises(StoreUnavailable, match="scans"):
        backups.restore(made, back, quiet)
    engine = schema.open_engine(postgresql_url, create=False)
    with rows.snapshot(engine) as connection:
        assert rows.names_of_filled(connection) == []
        assert inspect(connection).has_table("batches")
    engine.dispose()


def test_a_store_that_lacks_a_file_is_not_backed_up_as_if_it_were_whole(site: Site, backups: Backups) -> None:
    """Its units would be unknown after a restore, and so look like fakes."""
    seal = next(path for path in sorted(site.trees.iterdir()) if len(path.name) == 64)
    right = seal.read_bytes()
    seal.unlink()
    with pytest.raises(StoreDamaged, match=seal.name):
        backups.make(site, quiet)
    seal.write_bytes(right[:-40] + bytes(40))
    with pytest.raises(StoreDamaged, match=seal.name):
        backups.make(site, quiet)
    assert backups.names() == []
    seal.write_bytes(right)
    backups.make(site, quiet)
    # A copy of before that became another one is not taken for the file.
    copy = backups.folder / "trees" / seal.name
    copy.write_bytes(right[:-1])
    with pytest.raises(StoreDamaged, match="of the backup has"):
        backups.make(site, quiet)
    assert len(backups.names()) == 1


def test_a_full_disk_is_said_and_leaves_no_snapshot(
    site: Site, backups: Backups, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither taking nor bringing back is half-done, and both come through when there is room."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StoreUnavailable, match="No space left on device"):
            backups.make(site, quiet)
    assert backups.names() == []
    made = backups.make(site, quiet)
    back = site_at(tmp_path / "back")
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfileobj", full)
        with pytest.raises(StoreUnavailable, match="No space left on device"):
            backups.restore(made, back, quiet)
    backups.restore(made, back, quiet)
    assert found(back) == found(site)

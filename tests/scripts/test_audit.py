"""`touchstone audit`, over a real chain with the real contract."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from registry import auditing
from registry.chain.deployment import load_trust
from registry.chain.records import Records
from registry.enforcement.cases import Event, Kind
from registry.enforcement.journal import Entry, beginning, follow
from registry.storage.cases import Act, Cases
from registry.storage.journal import Journal
from registry.storage.outbox import Outbox, Work
from scripts.__main__ import program
from tests.scripts.conftest import GTIN, LOT, audit, once, rewrite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry.enforcement.cases import Case
    from tests.scripts.conftest import Desk

pytestmark = [pytest.mark.xdist_group("scripts"), pytest.mark.usefixtures("_inspector")]

SILENT = "http://127.0.0.1:9"
MANIFEST = hashlib.sha256(b"a bundle's manifest")


@pytest.fixture
def case(url: str, journal: Journal) -> Case:
    """A case of five events, the last of them a bundle."""
    with Cases.open(url, create=True, journal=journal.append_in) as cases:
        opened = cases.open_case(3, 5, {"region": "CN-SH"}, [{"gtin": GTIN, "serial": "A-1"}])
        cases.append(opened.id, Kind.CHANGED, 5, values={"quantity": 12})
        cases.append(opened.id, Kind.CLOSED, 6, "examined", {"outcome": "counterfeit"})
        about = {"id": "B1", "sha256": hashlib.sha256(b"PK").hexdigest(), "size": 2, "manifest": MANIFEST.hexdigest()}
        return cases.append_all(opened.id, 6, [Act(Kind.BUNDLED, about, files={"B1": b"PK"})])


def codes(found: list[dict[str, str]]) -> set[str]:
    """Return the codes of differences."""
    return {one["code"] for one in found}


def forge(url: str, case: Case, number: int) -> tuple[bytes, bytes]:
    """Have an event say that somebody else did it, its own hash made anew; return the hash before and after."""
    was = case.events[number - 1]
    made = Event(was.number, was.time, 99, was.kind, was.why, was.values)
    digest = bytes.fromhex(made.sha256(case.id))
    rewrite(url, "UPDATE case_events SET who = 99, sha256 = ? WHERE number = ?", digest, number)
    return bytes.fromhex(was.sha256(case.id)), digest


def write_anew(journal: Journal, url: str, registry_id: bytes) -> None:
    """Make every hash of a journal that was changed anew."""
    head = beginning(registry_id)
    for one in list(journal.kept()):
        head = follow(head, one.canonical)
        rewrite(url, "UPDATE journal SET hash = ? WHERE number = ?", head.hash, one.number)
    rewrite(url, "UPDATE journal_heads SET hash = ?", head.hash)


@contextmanager
def taken_back(url: str) -> Iterator[None]:
    """Give a database that is afterwards as it was before."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database, closing(sqlite3.connect(":memory:")) as kept:
        database.backup(kept)
        yield
        kept.backup(database)


def test_the_anchored_head_holds_every_event_of_a_case(desk: Desk, url: str, journal: Journal, case: Case) -> None:
    """Whichever is changed: alone, with its hash, with the journal's entry, or with the whole journal written anew."""
    registry_id = load_trust(desk.folder / "trust.json").registry_id
    once(desk, url, "--head")
    assert audit(desk, url, "--quick") == (0, [])
    for event in case.events:
        name = f"event {event.number} of case {case.id}"
        with taken_back(url):
            rewrite(url, "UPDATE case_events SET time = time + 1 WHERE number = ?", event.number)
            code, found = audit(desk, url, "--quick")
            assert (code, found[0]["code"], found[0]["subject"]) == (1, "case_event", name)
        with taken_back(url):
            old, new = forge(url, case, event.number)
            code, found = audit(desk, url, "--quick")
            assert (code, found[0]["code"], found[0]["subject"]) == (1, "case_event_rewritten", name)

            entry = next(one for one in journal.kept() if old.hex().encode() in one.canonical)
            canonical = entry.canonical.replace(old.hex().encode(), new.hex().encode())
            rewrite(url, "UPDATE journal SET canonical = ? WHERE number = ?", canonical, entry.number)
            code, found = audit(desk, url, "--quick")
            assert (code, found[0]["code"], found[0]["subject"]) == (1, "journal_entry", f"entry {entry.number} of the journal")

            write_anew(journal, url, registry_id)
            code, found = audit(desk, url, "--quick")
            assert (code, found[0]["code"]) == (1, "journal_rewritten")
        with taken_back(url):
            rewrite(url, "DELETE FROM case_events WHERE number = ?", event.number)
            code, found = audit(desk, url, "--quick")
            assert (code, found[0]["code"], found[0]["subject"]) == (1, "case_event_removed", name)
    assert audit(desk, url, "--quick") == (0, [])


def test_every_entry_is_held_by_the_anchored_head(desk: Desk, url: str, journal: Journal, case: Case) -> None:
    """Whichever is changed or removed, and whether or not all hashes behind it are made anew."""
    registry_id = load_trust(desk.folder / "trust.json").registry_id
    once(desk, url, "--head")
    with Outbox.open(url) as outbox:
        (task,) = outbox.all(Work.JOURNAL)
    assert task.number == 8 + len(case.events)
    for number in range(1, task.number + 1):
        with taken_back(url):
            rewrite(url, "UPDATE journal SET canonical = replace(canonical, '\"who\":', '\"who\":9') WHERE number = ?", number)
            rewrite(url, "UPDATE journal SET canonical = CAST(canonical AS BLOB) WHERE number = ?", number)
            code, found = audit(desk, url, "--quick")
            assert (code, found[0]["code"], found[0]["subject"]) == (1, "journal_entry", f"entry {number} of the journal")
            write_anew(journal, url, registry_id)
            code, found = audit(desk, url, "--quick")
            assert (code, codes(found)) == (1, {"journal_rewritten"})
        with taken_back(url):
            rewrite(url, "DELETE FROM journal WHERE number = ?", number)
            code, found = audit(desk, url, "--quick")
            assert (code, found[0]["code"], found[0]["subject"]) == (1, "journal_entry", f"entry {number} of the journal")


def test_what_the_notary_noted_and_the_chain_does_not_have_is_named(desk: Desk, url: str, journal: Journal, case: Case) -> None:
    """A bundle's hash and the journal's, on a chain that was put back; and a bundle that was taken out of the notary's work."""
    before = desk.chain.request("evm_snapshot")
    assert json.loads(once(desk, url, "--head").stdout)["anchored"] == 2
    desk.chain.request("evm_revert", before)
    code, found = audit(desk, url, "--quick")
    named = {(one["code"], one["subject"]) for one in found}
    assert (code, named) == (1, {("not_on_chain", "journal 13"), ("not_on_chain", f"case {case.id}")})
    assert any(MANIFEST.hexdigest() in one["found"] for one in found)
    assert journal.count() == 15

    rewrite(url, "DELETE FROM notary_work")
    code, found = audit(desk, url, "--quick")
    assert (code, codes(found)) == (1, {"bundle_not_asked"})
    assert MANIFEST.hexdigest() in found[0]["expected"]


@pytest.mark.usefixtures("case")
def test_what_could_not_be_asked_is_no_difference(desk: Desk, url: str, tmp_path: Path) -> None:
    """A chain, a desk's database or a store that is away, or a wrong setting: exit code 2, and no difference."""
    away = f"sqlite:///{tmp_path / 'away.db'}"
    for changed, parts in (
        ({"TOUCHSTONE_RPC": SILENT}, 2),
        ({"TOUCHSTONE_DESK_URL": away}, 2),
        ({"TOUCHSTONE_DESK_URL": "mysql://desk"}, 2),
    ):
        settings = {"TOUCHSTONE_DESK_URL": url, **changed}
        done = desk.type("audit", "--quick", "--json", **settings)
        said = json.loads(done.stdout)
        assert (done.exit_code, said["differences"], len(said["not_asked"])) == (2, [], parts), settings
        assert all(one["reason"] and one["reason"] in done.stderr for one in said["not_asked"])
        plain = desk.type("audit", "--quick", **settings)
        assert (plain.exit_code, "0 differences in what could be asked; not asked: " in plain.stdout) == (2, True)
    for before in (
        desk.type("audit", TOUCHSTONE_DATABASE_URL=away),
        desk.type("audit", TOUCHSTONE_TRUST=str(tmp_path / "none.json")),
        desk.type("audit", "--notary", "0x12"),
        desk.type("audit", "--no-such-option"),
    ):
        assert (before.exit_code, before.stdout) == (2, "")
        assert before.stderr


def test_what_was_found_before_stays_found(desk: Desk, url: str, journal: Journal, case: Case) -> None:
    """The chain is away, and the journal and a case differ in themselves: exit code 1, with what was not asked."""
    rewrite(url, "UPDATE case_events SET who = 99 WHERE number = 2")
    rewrite(url, "UPDATE journal SET time = 5 WHERE number = 3")
    done = desk.type("audit", "--json", TOUCHSTONE_RPC=SILENT, TOUCHSTONE_DESK_URL=url)
    said = json.loads(done.stdout)
    assert (done.exit_code, [one["code"] for one in said["differences"]]) == (1, ["journal_entry", "case_event"])
    assert [one["part"].split()[1] for one in said["not_asked"]] == ["batches", "journal"]
    assert case.id in said["differences"][1]["subject"]
    assert journal.count()


@pytest.mark.parametrize("moment", ["list", "head", "examine"])
def test_an_audit_beside_a_desk_at_work_finds_nothing(
    desk: Desk, url: str, journal: Journal, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Somebody does something, and the notary anchors it, between two of the audit's looks."""
    owner: Any = {"list": Records, "head": Journal, "examine": auditing}[moment]
    look = getattr(owner, moment)

    def look_and_go_on(*arguments: Any) -> Any:
        found = look(*arguments)
        monkeypatch.undo()
        journal.append("list.checked", 5, "list")
        once(desk, url, "--head")
        return found

    once(desk, url, "--head")
    monkeypatch.setattr(owner, moment, look_and_go_on)
    assert audit(desk, url, "--quick") == (0, [])
    assert journal.count() == 11


def test_a_damaged_database_is_a_difference(desk: Desk, url: str, tmp_path: Path) -> None:
    """The desk's is named with the rest; a store that does not even open ends the audit with an error, and with 1 as well."""
    with Journal.open(url, load_trust(desk.folder / "trust.json").registry_id):
        rewrite(url, "DELETE FROM journal_heads")
    code, found = audit(desk, url, "--quick")
    assert (code, [(one["code"], one["subject"]) for one in found]) == (1, [("database", "the journal")])
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database at all, however one looks at it\n" * 100)
    done = desk.type("audit", TOUCHSTONE_DATABASE_URL=f"sqlite:///{broken}")
    assert (done.exit_code, done.stdout, "contradicts itself" in done.stderr) == (1, "", True)


def test_the_help_says_how_it_ends() -> None:
    """Whoever runs it by night has to know what its exit code means."""
    said = " ".join(CliRunner().invoke(program, ["audit", "--help"]).stdout.split())
    assert "Exits with 0 if there is none, with 1 if there is one, and with 2" in said


@pytest.mark.parametrize("seed", range(6))
def test_a_rewritten_entry_is_named(desk: Desk, url: str, journal: Journal, seed: int) -> None:
    """Whichever field of whichever entry before the anchored head."""
    once(desk, url)
    chosen = random.Random(seed)
    number = chosen.randrange(1, 9)
    column = ("kind", "subject", "time", "canonical", "hash", "canonical")[seed]
    value: object = {"kind": "case.closed", "subject": "case X", "time": 5, "hash": bytes(32)}.get(column)
    if column == "canonical":
        raw = bytearray(next(one.canonical for one in journal.kept() if one.number == number))
        raw[chosen.randrange(len(raw))] ^= 1 << chosen.randrange(8)
        value = bytes(raw)
    rewrite(url, f"UPDATE journal SET {column} = ? WHERE number = ?", value, number)
    code, found = audit(desk, url, "--quick")
    assert code == 1
    assert any(f"entry {number} " in f"{one['subject']} {one['found']} " for one in found), found


def test_a_journal_written_anew_is_named(desk: Desk, url: str, journal: Journal) -> None:
    """Every hash made again from the changed entry on: the hash on the chain is none of this journal's."""
    once(desk, url)
    head = beginning(load_trust(desk.folder / "trust.json").registry_id)
    for entry in reversed(journal.entries()):
        who = 99 if entry.number >= 4 and entry.kind == "list.checked" else entry.who
        forged = Entry(entry.number, entry.time, entry.kind, who, entry.subject, entry.values)
        head = follow(head, forged.canonical)
        rewrite(url, "UPDATE journal SET canonical = ?, hash = ? WHERE number = ?", forged.canonical, head.hash, entry.number)
    rewrite(url, "UPDATE journal_heads SET hash = ?", head.hash)
    code, found = audit(desk, url, "--quick")
    assert (code, [one["code"] for one in found]) == (1, ["journal_rewritten"])
    assert "entries 1 to 8" in found[0]["subject"]

    rewrite(url, "UPDATE notary_work SET hash = ?, state = 'queued', done_at = NULL, result = NULL", head.hash)
    assert [one["code"] for one in audit(desk, url, "--quick")[1]] == ["journal_rewritten"]
    rewrite(url, "DELETE FROM notary_work")
    assert [one["code"] for one in audit(desk, url, "--quick", "--notary", desk.chain.accounts[4])[1]] == ["journal_rewritten"]
    assert audit(desk, url, "--quick", "--notary", desk.chain.accounts[5]) == (0, [])
    rewrite(url, "DELETE FROM journal")
    assert "journal_head" in {one["code"] for one in audit(desk, url, "--quick")[1]}


def test_batches_that_differ_are_named(desk: Desk, tmp_path: Path) -> None:
    """A tree file that was changed, an entry of the index that is gone, a store that knows nothing of the chain's batches."""
    seal = desk.register("audited.csv", [f"{GTIN},{LOT},AUDITED-{number}" for number in range(5)])["seal"]
    url = f"sqlite:///{tmp_path / 'desk.db'}"
    with Journal.open(url, load_trust(desk.folder / "trust.json").registry_id):
        assert audit(desk, url) == (0, [])
    tree = desk.folder / "trees" / seal.removeprefix("0x")
    whole = tree.read_bytes()
    tree.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    code, found = audit(desk, url)
    assert (code, [(one["code"], one["subject"]) for one in found]) == (1, [("tree", f"batch {seal}")])
    tree.unlink()
    assert [one["code"] for one in audit(desk, url)[1]] == ["tree"]
    tree.write_bytes(whole)
    assert audit(desk, url) == (0, [])

    empty = f"sqlite:///{tmp_path / 'empty.db'}"
    with Journal.open(empty, load_trust(desk.folder / "trust.json").registry_id):
        pass
    found = json.loads(desk.type("audit", "--json", TOUCHSTONE_DATABASE_URL=empty, TOUCHSTONE_TREES=str(tmp_path)).stdout)[
        "differences"
    ]
    assert {"batch_not_stored", "profile"} == {one["code"] for one in found}

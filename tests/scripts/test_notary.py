"""`touchstone notary`, `verify-sheet` and `audit`, over a real chain with the real contract."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from registry.chain.deployment import load_trust
from registry.chain.endpoints import connect
from registry.chain.reader import ChainReader
from registry.chain.records import RecordKind, Records
from registry.enforcement import result_sheet
from registry.enforcement.journal import Entry, beginning, follow
from registry.storage.journal import Journal
from registry.storage.outbox import Outbox, Work
from tests.scripts.conftest import GTIN, LOT, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("scripts")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A desk's database of the test's own."""
    return f"sqlite:///{tmp_path / 'desk.db'}"


@pytest.fixture(scope="module", autouse=True)
def _inspector(desk: Desk) -> None:
    """Give the notary's account its role."""
    desk.done("accredit", "role", "inspector", desk.chain.accounts[4], *desk.by("alliance"))


@pytest.fixture
def journal(desk: Desk, url: str) -> Iterator[Journal]:
    """A journal in which something was done, on a chain that forgets what the test did: a notary has one journal."""
    before = desk.chain.request("evm_snapshot")
    journal = Journal.open(url, load_trust(desk.folder / "trust.json").registry_id)
    for number in range(1, 9):
        journal.append("case.changed", number, f"case {number}", {"sha256": hashlib.sha256(bytes([number])).hexdigest()})
    yield journal
    journal.close()
    desk.chain.request("evm_revert", before)


def records(desk: Desk) -> Records:
    """Return what the chain has on record."""
    trust = load_trust(desk.folder / "trust.json")
    return Records(ChainReader(connect(desk.chain.url), trust, trust.deployments[0]))


def once(desk: Desk, url: str, *more: str, **changed: str) -> Any:
    """Let the notary look once."""
    return desk.type("notary", "once", *more, *desk.by("notary"), "--json", TOUCHSTONE_DESK_URL=url, **changed)


def audit(desk: Desk, url: str, *more: str) -> tuple[int, list[dict[str, str]]]:
    """Return how the audit ended, and its differences about the desk."""
    found = desk.type("audit", "--json", *more, TOUCHSTONE_DESK_URL=url)
    return found.exit_code, json.loads(found.stdout)["differences"]


def rewrite(url: str, statement: str, *values: object) -> None:
    """Change the database as one who owns it can."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
        database.execute("DROP TRIGGER IF EXISTS journal_no_update")
        database.execute("DROP TRIGGER IF EXISTS journal_no_delete")
        database.execute(statement, values)
        database.commit()


def test_the_journal_and_a_case_are_anchored_once(desk: Desk, url: str, journal: Journal) -> None:
    """And a second look, or a notary that forgot what it did, pays for nothing."""
    case = hashlib.sha256(b"a bundle's manifest").digest()
    with Outbox.open(url, create=True) as outbox:
        outbox.ask(Work.CASE, case, "case K7M2P9QX4T3W")
        assert json.loads(once(desk, url).stdout) == {"anchored": 2, "signed": 0, "waiting": []}
        assert json.loads(once(desk, url).stdout) == {"anchored": 0, "signed": 0, "waiting": []}
        (head,) = outbox.all(Work.JOURNAL)
        (task,) = outbox.all(Work.CASE)
    assert (head.number, head.result and head.result["inspector"]) == (8, desk.chain.accounts[4])
    assert task.result is not None
    assert task.result["transaction"].startswith("0x")
    found = records(desk).find(case)
    assert found is not None
    assert (found.kind, found.inspector) == (RecordKind.CLOSED_CASE, desk.chain.accounts[4])
    assert head.hash in {one.hash for one in records(desk).list(RecordKind.JOURNAL_HEAD)}
    assert audit(desk, url, "--quick") == (0, [])

    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:  # killed before it could write that down
        database.execute("UPDATE notary_work SET state = 'queued', done_at = NULL, result = NULL, next_at = 0")
        database.commit()
    height = desk.chain.w3().eth.block_number
    assert json.loads(once(desk, url).stdout) == {"anchored": 2, "signed": 0, "waiting": []}
    assert desk.chain.w3().eth.block_number == height
    assert journal.entries(subject="case K7M2P9QX4T3W")[0].kind == "notary.anchored"


def test_what_cannot_be_done_now_waits(desk: Desk, url: str, journal: Journal) -> None:
    """A chain that is silent, an account without the role: the reason stays, and nothing is lost."""
    silent = once(desk, url, TOUCHSTONE_RPC="http://127.0.0.1:9")
    assert (silent.exit_code, len(json.loads(silent.stdout)["waiting"])) == (1, 1)
    with Outbox.open(url, create=True) as outbox:
        (task,) = outbox.all(Work.JOURNAL)
    assert (task.attempts, task.done_at, bool(task.problem)) == (1, None, True)
    rewrite(url, "UPDATE notary_work SET next_at = 0")
    other = desk.type("notary", "once", *desk.by("witness"), "--json", TOUCHSTONE_DESK_URL=url)
    assert (other.exit_code, "AccessControlUnauthorizedAccount" in other.stderr) == (1, True)
    rewrite(url, "UPDATE notary_work SET next_at = 0")
    assert once(desk, url).exit_code == 0
    assert journal.count() == 9


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
        who = 99 if entry.number >= 4 and entry.kind == "case.changed" else entry.who
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


def test_a_sheet_is_signed_and_verified(desk: Desk, url: str, journal: Journal) -> None:
    """By the notary's key, which the chain knows; a changed sheet, other lines and another's key are found out."""
    registry_id = load_trust(desk.folder / "trust.json").registry_id
    lines = b'{"number":1}\n'
    values = {
        "format": result_sheet.FORMAT, "version": result_sheet.VERSION, "registryId": f"0x{registry_id.hex()}",
        "lines": {"count": "1", "bytes": str(len(lines)), "sha256": hashlib.sha256(lines).hexdigest()}, "signature": None,
    }  # fmt: skip
    sheet = result_sheet.Sheet(values, lines)
    with Outbox.open(url, create=True) as outbox:
        outbox.ask(Work.SHEET, result_sheet.signed_hash(values), "sheet of a list")
        once(desk, url)
        (task,) = outbox.all(Work.SHEET)
    assert task.result is not None
    signed = sheet.with_signature(result_sheet.signature_of(task.result))
    file = desk.file("sheet.json", signed.document)
    said = desk.done("verify-sheet", file, "--lines", desk.file("lines.jsonl", lines))
    assert (said["signer"], said["is_inspector"], said["lines_compared"]) == (desk.chain.accounts[4], True, True)

    other = desk.type("verify-sheet", file, "--lines", desk.file("other.jsonl", lines + lines))
    assert (other.exit_code, "does not have the lines" in other.stderr) == (1, True)
    changed = desk.file("changed.json", signed.document.replace(b'"count":"1"', b'"count":"2"'))
    assert desk.type("verify-sheet", changed).exit_code == 1
    unsigned = desk.type("verify-sheet", desk.file("unsigned.json", sheet.document))
    assert (unsigned.exit_code, "is not signed" in unsigned.stderr) == (1, True)
    desk.done("accredit", "role", "inspector", desk.chain.accounts[4], "--revoke", *desk.by("alliance"))
    assert desk.type("verify-sheet", file).exit_code == 1
    desk.done("accredit", "role", "inspector", desk.chain.accounts[4], *desk.by("alliance"))
    assert journal.count()


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
    silent = desk.type("audit", TOUCHSTONE_RPC="http://127.0.0.1:9")
    assert (silent.exit_code, silent.stdout) == (1, "")

"""`touchstone notary` and `verify-sheet`, over a real chain with the real contract."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from registry.chain.deployment import load_trust
from registry.chain.endpoints import connect
from registry.chain.reader import ChainReader
from registry.chain.records import RecordKind, Records
from registry.enforcement import result_sheet
from registry.storage.outbox import Outbox, Work
from tests.scripts.conftest import audit, once, rewrite

if TYPE_CHECKING:
    from registry.storage.journal import Journal
    from tests.scripts.conftest import Desk

pytestmark = [pytest.mark.xdist_group("scripts"), pytest.mark.usefixtures("_inspector")]


def records(desk: Desk) -> Records:
    """Return what the chain has on record."""
    trust = load_trust(desk.folder / "trust.json")
    return Records(ChainReader(connect(desk.chain.url), trust, trust.deployments[0]))


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

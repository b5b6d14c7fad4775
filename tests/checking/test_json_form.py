"""The JSON form of a verdict."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from registry.checking.json_form import as_json
from registry.checking.trust import Reason
from registry.checking.verdicts import HistoryView
from registry.proofs import encoding
from tests.checking.cases import CASES
from tests.checking.test_verdicts import verdict_of

if TYPE_CHECKING:
    from tests.checking.world import World

KEYS: Final = {
    "headline", "registration", "reasons", "history", "past", "binding", "presented", "unit", "manufacturer", "batch", "anchor",
    "withdrawal", "checks", "proof", "seen", "checked_at",
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_every_verdict_has_the_same_keys_and_is_json(name: str) -> None:
    """Absent things are null and not missing."""
    document = as_json(verdict_of(name), "some_headline")
    assert set(document) == KEYS
    assert json.loads(json.dumps(document)) == document


def test_bytes_are_hex_and_times_are_iso_8601(world: World) -> None:
    """One spelling for each kind of value."""
    verdict = world.verifier().check(world.link(world.scooter))
    document = as_json(verdict, "registered_first_check")
    stored = world.stored(world.scooter)
    assert document["headline"] == "registered_first_check"
    assert document["batch"]["seal"] == "0x" + stored.batch.seal.hex()
    assert document["anchor"]["time"] == "2026-08-02T14:13:20Z"
    assert document["manufacturer"]["suspended_at"] is None
    assert document["unit"]["product"]["names"] == {"en": f"Product {world.scooter.gtin}"}
    assert document["checks"][0] == {"step": 1, "name": "link", "outcome": "passed", "code": None, "detail": ""}
    assert document["seen"] == {"block": 1000, "block_time": "2026-09-21T14:13:15Z", "age_seconds": 1.0, "stale": False}


def test_the_past_is_told_in_days_and_regions(world: World) -> None:
    """Coarse, as on the page; nothing of who looked, and no ticket."""
    verdict = world.verifier().check(world.link(world.scooter))
    assert as_json(verdict)["past"] is None
    told = as_json(replace(verdict, past=HistoryView(3, 20_690, "CN-33", ticket="secret")))
    assert told["past"] == {"checks_before": 3, "first_day": "2026-08-25", "first_region": "CN-33", "opened_day": None}
    opened = as_json(replace(verdict, past=HistoryView(0, None, "", opened_day=20_691)))
    assert opened["past"] == {"checks_before": 0, "first_day": None, "first_region": None, "opened_day": "2026-08-26"}


def test_the_proof_can_be_repeated_from_the_document(world: World) -> None:
    """Leaf, path, root, manifest and salt give the seal, from the JSON alone."""
    document = as_json(world.verifier().check(world.link(world.scooter)), "h")
    proof, batch = document["proof"], document["batch"]
    salt = bytes.fromhex(proof["salt"][2:])
    row = encoding.Row(
        proof["index"],
        encoding.unit_key(salt, world.scooter.id),
        bytes.fromhex(proof["digest"][2:]),
        bytes.fromhex(proof["attributes_hash"][2:]),
    )
    assert "0x" + encoding.leaf(row).hex() == proof["leaf"]
    assert "0x" + encoding.keccak256(proof["manifest"].encode()).hex() == batch["manifest_hash"]


def test_a_typed_number_is_given_no_secret(world: World) -> None:
    """Signature, salt and path go to whoever presented the label."""
    document = json.dumps(as_json(world.verifier().check_number(world.scooter.id), "number_known"))
    stored = world.stored(world.scooter)
    for secret in (stored.signature, stored.batch.salt, stored.proof[0]):
        assert secret.hex() not in document


def test_a_withdrawal_says_what_who_and_when(world: World) -> None:
    """The reason is the word of the reason code."""
    world.withdraw(world.scooter, Reason.STOLEN)
    withdrawal = as_json(world.verifier().check(world.link(world.scooter)), "withdrawn")["withdrawal"]
    assert (withdrawal["reason"], withdrawal["whole_batch"], withdrawal["under_review"]) == ("stolen", False, False)


@pytest.mark.parametrize("name", CASES)
def test_what_could_not_be_asked_is_not_published(name: str) -> None:
    """Which endpoint or database was silent stands in the operator's log, not in the public answer."""
    checks = as_json(verdict_of(name))["checks"]
    assert all(check["detail"] == "" for check in checks if check["outcome"] == "unknown")

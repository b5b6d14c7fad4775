"""The trust file and the records of deployments: read strictly, written whole."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from registry.chain.deployment import DeploymentRecord, artifact, load_trust, read_records, save_trust, write_record
from registry.checking.trust import Deployment, Trust
from registry.errors import DocumentError
from tests.chain.fake import DEPLOYMENT

if TYPE_CHECKING:
    from pathlib import Path

OTHER = Deployment(1, "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512", 22_000_000, b"\xc1" * 32)
TRUST = Trust(b"\x07" * 32, (DEPLOYMENT, OTHER), "safe", 5.0, 60.0, production=True)


def written(path: Path, **changes: Any) -> Path:
    """Write a trust file with changes; a change to `...` leaves the field out."""
    save_trust(path, TRUST)
    document = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: value for name, value in document.items() if value is not ...}))
    return path


def test_a_trust_file_comes_back_as_it_was(tmp_path: Path) -> None:
    """Every setting is kept, the first deployment first."""
    path = tmp_path / "folder" / "trust.json"
    save_trust(path, TRUST)
    assert load_trust(path) == TRUST
    assert [one.name for one in path.parent.iterdir()] == ["trust.json"]


def test_what_is_left_out_is_the_default(tmp_path: Path) -> None:
    """Only registry and deployments have none."""
    names = ("finality", "freshSeconds", "staleSeconds", "production")
    path = written(tmp_path / "trust.json", **dict.fromkeys(names, ...))
    assert load_trust(path) == Trust(TRUST.registry_id, TRUST.deployments)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"registryId": ...}, "registryId"),
        ({"registryId": "0x07"}, "64 hex digits"),
        ({"registryId": "0x" + "00" * 32}, "not all zero"),
        ({"registryId": 7}, "64 hex digits"),
        ({"deployments": []}, "at least one"),
        ({"deployments": {}}, "at least one"),
        ({"deployments": [7]}, "JSON object"),
        ({"finality": "soon"}, "finalized, safe, latest"),
        ({"finality": ["finalized"]}, "finalized, safe, latest"),
        ({"freshSeconds": -1}, "number of seconds"),
        ({"freshSeconds": True}, "number of seconds"),
        ({"staleSeconds": "600"}, "number of seconds"),
        ({"staleSeconds": 1}, "at least 'freshSeconds'"),
        ({"production": "yes"}, "true or false"),
        ({"stale_seconds": 600}, "expected only"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    """A misspelt setting would otherwise be ignored, and something else trusted than what is written there."""
    with pytest.raises(DocumentError, match=said):
        load_trust(written(tmp_path / "trust.json", **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"contract": DEPLOYMENT.contract.lower()},
        {"contract": "0x00"},
        {"chainId": "31337"},
        {"chainId": True},
        {"block": -1},
        {"block": 1.5},
        {"codeHash": "0x"},
        {"codehash": "0x" + "11" * 32},
    ],
)
def test_a_deployment_that_makes_no_sense_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    """An address without its capitals may be mistyped."""
    path = tmp_path / "trust.json"
    save_trust(path, TRUST)
    document = json.loads(path.read_text())
    document["deployments"][0] |= changes
    path.write_text(json.dumps(document))
    with pytest.raises(DocumentError):
        load_trust(path)


def test_a_deployment_is_listed_once(tmp_path: Path) -> None:
    """Twice the same contract would count its word twice."""
    path = tmp_path / "trust.json"
    save_trust(path, replace(TRUST, deployments=(DEPLOYMENT, replace(DEPLOYMENT, block=2))))
    with pytest.raises(DocumentError, match="twice"):
        load_trust(path)


@pytest.mark.parametrize("text", ["", "[]", "{", "7", "\xff", '{"registryId": NaN}', "[" * 10_000])
def test_what_is_no_trust_file_is_refused(tmp_path: Path, text: str) -> None:
    """Whatever stands in the file, it is our own error."""
    path = tmp_path / "trust.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DocumentError):
        load_trust(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """So is one that cannot be written."""
    with pytest.raises(DocumentError, match=r"trust\.json cannot be read"):
        load_trust(tmp_path / "trust.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(DocumentError, match="cannot be written"):
        save_trust(tmp_path / "file" / "trust.json", TRUST)


def test_records_are_kept_by_chain_with_the_latest_first(tmp_path: Path) -> None:
    """A successor goes before the contract that it succeeds; the same deployment stands there once."""
    later = replace(DEPLOYMENT, contract=OTHER.contract, block=9)
    records = [
        DeploymentRecord(b"\x07" * 32, production, one, {"version": "1"})
        for one, production in ((DEPLOYMENT, False), (later, True))
    ]
    elsewhere = DeploymentRecord(b"\x07" * 32, False, OTHER, {"version": "1"})  # noqa: FBT003 - a record's field
    assert read_records(tmp_path) == ()
    for record in (*records, elsewhere, records[1]):
        path = write_record(tmp_path, record)
    assert path.name == "31337.json"
    assert read_records(tmp_path) == (elsewhere, records[1], records[0])


def test_a_damaged_record_is_refused(tmp_path: Path) -> None:
    """Nothing is guessed about what was deployed."""
    (tmp_path / "1.json").write_text('{"chainId": 1, "deployments": 7}')
    with pytest.raises(DocumentError):
        read_records(tmp_path)


def test_the_compiled_contract_recognises_its_code() -> None:
    """Its immutables may be anything, the rest is compared byte by byte."""
    compiled = artifact()
    code = bytearray(compiled.deployed_bytecode)
    for start, length in compiled.immutables:
        code[start : start + length] = b"\x11" * length
    assert compiled.made(bytes(code))
    code[0] ^= 1
    assert not compiled.made(bytes(code))
    assert not compiled.made(b"")

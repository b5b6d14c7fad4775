"""`touchstone absence` and the repetition of its file, over a real chain with the real contract."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from registry.chain.deployment import load_trust
from registry.enforcement import standalone
from registry.enforcement.verifier.files import check_file
from tests.scripts.conftest import GTIN, LOT, MAKER, Desk

pytestmark = pytest.mark.xdist_group("scripts")
NOWHERE = {"TOUCHSTONE_TRUST": "", "TOUCHSTONE_DATABASE_URL": "nonsense", "TOUCHSTONE_TREES": "nowhere"}


def steps(told: str) -> dict[str, str]:
    """Return the outcome of each step of a command's JSON."""
    return {one["step"]: one["outcome"] for one in json.loads(told)["steps"]}


def run_alone(desk: Desk, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `verify.py` where nothing is installed."""
    program = desk.file("verify.py", standalone.program())
    command = [sys.executable, "-I", "-S", program, *words]
    return subprocess.run(command, env={}, capture_output=True, text=True, check=False, timeout=60)


def test_a_number_that_was_never_registered(desk: Desk) -> None:
    """It is shown absent, and the file is checked without settings: alone, with a contract, and by the standard library."""
    seal = desk.register("absent.csv", [f"{GTIN},{LOT},ABSENT-{number}" for number in range(20)])["seal"]
    out = desk.path("absent.json")
    made = desk.done("absence", GTIN[1:], "NEVER-1", "--out", out)
    raw = Path(out).read_bytes()
    assert (made["gtin"], made["serial"], made["bytes"]) == (GTIN, "NEVER-1", len(raw))
    assert seal.removeprefix("0x") in raw.decode()
    assert made["batches"] >= 1
    assert made["manufacturers"] == [int(MAKER)]

    offline = desk.type("verify", out, TOUCHSTONE_RPC="http://127.0.0.1:9", **NOWHERE)
    assert (offline.exit_code, offline.stdout.count(" ok"), offline.stdout.count(" -\n")) == (0, 6, 6)
    assert "warning: the chain was not asked" in offline.stderr
    assert "according to the manufacturer's tree" in offline.stdout
    contract = load_trust(desk.folder / "trust.json").deployments[0].contract
    asked = desk.type("verify", out, "--contract", contract.lower(), "--json", **NOWHERE)
    assert asked.exit_code == 0, asked.output
    assert set(steps(asked.stdout).values()) == {"passed"}
    assert json.loads(asked.stdout)["absence"]["batches"] == made["batches"]
    assert all(held for _, held, _ in check_file(raw)[1])

    alone = run_alone(desk, out, "--rpc", desk.chain.url, "--contract", contract)
    assert (alone.returncode, alone.stderr, alone.stdout.count(" ok ")) == (0, "", 10)
    assert "the contract sees the gap in" in alone.stdout
    gone = run_alone(desk, out, "--rpc", "http://127.0.0.1:9", "--contract", contract)
    assert (gone.returncode, "chain      ?   could not ask" in gone.stdout) == (1, True)
    strange = run_alone(desk, out, "--rpc", desk.chain.url, "--contract", desk.chain.accounts[5])
    assert (strange.returncode, "  contract   NO  the file is about" in strange.stdout) == (1, True)

    unknown = desk.type("verify", out, "--contract", contract, "--json", **(NOWHERE | {"TOUCHSTONE_RPC": "http://127.0.0.1:9"}))
    assert (unknown.exit_code, steps(unknown.stdout)["contract"]) == (1, "unknown")
    for other in ((desk.chain.accounts[5],), (contract, desk.chain.accounts[5])):
        words = [word for one in other for word in ("--contract", one)]
        refused = desk.type("verify", out, *words, "--json", **NOWHERE)
        assert (refused.exit_code, steps(refused.stdout)["contract"]) == (1, "failed")

    changed = desk.file("changed.json", raw.replace(b"NEVER-1", b"ABSENT-3"))
    refused = desk.type("verify", changed, "--contract", contract, **NOWHERE)
    assert refused.exit_code == 1
    assert "  gaps          NO" in refused.stdout
    later = json.loads(raw)
    later["deployments"][0]["block"]["hash"] = f"0x{'11' * 32}"
    forged = desk.file("later.json", json.dumps(later, separators=(",", ":"), ensure_ascii=False, sort_keys=True))
    assert steps(desk.type("verify", forged, "--contract", contract, "--json", **NOWHERE).stdout)["block"] == "failed"


def test_a_witness_makes_it_more_than_a_manufacturers_word(desk: Desk) -> None:
    """An attested batch is told apart."""
    seal = desk.register("absent-attested.csv", [f"{GTIN},{LOT},WITNESSED-1"])["seal"]
    desk.done("accredit", "role", "witness", desk.chain.accounts[3], *desk.by("alliance"))
    before = desk.done("absence", GTIN, "NEVER-2", "--out", desk.path("before.json"))["batches_attested"]
    desk.done("attest", seal, *desk.by("witness"))
    desk.chain.finalize()
    out = desk.path("attested.json")
    assert desk.done("absence", GTIN, "NEVER-2", "--out", out)["batches_attested"] == before + 1
    contract = load_trust(desk.folder / "trust.json").deployments[0].contract
    assert desk.type("verify", out, "--contract", contract, **NOWHERE).exit_code == 0
    assert desk.type("verify", desk.path("before.json"), "--contract", contract, **NOWHERE).exit_code == 0


def test_what_cannot_be_shown_is_refused(desk: Desk) -> None:
    """A registered number, one that is none, a tree that is not there, a file that cannot be written."""
    seal = desk.register("present.csv", [f"{GTIN},{LOT},PRESENT-1"])["seal"]
    out = desk.folder / "refused.json"
    for words, told in (
        ((GTIN, "PRESENT-1", "--out", str(out)), "is the one that was asked for"),
        (("1", "PRESENT-1", "--out", str(out)), "expected 8, 12, 13 or 14 digits"),
        ((GTIN, "NEVER 3", "--out", str(out)), "character set 82"),
        ((GTIN, "NEVER-3", "--out", str(desk.folder / "nowhere" / "x.json")), "cannot be written"),
    ):
        refused = desk.type("absence", *words)
        assert refused.exit_code == 1
        assert told in refused.stderr
    tree = desk.folder / "trees" / seal.removeprefix("0x")
    kept = tree.read_bytes()
    tree.unlink()
    missing = desk.type("absence", GTIN, "NEVER-3", "--out", str(out))
    tree.write_bytes(kept)
    assert (missing.exit_code, out.exists()) == (1, False)
    assert "there is no tree file of seal" in missing.stderr


def test_a_proof_file_has_one_contract(desk: Desk) -> None:
    """To name two is a matter of usage."""
    file = desk.file("empty.json", "{}")
    words = ("--contract", desk.chain.accounts[1], "--contract", desk.chain.accounts[2])
    assert desk.type("verify", file, *words).exit_code == 2


def test_every_deployment_is_looked_at(desk: Desk) -> None:
    """Batches of before a successor of the contract stay in the list; whoever checks names both contracts."""
    desk.register("both-contracts.csv", [f"{GTIN},{LOT},BEFORE-1"])
    trust = Path(desk.file("two.json", (desk.folder / "trust.json").read_text()))
    both = {"TOUCHSTONE_TRUST": str(trust)}
    desk.done("deploy", *desk.by("alliance"), "--trust", str(trust))
    desk.done("accredit", "role", "accreditor", desk.chain.accounts[0], *desk.by("alliance"), **both)
    profile = (desk.path("profile.json"), "--uri", "https://larch.example/profile.json")
    desk.done("accredit", "manufacturer", MAKER, desk.chain.accounts[1], *profile, *desk.by("alliance"), **both)
    desk.chain.finalize()

    out = desk.path("both.json")
    made = desk.done("absence", GTIN, "NEVER-4", "--out", out, **both)
    assert (len(made["blocks"]), made["batches"]) == (
        2,
        desk.done("absence", GTIN, "NEVER-4", "--out", desk.path("one.json"))["batches"],
    )
    assert "is the one that was asked for" in desk.type("absence", GTIN, "BEFORE-1", "--out", out, **both).stderr
    contracts = [one.contract for one in load_trust(trust).deployments]
    words = [word for one in contracts for word in ("--contract", one)]
    asked = desk.type("verify", out, *words, "--json", **NOWHERE)
    assert (asked.exit_code, set(steps(asked.stdout).values())) == (0, {"passed"})
    assert run_alone(desk, out, "--rpc", desk.chain.url, *words).returncode == 0
    refused = desk.type("verify", out, "--contract", contracts[0], "--json", **NOWHERE)
    assert (refused.exit_code, steps(refused.stdout)["contract"]) == (1, "failed")

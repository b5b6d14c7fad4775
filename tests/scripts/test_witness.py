"""`touchstone witness`, over a real chain with the real contract: what holds is attested once, what does not never."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.scripts.conftest import GTIN, LOT

if TYPE_CHECKING:
    from click.testing import Result

    from tests.scripts.conftest import Desk

pytestmark = [pytest.mark.xdist_group("scripts"), pytest.mark.usefixtures("_witness")]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def _witness(desk: Desk) -> None:
    """Give the witness's account its role, and attest what other tests registered."""
    desk.done("accredit", "role", "witness", desk.chain.accounts[3], *desk.by("alliance"))
    desk.chain.finalize()
    look(desk)


def look(desk: Desk, who: str = "witness", **changed: str) -> Result:
    """Have the witness look once."""
    return desk.type("witness", "once", *desk.by(who), "--json", **changed)


def found(result: Result) -> dict[str, Any]:
    """Return what a look led to."""
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def test_what_holds_is_attested_once(desk: Desk) -> None:
    """When its anchor is final, and by what the chain says: a second look, or another process, pays for nothing."""
    made = desk.register("witnessed.csv", [f"{GTIN},{LOT},W-{number}" for number in range(20)])
    first = look(desk)
    assert (first.exit_code, found(first)) == (0, {"attested": [made["seal"]], "wrong": {}, "waiting": {}})
    height = desk.chain.w3().eth.block_number
    again = look(desk)
    assert (again.exit_code, found(again)["attested"]) == (0, [])
    assert desk.chain.w3().eth.block_number == height


def test_a_tree_that_does_not_hold_is_named_and_never_attested(desk: Desk, tmp_path: Path) -> None:
    """Nor is one that is not there, which may come back."""
    made = desk.register("damaged.csv", [f"{GTIN},{LOT},D-{number}" for number in range(20)])
    trees = tmp_path / "trees"
    shutil.copytree(desk.folder / "trees", trees)
    (tree,) = [one for one in trees.rglob("*") if one.is_file() and made["seal"].removeprefix("0x") in one.name]
    raw = bytearray(tree.read_bytes())
    raw[len(raw) // 2] ^= 1
    tree.chmod(0o600)
    tree.write_bytes(raw)
    damaged = look(desk, TOUCHSTONE_TREES=str(trees))
    assert (damaged.exit_code, list(found(damaged)["wrong"]), found(damaged)["attested"]) == (1, [made["seal"]], [])
    assert "does not hold, and is not attested" in damaged.stderr
    tree.unlink()
    missing = look(desk, TOUCHSTONE_TREES=str(trees))
    assert (missing.exit_code, list(found(missing)["waiting"]), found(missing)["wrong"]) == (1, [made["seal"]], {})
    assert found(look(desk))["attested"] == [made["seal"]]


def test_what_cannot_be_asked_waits(desk: Desk) -> None:
    """A chain that is silent, or an account without the role: each batch with the reason."""
    made = desk.register("waiting.csv", [f"{GTIN},{LOT},P-1"])
    silent = look(desk, TOUCHSTONE_RPC="http://127.0.0.1:9")
    assert (silent.exit_code, made["seal"] in found(silent)["waiting"], found(silent)["attested"]) == (1, True, [])
    nobody = look(desk, "controller")
    assert (nobody.exit_code, "AccessControlUnauthorizedAccount" in nobody.stderr) == (1, True)
    assert found(look(desk))["attested"] == [made["seal"]]


def test_a_process_goes_on_by_itself_and_is_ended_by_a_signal(desk: Desk) -> None:
    """It attests what is registered while it runs."""
    settings = {
        "TOUCHSTONE_TRUST": desk.path("trust.json"), "TOUCHSTONE_RPC": desk.chain.url,
        "TOUCHSTONE_DATABASE_URL": f"sqlite:///{desk.path('registry.db')}", "TOUCHSTONE_TREES": desk.path("trees"),
    }  # fmt: skip
    command = [sys.executable, "-m", "scripts", "witness", "run", "--every", "0.2", *desk.by("witness")]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings}, stderr=subprocess.PIPE, text=True) as process:
        try:
            made = desk.register("running.csv", [f"{GTIN},{LOT},R-{number}" for number in range(5)])
            deadline = time.monotonic() + 60
            while found(desk.type("verify", desk.link(made["seal"]), "--json"))["batch"]["attestations"] == 0:
                assert time.monotonic() < deadline, "the witness did not attest"
                desk.chain.finalize()
                time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            assert process.stderr is not None
            assert f"batch {made['seal']} is replayed and attested" in process.stderr.read()
        finally:
            if process.poll() is None:
                process.kill()

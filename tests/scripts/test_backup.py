"""The restore drill: what `touchstone restore` brings to an empty machine answers as the site did, byte for byte."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry.chain.deployment import load_trust
from registry.chain.endpoints import connect
from registry.chain.reader import ChainReader
from registry.checking.json_form import as_json
from registry.checking.repeating import proof_of
from registry.checking.verifier import Verifier
from registry.proofs import proof_file
from registry.storage.journal import Journal
from registry.storage.store import Store
from tests.scripts.conftest import GTIN, LOT

if TYPE_CHECKING:
    from tests.scripts.conftest import Desk

pytestmark = pytest.mark.xdist_group("scripts")

KILLED = 4
"""Times that a backup, and that a restore, is killed."""


def answers(desk: Desk, links: list[str], settings: dict[str, str]) -> list[bytes]:
    """Return what a site says of labels, and the proofs that it hands out; of the moment of asking, nothing."""
    trusted = load_trust(Path(settings["TOUCHSTONE_TRUST"]))
    readers = [ChainReader(connect(desk.chain.url), trusted, deployment) for deployment in trusted.deployments]
    told = []
    with Store.open(settings["TOUCHSTONE_DATABASE_URL"], Path(settings["TOUCHSTONE_TREES"])) as store:
        verifier = Verifier(trusted, readers, store)
        for link in links:
            verdict = verifier.check(link)
            said = as_json(verdict) | {"checked_at": None, "seen": None}
            told.append(json.dumps(said, sort_keys=True).encode())
            if proof := proof_of(verdict):
                told.append(proof_file.write(proof))
    return told


@pytest.fixture
def links(desk: Desk) -> list[str]:
    """Give labels of a batch, one of which is withdrawn, and one that nobody registered."""
    lines = [f"{GTIN},{LOT},KEPT-{number}" for number in range(12)]
    found = desk.register("kept.csv", lines)
    listed = desk.file("stolen.csv", f"gtin,serial\n{GTIN},KEPT-3\n")
    desk.done("withdraw", "units", listed, "--for", "stolen", *desk.by("line"))
    desk.chain.finalize()
    labels = [desk.link(str(found["seal"]), number) for number in range(len(lines))]
    return [*labels, labels[0].replace("KEPT", "FAKE")]


def here(desk: Desk) -> dict[str, str]:
    """Return the settings of the desk's own store."""
    return {
        "TOUCHSTONE_DATABASE_URL": f"sqlite:///{desk.path('registry.db')}",
        "TOUCHSTONE_TREES": desk.path("trees"),
        "TOUCHSTONE_TRUST": desk.path("trust.json"),
    }


def empty(folder: Path) -> dict[str, str]:
    """Return the settings of an empty machine."""
    return {
        "TOUCHSTONE_DATABASE_URL": f"sqlite:///{folder / 'registry.db'}",
        "TOUCHSTONE_TREES": str(folder / "trees"),
        "TOUCHSTONE_TRUST": str(folder / "trust.json"),
    }


def test_the_drill(desk: Desk, journal: Journal, url: str, links: list[str], tmp_path: Path) -> None:
    """Verdicts, proofs and a proof of absence are the same bytes, the audit finds nothing, and the next batch is registered."""
    machine = {**empty(tmp_path / "machine"), "TOUCHSTONE_DESK_URL": f"sqlite:///{tmp_path / 'machine' / 'desk.db'}"}
    place = str(tmp_path / "backups")
    made = desk.done("backup", place, TOUCHSTONE_DESK_URL=url)
    assert (made["trust_file"], made["tree_files"] >= 1, made["databases"]) == (True, True, "desk, registry")
    assert desk.done("backup", place, "--check", TOUCHSTONE_DESK_URL=url)["checked"] is True
    assert [one["snapshot"] for one in desk.done("backup", place, "--list")["snapshots"]] == [made["snapshot"]]
    desk.done("restore", place, **machine)
    before, after = answers(desk, links, here(desk)), answers(desk, links, machine)
    assert after == before
    assert len(before) > len(links)
    for settings, out in (({}, "before.json"), (machine, "after.json")):
        desk.done("absence", GTIN, "NEVER-2", "--out", str(tmp_path / out), **settings)
    assert (tmp_path / "after.json").read_bytes() == (tmp_path / "before.json").read_bytes()
    found = desk.type("audit", "--quick", "--json", **machine)
    assert json.loads(found.stdout)["differences"] == []
    with Journal.open(machine["TOUCHSTONE_DESK_URL"]) as kept:
        assert kept.head() == journal.head()
    units = desk.file("next.csv", f"gtin,lot,serial\n{GTIN},{LOT},\n")
    options = ("--products", desk.path("products.toml"), *desk.by("line"), "--run", machine["TOUCHSTONE_TREES"])
    snapshot = desk.chain.request("evm_snapshot")
    assert desk.done("register", units, *options, **machine)["units_stored"] == 1
    desk.chain.request("evm_revert", snapshot)


def test_killed_and_done_again(desk: Desk, links: list[str], tmp_path: Path) -> None:
    """SIGKILL at random moments of either: what is there is whole, and the next try comes through."""
    chosen = random.Random(3)
    place = str(tmp_path / "backups")
    machine = empty(tmp_path / "machine")
    for words, settings in ((("backup", place), here(desk)), (("restore", place), machine)):
        for _ in range(KILLED):
            process = subprocess.Popen(
                [sys.executable, "-m", "scripts", *words],
                env={**os.environ, **settings},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(chosen.uniform(0.4, 1.2))
            process.send_signal(signal.SIGKILL)
            process.wait()
        desk.done(*words, **settings)
    assert answers(desk, links, machine) == answers(desk, links, here(desk))


def test_old_snapshots_go_and_options_that_do_not_fit_are_refused(desk: Desk, links: list[str], tmp_path: Path) -> None:
    """The newest stay; one task at a time."""
    assert links
    place = str(tmp_path / "backups")
    names = [desk.done("backup", place, "--keep", "2")["snapshot"] for _ in range(3)]
    assert [one["snapshot"] for one in desk.done("backup", place, "--list")["snapshots"]] == names[1:]
    assert "tree files" in desk.type("backup", place, "--list").stdout
    for words in (("--list", "--check"), ("--check", "--keep", "1"), ("--snapshot", names[1])):
        refused = desk.type("backup", place, *words)
        assert (refused.exit_code, "expected --list, --check or --keep" in refused.stderr) == (1, True)
    # A place that holds exactly what the backup does is left as it is; after one more batch it holds something else.
    assert desk.done("restore", place)["snapshot"] == names[2]
    desk.register("one-more.csv", [f"{GTIN},{LOT},"])
    refused = desk.type("restore", place)
    assert (refused.exit_code, "expected an empty database" in refused.stderr) == (1, True)
    refused = desk.type("backup", desk.path("passphrase"))
    assert refused.exit_code == 2

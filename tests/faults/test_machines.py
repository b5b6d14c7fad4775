"""Several machines register for one manufacturer at once, with one key and one PostgreSQL."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from web3 import Web3

from registry.chain.devchain import Anvil
from registry.issuing.batches import State
from registry.keys import KeystoreSigner
from registry.storage.store import Store
from tests.faults.killed import PASSPHRASE, Place
from tests.faults.register_ground import MANUFACTURER, Ground
from tests.faults.storm import Database
from tests.issuing.samples import GTIN, LOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("machines")

MACHINES = 3
BATCHES = 3
"""That each machine registers, one after another."""


@pytest.fixture(scope="module")
def database(require_backend: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A PostgreSQL of the machines' own."""
    require_backend("postgresql")
    database = Database(tmp_path_factory.mktemp("machines"))
    yield database
    database.close()


@pytest.fixture
def ground(require_backend: Callable[[str], Path], tmp_path: Path) -> Iterator[Ground]:
    """A chain that makes a block now and then, as real ones do: transactions wait side by side."""
    require_backend("anvil")
    with Anvil(epoch_slots=1) as anvil:
        ground = Ground.found(anvil, tmp_path)
        yield ground


def start(place: Place, database: Database, machine: int, lines: list[str], run: str) -> subprocess.Popen[str]:
    """Type the command on a machine, which has a folder of tree files of its own."""
    folder = place.folder / f"machine {machine}"
    folder.mkdir(exist_ok=True)
    (folder / f"{run}.csv").write_text("\n".join(["gtin,lot,serial", *lines, ""]))
    (folder / "passphrase").write_text(f"{PASSPHRASE}\n")
    words = [sys.executable, "-m", "scripts", "register", f"{run}.csv", "--products", str(place.folder / "products.toml")]
    options = ["--run", run, "--json", "--keystore", str(place.keystore), "--passphrase-file", "passphrase"]
    settings = {
        "PYTHONPATH": os.getcwd(),  # noqa: PTH109 -- a text is what it takes
        "TOUCHSTONE_TRUST": str(place.trust),
        "TOUCHSTONE_RPC": place.rpc,
        "TOUCHSTONE_DATABASE_URL": database.url,
        "TOUCHSTONE_TREES": str(folder / "trees"),
    }
    environment = {**os.environ, **settings}
    return subprocess.Popen(
        [*words, *options], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
    """Return how it ended and what it said."""
    told, errors = process.communicate(timeout=120)
    return process.returncode, json.loads(told or "{}"), errors


def test_each_batch_is_anchored_once_and_no_nonce_is_fought_for(ground: Ground, database: Database, tmp_path: Path) -> None:
    """Three at a time, one of them killed now and then: none is refused, and each batch is one transaction."""
    place = ground.place(tmp_path / "line", 2, in_chunks=False)
    anvil = ground.anvil
    anvil.request("evm_setAutomine", False)  # noqa: FBT003 -- JSON-RPC
    anvil.request("evm_setIntervalMining", 1)
    for number in range(BATCHES):
        lines = [f"{GTIN},{LOT},"] * 2
        runs = {machine: start(place, database, machine, lines, f"{machine}-{number}") for machine in range(MACHINES)}
        if number == 1:
            time.sleep(2.5)
            runs[0].send_signal(signal.SIGKILL)
            runs[0].communicate()
            runs[0] = start(place, database, 0, lines, "0-1")
        for process in runs.values():
            code, told, errors = ended(process)
            assert code == 0, errors
            assert told["transactions_made"] <= 1
    signer = KeystoreSigner(place.keystore, PASSPHRASE)
    assert ground.reader().manufacturer(MANUFACTURER).batch_count == MACHINES * BATCHES
    assert anvil.w3().eth.get_transaction_count(Web3.to_checksum_address(signer.address)) == MACHINES * BATCHES
    with Store.open(database.url, tmp_path / "trees", create=True) as store:
        batches = store.batches(MANUFACTURER)
        assert len(batches) == MACHINES * BATCHES
        assert {batch.state for batch in batches} <= {State.ANCHORED, State.FINAL}
        assert sum(store.count_units(batch.id) for batch in batches) == 2 * MACHINES * BATCHES


def test_a_unit_that_two_register_at_once_is_in_one_batch(ground: Ground, database: Database, tmp_path: Path) -> None:
    """The other one is told which line is in the way, and has paid nothing."""
    place = ground.place(tmp_path / "line", 2, in_chunks=False)
    runs = [
        start(place, database, machine, [f"{GTIN},{LOT},BOTH1BOTH1BOTH12"], f"both {machine}") for machine in range(MACHINES)
    ]
    results = [ended(process) for process in runs]
    assert sorted(code for code, _, _ in results) == [0, 1, 1]
    assert all("BOTH1BOTH1BOTH12" in errors for code, _, errors in results if code), results
    signer = KeystoreSigner(place.keystore, PASSPHRASE)
    assert ground.anvil.w3().eth.get_transaction_count(Web3.to_checksum_address(signer.address)) == 1

"""What `touchstone settle` does with batches that nobody waits for, on a real chain whose blocks the test makes."""

from __future__ import annotations

import json
import multiprocessing
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from registry.chain.devchain import Anvil
from registry.issuing.batches import State
from scripts.__main__ import program
from tests.faults.killed import Place, register
from tests.faults.register_ground import MANUFACTURER, Ground

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("settling")

UNITS = 4


@pytest.fixture
def ground(require_backend: Callable[[str], Path], tmp_path: Path) -> Iterator[Ground]:
    """A chain with a manufacturer."""
    require_backend("anvil")
    with Anvil(epoch_slots=4) as anvil:
        yield Ground.found(anvil, tmp_path)


@pytest.fixture
def place(ground: Ground, tmp_path: Path) -> Place:
    """A line whose transaction was signed, stored and sent, and dropped before it was mined."""
    place = ground.place(tmp_path / "line", UNITS, in_chunks=False)
    ground.anvil.request("evm_setAutomine", False)  # noqa: FBT003 -- JSON-RPC
    process = multiprocessing.get_context("forkserver").Process(target=register, args=(place, "sent without an answer"))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    ground.anvil.request("anvil_dropAllTransactions")
    return place


def settle(place: Place, *, code: int = 0) -> dict[str, Any]:
    """Type the command: there is no key in it."""
    words = ("settle", "once", "--json", "--database", f"sqlite:///{place.folder / 'registry.db'}")
    options = ("--trees", str(place.folder / "trees"), "--trust", str(place.trust), "--rpc", place.rpc)
    done = CliRunner().invoke(program, [*words, *options], prog_name="touchstone")
    assert done.exit_code == code, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def state(place: Place) -> State:
    """Return the state of the one batch."""
    with place.store() as store:
        (batch,) = store.batches()
        return batch.state


def anchors(ground: Ground) -> int:
    """Return how many batches the contract counts."""
    return ground.reader().manufacturer(MANUFACTURER).batch_count


def test_dropped_mined_reorganised_and_final(ground: Ground, place: Place) -> None:
    """Without a key, and paid for once, whatever happens on the way."""
    mine = ground.anvil.request
    assert state(place) is State.SUBMITTED
    assert len(settle(place)["sent"]) == 1
    assert len(settle(place)["sent"]) == 1, "what is in the pool already is no error"
    mine("anvil_mine", "0x1")
    assert len(settle(place)["anchored"]) == 1
    assert state(place) is State.ANCHORED
    assert settle(place) == {"final": [], "anchored": [], "sent": [], "lost": {}, "waiting": {}}

    mine("anvil_mine", "0x2")
    mine("anvil_reorg", 3, [])
    mine("anvil_dropAllTransactions")
    assert anchors(ground) == 0
    assert len(settle(place)["sent"]) == 1
    assert state(place) is State.SUBMITTED, "a batch that was reorganised away goes back"
    mine("anvil_mine", "0x1")
    settle(place)
    mine("anvil_mine", "0x10")
    assert len(settle(place)["final"]) == 1
    assert (state(place), anchors(ground)) == (State.FINAL, 1)
    assert settle(place) == {"final": [], "anchored": [], "sent": [], "lost": {}, "waiting": {}}
    mine("evm_setAutomine", True)  # noqa: FBT003 -- JSON-RPC
    assert register(place).transactions_made == 0


def test_a_transaction_whose_place_was_taken_is_lost_and_said_so(ground: Ground, place: Place) -> None:
    """Without the key nothing more can be done; with it, the registration makes another one."""
    anvil = ground.anvil
    with place.store() as store:
        key = store.batches()[0].key
    anvil.request("anvil_setNonce", key, "0x5")
    found = settle(place, code=1)
    assert len(found["lost"]) == 1
    assert state(place) is State.SUBMITTED
    anvil.request("evm_setAutomine", True)  # noqa: FBT003 -- JSON-RPC
    assert register(place).batch.state is State.ANCHORED
    assert anchors(ground) == 1


def test_a_registration_at_work_is_left_alone_and_a_silent_chain_loses_nothing(ground: Ground, place: Place) -> None:
    """Both are "not now"."""
    options = ["--database", f"sqlite:///{place.folder / 'registry.db'}", "--trees", str(place.folder / "trees")]
    with place.store() as store, store.exclusive():
        done = CliRunner().invoke(program, ["settle", "once", *options, "--trust", str(place.trust), "--rpc", place.rpc])
        assert (done.exit_code, "another registration" in done.output) == (1, True)
    silent = ["settle", "once", "--json", *options, "--trust", str(place.trust), "--rpc", "http://127.0.0.1:9"]
    done = CliRunner().invoke(program, silent)
    assert (done.exit_code, len(json.loads(done.stdout)["waiting"])) == (1, 1)
    assert state(place) is State.SUBMITTED
    assert len(settle(place)["sent"]) == 1
    assert ground.anvil.port


def test_it_goes_on_by_itself_until_it_is_told_to_end(ground: Ground, place: Place) -> None:
    """As a service: what was dropped is on the chain and final after a while."""
    ground.anvil.request("evm_setAutomine", True)  # noqa: FBT003 -- JSON-RPC
    words = ["settle", "run", "--every", "0.1", "--database", f"sqlite:///{place.folder / 'registry.db'}"]
    options = ["--trees", str(place.folder / "trees"), "--trust", str(place.trust), "--rpc", place.rpc]
    process = subprocess.Popen([sys.executable, "-m", "scripts", *words, *options], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while state(place) is not State.FINAL:
        assert time.monotonic() < deadline
        ground.anvil.request("anvil_mine", "0x2")
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=10)
    assert process.returncode == 0
    assert b"sent again" in said
    assert said.count(b" is final") == 1

"""Nodes for the chain's tests: one anvil and one Hardhat node for the session, as new for each test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry.chain.devchain import Anvil
from registry.chain.endpoints import connect
from registry.checking.trust import Reason
from registry.errors import ChainUnavailable
from tests.chain.stage import KEY, NUMBER, SEAL, WITHDRAWN, FakeStage, NodeStage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
EPOCH_SLOTS = 2
STARTS_WITHIN = 60.0


@pytest.fixture(scope="session")
def anvil(require_backend: Callable[[str], Path]) -> Iterator[Anvil]:
    """Run an anvil without a state file, on which four blocks make a block final."""
    with Anvil(program=require_backend("anvil"), epoch_slots=EPOCH_SLOTS) as chain:
        yield chain


@pytest.fixture(scope="session")
def founded_anvil(anvil: Anvil) -> NodeStage:
    """Deploy the contract once."""
    stage = NodeStage(anvil.url, blocks_to_final=anvil.blocks_to_final, node="anvil")
    stage.found()
    stage.finalize()
    return stage


@pytest.fixture
def anvil_stage(founded_anvil: NodeStage, require_backend: Callable[[str], Path]) -> Iterator[NodeStage]:
    """Give anvil with nothing but the contract on it."""
    require_backend("anvil")
    yield from as_new(founded_anvil)


@pytest.fixture(scope="module")
def lived_anvil(founded_anvil: NodeStage) -> Iterator[NodeStage]:
    """Accredit a manufacturer with one final batch, of which one unit is withdrawn."""
    snapshot = founded_anvil.snapshot()
    live(founded_anvil)
    yield founded_anvil
    founded_anvil.revert(snapshot)


@pytest.fixture
def stage(lived_anvil: NodeStage, require_backend: Callable[[str], Path]) -> Iterator[NodeStage]:
    """Give anvil with one final batch."""
    require_backend("anvil")
    yield from as_new(lived_anvil)


@pytest.fixture
def own_anvil(require_backend: Callable[[str], Path], tmp_path: Path) -> Iterator[Anvil]:
    """Run an anvil for one test, with a state file, which the test may kill."""
    with Anvil(tmp_path / "chain.json", program=require_backend("anvil"), epoch_slots=EPOCH_SLOTS) as chain:
        yield chain


@pytest.fixture
def own_stage(own_anvil: Anvil) -> NodeStage:
    """Give that anvil with one final batch."""
    stage = NodeStage(own_anvil.url, blocks_to_final=own_anvil.blocks_to_final, node="anvil")
    stage.found()
    live(stage)
    return stage


@pytest.fixture(scope="session")
def hardhat_url(require_backend: Callable[[str], Path]) -> Iterator[str]:
    """Run `hardhat node`, and end it by its process id."""
    program = require_backend("hardhat")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # The one from pip: another one on the path may be too old for Hardhat.
    node = shutil.which("node", path=str(Path(sys.executable).parent)) or shutil.which("node")
    assert node
    with subprocess.Popen(
        [node, str(program.resolve()), "node", "--hostname", "127.0.0.1", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "HARDHAT_DISABLE_TELEMETRY_PROMPT": "true"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until_it_answers(url, process)
            yield url
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="session")
def founded_hardhat(hardhat_url: str) -> NodeStage:
    """Deploy the contract once."""
    stage = NodeStage(hardhat_url, blocks_to_final=0, node="hardhat")
    stage.found()
    return stage


@pytest.fixture
def hardhat_stage(founded_hardhat: NodeStage, require_backend: Callable[[str], Path]) -> Iterator[NodeStage]:
    """Give Hardhat's node with nothing but the contract on it."""
    require_backend("hardhat")
    yield from as_new(founded_hardhat)


@pytest.fixture
def fake_stage() -> FakeStage:
    """Give the in-memory fake."""
    return FakeStage()


def live(stage: NodeStage) -> None:
    """Accredit a manufacturer, anchor a batch, withdraw a unit."""
    stage.accredit(NUMBER)
    stage.add_key(NUMBER, KEY)
    stage.anchor(KEY, SEAL)
    stage.set_domains("verify.example.org")
    stage.withdraw_units(KEY, SEAL, Reason.STOLEN, WITHDRAWN)
    stage.finalize()


def as_new(stage: NodeStage) -> Iterator[NodeStage]:
    """Give a stage, and undo afterwards what was done on it."""
    snapshot = stage.snapshot()
    yield stage
    stage.revert(snapshot)


def wait_until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait for a node to start."""
    (w3,) = connect(url)
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        if w3.is_connected():
            return
        time.sleep(0.05)
    message = f"the node did not answer at {url}"
    raise ChainUnavailable(message)

"""`reconcile void` is killed at every moment and run again: every unit withdrawn, each transaction paid once."""

from __future__ import annotations

import multiprocessing
import shutil
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from web3 import Web3

from registry.chain.devchain import Anvil
from registry.chain.endpoints import connect
from registry.chain.reader import ChainReader
from registry.chain.writer import MAY_WITHDRAW, ChainWriter, key_consent_digest
from registry.issuing import ledger_entries
from registry.issuing.ranks import Ranks
from registry.issuing.reconciliation import Draft, Kind
from registry.keys import KeystoreSigner
from registry.storage.ledger import Ledgers
from tests.faults import killed, killed_void, register_ground
from tests.faults.killed import PASSPHRASE
from tests.faults.killed_void import MOMENTS
from tests.faults.register_ground import MANUFACTURER, Ground, keystore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.context import ForkServerContext
    from pathlib import Path

    from tests.faults.killed import Place

UNITS = 1500
"""Six words: three transactions."""
APPLIED = range(0, UNITS, 3)
REMAINDER = set(range(UNITS)) - set(APPLIED)
pytestmark = pytest.mark.xdist_group("register-killed")


@pytest.fixture(scope="module")
def ground(require_backend: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    require_backend("anvil")
    with Anvil(epoch_slots=1) as anvil:
        yield Ground.found(anvil, tmp_path_factory.mktemp("ground"))


@pytest.fixture(scope="module")
def reported(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Register a batch of which every third unit is applied."""
    place = ground.place(tmp_path_factory.mktemp("place"), UNITS, in_chunks=False)
    killed.register(place)
    with place.store() as store, Ledgers.open(f"sqlite:///{place.folder / 'registry.db'}") as ledgers:
        (batch,) = store.batches()
        ledger = ledgers.read(batch)
        ledger = ledgers.append(ledger, ledger_entries.printed(ledger, 0, UNITS, "pdf", ["labels.pdf"], actor="line"))
        ledgers.append(ledger, Draft(Kind.APPLIED, "line", Ranks.of(UNITS, APPLIED), name="line.csv", lines=len(APPLIED)))
    return place


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Give processes that start quickly: what they import is imported once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([killed_void.__name__, register_ground.__name__])
    return context


@pytest.fixture
def place(ground: Ground, reported: Place, tmp_path: Path, require_backend: Callable[[str], Path]) -> Iterator[Place]:
    """Give the store and the chain as they were before anything was withdrawn, and a key that may withdraw."""
    require_backend("anvil")
    snapshot = ground.anvil.w3().provider.make_request("evm_snapshot", [])["result"]  # type: ignore[arg-type]  # anvil's own
    folder = tmp_path / "place"
    shutil.copytree(reported.folder, folder)
    place = replace(reported, folder=folder, keystore=folder / "void.json")
    signer = keystore(ground.anvil, place.keystore)
    ground.anvil.fund(signer.address)
    consent = signer.sign_digest(key_consent_digest(ground.trust.deployments[0], MANUFACTURER))
    ChainWriter(ground.reader(), KeystoreSigner(folder / "controller.json", PASSPHRASE)).add_key(
        MANUFACTURER, signer.address, permissions=MAY_WITHDRAW, not_after=2**40 - 1, consent=consent
    )
    yield place
    ground.anvil.w3().provider.make_request("evm_revert", [snapshot])  # type: ignore[arg-type]  # anvil's own


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_and_run_again(ground: Ground, place: Place, processes: ForkServerContext, moment: str) -> None:
    process = processes.Process(target=killed_void.void, args=(place, moment))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    left_behind = killed_void.ledger(place)
    assert not left_behind.overruns()
    assert left_behind.counts().applied == len(APPLIED)

    result = killed_void.void(place)

    signer = KeystoreSigner(place.keystore, PASSPHRASE)
    assert ground.anvil.w3().eth.get_transaction_count(Web3.to_checksum_address(signer.address)) == 3
    reader = ChainReader(connect(ground.anvil.url), ground.trust, ground.trust.deployments[0])
    found = ChainWriter(reader, signer).void_words(result.ledger.seal, 6)
    assert set(Ranks.of_words(UNITS, found)) == REMAINDER
    ledger = killed_void.ledger(place)
    assert ledger.entries == result.ledger.entries
    assert (ledger.counts().void, ledger.counts().to_void, ledger.pending) == (len(REMAINDER), 0, None)
    assert killed_void.sent(ledger) == 3

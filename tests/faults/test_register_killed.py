"""`register` is killed at every moment and run again: one anchor, one payment, every unit once (on a real chain)."""

from __future__ import annotations

import multiprocessing
import signal
from typing import TYPE_CHECKING

import pytest
from web3 import Web3

from registry.chain.deployment import save_trust
from registry.chain.devchain import Anvil
from registry.chain.endpoints import connect
from registry.chain.reader import ChainReader
from registry.chain.writer import MAY_ANCHOR, ChainWriter, deploy, key_consent_digest
from registry.checking.trust import Trust
from registry.issuing.batches import State
from registry.issuing.registration import Outcome, Step
from registry.keys import KeystoreSigner, create_keystore
from registry.proofs import encoding, signing
from registry.storage.store import Store
from tests.faults import killed
from tests.faults.killed import MOMENTS, PASSPHRASE, Place
from tests.issuing.samples import GTIN, LOT, REGISTRY_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.context import ForkServerContext
    from pathlib import Path

MANUFACTURER = 7
UNITS = 1500
"""More than one report of progress."""
PRODUCTS = f"""
[[product]]
gtin = "{GTIN}"
names.en = "Sample"
[[product.lot]]
lot = "{LOT}"
"""
DONE_BEFORE = {
    State.SEALED: {Step.CHECK, Step.SEAL, Step.STORE},
    State.SUBMITTED: {Step.CHECK, Step.SEAL, Step.STORE, Step.PREPARE},
}


@pytest.fixture(scope="module")
def anvil(require_backend: Callable[[str], Path]) -> Iterator[Anvil]:
    require_backend("anvil")
    with Anvil(epoch_slots=1) as anvil:
        yield anvil


@pytest.fixture(scope="module")
def trust(anvil: Anvil, tmp_path_factory: pytest.TempPathFactory) -> Trust:
    """Found a registry whose manufacturer 7 has account 1 for its controller."""
    alliance, controller = (keystore(anvil, tmp_path_factory.mktemp("key") / "key.json", index) for index in (0, 1))
    deployment = deploy(anvil.w3(), alliance, registry_id=REGISTRY_ID)
    trust = Trust(REGISTRY_ID, (deployment,))
    writer = ChainWriter(ChainReader(connect(anvil.url), trust, deployment), alliance)
    writer.grant_role("accreditor", alliance.address)
    writer.accredit(MANUFACTURER, controller.address, b"\1" * 32, "https://example.org/profile.json")
    return trust


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Give processes that start quickly: what they import is imported once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([killed.__name__])
    return context


@pytest.fixture
def place(anvil: Anvil, trust: Trust, tmp_path: Path) -> Place:
    """Give a key, a file of units and room for a store of the test's own."""
    signer = keystore(anvil, tmp_path / "key.json")
    anvil.fund(signer.address)
    deployment = trust.deployments[0]
    reader = ChainReader(connect(anvil.url), trust, deployment)
    consent = signer.sign_digest(key_consent_digest(deployment, MANUFACTURER))
    ChainWriter(reader, keystore(anvil, tmp_path / "controller.json", 1)).add_key(
        MANUFACTURER, signer.address, permissions=MAY_ANCHOR, not_after=2**40 - 1, consent=consent
    )
    save_trust(tmp_path / "trust.json", trust)
    (tmp_path / "products.toml").write_text(PRODUCTS)
    (tmp_path / "units.csv").write_text("gtin,lot,serial\n" + f"{GTIN},{LOT},\n" * UNITS)
    return Place(anvil.url, tmp_path / "trust.json", tmp_path / "key.json", tmp_path)


def keystore(anvil: Anvil, path: Path, account: int | None = None) -> KeystoreSigner:
    private_key = anvil.private_key(account) if account is not None else None
    create_keystore(path, PASSPHRASE, light=True, private_key=private_key)
    return KeystoreSigner(path, PASSPHRASE)


@pytest.mark.xdist_group("register-killed")
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_and_run_again(
    anvil: Anvil,
    trust: Trust,
    place: Place,
    processes: ForkServerContext,
    *,
    moment: str,
    require_backend: Callable[[str], Path],
) -> None:
    require_backend("anvil")
    process = processes.Process(target=killed.register, args=(place, moment))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    with Store.open(f"sqlite:///{place.folder / 'registry.db'}", place.folder / "trees", create=True) as store:
        left_behind = store.batches()

    report = killed.register(place)

    # One payment: whatever was sent, the account made one transaction.
    signer = KeystoreSigner(place.keystore, PASSPHRASE)
    assert anvil.w3().eth.get_transaction_count(Web3.to_checksum_address(signer.address)) == 1
    # One anchor: of this key and of this seal.
    listed = ChainReader(connect(anvil.url), trust, trust.deployments[0]).anchored_batches(MANUFACTURER)
    assert [batch.seal for batch in listed if batch.key == signer.address] == [report.batch.seal]
    assert [batch.seal for batch in listed].count(report.batch.seal) == 1
    # All units once, each signed by the key, and the tree is theirs.
    with Store.open(f"sqlite:///{place.folder / 'registry.db'}", place.folder / "trees") as store:
        assert store.batches() == (report.batch,)
        labels = list(store.labels(report.batch.id))
        rows = store.rows(report.batch.id)
    assert len({record.serial for record, _, _ in labels}) == len(labels) == len(rows) == UNITS
    for (record, signature, index), row in zip(labels, rows, strict=True):
        assert row.index == index
        assert row.unit_key == encoding.unit_key(report.batch.salt, record.id)
        assert signing.recover(row.digest, signature) == signer.address
    assert not list((place.folder / "trees").glob(".writing-*"))
    # It says what it did, and the counts reconcile.
    assert report.batch.state is State.FINAL
    assert (report.units_in_file, report.units_generated, report.units_stored) == (UNITS, UNITS, UNITS)
    assert report.units_signed == (0 if left_behind else UNITS)
    skipped = {step.step for step in report.steps if step.outcome is Outcome.SKIPPED}
    if left_behind:
        assert left_behind[0].seal == report.batch.seal
        assert skipped >= DONE_BEFORE.get(left_behind[0].state, set(Step) - {Step.READ, Step.FINAL})
    else:
        assert skipped == set()

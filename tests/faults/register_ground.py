"""Where registrations are killed and run again: a real chain, keys, files, and what must hold in the end."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from web3 import Web3

from registry.chain.deployment import save_trust
from registry.chain.endpoints import connect
from registry.chain.reader import ChainReader
from registry.chain.writer import MAY_ANCHOR, ChainWriter, deploy, key_consent_digest
from registry.checking.trust import Trust
from registry.issuing.batches import State
from registry.keys import KeystoreSigner, create_keystore
from registry.proofs import encoding, signing
from tests.faults.killed import PASSPHRASE, Place
from tests.issuing.samples import GTIN, LOT, REGISTRY_ID, serials

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from registry.chain.devchain import Anvil
    from registry.issuing.registration import Report

MANUFACTURER = 7
PRODUCTS = f"""
[[product]]
gtin = "{GTIN}"
names.en = "Sample"
[[product.lot]]
lot = "{LOT}"
"""
PATIENCE = 30.0
"""Seconds that workers have to be gone when their parent is."""
RECOVERED = 200
"""Signatures of a batch that are recovered, spread over all of it."""


@dataclass(frozen=True)
class Ground:
    """A chain with a registry whose manufacturer 7 has account 1 for its controller."""

    anvil: Anvil
    trust: Trust

    @classmethod
    def found(cls, anvil: Anvil, folder: Path) -> Ground:
        """Found it."""
        alliance, controller = (keystore(anvil, folder / f"{index}.json", index) for index in (0, 1))
        deployment = deploy(anvil.w3(), alliance, registry_id=REGISTRY_ID)
        trust = Trust(REGISTRY_ID, (deployment,))
        writer = ChainWriter(ChainReader(connect(anvil.url), trust, deployment), alliance)
        writer.grant_role("accreditor", alliance.address)
        writer.accredit(MANUFACTURER, controller.address, b"\1" * 32, "https://example.org/profile.json")
        return cls(anvil, trust)

    def place(self, folder: Path, units: int, *, in_chunks: bool = True) -> Place:
        """Give a key, a file of units, half of them without a serial, and room for a store."""
        signer = keystore(self.anvil, folder / "key.json")
        self.anvil.fund(signer.address)
        deployment = self.trust.deployments[0]
        consent = signer.sign_digest(key_consent_digest(deployment, MANUFACTURER))
        ChainWriter(self.reader(), keystore(self.anvil, folder / "controller.json", 1)).add_key(
            MANUFACTURER, signer.address, permissions=MAY_ANCHOR, not_after=2**40 - 1, consent=consent
        )
        save_trust(folder / "trust.json", self.trust)
        (folder / "products.toml").write_text(PRODUCTS)
        rows = [f"{GTIN},{LOT},{serial}\n{GTIN},{LOT},\n" for serial in serials(units // 2)]
        (folder / "units.csv").write_text("gtin,lot,serial\n" + "".join(rows))
        return Place(self.anvil.url, folder / "trust.json", folder / "key.json", folder, in_chunks)

    def reader(self) -> ChainReader:
        """Read the chain."""
        return ChainReader(connect(self.anvil.url), self.trust, self.trust.deployments[0])

    def check(self, place: Place, report: Report, units: int) -> None:
        """See that one run or many made one payment, one anchor, and every unit once."""
        # One payment: whatever was sent, the account made one transaction.
        signer = KeystoreSigner(place.keystore, PASSPHRASE)
        assert self.anvil.w3().eth.get_transaction_count(Web3.to_checksum_address(signer.address)) == 1
        # One anchor: of this key and of this seal.
        listed = self.reader().anchored_batches(MANUFACTURER)
        assert [batch.seal for batch in listed if batch.key == signer.address] == [report.batch.seal]
        assert [batch.seal for batch in listed].count(report.batch.seal) == 1
        # All units once, each signed by the key, and the tree is theirs.
        with place.store() as store:
            assert store.batches() == (report.batch,)
            brought, seen = set(serials(units // 2)), set()
            pairs = zip(store.labels(report.batch.id), store.rows(report.batch.id), strict=True)
            for place_of, ((record, signature, index), row) in enumerate(pairs):
                assert place_of == index == row.index
                assert row.unit_key == encoding.unit_key(report.batch.salt, record.id)
                if index % max(units // RECOVERED, 1) == 0:
                    assert signing.recover(row.digest, signature) == signer.address
                    assert store.find(record.id) is not None
                seen.add(record.serial)
        assert len(seen) == units
        assert seen > brought
        # It says what it did, and the counts reconcile.
        assert report.batch.state is State.FINAL
        assert (report.units_in_file, report.units_generated, report.units_stored) == (units, units // 2, units)
        # Nothing of what the work left lies about, nor a file that was in its place before it was committed.
        names = [path.name for path in (place.folder / "trees").rglob("*") if path.name != ".lock"]
        assert names == [report.batch.seal.hex()]


def keystore(anvil: Anvil, path: Path, account: int | None = None) -> KeystoreSigner:
    """Make a key, or give one of the chain's."""
    private_key = anvil.private_key(account) if account is not None else None
    create_keystore(path, PASSPHRASE, light=True, private_key=private_key)
    return KeystoreSigner(path, PASSPHRASE)


def workers_of(process: BaseProcess) -> list[int]:
    """Return the processes that a registration has at work."""
    try:
        return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def alive(pid: int) -> bool:
    """Say whether a process runs; one that ended and was not yet buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def kill(process: BaseProcess) -> None:
    """End a registration as nothing can prevent, and see that none of its workers is left."""
    workers = workers_of(process)
    if process.is_alive() and process.pid is not None:
        os.kill(process.pid, signal.SIGKILL)
    process.join(PATIENCE)
    see_gone(workers)


def see_gone(workers: list[int]) -> None:
    """See that processes end."""
    until = time.monotonic() + PATIENCE
    while left := [pid for pid in workers if alive(pid)]:
        assert time.monotonic() < until, f"workers outlived their parent: {left}"
        time.sleep(0.01)


def wait_for_workers(process: BaseProcess, count: int) -> list[int]:
    """Wait until a registration has so many workers."""
    until = time.monotonic() + PATIENCE
    while len(workers := workers_of(process)) < count:
        assert process.is_alive()
        assert time.monotonic() < until
        time.sleep(0.005)
    return workers

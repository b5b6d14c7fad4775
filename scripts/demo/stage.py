"""The demo's stage: a folder with a chain, keystores, stores and a trust file, and the people who act on it.

Everything is found again at the next start. Every act asks the chain first, so a demo killed at any moment goes on where it
was.
"""

from __future__ import annotations

import secrets
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

from web3 import Web3

from registry.chain.deployment import artifact, load_trust, save_trust
from registry.chain.reader import ChainReader
from registry.chain.writer import MAY_ANCHOR, MAY_WITHDRAW, ChainWriter, deploy, key_consent_digest
from registry.checking.trust import Trust
from registry.errors import ChainError, TouchstoneError
from registry.keys import KeystoreSigner, create_keystore
from registry.proofs.encoding import keccak256
from registry.proofs.profile import profile_hash, read_json
from registry.storage.histories import Histories
from registry.storage.scans import Scans
from registry.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.chain.devchain import Anvil
    from registry.chain.writer import Receipt
    from registry.checking.trust import ManufacturerFacts
    from registry.issuing.batches import StoredBatch

Closing = TypeVar("Closing", Store, Scans, Histories)

DAY: Final = 86_400
BEGINS: Final = 80
"""Days before the first start at which the story begins."""
ACCOUNTS: Final = 20
GOVERNANCE, ALLIANCE, WITNESS, INSPECTOR, NOTARY = range(5)
SITE: Final = "site"
"""The folder of the site's store and inbox; every brand has one of its own name."""
FIRST_CONTROLLER: Final = 5
FIRST_KEY: Final = 10
SECRET_BYTES: Final = 32
PASSPHRASE: Final = "passphrase"  # noqa: S105 -- the name of a file
KEYS_END: Final = 400
"""Days that the demo's keys are valid."""


@dataclass(frozen=True, slots=True)
class Brand:
    """A fictitious manufacturer of the demo."""

    number: int
    folder: str
    """Its folder in `examples/`."""


class SavingWriter(ChainWriter):
    """A writer that has the chain saved before it says that a transaction was mined."""

    def __init__(self, reader: ChainReader, signer: KeystoreSigner, chain: Anvil) -> None:
        super().__init__(reader, signer)
        self._kept = chain

    def wait(self, tx_hash: bytes, **options: Any) -> Receipt:
        """Wait as `ChainWriter.wait` does, then save."""
        receipt = super().wait(tx_hash, **options)
        self._kept.save()
        return receipt


class Stage:
    """Where the demo plays. One process at a time: the chain's state file is locked."""

    def __init__(self, folder: Path, examples: Path, chain: Anvil, start: int, tell: Callable[[str], None]) -> None:
        self.folder = folder
        self.examples = examples
        self.chain = chain
        self.tell = tell
        self._start = start
        self._keys = folder / "keys"
        self._signers: dict[int, KeystoreSigner] = {}
        self._stores: dict[str, Store] = {}
        self._open = ExitStack()

    @property
    def trust_file(self) -> Path:
        """The trust file that the sites read."""
        return self.folder / "trust.json"

    @property
    def database(self) -> str:
        """The URL of the site's database."""
        return _database(self.folder / SITE)

    @property
    def trees(self) -> Path:
        """The folder of the site's tree files."""
        return self.folder / SITE / "trees"

    @property
    def inbox(self) -> Path:
        """The folder into which the site receives what brands publish."""
        return self.folder / SITE / "inbox"

    @property
    def site(self) -> Store:
        """The site's store: it has what was published."""
        return self._opened(SITE)

    @property
    def scans_database(self) -> str:
        """The URL of the database in which the site remembers checks and takes reports."""
        return f"sqlite:///{self.folder / SITE / 'scans.db'}"

    @cached_property
    def scans(self) -> Scans:
        """The checks that the site remembers."""
        return self._closed_at_the_end(Scans.open(self.scans_database))

    @cached_property
    def histories(self) -> Histories:
        """What the site remembers of units."""
        self.scans  # noqa: B018  # which makes the tables
        return self._closed_at_the_end(Histories.open(self.scans_database, create=True))

    @property
    def device_secret(self) -> str:
        """What the site makes the keys of phones and its forms' tickets from."""
        return _secret(self._keys, "device-secret")

    def store(self, brand: Brand) -> Store:
        """Return a brand's own store, in which it registers."""
        return self._opened(brand.folder)

    def close(self) -> None:
        """Give the stores back."""
        self._open.close()

    def _closed_at_the_end(self, one: Closing) -> Closing:
        self._open.callback(one.close)
        return one

    def _opened(self, name: str) -> Store:
        if name not in self._stores:
            folder = self.folder / name
            folder.mkdir(exist_ok=True)
            self._stores[name] = self._closed_at_the_end(Store.open(_database(folder), folder / "trees", create=True))
        return self._stores[name]

    @cached_property
    def trust(self) -> Trust:
        """Which contract is ours: deployed at the first start.

        Raises `TouchstoneError` if the chain lost it.
        """
        if self.trust_file.exists():
            trust = load_trust(self.trust_file)
            try:
                ChainReader((self.chain.w3(),), trust, trust.deployments[0]).check_deployment()
            except ChainError as error:
                raise TouchstoneError(
                    f"the demo's chain does not know the contract that {self.trust_file} names",
                    hint=f"move {self.folder} away to begin a new story",
                ) from error
            return trust
        registry_id = secrets.token_bytes(32)
        deployment = deploy(
            self.chain.w3(), self.signer(GOVERNANCE, "governance"), registry_id=registry_id, governance_delay=3 * DAY
        )
        self.chain.save()  # whatever is killed, no file knows more than the chain's own
        made = Trust(registry_id, (deployment,), fresh_seconds=2.0, stale_seconds=60.0)
        save_trust(self.trust_file, made)
        return made

    @property
    def reader(self) -> ChainReader:
        """A reader that asks every time."""
        return ChainReader((self.chain.w3(),), self.trust, self.trust.deployments[0]).asking_now()

    def keystore(self, name: str) -> Path:
        """Return where the keystore of this name is."""
        return self._keys / f"{name}.json"

    @property
    def passphrase_file(self) -> Path:
        """The file with the passphrase of all keystores."""
        return self._keys / PASSPHRASE

    def signer(self, account: int, name: str) -> KeystoreSigner:
        """Return the signer of a development account, its keystore made at the first use."""
        if account not in self._signers:
            passphrase = _secret(self._keys, PASSPHRASE)
            path = self.keystore(name)
            if not path.exists():
                create_keystore(path, passphrase, light=True, private_key=self.chain.private_key(account))
            self._signers[account] = KeystoreSigner(path, passphrase)
        return self._signers[account]

    def writer(self, account: int, name: str) -> ChainWriter:
        """Return what this account tells the chain."""
        return self.writer_of(self.signer(account, name))

    def writer_of(self, signer: KeystoreSigner) -> ChainWriter:
        """Return what a signer tells the chain."""
        return ChainWriter(ChainReader((self.chain.w3(),), self.trust, self.trust.deployments[0]), signer)

    def registrar(self, brand: Brand) -> ChainWriter:
        """Return what anchors a brand's batches: the chain is on disk before the store says that a batch is anchored."""
        reader = ChainReader((self.chain.w3(),), self.trust, self.trust.deployments[0])
        return SavingWriter(reader, self.key(brand), self.chain)

    def controller(self, brand: Brand) -> ChainWriter:
        """Return what a brand's controller tells the chain."""
        return self.writer(FIRST_CONTROLLER + brand.number, f"{brand.folder}-controller")

    def key(self, brand: Brand) -> KeystoreSigner:
        """Return a brand's key, which signs its units and anchors its batches."""
        return self.signer(FIRST_KEY + brand.number, f"{brand.folder}-key")

    def move_to(self, days_before_start: float) -> None:
        """Let the chain's clock go on from so many days before the demo's first start, but never from before its newest block.

        So what a killed demo has still to tell happens in its own time, too.
        """
        self._set_clock(self.time_at(days_before_start))

    def move_to_now(self) -> None:
        """Let the chain's clock show the present."""
        self._set_clock(int(time.time()))

    def _set_clock(self, wanted: int) -> None:
        newest = self.chain.w3().eth.get_block("latest").get("timestamp", 0)
        self.chain.move_time(max(wanted, newest + 1))

    def accredit(self, brand: Brand) -> ManufacturerFacts:
        """Accredit a brand and add its key, unless that is done."""
        profile = read_json((self.examples / brand.folder / "profile.json").read_bytes())
        self.store(brand).add_profile(profile)
        alliance = self.writer(ALLIANCE, "alliance")
        controller = self.signer(FIRST_CONTROLLER + brand.number, f"{brand.folder}-controller")
        if not self.reader.manufacturer(brand.number).accredited_at:
            uri = f"https://{brand.folder}.example/profile.json"
            alliance.accredit(brand.number, controller.address, profile_hash(profile), uri)
        key = self.key(brand)
        if not self.reader.key(key.address).manufacturer:
            consent = key.sign_digest(key_consent_digest(self.trust.deployments[0], brand.number))
            end = self._start + KEYS_END * DAY
            rights = MAY_ANCHOR | MAY_WITHDRAW
            self.controller(brand).add_key(brand.number, key.address, permissions=rights, not_after=end, consent=consent)
        return self.reader.manufacturer(brand.number)

    def appoint(self, role: str, account: int, name: str, *, by: ChainWriter) -> None:
        """Give an account a role, unless it has it."""
        address = self.signer(account, name).address
        if not self._contract.hasRole(keccak256(f"{role.upper()}_ROLE".encode()), address).call():
            by.grant_role(role, address)

    def official_domains(self) -> list[str]:
        """Return the domains on the chain as of its newest block, final or not."""
        return list(self._contract.verifierDomains().call())

    def attested(self, batch: StoredBatch, witness: str) -> bool:
        """Say whether a witness attested a batch, finally or not."""
        return bool(self._contract.attestedAt(batch.manufacturer, batch.seal, witness).call())

    def time_at(self, days_before_start: float) -> int:
        """Return the time so many days before the demo's first start, in Unix seconds."""
        return int(self._start - days_before_start * DAY)

    @property
    def _contract(self) -> Any:
        address = Web3.to_checksum_address(self.trust.deployments[0].contract)
        return self.chain.w3().eth.contract(address, abi=artifact().abi).functions


def _secret(folder: Path, name: str) -> str:
    """Return a secret that is made once and kept where only we may read."""
    path = folder / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(SECRET_BYTES) + "\n")
    return path.read_text().strip()


def _database(folder: Path) -> str:
    return f"sqlite:///{folder / 'registry.db'}"


def first_start(folder: Path) -> int:
    """Return when the demo of this folder was started for the first time, in Unix seconds.

    Raises `TouchstoneError` if the folder is one of an earlier demo, in which brands and site shared one store.
    """
    if (folder / "registry.db").exists():
        raise TouchstoneError(
            f"{folder} was made by an earlier demo, in which brands and site shared one store; expected a store for each",
            hint="move it away to begin a new story, or name another folder with --folder",
        )
    path = folder / "first-start"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{time.time():.0f}\n")
    return int(path.read_text())

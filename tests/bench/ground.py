"""The ground that measurements stand on: a chain of our own, a contract on it, one accredited manufacturer with a key.

Everything is kept in one folder and found again, so that a big store that was built once serves many measurements.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry.chain.deployment import load_trust, save_trust
from registry.chain.devchain import Anvil
from registry.chain.endpoints import Endpoint
from registry.chain.reader import ChainReader
from registry.chain.rpc_errors import Fault
from registry.chain.writer import MAY_ANCHOR, ChainWriter, deploy, key_consent_digest
from registry.checking.trust import Trust
from registry.keys import KeystoreSigner, create_keystore
from registry.proofs.keccak import keccak256
from registry.proofs.profile import profile_hash, read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

HOST: Final = "verify.example.org"
BASE: Final = f"https://{HOST}"
GTIN: Final = "09521004000014"
LOT: Final = "L2611A"
MANUFACTURER: Final = 7
ALLIANCE, CONTROLLER, KEY = range(3)
"""Numbers of the development accounts that act."""
PASSPHRASE: Final = "worth nothing outside of this chain"
FOR_EVER: Final = 2**40 - 1
EPOCH_SLOTS: Final = 1
PRODUCTS: Final = f"""
[[product]]
gtin = "{GTIN}"
model = "L1"
names.en = "Larch desk lamp"
names.zh = "落叶松台灯"
[[product.lot]]
lot = "{LOT}"
produced = "2026-11-02"
markets = ["CN", "DE"]
"""
PROFILE: Final = {
    "format": "touchstone-profile",
    "version": "1",
    "legalName": {"en": "Larch Lighting Co., Ltd.", "zh": "落叶松照明有限公司"},
    "brand": {"en": "Larch", "zh": "落叶松"},
    "domain": "larch.example",
    "trademarks": ["CN 70952004"],
    "gtins": ["9521004"],
    "country": "CN",
    "contact": "ip@larch.example",
}
ANCHOR_GAS: Final = 100_000
FEE: Final = 10**10
"""Wei for a unit of gas: more than this chain ever asks for."""
ANCHORS_A_BLOCK: Final = 200
REGISTRY_ID: Final = keccak256(b"the registry of the measurements")


@dataclass(frozen=True, slots=True)
class Ground:
    """A folder with everything that a command of ours needs, and the running chain."""

    folder: Path
    chain: Anvil
    trust: Trust
    signer: KeystoreSigner

    @property
    def products(self) -> Path:
        """The products file."""
        return self.folder / "products.toml"

    def environment(self, database: str, trees: Path) -> dict[str, str]:
        """Return the settings of a command or a site over a store."""
        return {
            "TOUCHSTONE_TRUST": str(self.folder / "trust.json"),
            "TOUCHSTONE_RPC": self.chain.url,
            "TOUCHSTONE_DATABASE_URL": database,
            "TOUCHSTONE_TREES": str(trees),
        }

    def signing_options(self) -> list[str]:
        """Return the options of a command that signs as the manufacturer."""
        return ["--keystore", str(self.folder / "key.json"), "--passphrase-file", str(self.folder / "passphrase")]

    def profile(self) -> bytes:
        """Return the manufacturer's profile, whose hash is on the chain."""
        return read_json(json.dumps(PROFILE, ensure_ascii=False).encode())

    def reader(self) -> ChainReader:
        """Return a reader that remembers nothing yet."""
        return ChainReader((self.chain.w3(),), self.trust, self.trust.deployments[0])

    def anchor(self, seals: Sequence[bytes]) -> None:
        """Anchor many seals: the same transactions as ever, many in a block.

        Raises `RuntimeError` if the chain refuses one.
        """
        endpoint = Endpoint(self.chain.w3(timeout=60))
        nonce = int(self.chain.request("eth_getTransactionCount", self.signer.address, "latest"), 16)
        selector = keccak256(b"anchor(bytes32)")[:4]
        common = {"chainId": self.trust.deployments[0].chain_id, "to": self.trust.deployments[0].contract, "value": 0}
        fees = {"gas": ANCHOR_GAS, "maxFeePerGas": FEE, "maxPriorityFeePerGas": 1, "type": 2}
        self.chain.request("evm_setAutomine", False)  # noqa: FBT003 -- the request's own argument
        try:
            for first in range(0, len(seals), ANCHORS_A_BLOCK):
                part = seals[first : first + ANCHORS_A_BLOCK]
                signed = [
                    self.signer.sign_transaction({**common, **fees, "data": selector + seal, "nonce": nonce + first + place})
                    for place, seal in enumerate(part)
                ]
                answers = endpoint.ask([("eth_sendRawTransaction", [f"0x{raw.hex()}"]) for raw, _ in signed])
                if faults := [answer.message for answer in answers if isinstance(answer, Fault)]:
                    raise RuntimeError(f"the chain refuses {len(faults)} anchors: {faults[0]}")
                self.chain.mine()
                receipt = self.chain.request("eth_getTransactionReceipt", f"0x{signed[-1][1].hex()}")
                if not receipt or int(receipt["status"], 16) != 1:
                    raise RuntimeError("the last anchor of a block is not on the chain")
        finally:
            self.chain.request("evm_setAutomine", True)  # noqa: FBT003 -- the request's own argument
        self.chain.finalize()


@contextmanager
def ground(folder: Path) -> Iterator[Ground]:
    """Give the ground of a folder, made at the first use, with its chain running."""
    folder.mkdir(parents=True, exist_ok=True)
    with Anvil(folder / "chain.json", epoch_slots=EPOCH_SLOTS) as chain:
        names = ("alliance", "controller", "key")
        if not (folder / "passphrase").exists():
            (folder / "passphrase").write_text(f"{PASSPHRASE}\n")
            (folder / "passphrase").chmod(0o600)
            (folder / "products.toml").write_text(PRODUCTS)
        for number, name in enumerate(names):
            if not (folder / f"{name}.json").exists():
                create_keystore(folder / f"{name}.json", PASSPHRASE, light=True, private_key=chain.private_key(number))
        signers = [KeystoreSigner(folder / f"{name}.json", PASSPHRASE) for name in names]
        if not (folder / "trust.json").exists():
            _found(chain, signers, folder / "trust.json")
        made = Ground(folder, chain, load_trust(folder / "trust.json"), signers[KEY])
        # The head is of today, however old the chain; and what is final is a block whose state anvil made in this run: of those
        # before it knows too little.
        chain.mine(chain.blocks_to_final + 1)
        chain.save()
        yield made


def _found(chain: Anvil, signers: list[KeystoreSigner], trust_file: Path) -> None:
    """Deploy the contract and accredit the manufacturer with its key and the official domain."""
    profile = read_json(json.dumps(PROFILE, ensure_ascii=False).encode())
    deployment = deploy(chain.w3(), signers[ALLIANCE], registry_id=REGISTRY_ID)
    trust = Trust(REGISTRY_ID, (deployment,))
    alliance, controller, _ = (ChainWriter(ChainReader((chain.w3(),), trust, deployment), signer) for signer in signers)
    alliance.grant_role("accreditor", signers[ALLIANCE].address)
    alliance.set_verifier_domains([HOST])
    alliance.accredit(MANUFACTURER, signers[CONTROLLER].address, profile_hash(profile), "https://larch.example/profile.json")
    consent = signers[KEY].sign_digest(key_consent_digest(deployment, MANUFACTURER))
    controller.add_key(MANUFACTURER, signers[KEY].address, permissions=MAY_ANCHOR, not_after=FOR_EVER, consent=consent)
    chain.finalize()
    chain.save()
    save_trust(trust_file, trust)

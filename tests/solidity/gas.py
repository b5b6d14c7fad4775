"""What each action on the contract costs, in gas, as a person would ask for it: `tests/solidity/gas.json`.

    python -m tests.solidity.gas           measure and write
    python -m tests.solidity.gas --check   measure and compare; 1 if a figure changed or exceeds its bound

Each figure is the `gasUsed` of a real transaction's receipt on anvil: the 21,000 of any transaction and its data are in it.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from web3 import Web3
from web3.types import RPCEndpoint

from tests.conftest import BACKENDS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
TABLE: Final = Path(__file__).with_name("gas.json")
EXPORT: Final = ROOT / "registry" / "chain" / "ProvenanceRegistry.json"

CODE_SIZE: Final = "bytes of code (at most 24,576 are allowed)"
BOUNDS: Final = {
    "anchor a manufacturer's first batch": 60_000,
    "anchor a batch of 1 unit": 60_000,
    "anchor a batch of 1,000,000 units": 60_000,
    "anchor a relayed seal": 68_000,
    "anchor a relayed seal, compact signature": 68_000,
    "withdraw the first units of a batch": 62_000,
    "withdraw more units in the same word": 41_000,
    "withdraw units in a new word": 58_000,
    CODE_SIZE: 24_576,
}
"""docs/protocol.md § 5; whatever is not named here is free to change, but not unseen."""

FOREVER: Final = 2**40 - 1
START: Final = 1_800_000_000
CONTROLLER_DELAY: Final = 60
RECALLED: Final = 1
STOLEN: Final = 2
ALL_BITS: Final = 2**256 - 1
HALF: Final = ALL_BITS // 3
MANUFACTURER: Final = 7
PHRASE: Final = "test test test test test test test test test test test junk"
"""Anvil makes its accounts of these words."""


@contextmanager
def chain(anvil: Path) -> Iterator[Web3]:
    """Run a chain of our own, the same every time."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(anvil), "--port", str(port), "--timestamp", str(START), "--hardfork", "osaka", "--silent"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        web3 = Web3(Web3.HTTPProvider(f"http://127.0.0.1:{port}"))
        while not web3.is_connected():
            if process.poll() is not None:
                sys.exit(f"anvil ended with {process.returncode}")
            time.sleep(0.05)
        yield web3
    finally:
        process.terminate()
        process.wait()


class Session:
    """A registry of its own, whose every action is paid for once and written down."""

    def __init__(self, web3: Web3) -> None:
        self.web3 = web3
        self.table: dict[str, int] = {}
        accounts = list(web3.eth.accounts)
        self.governance, self.accreditor, self.controller, self.successor = accounts[:4]
        self.witness, self.second_witness, self.inspector, self.relayer = accounts[4:8]
        # Anvil's own accounts too, so that it sends for them; these also sign.
        Account.enable_unaudited_hdwallet_features()
        self.owner, self.other = (Account.from_mnemonic(PHRASE, account_path=f"m/44'/60'/0'/0/{i}") for i in (8, 9))

        artifact = json.loads(EXPORT.read_text(encoding="utf-8"))
        factory = web3.eth.contract(abi=artifact["abi"], bytecode=artifact["bytecode"])
        founding = factory.constructor(web3.keccak(text="a registry"), self.governance, 3 * 86_400, CONTROLLER_DELAY)
        self.address = self.spend("deploy the contract", founding, self.governance)["contractAddress"]
        self.do = web3.eth.contract(self.address, abi=artifact["abi"]).functions
        self.domain = {
            "name": "Touchstone Registry",
            "version": "1",
            "chainId": web3.eth.chain_id,
            "verifyingContract": self.address,
        }
        self.table[CODE_SIZE] = len(web3.eth.get_code(self.address))

    def hash(self, text: str) -> bytes:
        """Return 32 bytes that stand for something."""
        return bytes(self.web3.keccak(text=text))

    def spend(self, action: str | None, call: Any, sender: str) -> Any:
        """Send a call, write its gas down under `action` if it has a name, and return the receipt."""
        # With a fixed limit nothing is estimated; it is enough for the deployment.
        sent = call.transact({"from": sender, "gas": 10_000_000})
        receipt = self.web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.01)
        if receipt["status"] != 1:
            sys.exit(f"the contract refused to {action}")
        if action is not None:
            self.table[action] = receipt["gasUsed"]
        return receipt

    def alliance(self) -> None:
        """Appoint, accredit, suspend."""
        do, spend = self.do, self.spend
        spend("appoint an accreditor", do.grantRole(do.ACCREDITOR_ROLE().call(), self.accreditor), self.governance)
        for each in (self.witness, self.second_witness):
            spend(None, do.grantRole(do.WITNESS_ROLE().call(), each), self.governance)
        spend("accredit an inspector", do.grantRole(do.INSPECTOR_ROLE().call(), self.inspector), self.accreditor)
        profile, uri = self.hash("profile"), "https://example.org/manufacturers/7.json"
        spend("accredit a manufacturer", do.accredit(MANUFACTURER, self.controller, profile, uri), self.accreditor)
        spend("update a profile", do.updateProfile(MANUFACTURER, profile, uri), self.accreditor)
        spend("suspend a manufacturer", do.suspend(MANUFACTURER, "its permit ended"), self.accreditor)
        spend("reinstate a manufacturer", do.reinstate(MANUFACTURER, "its permit was renewed"), self.accreditor)
        spend("set two verifier domains", do.setVerifierDomains(["id.example.org", "id.example.cn"]), self.accreditor)

    def keys(self) -> None:
        """Add two keys."""
        types = {"KeyConsent": [{"name": "manufacturer", "type": "uint32"}]}
        for key, action in ((self.owner, "add a key"), (self.other, None)):
            consent = key.sign_typed_data(self.domain, types, {"manufacturer": MANUFACTURER}).signature
            self.spend(action, self.do.addKey(MANUFACTURER, key.address, 3, 0, FOREVER, consent), self.controller)

    def batches(self) -> None:
        """Anchor batches of one and of a million units, verify a unit, relay, attest."""
        do, spend = self.do, self.spend
        spend("anchor a manufacturer's first batch", do.anchor(self.hash("first")), self.owner.address)
        for units, name in ((1, "1 unit"), (1_000_000, "1,000,000 units")):
            opening, proven = proven_row(self.web3, units)
            seal = self.web3.keccak(encode(["bytes32", "uint32", "bytes32"], opening))
            spend(f"anchor a batch of {name}", do.anchor(seal), self.owner.address)
            if not do.verifyPresence(MANUFACTURER, opening, proven).call():
                sys.exit(f"the contract does not find the row of {name}")
            spend(
                f"verify on the chain that a unit is among {name}",
                do.verifyPresence(MANUFACTURER, opening, proven),
                self.relayer,
            )
        types = {"Anchor": [{"name": "seal", "type": "bytes32"}, {"name": "deadline", "type": "uint256"}]}
        for name, compact in (("anchor a relayed seal", False), ("anchor a relayed seal, compact signature", True)):
            message = {"seal": self.hash(name), "deadline": START + 86_400}
            signed = self.owner.sign_message(encode_typed_data(self.domain, types, message))
            half = signed.r.to_bytes(32, "big") + (signed.s | (signed.v - 27) << 255).to_bytes(32, "big")
            signature = half if compact else signed.signature
            spend(name, do.anchorSigned(message["seal"], message["deadline"], signature), self.relayer)
        first = self.hash("first")
        spend("attest a batch", do.attest(MANUFACTURER, first), self.witness)
        spend("attest a batch that another witness attested", do.attest(MANUFACTURER, first), self.second_witness)

    def withdrawals(self) -> None:
        """Withdraw in the last word of a million units, with as many bits as fit; annul some of it."""
        do, spend, key = self.do, self.spend, self.owner.address
        last = 1_000_000 // 256
        first, relayed = self.hash("first"), self.hash("anchor a relayed seal")
        spend("withdraw the first units of a batch", do.withdrawUnits(first, RECALLED, [(last, HALF)]), key)
        spend("withdraw more units in the same word", do.withdrawUnits(first, RECALLED, [(last, ALL_BITS)]), key)
        spend("withdraw units in a new word", do.withdrawUnits(first, RECALLED, [(last - 1, ALL_BITS)]), key)
        spend("withdraw units for a second reason", do.withdrawUnits(first, STOLEN, [(last, ALL_BITS)]), key)
        hundred = [(word, ALL_BITS) for word in range(100)]
        spend("withdraw 25,600 units in 100 new words", do.withdrawUnits(first, RECALLED, hundred), key)
        annulment = do.annulUnitsWithdrawal(MANUFACTURER, first, RECALLED, [(last, HALF)], "the wrong units")
        spend("annul the withdrawal of some units of a word", annulment, self.controller)
        spend("withdraw a whole batch", do.withdrawBatch(relayed, RECALLED), key)
        spend("withdraw a whole batch that a witness attested", do.withdrawBatch(first, RECALLED), key)
        annulment = do.annulBatchWithdrawal(MANUFACTURER, relayed, "the wrong batch")
        spend("annul the withdrawal of a batch", annulment, self.controller)

    def troubles(self) -> None:
        """A key in other hands, a controller in other hands, a closed case."""
        do, spend = self.do, self.spend
        compromise = do.setCompromisedSince(self.owner.address, START, "a laptop was lost")
        spend("say that a key is compromised", compromise, self.controller)
        endorsement = do.endorse(MANUFACTURER, self.hash("first"), self.owner.address)
        spend("endorse a batch after a compromise", endorsement, self.controller)
        spend("revoke a key", do.revokeKey(self.other.address), self.controller)
        spend("freeze a controller", do.setControllerFrozen(manufacturer=MANUFACTURER, frozen=True), self.accreditor)
        spend("propose another controller", do.proposeController(MANUFACTURER, self.successor), self.accreditor)
        spend("cancel the replacement of a controller", do.cancelControllerReplacement(MANUFACTURER), self.accreditor)
        spend(None, do.proposeController(MANUFACTURER, self.successor), self.accreditor)
        self.web3.provider.make_request(RPCEndpoint("evm_increaseTime"), [CONTROLLER_DELAY + 1])
        spend("complete the replacement of a controller", do.completeControllerReplacement(MANUFACTURER), self.accreditor)
        spend("record the hash of a case", do.recordHash(0, self.hash("a case")), self.inspector)


def proven_row(web3: Web3, units: int) -> tuple[tuple[bytes, int, bytes], tuple[Any, list[bytes]]]:
    """Make a batch's opening with one of its rows: the siblings are hashes of nothing, as long as nobody asks for them."""
    row = (units - 1, web3.keccak(text="key"), web3.keccak(text="digest"), web3.keccak(text="attributes"))
    node = bytes(web3.keccak(web3.keccak(encode(["uint32", "bytes32", "bytes32", "bytes32"], row))))
    path = [bytes(web3.keccak(text=f"sibling {i}")) for i in range((units - 1).bit_length())]
    for sibling in path:
        node = bytes(web3.keccak(min(node, sibling) + max(node, sibling)))
    return (node, units, bytes(web3.keccak(text=f"manifest of {units}"))), (row, path)


def measure(anvil: Path) -> dict[str, int]:
    """Go through every action, in an order in which each is possible."""
    with chain(anvil) as web3:
        session = Session(web3)
        for chapter in (session.alliance, session.keys, session.batches, session.withdrawals, session.troubles):
            chapter()
        return session.table


def faults(table: dict[str, int]) -> list[str]:
    """Say what exceeds its bound."""
    return [f"{action}: {table[action]}, at most {most}" for action, most in BOUNDS.items() if table[action] > most]


def main() -> None:
    """Write the table, or with `--check` say what differs from it."""
    anvil = BACKENDS["anvil"]()
    if anvil is None:
        sys.exit("anvil is not on this machine: `make test` sets it up")
    table = measure(anvil)
    problems = faults(table)
    if "--check" in sys.argv[1:]:
        written = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else {}
        problems += [
            f"{action}: {table.get(action)}, {TABLE.name} says {written.get(action)}"
            for action in sorted(table.keys() | written.keys())
            if table.get(action) != written.get(action)
        ]
    else:
        TABLE.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
        print(f"wrote {TABLE.relative_to(ROOT)}")
    if problems:
        sys.exit("\n".join([*problems, "if that is intended, run `python -m tests.solidity.gas` and commit the result"]))


if __name__ == "__main__":
    main()

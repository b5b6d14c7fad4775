"""A stage on which a registry's life is played: the same acts over the fake, anvil and Hardhat's node.

People have names; a name's key is made from it. What is asked of the stage is `ChainFacts`.
"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Protocol

from eth_account import Account
from web3 import HTTPProvider, Web3

from registry.chain.reader import ChainReader
from registry.chain.writer import ChainWriter, deploy, key_consent_digest, words_of
from registry.checking.trust import Deployment, Reason, Seen, Trust
from registry.proofs import signing
from tests.chain.fake import FakeChain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from registry.checking.trust import ChainFacts

REGISTRY_ID = bytes(Web3.keccak(text="a registry for tests"))
FOR_EVER = 2**40 - 1
RICH = hex(10**24)
PROFILE = b"\x01" * 32
OTHER_PROFILE = b"\x02" * 32
URI = "https://example.com/profile.json"
NUMBER = 7
KEY = "key 1"


def seal_of(name: str) -> bytes:
    """Return a seal made from a name."""
    return bytes(Web3.keccak(text=f"seal {name}"))


SEAL = seal_of("one")
WITHDRAWN = 5
"""The unit of the batch that is withdrawn."""


class KeySigner:
    """A signer of a key that is no secret."""

    def __init__(self, private_key: bytes) -> None:
        self._key = private_key
        self.address = signing.address_of(self._key)

    def sign_digest(self, digest: bytes) -> bytes:
        """Return a 64-byte signature."""
        return signing.sign(digest, self._key)

    def sign_transaction(self, transaction: Mapping[str, Any]) -> tuple[bytes, bytes]:
        """Return the raw transaction and its hash."""
        signed = Account.sign_transaction(dict(transaction), self._key)
        return bytes(signed.raw_transaction), bytes(signed.hash)


@cache
def signer(name: str) -> KeySigner:
    """Return the signer of a name."""
    return KeySigner(bytes(Web3.keccak(text=f"key of {name}")))


def address(name: str) -> str:
    """Return the address of a name."""
    return signer(name).address


class Stage(Protocol):
    """What a test does on any backend."""

    final_at_once: bool
    """Whether this backend calls every block final: a gap of it."""

    def facts(self) -> ChainFacts:
        """Return a new reader, which knows nothing yet."""

    def accredit(self, number: int) -> None:
        """Accredit a manufacturer, whose controller is `controller <number>`."""

    def update_profile(self, number: int) -> None:
        """Put `OTHER_PROFILE` in force."""

    def set_suspended(self, number: int, *, suspended: bool) -> None:
        """Suspend or reinstate."""

    def set_domains(self, *domains: str) -> None:
        """Set the official domains."""

    def add_key(self, number: int, name: str) -> None:
        """Add a key with all permissions."""

    def revoke_key(self, number: int, name: str) -> None:
        """Revoke a key."""

    def compromise(self, number: int, name: str, since: int) -> None:
        """Say since when a key is compromised."""

    def anchor(self, name: str, seal: bytes) -> None:
        """Anchor a seal."""

    def endorse(self, number: int, seal: bytes, name: str) -> None:
        """Endorse a batch."""

    def attest(self, number: int, seal: bytes) -> None:
        """Attest a batch as the witness."""

    def withdraw_batch(self, name: str, seal: bytes, reason: Reason) -> None:
        """Withdraw a batch."""

    def annul_batch(self, number: int, seal: bytes) -> None:
        """Annul that."""

    def withdraw_units(self, name: str, seal: bytes, reason: Reason, *indexes: int) -> None:
        """Withdraw units."""

    def annul_units(self, number: int, seal: bytes, reason: Reason, *indexes: int) -> None:
        """Annul that."""

    def finalize(self) -> None:
        """Make everything final."""

    def reorganise(self, depth: int) -> None:
        """Replace the newest blocks by empty ones."""

    def pass_time(self) -> None:
        """Let a second pass: anvil gives blocks of the same second the same time, as some chains do."""

    def time(self) -> int:
        """Return the newest block's time."""


class FakeStage:
    """The stage over the in-memory fake."""

    final_at_once = False

    def __init__(self) -> None:
        self.chain = FakeChain()

    def facts(self) -> ChainFacts:
        return self.chain

    def accredit(self, number: int) -> None:
        self.chain.accredit(number, address(f"controller {number}"), PROFILE, URI)

    def update_profile(self, number: int) -> None:
        self.chain.update_profile(number, OTHER_PROFILE, URI)

    def set_suspended(self, number: int, *, suspended: bool) -> None:
        self.chain.set_suspended(number, suspended=suspended)

    def set_domains(self, *domains: str) -> None:
        self.chain.set_domains(domains)

    def add_key(self, number: int, name: str) -> None:
        self.chain.add_key(number, address(name))

    def revoke_key(self, number: int, name: str) -> None:
        assert self.chain.key(address(name)).manufacturer == number
        self.chain.revoke_key(address(name))

    def compromise(self, number: int, name: str, since: int) -> None:
        assert self.chain.key(address(name)).manufacturer == number
        self.chain.set_compromised_since(address(name), since)

    def anchor(self, name: str, seal: bytes) -> None:
        self.chain.anchor(address(name), seal)

    def endorse(self, number: int, seal: bytes, name: str) -> None:
        assert self.chain.key(address(name)).manufacturer == number
        self.chain.endorse(number, seal)

    def attest(self, number: int, seal: bytes) -> None:
        self.chain.attest(number, seal)

    def withdraw_batch(self, name: str, seal: bytes, reason: Reason) -> None:
        self.chain.withdraw_batch(address(name), seal, reason)

    def annul_batch(self, number: int, seal: bytes) -> None:
        self.chain.annul_batch_withdrawal(number, seal)

    def withdraw_units(self, name: str, seal: bytes, reason: Reason, *indexes: int) -> None:
        self.chain.withdraw_units(address(name), seal, reason, indexes)

    def annul_units(self, number: int, seal: bytes, reason: Reason, *indexes: int) -> None:
        self.chain.annul_units_withdrawal(number, seal, reason, indexes)

    def finalize(self) -> None:
        self.chain.finalize()

    def reorganise(self, depth: int) -> None:
        self.chain.reorganise(depth)

    def pass_time(self) -> None:
        self.chain.mine()

    def time(self) -> int:
        return self.chain.time


class NodeStage:
    """The stage over a node: the real contract, `ChainWriter` and `ChainReader`."""

    def __init__(self, url: str, *, blocks_to_final: int, node: str) -> None:
        self.url = url
        self.blocks_to_final = blocks_to_final
        self.node = node
        self.final_at_once = blocks_to_final == 0
        self.deployment: Deployment
        self.trust: Trust
        self._rich: set[str] = set()

    def found(self) -> None:
        """Deploy the contract and appoint the alliance."""
        self._fund("governance")
        self.deployment = deploy(self.w3(), signer("governance"), registry_id=REGISTRY_ID)
        self.trust = Trust(REGISTRY_ID, (self.deployment,))
        governance = self.writer("governance")
        governance.grant_role("accreditor", address("alliance"))
        governance.grant_role("witness", address("witness"))
        self._fund("alliance")
        self._fund("witness")

    def w3(self) -> Web3:
        """Return a connection of its own."""
        return Web3(HTTPProvider(self.url, request_kwargs={"timeout": 20}, exception_retry_configuration=None))

    def request(self, method: str, *params: Any) -> Any:
        """Ask the node itself."""
        answer = self.w3().provider.make_request(method, list(params))  # type: ignore[arg-type]  # a NewType of web3's
        assert "error" not in answer, answer
        return answer["result"]

    def reader(
        self,
        *endpoints: Web3,
        clock: Callable[[], float] = time.monotonic,
        max_head_age: float | None = None,
        **trust: Any,
    ) -> ChainReader:
        """Return a reader over this node, or over the given endpoints; `trust` changes settings."""
        settings = replace(self.trust, **trust)
        return ChainReader(endpoints or (self.w3(),), settings, self.deployment, clock=clock, max_head_age=max_head_age)

    def facts(self) -> ChainFacts:
        return self.reader()

    def writer(self, name: str, **options: Any) -> ChainWriter:
        """Return a writer for a name, which has coins."""
        self._fund(name)
        return ChainWriter(self.reader(), signer(name), **options)

    def accredit(self, number: int) -> None:
        self.writer("alliance").accredit(number, address(f"controller {number}"), PROFILE, URI)

    def update_profile(self, number: int) -> None:
        self.writer("alliance").update_profile(number, OTHER_PROFILE, URI)

    def set_suspended(self, number: int, *, suspended: bool) -> None:
        alliance = self.writer("alliance")
        if suspended:
            alliance.suspend(number, "a reason")
        else:
            alliance.reinstate(number, "a reason")

    def set_domains(self, *domains: str) -> None:
        self.writer("alliance").set_verifier_domains(domains)

    def add_key(self, number: int, name: str, *, permissions: int = 3) -> None:
        consent = signer(name).sign_digest(key_consent_digest(self.deployment, number))
        controller = self.writer(f"controller {number}")
        controller.add_key(number, address(name), permissions=permissions, not_after=FOR_EVER, consent=consent)

    def revoke_key(self, number: int, name: str) -> None:
        self.writer(f"controller {number}").revoke_key(address(name))

    def compromise(self, number: int, name: str, since: int) -> None:
        self.writer(f"controller {number}").set_compromised_since(address(name), since, "a reason")

    def anchor(self, name: str, seal: bytes) -> None:
        self.writer(name).anchor(seal)

    def endorse(self, number: int, seal: bytes, name: str) -> None:
        self.writer(f"controller {number}").endorse(number, seal, address(name))

    def attest(self, number: int, seal: bytes) -> None:
        self.writer("witness").attest(number, seal)

    def withdraw_batch(self, name: str, seal: bytes, reason: Reason) -> None:
        self.writer(name).withdraw_batch(seal, reason)

    def annul_batch(self, number: int, seal: bytes) -> None:
        self.writer(f"controller {number}").annul_batch_withdrawal(number, seal, "a reason")

    def withdraw_units(self, name: str, seal: bytes, reason: Reason, *indexes: int) -> None:
        self.writer(name).withdraw_units(seal, reason, words_of(indexes))

    def annul_units(self, number: int, seal: bytes, reason: Reason, *indexes: int) -> None:
        self.writer(f"controller {number}").annul_units_withdrawal(number, seal, reason, words_of(indexes), "a reason")

    def mine(self, blocks: int = 1) -> None:
        """Make empty blocks."""
        self.request(f"{self.node}_mine", hex(blocks))

    def until_mined(self, tx_hash: bytes) -> None:
        """Wait for a transaction's block: anvil answers before it has made it."""
        end = time.monotonic() + 60
        while self.request("eth_getTransactionReceipt", f"0x{tx_hash.hex()}") is None:
            assert time.monotonic() < end, "not mined within a minute"
            time.sleep(0.01)

    def finalize(self) -> None:
        if self.blocks_to_final:
            self.mine(self.blocks_to_final)

    def reorganise(self, depth: int) -> None:
        self.request("anvil_reorg", depth, [])

    def pass_time(self) -> None:
        self.request("evm_increaseTime", 1)

    def time(self) -> int:
        return int(self.request("eth_getBlockByNumber", "latest", False)["timestamp"], 16)  # noqa: FBT003 - JSON-RPC

    def snapshot(self) -> str:
        """Remember the chain as it is."""
        return str(self.request("evm_snapshot"))

    def revert(self, snapshot: str) -> None:
        """Make the chain what it was."""
        self._rich.clear()
        assert self.request("evm_revert", snapshot) is True

    def _fund(self, name: str) -> None:
        if name not in self._rich:
            self.request(f"{self.node}_setBalance", address(name), RICH)
            self._rich.add(name)


def reasons(facts: ChainFacts, number: int, seal: bytes, indexes: Iterable[int]) -> list[Sequence[Reason]]:
    """Return the reasons for which units are withdrawn."""
    return [[one.reason for one in facts.unit_withdrawals(number, seal, index)] for index in indexes]


def questions(reader: ChainReader) -> list[Callable[[], object]]:
    """Return everything that can be asked."""
    return [
        lambda: strip(reader.batch(NUMBER, SEAL, address(KEY))),
        lambda: strip(reader.key(address(KEY))),
        lambda: strip(reader.manufacturer(NUMBER)),
        lambda: reader.unit_withdrawals(NUMBER, SEAL, WITHDRAWN),
        reader.domains,
        lambda: reader.anchor_transaction(NUMBER, SEAL),
        lambda: reader.anchored_batches(NUMBER),
    ]


def strip(facts: object) -> str:
    """Return facts without the moment at which they were read."""
    return re.sub(r"seen=Seen\([^)]*\)", "seen=None", repr(facts))


def when(reader: ChainReader, seen: Seen | None) -> Seen:
    """Return as of when an answer is true that was given just now: what it says, or what holds for all that is remembered."""
    told = seen or reader.as_of()
    assert told is not None
    return told

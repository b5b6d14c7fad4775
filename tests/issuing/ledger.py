"""A chain that anchors seals, in memory and with faults: what a registration must survive, without a node."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from registry.checking.trust import Anchor, KeyFacts
from registry.errors import ChainUnavailable, TransactionRefused
from tests.issuing.samples import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.issuing.registration import Prepared

TIME = 1_790_000_000


def known_key(**changes: Any) -> KeyFacts:
    """Return a key of manufacturer 7 that may anchor and withdraw."""
    facts = KeyFacts(
        address=KEY,
        manufacturer=7,
        permissions=3,
        not_before=0,
        not_after=2**40 - 1,
        revoked_at=0,
        compromised_since=0,
    )
    return replace(facts, **changes)


@dataclass(frozen=True)
class SignedTransaction:
    """A transaction of the ledger: its bytes name seal and nonce."""

    raw: bytes
    tx_hash: bytes
    gas: int = 60_000
    max_fee: int = 10**15


@dataclass(frozen=True)
class Estimate:
    """What a transaction would cost."""

    gas: int
    fee: int


@dataclass(frozen=True)
class Receipt:
    """What a transaction did cost."""

    gas_used: int
    fee: int


@dataclass
class Ledger:
    """Mines what it is sent at once, unless a fault is set."""

    facts: KeyFacts = field(default_factory=known_key)
    suspended: bool = False
    nonce: int = 0
    anchors: dict[bytes, Anchor] = field(default_factory=dict)
    mined: list[bytes] = field(default_factory=list)
    """Hashes of the transactions that were mined, in order: each was paid for."""
    faults: list[str] = field(default_factory=list)
    """What goes wrong with the next transactions, one each: `lost`, `reply lost`, `overtaken`, `reverted`, `refused`."""
    dearer: list[SignedTransaction] = field(default_factory=list)
    """What takes the place of the next transaction, one after another, while it is waited for."""
    final_after: int = 0
    """How often finality must be asked for."""

    def key(self) -> KeyFacts:
        return self.facts

    def time(self) -> int:
        return TIME

    def anchored(self, seal: bytes) -> Anchor | None:
        return self.anchors.get(seal)

    def final(self, seal: bytes) -> Anchor | None:
        self.final_after -= 1
        return self.anchors.get(seal) if self.final_after < 0 else None

    def estimate_anchor(self) -> Estimate:
        if self.suspended:
            raise TransactionRefused("the manufacturer is suspended", error="ManufacturerIsSuspended")
        return Estimate(50_000, 10**14)

    def prepare_anchor(self, seal: bytes) -> SignedTransaction:
        if seal in self.anchors:
            raise TransactionRefused("the seal is anchored", error="BatchAlreadyAnchored")
        raw = seal + self.nonce.to_bytes(4, "big")
        return SignedTransaction(raw, hashlib.sha256(raw).digest())

    def send_raw(self, raw: bytes) -> None:
        fault = self.faults.pop(0) if self.faults else ""
        seal, nonce = raw[:32], int.from_bytes(raw[32:], "big")
        tx_hash = hashlib.sha256(raw).digest()
        if tx_hash in self.mined:
            return
        if fault == "refused":
            raise TransactionRefused("the node does not like it")
        if fault == "overtaken":
            self.nonce += 1
        if nonce < self.nonce:
            raise TransactionRefused("nonce too low", error="NonceUsed")
        if fault == "lost":
            raise ChainUnavailable("no answer, and nothing happened")
        self.nonce += 1
        self.mined.append(tx_hash)
        if fault != "reverted":
            self.anchors[seal] = Anchor(KEY, TIME, 100 + len(self.mined))
        if fault == "reply lost":
            raise ChainUnavailable("no answer, and it was mined")

    def wait(self, tx_hash: bytes, *, progress: Callable[[int], None], replacing: Callable[[Prepared], object]) -> Receipt:
        for dearer in self.dearer:
            replacing(dearer)
        assert tx_hash in self.mined
        progress(1)
        return Receipt(50_000, 10**14)

"""A registry's contract in memory: the facts that a verifier asks, with finality, reorganisations and silence.

It follows the contract's rules for what is read, and none for who may act: each test writes down what it needs. Every act makes
a block of its own; earlier states are kept, so that reads at the finality are what they were then.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from registry.checking.trust import (
    Anchor,
    BatchFacts,
    Deployment,
    KeyFacts,
    ManufacturerFacts,
    ProfileFacts,
    Reason,
    Seen,
    Withdrawal,
)
from registry.errors import ChainUnavailable, WrongChain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DEPLOYMENT = Deployment(31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3", 1, b"\xc0" * 32)
GENESIS = 1_790_000_000
BLOCK_SECONDS = 12
FOR_EVER = 2**40 - 1


@dataclass
class Batch:
    """A batch as the fake keeps it."""

    anchor: Anchor
    transaction: str
    endorsed: bool = False
    attestations: int = 0
    withdrawal: Withdrawal | None = None
    unit_reasons: int = 0
    """Bit `reason` is set if units were ever withdrawn for that reason, as in the contract."""
    units: dict[tuple[int, Reason], list[Withdrawal]] = field(default_factory=dict)
    """Withdrawals since the last annulment, by index and reason."""


@dataclass
class State:
    """What the contract holds after a block."""

    manufacturers: dict[int, ManufacturerFacts] = field(default_factory=dict)
    keys: dict[str, KeyFacts] = field(default_factory=dict)
    batches: dict[tuple[int, bytes], Batch] = field(default_factory=dict)
    domains: tuple[str, ...] = ()


class FakeChain:
    """Implements `registry.checking.trust.ChainFacts`; the other methods set what it says."""

    def __init__(self, deployment: Deployment = DEPLOYMENT, *, blocks_to_final: int = 2) -> None:
        self._deployment = deployment
        self._blocks_to_final = blocks_to_final
        self._states = [State(), State()]
        self.fault: Exception | None = None
        """Raised by every question, while it is set."""
        self.age = 0.0
        """Seconds since the chain was asked; with a fault set, what was asked before is answered at this age."""
        self.stale_seconds = 600.0
        self._answered: set[tuple[object, ...]] = set()

    # --------------------------------------------------------------------------------------------------- what is asked

    @property
    def deployment(self) -> Deployment:
        """The contract that answers."""
        return self._deployment

    def as_of(self) -> Seen | None:
        """Each answer says by itself how old it is."""
        return None

    def batch(self, manufacturer: int, seal: bytes, signer: str) -> BatchFacts:
        """Return everything batch-wide."""
        self._asked("batch", manufacturer, seal, signer)
        now, then = self._latest, self._final
        batch, final = now.batches.get((manufacturer, seal)), then.batches.get((manufacturer, seal))
        owner = now.manufacturers.get(manufacturer, nobody(manufacturer))
        at = batch.anchor.time if batch else self.time
        in_force = [version.profile_hash for version in owner.profiles if version.since <= at]
        return BatchFacts(
            anchor=final.anchor if final else None,
            pending_anchor=batch.anchor if batch and not final else None,
            endorsed=bool(final and final.endorsed),
            attestations=final.attestations if final else 0,
            batch_withdrawal=self._reviewed(batch.withdrawal) if batch and batch.withdrawal else None,
            any_units_withdrawn=bool(batch and batch.unit_reasons),
            manufacturer=owner,
            anchor_key=self._key(batch.anchor.key) if batch else None,
            signer_key=self._key(signer),
            profile_hash=in_force[-1] if in_force else bytes(32),
            seen=self._seen(),
        )

    def key(self, address: str) -> KeyFacts:
        """Return a key."""
        self._asked("key", address)
        return replace(self._key(address), seen=self._seen())

    def manufacturer(self, number: int) -> ManufacturerFacts:
        """Return a manufacturer."""
        self._asked("manufacturer", number)
        return replace(self._latest.manufacturers.get(number, nobody(number)), seen=self._seen())

    def unit_withdrawals(self, manufacturer: int, seal: bytes, index: int) -> tuple[Withdrawal, ...]:
        """Return the withdrawals of one unit that stand."""
        self._asked("unit", manufacturer, seal, index)
        batch = self._latest.batches.get((manufacturer, seal))
        standing = []
        for reason in Reason:
            told = [self._reviewed(one) for one in batch.units.get((index, reason), ())] if batch else []
            if told:
                standing.append(next((one for one in told if not one.key_compromised), told[0]))
        return tuple(standing)

    def domains(self) -> tuple[str, ...]:
        """Return the official domains."""
        self._asked("domains")
        return tuple(domain for domain in self._latest.domains if domain in self._final.domains)

    def anchor_transaction(self, manufacturer: int, seal: bytes) -> str | None:
        """Return the anchor's transaction."""
        self._asked("transaction", manufacturer, seal)
        batch = self._latest.batches.get((manufacturer, seal))
        return batch.transaction if batch else None

    # ------------------------------------------------------------------------------------------------------ what happens

    def accredit(self, number: int, controller: str, profile_hash: bytes, uri: str) -> None:
        """Accredit a manufacturer."""

        def change(state: State) -> None:
            profiles = (ProfileFacts(profile_hash, self.time, uri),)
            state.manufacturers[number] = ManufacturerFacts(number, controller, self.time, 0, 0, profiles)

        self._block(change)

    def update_profile(self, number: int, profile_hash: bytes, uri: str) -> None:
        """Add a version of a profile."""

        def change(state: State) -> None:
            before = state.manufacturers[number]
            version = ProfileFacts(profile_hash, self.time, uri)
            state.manufacturers[number] = replace(before, profiles=(*before.profiles, version))

        self._block(change)

    def set_suspended(self, number: int, *, suspended: bool) -> None:
        """Suspend or reinstate a manufacturer."""

        def change(state: State) -> None:
            at = self.time if suspended else 0
            state.manufacturers[number] = replace(state.manufacturers[number], suspended_at=at)

        self._block(change)

    def set_domains(self, domains: Iterable[str]) -> None:
        """Replace the official domains."""
        listed = tuple(domains)
        self._block(lambda state: setattr(state, "domains", tuple(one.lower() for one in listed)))

    def add_key(self, number: int, address: str, *, permissions: int = 3, not_after: int = FOR_EVER) -> None:
        """Add a key, from now on."""

        def change(state: State) -> None:
            state.keys[address] = KeyFacts(address, number, permissions, self.time, not_after, 0, 0)

        self._block(change)

    def revoke_key(self, address: str) -> None:
        """Revoke a key."""
        self._block(lambda state: state.keys.update({address: replace(state.keys[address], revoked_at=self.time)}))

    def set_compromised_since(self, address: str, since: int) -> None:
        """Say since when a key may have been in other hands."""
        self._block(lambda state: state.keys.update({address: replace(state.keys[address], compromised_since=since)}))

    def anchor(self, address: str, seal: bytes) -> None:
        """Anchor a seal for the manufacturer of a key."""

        def change(state: State) -> None:
            number = state.keys[address].manufacturer
            owner = state.manufacturers[number]
            state.manufacturers[number] = replace(owner, batch_count=owner.batch_count + 1)
            transaction = f"0x{self.height.to_bytes(32, 'big').hex()}"
            state.batches[number, seal] = Batch(Anchor(address, self.time, self.height), transaction)

        self._block(change)

    def endorse(self, number: int, seal: bytes) -> None:
        """Endorse a batch."""
        self._block(lambda state: setattr(state.batches[number, seal], "endorsed", True))

    def attest(self, number: int, seal: bytes) -> None:
        """Attest a batch."""

        def change(state: State) -> None:
            state.batches[number, seal].attestations += 1

        self._block(change)

    def withdraw_batch(self, address: str, seal: bytes, reason: Reason) -> None:
        """Withdraw a whole batch."""

        def change(state: State) -> None:
            withdrawal = Withdrawal(reason, address, self.time, whole_batch=True, key_compromised=False)
            state.batches[state.keys[address].manufacturer, seal].withdrawal = withdrawal

        self._block(change)

    def annul_batch_withdrawal(self, number: int, seal: bytes) -> None:
        """Annul the withdrawal of a batch."""
        self._block(lambda state: setattr(state.batches[number, seal], "withdrawal", None))

    def withdraw_units(self, address: str, seal: bytes, reason: Reason, indexes: Iterable[int]) -> None:
        """Withdraw units."""

        def change(state: State) -> None:
            batch = state.batches[state.keys[address].manufacturer, seal]
            batch.unit_reasons |= 1 << reason
            for index in indexes:
                withdrawal = Withdrawal(reason, address, self.time, whole_batch=False, key_compromised=False)
                batch.units.setdefault((index, reason), []).append(withdrawal)

        self._block(change)

    def annul_units_withdrawal(self, number: int, seal: bytes, reason: Reason, indexes: Iterable[int]) -> None:
        """Annul the withdrawal of units."""

        def change(state: State) -> None:
            for index in indexes:
                state.batches[number, seal].units.pop((index, reason), None)

        self._block(change)

    def mine(self, blocks: int = 1) -> None:
        """Make empty blocks."""
        for _ in range(blocks):
            self._block(lambda _: None)

    def finalize(self) -> None:
        """Make what is there final."""
        self.mine(self._blocks_to_final)

    def reorganise(self, depth: int) -> None:
        """Replace the newest blocks by empty ones: what was in them is gone."""
        del self._states[-depth:]
        self.mine(depth)

    def be_silent(self) -> None:
        """Answer nothing that was not answered before."""
        self.fault = ChainUnavailable("the fake chain is silent")

    def be_wrong(self) -> None:
        """Answer for another chain."""
        self.fault = WrongChain("the fake chain is another one")

    @property
    def height(self) -> int:
        """The newest block's number; while one is being made, its own."""
        return len(self._states) - 1

    @property
    def time(self) -> int:
        """The newest block's time."""
        return GENESIS + BLOCK_SECONDS * self.height

    # ------------------------------------------------------------------------------------------------------------ within

    @property
    def _latest(self) -> State:
        return self._states[-1]

    @property
    def _final(self) -> State:
        return self._states[max(self.height - self._blocks_to_final, 0)]

    def _block(self, change: Callable[[State], object]) -> None:
        self._states.append(deepcopy(self._latest))
        change(self._latest)

    def _asked(self, *question: object) -> None:
        if self.fault is None:
            self._answered.add(question)
            return
        if isinstance(self.fault, WrongChain) or question not in self._answered or self.age > self.stale_seconds:
            raise self.fault

    def _seen(self) -> Seen:
        return Seen(self.height, self.time, self.age, stale=self.fault is not None)

    def _key(self, address: str) -> KeyFacts:
        return self._latest.keys.get(address, KeyFacts(address, 0, 0, 0, 0, 0, 0))

    def _reviewed(self, withdrawal: Withdrawal) -> Withdrawal:
        return replace(withdrawal, key_compromised=self._key(withdrawal.key).compromised_at(withdrawal.time))


def nobody(number: int) -> ManufacturerFacts:
    """Return what is known of a number that is no manufacturer's."""
    return ManufacturerFacts(number, f"0x{'0' * 40}", 0, 0, 0, ())

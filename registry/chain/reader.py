"""Answers a verifier's questions from a real chain (`registry.checking.trust.ChainFacts`), for one deployment.

What speaks for a code is read at the operator's finality, what speaks against it at the newest block (protocol § 7). What was
read once is kept true by following the contract's events (`registry.chain.follower`): one request every `Trust.fresh_seconds`.
Where the chain cannot be followed, every question is asked again by itself after that time. While the chain is silent the last
known answer is used, marked as such, until `Trust.stale_seconds`; after that, and for what never was known, there is
`ChainUnavailable`. A missing answer never becomes a value.
"""

from __future__ import annotations

import copy
import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from registry.chain import facts
from registry.chain.contract import AnchoredBatch, BlockNotThere, Contract, Withdrawn
from registry.chain.flights import Flights
from registry.chain.follower import Follower
from registry.chain.identity import Identity
from registry.chain.memory import DOMAINS, NO_TRANSACTION
from registry.chain.pool import Pool
from registry.chain.recent import Bounded, Shelf, Told
from registry.checking.trust import Seen
from registry.errors import ChainUnavailable, EndpointsDisagree, WrongChain

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from web3 import Web3

    from registry.chain.contract import Status
    from registry.chain.endpoints import Head
    from registry.chain.facts import BatchId, BatchPart, FinalFacts
    from registry.chain.memory import Memory, View
    from registry.chain.pool import Node
    from registry.checking.trust import Anchor, BatchFacts, Deployment, KeyFacts, ManufacturerFacts, Trust, Withdrawal

__all__ = ["AnchoredBatch", "ChainReader"]

T = TypeVar("T")
_log = logging.getLogger(__name__)
FINAL_SIZE: Final = 65_536
"""Seals whose final facts are kept."""


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What an endpoint answered to one question."""

    head: Head
    tell: Callable[[Seen], T]
    """The answer, given when and where it was read."""
    keep: Callable[[Memory, float], None]
    """Put what was read into the memory; the number is the moment of reading."""
    known: bool = True
    """Whether the chain knows what was asked about."""


class ChainReader:
    """Everything that can be asked of one deployment. Safe to use from several threads."""

    def __init__(
        self,
        w3s: Sequence[Web3],
        trust: Trust,
        deployment: Deployment,
        *,
        clock: Callable[[], float] = time.monotonic,
        max_head_age: float | None = None,
    ) -> None:
        """Take endpoints in the order of preference; nothing is asked yet.

        `clock` gives seconds that never go back. An endpoint whose newest block is older than `max_head_age` seconds is not
        believed; none on a development chain, which makes blocks only when something happens.
        """
        self.trust = trust
        self.pool = Pool(w3s, Identity(trust, deployment), clock=clock, max_head_age=max_head_age)
        self._deployment = deployment
        self._contract = Contract(deployment, trust)
        self._clock = clock
        self._follower = Follower(self.pool, deployment, trust, clock)
        self._memory = self._follower.memory
        self._flights = Flights()
        self._recent: Shelf[Told[Any]] = Shelf()
        """What was asked by itself. Used under the memory's lock, too."""
        self._final: Bounded[FinalFacts] = Bounded(FINAL_SIZE)
        self._transactions: Bounded[str] = Bounded(FINAL_SIZE)
        self._withheld: Bounded[tuple[float, ChainUnavailable]] = Bounded(FINAL_SIZE)
        self._disputed: Bounded[tuple[float, EndpointsDisagree]] = Bounded(FINAL_SIZE)
        self._remembers = True

    @property
    def deployment(self) -> Deployment:
        """The contract that answers."""
        return self._deployment

    def asking_now(self) -> ChainReader:
        """Return a reader of the same deployment that asks every time and never falls back on what it knew.

        For whoever is about to write: a decision to send rests on what is there now.
        """
        reader = copy.copy(self)
        reader._remembers = False  # noqa: SLF001 - of our own class
        return reader

    def check_deployment(self) -> Head:
        """Check chain id, code and registry id now, and return the newest block.

        Raises `WrongChain` if no endpoint has them, `ChainUnavailable` if none could be asked.
        """
        return self.pool.verify()

    # ------------------------------------------------------------------------------------------------ what is asked

    def as_of(self) -> Seen | None:
        """Return as of when what is remembered is true; none if the chain cannot be followed now. Raises `WrongChain`.

        Answers from memory do not say it: asked before them, this holds for all of them.
        """
        view = self._follower.view() if self._remembers else None
        return None if view is None else self._seen(view.head, view.asked_at)

    def batch(self, manufacturer: int, seal: bytes, signer: str) -> BatchFacts:
        """Return everything batch-wide; unknown things come back empty."""
        batch = (manufacturer, seal)

        def read(node: Node, view: View | None) -> Reading[BatchFacts]:
            head, told = self._status(node, view, batch, signer)
            return Reading(
                head,
                lambda seen: facts.batch_facts(told.part, told.manufacturer, told.keys.__getitem__, signer, seen),
                lambda memory, at: memory.put_status(batch, told, at),
                known=told.part.anchor is not None,
            )

        return self._ask(("batch", batch, signer), lambda memory, seen: memory.batch_facts(batch, signer, seen), read)

    def key(self, address: str) -> KeyFacts:
        """Return a key as of the newest block."""

        def recall(memory: Memory, seen: Seen | None) -> KeyFacts | None:
            key = memory.keys.part(address)
            return key if key is None or seen is None else facts.key_seen(key, seen)

        def read(node: Node, view: View | None) -> Reading[KeyFacts]:
            head, key = self._contract.key(node, view, address)
            return Reading(
                head,
                lambda seen: facts.key_seen(key, seen),
                lambda memory, at: memory.put_keys([key], at),
                known=key.manufacturer != 0,
            )

        return self._ask(("key", address), recall, read)

    def manufacturer(self, number: int) -> ManufacturerFacts:
        """Return a manufacturer with all versions of its profile, as of the newest block."""

        def recall(memory: Memory, seen: Seen | None) -> ManufacturerFacts | None:
            owner = memory.manufacturers.part(number)
            return owner if owner is None or seen is None else facts.manufacturer_seen(owner, seen)

        def read(node: Node, view: View | None) -> Reading[ManufacturerFacts]:
            head, owner = self._contract.manufacturer(node, view, number)
            return Reading(
                head,
                lambda seen: facts.manufacturer_seen(owner, seen),
                lambda memory, at: memory.put_manufacturer(owner, at),
                known=owner.accredited_at != 0,
            )

        return self._ask(("manufacturer", number), recall, read)

    def unit_withdrawals(self, manufacturer: int, seal: bytes, index: int) -> tuple[Withdrawal, ...]:
        """Return the withdrawals of one unit that stand, in order of precedence.

        The contract's bitmaps decide what stands; who withdrew it, and when, is in its events.
        """
        batch = (manufacturer, seal)

        def read(node: Node, view: View | None) -> Reading[tuple[Withdrawal, ...]]:
            if view is None:
                final = self._final.get(batch)
                head, unit, keys = self._contract.unit_now(node, batch, index, final.anchor if final else None)
                return Reading(head, lambda _: facts.unit_withdrawals(unit, keys.__getitem__), _keep_nothing)
            _, part, status = self._part(node, view, batch)
            with self._memory.lock:
                masks = self._memory.masks_of(batch, part, index)
            if masks is None:
                masks = self._contract.masks(node, view, batch, part, index)
            withdrawn = Withdrawn(batch, index, facts.reasons_in(masks, index), part.anchor)
            unit, keys = self._contract.unit(node, view, withdrawn)

            def keep(memory: Memory, at: float) -> None:
                if status is not None:
                    memory.put_status(batch, status, at)
                memory.masks.put((*batch, index // facts.UNITS), (part, masks))
                if withdrawn.reasons:
                    memory.units.put((*batch, index), (part, unit))
                    memory.put_keys(keys.values(), at)

            return Reading(view.head, lambda _: facts.unit_withdrawals(unit, keys.__getitem__), keep)

        return self._ask(("unit", batch, index), lambda memory, _: memory.unit_withdrawals(batch, index), read)

    def domains(self) -> tuple[str, ...]:
        """Return the official verifier domains: those on the list at the finality that still are at the newest block."""

        def recall(memory: Memory, _: Seen | None) -> tuple[str, ...] | None:
            part = memory.domains.part(DOMAINS)
            return None if part is None else part.domains

        def read(node: Node, view: View | None) -> Reading[tuple[str, ...]]:
            head, part = self._contract.domains(node, view)
            return Reading(head, lambda _: part.domains, lambda memory, at: memory.put_domains(part, at))

        return self._ask((DOMAINS,), recall, read)

    def anchor_transaction(self, manufacturer: int, seal: bytes) -> str | None:
        """Return the hash (0x...) of the transaction that anchored a seal, from the contract's events, or none."""
        batch = (manufacturer, seal)
        if found := self._transactions.get(batch):
            return found
        asked_at = self._clock()
        if (withheld := self._withheld.get(batch)) and asked_at - withheld[0] < self.trust.fresh_seconds:
            # An endpoint without old logs is not asked for them at every scan.
            raise withheld[1]

        def read(node: Node, view: View | None) -> Reading[str]:
            head, part, status = self._part(node, view, batch)
            anchor = part.anchor
            transaction = self._contract.anchor_transaction(node, batch, anchor) if anchor else NO_TRANSACTION

            def keep(memory: Memory, at: float) -> None:
                if status is not None:
                    memory.put_status(batch, status, at)
                memory.transactions.put(batch, (part, transaction))

            return Reading(head, lambda _: transaction, keep, known=anchor is not None)

        try:
            told = self._ask(("transaction", batch), lambda memory, _: memory.anchor_transaction(batch), read)
        except ChainUnavailable as error:
            self._withheld.put(batch, (asked_at, error))
            raise
        if told != NO_TRANSACTION and self._final.get(batch):
            self._transactions.put(batch, told)
        return told or None

    def anchored_batches(self, manufacturer: int) -> tuple[AnchoredBatch, ...]:
        """Return every batch of a manufacturer, by number, as of `latest`. Never from memory.

        Raises `ChainUnavailable` with the numbers that are missing if the events are fewer than the contract counted.
        """
        return self.pool.read(lambda node: self._contract.batches(node, manufacturer))

    # ------------------------------------------------------------------------------------------- memory and questions

    def _ask(
        self,
        question: Hashable,
        recall: Callable[[Memory, Seen | None], T | None],
        read: Callable[[Node, View | None], Reading[T]],
    ) -> T:
        """Return an answer: from what is known at the newest block that we follow, or asked now."""
        if not self._remembers:
            asked_at = self._clock()
            found = self.pool.read(lambda node: read(node, None))
            return found.tell(self._seen(found.head, asked_at))
        view = self._follower.view()
        if view is None:
            return self._read(question, None, recall, read)
        with self._memory.lock:
            # At this view, or at a later one by now: what was said to be as of this view holds all the more.
            answer = self._memory.answer(question, recall)
        if answer is not None:
            return answer
        return self._flights.join((question, view), lambda: self._read(question, view, recall, read))

    def _read(
        self,
        question: Hashable,
        view: View | None,
        recall: Callable[[Memory, Seen | None], T | None],
        read: Callable[[Node, View | None], Reading[T]],
    ) -> T:
        """Ask at a view; or, where the chain cannot be followed, at `latest`, unless that was done a moment ago."""
        asked_at = self._clock()
        with self._memory.lock:
            before: Told[T] | None = self._recent.get(question)
        if before is not None and asked_at - before.asked_at < self.trust.fresh_seconds:
            return before.tell(self._seen(before.head, before.asked_at))
        try:
            found, is_of_view = self.pool.read(lambda node: _read_at(node, view, read))
        except WrongChain:
            raise
        except ChainUnavailable:
            answer = self._last_known(before, recall)
            if answer is None:
                raise
            return answer
        if view is not None and is_of_view:
            with self._memory.lock:
                if self._memory.view is view:
                    found.keep(self._memory, asked_at)
            return found.tell(self._seen(view.head, view.asked_at))
        with self._memory.lock:
            self._recent.put(question, Told(found.tell, found.head, asked_at), known=found.known)
        return found.tell(self._seen(found.head, asked_at))

    def _last_known(self, before: Told[T] | None, recall: Callable[[Memory, Seen | None], T | None]) -> T | None:
        """Return the later of what was followed and what was asked by itself, of a chain that is silent; none if too old."""
        view, limit = self._memory.view, self._clock() - self.trust.stale_seconds
        if view is not None and view.asked_at >= limit and (before is None or before.asked_at < view.asked_at):
            with self._memory.lock:
                view = self._memory.view or view
                answer = recall(self._memory, self._seen(view.head, view.asked_at, stale=True))
            if answer is not None:
                return answer
        if before is None or before.asked_at < limit:
            return None
        return before.tell(self._seen(before.head, before.asked_at, stale=True))

    def _seen(self, head: Head, asked_at: float, *, stale: bool = False) -> Seen:
        return Seen(head.number, head.time, max(self._clock() - asked_at, 0.0), stale)

    def _status(self, node: Node, view: View | None, batch: BatchId, signer: str) -> tuple[Head, Status]:
        """Return everything batch-wide, and keep what of it is final for ever."""
        known = self._final.get(batch)
        head, told = self._contract.status(node, view, batch, signer, final=known)
        if known is None and not self._compare(node, head, batch, told.part):
            # It is asked again when finality moves: what one endpoint alone says is not kept for ever.
            return head, replace(told, part=replace(told.part, settled=False))
        if told.part.final is not None and not self._contract.never_final:
            self._final.put(batch, told.part.final)
        return head, told

    def _compare(self, node: Node, head: Head, batch: BatchId, part: BatchPart) -> bool:
        """See what another endpoint says of a seal, once before its anchor is taken for final, and where there is none.

        Returns whether that could be done: an endpoint that is away takes nothing from what the other one says. One that lags
        may not know yet what another calls final, and contradicts nothing. Raises `EndpointsDisagree`: one of the two lies, or
        lost its history, and which one we cannot tell.
        """
        if self.pool.is_single:
            return True
        asked_at = self._clock()
        if (disputed := self._disputed.get(batch)) and asked_at - disputed[0] < self.trust.fresh_seconds:
            raise disputed[1]
        other = self.pool.second_opinion(node, lambda second: (second.name, *self._contract.anchor(second, batch)))
        if other is None:
            return False
        name, final, theirs = other
        ours = part.final.anchor if part.final else None
        if ours is not None:
            agree = theirs == ours or (theirs is None and final.number < ours.block)
        else:
            agree = theirs is None or theirs == part.anchor or head.number < theirs.block
        if not agree:
            error = EndpointsDisagree(
                f"{node.name} and {name} say different things of the anchor of seal 0x{batch[1].hex()}: "
                f"found {_where(ours)} and {_where(theirs)}",
                hint="find out which endpoint is wrong, and take it out of --rpc or TOUCHSTONE_RPC",
            )
            self._disputed.put(batch, (asked_at, error))
            _log.error("%s", error.message)
            raise error
        return True

    def _part(self, node: Node, view: View | None, batch: BatchId) -> tuple[Head, BatchPart, Status | None]:
        """Return a batch's own slot; and where it is not known at this view, all that was read for it."""
        if view is not None:
            with self._memory.lock:
                part = self._memory.batches.part(batch) if self._memory.view is view else None
            if part is not None:
                return view.head, part, None
        head, told = self._status(node, view, batch, facts.NOBODY)
        return head, told.part, told


def _read_at(node: Node, view: View | None, read: Callable[[Node, View | None], Reading[T]]) -> tuple[Reading[T], bool]:
    """Read at a view, or else at `latest`; and say whether it is of the view."""
    if view is not None:
        try:
            return read(node, view), True
        except BlockNotThere:
            # It lags, or takes no blocks by their hashes. What it has now is an answer too, though none to follow.
            pass
    return read(node, None), False


def _keep_nothing(_memory: Memory, _at: float) -> None:
    """Keep nothing: what was read belongs to no view."""


def _where(anchor: Anchor | None) -> str:
    return "none" if anchor is None else f"one of key {anchor.key} in block {anchor.block}"

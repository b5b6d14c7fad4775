"""What is known of a deployment at one block, in parts that events change one by one.

Everything in here is true at the block of `view`, whenever it was read: an event that may have changed a part makes it
forgotten. The parts are small (a batch, a key, a manufacturer), so that an answer is put together from several of them, and an
event about a manufacturer with ten thousand batches touches none of the batches. Answers are kept, too, as long as no part of
any of them changes.

It does not ask and does not judge what was asked: `registry.chain.follower` says when the view moves, and what happened in
between.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from registry.chain import facts
from registry.chain.recent import KNOWN_SIZE, Forgetful, Shelf

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    from registry.chain.contract import Status
    from registry.chain.endpoints import Head
    from registry.chain.facts import BatchId, BatchPart, DomainsPart, Masks, UnitPart
    from registry.chain.wire import Event
    from registry.checking.trust import BatchFacts, KeyFacts, ManufacturerFacts, Seen, Withdrawal

T = TypeVar("T")
V = TypeVar("V")
DOMAINS: Final = "domains"
NO_TRANSACTION: Final = ""
BATCHES: Final = 32_768
MASKS: Final = 32_768
UNITS: Final = 8192
ANSWERS: Final = 32_768

TOUCHED: Final[Mapping[str, tuple[str, ...]]] = {
    "BatchAnchored": ("batch", "manufacturer"),  # a manufacturer counts its batches
    "BatchAttested": ("batch",),
    "BatchEndorsed": ("batch",),
    "BatchWithdrawn": ("batch",),
    "BatchWithdrawalAnnulled": ("batch",),
    "UnitsWithdrawn": ("batch",),
    "UnitsWithdrawalAnnulled": ("batch",),
    "KeyAdded": ("key",),
    "KeyRevoked": ("key",),
    "KeyCompromised": ("key",),
    "ManufacturerAccredited": ("manufacturer",),
    "ManufacturerSuspended": ("manufacturer",),
    "ManufacturerReinstated": ("manufacturer",),
    "ProfileUpdated": ("manufacturer",),
    "ControllerFrozen": ("manufacturer",),
    "ControllerReplaced": ("manufacturer",),
    "ControllerReplacementProposed": ("manufacturer",),
    "ControllerReplacementCancelled": ("manufacturer",),
    "VerifierDomainsSet": ("domains",),
    # Roles and the hashes of cases change nothing that a verifier asks.
    "HashRecorded": (),
    "RoleAdminChanged": (),
    "RoleGranted": (),
    "RoleRevoked": (),
    "DefaultAdminDelayChangeCanceled": (),
    "DefaultAdminDelayChangeScheduled": (),
    "DefaultAdminTransferCanceled": (),
    "DefaultAdminTransferScheduled": (),
    "EIP712DomainChanged": (),
}
"""What each event of the contract may have changed. An event that is not listed may have changed everything."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The blocks that answers are about. No two are equal: each is a moment of its own."""

    head: Head
    final: Head | None
    """The newest final block; none before the contract was final, and where `latest` is as final as it gets."""
    asked_at: float
    """Of the reader's clock, before the request was sent."""


class Ages:
    """How old the parts may be that are used, and how old those are that were used. Seconds of the reader's clock."""

    __slots__ = ("not_before", "oldest")

    def __init__(self) -> None:
        self.not_before = float("-inf")
        """Parts that were read before this are not given: even events are not trusted for ever."""
        self.oldest = float("inf")
        """When the oldest part was read that was given since this was set."""


class Parts(Shelf[tuple[float, V]]):
    """The parts of one kind, each with the moment at which it was read itself."""

    def __init__(self, ages: Ages, known: int = KNOWN_SIZE) -> None:
        super().__init__(known)
        self._ages = ages

    def part(self, key: Hashable) -> V | None:
        """Return a part, or none."""
        found = self.get(key)
        if found is None or found[0] < self._ages.not_before:
            return None
        self._ages.oldest = min(self._ages.oldest, found[0])
        return found[1]

    def renew(self, key: Hashable, read_at: float, value: V, *, known: bool) -> bool:
        """Keep a part that was read, and say whether that is news: something else was known until now."""
        before = self.get(key)
        self.put(key, (read_at, value), known=known)
        return before is not None and before[1] != value


class Memory:
    """The parts, all true at one view. Use them while holding `lock`: the view moves under it too."""

    def __init__(self, stale_seconds: float) -> None:
        """No part is used that was itself read longer ago than `stale_seconds`."""
        self.lock = threading.RLock()
        self.view: View | None = None
        self._ages = Ages()
        self.batches: Parts[BatchPart] = Parts(self._ages, BATCHES)
        self.manufacturers: Parts[ManufacturerFacts] = Parts(self._ages)
        self.keys: Parts[KeyFacts] = Parts(self._ages)
        self.domains: Parts[DomainsPart] = Parts(self._ages, 1)
        self.masks: Forgetful[tuple[BatchPart, Masks]] = Forgetful(MASKS)
        """By manufacturer, seal and place: with the batch that they belong to, and gone when that is forgotten."""
        self.units: Forgetful[tuple[BatchPart, UnitPart]] = Forgetful(UNITS)
        """By manufacturer, seal and index, in the same way."""
        self.transactions: Forgetful[tuple[BatchPart, str]] = Forgetful(BATCHES)
        """Of anchors, by manufacturer and seal, in the same way."""
        self._answers: Forgetful[tuple[float, Any]] = Forgetful(ANSWERS)
        """To questions, put together from the parts, each with the moment at which its oldest part was read."""
        self._stale_seconds = stale_seconds
        self._unsettled: set[Hashable] = set()

    def begin(self, view: View) -> None:
        """Start at a view of which nothing is known yet."""
        with self.lock:
            for kind in (self.batches, self.manufacturers, self.keys, self.domains, self.masks, self.units, self.transactions):
                kind.clear()
            self._answers.clear()
            self._unsettled.clear()
            self._move(view)

    def advance(self, view: View, events: Iterable[Event]) -> None:
        """Move to a view, before which these events happened, and forget what they may have changed."""
        with self.lock:
            if any(event.name not in TOUCHED for event in events):
                self.begin(view)
                return
            for event in events:
                self._forget(event)
                self._answers.clear()
            if self.view is None or self.view.final != view.final:
                # Finality moves without an event.
                for key in self._unsettled:
                    self.batches.forget(key)
                    self.domains.forget(key)
                    self._answers.clear()
                self._unsettled.clear()
            self._move(view)

    def answer(self, question: Hashable, recall: Callable[[Memory, None], T | None]) -> T | None:
        """Return an answer, put together once as long as nothing changes; none if a part of it is not known."""
        kept = self._answers.get(question)
        if kept is not None and kept[0] >= self._ages.not_before:
            answer: T = kept[1]
            return answer
        self._ages.oldest = float("inf")
        found = recall(self, None)
        if found is not None:
            self._answers.put(question, (self._ages.oldest, found))
        return found

    def key(self, address: str) -> KeyFacts:
        """Return a key. Raises `KeyError` if it is not known."""
        found = self.keys.part(address)
        if found is None:
            raise KeyError(address)
        return found

    def batch_facts(self, batch: BatchId, signer: str, seen: Seen | None) -> BatchFacts | None:
        """Return everything batch-wide; none if a part of it is not known."""
        part, owner = self.batches.part(batch), self.manufacturers.part(batch[0])
        if part is None or owner is None:
            return None
        try:
            return facts.batch_facts(part, owner, self.key, signer, seen)
        except KeyError:
            return None

    def unit_withdrawals(self, batch: BatchId, index: int) -> tuple[Withdrawal, ...] | None:
        """Return the withdrawals of a unit; none if a part of it is not known."""
        part = self.batches.part(batch)
        if part is None or not part.unit_reasons:
            return None if part is None else ()
        masks = self.masks_of(batch, part, index)
        if masks is None:
            return None
        if not facts.reasons_in(masks, index):
            return ()
        unit = self.units.get((*batch, index))
        try:
            return facts.unit_withdrawals(unit[1], self.key) if unit is not None and unit[0] is part else None
        except KeyError:
            return None

    def masks_of(self, batch: BatchId, part: BatchPart, index: int) -> Masks | None:
        """Return which of the units around one are withdrawn; none if it is not known."""
        found = self.masks.get((*batch, index // facts.UNITS))
        return found[1] if found is not None and found[0] is part else None

    def anchor_transaction(self, batch: BatchId) -> str | None:
        """Return the transaction of an anchor, `NO_TRANSACTION` if there is no anchor; none if it is not known."""
        part, told = self.batches.part(batch), self.transactions.get(batch)
        if part is not None and part.anchor is None:
            return NO_TRANSACTION
        return told[1] if told is not None and told[0] is part else None

    def put_status(self, batch: BatchId, told: Status, read_at: float) -> None:
        """Keep everything that one status call said."""
        self._put_batch(batch, told.part, read_at)
        self.put_manufacturer(told.manufacturer, read_at)
        self.put_keys(told.keys.values(), read_at)

    def put_manufacturer(self, owner: ManufacturerFacts, read_at: float) -> None:
        """Keep a manufacturer."""
        self._note(self.manufacturers.renew(owner.number, read_at, owner, known=owner.accredited_at != 0))

    def put_keys(self, keys: Iterable[KeyFacts], read_at: float) -> None:
        """Keep keys."""
        for key in keys:
            self._note(self.keys.renew(key.address, read_at, key, known=key.manufacturer != 0))

    def _put_batch(self, key: BatchId, part: BatchPart, read_at: float) -> None:
        self._note(self.batches.renew(key, read_at, part, known=part.anchor is not None))
        self._wait_for_finality(key, settled=part.settled)

    def put_domains(self, part: DomainsPart, read_at: float) -> None:
        """Keep the domains; where they are not final, until finality moves."""
        self._note(self.domains.renew(DOMAINS, read_at, part, known=True))
        self._wait_for_finality(DOMAINS, settled=part.settled)

    def _wait_for_finality(self, key: Hashable, *, settled: bool) -> None:
        if settled:
            self._unsettled.discard(key)
        else:
            self._unsettled.add(key)

    def _note(self, is_news: bool) -> None:  # noqa: FBT001 -- what `renew` says
        """Forget the answers where a part was read anew and is another: an event about it was left out."""
        if is_news:
            self._answers.clear()

    def _forget(self, event: Event) -> None:
        values = event.values
        for kind in TOUCHED[event.name]:
            match kind:
                case "batch":
                    self.batches.forget((values["manufacturer"], values["seal"]))
                case "manufacturer":
                    self.manufacturers.forget(values["manufacturer"])
                case "key":
                    self.keys.forget(values["key"])
                case "domains":
                    self.domains.forget(DOMAINS)

    def _move(self, view: View) -> None:
        self.view = view
        self._ages.not_before = view.asked_at - self._stale_seconds

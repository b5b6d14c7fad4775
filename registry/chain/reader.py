"""Answers a verifier's questions from a real chain (`registry.checking.trust.ChainFacts`), for one deployment.

What speaks for a code is read at the operator's finality, what speaks against it at `latest` (protocol § 7). Both come with the
newest block in one JSON-RPC batch. What is final about a seal is kept for ever; everything that may change is asked again after
`Trust.fresh_seconds`. While the chain is silent the last known answer is used, marked as such, until `Trust.stale_seconds`;
after that, and for what never was known, there is `ChainUnavailable`. A missing answer never becomes a value.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from registry.chain import facts, wire
from registry.chain.facts import FinalFacts
from registry.chain.identity import Identity, final_block
from registry.chain.logs import OLD_LOGS, events
from registry.chain.pool import Pool
from registry.chain.recent import Bounded, Recent, Told
from registry.checking.trust import Anchor, BatchFacts, KeyFacts, ManufacturerFacts, Reason, Seen, Withdrawal
from registry.errors import ChainUnavailable, WrongChain

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from web3 import Web3

    from registry.chain.endpoints import Head, Question
    from registry.chain.pool import Node
    from registry.checking.trust import Deployment, Trust

T = TypeVar("T")
FINAL_SIZE: Final = 65_536
"""Seals whose final facts are kept."""
NO_STATE: Final = "name an endpoint that keeps the state of final blocks"


@dataclass(frozen=True, slots=True)
class AnchoredBatch:
    """A batch as the contract's events list it."""

    number: int
    """Counted from 1 for each manufacturer."""
    seal: bytes
    key: str
    block: int
    transaction: str


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
        self._clock = clock
        self._recent = Recent()
        self._final: Bounded[FinalFacts] = Bounded(FINAL_SIZE)
        self._transactions: Bounded[str] = Bounded(FINAL_SIZE)
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

    def batch(self, manufacturer: int, seal: bytes, signer: str) -> BatchFacts:
        """Return everything batch-wide; unknown things come back empty."""
        told, stale = self._ask(
            ("batch", manufacturer, seal, signer),
            lambda node: self._read_batch(node, manufacturer, seal, signer),
            known=lambda answer: answer.anchor is not None or answer.pending_anchor is not None,
        )
        answer: BatchFacts = told.answer
        return replace(answer, seen=self._seen(told, stale=stale))

    def key(self, address: str) -> KeyFacts:
        """Return a key as of `latest`."""

        def read(node: Node) -> tuple[Head, KeyFacts]:
            head, (key,) = self._call(node, ("keyOf", address))
            return head, facts.key_facts(address, key)

        told, stale = self._ask(("key", address), read, known=lambda key: key.manufacturer != 0)
        answer: KeyFacts = told.answer
        return replace(answer, seen=self._seen(told, stale=stale))

    def manufacturer(self, number: int) -> ManufacturerFacts:
        """Return a manufacturer with all versions of its profile, as of `latest`."""

        def read(node: Node) -> tuple[Head, ManufacturerFacts]:
            head, (manufacturer, profiles) = self._call(node, ("manufacturerOf", number), ("profilesOf", number))
            return head, facts.manufacturer_facts(number, manufacturer, profiles)

        told, stale = self._ask(("manufacturer", number), read, known=lambda one: one.accredited_at != 0)
        answer: ManufacturerFacts = told.answer
        return replace(answer, seen=self._seen(told, stale=stale))

    def unit_withdrawals(self, manufacturer: int, seal: bytes, index: int) -> tuple[Withdrawal, ...]:
        """Return the withdrawals of one unit that stand, in order of precedence.

        The contract's bitmaps decide what stands; who withdrew it, and when, is in its events.
        """
        told, _ = self._ask(
            ("unit", manufacturer, seal, index),
            lambda node: self._read_unit_withdrawals(node, manufacturer, seal, index),
        )
        answer: tuple[Withdrawal, ...] = told.answer
        return answer

    def domains(self) -> tuple[str, ...]:
        """Return the official verifier domains: those that are on the list at the finality and still are at `latest`."""
        told, _ = self._ask(("domains",), self._read_domains)
        answer: tuple[str, ...] = told.answer
        return answer

    def anchor_transaction(self, manufacturer: int, seal: bytes) -> str | None:
        """Return the hash (0x...) of the transaction that anchored a seal, from the contract's events, or none."""
        if found := self._transactions.get((manufacturer, seal)):
            return found
        told, _ = self._ask(
            ("transaction", manufacturer, seal),
            lambda node: self._read_anchor_transaction(node, manufacturer, seal),
            known=lambda answer: answer is not None,
        )
        answer: str | None = told.answer
        if answer is not None and self._final.get((manufacturer, seal)):
            self._transactions.put((manufacturer, seal), answer)
        return answer

    def anchored_batches(self, manufacturer: int) -> tuple[AnchoredBatch, ...]:
        """Return every batch of a manufacturer, by number, as of `latest`. Never from memory.

        Raises `ChainUnavailable` with the numbers that are missing if the events are fewer than the contract counted.
        """
        return self.pool.read(lambda node: self._read_batches(node, manufacturer))

    # ---------------------------------------------------------------------------------------------- how it is read

    def _read_batch(self, node: Node, manufacturer: int, seal: bytes, signer: str) -> tuple[Head, BatchFacts]:
        # Where `latest` is as final as it gets, an anchor can still go away, and nothing is kept.
        never_final = self.trust.finality == "latest"
        final = None if never_final else self._final.get((manufacturer, seal))
        status_call = ("status", manufacturer, seal, signer)
        at_finality = self._at_finality(status_call) if final is None else []
        head, answers = node.ask_at_head(
            [self._question(status_call), self._question(("profilesOf", manufacturer)), *at_finality]
        )
        status = self._decode(node, "status", answers[0])
        profiles = self._decode(node, "profilesOf", answers[1])
        batch, anchor = status.batch, facts.anchor_of(status.batch)
        if final is not None and (batch.endorsed, batch.attestations) != (final.endorsed, final.attestations):
            # Something was added that speaks for the batch: is that final too?
            at_finality = self._at_finality(status_call)
            answers = [*answers, *node.ask(at_finality)]
        if never_final:
            final = self._final_facts(status)
        elif at_finality:
            final = self._final_facts(self._decode_final(node, "status", answers[2], answers[3])) or final
        if final is not None and not never_final:
            if final.anchor != anchor:
                raise ChainUnavailable(f"{node.name} contradicts a final anchor: it lags behind or lost its history")
            self._final.put((manufacturer, seal), final)
        return head, BatchFacts(
            anchor=final.anchor if final else None,
            pending_anchor=None if final else anchor,
            endorsed=final.endorsed if final else False,
            attestations=final.attestations if final else 0,
            batch_withdrawal=facts.batch_withdrawal(status),
            any_units_withdrawn=batch.unitReasons != 0,
            manufacturer=facts.manufacturer_facts(manufacturer, status.manufacturer, profiles),
            anchor_key=facts.key_facts(anchor.key, status.anchorKey) if anchor else None,
            signer_key=facts.key_facts(signer, status.signerKey),
            profile_hash=bytes(status.profileHash),
            seen=Seen(head.number, head.time, 0.0, stale=False),
        )

    def _read_domains(self, node: Node) -> tuple[Head, tuple[str, ...]]:
        call = ("verifierDomains",)
        head, answers = node.ask_at_head([self._question(call), *self._at_finality(call)])
        listed: tuple[str, ...] = self._decode(node, "verifierDomains", answers[0])
        if self.trust.finality != "latest":
            final = self._decode_final(node, "verifierDomains", answers[1], answers[2]) or ()
            listed = tuple(domain for domain in listed if domain in final)
        return head, tuple(domain.lower() for domain in listed)

    def _read_unit_withdrawals(
        self, node: Node, manufacturer: int, seal: bytes, index: int
    ) -> tuple[Head, tuple[Withdrawal, ...]]:
        final = self._final.get((manufacturer, seal))
        topics = [[wire.topic("UnitsWithdrawn"), wire.topic("UnitsWithdrawalAnnulled")], *self._of(manufacturer, seal)]
        for _ in range(2):  # a block may come between the bitmaps and the events
            head, (bits,) = self._call(node, ("unitWithdrawals", manufacturer, seal, index))
            reasons = [reason for reason in Reason if reason and bits >> reason & 1]
            if not reasons:
                return head, ()
            first = final.anchor.block if final else self._deployment.block
            happened = events(node, self._deployment.contract, topics, first, head.number)
            found = [facts.standing(happened, reason, index) for reason in reasons]
            if all(found):
                return head, tuple(self._judge(node, reason, told) for reason, told in zip(reasons, found, strict=True))
        raise ChainUnavailable(f"{node.name} does not tell who withdrew a unit that is withdrawn", hint=OLD_LOGS)

    def _judge(self, node: Node, reason: Reason, told: Sequence[wire.Event]) -> Withdrawal:
        """Return the withdrawal that counts, with its time and what is known of its key."""
        blocks: list[Question] = [("eth_getBlockByNumber", [hex(event.block), False]) for event in told]
        keys = [self._question(("keyOf", event.values["key"])) for event in told]
        answers = node.ask([*blocks, *keys])
        judged = []
        for event, block_answer, key_answer in zip(told, answers[: len(told)], answers[len(told) :], strict=True):
            block = node.endpoint.block(block_answer, f"block {event.block}")
            if block.hash != event.block_hash:
                raise ChainUnavailable(f"{node.name} gives a log of another block {event.block}: the chain was reorganised")
            key = facts.key_facts(event.values["key"], self._decode(node, "keyOf", key_answer))
            judged.append(
                Withdrawal(reason, key.address, block.time, whole_batch=False, key_compromised=key.compromised_at(block.time))
            )
        return facts.believed(judged)

    def _read_anchor_transaction(self, node: Node, manufacturer: int, seal: bytes) -> tuple[Head, str | None]:
        head, (status,) = self._call(node, ("status", manufacturer, seal, facts.NOBODY))
        anchor = facts.anchor_of(status.batch)
        if anchor is None:
            return head, None
        topics = [wire.topic("BatchAnchored"), *self._of(manufacturer, seal)]
        found = events(node, self._deployment.contract, topics, anchor.block, anchor.block)
        if len(found) != 1:
            raise ChainUnavailable(f"{node.name} gives {len(found)} events for an anchor, expected 1", hint=OLD_LOGS)
        return head, f"0x{found[0].transaction.hex()}"

    def _read_batches(self, node: Node, manufacturer: int) -> tuple[AnchoredBatch, ...]:
        head, _ = node.ask_at_head([])
        answers = node.ask([self._question(("manufacturerOf", manufacturer), hex(head.number))])
        count: int = self._decode(node, "manufacturerOf", answers[0]).batchCount
        topics = [wire.topic("BatchAnchored"), wire.topic_of(manufacturer)]
        found = {
            event.values["number"]: AnchoredBatch(
                event.values["number"],
                bytes(event.values["seal"]),
                event.values["key"],
                event.block,
                f"0x{event.transaction.hex()}",
            )
            for event in events(node, self._deployment.contract, topics, self._deployment.block, head.number)
        }
        missing = [number for number in range(1, count + 1) if number not in found]
        if missing or len(found) != count:
            named = ", ".join(map(str, missing[:20])) or "none"
            raise ChainUnavailable(
                f"{node.name} lists {len(found)} of {count} batches of manufacturer {manufacturer}; missing: {named}"
                + (f" and {len(missing) - 20} more" if len(missing) > 20 else ""),  # noqa: PLR2004 - what fits a message
                hint=OLD_LOGS,
            )
        return tuple(found[number] for number in sorted(found))

    # ------------------------------------------------------------------------------------------- memory and questions

    def _ask(
        self,
        question: Hashable,
        read: Callable[[Node], tuple[Head, Any]],
        *,
        known: Callable[[Any], bool] = lambda _: True,
    ) -> tuple[Told, bool]:
        """Return an answer, and whether it is the last known one of a chain that is silent now."""
        before = self._recent.get(question) if self._remembers else None
        asked_at = self._clock()
        if before is not None and asked_at - before.asked_at < self.trust.fresh_seconds:
            return before, False
        try:
            head, answer = self.pool.read(read)
        except WrongChain:
            raise
        except ChainUnavailable:
            if before is None or self._clock() - before.asked_at > self.trust.stale_seconds:
                raise
            return before, True
        told = Told(answer, head, asked_at)
        self._recent.put(question, told, known=known(answer))
        return told, False

    def _seen(self, told: Told, *, stale: bool) -> Seen:
        return Seen(told.head.number, told.head.time, max(self._clock() - told.asked_at, 0.0), stale)

    def _call(self, node: Node, *calls: tuple[Any, ...]) -> tuple[Head, list[Any]]:
        """Return the newest block, and what the contract answers at `latest`."""
        head, answers = node.ask_at_head([self._question(call) for call in calls])
        return head, [self._decode(node, call[0], answer) for call, answer in zip(calls, answers, strict=True)]

    def _question(self, call: tuple[Any, ...], block: str = "latest") -> Question:
        data = wire.encode(*call)
        return ("eth_call", [{"to": self._deployment.contract, "data": f"0x{data.hex()}"}, block])

    def _at_finality(self, call: tuple[Any, ...]) -> list[Question]:
        """Return what asks for a call's answer at the finality, and for the block which that is; nothing for `latest`."""
        tag = self.trust.finality
        return [] if tag == "latest" else [("eth_getBlockByNumber", [tag, False]), self._question(call, tag)]

    def _decode(self, node: Node, name: str, answer: object) -> Any:
        raw = node.endpoint.octets(answer, f"the contract's {name}")
        try:
            return wire.decode(name, raw)
        except ValueError as error:
            raise ChainUnavailable(f"{node.name} gives an answer of {name} that cannot be read") from error

    def _decode_final(self, node: Node, name: str, block: object, answer: object) -> Any | None:
        """Return what the contract answered at the finality; none if it was not there yet."""
        final = final_block(node, block, self.trust.finality)
        if final.number < self._deployment.block:
            return None
        try:
            return self._decode(node, name, answer)
        except ChainUnavailable as error:
            raise ChainUnavailable(error.message, hint=error.hint or NO_STATE) from error

    @staticmethod
    def _final_facts(status: Any | None) -> FinalFacts | None:
        anchor: Anchor | None = facts.anchor_of(status.batch) if status is not None else None
        if status is None or anchor is None:
            return None
        return FinalFacts(anchor, status.batch.endorsed, status.batch.attestations)

    @staticmethod
    def _of(manufacturer: int, seal: bytes) -> tuple[str, str]:
        return wire.topic_of(manufacturer), wire.topic_of(seal)

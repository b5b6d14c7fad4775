"""What the contract says at a block: the questions, and their answers as facts. Nothing is remembered here.

Questions are about the blocks of a view, named by their hashes, so that all answers are of one moment and of one history; or,
without a view, about whatever the endpoint calls `latest` and the finality.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from registry.chain import facts, wire
from registry.chain.facts import UNITS, WORDS, DomainsPart
from registry.chain.identity import final_block
from registry.chain.logs import OLD_LOGS, events
from registry.chain.rpc_errors import Fault
from registry.checking.trust import Reason, Withdrawal
from registry.errors import ChainUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.chain.endpoints import Head, Question
    from registry.chain.facts import BatchId, BatchPart, FinalFacts, Masks, UnitPart
    from registry.chain.memory import View
    from registry.chain.pool import Node
    from registry.chain.wire import Event
    from registry.checking.trust import Anchor, Deployment, KeyFacts, ManufacturerFacts, Trust

NO_STATE: Final = "name an endpoint that keeps the state of final blocks"
REASONS: Final = tuple(reason for reason in Reason if reason is not Reason.NONE)


class BlockNotThere(Exception):
    """An endpoint does not have the block that is asked about, or takes no block by its hash. Never leaves this room."""


@dataclass(frozen=True, slots=True)
class AnchoredBatch:
    """A batch as the contract's events list it."""

    number: int
    """Counted from 1 for each manufacturer."""
    seal: bytes
    key: str
    block: int
    transaction: str


@dataclass(frozen=True, slots=True)
class Status:
    """What one status call says, in parts."""

    part: BatchPart
    manufacturer: ManufacturerFacts
    keys: dict[str, KeyFacts]


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A unit that is withdrawn for these reasons, as the contract's bitmaps say."""

    batch: BatchId
    index: int
    reasons: tuple[Reason, ...]
    anchor: Anchor | None
    """Of its batch, if known: nothing was withdrawn before."""


class Contract:
    """One deployment, asked through a node."""

    def __init__(self, deployment: Deployment, trust: Trust) -> None:
        self._deployment = deployment
        self._trust = trust

    def key(self, node: Node, view: View | None, address: str) -> tuple[Head, KeyFacts]:
        """Return a key."""
        head, (key,) = self._call(node, view, ("keyOf", address))
        return head, facts.key_facts(address, key)

    def manufacturer(self, node: Node, view: View | None, number: int) -> tuple[Head, ManufacturerFacts]:
        """Return a manufacturer."""
        head, (manufacturer, profiles) = self._call(node, view, ("manufacturerOf", number), ("profilesOf", number))
        return head, facts.manufacturer_facts(number, manufacturer, profiles)

    def domains(self, node: Node, view: View | None) -> tuple[Head, DomainsPart]:
        """Return the official domains: those on the list at the finality that still are at the block asked about."""
        call = ("verifierDomains",)
        head, answers = self._ask(node, view, [self._question(call, view), *self._at_finality(view, call)])
        listed: tuple[str, ...] = self._decode(node, "verifierDomains", answers[0])
        if self.never_final:
            return head, DomainsPart(tuple(one.lower() for one in listed), settled=True)
        final = self._decode_final(node, view, "verifierDomains", answers[1:]) or ()
        kept = tuple(domain.lower() for domain in listed if domain in final)
        return head, DomainsPart(kept, settled=listed == final)

    def status(
        self, node: Node, view: View | None, batch: BatchId, signer: str, *, final: FinalFacts | None
    ) -> tuple[Head, Status]:
        """Return everything batch-wide, given what is known to be final about the seal."""
        call = ("status", *batch, signer)
        at_finality = self._at_finality(view, call) if final is None else []
        asked = [self._question(call, view), self._question(("profilesOf", batch[0]), view)]
        head, answers = self._ask(node, view, [*asked, *at_finality])
        status = self._decode(node, "status", answers[0])
        profiles = self._decode(node, "profilesOf", answers[1])
        slot, anchor = status.batch, facts.anchor_of(status.batch)
        if final is not None and (slot.endorsed, slot.attestations) != (final.endorsed, final.attestations):
            # Something was added that speaks for the batch: is that final too?
            at_finality = self._at_finality(view, call)
            answers += self._answers(node, view, at_finality)
        if self.never_final:
            final = facts.final_facts(status)
        else:
            if at_finality:
                final = facts.final_facts(self._decode_final(node, view, "status", answers[2:])) or final
            if final is not None and final.anchor != anchor:
                raise ChainUnavailable(f"{node.name} contradicts a final anchor: it lags behind or lost its history")
        named = (
            (signer, status.signerKey),
            (slot.anchoredBy, status.anchorKey),
            (slot.withdrawnBy, status.withdrawalKey),
        )
        return head, Status(
            facts.batch_part(status, final),
            facts.manufacturer_facts(batch[0], status.manufacturer, profiles),
            {address: facts.key_facts(address, key) for address, key in named if address != facts.NOBODY or address == signer},
        )

    def anchor(self, node: Node, batch: BatchId) -> tuple[Head, Anchor | None]:
        """Return the newest block that is final for an endpoint, and a seal's anchor there."""
        tag = self._trust.finality
        block, answer = node.ask(
            [("eth_getBlockByNumber", [tag, False]), self._question(("status", *batch, facts.NOBODY), at=tag)]
        )
        final = final_block(node, block, tag)
        return final, facts.anchor_of(self._decode(node, "status", answer).batch)

    def masks(self, node: Node, view: View, batch: BatchId, part: BatchPart, index: int) -> Masks:
        """Return which of the `UNITS` units around this one are withdrawn, at a view."""
        place = index // UNITS
        reasons = [reason for reason in REASONS if part.unit_reasons >> reason & 1]
        words = range(WORDS * place, WORDS * (place + 1))
        calls = [("withdrawnWord", *batch, reason, word) for reason in reasons for word in words]
        answers = self._call(node, view, *calls)[1] if calls else []
        masks = []
        for turn, reason in enumerate(reasons):
            found = answers[WORDS * turn : WORDS * (turn + 1)]
            mask = sum(word << facts.WORD_BITS * number for number, word in enumerate(found))
            if mask:
                masks.append((reason, mask))
        return tuple(masks)

    def unit_now(
        self, node: Node, batch: BatchId, index: int, anchor: Anchor | None
    ) -> tuple[Head, UnitPart, dict[str, KeyFacts]]:
        """Return the withdrawals of a unit that stand at `latest`, and the keys that made them."""
        for _ in range(2):  # a block may come between the bitmaps and the events
            head, (bits,) = self._call(node, None, ("unitWithdrawals", *batch, index))
            unit = Withdrawn(batch, index, tuple(one for one in REASONS if bits >> one & 1), anchor)
            told = self._who_withdrew(node, None, head, unit)
            if told is not None:
                return head, *told
        raise _untold(node)

    def unit(self, node: Node, view: View, unit: Withdrawn) -> tuple[UnitPart, dict[str, KeyFacts]]:
        """Return the withdrawals of a unit that stand at a view, and the keys that made them."""
        told = self._who_withdrew(node, view, view.head, unit)
        if told is None:
            raise _untold(node)
        return told

    def _who_withdrew(
        self, node: Node, view: View | None, head: Head, unit: Withdrawn
    ) -> tuple[UnitPart, dict[str, KeyFacts]] | None:
        """Return who withdrew a unit, and when, and their keys, from the events up to a block; none if an event is missing.

        The contract's bitmaps decide what stands: an event that is left out or made up changes nothing of that.
        """
        if not unit.reasons:
            return (), {}
        topics = [[wire.topic("UnitsWithdrawn"), wire.topic("UnitsWithdrawalAnnulled")], *_of(unit.batch)]
        first = self._deployment.block if unit.anchor is None else unit.anchor.block
        happened = events(node, self._deployment.contract, topics, first, head.number)
        found = [facts.standing(happened, reason, unit.index) for reason in unit.reasons]
        if not all(found):
            return None
        told = [event for one in found for event in one]
        addresses = list(dict.fromkeys(event.values["key"] for event in told))
        blocks: list[Question] = [("eth_getBlockByNumber", [hex(event.block), False]) for event in told]
        answers = self._answers(node, view, [*blocks, *(self._question(("keyOf", one), view) for one in addresses)])
        times = iter([self._time(node, event, answer) for event, answer in zip(told, answers, strict=False)])
        keys = [self._decode(node, "keyOf", answer) for answer in answers[len(told) :]]
        part = tuple(
            tuple(
                Withdrawal(reason, event.values["key"], next(times), whole_batch=False, key_compromised=False) for event in one
            )
            for reason, one in zip(unit.reasons, found, strict=True)
        )
        return part, {address: facts.key_facts(address, key) for address, key in zip(addresses, keys, strict=True)}

    def anchor_transaction(self, node: Node, batch: BatchId, anchor: Anchor) -> str:
        """Return the hash (0x...) of the transaction that made an anchor, from the contract's events."""
        topics = [wire.topic("BatchAnchored"), *_of(batch)]
        found = events(node, self._deployment.contract, topics, anchor.block, anchor.block)
        if len(found) != 1:
            raise ChainUnavailable(f"{node.name} gives {len(found)} events for an anchor, expected 1", hint=OLD_LOGS)
        return f"0x{found[0].transaction.hex()}"

    def batches(self, node: Node, manufacturer: int) -> tuple[AnchoredBatch, ...]:
        """Return every batch of a manufacturer, by number, as of `latest`, all that the contract counted."""
        head, _ = node.ask_at_head([])
        answers = node.ask([self._question(("manufacturerOf", manufacturer), at=hex(head.number))])
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

    # --------------------------------------------------------------------------------------------------------- asking

    @property
    def never_final(self) -> bool:
        """Whether `latest` is as final as it gets: an anchor can still go away, and nothing is kept for ever."""
        return self._trust.finality == "latest"

    def _call(self, node: Node, view: View | None, *calls: tuple[Any, ...]) -> tuple[Head, list[Any]]:
        """Return the block asked about, and what the contract answers."""
        head, answers = self._ask(node, view, [self._question(call, view) for call in calls])
        return head, [self._decode(node, call[0], answer) for call, answer in zip(calls, answers, strict=True)]

    def _ask(self, node: Node, view: View | None, questions: Sequence[Question]) -> tuple[Head, list[Any | Fault]]:
        """Return the block asked about, and the answers."""
        return node.ask_at_head(questions) if view is None else (view.head, self._answers(node, view, questions))

    def _answers(self, node: Node, view: View | None, questions: Sequence[Question]) -> list[Any | Fault]:
        """Return the answers. Raises `BlockNotThere` if the endpoint cannot answer for the view."""
        answers = node.ask(questions)
        if view is not None and any(isinstance(one, Fault) and not (one.limited or one.reverted) for one in answers):
            raise BlockNotThere
        return answers

    def _question(self, call: tuple[Any, ...], view: View | None = None, *, at: object = "latest") -> Question:
        data = wire.encode(*call)
        block = at if view is None else _named(view.head)
        return ("eth_call", [{"to": self._deployment.contract, "data": f"0x{data.hex()}"}, block])

    def _at_finality(self, view: View | None, call: tuple[Any, ...]) -> list[Question]:
        """Return what asks for a call's answer at the finality; nothing where that is `latest`, or before there is any."""
        if self.never_final or (view is not None and view.final is None):
            return []
        if view is not None and view.final is not None:
            return [self._question(call, at=_named(view.final))]
        tag = self._trust.finality
        return [("eth_getBlockByNumber", [tag, False]), self._question(call, at=tag)]

    def _decode(self, node: Node, name: str, answer: object) -> Any:
        raw = node.endpoint.octets(answer, f"the contract's {name}")
        try:
            return wire.decode(name, raw)
        except ValueError as error:
            raise ChainUnavailable(f"{node.name} gives an answer of {name} that cannot be read ({len(raw)} bytes)") from error

    def _decode_final(self, node: Node, view: View | None, name: str, answers: Sequence[object]) -> Any | None:
        """Return what the contract answered to `_at_finality`; none if it was not there yet."""
        if view is None and final_block(node, answers[0], self._trust.finality).number < self._deployment.block:
            return None
        if not answers:
            return None
        try:
            return self._decode(node, name, answers[-1])
        except ChainUnavailable as error:
            raise ChainUnavailable(error.message, hint=error.hint or NO_STATE) from error

    def _time(self, node: Node, event: Event, answer: object) -> int:
        """Return when an event happened."""
        block = node.endpoint.block(answer, f"block {event.block}")
        if block.hash != event.block_hash:
            raise ChainUnavailable(f"{node.name} gives a log of another block {event.block}: the chain was reorganised")
        return block.time


def _untold(node: Node) -> ChainUnavailable:
    return ChainUnavailable(f"{node.name} does not tell who withdrew a unit that is withdrawn", hint=OLD_LOGS)


def _of(batch: BatchId) -> tuple[str, str]:
    return wire.topic_of(batch[0]), wire.topic_of(batch[1])


def _named(block: Head) -> dict[str, str]:
    """Return a block as EIP-1898 names it: an endpoint that does not have it says so."""
    return {"blockHash": f"0x{block.hash.hex()}"}

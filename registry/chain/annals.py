"""A deployment's past from its events (`registry.enforcement.chronicle.Chronicle`), held against what the contract counts.

A node can leave an event out. What the contract holds at its newest block shows it: how many batches a manufacturer has, which
versions its profile had, how often a batch was attested. Only that a manufacturer was ever accredited is counted nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from registry.chain import facts, wire
from registry.chain.identity import final_block
from registry.chain.logs import OLD_LOGS, events
from registry.enforcement.chronicle import Accredited, Anchored, ProfileVersion, Roll
from registry.errors import ChainUnavailable
from registry.proofs.absence_file import MAX_ATTESTATIONS, Block

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from registry.chain.endpoints import Head, Question
    from registry.chain.pool import Node
    from registry.chain.reader import ChainReader
    from registry.chain.wire import Event
    from registry.proofs.absence import Neighbour
    from registry.proofs.encoding import Opening

AT_ONCE: Final = 100
"""Questions of one request: more are refused by some endpoints."""


class Annals:
    """Asks the endpoints of a reader, and remembers nothing."""

    def __init__(self, reader: ChainReader) -> None:
        self._pool = reader.pool
        self._trust = reader.trust
        self._deployment = reader.deployment

    @property
    def chain_id(self) -> int:
        """The chain's number."""
        return self._deployment.chain_id

    @property
    def contract(self) -> str:
        """The contract's EIP-55 address."""
        return self._deployment.contract

    def roll(self) -> Roll:
        """Return every manufacturer, each with as many versions of its profile as the contract holds."""
        return self._pool.read(self._roll)

    def profiles(self) -> dict[int, tuple[ProfileVersion, ...]]:
        """Return every manufacturer with the versions of its profile, as of the newest block."""
        return self._pool.read(lambda node: self._profiles(node, node.ask_at_head([])[0]))

    def happened(self, names: Sequence[str], first: int) -> tuple[Block, tuple[Event, ...]]:
        """Return the newest final block, and the events of these names from a block up to it, in their order."""
        return self._pool.read(lambda node: self._happened(node, names, first))

    def batches(self, number: int, head: Block) -> tuple[Anchored, ...]:
        """Return every batch of a manufacturer up to a block, by number, as many as the contract counted there."""
        return self._pool.read(lambda node: self._batches(node, number, head))

    def block(self, number: int) -> Block:
        """Return the block of a number."""
        return self._pool.read(lambda node: _block(self._head(node, number)))

    def shows_absence(self, number: int, opening: Opening, unit_key: bytes, neighbours: Sequence[Neighbour]) -> bool:
        """Ask the contract's own view whether rows show that a manufacturer's batch has no unit of a key."""
        rows = [
            ((one.row.index, one.row.unit_key, one.row.digest, one.row.attributes_hash), list(one.path)) for one in neighbours
        ]
        opened = (opening.root, opening.unit_count, opening.manifest_hash)
        call = ("verifyAbsence", number, opened, unit_key, rows)
        return bool(self._pool.read(lambda node: self._calls(node, [call], "latest")[0]))

    # ----------------------------------------------------------------------------------------------------------- within

    def _roll(self, node: Node) -> Roll:
        head, answers = node.ask_at_head([("eth_getBlockByNumber", [self._trust.finality, False])])
        final = head if self._trust.finality == "latest" else final_block(node, answers[0], self._trust.finality)
        if final.number < self._deployment.block:
            raise ChainUnavailable(
                f"the contract is not final yet on {node.name}: it was made in block {self._deployment.block}"
            )
        manufacturers = tuple(Accredited(number, known) for number, known in self._profiles(node, head).items())
        return Roll(_block(head), _block(final), manufacturers)

    def _profiles(self, node: Node, head: Head) -> dict[int, tuple[ProfileVersion, ...]]:
        topics = [[wire.topic("ManufacturerAccredited"), wire.topic("ProfileUpdated")]]
        versions: dict[int, list[ProfileVersion]] = {}
        for event in events(node, self._deployment.contract, topics, self._deployment.block, head.number):
            known = versions.setdefault(event.values["manufacturer"], [])
            if event.name == "ProfileUpdated":
                known.append(ProfileVersion(bytes(event.values["profileHash"]), event.block))
        numbers = sorted(versions)
        held = self._calls(node, [("profilesOf", number) for number in numbers], hex(head.number))
        for number, profiles in zip(numbers, held, strict=True):
            if [bytes(one.profileHash) for one in profiles] != [one.profile_hash for one in versions[number]]:
                raise ChainUnavailable(
                    f"{node.name} leaves out versions of the profile of manufacturer {number}", hint=OLD_LOGS
                )
        return {number: tuple(versions[number]) for number in numbers}

    def _happened(self, node: Node, names: Sequence[str], first: int) -> tuple[Block, tuple[Event, ...]]:
        head, answers = node.ask_at_head([("eth_getBlockByNumber", [self._trust.finality, False])])
        final = head if self._trust.finality == "latest" else final_block(node, answers[0], self._trust.finality)
        begin = max(first, self._deployment.block)
        if final.number < begin:
            return _block(final), ()
        topics = [[wire.topic(name) for name in names]]
        return _block(final), events(node, self._deployment.contract, topics, begin, final.number)

    def _batches(self, node: Node, number: int, head: Block) -> tuple[Anchored, ...]:
        topics = [[wire.topic("BatchAnchored"), wire.topic("BatchAttested")], wire.topic_of(number)]
        seals: dict[int, tuple[bytes, int]] = {}
        attested: dict[bytes, list[int]] = {}
        for event in events(node, self._deployment.contract, topics, self._deployment.block, head.number):
            seal = bytes(event.values["seal"])
            if event.name == "BatchAnchored":
                seals[event.values["number"]] = (seal, event.block)
            else:
                attested.setdefault(seal, []).append(event.block)
        self._compare(node, number, head, seals, attested)
        return tuple(Anchored(seal, block, tuple(attested.get(seal, ()))) for _, (seal, block) in sorted(seals.items()))

    def _compare(
        self, node: Node, number: int, head: Block, seals: dict[int, tuple[bytes, int]], attested: dict[bytes, list[int]]
    ) -> None:
        """Raise `ChainUnavailable` unless the contract counts as many batches and attestations as there are events."""
        at = hex(head.number)
        count: int = self._calls(node, [("manufacturerOf", number)], at)[0].batchCount
        if sorted(seals) != list(range(1, count + 1)):
            missing = [str(one) for one in range(1, count + 1) if one not in seals]
            raise ChainUnavailable(
                f"{node.name} lists {len(seals)} of {count} batches of manufacturer {number}; missing: "
                f"{', '.join(missing[:20]) or 'none'}",
                hint=OLD_LOGS,
            )
        anchored = [seal for seal, _ in seals.values()]
        held = self._calls(node, [("status", number, seal, facts.NOBODY) for seal in anchored], at)
        for seal, status in zip(anchored, held, strict=True):
            listed, counted = len(attested.get(seal, ())), status.batch.attestations
            if min(listed, MAX_ATTESTATIONS) != counted:
                raise ChainUnavailable(
                    f"{node.name} lists {listed} of {counted} attestations of batch 0x{seal.hex()}", hint=OLD_LOGS
                )

    def _calls(self, node: Node, calls: Sequence[tuple[Any, ...]], at: str) -> list[Any]:
        """Return what the contract answers at a block."""
        found: list[Any] = []
        for part in _parts(calls):
            questions: list[Question] = [
                ("eth_call", [{"to": self._deployment.contract, "data": f"0x{wire.encode(*call).hex()}"}, at]) for call in part
            ]
            for call, answer in zip(part, node.ask(questions), strict=True):
                raw = node.endpoint.octets(answer, f"the contract's {call[0]}")
                try:
                    found.append(wire.decode(call[0], raw))
                except ValueError as error:
                    raise ChainUnavailable(f"{node.name} gives an answer of {call[0]} that cannot be read") from error
        return found

    def _head(self, node: Node, number: int) -> Head:
        answer = node.ask([("eth_getBlockByNumber", [hex(number), False])])[0]
        if answer is None:
            raise ChainUnavailable(f"{node.name} does not have block {number}")
        head = node.endpoint.block(answer, f"block {number}")
        if head.number != number:
            raise ChainUnavailable(f"{node.name} gives block {head.number}, asked for block {number}")
        return head


def _block(head: Head) -> Block:
    return Block(head.number, head.hash, head.time)


def _parts(calls: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    return (calls[start : start + AT_ONCE] for start in range(0, len(calls), AT_ONCE))

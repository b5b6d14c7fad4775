"""The contract's events, asked in pieces that a node agrees to answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from registry.chain import wire
from registry.chain.rpc_errors import Fault
from registry.errors import ChainUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.chain.pool import Node
    from registry.chain.wire import Event

MOST_QUESTIONS: Final = 500
SMALLEST_PIECE: Final = 100
"""Blocks. A node that refuses even this many has another reason."""
OLD_LOGS = "name an endpoint that keeps old logs"


def events(node: Node, contract: str, topics: Sequence[Any], first: int, last: int) -> tuple[Event, ...]:
    """Return the contract's events in blocks `first` to `last`, both included, in the order in which they happened.

    Nodes limit how many blocks or logs a question may span, each in its own way: a refused piece is halved. Raises
    `ChainUnavailable` if the node refuses small pieces too, or answers with logs that were not asked for.
    """
    found: list[Event] = []
    size = max(last - first + 1, 1)
    asked = 0
    while first <= last:
        piece = min(size, last - first + 1)
        query = {"address": contract, "topics": list(topics), "fromBlock": hex(first), "toBlock": hex(first + piece - 1)}
        answer = node.ask([("eth_getLogs", [query])])[0]
        asked += 1
        if isinstance(answer, Fault):
            if answer.limited or piece <= SMALLEST_PIECE or asked >= MOST_QUESTIONS:
                raise ChainUnavailable(f"{node.name} does not give logs: {answer.message}", hint=OLD_LOGS)
            size = piece // 2
            continue
        if asked >= MOST_QUESTIONS and first + piece <= last:
            raise ChainUnavailable(f"{node.name} needs more than {MOST_QUESTIONS} questions for these logs", hint=OLD_LOGS)
        found += _read(node, answer, contract, topics, range(first, first + piece))
        first += piece
    return tuple(sorted(found, key=lambda event: (event.block, event.position)))


def changes(answer: object, contract: str) -> tuple[Event, ...] | None:
    """Return the events in an answer about all logs of the contract; none if they cannot be told.

    Refused, of another contract, removed again, or an event that we do not know: what happened is then not known either.
    """
    if not isinstance(answer, list):
        return None
    read = []
    for log in answer:
        try:
            if log["address"].lower() != contract.lower() or log.get("removed") is True:
                return None
            read.append(wire.decode_log(log))
        except (ValueError, AttributeError, KeyError, TypeError):
            return None
    return tuple(read)


def _read(node: Node, answer: object, contract: str, topics: Sequence[Any], blocks: range) -> list[Event]:
    if not isinstance(answer, list):
        raise node.endpoint.malformed("logs", answer)
    read = []
    for log in answer:
        try:
            event = wire.decode_log(log)
            ours = log["address"].lower() == contract.lower() and log.get("removed") is not True
            asked_for = ours and _matches(log["topics"], topics) and event.block in blocks
        except (ValueError, AttributeError, KeyError, TypeError):
            asked_for = False
        if not asked_for:
            raise ChainUnavailable(f"{node.name} gives a log that was not asked for")
        read.append(event)
    return read


def _matches(given: Sequence[str], wanted: Sequence[Any]) -> bool:
    if len(given) < len(wanted):
        return False
    for one, choice in zip(given, wanted, strict=False):
        choices = choice if isinstance(choice, list) else [choice]
        if choice is not None and one.lower() not in [str(each).lower() for each in choices]:
            return False
    return True

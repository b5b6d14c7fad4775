"""Withdrawal bitmaps of whole batches, word by word, as whoever is about to withdraw more needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry.chain import wire
from registry.errors import ChainUnavailable

if TYPE_CHECKING:
    from registry.chain.endpoints import Question
    from registry.chain.pool import Node
    from registry.checking.trust import Reason

AT_ONCE: Final = 250
"""Words asked for by one request: the bitmap of ten million units takes 157 requests."""


def withdrawn_words(
    node: Node, contract: str, manufacturer: int, seal: bytes, reason: Reason, *, count: int
) -> list[tuple[int, int]]:
    """Return those of the first `count` words of a batch's bitmap that are not empty, as of the newest block.

    Raises `ChainUnavailable` if the node does not tell each of them.
    """
    found = []
    for start in range(0, count, AT_ONCE):
        words = range(start, min(start + AT_ONCE, count))
        questions = [_question(contract, wire.encode("withdrawnWord", manufacturer, seal, int(reason), word)) for word in words]
        _, answers = node.ask_at_head(questions)
        for word, answer in zip(words, answers, strict=True):
            mask = _mask(node, answer)
            if mask:
                found.append((word, mask))
    return found


def _question(contract: str, data: bytes) -> Question:
    return ("eth_call", [{"to": contract, "data": f"0x{data.hex()}"}, "latest"])


def _mask(node: Node, answer: object) -> int:
    raw = node.endpoint.octets(answer, "the contract's withdrawnWord")
    try:
        mask: int = wire.decode("withdrawnWord", raw)
    except ValueError as error:
        raise ChainUnavailable(f"{node.name} gives an answer of withdrawnWord that cannot be read") from error
    return mask

"""Hands signed transactions to a chain, whoever signed them, and finds out what became of them.

Nothing here signs: a transaction that is on record can be sent again by somebody who has no key.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from web3 import Web3

from registry.chain.rpc_errors import ALREADY_KNOWN, NONCE_USED, Fault, refusal
from registry.errors import ChainUnavailable, TransactionRefused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.chain.endpoints import Head, Question
    from registry.chain.pool import Node, Pool

SUCCESS: Final = 1


@dataclass(frozen=True, slots=True)
class Receipt:
    """A mined transaction."""

    transaction_hash: bytes
    block: int
    time: int
    """Unix seconds of the block."""
    gas_used: int
    fee: int
    """Wei."""
    contract: str | None = None
    """The contract that it created."""


class Broadcast:
    """Sends over the endpoints of one chain."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def send(self, raw: bytes, what: str = "take a transaction") -> bytes:
        """Hand a signed transaction to the chain and return its hash; one that the chain knows already is no error.

        Raises `TransactionRefused`, with `error` `NonceUsed` if another transaction of the account took its place and
        `FeeTooLow` if fees rose since it was signed, and `ChainUnavailable` if it is not known whether the transaction arrived.
        """
        tx_hash = bytes(Web3.keccak(raw))
        self._pool.read(lambda node: self._submit(node, raw, tx_hash, what))
        return tx_hash

    def find(self, names: Sequence[bytes]) -> tuple[Receipt, Head] | None:
        """Return the one of some transactions that is mined, and the newest block; none if none is.

        Raises `TransactionRefused` if it failed.
        """
        for name in reversed(names):
            if (found := self._pool.read(partial(self._look, tx_hash=name))) is not None:
                return found
        return None

    def _look(self, node: Node, tx_hash: bytes) -> tuple[Receipt, Head] | None:
        """Return a mined transaction and the newest block; none if it is not mined.

        Raises `TransactionRefused` if it failed.
        """
        end = node.endpoint
        head, (answer,) = node.ask_at_head([("eth_getTransactionReceipt", [f"0x{tx_hash.hex()}"])])
        end.said(answer, "whether a transaction was mined")
        if answer is None:
            return None
        if not isinstance(answer, dict) or end.word(answer.get("transactionHash"), "a receipt's hash") != tx_hash:
            raise end.malformed("a receipt", answer)
        block_number = end.quantity(answer.get("blockNumber"), "a receipt's block")
        block = end.block(node.ask([("eth_getBlockByNumber", [hex(block_number), False])])[0], f"block {block_number}")
        if block.hash != end.word(answer.get("blockHash"), "a receipt's block"):
            return None  # the chain was reorganised in between
        if end.quantity(answer.get("status"), "a receipt's status") != SUCCESS:
            raise self._why_failed(node, tx_hash, block_number)
        gas_used = end.quantity(answer.get("gasUsed"), "the gas used")
        price = end.quantity(answer.get("effectiveGasPrice"), "the price paid")
        created = answer.get("contractAddress")
        contract = Web3.to_checksum_address(created) if isinstance(created, str) else None
        return Receipt(tx_hash, block.number, block.time, gas_used, gas_used * price, contract), head

    def _why_failed(self, node: Node, tx_hash: bytes, block: int) -> TransactionRefused:
        """Return the contract's reason, which a receipt does not hold: the call is made again where it failed."""
        sent = node.ask([("eth_getTransactionByHash", [f"0x{tx_hash.hex()}"])])[0]
        failed = f"transaction 0x{tx_hash.hex()} failed in block {block}"
        if isinstance(sent, dict):
            call: Mapping[str, object] = {name: sent[name] for name in ("from", "to", "gas") if sent.get(name)}
            question: Question = ("eth_call", [{**call, "data": sent.get("input", "0x")}, hex(block)])
            answer = node.ask([question])[0]
            if isinstance(answer, Fault) and answer.reverted:
                told = refusal("do it", answer)
                return TransactionRefused(f"{failed}: {told.message}", error=told.error, hint=told.hint)
        return TransactionRefused(failed)

    def _submit(self, node: Node, raw: bytes, tx_hash: bytes, what: str) -> None:
        answer = node.ask([("eth_sendRawTransaction", [f"0x{raw.hex()}"])])[0]
        if not isinstance(answer, Fault):
            if node.endpoint.word(answer, "the transaction's hash") != tx_hash:
                raise ChainUnavailable(f"{node.name} gives another hash for the transaction than it has")
            return
        if ALREADY_KNOWN.search(answer.message):
            return
        if answer.limited or answer.not_supported:
            node.endpoint.said(answer, "whether it takes the transaction")
        if (NONCE_USED.search(answer.message) or answer.reverted) and self._look(node, tx_hash) is not None:
            return  # it was mined before; whether it failed, who waits for it will see
        raise refusal(what, answer)

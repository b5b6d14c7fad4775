"""Whether an endpoint is the chain, and its contract the one, that the operator trusts."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from web3 import Web3

from registry.chain import wire
from registry.chain.rpc_errors import Fault
from registry.errors import ChainUnavailable, WrongChain

if TYPE_CHECKING:
    from registry.chain.endpoints import Head, Question
    from registry.chain.pool import Node
    from registry.checking.trust import Deployment, Trust

NO_FINALITY = (
    "if this chain has no finality of its own, set 'finality' in the trust file to 'safe' or 'latest', "
    "knowing that what is registered may then be reorganised away"
)


class Identity:
    """Compares an endpoint with one deployment of the trust settings.

    It also remembers the newest final block that any endpoint showed. Final blocks never change, so that an endpoint with
    another block in that place follows another history, whatever contract it holds.
    """

    def __init__(self, trust: Trust, deployment: Deployment) -> None:
        self._trust = trust
        self._deployment = deployment
        self._checkpoint: Head | None = None
        self._lock = threading.Lock()

    def __call__(self, node: Node) -> None:
        """Raise `WrongChain` for another chain, code, registry or history, `ChainUnavailable` if it cannot be told."""
        end = node.endpoint
        where = self._deployment
        checkpoint = self._checkpoint
        questions: list[Question] = [
            ("eth_getBlockByNumber", ["latest", False]),
            ("eth_chainId", []),
            ("eth_getCode", [where.contract, "latest"]),
            ("eth_call", [{"to": where.contract, "data": f"0x{wire.encode('registryId').hex()}"}, "latest"]),
            ("eth_getBlockByNumber", [self._trust.finality, False]),
        ]
        if checkpoint is not None:
            questions.append(("eth_getBlockByNumber", [hex(checkpoint.number), False]))
        newest, *answers = node.ask(questions, verifying=True)
        head = end.block(newest, "the latest block")

        chain_id = end.quantity(answers[0], "its chain id")
        if chain_id != where.chain_id:
            raise WrongChain(f"{end.name} answers for chain {chain_id}, expected chain {where.chain_id}")
        if head.number < where.block:
            raise ChainUnavailable(f"{end.name} is at block {head.number}, before the contract's own block {where.block}")
        self._compare_contract(node, answers[1], answers[2])
        final = final_block(node, answers[3], self._trust.finality)
        if checkpoint is not None:
            self._compare_history(node, checkpoint, answers[4])
        # Only now: another chain's height says nothing about ours.
        node.pool.accept(node, head)
        with self._lock:
            if self._checkpoint is None or final.number > self._checkpoint.number:
                self._checkpoint = final if self._trust.finality != "latest" else None

    def _compare_contract(self, node: Node, code: object, registry_id: object) -> None:
        where = self._deployment
        found = Web3.keccak(node.endpoint.octets(code, "the contract's code"))
        if found != where.code_hash:
            raise WrongChain(
                f"the code at {where.contract} on {node.name} has hash 0x{found.hex()}, expected 0x{where.code_hash.hex()}",
                hint="compare the trust file with the record of the deployment; was the chain started anew?",
            )
        said = node.endpoint.octets(registry_id, "the registry's id")
        if said != self._trust.registry_id:
            raise WrongChain(
                f"the contract at {where.contract} on {node.name} belongs to registry 0x{said.hex()}, "
                f"expected 0x{self._trust.registry_id.hex()}"
            )

    def _compare_history(self, node: Node, checkpoint: Head, answer: object) -> None:
        if answer is None or isinstance(answer, Fault):
            raise ChainUnavailable(f"{node.name} does not have block {checkpoint.number}, which was final elsewhere")
        block = node.endpoint.block(answer, f"block {checkpoint.number}")
        if block.hash != checkpoint.hash:
            raise WrongChain(
                f"block {checkpoint.number} on {node.name} is 0x{block.hash.hex()}, expected 0x{checkpoint.hash.hex()}, "
                "which was final",
                hint="the endpoint follows another history; if the chain was started anew, start this program anew",
            )


def final_block(node: Node, answer: object, tag: str) -> Head:
    """Return the newest block of a finality.

    Raises `ChainUnavailable` if the node does not know it: `latest` is no substitute.
    """
    if answer is None or (isinstance(answer, Fault) and not answer.limited):
        raise ChainUnavailable(f"{node.name} does not know the block {tag!r}", hint=NO_FINALITY)
    return node.endpoint.block(answer, f"the block {tag!r}")

"""A contract that a person names by its address alone, as whoever checks a proof file does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from web3 import Web3

from registry.chain import wire
from registry.chain.deployment import artifact
from registry.chain.pool import Pool
from registry.checking.trust import Deployment
from registry.errors import InputError, WrongChain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.chain.pool import Node


@dataclass(frozen=True, slots=True)
class NamedContract:
    """What a chain says of an address that somebody trusts."""

    deployment: Deployment
    registry_id: bytes


def read_address(text: str) -> str:
    """Return an EIP-55 address. Raises `InputError` for anything else, wrong capitals included."""
    if Web3.is_checksum_address(text):
        return text
    if Web3.is_address(text) and text == text.lower():
        return Web3.to_checksum_address(text)
    raise InputError(f"{text!r:.60} is no address, expected 0x and 40 hex digits", hint="were the capitals copied as they are?")


def find(w3s: Sequence[Web3], contract: str) -> NamedContract:
    """Return the deployment at an EIP-55 address.

    Raises `WrongChain` if the code there is not this contract's, whatever its registry, and `ChainUnavailable` if no endpoint
    could be asked.
    """

    def ask(node: Node) -> NamedContract:
        end = node.endpoint
        call = ("eth_call", [{"to": contract, "data": f"0x{wire.encode('registryId').hex()}"}, "latest"])
        chain_id, code_answer, registry_id = node.ask([("eth_chainId", []), ("eth_getCode", [contract, "latest"]), call])
        code = end.octets(code_answer, "the contract's code")
        if not artifact().made(code):
            raise WrongChain(
                f"the code at {contract} on {end.name} is not the compiled contract",
                hint="is it another chain, or another version?",
            )
        deployment = Deployment(end.quantity(chain_id, "its chain id"), contract, 0, bytes(Web3.keccak(code)))
        return NamedContract(deployment, end.word(registry_id, "the registry's id"))

    return Pool(w3s, lambda _: None).read(ask)

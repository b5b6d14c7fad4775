"""What nodes say when they refuse, in all the shapes that they give it."""

from __future__ import annotations

import pytest
import requests
from web3 import Web3

from registry.chain import wire
from registry.chain.deployment import artifact
from registry.chain.rpc_errors import HINTS, Fault, decode_revert, fault, refusal, role_id, silence

SUSPENDED = Web3.keccak(text="ManufacturerIsSuspended(uint32,uint40)")[:4] + wire.CODEC.encode(["uint32", "uint40"], [7, 99])


@pytest.mark.parametrize(
    "error",
    [
        {"code": 3, "message": "execution reverted", "data": f"0x{SUSPENDED.hex()}"},
        {"code": -32603, "message": "reverted", "data": {"message": "m", "data": f"0x{SUSPENDED.hex()}"}},
        {"code": -32000, "message": "revert", "data": f"Reverted 0x{SUSPENDED.hex()}"},
        {"code": -32015, "message": "VM execution error", "data": {"result": f"0x{SUSPENDED.hex()}"}},
    ],
)
def test_a_revert_is_found_in_every_shape(error: dict[str, object]) -> None:
    """geth, Hardhat, Nethermind and others put the contract's bytes in different places."""
    refused = refusal("do it", fault(error))
    assert refused.error == "ManufacturerIsSuspended"
    assert "ManufacturerIsSuspended(manufacturer: 7, suspendedAt: 99)" in refused.message
    assert refused.hint == HINTS["ManufacturerIsSuspended"]


def test_reverts_that_are_not_the_contracts_are_told_as_they_are() -> None:
    """A text, a panic, and bytes that nobody knows."""
    text = Web3.keccak(text="Error(string)")[:4] + wire.CODEC.encode(["string"], ["no"])
    panic = Web3.keccak(text="Panic(uint256)")[:4] + wire.CODEC.encode(["uint256"], [17])
    assert str(decode_revert(text)) == "Error(reason: no)"
    assert str(decode_revert(panic)) == "Panic(code: 17)"
    assert decode_revert(b"\xde\xad\xbe\xef\x00").name == "0xdeadbeef00"
    assert decode_revert(SUSPENDED[:-1]).name.startswith("0x")
    assert decode_revert(b"").name == "0x"


def test_roles_are_named() -> None:
    """Nobody knows the hash of a role by heart."""
    missing = Web3.keccak(text="AccessControlUnauthorizedAccount(address,bytes32)")[:4] + wire.CODEC.encode(
        ["address", "bytes32"], [f"0x{'ab' * 20}", role_id("witness")]
    )
    assert "neededRole: witness" in str(decode_revert(missing))


@pytest.mark.parametrize("error", [None, 7, "no", [], {}, {"code": "x", "message": 5, "data": 6}, {"data": {"data": None}}])
def test_an_error_object_may_be_anything(error: object) -> None:
    """A node's error never becomes one of ours by accident."""
    told = fault(error)
    assert isinstance(told, Fault)
    assert told.data == b""
    assert not told.limited


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("nonce too low: next nonce 5, tx nonce 4", "run the command again"),
        ("Nonce too low. Expected nonce to be 5 but got 4.", "run the command again"),
        ("insufficient funds for gas * price + value", "coins"),
        ("Sender doesn't have enough funds to send tx.", "coins"),
        ("replacement transaction underpriced", "fees"),
        ("max fee per gas less than block base fee", "fees"),
    ],
)
def test_a_node_that_refuses_is_understood(message: str, said: str) -> None:
    """There are no codes for these; each node has its words."""
    assert said in (refusal("do it", Fault(-32000, message, b"")).hint or "")


def test_what_a_provider_raises_is_silence() -> None:
    """Whatever it is, it says nothing about a product, and holds no address of the endpoint."""
    response = requests.Response()
    response.status_code = 429
    assert "limits" in (silence("host", requests.HTTPError("http://secret", response=response)).hint or "")
    for error in (
        requests.HTTPError("http://secret"),
        requests.ConnectionError("http://secret"),
        requests.ReadTimeout("http://secret"),
        TimeoutError("http://secret"),
        ValueError("http://secret"),
        OSError("http://secret"),
        RuntimeError("http://secret"),
    ):
        told = silence("host", error)
        assert "host" in told.message
        assert "secret" not in told.message


def test_every_hint_is_for_an_error_of_the_contract() -> None:
    """A renamed error would lose its hint silently."""
    assert set(HINTS) <= {one["name"] for one in artifact().abi if one["type"] == "error"}

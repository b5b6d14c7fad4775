"""The contract's functions and events as bytes, from the ABI that is checked in.

Nothing here asks anything. What does not decode raises `ValueError`, and the caller says who sent it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from web3 import Web3

from registry.chain import abi
from registry.chain.deployment import artifact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.chain.abi import Read

SELECTOR: Final = 4
CODEC: Final = Web3().codec


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the contract."""

    name: str
    selector: bytes
    inputs: tuple[str, ...]
    outputs: tuple[Mapping[str, Any], ...]
    read: Read
    """Gives the values that it answered with."""


@dataclass(frozen=True, slots=True)
class EventShape:
    """One event of the contract."""

    name: str
    topic: bytes
    indexed: tuple[tuple[str, Read], ...]
    """What stands in the topics, each by its name."""
    plain: tuple[str, ...]
    """The names of what stands in the data."""
    read: Read
    """Gives the values of what stands in the data."""


@dataclass(frozen=True, slots=True)
class Event:
    """A log of the contract, decoded."""

    name: str
    values: Mapping[str, Any]
    block: int
    block_hash: bytes
    transaction: bytes
    position: int
    """Its place among all logs of the block."""


def encode(name: str, *arguments: Any) -> bytes:
    """Return the call data of a function. Raises `ValueError` if an argument does not fit."""
    function = _functions()[name]
    try:
        return function.selector + CODEC.encode(function.inputs, arguments)
    except Exception as error:
        message = f"{name} does not take {arguments!r}"
        raise ValueError(message) from error


def decode(name: str, raw: bytes) -> Any:
    """Return what a function answered: structs with their fields by name, addresses in EIP-55.

    Raises `ValueError` if the bytes are not such an answer.
    """
    function = _functions()[name]
    try:
        values = function.read(raw, 0)
    except ValueError as error:
        message = f"{len(raw)} bytes are no answer of {name}"
        raise ValueError(message) from error
    return values[0] if len(values) == 1 else tuple(values)


def topic(name: str) -> str:
    """Return the first topic of an event."""
    return f"0x{_event(name).topic.hex()}"


def topic_of(value: int | bytes) -> str:
    """Return an indexed number or word as a topic."""
    return f"0x{(value if isinstance(value, bytes) else value.to_bytes(32, 'big')).hex()}"


def decode_log(log: Mapping[str, Any]) -> Event:
    """Return the event in a log of `eth_getLogs`. Raises `ValueError` if it is not one of the contract's."""
    try:
        topics = [bytes.fromhex(one.removeprefix("0x")) for one in log["topics"]]
        shape = _events()[topics[0]]
        indexed = [read(topic, 0) for (_, read), topic in zip(shape.indexed, topics[1:], strict=True)]
        plain = shape.read(bytes.fromhex(log["data"].removeprefix("0x")), 0)
        values = dict(zip((*(name for name, _ in shape.indexed), *shape.plain), (*indexed, *plain), strict=True))
        return Event(
            name=shape.name,
            values=values,
            block=int(log["blockNumber"], 16),
            block_hash=bytes.fromhex(log["blockHash"].removeprefix("0x")),
            transaction=bytes.fromhex(log["transactionHash"].removeprefix("0x")),
            position=int(log["logIndex"], 16),
        )
    except Exception as error:
        message = "a log is none of the contract's"
        raise ValueError(message) from error


def arguments_of_constructor(*arguments: Any) -> bytes:
    """Return the creation code with the constructor's arguments."""
    entry = next(one for one in artifact().abi if one["type"] == "constructor")
    return artifact().bytecode + bytes(CODEC.encode([_type(one) for one in entry["inputs"]], arguments))


@cache
def _functions() -> dict[str, Function]:
    found = {}
    for entry in artifact().abi:
        if entry["type"] != "function":
            continue
        inputs = tuple(_type(one) for one in entry["inputs"])
        selector = bytes(Web3.keccak(text=f"{entry['name']}({','.join(inputs)})")[:SELECTOR])
        found[entry["name"]] = Function(
            entry["name"],
            selector,
            inputs,
            tuple(entry["outputs"]),
            abi.values([abi.shape_of(one) for one in entry["outputs"]]),
        )
    return found


@cache
def _events() -> dict[bytes, EventShape]:
    found = {}
    for entry in artifact().abi:
        if entry["type"] != "event":
            continue
        signature = f"{entry['name']}({','.join(_type(one) for one in entry['inputs'])})"
        plain = [one for one in entry["inputs"] if not one["indexed"]]
        shape = EventShape(
            entry["name"],
            bytes(Web3.keccak(text=signature)),
            tuple((one["name"], abi.shape_of(one)[0]) for one in entry["inputs"] if one["indexed"]),
            tuple(one["name"] for one in plain),
            abi.values([abi.shape_of(one) for one in plain]),
        )
        found[shape.topic] = shape
    return found


def _event(name: str) -> EventShape:
    return next(shape for shape in _events().values() if shape.name == name)


def _type(entry: Mapping[str, Any]) -> str:
    """Return the canonical type: a struct as the list of its fields' types."""
    kind: str = entry["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(_type(one) for one in entry['components'])}){kind.removeprefix('tuple')}"

"""The contract's functions and events as bytes, from the ABI that is checked in.

Nothing here asks anything. What does not decode raises `ValueError`, and the caller says who sent it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from web3 import Web3

from registry.chain.deployment import artifact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SELECTOR: Final = 4
CODEC: Final = Web3().codec


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the contract."""

    name: str
    selector: bytes
    inputs: tuple[str, ...]
    outputs: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class EventShape:
    """One event of the contract."""

    name: str
    topic: bytes
    indexed: tuple[tuple[str, str], ...]
    """Name and type of what stands in the topics."""
    plain: tuple[tuple[str, str], ...]
    """Name and type of what stands in the data."""


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
        values = CODEC.decode([_type(one) for one in function.outputs], raw)
    except Exception as error:
        message = f"{len(raw)} bytes are no answer of {name}"
        raise ValueError(message) from error
    named = [_named(shape, value) for shape, value in zip(function.outputs, values, strict=True)]
    return named[0] if len(named) == 1 else tuple(named)


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
        indexed = [CODEC.decode([kind], raw)[0] for (_, kind), raw in zip(shape.indexed, topics[1:], strict=True)]
        plain = CODEC.decode([kind for _, kind in shape.plain], bytes.fromhex(log["data"].removeprefix("0x")))
        names = [name for name, _ in (*shape.indexed, *shape.plain)]
        kinds = [kind for _, kind in (*shape.indexed, *shape.plain)]
        values = {
            name: Web3.to_checksum_address(value) if kind == "address" else value
            for name, kind, value in zip(names, kinds, (*indexed, *plain), strict=True)
        }
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
        found[entry["name"]] = Function(entry["name"], selector, inputs, tuple(entry["outputs"]))
    return found


@cache
def _events() -> dict[bytes, EventShape]:
    found = {}
    for entry in artifact().abi:
        if entry["type"] != "event":
            continue
        signature = f"{entry['name']}({','.join(_type(one) for one in entry['inputs'])})"
        shape = EventShape(
            entry["name"],
            bytes(Web3.keccak(text=signature)),
            tuple((one["name"], _type(one)) for one in entry["inputs"] if one["indexed"]),
            tuple((one["name"], _type(one)) for one in entry["inputs"] if not one["indexed"]),
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


def _named(entry: Mapping[str, Any], value: Any) -> Any:
    kind: str = entry["type"]
    if kind.endswith("[]"):
        inner = {**entry, "type": kind.removesuffix("[]")}
        return tuple(_named(inner, one) for one in value)
    if kind == "tuple":
        fields: Sequence[Mapping[str, Any]] = entry["components"]
        return SimpleNamespace(**{one["name"]: _named(one, part) for one, part in zip(fields, value, strict=True)})
    return Web3.to_checksum_address(value) if kind == "address" else value

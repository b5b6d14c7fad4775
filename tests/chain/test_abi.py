"""The contract's answers are read as an independent decoder reads them, and bytes that are none are refused by both."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from web3 import Web3

from registry.chain import abi, wire
from registry.chain.deployment import artifact

if TYPE_CHECKING:
    from collections.abc import Mapping

FUNCTIONS = [one for one in artifact().abi if one["type"] == "function" and one["outputs"]]
PLAIN_EVENTS = [one for one in artifact().abi if one["type"] == "event"]


def of_type(entry: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Return any value of an ABI entry's type."""
    kind: str = entry["type"]
    if kind.endswith("[]"):
        return st.lists(of_type({**entry, "type": kind.removesuffix("[]")}), max_size=4).map(tuple)
    if kind == "tuple":
        return st.tuples(*map(of_type, entry["components"]))
    if kind.startswith("uint"):
        return st.integers(0, 2 ** int(kind.removeprefix("uint")) - 1)
    if kind == "address":
        return st.binary(min_size=20, max_size=20).map(Web3.to_checksum_address)
    if kind.startswith("bytes"):
        size = int(kind.removeprefix("bytes"))
        return st.binary(min_size=size, max_size=size)
    return {"bool": st.booleans(), "string": st.text(max_size=80)}[kind]


def plain(value: Any) -> Any:
    """Return structs as tuples of their fields, addresses in small letters."""
    if isinstance(value, SimpleNamespace):
        return tuple(plain(one) for one in vars(value).values())
    if isinstance(value, (tuple, list)):
        return tuple(plain(one) for one in value)
    return value.lower() if isinstance(value, str) and Web3.is_address(value) else value


def types(entries: list[Mapping[str, Any]]) -> list[str]:
    return [wire._type(one) for one in entries]


@pytest.mark.parametrize("entries", [one["outputs"] for one in FUNCTIONS], ids=[one["name"] for one in FUNCTIONS])
@given(data=st.data())
@settings(max_examples=8)
def test_an_answer_is_what_was_encoded(entries: list[Mapping[str, Any]], data: st.DataObject) -> None:
    """For every function of the contract and any values."""
    values = data.draw(st.tuples(*map(of_type, entries)))
    raw = wire.CODEC.encode(types(entries), values)
    read = abi.values([abi.shape_of(one) for one in entries])(raw, 0)
    assert plain(read) == plain(values)


@pytest.mark.parametrize("name", ["status", "profilesOf", "verifierDomains", "keyOf"])
@given(data=st.data())
@settings(max_examples=60)
def test_bytes_that_were_damaged_say_the_same_to_both_or_nothing(name: str, data: st.DataObject) -> None:
    """A bit turned over, a word lost: what we read is what the other decoder reads, and what it refuses we refuse."""
    entries = next(one["outputs"] for one in FUNCTIONS if one["name"] == name)
    raw = bytearray(wire.CODEC.encode(types(entries), data.draw(st.tuples(*map(of_type, entries)))))
    if data.draw(st.booleans()):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    del raw[data.draw(st.integers(0, len(raw))) :]
    try:
        ours = wire.decode(name, bytes(raw))
    except ValueError:
        return
    theirs = wire.CODEC.decode(types(entries), bytes(raw))
    assert plain(ours) == plain(theirs)[0]


@given(raw=st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """An endpoint may send anything."""
    for one in FUNCTIONS:
        try:
            wire.decode(one["name"], raw)
        except ValueError:
            continue


@pytest.mark.parametrize("event", PLAIN_EVENTS, ids=[one["name"] for one in PLAIN_EVENTS])
@given(data=st.data())
@settings(max_examples=5)
def test_a_log_is_what_was_emitted(event: Mapping[str, Any], data: st.DataObject) -> None:
    """For every event of the contract and any values."""
    given_values = {one["name"]: data.draw(of_type(one)) for one in event["inputs"]}
    indexed = [one for one in event["inputs"] if one["indexed"]]
    others = [one for one in event["inputs"] if not one["indexed"]]
    log = {
        "topics": [
            wire.topic(event["name"]),
            *(f"0x{wire.CODEC.encode(types([one]), [given_values[one['name']]]).hex()}" for one in indexed),
        ],
        "data": f"0x{wire.CODEC.encode(types(others), [given_values[one['name']] for one in others]).hex()}",
        "blockNumber": "0x10",
        "blockHash": f"0x{'ab' * 32}",
        "transactionHash": f"0x{'cd' * 32}",
        "logIndex": "0x1",
    }
    read = wire.decode_log(log)
    assert (read.name, read.block, read.position) == (event["name"], 16, 1)
    assert {name: plain(value) for name, value in read.values.items()} == {
        name: plain(value) for name, value in given_values.items()
    }

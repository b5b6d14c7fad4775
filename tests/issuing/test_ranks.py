"""Sets of ranks are sets: of numbers, of the contract's words, and of packed bytes."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.chain.writer import words_of
from registry.errors import StoreDamaged
from registry.issuing.ranks import Ranks

SIZES = st.sampled_from([1, 7, 8, 255, 256, 257, 1000, 5000])


@st.composite
def some(draw: st.DrawFn) -> tuple[int, set[int]]:
    """Draw a size and ranks below it: none, few, or nearly all."""
    size = draw(SIZES)
    few = draw(st.sets(st.integers(0, size - 1), max_size=30))
    return size, set(range(size)) - few if draw(st.booleans()) else few


@given(some(), st.data())
def test_it_is_a_set(drawn: tuple[int, set[int]], data: st.DataObject) -> None:
    """Made of numbers it holds these and no others, and goes with others as sets do."""
    size, wanted = drawn
    found = Ranks.of(size, wanted)
    assert list(found) == sorted(wanted)
    assert len(found) == len(wanted)
    every = np.arange(size)
    assert found.has(every).tolist() == [rank in wanted for rank in range(size)]
    other = data.draw(st.sets(st.integers(0, size - 1), max_size=30))
    assert set(found | Ranks.of(size, other)) == wanted | other
    assert set(found & Ranks.of(size, other)) == wanted & other
    assert set(found - Ranks.of(size, other)) == wanted - other
    assert (found == Ranks.of(size, other)) == (wanted == other)


@given(some())
def test_words_are_the_contract_s(drawn: tuple[int, set[int]]) -> None:
    """The same words as the list of indexes gives, and back."""
    size, wanted = drawn
    found = Ranks.of(size, wanted)
    assert found.words() == words_of(wanted)
    assert Ranks.of_words(size, found.words()) == found


def test_bits_beyond_the_last_unit_mean_nothing() -> None:
    """The contract does not know how many units there are."""
    assert set(Ranks.of_words(300, [(1, 2**256 - 1), (2, 1), (2**32 - 1, 1)])) == set(range(256, 300))


@given(some())
def test_packed_and_unpacked(drawn: tuple[int, set[int]]) -> None:
    """What is packed comes back."""
    size, wanted = drawn
    packed = Ranks.of(size, wanted).pack()
    assert set(Ranks.unpack(size, packed)) == wanted


@given(st.integers(0, 300), st.integers(0, 600))
def test_between(first: int, count: int) -> None:
    """A run of ranks, cut at the end of the batch."""
    assert list(Ranks.between(300, first, count)) == list(range(first, min(first + count, 300)))


def test_few_of_many_are_packed_small() -> None:
    """Thousands of reports of a large batch take little room each."""
    assert len(Ranks.of(10_000_000, range(0, 10_000_000, 10_000)).pack()) < 4000


@pytest.mark.parametrize(
    ("size", "raw"),
    [
        (300, b""),
        (300, b"\2"),
        (300, b"\0"),
        (300, b"\0" + zlib.compress(bytes(63))),
        (300, b"\0" + zlib.compress(bytes(65))),
        (300, b"\0" + zlib.compress(bytes(64)) + b"more"),
        (300, b"\0" + zlib.compress(b"\xff" * 64)),
        (300, b"\0" + zlib.compress(bytes(64))[:-1]),
        (300, b"\1\0\0\0"),
        (300, b"\1\0\0\1\0" + zlib.compress(bytes(1024))),
        (300, b"\1\0\0\0\2" + zlib.compress(bytes(8))),
        (300, b"\1\0\0\0\1" + zlib.compress(b"\x2c\1\0\0")),
        (300, b"\1\0\0\0\1" + zlib.compress(bytes(10**7))),
    ],
)
def test_what_is_none_is_damage(size: int, raw: bytes) -> None:
    """Neither another error nor memory for whatever is claimed."""
    with pytest.raises(StoreDamaged):
        Ranks.unpack(size, raw)

"""The directory: everybody who was accredited, each batch once and in its month, nobody left out where a chain is silent."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.checking.trust import ManufacturerFacts, ProfileFacts
from registry.enforcement.chronicle import Anchored, ProfileVersion
from registry.enforcement.directory import months_of, take
from registry.enforcement.results import Month
from registry.errors import ChainUnavailable
from registry.proofs.absence_file import Block
from tests.enforcement.paper import CONTRACTS, HEAD, PaperChronicle, block

A_DAY = 86_400


@dataclass
class Facts:
    """What the contract says of manufacturers."""

    suspended: dict[int, int] = field(default_factory=dict)
    silent: bool = False

    def domains(self) -> tuple[str, ...]:
        """Return the domains."""
        if self.silent:
            message = "the endpoint is silent"
            raise ChainUnavailable(message)
        return ("verify.example",)

    def manufacturer(self, number: int) -> ManufacturerFacts:
        """Return a manufacturer whose second profile is its newest, whatever their order."""
        profiles = (ProfileFacts(b"\2" * 32, 90, ""), ProfileFacts(b"\1" * 32, 10, ""))
        return ManufacturerFacts(number, "0x" + 40 * "1", 10, self.suspended.get(number, 0), 0, profiles)


def chronicle(of: int = 0, **anchored: dict[bytes, int]) -> PaperChronicle:
    """Return a deployment with batches by manufacturer: seals and blocks."""
    batches = {int(name[1:]): [Anchored(seal, at, ()) for seal, at in seals.items()] for name, seals in anchored.items()}
    versions = {number: [ProfileVersion(b"\1" * 32, 5)] for number in batches}
    return PaperChronicle(contract=CONTRACTS[of], versions=versions, anchored=batches)


def test_everybody_is_listed_with_each_batch_once() -> None:
    """Also whoever has none, and across deployments: a batch that was anchored again counts where it was first."""
    old = chronicle(m1={b"a": 20, b"b": 21}, m2={})
    new = chronicle(1, m1={b"b": 30, b"c": 31}, m3={b"d": 40})
    found = take(Facts({2: 77}), [old, new])
    month = Month.of(block(20).time)
    assert [(one.number, one.batch_count, one.suspended_at, one.profile) for one in found.entries] == [
        (1, 3, 0, b"\2" * 32), (2, 0, 77, b"\2" * 32), (3, 1, 0, b"\2" * 32),
    ]  # fmt: skip
    assert found.batches == ((month, 4),)
    assert found.domains == ("verify.example",)
    assert found.as_of == tuple((31337, contract, block(HEAD)) for contract in CONTRACTS)


@pytest.mark.parametrize("silent", ["roll", "batches", "block", ""])
def test_what_cannot_be_asked_leaves_nobody_out(silent: str) -> None:
    """There is no directory then, rather than a shorter one."""
    one = chronicle(m1={b"a": 20})
    one.silent = {silent}
    with pytest.raises(ChainUnavailable):
        take(Facts(silent=not silent), [chronicle(1, m1={b"a": 20}), one])


blocks = st.lists(st.integers(0, 400), max_size=60)
gaps = st.lists(st.integers(1, 40 * A_DAY), min_size=401, max_size=401)


@given(blocks, gaps)
def test_months_of_blocks_are_right_however_few_are_asked(some: list[int], steps: list[int]) -> None:
    """Whatever the times of blocks are, as long as they go forward."""
    times = [1_700_000_000]
    for step in steps:
        times.append(times[-1] + step)
    assert months_of(some, lambda number: Block(number, b"", times[number])) == {
        number: Month.of(times[number]) for number in some
    }


def test_many_batches_of_few_months_ask_for_few_blocks() -> None:
    """Ten thousand batches of two years take some hundred questions."""
    asked: list[int] = []
    starts = [Month(2025 + place // 12, place % 12 + 1).begins for place in range(24)]

    def told(number: int) -> Block:
        asked.append(number)
        return Block(number, b"", starts[0] + number * 12)

    numbers = range(0, (starts[-1] - starts[0]) // 12, 500)
    found = months_of(numbers, told)
    assert len(numbers) > 10_000
    assert len(asked) < 400
    assert all(found[number].begins == starts[bisect_right(starts, starts[0] + number * 12) - 1] for number in numbers)

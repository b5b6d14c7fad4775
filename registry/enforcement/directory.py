"""The directory: who is accredited, where labels lead, and how many batches were anchored in each month, all from the chain."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from registry.enforcement.results import Month

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry.checking.trust import ManufacturerFacts
    from registry.enforcement.chronicle import Chronicle
    from registry.proofs.absence_file import Block


class Facts(Protocol):
    """What is asked besides the past (`registry.checking.deployments.Deployments`). Both methods raise `ChainUnavailable`."""

    def domains(self) -> tuple[str, ...]:
        """Return the official verifier domains."""

    def manufacturer(self, number: int) -> ManufacturerFacts:
        """Return a manufacturer as all deployments know it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A manufacturer that was ever accredited."""

    number: int
    accredited_at: int
    """Unix seconds."""
    suspended_at: int
    """Unix seconds; 0 if it is not suspended."""
    profile: bytes
    """The hash of its newest profile."""
    batches: tuple[tuple[Month, int], ...]
    """How many were anchored in each month that has any, oldest first. A batch that is anchored twice counts once."""

    @property
    def batch_count(self) -> int:
        """How many batches it has in all."""
        return sum(count for _, count in self.batches)


@dataclass(frozen=True, slots=True)
class Directory:
    """Everybody, as of the newest blocks."""

    entries: tuple[Entry, ...]
    """By number."""
    domains: tuple[str, ...]
    """To which labels lead."""
    as_of: tuple[tuple[int, str, Block], ...]
    """Chain, contract and newest block of each deployment that was asked."""

    @property
    def batches(self) -> tuple[tuple[Month, int], ...]:
        """How many batches all of them anchored, by month."""
        total: Counter[Month] = Counter()
        for entry in self.entries:
            total.update(dict(entry.batches))
        return tuple(sorted(total.items()))


def take(facts: Facts, chronicles: Sequence[Chronicle]) -> Directory:
    """Ask every deployment. Raises `ChainUnavailable` or `WrongChain` if one of them could not be asked: nobody is left out."""
    anchored: dict[int, dict[bytes, Month]] = {}
    as_of = []
    for chronicle in chronicles:
        roll = chronicle.roll()
        as_of.append((chronicle.chain_id, chronicle.contract, roll.head))
        for accredited in roll.manufacturers:
            known = anchored.setdefault(accredited.number, {})
            batches = chronicle.batches(accredited.number, roll.head)
            months = months_of([one.block for one in batches], chronicle.block)
            for one in batches:
                month = months[one.block]
                known[one.seal] = min(known.get(one.seal, month), month)
    entries = [_entry(facts.manufacturer(number), of) for number, of in sorted(anchored.items())]
    return Directory(tuple(entries), facts.domains(), tuple(as_of))


def _entry(told: ManufacturerFacts, anchored: dict[bytes, Month]) -> Entry:
    newest = max(told.profiles, key=lambda version: version.since)
    counts = Counter(anchored.values())
    return Entry(told.number, told.accredited_at, told.suspended_at, newest.profile_hash, tuple(sorted(counts.items())))


def months_of(blocks: Sequence[int], block: Callable[[int], Block]) -> dict[int, Month]:
    """Return the month of each block, asking for few: all between two blocks of a month are of that month."""
    numbers = sorted(set(blocks))
    found: dict[int, Month] = {}

    def fill(first: int, last: int) -> None:
        for place in (first, last):
            if numbers[place] not in found:
                found[numbers[place]] = Month.of(block(numbers[place]).time)
        if found[numbers[first]] == found[numbers[last]]:
            found.update(dict.fromkeys(numbers[first : last + 1], found[numbers[first]]))
        elif last - first > 1:
            middle = (first + last) // 2
            fill(first, middle)
            fill(middle, last)

    if numbers:
        fill(0, len(numbers) - 1)
    return found

"""A journal that was changed anywhere says where."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from registry.enforcement.journal import Entry, Head, Kept, beginning, examine, follow

REGISTRY = bytes(range(32))
LENGTH = 6


def written(length: int = LENGTH, registry_id: bytes = REGISTRY) -> list[Kept]:
    """Return a journal as it was written."""
    head, kept = beginning(registry_id), []
    for number in range(1, length + 1):
        entry = Entry(number, 1_790_000_000 + number, "case.changed", number % 3 or None, f"case {number}", {"sha256": "00"})
        head = follow(head, entry.canonical)
        kept.append(Kept(number, entry.canonical, head.hash))
    return kept


def test_a_whole_journal_has_a_head_for_every_entry() -> None:
    """Nothing is wrong with it, and its hashes are another registry's nowhere."""
    heads, faults = examine(REGISTRY, written())
    assert faults == []
    assert sorted(heads.values()) == list(range(LENGTH + 1))
    others, _ = examine(bytes(32), written(registry_id=bytes(32)))
    assert not set(heads) & set(others)
    assert examine(REGISTRY, written(registry_id=bytes(32)))[1][0].number == 1


@given(place=st.integers(0, LENGTH - 1), at=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_changed_bit_is_named(place: int, at: int, bit: int) -> None:
    """Wherever it is in what an entry says, that entry alone is named."""
    kept = written()
    raw = bytearray(kept[place].canonical)
    raw[at % len(raw)] ^= 1 << bit
    kept[place] = replace(kept[place], canonical=bytes(raw))
    _, faults = examine(REGISTRY, kept)
    assert [fault.number for fault in faults] == [place + 1]


@given(place=st.integers(0, LENGTH - 2), said=st.text(max_size=20))
def test_an_entry_that_was_written_again_with_its_hash(place: int, said: str) -> None:
    """The next one does not follow from it, and both are named; the head is another from there on, or the fault is told."""
    kept = written()
    before = kept[place - 1].hash if place else beginning(REGISTRY).hash
    entry = Entry(place + 1, 0, "case.closed", 9, said)
    kept[place] = Kept(place + 1, entry.canonical, follow(Head(place, before), entry.canonical).hash)
    _, faults = examine(REGISTRY, kept)
    assert [fault.number for fault in faults] == [place + 2]
    assert f"entry {place + 1} " in faults[0].message


@given(place=st.integers(0, LENGTH - 1))
def test_an_entry_that_was_taken_away_or_doubled(place: int) -> None:
    """What is missing is named; of an entry that is there twice, the second stands for the one that is missing."""
    kept = written()
    _, faults = examine(REGISTRY, [*kept[:place], *kept[place + 1 :]])
    assert [fault.number for fault in faults] == ([place + 1] if place < LENGTH - 1 else [])
    _, faults = examine(REGISTRY, [*kept[: place + 1], *kept[place:]])
    assert faults


@given(first=st.integers(1, LENGTH - 1))
def test_a_journal_that_was_written_anew_has_other_heads(first: int) -> None:
    """From the entry that was changed on, with every hash made again: no head from there on is one that was anchored."""
    anchored, _ = examine(REGISTRY, written())
    head, kept = beginning(REGISTRY), []
    for one in written():
        canonical = one.canonical if one.number < first else one.canonical.replace(b"case.changed", b"case.chang_d")
        head = follow(head, canonical)
        kept.append(Kept(one.number, canonical, head.hash))
    forged, faults = examine(REGISTRY, kept)
    assert faults == []
    assert {number for digest, number in forged.items() if digest in anchored} == set(range(first))


def test_what_stands_beside_an_entry_counts() -> None:
    """An entry under another subject is named, although its hash is right."""
    kept = written()
    kept[2] = replace(kept[2], reads=False)
    assert [fault.number for fault in examine(REGISTRY, kept)[1]] == [3]

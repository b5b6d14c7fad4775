"""The journal: everything that somebody did at the desk, each entry bound to all before it by a hash.

    hash(0) = SHA-256("touchstone-journal-1" 0x00 registry id)
    hash(n) = SHA-256("touchstone-journal-1" 0x00 hash(n-1) RFC 8785 of entry n)

A hash of the journal on the chain holds every entry up to it: none of them can be changed, left out or put in between without
another hash. An entry names accounts and cases by their numbers, never a person, so that nothing in it ever has to be erased;
what was written into a case is in the journal by its SHA-256 alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import rfc8785

from registry.errors import JournalBroken

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DOMAIN: Final = b"touchstone-journal-1\x00"


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was done."""

    number: int
    """From 1, without gaps."""
    time: int
    """Unix seconds."""
    kind: str
    """What, as a stable code such as `case.closed` or `account.signed_in`."""
    who: int | None
    """The account that did it; none for what a program did by itself, or a stranger."""
    subject: str
    """What it was done to, such as `case K7M2P9QX4T3W`."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """JSON values; `sha256` is that of a record kept elsewhere."""

    @property
    def canonical(self) -> bytes:
        """The entry as RFC 8785 writes it."""
        return rfc8785.dumps({
            "number": self.number, "time": self.time, "kind": self.kind, "who": self.who, "subject": self.subject,
            "values": dict(self.values),
        })  # fmt: skip


@dataclass(frozen=True, slots=True)
class Head:
    """How far a journal is."""

    number: int
    """Of its last entry; 0 for an empty one."""
    hash: bytes
    """32 bytes."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry as it is stored: what it says, byte for byte, and its hash."""

    number: int
    canonical: bytes
    hash: bytes
    reads: bool = True
    """Whether it reads as an entry, and what is stored beside it says the same."""


def beginning(registry_id: bytes) -> Head:
    """Return the head of a registry's empty journal."""
    return Head(0, hashlib.sha256(DOMAIN + registry_id).digest())


def follow(head: Head, canonical: bytes) -> Head:
    """Return the head after one more entry."""
    return Head(head.number + 1, hashlib.sha256(DOMAIN + head.hash + canonical).digest())


def examine(registry_id: bytes, kept: Iterable[Kept]) -> tuple[dict[bytes, int], list[JournalBroken]]:
    """Return the number of each head by its hash, and everything that is wrong, each with its number.

    After a fault it goes on from what is stored, so that one changed entry is named once. Of an entry that does not follow from
    the one before it, either was changed, the earlier one together with its hash: then both are named.
    """
    head = beginning(registry_id)
    heads, faults = {head.hash: 0}, []
    for one in kept:
        if one.number != head.number + 1:
            missing = f"{head.number + 1}" if one.number == head.number + 2 else f"{head.number + 1} to {one.number - 1}"
            faults.append(JournalBroken(f"entry {missing} of the journal is missing", number=head.number + 1))
        elif follow(head, one.canonical).hash != one.hash:
            before = f" or, with its hash, entry {head.number}" if head.number else ""
            faults.append(JournalBroken(f"entry {one.number} of the journal{before} was changed", number=one.number))
        elif not one.reads:
            faults.append(JournalBroken(f"what stands beside entry {one.number} of the journal was changed", number=one.number))
        head = Head(one.number, one.hash)
        heads[head.hash] = head.number
    return heads, faults

"""The audit: what is stored, the journal, the tree files and the chain, held against each other. Every difference has a name.

Nothing is repaired and nothing is written. What could not be asked raises, and is no difference.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry.chain.records import RecordKind
from registry.enforcement.journal import examine
from registry.errors import ChainError, DocumentError, StoreDamaged
from registry.issuing.batches import State
from registry.proofs.profile import profile_hash
from registry.storage.outbox import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from registry.chain.annals import Annals
    from registry.chain.records import Recorded, Records
    from registry.issuing.batches import StoredBatch
    from registry.storage.journal import Journal
    from registry.storage.outbox import Outbox
    from registry.storage.store import Store

A_DAY: Final = 86_400
LATE: Final = 2 * A_DAY
"""Seconds after which an entry should have been anchored: once a day, and a day for a chain that could not be asked."""
ON_CHAIN: Final = frozenset({State.ANCHORED, State.FINAL})


@dataclass(frozen=True, slots=True)
class Difference:
    """Two places that do not say the same."""

    code: str
    """Stable."""
    subject: str
    """What it is about, such as `entry 12 of the journal`."""
    found: str
    expected: str
    hint: str
    """What to do."""

    def __str__(self) -> str:
        return f"{self.code}: {self.subject}: found {self.found}, expected {self.expected}"


def of_journal(
    registry_id: bytes,
    journal: Journal,
    outbox: Outbox,
    records: Records,
    *,
    notaries: Collection[str] = (),
    clock: Callable[[], float] = time.time,
) -> Iterator[Difference]:
    """Yield what is wrong with the journal, with the hashes of it that are on the chain, and with what the notary says it did.

    `notaries` are the EIP-55 addresses of this desk's; where none is named, every hash of a journal on the chain is held to be
    of this one. They never come from the database that is audited: whoever rewrote the journal could have rewritten them, too.
    What is wrong in the journal itself is told before the chain is missed. Raises `StoreUnavailable`, `StoreDamaged`,
    `ChainUnavailable`, `WrongChain`.
    """
    backup = "compare the journal with a backup of it, and find out who could write to the database"
    # First the chain, then the head, then the entries: what is added meanwhile is in what is read later.
    away: ChainError | None = None
    anchored: list[Recorded] = []
    try:
        anchored = [one for one in records.list(RecordKind.JOURNAL_HEAD) if not notaries or one.inspector in notaries]
    except ChainError as error:
        away = error
    head = journal.head()
    heads, faults = examine(registry_id, journal.kept())
    for fault in faults:
        yield Difference(
            "journal_entry", f"entry {fault.number} of the journal", fault.message, "the one that was written", backup
        )
    end = max(heads.values())
    if heads.get(head.hash) != head.number or journal.head().number < end:
        yield Difference("journal_head", "the journal's head", f"entry {head.number}", f"entry {end}, the last one", backup)
    if away is not None:
        raise away
    asked = outbox.all(Work.JOURNAL)
    yield from _anchored_heads(heads, anchored, {task.hash: task.number for task in asked}, backup)
    for task in (*asked, *outbox.all(Work.CASE)):
        if task.done_at is not None and records.find(task.hash) is None:
            yield Difference(
                "not_on_chain", task.subject, f"hash 0x{task.hash.hex()} is not on the chain", "it is: the notary noted it",
                "have the notary run again, and find out which chain it was sent to",
            )  # fmt: skip
    yield from _late(journal, max((heads.get(one.hash, 0) for one in anchored), default=0), int(clock()))


def _anchored_heads(
    heads: dict[bytes, int], anchored: Sequence[Recorded], number_of: Mapping[bytes, int | None], hint: str
) -> Iterator[Difference]:
    """Yield the hashes on the chain that are none of this journal's."""
    right = 0
    for recorded in anchored:
        if recorded.hash in heads:
            right = max(right, heads[recorded.hash])
            continue
        number = number_of.get(recorded.hash)
        until = f"to {number}" if number else "on"
        yield Difference(
            "journal_rewritten", f"entries {right + 1} {until} of the journal", "another journal than was anchored",
            f"one whose hash is 0x{recorded.hash.hex()}, on the chain since {recorded.time}", hint,
        )  # fmt: skip


def of_damage(part: str, error: StoreDamaged) -> Difference:
    """Return the difference that a part of the audit ended with: what is stored there contradicts itself."""
    expected = "what a program of this version writes"
    return Difference("database", part, error.message, expected, error.hint or "bring it back from a backup")


def _late(journal: Journal, last: int, now: int) -> Iterator[Difference]:
    since = journal.of_people_since(last)
    if since is not None and now - since > LATE:
        yield Difference(
            "not_anchored", f"the journal from entry {last + 1} on", f"none for {(now - since) // A_DAY} days",
            "its hash on the chain once a day", "see that the notary runs, and that its account can pay",
        )  # fmt: skip


def of_batches(store: Store, annals: Annals, *, trees: bool = True) -> Iterator[Difference]:
    """Yield what differs between the chain's batches and profiles, the store and its tree files; `trees` replays every tree.

    Raises `StoreUnavailable`, `ChainUnavailable`.
    """
    backup = "bring it back from a backup, or ask the manufacturer to publish it again"
    stored = {batch.seal: batch for batch in store.batches()}
    roll = annals.roll()
    on_chain: dict[bytes, int] = {}
    for accredited in roll.manufacturers:
        for version in accredited.versions:
            yield from _profile(store, accredited.number, version.profile_hash, backup)
        on_chain |= {one.seal: accredited.number for one in annals.batches(accredited.number, roll.head)}
    for seal, number in on_chain.items():
        batch = stored.get(seal)
        if batch is None:
            yield Difference(
                "batch_not_stored", f"batch 0x{seal.hex()}", "no batch of this seal", "the one on the chain", backup
            )
        elif batch.manufacturer != number:
            yield Difference(
                "batch_of_another",
                f"batch 0x{seal.hex()}",
                f"manufacturer {batch.manufacturer}",
                f"{number}, as on the chain",
                backup,
            )
    for batch in stored.values():
        yield from _batch(store, batch, is_on_chain=batch.seal in on_chain, trees=trees, hint=backup)


def _batch(store: Store, batch: StoredBatch, *, is_on_chain: bool, trees: bool, hint: str) -> Iterator[Difference]:
    name = f"batch 0x{batch.seal.hex()}"
    if batch.state in ON_CHAIN and not is_on_chain:
        again = "register it again: nothing is paid for twice"
        yield Difference("batch_not_on_chain", name, "no anchor", f"one, as the store says that it is {batch.state}", again)
    count = store.count_units(batch.id)
    if count != batch.unit_count:
        yield Difference("units_in_index", name, f"{count} units in the index", f"{batch.unit_count}", hint)
    if trees:
        try:
            store.check_tree(batch.seal)
        except StoreDamaged as error:
            yield Difference("tree", name, error.message, "the file that was sealed", hint)


def _profile(store: Store, number: int, digest: bytes, hint: str) -> Iterator[Difference]:
    raw = store.profile(digest)
    try:
        same = raw is not None and profile_hash(raw) == digest
    except DocumentError:
        same = False
    if not same:
        found = "no profile" if raw is None else "another profile"
        yield Difference("profile", f"manufacturer {number}", found, f"the one of the hash 0x{digest.hex()}", hint)

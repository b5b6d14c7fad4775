"""The journal of a desk on both engines: one entry after another, none of them changed, whoever writes at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from registry.enforcement.journal import examine
from registry.errors import DocumentError, StoreDamaged, StoreError
from registry.storage.journal import Journal
from registry.storage.outbox import FIRST_WAIT, LONGEST_WAIT, Outbox, Work

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.xdist_group("postgresql")

REGISTRY = bytes(range(32))
NOW = 1_790_000_000


class Clock:
    """Says what time it is."""

    now = NOW

    def __call__(self) -> float:
        """Return Unix seconds."""
        return self.now


@pytest.fixture(params=["sqlite_url", "postgresql_url"])
def url(request: pytest.FixtureRequest) -> str:
    """A database that holds nothing yet, on each engine."""
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def journal(url: str, clock: Clock) -> Iterator[Journal]:
    """An empty journal."""
    with Journal.open(url, REGISTRY, clock=clock) as opened:
        yield opened


def test_entries_follow_each_other(journal: Journal, url: str) -> None:
    """Each is read as it was written, by whoever opens it later; another registry's journal is refused."""
    assert journal.head().number == 0
    first = journal.append("account.signed_in", 4, "account 4")
    second = journal.append("case.opened", 4, "case K7M2P9QX4T3W", {"sha256": "ab" * 32, "number": 1})
    assert journal.entries() == (second, first)
    assert journal.entries(subject="account 4") == (first,)
    assert journal.count() == 2
    with Journal.open(url) as again:
        heads, faults = examine(REGISTRY, again.kept())
        assert (faults, heads[again.head().hash]) == ([], 2)
    with pytest.raises(DocumentError, match="is of registry"):
        Journal.open(url, bytes(32))


def test_many_write_at_once(journal: Journal, url: str) -> None:
    """Several connections, each with its own entries: the numbers have no gap, and the chain of hashes holds."""

    def write(who: int) -> None:
        with Journal.open(url, REGISTRY) as own:
            for number in range(10):
                own.append("case.changed", who, f"case {number}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(1, 5)))
    heads, faults = examine(REGISTRY, journal.kept())
    assert (faults, max(heads.values()), journal.head().number) == ([], 40, 40)


def test_an_act_that_fails_leaves_no_entry(journal: Journal) -> None:
    """Both are stored, or neither is; the next entry takes the number."""

    def fail() -> None:
        with journal.transaction() as connection:
            journal.append_in(connection, "case.closed", 1, "case A")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert journal.count() == 0
    assert journal.append("case.opened", 1, "case A").number == 1


@pytest.mark.parametrize(
    "act", ["UPDATE journal SET kind = 'x'", "DELETE FROM journal", "UPDATE journal SET canonical = canonical"]
)
def test_the_database_refuses_changes(journal: Journal, act: str) -> None:
    """Entries are added, by whatever program."""
    journal.append("case.opened", 1, "case A")
    with pytest.raises(StoreError, match="only added"), journal.transaction() as connection:
        connection.execute(text(act))
    assert [entry.kind for entry in journal.entries()] == ["case.opened"]


@pytest.mark.parametrize("column", ["kind", "subject"])
def test_what_was_changed_all_the_same_does_not_read(journal: Journal, column: str) -> None:
    """Without its trigger: reading it says so, and so does the examination."""
    journal.append("case.opened", 1, "case A")
    is_sqlite = journal._engine.name == "sqlite"
    off = "DROP TRIGGER journal_no_update" if is_sqlite else "ALTER TABLE journal DISABLE TRIGGER ALL"
    with journal.transaction() as connection:
        connection.execute(text(off))
        connection.execute(text(f"UPDATE journal SET {column} = 'other'"))
    with pytest.raises(StoreDamaged, match="entry 1 of the journal"):
        journal.entries()
    assert [fault.number for fault in examine(REGISTRY, journal.kept())[1]] == [1]


def test_work_is_asked_for_once_and_tried_again_later(journal: Journal, url: str, clock: Clock) -> None:
    """What failed waits longer each time, an hour at most, with its reason; what is done is done."""
    digest = b"\x01" * 32
    with Outbox.open(url, clock=clock, create=True) as outbox:
        outbox.ask(Work.CASE, digest, "case A")
        outbox.ask(Work.CASE, digest, "case A again")
        outbox.ask(Work.SHEET, digest, "sheet A")
        (task, other) = outbox.due()
        assert (task.subject, task.attempts, task.problem, other.kind) == ("case A", 0, "", Work.SHEET)
        waits = []
        for _ in range(12):
            outbox.failed(task.id, "the chain is silent")
            began = clock.now
            while not any(one.id == task.id for one in outbox.due()):
                clock.now += FIRST_WAIT
            waits.append(clock.now - began)
        assert (waits[:3], max(waits), waits == sorted(waits)) == ([15, 30, 60], LONGEST_WAIT, True)
        found = outbox.find(Work.CASE, digest)
        assert found is not None
        assert (found.attempts, found.problem, found.result) == (12, "the chain is silent", None)
        with journal.transaction() as connection:
            outbox.done_in(connection, task.id, {"transaction": "0x01"})
        assert [one.subject for one in outbox.due()] == ["sheet A"]
        (found,) = outbox.all(Work.CASE)
        assert (found.result, found.problem, found.done_at) == ({"transaction": "0x01"}, "", clock.now)
        assert outbox.find(Work.SHEET, b"\x02" * 32) is None

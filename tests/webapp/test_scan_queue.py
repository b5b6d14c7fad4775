"""To note a scan waits for nothing and never fails; what is noted is stored soon, or counted."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from registry.errors import StoreUnavailable
from registry.storage.scans import Channel, Loss, Reason, Scans
from tests.webapp.samples import BY_NAME, NOW, REGISTERED, SERIAL
from webapp.scan_queue import ScanQueue
from webapp.slots import Slot
from webapp.visits import Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def scans(tmp_path: Path) -> Iterator[Scans]:
    """A database of scans."""
    with Scans.open(f"sqlite:///{tmp_path / 'scans.db'}") as opened:
        yield opened


@pytest.fixture
def queue_of(tmp_path: Path) -> Iterator[Callable[..., ScanQueue]]:
    """Make queues over that database, in slots of a folder; each is stopped in the end."""
    made: list[ScanQueue] = []

    def make(connect: Callable[[], Any] | None = None, **more: Any) -> ScanQueue:
        opened = connect or (lambda: Scans.open(f"sqlite:///{tmp_path / 'scans.db'}"))
        made.append(ScanQueue(Slot.hold(tmp_path / "slots"), opened, clock=lambda: NOW, **{"every": 0.01, **more}))
        return made[-1]

    yield make
    for queue in made:
        queue.stop()
        queue._slot.release()


def eventually(said: Callable[[], bool]) -> bool:
    """Wait until something is so."""
    until = time.monotonic() + 20
    while not (found := said()) and time.monotonic() < until:
        time.sleep(0.005)
    return found


def test_what_is_noted_is_stored_soon(queue_of: Callable[..., ScanQueue], scans: Scans) -> None:
    """With its unit, verdict, door and time."""
    queue = queue_of()
    queue.start()
    queue.note(REGISTERED, Channel.API)
    assert eventually(lambda: scans.count() == 1)
    (found,) = scans.of("09521002000016", SERIAL)
    assert (found.time, found.verdict, found.channel) == (NOW, "registered", Channel.API)


def test_what_named_no_unit_is_not_recorded(queue_of: Callable[..., ScanQueue]) -> None:
    """There is nothing to look up later."""
    queue = queue_of()
    queue.note(BY_NAME["unreadable"], Channel.API)
    assert queue._slot.accepted == len(queue._waiting) == 0


def test_many_threads_note_at_once(queue_of: Callable[..., ScanQueue], scans: Scans) -> None:
    """None is lost and none is stored twice."""
    queue = queue_of()
    queue.start()

    def crowd() -> None:
        for _ in range(2_000):
            queue.note(REGISTERED, Channel.PAGE)

    threads = [threading.Thread(target=crowd) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.stop()
    assert scans.count() == queue._slot.accepted == 8_000


def test_a_polite_end_stores_everything(queue_of: Callable[..., ScanQueue], scans: Scans) -> None:
    """However long the pause between two transactions."""
    queue = queue_of(every=100.0)
    queue.start()
    assert eventually(lambda: not scans.losses())
    for _ in range(5_000):
        queue.note(REGISTERED, Channel.PAGE)
    queue.stop()
    assert scans.count() == 5_000
    assert scans.losses() == ()


def test_a_database_that_is_away_makes_scans_wait_and_then_be_counted(
    queue_of: Callable[..., ScanQueue], scans: Scans, tmp_path: Path
) -> None:
    """Up to a bound they are stored later; beyond it they are dropped, and it is on record how many."""
    is_there = threading.Event()

    def connect() -> Scans:
        if not is_there.is_set():
            raise StoreUnavailable("the database could not be asked")
        return Scans.open(f"sqlite:///{tmp_path / 'scans.db'}")

    queue = queue_of(connect, most=10)
    queue.start()
    for _ in range(25):
        queue.note(REGISTERED, Channel.PAGE)
    is_there.set()
    assert eventually(lambda: scans.count() == 10 and bool(scans.losses()))
    assert scans.losses() == (Loss(NOW, Reason.FULL, 15),)
    queue.note(REGISTERED, Channel.PAGE)
    assert eventually(lambda: scans.count() == 11)


def test_a_database_that_goes_away_and_comes_back_loses_nothing(queue_of: Callable[..., ScanQueue], scans: Scans) -> None:
    """What could not be stored goes on waiting, in its order."""
    away = threading.Event()
    add = scans.add

    class Sometimes:
        settle, close = staticmethod(scans.settle), staticmethod(lambda: None)

        @staticmethod
        def add(*arguments: Any, **named: Any) -> None:
            if away.is_set():
                raise StoreUnavailable("the database could not be asked")
            add(*arguments, **named)

    queue = queue_of(Sometimes)
    away.set()
    queue.start()
    for _ in range(100):
        queue.note(REGISTERED, Channel.PAGE)
    assert eventually(lambda: queue._is_away)
    away.clear()
    assert eventually(lambda: scans.count() == 100)
    assert scans.losses() == ()


def test_no_two_hold_one_slot_and_a_counter_outlives_its_holder(tmp_path: Path) -> None:
    """However the holder ended."""
    first, second = Slot.hold(tmp_path), Slot.hold(tmp_path)
    assert first.name != second.name
    pid = os.fork()
    if pid == 0:  # pragma: no cover -- the child is killed
        own = Slot.hold(tmp_path)
        for _ in range(3):
            own.accept()
        os.kill(os.getpid(), 9)
    os.waitpid(pid, 0)
    third = Slot.hold(tmp_path)
    assert third.accepted == 3
    assert len({first.name, second.name, third.name}) == 3
    first.accept()
    first.release()
    again = Slot.hold(tmp_path)
    assert (again.accepted, again.name) == (1, first.name)
    for slot in (second, third, again):
        slot.release()


def test_what_a_killed_process_had_not_stored_is_counted_by_the_next(
    tmp_path: Path, queue_of: Callable[..., ScanQueue], scans: Scans
) -> None:
    """In its slot."""
    dead = Slot.hold(tmp_path / "slots")
    scans.settle(dead.name, 0, NOW)
    for _ in range(4):
        dead.accept()
    dead.release()
    queue = queue_of()
    queue.start()
    queue.note(REGISTERED, Channel.PAGE)
    assert eventually(lambda: scans.count() == 1)
    assert scans.losses() == (Loss(NOW, Reason.CRASH, 4),)


def test_a_look_of_a_person_is_noted_by_its_hour(queue_of: Callable[..., ScanQueue], scans: Scans) -> None:
    """With region and kind of phone; by another door, or without a label, it is counted and nothing more."""
    queue = queue_of()
    queue.start()
    visit = Visit("CN-33", "ab" * 8)
    queue.note(REGISTERED, Channel.PAGE, visit)
    queue.note(REGISTERED, Channel.API, visit)
    queue.note(BY_NAME["number_known"], Channel.PAGE, visit)
    assert eventually(lambda: scans.count() == 3)
    found = sorted(scans.of("09521002000016", SERIAL), key=lambda scan: scan.device)
    assert [(scan.region, scan.device, scan.time % 3600 == 0) for scan in found] == [
        ("", "", False), ("", "", False), ("CN-33", "ab" * 8, True)
    ]  # fmt: skip


def test_counters_need_a_folder_that_can_be_written(tmp_path: Path) -> None:
    """A file in its place is named."""
    (tmp_path / "slots").write_text("")
    with pytest.raises(StoreUnavailable, match="cannot be kept in"):
        Slot.hold(tmp_path / "slots")

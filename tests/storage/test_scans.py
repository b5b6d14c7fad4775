"""Scans are stored in batches, and every one of them is accounted for: stored, or known to be lost."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from registry.errors import StoreDamaged, StoreUnavailable
from registry.storage.scans import Channel, Loss, Reason, Scan, Scans

SLOT = "ab" * 16
NOW = 1_785_391_331


@pytest.fixture(params=["sqlite_url", "postgresql_url"])
def url(request: pytest.FixtureRequest) -> str:
    """A database that holds nothing yet, on each engine."""
    found: str = request.getfixturevalue(request.param)
    return found


def scan(number: int = 0, **more: object) -> Scan:
    """Return a scan."""
    return Scan(**{"gtin": "09521002000016", "serial": f"S{number}", "time": NOW + number, "verdict": "registered",
                   "channel": Channel.PAGE, **more})  # type: ignore[arg-type]  # fmt: skip


def test_scans_come_back_by_unit_oldest_first(url: str) -> None:
    """Each with its time, what was found, and the door."""
    with Scans.open(url) as scans:
        scans.settle(SLOT, 0, NOW)
        later = scan(1, time=NOW + 9, channel=Channel.TYPED, verdict="number_known")
        scans.add(SLOT, [later, scan(2), scan(1), scan(1, channel=Channel.API)])
        assert scans.of("09521002000016", "S1") == (scan(1), scan(1, channel=Channel.API), later)
        assert scans.of("09521002000023", "S1") == ()
        assert scans.count() == 4


def test_what_a_slot_accepted_and_nobody_stored_was_lost_in_a_crash(url: str) -> None:
    """It is counted once, by whoever has the slot next."""
    with Scans.open(url) as scans:
        assert scans.settle(SLOT, 0, NOW) == 0
        scans.add(SLOT, [scan(n) for n in range(5)], dropped=2, at=NOW + 1)
        assert scans.losses() == (Loss(NOW + 1, Reason.FULL, 2),)
        assert scans.settle(SLOT, 10, NOW + 2) == 3
        assert scans.settle(SLOT, 10, NOW + 3) == 0
        assert scans.losses() == (Loss(NOW + 1, Reason.FULL, 2), Loss(NOW + 2, Reason.CRASH, 3))


def test_counters_that_were_put_back_make_no_loss(url: str) -> None:
    """A slot that says less than was stored is of another day."""
    with Scans.open(url) as scans:
        scans.settle(SLOT, 0, NOW)
        scans.add(SLOT, [scan()])
        assert scans.settle(SLOT, 0, NOW) == 0
        assert scans.losses() == ()


def test_a_new_database_finds_what_was_accepted_before_it(url: str) -> None:
    """The scans of a database that was lost are lost, and it says how many."""
    with Scans.open(url) as scans:
        assert scans.settle(SLOT, 7, NOW) == 7


def test_processes_that_start_together_make_the_tables_once(url: str) -> None:
    """Each finds them, whoever was first."""
    program = "import sys; from registry.storage.scans import Scans; Scans.open(sys.argv[1]).close()"
    root = Path(__file__).parents[2]
    started = [subprocess.Popen([sys.executable, "-c", program, url], cwd=root) for _ in range(3)]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    with Scans.open(url) as scans:
        assert scans.count() == 0


def test_a_batch_is_stored_whole_or_not_at_all(tmp_path: Path) -> None:
    """A locked database stores nothing of it and counts nothing of it."""
    url = f"sqlite:///{tmp_path / 'scans.db'}"
    with Scans.open(url) as scans:
        scans.settle(SLOT, 0, NOW)
        with sqlite3.connect(tmp_path / "scans.db", isolation_level=None) as other:
            other.execute("DROP TABLE scan_losses")
        with pytest.raises(Exception, match="no such table"):
            scans.add(SLOT, [scan()], dropped=1)
        assert scans.count() == 0


def test_what_cannot_be_ours_is_damage(tmp_path: Path) -> None:
    """A door or a reason that nobody knows is named, not guessed."""
    with Scans.open(f"sqlite:///{tmp_path / 'scans.db'}") as scans:
        with sqlite3.connect(tmp_path / "scans.db") as other:
            other.execute("INSERT INTO scans (gtin, serial, time, verdict, channel) VALUES ('1', 'S', 1, 'registered', 'roof')")
            other.execute("INSERT INTO scan_losses (slot, time, reason, scans) VALUES ('a', 1, 'rain', 1)")
        for look, word in ((lambda: scans.of("1", "S"), "roof"), (scans.losses, "rain")):
            with pytest.raises(StoreDamaged, match=word):
                look()


def test_a_database_that_is_not_there_is_not_reached() -> None:
    """And is told from one that is damaged."""
    with pytest.raises(StoreUnavailable):
        Scans.open("postgresql://nobody@127.0.0.1:1/none")

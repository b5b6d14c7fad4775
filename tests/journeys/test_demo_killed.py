"""The demo is killed in the middle of its story, again and again, and the next start tells the rest of it."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.journeys.running_demo import PATIENCE, RunningDemo, end_all, expected, free_ports, running, verdicts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("demo-killed")

MOMENTS = ["bamboo-spring 2026-08: 1,000", "the sites are up"]
"""What it said last before it was killed: a batch is registered and not published; the end. Moments within a command have tests
of their own (tests/faults)."""
BATCHES = 7
ANCHORED = 6


def stored(demo: RunningDemo, whose: str) -> tuple[list[str], int]:
    """Return the states of the batches in a store, and the number of its units."""
    with closing(sqlite3.connect(demo.folder / whose / "registry.db")) as database:
        states = [state for (state,) in database.execute("SELECT state FROM batches")]
        (units,) = database.execute("SELECT count(*) FROM units").fetchone()
    return states, units


def when_settled(demo: RunningDemo) -> tuple[list[str], int]:
    """Return the site's batches once its admitter, which comes after the sites, has noted what is final."""
    deadline = time.monotonic() + PATIENCE
    found = stored(demo, "site")
    while "final" not in found[0] and time.monotonic() < deadline:
        time.sleep(0.1)
        found = stored(demo, "site")
    return found


@pytest.fixture
def demo(require_backend: Callable[[str], Path], tmp_path: Path) -> Iterator[RunningDemo]:
    """A demo that was not started yet."""
    require_backend("anvil")
    one = RunningDemo(tmp_path / "folder", free_ports())
    yield one
    one.end()


def test_killed_at_many_moments_and_started_again(demo: RunningDemo) -> None:
    """What a killed demo left behind is ended by the next one; in the end every batch is there once and every link is right."""
    left: tuple[int, ...] = ()
    try:
        for moment in MOMENTS:
            demo.start()
            demo.wait_for(moment)
            assert running(left) == [], f"what was left before {moment!r} still runs"
            left = demo.processes()
            demo.kill()
            assert running(left), "nothing is left behind, so that nothing is shown"
        demo.start_and_wait()
        assert running(left) == []
        shown = demo.links()
        assert verdicts(shown) == expected(shown)
        brands = [stored(demo, brand) for brand in ("kestrel", "bamboo-spring", "green-ridge")]
        states = [state for states, _ in brands for state in states]
        assert len(states) == BATCHES
        assert states.count("final") + states.count("anchored") == ANCHORED
        assert sum(units for _, units in brands) == BATCHES * 1000
        states, units = when_settled(demo)
        assert sorted(set(states)) == ["anchored", "final"]
        assert (len(states), units) == (ANCHORED, ANCHORED * 1000)
        assert not list((demo.folder / "site" / "inbox").glob("*.*[0-9a-f]"))
        last = demo.processes()
        assert demo.interrupt() == 0
        assert running(last) == []
    finally:
        end_all(left)


def test_two_at_once_and_ctrl_c_in_the_middle_of_the_story(demo: RunningDemo) -> None:
    """The second in one folder is refused, and the first goes on.

    By Ctrl-C it stops after the present step, ends what it started, and says that the next start continues.
    """
    demo.start()
    demo.wait_for("contract 0x")
    second = RunningDemo(demo.folder, free_ports(), name="second")
    second.start()
    second.wait_for("another program keeps its chain")
    assert second.exit_code() == 1
    started = demo.processes()
    assert started
    assert demo.interrupt() == 0
    assert running(started) == []
    assert "continues" in demo.output
    assert "the sites are up" not in demo.output


def test_a_port_that_is_taken(demo: RunningDemo) -> None:
    """Another program's port is refused in words, before anything is told, and nothing is left running."""
    import socket  # noqa: PLC0415 -- only here

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", demo.port + 1))
        taken.listen()
        demo.start()
        demo.wait_for("hint: ")
        assert demo.exit_code() == 1
    assert f"port {demo.port + 1} " in demo.output
    assert "Traceback" not in demo.output
    assert "contract 0x" not in demo.output


def test_a_folder_of_an_earlier_demo(demo: RunningDemo) -> None:
    """It is named, with what to do, and left as it is."""
    demo.folder.mkdir()
    (demo.folder / "registry.db").write_bytes(b"")
    demo.start()
    demo.wait_for("hint: move it away")
    assert demo.exit_code() == 1
    assert "Traceback" not in demo.output
    assert sorted(path.name for path in demo.folder.iterdir()) == ["registry.db"]

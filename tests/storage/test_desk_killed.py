"""Whoever writes into journal and cases is killed at any moment: what he was told is there, and nothing is there by half."""

from __future__ import annotations

import math
import multiprocessing
import random
import signal
from typing import TYPE_CHECKING

import pytest

from registry import case_auditing
from registry.enforcement.journal import examine
from registry.storage.cases import Cases
from registry.storage.journal import Journal
from tests.storage import killed_desk
from tests.storage.killed_desk import REGISTRY

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerContext

pytestmark = pytest.mark.xdist_group("postgresql")

KILLED = 6
"""Times that the desk is killed."""
WRITERS = 2
LATEST = 0.02
"""Seconds after an act at which a process is killed at the latest: some acts' time."""


@pytest.fixture(params=["sqlite_url", "postgresql_url"])
def url(request: pytest.FixtureRequest) -> str:
    """A database that holds nothing yet, on each engine."""
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Give processes that start quickly: what they import is imported once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([killed_desk.__name__])
    return context


def heard(pipe: Connection, told: dict[str, int], most: float = math.inf) -> None:
    """Add to what was told what a process tells, so many times at most, and else until it was killed."""
    try:
        while most > 0:
            name, number = pipe.recv()
            told[name] = max(number, told.get(name, 0))
            most -= 1
    except EOFError:
        return


def see_whole(url: str, told: dict[str, int]) -> None:
    """See that journal and cases hold all that was told, without a gap, and that each says what the other does."""
    with Journal.open(url) as journal, Cases.open(url) as cases:
        heads, faults = examine(REGISTRY, journal.kept())
        assert faults == []
        assert sorted(heads.values()) == list(range(journal.count() + 1))
        assert heads[journal.head().hash] == journal.head().number == journal.count() >= told["journal"]
        assert list(case_auditing.of_cases(cases)) == []
        for name, number in told.items():
            if name != "journal":
                found = cases.get(name)
                assert found is not None
                assert len(found.events) >= number


def test_killed_at_random_moments(url: str, processes: ForkServerContext) -> None:
    """Two at once, again and again, on what those before left behind."""
    chosen = random.Random(8)
    told: dict[str, int] = {}
    for _ in range(KILLED):
        running = []
        for _ in range(WRITERS):
            ours, theirs = processes.Pipe(duplex=False)
            process = processes.Process(target=killed_desk.work, args=(url, theirs, chosen.randrange(2**32)))
            process.start()
            theirs.close()
            running.append((process, ours))
        for process, ours in running:
            heard(ours, told, chosen.randrange(1, 20))
            process.join(chosen.uniform(0, LATEST))
            process.kill()
            process.join(60)
            assert process.exitcode == -signal.SIGKILL
            heard(ours, told)
        see_whole(url, told)
    assert len(told) > KILLED

"""Workers give what one process would give, and none of them outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry.errors import IntakeError, LinkError, WorkerLost
from registry.proofs import crew as module
from registry.proofs.crew import Crew, hands
from tests.proofs import chores

if TYPE_CHECKING:
    from collections.abc import Iterator

SQUARES = [task * task for task in range(40)]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_come_in_the_order_of_the_tasks(workers: int) -> None:
    with Crew(chores.nothing, workers=workers) as crew:
        assert list(crew.map(chores.square, range(40))) == SQUARES
        assert list(crew.map(chores.square, [])) == []
        assert list(crew.map(chores.square, iter(range(3)))) == SQUARES[:3]


@pytest.mark.parametrize("workers", [1, 2])
def test_each_worker_has_a_state_of_its_own(workers: int) -> None:
    with Crew(chores.number, 100, workers=workers) as crew:
        found = list(crew.map(chores.count, [1] * 20))
    counts = {process: max(count for one, count in found if one == process) for process, _ in found}
    assert len(counts) == workers
    assert sum(counts.values()) == 100 * workers + 20
    assert (os.getpid() in counts) is (workers == 1)


def test_tasks_are_drawn_only_as_results_are_taken() -> None:
    tasks = iter(range(1000))
    with Crew(chores.nothing, workers=2) as crew:
        results = crew.map(chores.square, tasks)
        assert next(results) == 0
        assert next(tasks) <= 2 * module.AHEAD


def test_tasks_and_results_larger_than_a_pipe_pass_each_other() -> None:
    tasks = [bytes([task]) * 2**20 for task in range(12)]
    with Crew(chores.nothing, workers=2) as crew:
        assert list(crew.map(chores.large, tasks)) == tasks


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_task_raises_is_raised_whole(workers: int) -> None:
    taken: list[int] = []
    with Crew(chores.nothing, workers=workers) as crew, pytest.raises(IntakeError, match="the file has a fault") as caught:
        taken += crew.map(chores.faulty, range(40))
    assert (str(caught.value.problems[0]), caught.value.hint) == ("line 5, line: found this, expected that", "mend it")
    assert workers == 1 or "chores.py" in caught.value.__notes__[0]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_set_up_raises_is_raised_whole(workers: int) -> None:
    with pytest.raises(LinkError, match="found no link") as caught:
        Crew(chores.no_state, workers=workers)
    assert (caught.value.reason, caught.value.hint) == ("none", "look again")


def test_what_cannot_travel_is_said() -> None:
    with Crew(chores.nothing, workers=2) as crew, pytest.raises(Exception, match="pickle"):
        list(crew.map(chores.no_answer, range(2)))
    with Crew(chores.nothing, workers=2) as crew, pytest.raises(RuntimeError, match="Stubborn in a worker process"):
        list(crew.map(chores.no_excuse, range(2)))
    with Crew(chores.nothing, workers=2) as crew, pytest.raises(Exception, match="pickle"):
        list(crew.map(lambda _, task: task, range(2)))


@pytest.mark.parametrize(("chore", "how"), [(chores.killed, "by SIGKILL"), (chores.left, "with exit code 7")])
def test_a_worker_that_ends_is_said(chore: object, how: str) -> None:
    with Crew(chores.nothing, workers=2) as crew:
        processes = [worker._process for worker in crew._workers]
        with pytest.raises(WorkerLost, match=f"ended {how}") as caught:
            list(crew.map(chore, range(40)))  # type: ignore[arg-type]  # either of two
        assert caught.value.hint
        assert all(process.poll() is not None for process in processes)
        with pytest.raises(WorkerLost, match="have gone"):
            list(crew.map(chores.square, range(2)))


def test_a_map_that_is_left_early_ends_the_workers() -> None:
    with Crew(chores.nothing, workers=2) as crew:
        processes = [worker._process for worker in crew._workers]
        begun = time.monotonic()
        for _ in crew.map(chores.square, range(1000)):
            break
        assert all(process.wait(10) is not None for process in processes)
        assert time.monotonic() - begun < module.PATIENCE


def test_ctrl_c_ends_workers_in_the_middle_of_a_task() -> None:
    with Crew(chores.nothing, workers=2) as crew:
        processes = [worker._process for worker in crew._workers]
        for process in processes:
            process.send_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            list(crew.map(chores.slow, interrupted()))
        assert all(process.poll() is not None for process in processes)


def interrupted() -> Iterator[int]:
    """Yield two tasks, then do what Ctrl-C does."""
    yield from range(2)
    raise KeyboardInterrupt


def test_no_worker_outlives_a_killed_parent() -> None:
    program = f"from {chores.__name__} import parent; parent()"
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2], text=True)
    with parent:
        assert parent.stdout is not None
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(workers) == 2
        assert all(map(alive, workers))
        parent.kill()
    until = time.monotonic() + 20
    while any(map(alive, workers)):
        assert time.monotonic() < until, "workers outlived their parent"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Say whether a process runs; one that ended and was not yet buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_workers_import_no_chain_and_no_database() -> None:
    with Crew(chores.nothing, workers=2) as crew:
        assert list(crew.map(chores.imported, range(8))) == [[]] * 8


def test_a_worker_that_cannot_be_started_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(WorkerLost, match="cannot be started: No such file"):
        Crew(chores.nothing, workers=2)


def test_few_units_need_no_process() -> None:
    assert hands(1) == hands(module.FEW) == hands(module.FEW, 4) == 1
    assert hands(module.FEW + 1, 3) == 3
    assert 1 <= hands(module.FEW + 1) <= module.MAX_WORKERS

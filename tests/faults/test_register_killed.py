"""`register` is killed at every moment and run again: one anchor, one payment, every unit once (on a real chain)."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from typing import TYPE_CHECKING

import pytest

from registry.chain.devchain import Anvil
from registry.errors import TouchstoneError, WorkerLost
from registry.issuing.batches import State
from registry.issuing.registration import Outcome, Step
from tests.faults import killed, register_ground
from tests.faults.killed import MOMENTS, WORKERS
from tests.faults.register_ground import Ground, kill, see_gone, wait_for_workers, workers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerContext
    from pathlib import Path

    from registry.issuing.registration import Report
    from tests.faults.killed import Place

UNITS = 1500
"""Many chunks."""
MORE_UNITS = 12_000
"""Some seconds' work, so that a random moment is within it."""
DONE_BEFORE = {
    State.SEALED: {Step.CHECK, Step.SEAL, Step.STORE},
    State.SUBMITTED: {Step.CHECK, Step.SEAL, Step.STORE, Step.PREPARE},
}
pytestmark = pytest.mark.xdist_group("register-killed")


@pytest.fixture(scope="module")
def ground(require_backend: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    require_backend("anvil")
    with Anvil(epoch_slots=1) as anvil:
        yield Ground.found(anvil, tmp_path_factory.mktemp("ground"))


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Give processes that start quickly: what they import is imported once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([killed.__name__, register_ground.__name__])
    return context


def run_again(ground: Ground, place: Place, units: int) -> None:
    """Run to the end, and see that all is as if nothing had happened before."""
    with place.store() as store:
        left_behind = store.batches()
    report = killed.register(place)
    ground.check(place, report, units)
    assert report.units_signed == (0 if left_behind else units)
    skipped = {step.step for step in report.steps if step.outcome is Outcome.SKIPPED}
    if left_behind:
        assert left_behind[0].seal == report.batch.seal
        assert skipped >= DONE_BEFORE.get(left_behind[0].state, set(Step) - {Step.READ, Step.FINAL})
    else:
        assert skipped == set()


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_and_run_again(ground: Ground, tmp_path: Path, processes: ForkServerContext, moment: str) -> None:
    place = ground.place(tmp_path, UNITS)
    process = processes.Process(target=killed.register, args=(place, moment))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    run_again(ground, place, UNITS)


@pytest.mark.parametrize("seed", range(6))
def test_killed_at_a_random_moment_and_run_again(
    ground: Ground, tmp_path: Path, processes: ForkServerContext, seed: int
) -> None:
    place = ground.place(tmp_path, MORE_UNITS)
    process = processes.Process(target=killed.register, args=(place,))
    process.start()
    wait_for_workers(process, WORKERS)
    time.sleep(random.Random(seed).uniform(0, 0.8))
    kill(process)
    run_again(ground, place, MORE_UNITS)


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.2])
def test_a_killed_worker_ends_the_run_and_the_next_one_is_right(
    ground: Ground, tmp_path: Path, processes: ForkServerContext, seconds: float
) -> None:
    place = ground.place(tmp_path, MORE_UNITS)
    theirs, ours = processes.Pipe()
    process = processes.Process(target=tell, args=(place, theirs))
    process.start()
    workers = wait_for_workers(process, WORKERS)
    time.sleep(seconds)
    os.kill(workers[0], signal.SIGKILL)
    found = ours.recv()
    process.join(60)
    see_gone(workers)
    assert isinstance(found, WorkerLost)
    assert "ended by SIGKILL" in found.message
    run_again(ground, place, MORE_UNITS)


def tell(place: Place, pipe: Connection) -> None:
    """Register, and tell what came of it."""
    told: Report | TouchstoneError
    try:
        told = killed.register(place)
    except TouchstoneError as error:
        told = error
    pipe.send(told)


def test_ctrl_c_leaves_no_process(ground: Ground, tmp_path: Path, processes: ForkServerContext) -> None:
    place = ground.place(tmp_path, MORE_UNITS)
    process = processes.Process(target=killed.register, args=(place,))
    process.start()
    workers = wait_for_workers(process, WORKERS)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGINT)
    process.join(60)
    see_gone(workers)
    assert process.exitcode == 1
    assert not workers_of(process)
    run_again(ground, place, MORE_UNITS)

"""`publish` ends right whoever is killed, sender, site or admitter: the batch is there once, to the byte."""

from __future__ import annotations

import multiprocessing
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from registry.chain.devchain import Anvil
from registry.issuing.batches import State
from tests.faults import publishers
from tests.faults.publishers import MOMENTS, Place
from tests.journeys.running_demo import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.context import ForkServerContext, ForkServerProcess
    from pathlib import Path

UNITS = 1000
PART = 8 * 1024
"""A dozen parts."""
PATIENCE = 60.0

pytestmark = pytest.mark.xdist_group("publish-killed")


@pytest.fixture(scope="module")
def anvil(require_backend: Callable[[str], Path]) -> Iterator[Anvil]:
    require_backend("anvil")
    with Anvil(epoch_slots=1) as anvil:
        yield anvil


@pytest.fixture(scope="module")
def ground(anvil: Anvil, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A brand whose batch is anchored."""
    folder = tmp_path_factory.mktemp("ground")
    publishers.found(anvil, folder, UNITS)
    return folder


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Give processes that start quickly: what they import is imported once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([publishers.__name__])
    return context


@pytest.fixture
def place(anvil: Anvil, ground: Path, tmp_path: Path, require_backend: Callable[[str], Path]) -> Place:
    require_backend("anvil")
    return Place(anvil.url, ground / "trust.json", ground / "brand", tmp_path / "site", free_ports(), PART)


@contextmanager
def started(processes: ForkServerContext, role: str, place: Place, moment: str | None = None) -> Iterator[ForkServerProcess]:
    """Start a process; whatever becomes of the test, it ends."""
    process = processes.Process(target=publishers.ROLES[role], args=(place, moment))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join(PATIENCE)


@pytest.mark.parametrize(("victim", "moment"), MOMENTS)
def test_killed_and_started_again(place: Place, processes: ForkServerContext, victim: str, moment: str) -> None:
    batch = publishers.prepared(place)
    moments: dict[str, str | None] = {victim: moment}
    with (
        started(processes, "site", place, moments.get("site")) as site,
        started(processes, "admitter", place, moments.get("admitter")) as admitter,
        started(processes, "sender", place, moments.get("sender")) as sender,
    ):
        killed = {"site": site, "admitter": admitter, "sender": sender}[victim]
        killed.join(PATIENCE)
        assert killed.exitcode == -signal.SIGKILL
        with started(processes, victim, place) as again:
            # The sender outlives the others; where it was the victim, the second one does its work.
            last = again if victim == "sender" else sender
            last.join(PATIENCE)
            assert last.exitcode == 0

    publishers.admit(place, once=True)  # the sender's work is done when the store has the batch, the admitter's a little later
    with place.sites_store() as store, place.brands_store() as brands:
        (admitted,) = store.batches()
        assert (admitted.seal, admitted.manufacturer, admitted.key) == (batch.seal, batch.manufacturer, batch.key)
        assert admitted.state in {State.ANCHORED, State.FINAL}
        assert admitted.anchored_block == batch.anchored_block
        assert list(store.labels(admitted.id)) == list(brands.labels(batch.id))
        assert store.count_units(admitted.id) == UNITS
    name = batch.seal.hex()
    assert (place.site / "trees" / name).read_bytes() == (place.brand / "trees" / name).read_bytes()
    left = {path.name for folder in (place.inbox, place.inbox / "profiles") for path in folder.iterdir()}
    assert {one for one in left if not one.startswith(".new-")} <= {".lock", ".room", "profiles"}

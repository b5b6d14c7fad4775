"""A registration in a process of its own that ends itself by SIGKILL at a given moment."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn
from unittest import mock

from registry.chain.deployment import load_trust
from registry.chain.endpoints import connect
from registry.chain.reader import ChainReader
from registry.chain.writer import ChainWriter
from registry.issuing import lines, pipeline, sealing
from registry.issuing.intake import read_products
from registry.issuing.pipeline import Registration
from registry.issuing.registration import Outcome, Step
from registry.issuing.stages import Stage
from registry.keys import KeystoreSigner
from registry.proofs import crew, growing
from registry.storage import index
from registry.storage.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from registry.issuing.registration import Report, StepReport

STEPS = [f"{step} {outcome}" for step in Step for outcome in (Outcome.BEGUN, Outcome.DONE)]
STAGES = {
    f"half of the {what}": stage
    for stage, what in {
        Stage.READING: "lines",
        Stage.CHECKING: "questions",
        Stage.ORDERING: "keys",
        Stage.SIGNING: "signatures",
        Stage.GROWING: "tree",
        Stage.STORING: "index",
    }.items()
}
WITHIN = [*STAGES, "file before its place", "file without commit", "sent without an answer", "mined"]
MOMENTS = [*STEPS, *WITHIN]
"""Every boundary between steps, and the moments within a step at which something was done by half."""
PASSPHRASE = "passphrase of the tests"
WORKERS = 2
IN_CHUNKS = (
    (crew, "FEW", 0),
    (growing, "AT_ONCE", 64),
    (index, "AT_ONCE", 200),
    (lines, "AT_ONCE", 200),
    (pipeline, "ASKED_AT_ONCE", 200),
    (sealing, "KEYS_AT_ONCE", 200),
    (sealing, "SIGNED_AT_ONCE", 100),
)


@dataclass(frozen=True)
class Place:
    """Where a registration works."""

    rpc: str
    trust: Path
    keystore: Path
    folder: Path
    """Holds the database, the trees, `units.csv` and `products.toml`."""
    in_chunks: bool = True
    """Whether a few units are worked on as very many are: in processes, and in many chunks."""

    def store(self) -> Store:
        """Open the store."""
        return Store.open(f"sqlite:///{self.folder / 'registry.db'}", self.folder / "trees", create=True)


def register(place: Place, moment: str | None = None) -> Report:
    """Register the units of a place; with a moment, this process does not outlive it."""
    # Whoever runs the tests in the background of a shell hands on that Ctrl-C is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    trust = load_trust(place.trust)
    signer = KeystoreSigner(place.keystore, PASSPHRASE)
    endpoints = connect(place.rpc)
    writer = ChainWriter(ChainReader(endpoints, trust, trust.deployments[0]), signer)

    def at_step(report: StepReport) -> None:
        if f"{report.step} {report.outcome}" == moment:
            die()
        if (report.step, report.outcome) == (Step.FINAL, Outcome.BEGUN):
            endpoints[0].provider.make_request("anvil_mine", ["0x4"])  # type: ignore[arg-type]  # a method of anvil's own

    def at_progress(stage: Stage, done: int, total: int) -> None:
        if STAGES.get(moment or "") is stage and done * 3 > total and done < total:
            die()

    with ExitStack() as planted:
        for owner, name, number in IN_CHUNKS if place.in_chunks else ():
            planted.enter_context(mock.patch.object(owner, name, number))
        if moment in {"file before its place", "file without commit"}:
            die_at_rename(after=moment == "file without commit")
        if moment == "sent without an answer":
            planted.enter_context(after(ChainWriter, "send_raw"))
        if moment == "mined":
            planted.enter_context(after(ChainWriter, "wait"))
        store = planted.enter_context(place.store())
        registration = Registration(
            store, writer, signer, trust.registry_id, on_step=at_step, on_progress=at_progress, workers=WORKERS
        )
        with (place.folder / "units.csv").open("rb") as units:
            return registration.run(units, read_products(place.folder / "products.toml"))


def die_at_rename(*, after: bool) -> None:
    """End this process when a tree file is about to get its name, or as soon as it has it and before anything else."""
    renamed = False

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal renamed
        if event == "os.kill":
            return
        if renamed or (not after and _is_of_tree(event, arguments)):
            die()
        renamed = _is_of_tree(event, arguments)

    sys.addaudithook(hook)


def _is_of_tree(event: str, arguments: tuple[object, ...]) -> bool:
    return event == "os.rename" and "trees" in str(arguments[1])


def after(owner: type, name: str) -> mock._patch[object]:
    """Return a patch that lets a method do its work and then ends the process."""
    whole = getattr(owner, name)

    def work_and_die(*arguments: object, **named: object) -> NoReturn:
        whole(*arguments, **named)
        die()

    return mock.patch.object(owner, name, work_and_die)


def die() -> NoReturn:
    """End this process as nothing can prevent."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a process outlived SIGKILL")

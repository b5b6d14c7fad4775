"""A registration in a process of its own that ends itself by SIGKILL at a given moment."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn
from unittest import mock

from registry.chain.deployment import load_trust
from registry.chain.endpoints import connect
from registry.chain.reader import ChainReader
from registry.chain.writer import ChainWriter
from registry.issuing.intake import read_products
from registry.issuing.pipeline import Registration
from registry.issuing.registration import Outcome, Step
from registry.keys import KeystoreSigner
from registry.storage.store import Store
from registry.storage.trees import Trees

if TYPE_CHECKING:
    from pathlib import Path

    from registry.issuing.registration import Report, StepReport

STEPS = [f"{step} {outcome}" for step in Step for outcome in (Outcome.BEGUN, Outcome.DONE)]
WITHIN = ["half of the signatures", "half of the tree", "tree without commit", "sent without an answer", "mined"]
MOMENTS = [*STEPS, *WITHIN]
"""Every boundary between steps, and the moments within a step at which something was done by half."""
PASSPHRASE = "passphrase of the tests"


@dataclass(frozen=True)
class Place:
    """Where a registration works."""

    rpc: str
    trust: Path
    keystore: Path
    folder: Path
    """Holds the database, the trees, `units.csv` and `products.toml`."""


def register(place: Place, moment: str | None = None) -> Report:
    """Register the units of a place; with a moment, this process does not outlive it."""
    trust = load_trust(place.trust)
    signer = KeystoreSigner(place.keystore, PASSPHRASE)
    endpoints = connect(place.rpc)
    writer = ChainWriter(ChainReader(endpoints, trust, trust.deployments[0]), signer)

    def at_step(report: StepReport) -> None:
        if f"{report.step} {report.outcome}" == moment:
            die()
        if (report.step, report.outcome) == (Step.FINAL, Outcome.BEGUN):
            endpoints[0].provider.make_request("anvil_mine", ["0x4"])  # type: ignore[arg-type]  # a method of anvil's own

    def at_progress(done: int, total: int) -> None:
        if moment == "half of the signatures" and done < total:
            die()

    with ExitStack() as planted:
        if moment == "half of the tree":
            planted.enter_context(mock.patch("os.replace", side_effect=die_of))
        if moment == "tree without commit":
            planted.enter_context(after(Trees, "write"))
        if moment == "sent without an answer":
            planted.enter_context(after(ChainWriter, "send_raw"))
        if moment == "mined":
            planted.enter_context(after(ChainWriter, "wait"))
        store = planted.enter_context(
            Store.open(f"sqlite:///{place.folder / 'registry.db'}", place.folder / "trees", create=True)
        )
        registration = Registration(store, writer, signer, trust.registry_id, on_step=at_step, on_progress=at_progress)
        with (place.folder / "units.csv").open("rb") as units:
            return registration.run(units, read_products(place.folder / "products.toml"))


def after(owner: type, name: str) -> mock._patch[object]:
    """Return a patch that lets a method do its work and then ends the process."""
    whole = getattr(owner, name)

    def work_and_die(*arguments: object, **named: object) -> NoReturn:
        whole(*arguments, **named)
        die()

    return mock.patch.object(owner, name, work_and_die)


def die_of(*_: object) -> NoReturn:
    """End this process, whatever it was about to do."""
    die()


def die() -> NoReturn:
    """End this process as nothing can prevent."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a process outlived SIGKILL")

"""A withdrawal of a remainder in a process of its own that ends itself by SIGKILL at a given moment."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING
from unittest import mock

from registry.chain.deployment import load_trust
from registry.chain.endpoints import connect
from registry.chain.reader import ChainReader
from registry.chain.writer import ChainWriter
from registry.issuing import voiding
from registry.issuing.reconciliation import Kind
from registry.issuing.voiding import Voiding
from registry.keys import KeystoreSigner
from registry.storage.ledger import Ledgers
from tests.faults.killed import PASSPHRASE, Place, die

if TYPE_CHECKING:
    from registry.issuing.reconciliation import Ledger
    from registry.issuing.voiding import Result

ACTS = [(ChainWriter, "prepare_void"), (Ledgers, "append"), (ChainWriter, "send_raw"), (ChainWriter, "wait")]
MOMENTS = [
    f"{when} {owner.__name__}.{name} {number}" for owner, name in ACTS for number in (2, 3) for when in ("before", "after")
]
"""The second and the third time that each thing is done: with the first and the second transaction."""


def void(place: Place, moment: str | None = None) -> Result:
    """Withdraw the remainder of a place's only batch, two words at once; with a moment, this process does not outlive it."""
    trust = load_trust(place.trust)
    writer = ChainWriter(
        ChainReader(connect(place.rpc), trust, trust.deployments[0]), KeystoreSigner(place.keystore, PASSPHRASE)
    )
    with ExitStack() as opened:
        opened.enter_context(mock.patch.object(voiding, "WORDS_AT_ONCE", 2))
        for owner, name in ACTS:
            opened.enter_context(_dying(owner, name, moment))
        store = opened.enter_context(place.store())
        ledgers = opened.enter_context(Ledgers.open(f"sqlite:///{place.folder / 'registry.db'}"))
        opened.enter_context(store.exclusive())
        (batch,) = store.batches()
        return Voiding(ledgers, writer, batch).run()


def ledger(place: Place) -> Ledger:
    """Return what is on record."""
    with place.store() as store, Ledgers.open(f"sqlite:///{place.folder / 'registry.db'}") as ledgers:
        (batch,) = store.batches()
        return ledgers.read(batch)


def sent(found: Ledger) -> int:
    """Count the transactions on record."""
    return [entry.kind for entry in found.entries].count(Kind.SUBMITTED)


def _dying(owner: type, name: str, moment: str | None) -> mock._patch[object]:
    whole = getattr(owner, name)
    calls = 0

    def act(*arguments: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        here = f"{owner.__name__}.{name} {calls}"
        if moment == f"before {here}":
            die()
        done: object = whole(*arguments, **named)
        if moment == f"after {here}":
            die()
        return done

    return mock.patch.object(owner, name, act)

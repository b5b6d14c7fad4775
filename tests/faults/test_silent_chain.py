"""The chain goes away under a running verifier: the last known answer with its age, then none, and never an accusation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from registry.chain.devchain import Anvil
from registry.chain.reader import ChainReader
from registry.chain.writer import ChainWriter, deploy, key_consent_digest
from registry.checking.trust import Trust
from registry.checking.verdicts import Code, Registration
from registry.checking.verifier import Verifier
from registry.units.records import Record
from tests.chain.faulty import Clock
from tests.chain.stage import FOR_EVER, KeySigner, signer
from tests.checking import world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry.checking.verdicts import Verdict

KNOWN = Record(world.SCOOTER, "L1", "4D2A9KXQ7M1TZ0BC")
OTHER = Record(world.SCOOTER, "L1", "S-OTHER")


class Town:
    """A real contract on anvil, a batch on it, and the store of the verdict tests."""

    def __init__(self, chain: Anvil) -> None:
        self.chain = chain
        self.clock = Clock()
        for name in ("alliance", "controller"):
            chain.fund(signer(name).address)
        deployment = deploy(chain.w3(), signer("alliance"), registry_id=world.REGISTRY_ID)
        self.trust = Trust(world.REGISTRY_ID, (deployment,))
        made = world.make_world()
        self.shelf = made.shelf
        self.shelf.units.clear()
        profile_hash = made.accredit(1, "9521001")
        maker = world.seal([KNOWN, OTHER], "key 1", manufacturer=1)
        self.shelf.units |= maker
        self.links = {record: made.link(record) for record in (KNOWN, OTHER)}
        key = KeySigner(world.private_key("key 1"))
        chain.fund(key.address)
        alliance, controller = self._writer("alliance"), self._writer("controller")
        alliance.grant_role("accreditor", signer("alliance").address)
        alliance.accredit(1, signer("controller").address, profile_hash, "https://example.com/profile.json")
        alliance.set_verifier_domains([world.HOST])
        consent = key.sign_digest(key_consent_digest(deployment, 1))
        controller.add_key(1, key.address, permissions=3, not_after=FOR_EVER, consent=consent)
        ChainWriter(self._reader(), key).anchor(next(iter(maker.values())).batch.seal)
        chain.finalize()
        self.verifier = Verifier(self.trust, (self._reader(),), self.shelf)

    def check(self, record: Record) -> Verdict:
        """Check a link of the batch."""
        return self.verifier.check(self.links[record])

    def _reader(self) -> ChainReader:
        return ChainReader((self.chain.w3(timeout=5.0),), self.trust, self.trust.deployments[0], clock=self.clock)

    def _writer(self, name: str) -> ChainWriter:
        return ChainWriter(self._reader(), signer(name))


@pytest.fixture
def town(require_backend: Callable[[str], Path]) -> Iterator[Town]:
    """Give an anvil that the test may end."""
    with Anvil(program=require_backend("anvil"), epoch_slots=1) as chain:
        yield Town(chain)


def test_a_verdict_outlives_the_chain_for_a_while_and_no_longer(town: Town) -> None:
    """Registered, registered as of a known age, cannot check; and what was never asked is cannot check at once."""
    assert town.check(KNOWN).registration == Registration.REGISTERED
    town.chain.kill()

    town.clock.now += 300.0
    late = town.check(KNOWN)
    assert late.registration == Registration.REGISTERED
    assert late.seen is not None
    assert (late.seen.stale, late.seen.age_seconds) == (True, 300.0)
    assert Code.CHAIN_STALE in late.reasons

    town.clock.now += 301.0
    for record in (KNOWN, OTHER):
        assert town.check(record).registration == Registration.CANNOT_CHECK


def test_whatever_is_presented_a_silent_chain_accuses_nobody(town: Town) -> None:
    """Neither altered, nor not registered, nor withdrawn: a label of ours, one of nobody, one with another serial."""
    town.chain.kill()
    stranger = replace(KNOWN, serial="NOBODY")
    links = [*town.links.values(), town.links[KNOWN].replace(KNOWN.serial, stranger.serial)]
    for link in links:
        assert town.verifier.check(link).registration == Registration.CANNOT_CHECK

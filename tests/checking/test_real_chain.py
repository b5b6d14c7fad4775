"""The verifier over the real contract on anvil and a real store: the same rules, with nothing made up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from registry.checking.trust import Reason
from registry.checking.verdicts import Code, Registration
from registry.checking.verifier import Verifier
from registry.units import links
from registry.units.records import Record
from tests.chain.faulty import Clock, faulty
from tests.checking.anchored import COMPACT, KEY, LATER, SIGNED, Registry, anchored
from tests.checking.world import BASE, SCOOTER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry.checking.verdicts import Verdict


@pytest.fixture(scope="module")
def founded(require_backend: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Found the registry once."""
    with anchored(require_backend("anvil"), tmp_path_factory.mktemp("registry")) as registry:
        yield registry


@pytest.fixture
def registry(founded: Registry, require_backend: Callable[[str], Path]) -> Iterator[Registry]:
    """Give the registry as it was founded."""
    require_backend("anvil")
    snapshot = founded.chain.snapshot()
    yield founded
    founded.chain.revert(snapshot)


def result(verdict: Verdict) -> tuple[Registration, tuple[Code, ...]]:
    """Return what the tests compare."""
    return verdict.registration, verdict.reasons


def test_a_signed_and_a_compact_label_are_registered(registry: Registry) -> None:
    """With everything shown that was proved, the transaction included."""
    verdict = registry.check()
    assert result(verdict) == (Registration.REGISTERED, ())
    assert verdict.anchor is not None
    assert verdict.anchor.transaction is not None
    assert verdict.anchor.transaction.startswith("0x")
    assert verdict.proof is not None
    compact = registry.verifier().check(links.build_compact(BASE, COMPACT.id))
    assert result(compact) == (Registration.REGISTERED, ())


def test_typed_and_stripped_numbers_are_known(registry: Registry) -> None:
    """The label itself was not checked."""
    verifier = registry.verifier()
    assert verifier.check_number(SIGNED.id).registration is Registration.NUMBER_KNOWN
    stripped = verifier.check(registry.link(SIGNED).partition("?")[0])
    assert result(stripped) == (Registration.NUMBER_KNOWN, (Code.SIGNATURE_ABSENT,))


def test_from_stored_to_anchored_to_final(registry: Registry) -> None:
    """A batch before its anchor, with an anchor that is not final, and after."""
    link = registry.link(LATER)
    assert result(registry.verifier().check(link)) == (Registration.SIGNED_NOT_ANCHORED, (Code.NOT_ANCHORED,))
    registry.chain.anchor(KEY, registry.later.seal)
    assert result(registry.verifier().check(link)) == (Registration.AWAITING_FINALITY, (Code.NOT_FINAL,))
    registry.chain.finalize()
    assert result(registry.verifier().check(link)) == (Registration.REGISTERED, ())


def test_a_stranger_and_an_unstored_unit(registry: Registry) -> None:
    """Nobody's key is altered; a known key without a record is not."""
    ghost = Record(SCOOTER, "L1", "GHOST-1")
    for name, expected in (("stranger", Code.SIGNER_UNKNOWN), (KEY, Code.NO_RECORD)):
        assert registry.verifier().check(registry.link(ghost, key=name)).reasons == (expected,)


def test_a_foreign_host(registry: Registry) -> None:
    """The official domains are read from the contract."""
    verdict = registry.verifier().check(registry.link(SIGNED, "https://evil.example"))
    assert result(verdict) == (Registration.FOREIGN_HOST, (Code.HOST_NOT_OFFICIAL,))


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason])
def test_a_withdrawn_unit(registry: Registry, reason: Reason) -> None:
    """Each of the contract's reasons has its word; the unit beside it is untouched."""
    registry.chain.withdraw_units(KEY, registry.batch.seal, reason, registry.index(SIGNED))
    verdict = registry.check()
    assert verdict.registration is Registration.WITHDRAWN
    assert [str(code) for code in verdict.reasons] == [reason.name.lower()]
    assert registry.check(COMPACT).registration is Registration.REGISTERED


def test_a_withdrawn_batch(registry: Registry) -> None:
    """Every unit of it."""
    registry.chain.withdraw_batch(KEY, registry.batch.seal, Reason.RECALLED)
    for record in (SIGNED, COMPACT):
        assert result(registry.check(record)) == (Registration.WITHDRAWN, (Code.RECALLED,))


def test_a_suspended_issuer(registry: Registry) -> None:
    """At once, and not only when it is final."""
    registry.chain.set_suspended(1, suspended=True)
    assert result(registry.check()) == (Registration.ISSUER_SUSPENDED, (Code.SUSPENDED,))


def test_a_compromise_before_and_after_the_anchor(registry: Registry) -> None:
    """A batch stands that was anchored strictly before; an endorsement that is final lifts the review."""
    anchored = registry.anchored_at()
    registry.chain.pass_time()
    registry.chain.mine()
    registry.chain.compromise(1, KEY, anchored + 1)
    assert result(registry.check()) == (Registration.REGISTERED, ())
    registry.chain.compromise(1, KEY, anchored)
    assert result(registry.check()) == (Registration.KEY_UNDER_REVIEW, (Code.KEY_COMPROMISED,))
    registry.chain.endorse(1, registry.batch.seal, KEY)
    registry.chain.finalize()
    assert result(registry.check()) == (Registration.REGISTERED, (Code.ENDORSED,))


def test_a_key_revoked_after_the_anchor(registry: Registry) -> None:
    """What it anchored before stays."""
    registry.chain.pass_time()
    registry.chain.revoke_key(1, KEY)
    assert result(registry.check()) == (Registration.REGISTERED, ())


def test_a_silent_chain_gives_its_last_answer_with_its_age_and_then_none(registry: Registry) -> None:
    """Never another verdict than the one it gave, and none for what it was not asked before."""
    endpoint, w3 = faulty(registry.chain.w3())
    clock = Clock()
    reader = registry.chain.reader(w3, clock=clock)
    verifier = Verifier(registry.chain.trust, [reader], registry.store)
    link = registry.link(SIGNED)
    stranger = registry.link(LATER, key="stranger")
    assert result(verifier.check(link)) == (Registration.REGISTERED, ())

    endpoint.error = ConnectionError("the node is gone")
    clock.now += 300
    verdict = verifier.check(link)
    assert result(verdict) == (Registration.REGISTERED, (Code.CHAIN_STALE,))
    assert verdict.seen is not None
    assert (verdict.seen.stale, verdict.seen.age_seconds) == (True, 300.0)
    assert result(verifier.check(stranger)) == (Registration.CANNOT_CHECK, (Code.CHAIN_UNAVAILABLE,))

    clock.now += 301
    assert result(verifier.check(link)) == (Registration.CANNOT_CHECK, (Code.CHAIN_UNAVAILABLE,))
    endpoint.behaves()
    clock.now += 60  # an endpoint that failed is left alone for a while
    assert result(verifier.check(link)) == (Registration.REGISTERED, ())

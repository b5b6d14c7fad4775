"""Could not ask is never a finding: chain and store fail at every single call, in every way, and the verdict says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from registry.checking.trust import Reason
from registry.checking.verdicts import Code, Outcome, Registration
from registry.errors import ChainUnavailable, StoreDamaged, StoreUnavailable, WrongChain
from registry.units import links
from tests.checking.world import BASE, PaperChain, Shelf, World, make_world

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.checking.verdicts import Verdict

LINKS: Final[dict[str, Callable[[World], Verdict]]] = {
    "signed": lambda world: world.verifier().check(world.link(world.scooter)),
    "compact": lambda world: world.verifier().check(links.build_compact(BASE, world.screw.id)),
    "stripped": lambda world: world.verifier().check(world.link(world.scooter).split("?")[0]),
    "typed": lambda world: world.verifier().check_number(world.scooter.id),
    "foreign": lambda world: world.verifier().check(world.link(world.scooter, "https://evil.example")),
}
POINTERS: Final = {"anchor_transaction"}
"""Calls on which no verdict rests."""


class FailingAt:
    """Fails the n-th call that a verdict rests on, and counts them."""

    def __init__(self, number: int, error: Exception) -> None:
        self.number = number
        self.error = error
        self.count = 0
        self.failed: str | None = None

    def asked(self, name: str) -> None:
        """Count a call, and fail if it is the one."""
        if name in POINTERS or self.failed is not None:
            return
        if self.count == self.number:
            self.failed = name
            raise self.error
        self.count += 1


def busy_world() -> World:
    """Return a world in which every call is needed: another unit of each batch is withdrawn."""
    world = make_world()
    world.withdraw(world.screw, Reason.VOID)
    world.slot(world.screw).unit_withdrawals = {4_000_000_000: world.slot(world.screw).unit_withdrawals.popitem()[1]}
    return world


def fail_everywhere(monkeypatch: pytest.MonkeyPatch, owner: type, error: Exception, kind: str) -> set[str]:
    """Fail each call in turn, and return the names of the calls that failed."""
    failed: set[str] = set()
    for number in range(100):
        world = busy_world()
        fault = FailingAt(number, error)
        monkeypatch.setattr(owner, "_asked", lambda _, name, fault=fault: fault.asked(name))
        verdict = LINKS[kind](world)
        if fault.failed is None:
            return failed
        failed.add(fault.failed)
        assert verdict.registration is Registration.CANNOT_CHECK, fault.failed
        assert Outcome.UNKNOWN in {check.outcome for check in verdict.checks}
        assert verdict.proof is None or fault.failed == "domains"
    raise AssertionError("a check that asks a hundred questions is not one that we know")


@pytest.mark.parametrize("kind", LINKS)
@pytest.mark.parametrize("error", [ChainUnavailable("silent"), WrongChain("another chain"), RuntimeError("a bug")])
def test_the_chain_fails_at_each_single_call(monkeypatch: pytest.MonkeyPatch, kind: str, error: Exception) -> None:
    """Whichever question stays without answer, nothing follows about the product."""
    failed = fail_everywhere(monkeypatch, PaperChain, error, kind)
    assert failed >= {"key", "batch", "unit_withdrawals"}


@pytest.mark.parametrize("kind", LINKS)
@pytest.mark.parametrize("error", [StoreUnavailable("gone"), StoreDamaged("torn"), RuntimeError("a bug")])
def test_the_store_fails_at_each_single_call(monkeypatch: pytest.MonkeyPatch, kind: str, error: Exception) -> None:
    """The same for our own store, wherever it fails."""
    failed = fail_everywhere(monkeypatch, Shelf, error, kind)
    assert failed == {"find", "profile"}


def test_every_question_is_asked_by_some_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """No method of the chain goes untested here because no link needs it."""
    error = ChainUnavailable("silent")
    failed = set().union(*(fail_everywhere(monkeypatch, PaperChain, error, kind) for kind in LINKS))
    assert failed == {"domains", "key", "manufacturer", "batch", "unit_withdrawals"}


@pytest.mark.parametrize("call", ["domains", "key", "manufacturer", "batch", "unit_withdrawals"])
def test_one_silent_deployment_of_two_is_enough(call: str) -> None:
    """What the silent one would have said is not guessed."""
    world = busy_world()
    old = world.old_deployment()
    old.slots = dict(world.chain.slots)
    assert LINKS["signed"](world).registration is Registration.REGISTERED
    old.silent = {call}
    # The official domains are those of the current deployment alone.
    expected = Registration.REGISTERED if call == "domains" else Registration.CANNOT_CHECK
    assert LINKS["signed"](world).registration is expected


def test_silence_names_its_step(world: World) -> None:
    """An engineer sees at which step the chain was silent."""
    world.chain.silent = {"batch"}
    verdict = LINKS["signed"](world)
    unknown = [check for check in verdict.checks if check.outcome is Outcome.UNKNOWN]
    assert [(check.step.name, check.code) for check in unknown] == [("ANCHOR", Code.CHAIN_UNAVAILABLE)]


def test_damage_raises_an_alarm(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The operator reads of it in the log, without serial or signature."""
    genuine = world.link(world.scooter)
    world.shelf.units[world.scooter.id] = world.stored(world.liquor)
    world.verifier().check(genuine)
    (record,) = caplog.records
    assert record.levelname == "CRITICAL"
    assert world.scooter.serial not in caplog.text

"""A reader that follows the chain says what a reader without memory says, whatever happened and whenever it was asked."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.checking.trust import Reason
from registry.errors import ChainUnavailable
from tests.chain.followed import DOMAIN, FRESH, OTHER, Place, all_facts
from tests.chain.stage import KEY, NUMBER, OTHER_PROFILE, SEAL, URI, address, seal_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Act = Callable[[Place], object]

TWO, THREE = seal_of("two"), seal_of("three")


def anchored(place: Place, seal: bytes) -> bool:
    """Say whether the first manufacturer anchored a seal: the fake contract refuses nothing."""
    return (NUMBER, seal) in place.ledger.state(place.ledger.height).batches


def anchor(place: Place, seal: bytes) -> None:
    """Anchor a seal, once."""
    if not anchored(place, seal):
        place.ledger.anchor(address(KEY), seal)


def attest(place: Place, seal: bytes) -> None:
    """Attest a batch that is anchored."""
    if anchored(place, seal):
        place.ledger.attest(NUMBER, seal)


def annul(place: Place) -> None:
    """Annul the withdrawal of the first batch, if it is withdrawn."""
    if place.ledger.state(place.ledger.height).batches[NUMBER, SEAL].withdrawal is not None:
        place.ledger.annul_batch_withdrawal(NUMBER, SEAL)


def ask_later(place: Place) -> None:
    """Ask when the answers have become old."""
    place.next_interval()
    all_facts(place.reader)


def go_back(place: Place, depth: int, *, again: bool) -> None:
    """Forget the newest blocks, as far as they are not final; make empty ones in their place."""
    if place.ledger.may_go_back(depth):
        place.ledger.go_back(depth)
        place.ledger.mine(depth if again else 0)


def misbehave(
    place: Place, *, node: int, behind: int = 0, logs: bool = True, hashes: bool = True, silent: bool = False
) -> None:
    """Let an endpoint lag, refuse logs or hashes, or be silent; or let it behave again."""
    provider = place.providers[node]
    provider.behaves()
    place.nodes[node].behind = behind
    if not logs:
        provider.refuses("eth_getLogs", "no logs")
    if not hashes:
        provider.on(
            "eth_call",
            lambda params, forward: (
                {"jsonrpc": "2.0", "id": 0, "error": {"code": -32602, "message": "no hash"}}
                if isinstance(params[1], dict)
                else forward()
            ),
        )
    if silent:
        provider.error = OSError("gone")


ACTS: dict[str, Act] = {
    "anchor two": lambda place: anchor(place, TWO),
    "anchor three": lambda place: anchor(place, THREE),
    "revoke": lambda place: place.ledger.revoke_key(address(KEY)),
    "compromise": lambda place: place.ledger.set_compromised_since(address(KEY), place.ledger.time - 30),
    "add a key": lambda place: place.ledger.add_key(NUMBER, address("stranger")),
    "suspend": lambda place: place.ledger.set_suspended(NUMBER, suspended=True),
    "reinstate": lambda place: place.ledger.set_suspended(NUMBER, suspended=False),
    "suspend the other": lambda place: place.ledger.set_suspended(OTHER, suspended=True),
    "accredit": lambda place: place.ledger.accredit(9, address("controller 9"), OTHER_PROFILE, URI),
    "profile": lambda place: place.ledger.update_profile(NUMBER, OTHER_PROFILE, URI),
    "controller": lambda place: place.ledger.replace_controller(NUMBER, address("a new controller")),
    "domains": lambda place: place.ledger.set_domains([DOMAIN, "new.example.org"]),
    "no domains": lambda place: place.ledger.set_domains([]),
    "endorse": lambda place: place.ledger.endorse(NUMBER, SEAL),
    "attest": lambda place: place.ledger.attest(NUMBER, SEAL),
    "attest two": lambda place: attest(place, TWO),
    "withdraw": lambda place: place.ledger.withdraw_batch(address(KEY), SEAL, Reason.RECALLED),
    "annul": annul,
    "withdraw units": lambda place: place.ledger.withdraw_units(address(KEY), SEAL, Reason.VOID, [0, 5, 300]),
    "annul units": lambda place: place.ledger.annul_units_withdrawal(NUMBER, SEAL, Reason.STOLEN, [5]),
    "case": lambda place: place.ledger.record_hash(address("inspector")),
    "mine": lambda place: place.ledger.mine(),
    "mine many": lambda place: place.ledger.mine(20),
    "reorganise": lambda place: go_back(place, 1, again=True),
    "reorganise more": lambda place: go_back(place, 2, again=True),
    "set back": lambda place: go_back(place, 1, again=False),
}
ASKING: dict[str, Act] = {
    "ask": lambda place: all_facts(place.reader),
    "ask in the next interval": ask_later,
    "ask of one": lambda place: place.batch(),
}
FAULTS: dict[str, Act] = {
    "lag": lambda place: misbehave(place, node=0, behind=1),
    "lag more": lambda place: misbehave(place, node=0, behind=2),
    "the other lags": lambda place: misbehave(place, node=1, behind=1),
    "no logs": lambda place: misbehave(place, node=0, logs=False),
    "no hashes": lambda place: misbehave(place, node=0, hashes=False),
    "silence": lambda place: misbehave(place, node=0, silent=True),
    "silence of the other": lambda place: misbehave(place, node=1, silent=True),
    "behave": lambda place: misbehave(place, node=0),
    "the other behaves": lambda place: misbehave(place, node=1),
}


@pytest.mark.parametrize("name", ACTS)
def test_whatever_happens_is_known_in_the_next_interval(name: str) -> None:
    """Each act by itself, after everything was asked."""
    place = Place(blocks_to_final=4)
    all_facts(place.reader)
    ACTS[name](place)
    place.next_interval()
    assert all_facts(place.reader) == all_facts(place.fresh())


QUIETLY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(names=st.lists(st.sampled_from([*ACTS, *ASKING]), max_size=30))
@settings(QUIETLY, max_examples=60)
def test_a_reader_that_follows_says_what_one_without_memory_says(names: list[str]) -> None:
    """After any acts, asked about or not in between, in any intervals."""
    place = Place(blocks_to_final=4)
    for name in [*names, "ask in the next interval"]:
        if name == "ask in the next interval":
            place.next_interval()
            assert all_facts(place.reader) == all_facts(place.fresh())
        else:
            (ACTS | ASKING)[name](place)


@given(names=st.lists(st.sampled_from([*ACTS, *ASKING, *FAULTS, *FAULTS]), max_size=30))
@settings(QUIETLY, max_examples=60)
def test_whatever_endpoints_do_the_answers_are_true_once_one_of_them_answers(names: list[str]) -> None:
    """Lagging, refusing, silent and coming back, in any order: what is asked afterwards is true."""
    place = Place(2, blocks_to_final=4)
    for name in names:
        with suppress(ChainUnavailable):  # which is always an honest answer
            (ACTS | ASKING | FAULTS)[name](place)
    misbehave(place, node=0)
    misbehave(place, node=1)
    place.ledger.mine(3)
    place.clock.now += 60.0
    place.next_interval()
    assert all_facts(place.reader) == all_facts(place.fresh())
    assert place.seen().age_seconds < FRESH

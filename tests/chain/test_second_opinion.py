"""Endpoints that say different things of an anchor: an alarm and never an answer, whichever of them lies."""

from __future__ import annotations

import logging
from typing import Any, Final

import pytest
from web3 import Web3

from registry.errors import ChainUnavailable, EndpointsDisagree
from tests.chain.fake_node import FakeNode
from tests.chain.followed import FRESH, Place
from tests.chain.stage import KEY, NUMBER, SEAL, address, seal_of, strip

FORGED: Final = seal_of("forged")


class Liar(FakeNode):
    """An endpoint that says of one seal what it says of another; all else is as it is."""

    told: tuple[bytes, bytes] | None = None
    """The seal of which it lies, and the one of which it tells the truth instead."""

    def _status(self, state: Any, manufacturer: int, seal: bytes, signer: str) -> Any:
        if self.told and seal == self.told[0]:
            seal = self.told[1]
        return super()._status(state, manufacturer, seal, signer)


def lying(which: int, of: bytes, as_of: bytes) -> Place:
    """Give two endpoints, one of which lies."""
    place = Place(2)
    place.ledger.anchor(address(KEY), seal_of("other"))
    place.ledger.finalize()
    liar = Liar(place.ledger)
    liar.told = (of, as_of)
    place.providers[which]._inner = liar
    return place


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    ("of", "as_of"),
    [(FORGED, SEAL), (SEAL, FORGED), (SEAL, seal_of("other"))],
    ids=["an anchor that is not there", "no anchor where there is one", "another anchor"],
)
def test_a_disagreement_is_an_alarm_and_never_an_answer(
    which: int, of: bytes, as_of: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Whichever endpoint is asked first; it is said with both names, and asked again after a while."""
    place = lying(which, of, as_of)
    with caplog.at_level(logging.ERROR):
        for _ in range(5):
            with pytest.raises(EndpointsDisagree, match=f"different things of the anchor of seal 0x{of.hex()}"):
                place.reader.batch(NUMBER, of, address(KEY))
    alarms = [record for record in caplog.records if "different things" in record.message]
    assert len(alarms) == 1, "once in the time for which an answer is fresh"
    # Of other seals both say the same.
    assert place.reader.batch(NUMBER, seal_of("other"), address(KEY)).anchor is not None
    # The endpoint is mended, or taken out.
    place.providers[which]._inner = place.nodes[which]
    place.clock.now += FRESH
    assert strip(place.reader.batch(NUMBER, of, address(KEY))) == strip(place.fresh().batch(NUMBER, of, address(KEY)))


def test_what_is_final_is_compared_once() -> None:
    """Afterwards the second endpoint is asked nothing: it costs one question for each batch in a worker's life."""
    place = Place(2)
    truth = place.batch()
    asked = place.providers[1].requests
    assert asked > 0
    for _ in range(5):
        place.ledger.mine()
        place.next_interval()
        assert strip(place.batch()) == strip(truth)
        assert place.providers[1].requests == 0


def test_what_could_not_be_compared_is_compared_later() -> None:
    """The only endpoint that answers is believed for a while, and then it is asked again whether another one agrees."""
    place = lying(0, FORGED, SEAL)
    place.providers[1].error = OSError("gone")
    assert place.reader.batch(NUMBER, FORGED, address(KEY)).anchor is not None
    place.providers[1].error = None
    place.ledger.finalize()
    place.clock.now += 60
    place.next_interval()
    with pytest.raises(EndpointsDisagree):
        place.reader.batch(NUMBER, FORGED, address(KEY))


def test_one_that_lags_or_is_away_contradicts_nothing() -> None:
    """A second endpoint that does not know the block yet, is silent, or talks rubbish: the first one's answer stands."""
    truth = strip(Place().batch())
    for rule in (
        lambda place: setattr(place.providers[1], "error", OSError("gone")),
        lambda place: place.providers[1].gives("eth_call", "0x"),
        lambda place: place.providers[1].gives("eth_getBlockByNumber", None),
        lambda place: place.providers[1].refuses("eth_call", "too many requests", code=-32005),
    ):
        place = Place(2)
        rule(place)
        assert strip(place.batch()) == truth
    place = Place(2)
    place.ledger.anchor(address(KEY), seal_of("new"))
    place.ledger.finalize()
    late = FakeNode(place.ledger)
    late.behind = 10
    place.providers[1]._inner = late
    late_final = place.ledger.height - late.behind
    vars(late)["_number"] = lambda block, inner=late._number: late_final if block == "finalized" else inner(block)
    assert place.reader.batch(NUMBER, seal_of("new"), address(KEY)).anchor is not None


def test_nobody_is_asked_where_there_is_one_endpoint() -> None:
    """Then there is nobody to ask, and nothing is said about it."""
    place = Place(1)
    assert place.batch().anchor is not None
    with pytest.raises(ChainUnavailable):
        place.reader.pool.read(lambda _: place.batch(), but=place.reader.pool._nodes[0])
    assert Web3(place.nodes[0]) is not None

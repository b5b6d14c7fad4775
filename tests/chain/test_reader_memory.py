"""What the reader remembers, for how long, and what it says while the chain is silent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from registry.errors import ChainError, ChainUnavailable
from tests.chain.faulty import Clock, FaultyProvider, faulty
from tests.chain.stage import KEY, NUMBER, SEAL, WITHDRAWN, NodeStage, address, seal_of, when

if TYPE_CHECKING:
    from registry.chain.reader import ChainReader


@pytest.fixture
def clock() -> Clock:
    """Give a clock to move."""
    return Clock()


@pytest.fixture
def watched(stage: NodeStage, clock: Clock) -> tuple[FaultyProvider, ChainReader]:
    """Give a reader whose requests are counted."""
    provider, w3 = faulty(stage.w3())
    return provider, stage.reader(w3, clock=clock)


def test_a_fresh_answer_is_not_asked_again(watched: tuple[FaultyProvider, ChainReader], clock: Clock) -> None:
    """Within `fresh_seconds` nothing is asked, and the age is said."""
    provider, reader = watched
    reader.key(address(KEY))
    asked = len(provider.asked)
    clock.now += 9.0
    again = reader.key(address(KEY))
    assert len(provider.asked) == asked
    seen = when(reader, again.seen)
    assert (seen.age_seconds, seen.stale) == (9.0, False)
    clock.now += 1.0
    renewed = reader.key(address(KEY))
    assert len(provider.asked) > asked
    assert when(reader, renewed.seen).age_seconds == 0.0


def test_a_change_shows_when_the_answer_is_no_longer_fresh(stage: NodeStage, clock: Clock) -> None:
    """A revocation counts after at most `fresh_seconds`."""
    reader = stage.reader(clock=clock)
    assert reader.key(address(KEY)).revoked_at == 0
    stage.revoke_key(NUMBER, KEY)
    assert reader.key(address(KEY)).revoked_at == 0
    clock.now += 10.0
    assert reader.key(address(KEY)).revoked_at != 0


def test_a_final_anchor_is_asked_once(watched: tuple[FaultyProvider, ChainReader], clock: Clock) -> None:
    """Later questions about the batch are no call at all; of a signer that is new, the key alone is."""
    provider, reader = watched
    first = reader.batch(NUMBER, SEAL, address(KEY))
    provider.asked.clear()
    clock.now += 100.0
    assert reader.batch(NUMBER, SEAL, address(KEY)).anchor == first.anchor is not None
    assert provider.count("eth_call") == 0
    provider.asked.clear()
    again = reader.batch(NUMBER, SEAL, address("someone else"))
    assert again.anchor == first.anchor
    assert provider.count("eth_call") == 2, "its status and the profiles, nothing at the finality"


def test_a_pending_anchor_is_asked_until_it_is_final(stage: NodeStage, clock: Clock) -> None:
    """Nothing about it is kept for ever before that."""
    stage.anchor(KEY, seal_of("two"))
    reader = stage.reader(clock=clock)
    assert reader.batch(NUMBER, seal_of("two"), address(KEY)).anchor is None
    stage.reorganise(1)
    clock.now += 10.0
    assert reader.batch(NUMBER, seal_of("two"), address(KEY)).pending_anchor is None


def test_a_silent_chain_gives_the_last_known_answer_with_its_age(
    watched: tuple[FaultyProvider, ChainReader], clock: Clock
) -> None:
    """Up to `stale_seconds`, marked as such; then, and for what never was known, there is no answer."""
    provider, reader = watched
    known = reader.batch(NUMBER, SEAL, address(KEY))
    block = when(reader, known.seen).block
    domains = reader.domains()
    withdrawals = reader.unit_withdrawals(NUMBER, SEAL, 1)
    transaction = reader.anchor_transaction(NUMBER, SEAL)
    provider.error = OSError("gone")

    clock.now += 600.0
    late = reader.batch(NUMBER, SEAL, address(KEY))
    assert (late.anchor, late.manufacturer, late.signer_key) == (known.anchor, known.manufacturer, known.signer_key)
    seen = when(reader, late.seen)
    assert (seen.stale, seen.age_seconds, seen.block) == (True, 600.0, block)
    assert (reader.domains(), reader.unit_withdrawals(NUMBER, SEAL, 1)) == (domains, withdrawals)
    with pytest.raises(ChainUnavailable):
        reader.batch(NUMBER, SEAL, address("never asked"))
    with pytest.raises(ChainUnavailable):
        reader.manufacturer(99)

    clock.now += 1.0
    for question in (
        lambda: reader.batch(NUMBER, SEAL, address(KEY)),
        reader.domains,
        lambda: reader.unit_withdrawals(NUMBER, SEAL, 1),
    ):
        with pytest.raises(ChainUnavailable):
            question()
    assert reader.anchor_transaction(NUMBER, SEAL) == transaction, "of a final anchor, which never changes"

    provider.error = None
    clock.now += 60.0
    back = reader.batch(NUMBER, SEAL, address(KEY))
    seen = when(reader, back.seen)
    assert (seen.stale, seen.age_seconds) == (False, 0.0)


def test_a_dead_chain_is_not_asked_at_every_question(watched: tuple[FaultyProvider, ChainReader], clock: Clock) -> None:
    """An endpoint that failed is left alone for a moment, longer each time, and asked again later."""
    provider, reader = watched
    provider.error = OSError("gone")
    for _ in range(20):
        with pytest.raises(ChainUnavailable):
            reader.key(address(KEY))
    first = len(provider.asked)
    assert first <= 2
    clock.now += 0.6
    with pytest.raises(ChainUnavailable):
        reader.key(address(KEY))
    assert len(provider.asked) > first
    provider.error = None
    clock.now += 20.0
    assert reader.key(address(KEY)).manufacturer == NUMBER


def test_made_up_questions_do_not_push_out_what_is_known(
    watched: tuple[FaultyProvider, ChainReader], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever scans invented labels cannot make the reader forget real ones."""
    provider, reader = watched
    for shelf in (reader._recent, reader._memory.keys):
        monkeypatch.setattr(shelf._unknown, "_size", 3)
        monkeypatch.setattr(shelf._known, "_size", 3)
    reader.key(address(KEY))
    for number in range(10):
        assert reader.key(address(f"stranger {number}")).manufacturer == 0
    provider.error = OSError("gone")
    clock.now += 60.0
    assert reader.key(address(KEY)).manufacturer == NUMBER
    with pytest.raises(ChainUnavailable):
        reader.key(address("stranger 0"))


def test_a_reader_that_asks_now_remembers_nothing(watched: tuple[FaultyProvider, ChainReader]) -> None:
    """Whoever writes decides on what is there now, and on nothing else."""
    provider, reader = watched
    reader.key(address(KEY))
    now = reader.asking_now()
    provider.asked.clear()
    now.key(address(KEY))
    now.key(address(KEY))
    assert provider.count("eth_call") == 2
    provider.error = OSError("gone")
    with pytest.raises(ChainUnavailable):
        now.key(address(KEY))
    assert reader.key(address(KEY)).manufacturer == NUMBER


def test_many_threads_get_true_answers(stage: NodeStage) -> None:
    """One reader serves all threads of a site, while its chain comes and goes."""
    provider, w3 = faulty(stage.w3())
    reader = stage.reader(w3, fresh_seconds=0.0)

    def ask(turn: int) -> bool:
        try:
            if turn % 7 == 0:
                provider.error = OSError("gone") if provider.error is None else None
            batch = reader.batch(NUMBER, SEAL, address(KEY))
            withdrawn = reader.unit_withdrawals(NUMBER, SEAL, WITHDRAWN if turn % 2 else 0)
        except ChainError:
            return True
        return batch.anchor is not None and bool(withdrawn) == bool(turn % 2) and batch.signer_key.manufacturer == NUMBER

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(64)))

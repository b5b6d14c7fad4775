"""Counts that workers share, on both engines."""

from __future__ import annotations

import threading

import pytest

from registry.storage.rates import KEPT, Rates

pytestmark = pytest.mark.xdist_group("postgresql")

MINUTE = 29_833_333


@pytest.fixture(params=["sqlite_url", "postgresql_url"])
def url(request: pytest.FixtureRequest) -> str:
    """A database that holds nothing yet, on each engine."""
    found: str = request.getfixturevalue(request.param)
    return found


def test_what_each_adds_is_what_all_get(url: str) -> None:
    """By bucket and minute; older minutes go."""
    one, other = Rates.open(url), Rates.open(url)
    assert one.add(MINUTE, {"a": 3, "b": 1}) == {"a": 3, "b": 1}
    assert other.add(MINUTE, {"b": 5, "a": 1}) == {"a": 4, "b": 6}
    assert one.add(MINUTE + 1, {"a": 2}) == {"a": 2}
    assert other.add(MINUTE, {"a": 1}) == {"a": 5}
    assert one.add(MINUTE + KEPT + 1, {"a": 1}) == {"a": 1}
    assert other.add(MINUTE, {"a": 1}) == {"a": 1}, "it had gone"
    one.close()
    other.close()


def test_many_at_once_lose_nothing(url: str) -> None:
    """The same buckets from several connections at the same time."""
    Rates.open(url).close()

    def work() -> None:
        rates = Rates.open(url)
        for _ in range(20):
            rates.add(MINUTE, {"x": 1, "y": 2, "z": 1})
        rates.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rates = Rates.open(url)
    assert rates.add(MINUTE, {"x": 1, "y": 1, "z": 1}) == {"x": 81, "y": 161, "z": 81}
    rates.close()

"""What is being done is said as it goes on: how far, how fast, how long still."""

from __future__ import annotations

import pytest

from scripts.console import Console, Gauge, duration


class Clock:
    """A clock that is put forward by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gauge(said: list[str], clock: Clock) -> Gauge:
    return Gauge(said.append, on_terminal=False, clock=clock)


def steps(gauge: Gauge, clock: Clock, stage: str, *moments: tuple[float, int], total: int) -> None:
    """Tell of a stage; each moment is the seconds that passed and what is done."""
    for seconds, done in moments:
        clock.now += seconds
        gauge(stage, done, total)


def test_a_log_has_a_line_every_ten_seconds_and_one_in_the_end(gauge: Gauge, clock: Clock, said: list[str]) -> None:
    steps(gauge, clock, "signing", (0, 0), (5, 1000), (6, 2200), (1, 2400), (38, 10_000), total=10_000)
    assert said == ["signing: 2,200 of 10,000, 200 a second, 39 s left", "signing: 10,000, 200 a second"]


def test_each_stage_has_a_rate_of_its_own(gauge: Gauge, clock: Clock, said: list[str]) -> None:
    steps(gauge, clock, "reading", (0, 100), (1, 1100), total=1100)
    steps(gauge, clock, "signing", (60, 10), (10, 30), total=30)
    assert said == ["reading: 1,100, 1,000 a second", "signing: 30, 2 a second"]


def test_what_is_done_at_once_has_no_rate(gauge: Gauge, clock: Clock, said: list[str]) -> None:
    steps(gauge, clock, "signing", (0, 5), total=5)
    assert said == ["signing: 5"]


def test_a_stage_that_stops_is_said(gauge: Gauge, clock: Clock, said: list[str]) -> None:
    steps(gauge, clock, "signing", (0, 5), (1, 7), total=10)
    gauge.close()
    gauge.close()
    assert said == ["signing: stopped at 7"]


def test_a_terminal_has_one_line_that_changes(clock: Clock, said: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    gauge = Gauge(said.append, on_terminal=True, clock=clock)
    steps(gauge, clock, "signing", (0, 0), (0.1, 10), (1, 110), (1, 210), total=1000)
    shown = capsys.readouterr().err
    assert "\n" not in shown
    assert [line.rstrip() for line in shown.split("\r") if line.strip()] == [
        "signing: 110 of 1,000, 100 a second, 9 s left",
        "signing: 210 of 1,000, 100 a second, 8 s left",
    ]
    assert said == []


def test_the_console_shows_one_stage(capsys: pytest.CaptureFixture[str]) -> None:
    with Console().progress("labels", 3) as done:
        for count in range(1, 4):
            done(count)
    assert capsys.readouterr().err.startswith("labels: 3")


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.2, "0 s"), (59.6, "1 min 0 s"), (61, "1 min 1 s"), (3600, "1 h 0 min"), (9000, "2 h 30 min")]
)
def test_times_are_said_as_people_say_them(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected

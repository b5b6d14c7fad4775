"""How much one network may check: counted by all workers together, refused with words that say nothing of a product."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pytest

from registry.errors import StoreUnavailable
from registry.storage.rates import Rates
from tests.webapp.samples import BY_NAME, HOST, LINK, readers
from webapp.app import create_app
from webapp.rates import MINUTE, MOST, Limiter, network_of

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient

NOW: Final = 1_790_000_003.0
SECRET: Final = b"a secret of the tests, long enough"
LABEL: Final = LINK.removeprefix(f"https://{HOST}")
ASKED: Final = f"/api/v1/verify?link={quote(LINK, safe='')}"
STRANGER: Final = {"REMOTE_ADDR": "93.184.216.34"}


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Give one."""
    return Clock()


def client(limiter: Limiter) -> FlaskClient:
    """Return a browser at a site with this limiter."""
    return create_app(replace(readers({LINK: BY_NAME["registered"]}), limiter=limiter)).test_client()


def ask(browser: FlaskClient, address: str, **more: Any) -> Any:
    """Ask from an address."""
    headers = {"Host": HOST, **more.pop("headers", {})}
    return browser.get(address, environ_base=STRANGER, base_url=f"https://{HOST}", headers=headers, **more)


@pytest.mark.parametrize("address", [LABEL, ASKED, "/check?link=123", f"{LABEL}&x=1"])
def test_too_much_is_refused_with_words_that_accuse_nobody(clock: Clock, address: str) -> None:
    """By the short way and by Flask's; it says for how long, and keeps nothing; the next minute is a new one."""
    limiter = Limiter(per_minute=40, clock=clock)
    browser = client(limiter)
    answers = [ask(browser, address) for _ in range(41)]
    codes = [answer.status_code for answer in answers]
    first = codes.index(429)
    assert first == (10 if address in {LABEL, ASKED} else 40)
    refused = answers[first]
    assert int(refused.headers["Retry-After"]) == MINUTE - int(NOW) % MINUTE
    assert "no-store" in refused.headers["Cache-Control"]
    if address == ASKED:
        assert refused.json["error"]["code"] == "too_many_requests"
    else:
        assert "This says nothing about the product" in refused.text
        chinese = ask(browser, address, headers={"Accept-Language": "zh"})
        assert "这与商品真假无关" in chinese.text
    clock.now += MINUTE
    assert ask(browser, address).status_code == codes[0]
    assert limiter.refused >= 1


def test_one_network_does_not_use_up_another_ones(clock: Clock) -> None:
    """Nor does one label use up the others', and what is no check is not counted."""
    limiter = Limiter(per_minute=8, clock=clock)
    browser = client(limiter)
    for _ in range(3):
        ask(browser, LABEL)
    assert ask(browser, LABEL).status_code == 429
    assert ask(browser, LABEL.replace("/21/", "/21/X")).status_code != 429
    neighbour = {"REMOTE_ADDR": "93.184.216.35"}
    assert browser.get(LABEL, environ_base=neighbour, base_url=f"https://{HOST}").status_code == 200
    for _ in range(50):
        assert ask(browser, "/healthz").status_code == 200
        assert ask(browser, "/").status_code in {200, 429}


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "::1", "fe80::1", "unix:", "", "203.0.113.9, 10.0.0.1"])
def test_whoever_cannot_be_told_apart_is_not_counted(clock: Clock, address: str) -> None:
    """A private address is a proxy's: everybody behind it would have one limit."""
    limiter = Limiter(per_minute=1, clock=clock)
    assert [limiter.wait({"REMOTE_ADDR": address}) for _ in range(5)] == [0] * 5


def test_networks() -> None:
    """An IPv4 address, also in IPv6; 64 bits of any other IPv6."""
    assert network_of("93.184.216.34") == network_of("::ffff:93.184.216.34") == "93.184.216.34"
    assert network_of("2606:2800:220:1:248:1893:25c8:1946") == network_of("2606:2800:220:1::7")
    assert network_of("2606:2800:220:1::7") != network_of("2606:2800:220:2::7")


def test_no_limit_and_the_proxys_header(clock: Clock) -> None:
    """Zero is none; behind a proxy its header counts, and no other."""
    free = Limiter(per_minute=0, clock=clock)
    assert not any(free.wait(STRANGER) for _ in range(5000))
    behind = Limiter(per_minute=2, address="HTTP_X_REAL_IP", clock=clock)
    told = [behind.wait({"HTTP_X_REAL_IP": "93.184.216.34", "REMOTE_ADDR": "10.0.0.1"}) for _ in range(3)]
    assert [bool(wait) for wait in told] == [False, False, True]


def test_many_networks_cost_no_more_than_so_many_places(clock: Clock) -> None:
    """Whoever has a whole IPv6 network fills no memory; whom we do not count we let pass."""
    limiter = Limiter(per_minute=1, clock=clock)
    limiter._taken = dict.fromkeys(map(str, range(MOST)), 1)
    limiter._minute = int(NOW) // MINUTE
    assert [limiter.wait(STRANGER) for _ in range(3)] == [0, 0, 0]


# ------------------------------------------------------------------------------------------------------- several workers


def workers(url: str, clock: Clock, count: int = 3) -> list[Limiter]:
    """Return the limiters of workers that share a database."""
    return [Limiter(per_minute=60, secret=SECRET, connect=lambda: Rates.open(url), clock=clock) for _ in range(count)]


def test_workers_count_together(tmp_path: Path, clock: Clock) -> None:
    """A network that goes from worker to worker has one limit, within what they counted since they last shared."""
    some = workers(f"sqlite:///{tmp_path / 'scans.db'}", clock)
    waits: list[int] = []
    for turn in range(30):
        waits += [worker.wait(STRANGER) for worker in some]
        if turn % 5 == 0:
            for worker in some:
                worker.share()
    let = sum(1 for wait in waits if not wait)
    assert 60 <= let <= 60 + 3 * 5 * 2
    clock.now += MINUTE
    assert [worker.wait(STRANGER) for worker in some] == [0, 0, 0]


def test_no_address_is_in_the_database(tmp_path: Path, clock: Clock) -> None:
    """Only keys that a secret makes, other ones the next hour; old minutes go."""
    path = tmp_path / "scans.db"
    (worker,) = workers(f"sqlite:///{path}", clock, 1)
    names = []
    for _ in range(2):
        for _ in range(30):
            worker.wait(STRANGER, about="/01/1/21/A")
        worker.share()
        with closing(sqlite3.connect(path)) as database:
            names.append({name for (name,) in database.execute("SELECT bucket FROM check_counts")})
        clock.now += 3600
    assert len(names[0]) == 2
    assert not names[0] & names[1]
    assert STRANGER["REMOTE_ADDR"].encode() not in path.read_bytes()


def test_a_database_that_is_away_refuses_nobody(clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    """Each worker goes on with what it counted itself, and says so once."""

    def away() -> Rates:
        raise StoreUnavailable("the database could not be asked")

    limiter = Limiter(per_minute=60, secret=SECRET, connect=away, clock=clock)
    assert [limiter.wait(STRANGER) for _ in range(40)] == [0] * 40
    monkeypatch.setattr("webapp.rates.EVERY", 0.005)
    limiter.start()
    deadline = time.monotonic() + 10
    while "not shared" not in caplog.text:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.05)
    assert caplog.text.count("not shared") == 1
    assert [limiter.wait(STRANGER) for _ in range(20)] == [0] * 20
    assert limiter.wait(STRANGER) > 0

"""Where the bridge lets the app run: on the server's own thread while it answers at once, in threads while something waits."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.webapp.conftest import run
from webapp.asgi import LONG, WARY, WsgiOverAsgi

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class App:
    """A WSGI app that notes where it ran, and takes as long as it is told."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.takes = clock, 0.0
        self.ran_in: list[int] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
        self.ran_in.append(threading.get_ident())
        self.clock.now += self.takes
        start_response("200 OK", [("X-Body", environ["wsgi.input"].read().decode())])
        return [b"o", b"k"]


def ask(bridge: WsgiOverAsgi, method: str = "GET", headers: tuple[tuple[bytes, bytes], ...] = (), body: bytes = b"") -> bool:
    """Ask once; returns whether the answer was made on the server's own thread."""
    sent: list[MutableMapping[str, Any]] = []
    scope = {
        "type": "http", "method": method, "scheme": "http", "http_version": "1.1", "path": "/", "raw_path": b"/",
        "query_string": b"", "headers": [(b"host", b"h.example"), *headers],
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def serve() -> int:
        await bridge(scope, receive, send)
        return threading.get_ident()

    server = run(serve())
    assert (sent[0]["status"], sent[1]["body"]) == (200, b"ok")
    assert sent[0]["headers"] == [(b"x-body", body)]
    app: App = bridge._app  # type: ignore[assignment]  # what this test put there
    return app.ran_in[-1] == server


@pytest.fixture
def clock() -> Clock:
    """A clock of the test's own."""
    return Clock()


@pytest.fixture
def app(clock: Clock) -> App:
    """An app on that clock."""
    return App(clock)


@pytest.fixture
def bridge(app: App, clock: Clock) -> WsgiOverAsgi:
    """The bridge over it."""
    return WsgiOverAsgi(app, max_body=100, threads=1, clock=clock)


def test_a_question_is_answered_where_it_came_in(bridge: WsgiOverAsgi) -> None:
    """Handing it over would cost as much as answering it."""
    assert ask(bridge)
    assert ask(bridge, "HEAD")
    assert ask(bridge, "GET", ((b"content-length", b"0"),))


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", ((b"content-length", b"4"),)),
        ("POST", ()),
        ("GET", ((b"content-length", b"4"),)),
        ("GET", ((b"transfer-encoding", b"chunked"),)),
    ],
)
def test_what_brings_a_body_is_handed_to_a_thread(
    bridge: WsgiOverAsgi, method: str, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    """It is waited for, and a photo or a list takes its time."""
    assert not ask(bridge, method, headers, b"body")


def test_who_has_to_wait_holds_up_no_other(bridge: WsgiOverAsgi, app: App, clock: Clock) -> None:
    """After an answer that took long, threads answer, until there was none for a while."""
    app.takes = LONG * 2
    assert ask(bridge)
    assert not ask(bridge)
    app.takes = 0.0
    clock.now += WARY * 0.9
    assert not ask(bridge)
    clock.now += WARY * 0.2
    assert ask(bridge)


def test_who_still_waits_keeps_the_server_wary(bridge: WsgiOverAsgi, app: App, clock: Clock) -> None:
    """Its answer has not come, so nothing says that they come quickly again."""
    bridge._under_way[object()] = clock.now
    assert ask(bridge)
    clock.now += LONG * 1.1
    assert not ask(bridge)
    bridge._under_way.clear()
    assert ask(bridge)
    assert len(app.ran_in) == 3


def test_a_body_that_takes_long_makes_nobody_wary(bridge: WsgiOverAsgi, app: App) -> None:
    """It ran in a thread, and says nothing about those who ask without one."""
    app.takes = LONG * 2
    assert not ask(bridge, "POST", (), b"body")
    app.takes = 0.0
    assert ask(bridge)


def test_the_end_of_the_server_is_told(app: App) -> None:
    """Before the server is told that it may go."""
    told: list[str] = []
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        told.append(message["type"])

    bridge = WsgiOverAsgi(app, max_body=10, ending=lambda: told.append("ending"))
    run(bridge({"type": "lifespan"}, receive, send))
    assert told == ["lifespan.startup.complete", "ending", "lifespan.shutdown.complete"]

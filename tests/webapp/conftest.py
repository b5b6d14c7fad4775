"""The site over hand-made verdicts, and a way to send it an address byte for byte."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from tests.webapp.samples import BY_NAME, CHOICE, Answers, readers
from webapp.app import create_app
from webapp.asgi import WsgiOverAsgi
from webapp.limits import MAX_UPLOAD

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, MutableMapping

    from flask import Flask
    from flask.testing import FlaskClient

T = TypeVar("T")


@pytest.fixture(scope="session")
def answers() -> Answers:
    """Answers under the names of the samples."""
    return Answers({**BY_NAME, "choice": CHOICE})


@pytest.fixture(scope="session")
def app(answers: Answers) -> Flask:
    """The site. It has no state of its own, so that all tests share it."""
    return create_app(readers(checks=answers))


@pytest.fixture
def checks(answers: Answers) -> Answers:
    """What the site asks, with nothing asked yet."""
    answers.asked.clear()
    return answers


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without scripts, that follows no redirect by itself."""
    return app.test_client()


@dataclass(frozen=True)
class Answer:
    """What the site sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a thread of its own: Playwright keeps a loop in the tests' one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


@dataclass(frozen=True)
class Wire:
    """Sends requests as a server hands them on, the address byte for byte."""

    app: Any

    def send(self, target: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
        """Send one request and return the answer."""
        return run(self._send(target, method, headers or {}, body))

    async def _send(self, target: str, method: str, headers: Mapping[str, str], body: bytes) -> Answer:
        from urllib.parse import unquote  # noqa: PLC0415 -- only here, to do what a server does

        path, _, query = target.partition("?")
        named = {"host": "verify.example.org", "content-length": str(len(body)), **headers}
        scope = {
            "type": "http", "method": method, "scheme": "https", "http_version": "1.1", "server": ("127.0.0.1", 443),
            "path": unquote(path), "raw_path": path.encode(), "query_string": query.encode(), "client": ("192.0.2.1", 9),
            "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        }  # fmt: skip
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        await WsgiOverAsgi(self.app, max_body=MAX_UPLOAD, threads=1)(scope, receive, send)
        given = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], given, sent[1]["body"])


@pytest.fixture
def wire(app: Flask) -> Wire:
    """The site behind its server."""
    return Wire(app)

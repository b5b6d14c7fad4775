"""Endpoints that misbehave: a provider whose answers a test changes, and a server on the loopback that breaks HTTP."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from web3 import Web3
from web3.providers import JSONBaseProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


NO_JSON_RPC = {
    "garbage": b"<html>Welcome to the hotel</html>",
    "empty": b"",
    "not an answer": b'{"jsonrpc": "2.0", "id": 1}',
    "not utf-8": b"\xff\xfe\x00",
    "a number": b"7",
}
BATCHES: dict[str, Callable[[list[dict[str, Any]]], list[dict[str, Any]]]] = {
    "short batch": lambda answers: answers[:-1],
    "reversed batch": lambda answers: answers[::-1],
    "doubled batch": lambda answers: [*answers[:-1], answers[0]],
    "anonymous batch": lambda answers: [{"result": one["result"]} for one in answers],
}


class Clock:
    """A clock that a test moves. It can stand for `sleep` too."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.on_sleep: list[Any] = []
        """What happens while somebody sleeps, one for each sleep."""

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += max(seconds, 0.5)
        if self.on_sleep:
            self.on_sleep.pop(0)()


class FaultyProvider(JSONBaseProvider):
    """Hands requests on to another provider, except where a test says otherwise."""

    def __init__(self, w3: Web3) -> None:
        super().__init__()
        self._inner: Any = w3.provider
        self._rules: dict[str, Callable[[list[Any], Callable[[], dict[str, Any]]], dict[str, Any]]] = {}
        self.asked: list[tuple[str, list[Any]]] = []
        self.requests = 0
        """How often something was sent, however many questions it held."""
        self.error: Exception | None = None
        """Raised by everything, while it is set."""

    def on(self, method: str, rule: Callable[[list[Any], Callable[[], dict[str, Any]]], dict[str, Any]]) -> None:
        """Let `rule(params, forward)` answer a method."""
        self._rules[method] = rule

    def gives(self, method: str, result: object) -> None:
        """Answer a method with this result."""
        self.on(method, lambda _params, _forward: {"jsonrpc": "2.0", "id": 0, "result": result})

    def refuses(self, method: str, message: str, code: int = -32000, data: object = None) -> None:
        """Answer a method with an error."""
        error = {"code": code, "message": message} | ({"data": data} if data is not None else {})
        self.on(method, lambda _params, _forward: {"jsonrpc": "2.0", "id": 0, "error": error})

    def behaves(self) -> None:
        """Forget all rules."""
        self._rules.clear()
        self.error = None

    def make_request(self, method: Any, params: Any) -> Any:
        """Answer one request."""
        self.requests += 1
        return self._answer(method, params)

    def _answer(self, method: Any, params: Any) -> Any:
        self.asked.append((method, params))
        if self.error is not None:
            raise self.error

        def forward() -> dict[str, Any]:
            answer: dict[str, Any] = self._inner.make_request(method, params)
            return answer

        rule = self._rules.get(method)
        return rule(params, forward) if rule else forward()

    def make_batch_request(self, requests: list[tuple[Any, Any]]) -> Any:
        """Answer a batch, one by one."""
        self.requests += 1
        return [{**self._answer(method, params), "id": number} for number, (method, params) in enumerate(requests)]

    def count(self, method: str, block: str | None = None) -> int:
        """Return how often a method was asked, at a block."""
        return sum(1 for name, params in self.asked if name == method and (block is None or block in params))


def faulty(w3: Web3) -> tuple[FaultyProvider, Web3]:
    """Return a provider over a connection, and a connection over that."""
    provider = FaultyProvider(w3)
    return provider, Web3(provider)


class Misbehaving:
    """An HTTP server before a node, whose `mode` says how it misbehaves."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.mode = "forward"
        self.requests = 0
        self.release = threading.Event()
        self.url = ""

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Answer a request in the present mode."""
        self.requests += 1
        mode = self.mode
        if mode == "hang":
            self.release.wait(20)
            return
        if mode == "close":
            return
        if mode.isdecimal():
            _reply(handler, int(mode), b"no")
            return
        if mode == "lost reply":
            self._forward(body)
            return
        _reply(handler, 200, self._changed(mode, body))

    def _changed(self, mode: str, body: bytes) -> bytes:
        if mode in NO_JSON_RPC:
            return NO_JSON_RPC[mode]
        if mode == "no batches" and body.startswith(b"["):
            return b'{"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": "batches are not supported"}}'
        answer = json.loads(self._forward(body))
        if isinstance(answer, list) and mode in BATCHES:
            answer = BATCHES[mode](answer)
        return json.dumps(answer).encode()

    def _forward(self, body: bytes) -> bytes:
        request = urllib.request.Request(self.upstream, body, {"Content-Type": "application/json"})  # noqa: S310 - the node's
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            content: bytes = answer.read()
        return content


@contextmanager
def misbehaving(upstream: str) -> Iterator[Misbehaving]:
    """Run the server."""
    behaviour = Misbehaving(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Answer, or do not."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.close_connection = True
            try:
                behaviour.answer(self, body)
            except (OSError, urllib.error.URLError):
                return

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    behaviour.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield behaviour
    finally:
        behaviour.release.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _reply(handler: BaseHTTPRequestHandler, status: int, content: bytes) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(content)))
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(content)

"""Serves a WSGI app over ASGI, because only there does the server hand on the address as it was sent.

granian's other interfaces give the decoded path alone (see `webapp.raw_uri`). Requests and answers of this site are small and
whole, so that nothing is streamed: a body is read up to a bound, the app runs, its answer is sent at once.

Where the app runs decides what an answer costs (docs/decisions/0014-server.md). Handing it to a thread and back takes as much
time as all of Flask, so a question without a body is answered on the server's own thread: everything it needs is in memory or
on the local disk. Should one take long all the same, because a chain or a database keeps us waiting, the next ones are handed
to threads until answers come quickly again: then one that waits holds up no other.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping
    from typing import TypeAlias
    from wsgiref.types import WSGIApplication

    Message: TypeAlias = MutableMapping[str, Any]
    Receive: TypeAlias = Callable[[], Awaitable[Message]]
    Send: TypeAlias = Callable[[Message], Awaitable[None]]
    Answer: TypeAlias = tuple[int, list[tuple[bytes, bytes]], bytes]

_log = logging.getLogger(__name__)

LONG: Final = 0.05
"""Seconds: an answer that took longer waited for somebody."""
WARY: Final = 1.0
"""Seconds without such an answer, and without one that still waits, until the server's own thread is trusted again."""
_NO_BODY: Final = frozenset({"GET", "HEAD"})
LONG_BY_NATURE: Final = ("/inspect/", "/desk/")
"""Where addresses begin whose answers take long: results of lists of thousands of lines, and cases that hold them."""


class WsgiOverAsgi:
    """An ASGI application that runs a WSGI one: on the server's thread while it answers at once, else in threads."""

    def __init__(
        self,
        app: WSGIApplication,
        *,
        max_body: int,
        threads: int = 8,
        clock: Callable[[], float] = time.monotonic,
        ending: Callable[[], object] = lambda: None,
    ) -> None:
        """Serve `app`; `ending` is called when the server ends politely, and may take a moment."""
        self._app = app
        self._max_body = max_body
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="site")
        self._clock = clock
        self._ending = ending
        self._wary_until = float("-inf")
        self._under_way: dict[object, float] = {}
        """When each question that threads answer now was handed over, the oldest first."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:  # nothing of ours speaks web sockets
            await send({"type": "websocket.close", "code": 1003})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            stage = (await receive())["type"].removeprefix("lifespan.")
            if stage == "shutdown":
                self._pool.shutdown(wait=False, cancel_futures=True)
                self._ending()
            await send({"type": f"lifespan.{stage}.complete"})
            if stage == "shutdown":
                return

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["method"] in _NO_BODY and not _names_body(scope):
            if scope["path"].startswith(LONG_BY_NATURE):
                status, headers, content = await self._in_thread(self._answer, environ_of(scope, b""))
            elif self._is_wary():
                status, headers, content = await self._hand_over(environ_of(scope, b""))
            else:
                status, headers, content = self._watched(environ_of(scope, b""))
        else:
            body = await self._body(scope, receive)
            if body is None:  # whoever is still there sent a body that is none
                await send({"type": "http.response.start", "status": 400, "headers": [(b"connection", b"close")]})
                await send({"type": "http.response.body", "body": b""})
                return
            # A photo or a long list takes its time, and waits for nobody.
            status, headers, content = await self._in_thread(self._answer, environ_of(scope, body))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _body(self, scope: Message, receive: Receive) -> bytes | None:
        """Return the body, or of one that is too long just enough for the app to refuse it; none if the client went away."""
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if declared.isdigit() and int(declared) > self._max_body:
            return b""
        parts, size = [], 0
        while size <= self._max_body:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if not message.get("more_body"):
                break
        return b"".join(parts)

    def _is_wary(self) -> bool:
        now = self._clock()
        oldest = next(iter(self._under_way.values()), now)
        return now < self._wary_until or now - oldest > LONG

    async def _hand_over(self, environ: dict[str, Any]) -> Answer:
        key = object()
        self._under_way[key] = self._clock()
        try:
            return await self._in_thread(self._watched, environ)
        finally:
            del self._under_way[key]

    async def _in_thread(self, run: Callable[[dict[str, Any]], Answer], environ: dict[str, Any]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._pool, run, environ)

    def _watched(self, environ: dict[str, Any]) -> Answer:
        """Answer, and be wary for a while if it took long."""
        began = self._clock()
        answer = self._answer(environ)
        ended = self._clock()
        if ended - began > LONG:
            self._wary_until = ended + WARY
        return answer

    def _answer(self, environ: dict[str, Any]) -> Answer:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            del exc_info
            started.append((status, headers))
            return parts.append

        parts: list[bytes] = []
        answer: Iterable[bytes] = ()
        try:
            answer = self._app(environ, start_response)
            parts.extend(answer)
        except Exception:  # noqa: BLE001 -- whatever the app raised, the connection gets an answer
            _log.exception("the app raised")
            return 500, [(b"content-type", b"text/plain"), (b"cache-control", b"no-store")], b"Internal Server Error"
        finally:
            if hasattr(answer, "close"):
                answer.close()
        status, headers = started[-1]
        return int(status[:3]), [_raw(*header) for header in headers], b"".join(parts)


@lru_cache(1024)
def _raw(name: str, value: str) -> tuple[bytes, bytes]:
    """Return a header as ASGI wants it. Nearly all of them are the same in every answer."""
    return name.lower().encode("latin-1"), value.encode("latin-1")


def _names_body(scope: Message) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0") for name, value in scope["headers"]
    )


@lru_cache(1024)
def _key(name: bytes) -> str | None:
    """Return a header's name as WSGI writes it; none for one with an underscore, which would pass for its twin with dashes."""
    if b"_" in name:
        return None
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"


def environ_of(scope: Message, body: bytes) -> dict[str, Any]:
    """Return the WSGI environ of an HTTP scope; `REQUEST_URI` is the target as sent."""
    path, query = scope["raw_path"].decode("latin-1") or "*", scope["query_string"].decode("latin-1")
    host, port = scope.get("server") or ("", None)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "REQUEST_URI": f"{path}?{query}" if query else path,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 0),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": (scope.get("client") or ("", 0))[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(body)),
    }
    # A body that came in pieces is whole by now, and as long as it is: so it is bounded like any other.
    framing = (b"transfer-encoding", b"content-length")
    skipped = framing if any(name == b"transfer-encoding" for name, _ in scope["headers"]) else ()
    for name, value in scope["headers"]:
        key = _key(name)
        if key is None or name in skipped:
            continue
        known = key in environ and key != "CONTENT_LENGTH"
        environ[key] = f"{environ[key]},{value.decode('latin-1')}" if known else value.decode("latin-1")
    return environ

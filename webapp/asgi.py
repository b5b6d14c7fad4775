"""Serves a WSGI app over ASGI, because only there does the server hand on the address as it was sent.

granian's WSGI interface gives the decoded path alone (see `webapp.raw_uri`). Requests and answers of this site are small and
whole, so that nothing is streamed: a body is read up to a bound, the app runs in a thread, its answer is sent at once.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping
    from typing import TypeAlias
    from wsgiref.types import WSGIApplication

    Message: TypeAlias = MutableMapping[str, Any]
    Receive: TypeAlias = Callable[[], Awaitable[Message]]
    Send: TypeAlias = Callable[[Message], Awaitable[None]]

_log = logging.getLogger(__name__)


class WsgiOverAsgi:
    """An ASGI application that runs a WSGI one in threads."""

    def __init__(self, app: WSGIApplication, *, max_body: int, threads: int = 8) -> None:
        self._app = app
        self._max_body = max_body
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="site")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:  # nothing of ours speaks web sockets
            await send({"type": "websocket.close", "code": 1003})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            stage = (await receive())["type"].removeprefix("lifespan.")
            await send({"type": f"lifespan.{stage}.complete"})
            if stage == "shutdown":
                self._pool.shutdown(wait=False, cancel_futures=True)
                return

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        body = await self._body(scope, receive)
        if body is None:  # whoever is still there sent a body that is none
            await send({"type": "http.response.start", "status": 400, "headers": [(b"connection", b"close")]})
            await send({"type": "http.response.body", "body": b""})
            return
        environ = environ_of(scope, body)
        loop = asyncio.get_running_loop()
        status, headers, content = await loop.run_in_executor(self._pool, self._run, environ)
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

    def _run(self, environ: dict[str, Any]) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
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
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return int(status.split(" ", 1)[0]), raw, b"".join(parts)


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
    framing = {"transfer-encoding", "content-length"}
    skipped = framing if any(name == b"transfer-encoding" for name, _ in scope["headers"]) else set()
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if "_" in name or name in skipped:  # an underscore would pass for its twin with dashes
            continue
        key = name.upper().replace("-", "_")
        key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
        known = key in environ and key != "CONTENT_LENGTH"
        environ[key] = f"{environ[key]},{value}" if known else value
    return environ

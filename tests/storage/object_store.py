"""A small object store on this machine: serves the files of a folder by ranges of bytes, with the faults that a test wants."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class ObjectStore(ThreadingHTTPServer):
    """Serves one folder."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.folder = folder
        self.fault = ""
        """`no ranges`, `error`, `short`, `other range` or `grown`."""
        self.asked = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/trees"


class _Answers(BaseHTTPRequestHandler):
    server: ObjectStore
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked += 1
        file = self.server.folder / self.path.rpartition("/")[2]
        fault = self.server.fault
        if fault == "error" or not file.is_file():
            self.send_response(500 if fault == "error" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        whole = file.read_bytes()
        first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        part = whole[first : last + 1]
        if fault == "no ranges":
            self.send_response(200)
            part = whole
        else:
            self.send_response(206)
            first += fault == "other range"
            self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(whole) + (fault == 'grown')}")
        if fault == "short":
            part = part[:-1]
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name that it has there
        """Say nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[ObjectStore]:
    """Serve a folder for as long as the context lasts."""
    server = ObjectStore(folder)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

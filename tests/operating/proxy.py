"""The example's nginx, in a folder of a test's own: its places and ports are others, every rule is the file's."""

from __future__ import annotations

import contextlib
import getpass
import http.server
import socket
import ssl
import subprocess
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, Final, Self

from scripts.demo import certificate
from tests.docs.test_house import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CONFIG: Final = ROOT / "examples/operating/nginx.conf"
HOST: Final = "verify.example.org"
STARTS_WITHIN: Final = 20.0


@dataclass(frozen=True)
class Got:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes
    protocol: str = ""


@dataclass
class Nginx:
    """nginx over TLS on a port of this machine, before a site on another one."""

    program: Path
    folder: Path
    port: int
    plain: int
    site: int
    changes: Mapping[str, str] = field(default_factory=dict)
    """What else is another text than the file's; each has to be there."""
    _process: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> Path:
        """The file with this test's places."""
        return self.folder / "nginx.conf"

    @property
    def logs(self) -> str:
        """Everything that nginx wrote."""
        return "".join(path.read_text() for path in sorted((self.folder / "logs").iterdir()))

    def write(self) -> None:
        """Write the file, with other places and ports."""
        (self.folder / "logs").mkdir()
        chain, key, _ = certificate.ensure(self.folder / "tls", HOST)
        places = {
            "user www-data;": f"user {getpass.getuser()};",
            "pid /run/nginx.pid;": f"pid {self.folder}/pid;",
            "/var/log/nginx/": f"{self.folder}/logs/",
            "/etc/touchstone/tls/fullchain.pem": str(chain),
            "/etc/touchstone/tls/privkey.pem": str(key),
            "/run/nginx-bodies": f"{self.folder}/bodies",
            "/var/cache/nginx-touchstone": f"{self.folder}/cache",
            "listen 443 ": f"listen 127.0.0.1:{self.port} ",
            "listen 80": f"listen 127.0.0.1:{self.plain}",
            "server 127.0.0.1:8000 ": f"server 127.0.0.1:{self.site} ",
            **self.changes,
        }
        text = CONFIG.read_text(encoding="utf-8")
        for place, here in places.items():
            assert place in text, place
            text = text.replace(place, here)
        self.config.write_text(text, encoding="utf-8")

    def command(self, *more: str) -> list[str]:
        """Return the words with which nginx is called on the file."""
        return [str(self.program), "-p", str(self.folder), "-c", str(self.config), *more]

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        with (self.folder / "stderr").open("wb") as told:
            self._process = subprocess.Popen(self.command("-g", "daemon off;"), stderr=told)
        deadline = time.monotonic() + STARTS_WITHIN
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                break
            except OSError:
                assert self._process.poll() is None, (self.folder / "stderr").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def stop(self) -> None:
        """End it, and wait until its log is written."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(STARTS_WITHIN)

    def ask(
        self, target: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes = b"",
        host: str = HOST, alpn: str = "http/1.1",
    ) -> Got:  # fmt: skip
        """Send a request over TLS, its target byte for byte."""
        context = ssl.create_default_context(cafile=self.folder / "tls" / "authority.pem")
        context.set_alpn_protocols([alpn])
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=host) as wire,
        ):
            if alpn != "http/1.1":
                return Got(0, {}, b"", wire.selected_alpn_protocol() or "")
            return _sent(wire, target, method, {"Host": host, "Connection": "close", **(headers or {})}, body)

    def ask_in_the_clear(self, target: str, *, host: str = HOST) -> Got:
        """Send a request without TLS."""
        with socket.create_connection(("127.0.0.1", self.plain), timeout=10) as wire:
            return _sent(wire, target, "GET", {"Host": host, "Connection": "close"}, b"")


def _sent(wire: socket.socket, target: str, method: str, headers: Mapping[str, str], body: bytes) -> Got:
    length = {"Content-Length": str(len(body))} if body else {}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in {**headers, **length}.items()), "", ""]
    wire.sendall("\r\n".join(lines).encode("latin-1"))
    with contextlib.suppress(OSError):  # who refuses a body may close before all of it came
        wire.sendall(body)
    answer = HTTPResponse(wire, method=method)
    answer.begin()
    seen = [name.lower() for name, _ in answer.getheaders()]
    assert len([name for name in seen if name == "strict-transport-security"]) <= 1
    return Got(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


@dataclass
class Recorder:
    """A site that writes down what reaches it, and answers everything."""

    port: int
    came: list[tuple[str, str, dict[str, str], int]] = field(default_factory=list)
    """Method, target, headers in small letters, and bytes of the body."""

    def __enter__(self) -> Self:
        """Answer from now on."""
        came = self.came

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                size = int(self.headers.get("content-length", "0"))
                body = self.rfile.read(size)
                target = self.requestline.split(" ")[1]  # `path` has lost slashes
                came.append((self.command, target, {name.lower(): value for name, value in self.headers.items()}, len(body)))
                self.send_response(200)
                self.send_header("Strict-Transport-Security", "max-age=1")
                if self.path.startswith("/static/"):
                    self.send_header("Cache-Control", "public, max-age=86400")
                    self.send_header("Vary", "Accept-Encoding")
                self.send_header("Content-Length", "2")
                self.send_header("Connection", "close")  # the next test opens another one here
                self.end_headers()
                self.wfile.write(b"ok")

            do_GET = do_POST = do_PUT = do_PATCH = answer  # noqa: N815 -- http.server's names

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


def free_ports() -> tuple[int, int, int]:
    """Return three ports of this machine that nobody listens on: for TLS, without it, and for the site."""
    with socket.socket() as one, socket.socket() as two, socket.socket() as three:
        for each in (one, two, three):
            each.bind(("127.0.0.1", 0))
        tls, plain, site = (int(each.getsockname()[1]) for each in (one, two, three))
    return tls, plain, site

"""Starts sites on this machine, ours and the peer, on the same server with the same settings, and reads what they cost.

Each server leads a session of its own and is ended by its own process id.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bench.processes import ProgramFailed, cpu_of, family, pss

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT: Final = Path(__file__).parents[2]
STARTS_WITHIN: Final = 60.0
ENDS_WITHIN: Final = 10.0
WORKERS: Final = 2
SITE: Final = ("asgi", "webapp.wsgi:asgi")
HELLO: Final = ("wsgi", "tests.bench.peers.hello:hello")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    pid: int
    port: int

    @property
    def workers(self) -> list[int]:
        """The process ids of those that answer."""
        return [pid for pid in family(self.pid) if pid != self.pid]

    def cpu(self) -> float:
        """Return the CPU seconds that it used so far, all its processes together."""
        return cpu_of(family(self.pid))

    def memory(self) -> int:
        """Return the bytes of PSS of all its processes."""
        return sum(map(pss, family(self.pid)))

    def kill_worker(self) -> int:
        """Kill the oldest of those that answer, as a crash would; returns its process id."""
        victim = min(pid for pid in self.workers if b"resource_tracker" not in _command_line(pid))
        os.kill(victim, signal.SIGKILL)
        return victim


@contextmanager
def serving(
    application: tuple[str, str], environment: Mapping[str, str], log: Path, *, workers: int = WORKERS, path: str = "/healthz"
) -> Iterator[Server]:
    """Run an application, given as interface and factory, on granian. Raises `ProgramFailed` if it does not answer."""
    interface, factory = application
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        interface,
        "--factory",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    command += ["--workers", str(workers), "--no-access-log", "--log-level", "warning", "--respawn-failed-workers", factory]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_until_up(process, f"http://127.0.0.1:{port}{path}", log)
            yield Server(process.pid, port)
        finally:
            _end(process)


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_up(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 -- our own site
            if answer.status == 200:
                return
        time.sleep(0.05)
    raise ProgramFailed(f"the server did not come up; the end of its log:\n{log.read_text(errors='replace')[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a server politely, then for good, with the workers of its session."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(ENDS_WITHIN)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""

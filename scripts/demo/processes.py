"""The demo's processes: the sites, started here and ended here by their own process ids.

A killed demo leaves its sites behind, and they would go on answering for a chain that is gone. So each site's process id is
kept beside its log, and the next start ends what is there, if it is that site and nothing else.
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
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from registry.errors import TouchstoneError

if TYPE_CHECKING:
    from collections.abc import Mapping

STARTS_WITHIN = 30.0
ENDS_WITHIN = 5.0
FREE_WITHIN = 1.0


@dataclass(frozen=True, slots=True)
class Site:
    """One web server: where it listens, what it is told, where it logs."""

    name: str
    host: str
    port: int
    settings: Mapping[str, str]
    log: Path
    certificate: tuple[Path, Path] | None = None
    """PEM chain and key, for TLS."""

    @property
    def pid_file(self) -> Path:
        """Where the id of its process is kept while it runs."""
        return self.log.with_suffix(".pid")


class RunningSite:
    """A started site; `stop` ends it, and only it."""

    def __init__(self, site: Site) -> None:
        """Start the site. Raises `TouchstoneError` if another program uses its port."""
        self.site = site
        make_room(site)
        command = [
            sys.executable,
            "-m",
            "granian",
            "--interface",
            "asgi",
            "--factory",
            "--host",
            site.host,
            "--port",
            str(site.port),
        ]
        command += ["--workers", "1", "--no-access-log", "--log-level", "warning"]
        command += ["--pid-file", str(site.pid_file)]  # granian takes it away again; it also names the process as ours
        if site.certificate:
            command += ["--ssl-certificate", str(site.certificate[0]), "--ssl-keyfile", str(site.certificate[1])]
        self._log: IO[bytes] = site.log.open("ab")
        self._process = subprocess.Popen(
            [*command, "webapp.wsgi:asgi"],
            env={**os.environ, **site.settings},
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us alone; we end the site
        )
        site.pid_file.write_text(str(self._process.pid))  # at once: granian itself does so only when it is up

    @property
    def ended(self) -> bool:
        """Say whether the site stopped by itself."""
        return self._process.poll() is not None

    def wait_until_up(self) -> None:
        """Wait until `/healthz` answers; raises `TouchstoneError` with the end of its log if it does not."""
        scheme = "https" if self.site.certificate else "http"
        url = f"{scheme}://{self.site.host}:{self.site.port}/healthz"
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline and not self.ended:
            if self._answers(url):
                return
            time.sleep(0.1)
        tail = self.site.log.read_text(errors="replace").splitlines()[-20:]
        raise TouchstoneError(
            f"the site {self.site.name!r} did not come up on port {self.site.port}\n" + "\n".join(tail),
            hint="another program may use the port: choose another one with PORT=",
        )

    def stop(self) -> None:
        """End the site: politely, then for good."""
        end(self._process)
        self.site.pid_file.unlink(missing_ok=True)
        self._log.close()

    def _answers(self, url: str) -> bool:
        import ssl  # noqa: PLC0415 -- only the demo with TLS needs it

        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # our own certificate, on our own machine: only "is it up?" is asked
        try:
            with urllib.request.urlopen(url, timeout=1, context=context) as answer:  # noqa: S310 -- http(s) built above
                return bool(answer.status == 200)  # noqa: PLR2004 -- HTTP OK
        except (urllib.error.URLError, OSError):
            return False


def make_room(site: Site) -> None:
    """End what a killed demo left of this site. Raises `TouchstoneError` if another program uses its port."""
    end_left_behind(site.pid_file, "granian", str(site.pid_file))
    deadline = time.monotonic() + FREE_WITHIN
    while not (free := _is_free(site.host, site.port)) and time.monotonic() < deadline:
        time.sleep(0.05)  # a process that was just ended may hold it for a moment
    if not free:
        raise TouchstoneError(
            f"port {site.port} of {site.host} is in use, expected it free for the site {site.name!r}",
            hint="end the program that uses it, or choose another port with PORT=",
        )


def _is_free(host: str, port: int) -> bool:
    """Say whether nobody listens there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def end_left_behind(pid_file: Path, *words: str) -> None:
    """End what a killed demo left behind, if the process was started with these words: ids are used again."""
    try:
        pid = int(pid_file.read_text())
    except (OSError, ValueError):
        return

    def is_left() -> bool:
        told = _command_line(pid)
        return all(word in told for word in words)

    if is_left():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + ENDS_WITHIN
            while time.monotonic() < deadline and is_left():
                time.sleep(0.05)
        kill_session(pid)  # also workers that outlived it: one that is ended while it starts ends nobody else
    pid_file.unlink(missing_ok=True)


def _command_line(pid: int) -> str:
    """Return what a process was started with; nothing if there is none, or if it only waits to be forgotten."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        pass
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        asked = ["/bin/ps", "-p", str(pid), "-o", "args="]
        return subprocess.run(asked, capture_output=True, text=True, check=False, timeout=ENDS_WITHIN).stdout
    return ""


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that we started, unless it ended by itself: politely, then for good."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            kill_session(process.pid)
            process.wait()


def kill_session(pid: int) -> None:
    """End a process that does not end by itself, with its workers: it leads a session of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)

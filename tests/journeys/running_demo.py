"""The demo as a person starts it: a process of its own, watched by its output, ended by its own id."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message

ROOT: Final = Path(__file__).parents[2]
READY: Final = "Ctrl-C ends everything."
PATIENCE: Final = 120.0
"""Seconds after which something that has to happen did not."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One link of `links.json`."""

    name: str
    link: str
    site: str
    page: str
    registration: str
    history: str | None

    @property
    def question(self) -> str:
        """The API's address for it."""
        return f"{self.site}/api/v1/verify?link={quote(self.link, safe='')}"


class RunningDemo:
    """A demo in a folder. `start` may be called again after it ended."""

    def __init__(self, folder: Path, port: int, *, name: str = "first") -> None:
        self.folder = folder
        self._name = name
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    # ------------------------------------------------------------------------------------------------ its life

    def start(self, *arguments: str) -> None:
        """Start it; nothing is waited for."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        place = ("--folder", str(self.folder), "--port", str(self.port))
        with self._told.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-u", "-m", "scripts", "demo", *place, *arguments],
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_for(self, text: str) -> None:
        """Wait until it said this. Fails with all that it said if it ends before, or never does."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.output:
            assert time.monotonic() < deadline, f"the demo did not say {text!r}:\n{self.output}"
            assert self._process is not None
            ended = self._process.poll() is not None
            assert not ended or text in self.output, f"the demo ended before it said {text!r}:\n{self.output}"
            time.sleep(0.02)

    def start_and_wait(self) -> None:
        """Start it and wait until its sites are up."""
        self.start()
        self.wait_for(READY)

    def interrupt(self) -> int:
        """Press Ctrl-C and return the exit code."""
        return self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it as nothing can prevent, and nothing else: what it started is left behind."""
        assert self._end(signal.SIGKILL) == -signal.SIGKILL

    def exit_code(self) -> int:
        """Wait until it ends by itself."""
        assert self._process is not None
        return self._process.wait(PATIENCE)

    def _end(self, how: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(how)
        return self._process.wait(PATIENCE)

    def end(self) -> None:
        """End it and all that it started, whatever state it is in: for the end of a test."""
        if self._process is None:
            return
        if self._process.poll() is None:
            started = self.processes()
            self._end(signal.SIGINT)
        else:
            started = ()
        end_all(started)

    @property
    def _told(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.{self._name}")

    @property
    def output(self) -> str:
        """All that it said since it was started."""
        return self._told.read_text(encoding="utf-8", errors="replace")

    def processes(self) -> tuple[int, ...]:
        """Return the ids of all that it started, and of what those started."""
        assert self._process is not None
        return descendants(self._process.pid)

    # ---------------------------------------------------------------------------------------------- what it gives

    @property
    def base(self) -> str:
        """The site's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def trust(self) -> dict[str, Any]:
        """The trust file."""
        found: dict[str, Any] = json.loads((self.folder / "trust.json").read_text())
        return found

    def links(self) -> list[Shown]:
        """Return the links that it wrote."""
        listed = json.loads((self.folder / "links.json").read_text())
        return [
            Shown(
                one["name"], one["link"], one["site"], one["page"], one["expect"]["registration"], one["expect"].get("history")
            )
            for one in listed
        ]  # fmt: skip

    def link(self, name: str) -> str:
        """Return the link of this name."""
        return next(one.link for one in self.links() if one.name == name)

    def chain(self, method: str, *parameters: Any) -> Any:
        """Ask the demo's own chain."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
        answer = get(self.chain_url(), data=body, headers={"content-type": "application/json"})
        return json.loads(answer.body)["result"]

    def chain_url(self) -> str:
        """Return where the demo's own chain is asked."""
        for pid in self.processes():
            words = command_line(pid).split("\0")
            if "--chain-id" in words:
                return f"http://127.0.0.1:{words[words.index('--port') + 1]}"
        raise AssertionError("the demo runs no chain")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a site answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def get(url: str, *, data: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """Ask for a page of this machine's; whatever its status, it is an answer."""
    assert url.startswith("http://127.0.0.1:")
    request = urllib.request.Request(url, data=data, headers=dict(headers or {}))  # noqa: S310 -- http, as asserted
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 -- http, as asserted
            return Answer(answer.status, _lower(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, _lower(error.headers), error.read())


def _lower(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def verdicts(shown: list[Shown]) -> dict[str, str]:
    """Return what the API says of each link, by the link's name."""
    return {one.name: get(one.question).json["registration"] for one in shown}


def expected(shown: list[Shown]) -> dict[str, str]:
    """Return what the API has to say of each."""
    return {one.name: one.registration for one in shown}


def free_ports() -> int:
    """Return a port that is free, and so is the next.

    Both are below those that systems give to clients: a demo comes back to its ports, and nobody may have them by then.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as first, socket.socket() as second, contextlib.suppress(OSError):
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 1))
            return port


def command_line(pid: int) -> str:
    """Return what a process was started with, its words separated by NUL."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _listed() -> dict[int, tuple[int, str]]:
    """Return parent and state of every process."""
    told = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout  # noqa: S607 -- POSIX has it
    rows = (line.split(None, 2) for line in told.splitlines())
    return {int(pid): (int(parent), state) for pid, parent, state in rows}


def descendants(ancestor: int) -> tuple[int, ...]:
    """Return the ids of a process's children, and of theirs."""
    listed, found, queue = _listed(), [], [ancestor]
    while queue:
        parent = queue.pop()
        children = [pid for pid, (of, _) in listed.items() if of == parent]
        found += children
        queue += children
    return tuple(pid for pid in found if "ps" not in command_line(pid).split("\0")[:1])


def running(pids: tuple[int, ...]) -> list[int]:
    """Return which of these processes still run; one that only waits to be forgotten does not."""
    listed = _listed()
    return [pid for pid in pids if pid in listed and not listed[pid][1].startswith("Z")]


def end_all(pids: tuple[int, ...]) -> None:
    """End processes that a test's demo started and left."""
    for pid in running(pids):
        os.kill(pid, signal.SIGKILL)

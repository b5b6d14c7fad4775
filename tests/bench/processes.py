"""Runs a program and says what all its processes together took: seconds, CPU seconds, and memory at its peak.

Memory is the proportional set size (PSS) of the whole tree of processes, where a page that several share counts once. It is
sampled, so that a peak shorter than `EVERY` can be missed; each sample reads what the kernel has summed up already.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

EVERY: Final = 0.2
TICKS: Final = os.sysconf("SC_CLK_TCK")
MEBI: Final = 2**20


@dataclass(frozen=True, slots=True)
class Taken:
    """What a program took."""

    seconds: float
    cpu: float
    """User and system, of the program and of every process that it started and waited for."""
    peak: int
    """Bytes of PSS, all processes together."""
    output: str


class ProgramFailed(Exception):
    """A measured program did not do what it was run for."""


def measured(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    timeout: float = 3600.0,
) -> Taken:
    """Run a program to its end. Raises `ProgramFailed` if it fails or does not end in time."""
    began = time.perf_counter()
    with (
        subprocess.Popen(
            list(map(str, command)),
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process,
        Watch(process.pid) as watch,
    ):
        before = _children_cpu()
        try:
            output, errors = process.communicate(timeout=timeout)
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # it leads a session of its own
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise ProgramFailed(f"{command[0]} did not end within {timeout:.0f} s") from error
            raise
        cpu = _children_cpu() - before
    if process.returncode:
        raise ProgramFailed(
            f"{' '.join(map(str, command))} ended with {process.returncode}:\n{errors[-4000:]}\n{output[-2000:]}"
        )
    return Taken(time.perf_counter() - began, cpu, watch.peak, output)


def end_politely() -> None:
    """Let a request to end be as Ctrl-C: what was started is ended, too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


class Watch:
    """Samples the memory of a process and of all that descend from it, in a thread, while it is entered."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.peak = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(EVERY):
            self.peak = max(self.peak, sum(map(pss, family(self._pid))))


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it, as they are at this moment."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (fields := _stat(int(folder.name))):
            parents.setdefault(int(fields[1]), []).append(int(folder.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += parents.get(found[-1], ())
    return found


def pss(pid: int) -> int:
    """Return the proportional set size of a process in bytes; 0 if it ended."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def cpu_of(pids: Iterable[int]) -> float:
    """Return the CPU seconds that these processes used, and their children that ended."""
    return sum(sum(map(int, fields[11:15])) for pid in pids if (fields := _stat(pid))) / TICKS


def _stat(pid: int) -> list[str]:
    """Return what the kernel tells of a process after its name: state, parent, …; nothing if it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _children_cpu() -> float:
    times = os.times()
    return times.children_user + times.children_system

"""The demo's `touchstone admit`, which works beside the sites: started here, and ended here by its own process id."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from scripts.demo.processes import end, end_left_behind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOOKS_EVERY: Final = "0.1"
"""Seconds: in a demo somebody waits."""


@dataclass(frozen=True, slots=True)
class Admitter:
    """What is admitted, by which settings, and where it logs."""

    inbox: Path
    settings: Mapping[str, str]
    log: Path

    @property
    def pid_file(self) -> Path:
        """Where the id of its process is kept while it runs."""
        return self.log.with_suffix(".pid")

    def end_earlier(self) -> None:
        """End the process that a killed demo left behind."""
        end_left_behind(self.pid_file, "admit", str(self.inbox))


class RunningAdmitter:
    """A started admitter; `stop` ends it, and only it."""

    def __init__(self, admitter: Admitter) -> None:
        """Start it, in place of one that a killed demo left behind."""
        admitter.end_earlier()
        self.admitter = admitter
        self._log: IO[bytes] = admitter.log.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "scripts", "admit", "--inbox", str(admitter.inbox), "--every", LOOKS_EVERY],
            env={**os.environ, **admitter.settings},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us alone; we end it
        )
        admitter.pid_file.write_text(str(self._process.pid))

    @property
    def ended(self) -> bool:
        """Say whether it stopped by itself."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """End it: politely, then for good."""
        end(self._process)
        self.admitter.pid_file.unlink(missing_ok=True)
        self._log.close()

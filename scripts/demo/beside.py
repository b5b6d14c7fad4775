"""What works beside the demo's sites, such as `touchstone admit` and the notary: started here, and ended here by its own id."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from scripts.demo.processes import end, end_left_behind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Beside:
    """A command of ours that runs for as long as the demo does."""

    words: tuple[str, ...]
    """The command with its options, of which `mark` is one."""
    mark: str
    """What no other process was started with."""
    settings: Mapping[str, str]
    log: Path

    @property
    def name(self) -> str:
        """The command, as a person types it."""
        return f"touchstone {self.words[0]}"

    @property
    def pid_file(self) -> Path:
        """Where the id of its process is kept while it runs."""
        return self.log.with_suffix(".pid")

    def end_earlier(self) -> None:
        """End the process that a killed demo left behind."""
        end_left_behind(self.pid_file, self.words[0], self.mark)


class RunningBeside:
    """A started one; `stop` ends it, and only it."""

    def __init__(self, what: Beside) -> None:
        """Start it, in place of one that a killed demo left behind."""
        what.end_earlier()
        self.what = what
        self._log: IO[bytes] = what.log.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "scripts", *what.words],
            env={**os.environ, **what.settings},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us alone; we end it
        )
        what.pid_file.write_text(str(self._process.pid))

    @property
    def ended(self) -> bool:
        """Say whether it stopped by itself."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """End it: politely, then for good."""
        end(self._process)
        self.what.pid_file.unlink(missing_ok=True)
        self._log.close()

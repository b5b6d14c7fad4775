"""What a site counts of itself, for Prometheus: answers, how long they took, what was refused, what waits.

Workers count into files of a folder that they share (the library's way for several processes), and `touchstone metrics`, a
program of its own, sums them: the site has no door for it, so that none can be left open. No label names a serial, an address,
a person or a file: endpoints are those of the code, headlines those of the verdicts.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from registry.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_log = logging.getLogger(__name__)

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Where the library looks for the folder; it has to be there before the library is loaded."""
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""
EVERY: Final = 5.0
MOST: Final = 1000
"""Kinds of answers that are told apart: there are some hundred."""


class Meter:
    """The counts of one process."""

    def __init__(self, folder: Path) -> None:
        """Count into a folder, made if it is not there. Raises `StoreUnavailable` if it cannot be written to."""
        try:
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            (folder / f".try-{os.getpid()}").touch()
            (folder / f".try-{os.getpid()}").unlink()
        except OSError as error:
            raise StoreUnavailable(f"the counts cannot be kept in {folder}: {error.strerror or error}") from error
        os.environ[FOLDER] = str(folder)
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram  # noqa: PLC0415 -- it looks for the folder

        registry = CollectorRegistry()
        self._answers = Counter(
            "touchstone_answers",
            "Answers, by the view that gave them, status and headline.",
            ["endpoint", "status", "headline"],
            registry=registry,
        )
        self._seconds = Histogram(
            "touchstone_answer_seconds", "How long answers took.", ["endpoint"], buckets=BUCKETS, registry=registry
        )
        self._values = Gauge(
            "touchstone_now", "What workers see now, together.", ["what"], multiprocess_mode="livesum", registry=registry
        )
        self._counted: dict[tuple[str, int, str], tuple[Any, Any]] = {}

    def count(self, endpoint: str, status: int, seconds: float, headline: str) -> None:
        """Count an answer."""
        key = (endpoint, status, headline)
        found = self._counted.get(key)
        if found is None:
            if len(self._counted) >= MOST:
                return
            found = self._answers.labels(endpoint, str(status), headline), self._seconds.labels(endpoint)
            self._counted[key] = found
        found[0].inc()
        found[1].observe(seconds)

    def watch(self, values: Mapping[str, Callable[[], float]]) -> None:
        """Look at some values now and then, for as long as the process lives."""

        def look() -> None:
            while True:
                for what, value in values.items():
                    self._values.labels(what).set(value())
                time.sleep(EVERY)

        threading.Thread(target=look, name="metrics", daemon=True).start()

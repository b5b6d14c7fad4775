"""What the site knows of the chain's directory: asked now and then, and still told when the chain is silent."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.enforcement.directory import Directory

_log = logging.getLogger(__name__)
FRESH: Final = 300.0
"""Seconds for which an answer is told again."""
RETRY: Final = 15.0
"""Seconds after which a chain that was silent is asked again."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of the directory."""

    directory: Directory | None
    """None if the chain could not be asked, and never was."""
    is_silent: bool
    """Whether the chain was silent when it was asked last."""


class Accredited:
    """The directory as this process knows it. One request asks; all others are told what is known. Threads may share it."""

    def __init__(self, take: Callable[[], Directory], *, clock: Callable[[], float] = time.monotonic) -> None:
        """Ask with `take`, which raises a `ChainError` if it cannot; `clock` gives seconds."""
        self._take = take
        self._clock = clock
        self._asking = threading.Lock()
        self._told = Told(None, is_silent=False)
        self._due = float("-inf")

    def now(self) -> Told:
        """Return what is known, asked anew if it is old. The first who ask wait for the answer; raises nothing."""
        if self._clock() < self._due or not self._asking.acquire(blocking=self._told.directory is None):
            return self._told
        try:
            if self._clock() >= self._due:  # else somebody else asked while this one waited
                self._told, self._due = self._ask()
        finally:
            self._asking.release()
        return self._told

    def _ask(self) -> tuple[Told, float]:
        try:
            found = self._take()
        except ChainError as error:
            _log.warning("the directory could not be asked for: %s", error.message)
            return Told(self._told.directory, is_silent=True), self._clock() + RETRY
        return Told(found, is_silent=False), self._clock() + FRESH

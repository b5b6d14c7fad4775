"""One asks, the others wait: of several threads with the same question at the same time, only the first sends it."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")


class Flights:
    """The questions that are on their way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flying: dict[Hashable, Future[Any]] = {}

    def under_way(self, question: Hashable) -> bool:
        """Say whether somebody is asking this now."""
        return question in self._flying

    def join(self, question: Hashable, ask: Callable[[], T]) -> T:
        """Return what `ask` returns, or raise what it raises: asked by ourselves, or by whoever began before us."""
        with self._lock:
            flight = self._flying.get(question)
            if flight is None:
                mine = self._flying[question] = Future()
        if flight is not None:
            answer: T = flight.result()
            return answer
        try:
            answer = ask()
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(answer)
            return answer
        finally:
            with self._lock:
                del self._flying[question]

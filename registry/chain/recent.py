"""What the chain said, and when it was asked: bounded, and safe to use from several threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

    from registry.chain.endpoints import Head

V = TypeVar("V")
KNOWN_SIZE: Final = 8192
UNKNOWN_SIZE: Final = 1024


@dataclass(frozen=True, slots=True)
class Told:
    """An answer with the block it belongs to and the moment we asked."""

    answer: Any
    head: Head
    asked_at: float
    """Of the reader's clock, before the request was sent: an answer is never younger than we say."""


class Bounded(Generic[V]):
    """A dictionary that forgets what was not used for longest."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: OrderedDict[Hashable, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> V | None:
        """Return a value, or none."""
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
            return self._items.get(key)

    def put(self, key: Hashable, value: V) -> None:
        """Keep a value."""
        with self._lock:
            self._items[key] = value
            self._items.move_to_end(key)
            while len(self._items) > self._size:
                self._items.popitem(last=False)


class Recent:
    """Answers by question.

    Answers about things that the chain does not know are kept apart: whoever makes up numbers to ask about cannot push out what
    is known of real ones.
    """

    def __init__(self) -> None:
        self._known: Bounded[Told] = Bounded(KNOWN_SIZE)
        self._unknown: Bounded[Told] = Bounded(UNKNOWN_SIZE)

    def get(self, question: Hashable) -> Told | None:
        """Return the later of what was told, or none."""
        told = [one for one in (self._known.get(question), self._unknown.get(question)) if one is not None]
        return max(told, key=lambda one: one.asked_at, default=None)

    def put(self, question: Hashable, told: Told, *, known: bool) -> None:
        """Keep an answer, unless a later one is there already."""
        shelf = self._known if known else self._unknown
        before = shelf.get(question)
        if before is None or before.asked_at <= told.asked_at:
            shelf.put(question, told)

"""What the chain said, and when it was asked: in dictionaries that do not grow."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from registry.chain.endpoints import Head
    from registry.checking.trust import Seen

V = TypeVar("V")
KNOWN_SIZE: Final = 8192
UNKNOWN_SIZE: Final = 1024


@dataclass(frozen=True, slots=True)
class Told(Generic[V]):
    """An answer with the block it belongs to and the moment we asked."""

    tell: Callable[[Seen], V]
    """The answer, given when and where it was read."""
    head: Head
    asked_at: float
    """Of the reader's clock, before the request was sent: an answer is never younger than we say."""


class Forgetful(Generic[V]):
    """A dictionary that forgets what was not used for longest. For one thread at a time."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: OrderedDict[Hashable, V] = OrderedDict()

    def get(self, key: Hashable) -> V | None:
        """Return a value, or none."""
        found = self._items.get(key)
        if found is not None:
            self._items.move_to_end(key)
        return found

    def put(self, key: Hashable, value: V) -> None:
        """Keep a value."""
        self._items[key] = value
        self._items.move_to_end(key)
        while len(self._items) > self._size:
            self._items.popitem(last=False)

    def forget(self, key: Hashable) -> None:
        """Forget a value, if it is there."""
        self._items.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()


class Bounded(Generic[V]):
    """The same for several threads."""

    def __init__(self, size: int) -> None:
        self._kept: Forgetful[V] = Forgetful(size)
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> V | None:
        """Return a value, or none."""
        with self._lock:
            return self._kept.get(key)

    def put(self, key: Hashable, value: V) -> None:
        """Keep a value."""
        with self._lock:
            self._kept.put(key, value)


class Shelf(Generic[V]):
    """The same, for one thread at a time, with things that the chain does not know kept apart.

    Whoever makes up numbers to ask about cannot push out what is known of real ones.
    """

    def __init__(self, known: int = KNOWN_SIZE, unknown: int = UNKNOWN_SIZE) -> None:
        self._known: Forgetful[V] = Forgetful(known)
        self._unknown: Forgetful[V] = Forgetful(unknown)

    def get(self, key: Hashable) -> V | None:
        """Return a value, or none."""
        found = self._known.get(key)
        return self._unknown.get(key) if found is None else found

    def put(self, key: Hashable, value: V, *, known: bool) -> None:
        """Keep a value."""
        kept, other = (self._known, self._unknown) if known else (self._unknown, self._known)
        other.forget(key)
        kept.put(key, value)

    def forget(self, key: Hashable) -> None:
        """Forget a value, if it is there."""
        self._known.forget(key)
        self._unknown.forget(key)

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()
        self._unknown.clear()

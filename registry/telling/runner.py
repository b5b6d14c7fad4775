"""Takes deliveries from the queue and sends them, one after the other, until there is nothing to do."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from registry.enforcement.deliveries import Channel, Delivery, Sends, State
from registry.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_log = logging.getLogger(__name__)


class Queue(Protocol):
    """Where work is taken from, such as `registry.storage.deliveries`."""

    def take(self, channels: Iterable[Channel], now: int, most: int = 1) -> list[Delivery]:
        """Return deliveries that are due, for the caller alone."""

    def sent(self, delivery: Delivery, now: int) -> None:
        """Note that one arrived."""

    def failed(self, delivery: Delivery, error: str, now: int, *, is_final: bool = False) -> State:
        """Note that one did not."""


@dataclass(frozen=True, slots=True)
class Done:
    """How many deliveries went which way."""

    sent: int = 0
    failed: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class Runner:
    """Sends what is due by the channels that it can send by."""

    queue: Queue
    senders: Mapping[Channel, Sends]
    clock: Callable[[], float] = time.time

    def once(self) -> Done:
        """Send everything that is due; returns what became of it. Raises `StoreError` if the queue cannot be asked."""
        counts = {State.SENT: 0, State.FAILED: 0, State.DEAD: 0}
        while taken := self.queue.take(self.senders, int(self.clock())):
            for delivery in taken:
                counts[self._send(delivery)] += 1
        return Done(counts[State.SENT], counts[State.FAILED], counts[State.DEAD])

    def _send(self, delivery: Delivery) -> State:
        try:
            self.senders[delivery.channel](delivery)
        except DeliveryError as error:
            state = self.queue.failed(delivery, error.message, int(self.clock()), is_final=error.is_final)
            _log.warning("delivery %s, attempt %d: %s: %s", delivery.id, delivery.attempts, state, error.message)
            return state
        self.queue.sent(delivery, int(self.clock()))
        _log.info("delivery %s is sent", delivery.id)
        return State.SENT

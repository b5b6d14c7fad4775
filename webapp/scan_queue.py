"""Keeps the recording of scans off the way of a check: a bounded queue, and one thread that stores what is in it.

To note a scan costs microseconds, waits for nothing and cannot fail. What is noted is stored within half a second, many scans
in one transaction. If the database is away, the queue fills, and then scans are dropped and counted; if the process is killed,
what it had not stored yet is counted by the next one in its slot (docs/decisions/0015-scan-queue.md).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Final

from registry.errors import TouchstoneError
from registry.storage.histories import HOUR
from registry.storage.scans import Channel, Scan
from webapp.visits import NOBODY

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.checking.verdicts import Verdict
    from registry.storage.scans import Scans
    from webapp.slots import Slot
    from webapp.visits import Visit

_log = logging.getLogger(__name__)

EVERY: Final = 0.5
"""Seconds between two transactions: with the time that one takes, no scan waits for more than a second."""
AT_ONCE: Final = 2_000
"""Scans in one transaction."""
MOST: Final = 50_000
"""Scans that may wait: some ten seconds of a crowd, a few megabytes."""
LONGEST_SERIAL: Final = 20
ENDS_WITHIN: Final = 5.0


class ScanQueue:
    """The queue of one process. Any thread may note a scan."""

    def __init__(
        self,
        slot: Slot,
        connect: Callable[[], Scans],
        *,
        every: float = EVERY,
        most: int = MOST,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`connect` opens the database: the thread calls it, and again if it fails."""
        self._slot = slot
        self._before = slot.accepted
        self._connect = connect
        self._every = every
        self._most = most
        self._clock = clock
        self._waiting: deque[Scan] = deque()
        self._lock = threading.Lock()
        self._dropped = 0
        self._is_away = False
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._store_for_ever, name="scans", daemon=True)

    @property
    def waiting(self) -> int:
        """How many scans are not stored yet."""
        return len(self._waiting)

    def start(self) -> None:
        """Begin to store. A process calls it once, after it was forked."""
        self._thread.start()

    def note(self, verdict: Verdict, channel: Channel, visit: Visit = NOBODY) -> None:
        """Note a check, if it named a unit. Waits for nothing and raises nothing.

        It is weighed by the unit's history if a person opened a whole label; then its hour is noted, and not its second.
        """
        unit = verdict.unit
        if unit is None or not 0 < len(unit.serial) <= LONGEST_SERIAL or not unit.serial.isascii():
            return
        if visit.device and channel is Channel.PAGE and verdict.proof is not None:
            hour = verdict.checked_at // HOUR * HOUR
            scan = Scan(unit.gtin, unit.serial, hour, verdict.registration.value, channel, visit.region, visit.device)
        else:
            scan = Scan(unit.gtin, unit.serial, verdict.checked_at, verdict.registration.value, channel)
        with self._lock:
            self._slot.accept()
            if len(self._waiting) < self._most:
                self._waiting.append(scan)
            else:
                self._dropped += 1

    def stop(self) -> None:
        """Store what waits and end, within some seconds. What is noted from now on is counted as lost."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join(ENDS_WITHIN)

    # --------------------------------------------------------------------------------------------- in the thread

    def _store_for_ever(self) -> None:
        scans: Scans | None = None
        try:
            while not self._end.is_set():
                scans = scans or self._begin()
                if scans is not None:
                    self._store(scans)
                self._end.wait(self._every)
            if scans is not None:
                self._store(scans)
        finally:
            if scans is not None:
                scans.close()

    def _begin(self) -> Scans | None:
        """Open the database, and count what the last owner of our slot left; none if it is not to be had now."""
        try:
            scans = self._connect()
            try:
                if lost := scans.settle(self._slot.name, self._before, int(self._clock())):
                    _log.warning("%d scans were lost when a process was killed", lost)
            except BaseException:
                scans.close()
                raise
        except TouchstoneError as error:
            self._say_away(error)
            return None
        return scans

    def _store(self, scans: Scans) -> None:
        """Store everything that waits, in parts; what cannot be stored goes on waiting."""
        while self._waiting or self._dropped:
            with self._lock:
                part = list(islice(self._waiting, AT_ONCE))
                dropped = self._dropped
            try:
                scans.add(self._slot.name, part, dropped=dropped, at=int(self._clock()))
            except TouchstoneError as error:
                self._say_away(error)
                return
            with self._lock:
                for _ in part:
                    self._waiting.popleft()
                self._dropped -= dropped
            if self._is_away:
                self._is_away = False
                _log.warning("scans are stored again")

    def _say_away(self, error: TouchstoneError) -> None:
        if not self._is_away:
            self._is_away = True
            _log.warning("scans cannot be stored now, up to %d wait: %s", self._most, error)

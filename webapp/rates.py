"""How much may be checked in a minute: from one network, and of one label by one network.

A network is an IPv4 address or the first 64 bits of an IPv6 one. Behind one there may be a shop, a customs hall or a village,
so that the limit is far above what people do, and is there for programs that ask without end. One label alone has no limit: a
code that was copied onto a thousand products is what buyers have to be told of. A private address is that of a proxy that
names no other, and is not counted.

A worker counts in memory: that takes a microsecond, and waits for nobody. Once a second it adds the counts of networks that ask
much to the database that workers share, and learns what the others counted. If that database is away, each worker goes on by
what it counted itself: whoever cannot count refuses nobody.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import threading
import time
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, Final

from flask import g, request
from werkzeug.exceptions import TooManyRequests

from registry.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Flask

    from registry.storage.rates import Rates

_log = logging.getLogger(__name__)

MINUTE: Final = 60
PER_MINUTE: Final = 1200
"""Checks from one network, unless a setting says otherwise: twenty a second, without a pause."""
OF_ONE: Final = 4
"""Into how many parts that is divided for one label."""
MUCH: Final = 20
"""Whoever asked for a twentieth of the limit is worth a row that workers share."""
MOST: Final = 100_000
"""Networks that are counted in a minute: more are not, and are let pass."""
EVERY: Final = 1.0
KEY_BYTES: Final = 10
RATED: Final = "touchstone.rated"
"""Where a request keeps that it was counted: the seconds that it has to wait, or 0."""
WEIGHTS: Final = {"check.photo": 10, "inspect.inspect": 30, "inspect.codes": 10}
"""Questions that take more than one check does."""
COUNTED: Final = frozenset({"check", "api", "again", "inspect", "resolver"})
"""Blueprints whose questions are counted."""


class Limiter:
    """Counts the questions of one worker. Any thread may ask."""

    def __init__(
        self,
        *,
        per_minute: int = PER_MINUTE,
        address: str = "REMOTE_ADDR",
        secret: bytes | None = None,
        connect: Callable[[], Rates] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`address` is the variable with the reader's address; `secret`, the same for all workers, hides it in the database.

        Without `secret` or `connect` each worker counts for itself.
        """
        self._limit = per_minute
        self._address = address
        self._secret = secret or secrets.token_bytes(32)
        self._connect = connect if secret else None
        self._clock = clock
        self._lock = threading.Lock()
        self._minute = 0
        self._taken: dict[str, int] = {}
        self._sent: dict[str, int] = {}
        self._others: dict[str, int] = {}
        self._rates: Rates | None = None
        self._is_away = False
        self.refused = 0
        """How many questions were refused, for whoever watches."""

    def wait(self, environ: Mapping[str, Any], *, about: str = "", weight: int = 1) -> int:
        """Count a question, and return how many seconds its network has to wait; 0 if it may ask.

        `about` is what it asks about, if that is one label.
        """
        network = network_of(str(environ.get(self._address, "")).strip())
        if not network or not self._limit:
            return 0
        now = int(self._clock())
        if now // MINUTE != self._minute:
            self._begin(now // MINUTE)
        if self._is_over(network, weight) or (about and self._is_over(f"{network} {about}", weight)):
            self.refused += 1
            return MINUTE - now % MINUTE
        return 0

    def _limit_of(self, bucket: str) -> int:
        """Return the limit of a network, or of a label that a network asks about."""
        return max(self._limit // OF_ONE, 1) if " " in bucket else self._limit

    def _begin(self, minute: int) -> None:
        with self._lock:
            if minute != self._minute:
                self._minute, self._taken, self._sent, self._others = minute, {}, {}, {}

    def _is_over(self, bucket: str, weight: int) -> bool:
        taken = self._taken.get(bucket, 0) + weight
        if taken == weight and len(self._taken) >= MOST:
            return False
        self._taken[bucket] = taken
        return taken + self._others.get(bucket, 0) > self._limit_of(bucket)

    # ------------------------------------------------------------------------------------------------ between workers

    def start(self) -> None:
        """Begin to share counts. A process calls it once, after it was forked."""
        if self._connect is not None:
            threading.Thread(target=self._share_for_ever, name="rates", daemon=True).start()

    def share(self) -> None:
        """Add what was counted since the last time, and learn what others counted. Raises `StoreError`."""
        if self._connect is None:
            return
        minute = self._minute
        counted = {bucket: taken for bucket, taken in list(self._taken.items()) if taken * MUCH >= self._limit_of(bucket)}
        if not counted:
            return
        if self._rates is None:
            self._rates = self._connect()
        names = {self._hidden(bucket, minute): bucket for bucket in counted}
        more = {name: counted[bucket] - self._sent.get(bucket, 0) for name, bucket in names.items()}
        totals = self._rates.add(minute, more)
        with self._lock:
            if minute != self._minute:
                return
            for name, total in totals.items():
                self._sent[names[name]] = counted[names[name]]
                self._others[names[name]] = total - counted[names[name]]

    def _share_for_ever(self) -> None:
        while True:
            time.sleep(EVERY)
            try:
                self.share()
            except StoreError as error:
                if not self._is_away:
                    _log.warning("counts of checks are not shared between workers: %s", error.message)
                self._is_away, self._rates = True, None
            else:
                if self._is_away:
                    _log.info("counts of checks are shared between workers again")
                self._is_away = False

    def _hidden(self, bucket: str, minute: int) -> str:
        """Return the key under which a network is counted: another each hour, and none can be tested without the secret."""
        return hmac.digest(self._secret, f"{minute // MINUTE} {bucket}".encode(), "sha256")[:KEY_BYTES].hex()


@lru_cache(4096)
def network_of(address: str) -> str:
    """Return the network of a public address; nothing for any other."""
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or found
    if not found.is_global:
        return ""
    return f"{int(found) >> 64:x}" if isinstance(found, IPv6Address) else str(found)


def register(app: Flask, limiter: Limiter) -> None:
    """Count what is checked, and refuse what is too much; of an officer who is signed in, nothing is."""

    def count() -> None:
        asked = request
        if (asked.blueprint or "") not in COUNTED or g.get("officer") is not None:
            return
        wait = asked.environ.get(RATED)
        if wait is None:
            wait = limiter.wait(asked.environ, weight=WEIGHTS.get(asked.endpoint or "", 1))
        if wait:
            raise TooManyRequests(retry_after=wait)

    app.before_request(count)

"""Reads tree files from an object store, or whatever else answers HTTP range requests (RFC 9110 § 14)."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import urllib3

from registry.errors import DocumentError, StoreUnavailable

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

WITHIN: Final = urllib3.Timeout(connect=2.0, read=5.0)
"""Seconds: a person waits for the answer."""
TRIES: Final = urllib3.Retry(total=2, backoff_factor=0.1, redirect=0, raise_on_status=False)
CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


def connections() -> urllib3.PoolManager:
    """Return what keeps connections to an archive open. Threads may share it."""
    return urllib3.PoolManager(num_pools=4, maxsize=16, timeout=WITHIN, retries=TRIES)


def is_address(place: str) -> bool:
    """Say whether a place is an address and no folder."""
    return urlsplit(place).scheme in {"http", "https"}


class ObjectSource:
    """One object, read by ranges. Threads may share it.

    Its methods raise `FileNotFoundError` if there is no such object, `StoreUnavailable` if it could not be asked for, and
    `DocumentError` if it ends before what was asked.
    """

    def __init__(self, address: str, pool: urllib3.PoolManager) -> None:
        self._address = address
        self._pool = pool
        self.size = self._ask(0, 1)[1]

    def read(self, offset: int, size: int) -> bytes:
        """Return exactly so many bytes."""
        if size == 0:
            return b""
        if offset + size > self.size:
            raise DocumentError(f"the object ends {offset + size - self.size} bytes early")
        data, whole = self._ask(offset, size)
        if len(data) != size or whole != self.size:
            raise StoreUnavailable(f"the archive answered with {len(data)} bytes, expected {size} of {self.size}")
        return data

    def close(self) -> None:
        """Hold nothing."""

    def _ask(self, offset: int, size: int) -> tuple[bytes, int]:
        """Return a range of bytes, and the size of the whole object."""
        try:
            answer = self._pool.request(
                "GET",
                self._address,
                headers={"Range": f"bytes={offset}-{offset + size - 1}", "Accept-Encoding": "identity"},
                preload_content=False,
            )
            try:
                return self._checked(answer, offset, size)
            finally:
                answer.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise StoreUnavailable(
                f"the archive could not be asked: {type(error).__name__}", hint="see that it runs and may be reached"
            ) from error

    @staticmethod
    def _checked(answer: BaseHTTPResponse, offset: int, size: int) -> tuple[bytes, int]:
        if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            raise FileNotFoundError(answer.status, "the archive has no such object")
        told = CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if answer.status != HTTPStatus.PARTIAL_CONTENT or told is None or int(told[1]) != offset:
            raise StoreUnavailable(
                f"the archive answered with status {answer.status}, expected 206 and the range that was asked for",
                hint="it must serve ranges of bytes",
            )
        return answer.read(size + 1), int(told[3])

"""A place in the row of web processes, with a counter that outlives whoever holds it.

Each web process holds one slot: a small file, locked as long as the process lives, mapped into its memory. The kernel keeps
what was written there however the process ends, and lets go of the lock, so that the next process finds how many scans its
predecessor had accepted.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from registry.errors import StoreUnavailable

if TYPE_CHECKING:
    from pathlib import Path

_FORM: Final = struct.Struct("16sQ")
"""A name that no other slot has, and how many scans were accepted since the file was made."""
_COUNT: Final = struct.Struct("Q")
_COUNT_AT: Final = 16
MOST: Final = 1024


class Slot:
    """One slot, held by this process. `accepted` grows by one thread at a time."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        size = os.fstat(descriptor).st_size
        if size < _FORM.size:  # new, or its maker was killed before anything was counted
            os.pwrite(descriptor, _FORM.pack(uuid.uuid4().bytes, 0), 0)
        self._memory = mmap.mmap(descriptor, _FORM.size)
        name, accepted = _FORM.unpack(self._memory[:])
        self._accepted = int(accepted)
        self.name: str = name.hex()

    @classmethod
    def hold(cls, folder: Path) -> Self:
        """Take the first slot that nobody holds. Raises `StoreUnavailable` if the folder cannot be written to."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(MOST):
                descriptor = os.open(folder / f"{number}.slot", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                with suppress(BlockingIOError):
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return cls(descriptor)
                os.close(descriptor)
        except OSError as error:
            raise StoreUnavailable(f"the counters of scans cannot be kept in {folder}: {error.strerror}") from error
        raise StoreUnavailable(f"all {MOST} slots in {folder} are held, expected one that is free")

    @property
    def accepted(self) -> int:
        """How many scans were accepted in this slot, by this process and those before it."""
        return self._accepted

    def accept(self) -> None:
        """Count one more."""
        self._accepted += 1
        _COUNT.pack_into(self._memory, _COUNT_AT, self._accepted)

    def release(self) -> None:
        """Let go of it."""
        self._memory.close()
        os.close(self._descriptor)

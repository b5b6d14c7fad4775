"""Reads photos in processes of their own, so that no picture can hold, crash or fill the process that answers.

Whoever asks keeps a few *keepers*: small processes that have the picture libraries in memory and nothing else, no settings and
no secret. For each photo a keeper divides in two, and the new half reads that one photo, under limits that the system enforces
even if a decoder loops, crashes or leaks:

- an alarm whose default is death, set before the first byte is received: `SECONDS` by the clock on the wall;
- `MEMORY` bytes of address space: what asks for more is refused, and if that is its death it dies alone;
- no core dump, and no file can be written.

Nothing of a photo is left when that half has ended. If it ended in any way but with an answer, its keeper ends in the same way,
and another is started for the next photo. An idle keeper ends when its socket has no other end, however its parent ended; one
whose photo is being read, after the alarm at the latest. Nothing is started before the first photo.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

from registry.errors import ImageError, Overloaded, WorkerLost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_log = logging.getLogger(__name__)

MAX_BYTES: Final = 20_000_000
SECONDS: Final = 1.8
"""From when a photo is handed over to when its process is killed: a person has an answer within 2."""
START: Final = 10.0
"""Seconds that a keeper may take until it is ready; it takes a tenth of one."""
GRACE: Final = 1.0
"""Seconds after which a keeper that does not even report its death is killed by its owner."""
MEMORY: Final = 256 * 2**20
"""Bytes of address space, code and libraries included."""
AT_ONCE: Final = 2
"""Photos that are read at the same time."""
WAITING: Final = 2
"""Photos that may wait for that; with those that are read they hold half of the site's threads, and never all."""
PATIENCE: Final = 2.0
"""Seconds that a photo waits at most."""
POLITE: Final = 5
"""Niceness of those who read photos: checks come first."""
LONGEST_ANSWER: Final = 8 * 2**20
CODES: Final = b"r"
COPY: Final = b"c"
"""What is wanted of a photo: the first byte of what is handed over."""
_LENGTH: Final = struct.Struct("!Q")
_DIED: Final = 128
"""As shells do it: a keeper's exit code is this and the number of the signal that ended its other half."""


class PhotoReaders:
    """The keepers of one process; any thread may ask. A process that forks is to do so before it asks for the first time."""

    def __init__(self, *, at_once: int = AT_ONCE, waiting: int = WAITING, patience: float = PATIENCE) -> None:
        """`patience` is how many seconds a photo waits for others."""
        self._room = threading.BoundedSemaphore(at_once + waiting)
        self._patience = patience
        self._free: queue.LifoQueue[_Keeper | None] = queue.LifoQueue()
        for _ in range(at_once):
            self._free.put(None)

    def decode(self, data: bytes) -> tuple[str, ...]:
        """Return the texts of the QR codes in a file, as `registry.photos.reading.decode` does in a process of its own.

        Raises `ImageError` as that does, with the reason `too_large` for too many bytes, `too_slow` if the time was up, and
        `damaged` if a decoder crashed; `Overloaded` if too many photos are being read, and `WorkerLost` if no process can be
        started.
        """
        return tuple(str(code) for code in json.loads(self._had(CODES, data)))

    def copy(self, data: bytes) -> bytes:
        """Return a JPEG of what a file shows, as `registry.photos.copying.copied` does. Raises as `decode` does."""
        return self._had(COPY, data)

    def _had(self, wanted: bytes, data: bytes) -> bytes:
        if len(data) > MAX_BYTES:
            raise ImageError(f"found {len(data)} bytes, expected at most {MAX_BYTES}", reason="too_large")
        if not self._room.acquire(blocking=False):
            raise _overloaded()
        try:
            try:
                keeper = self._free.get(timeout=self._patience)
            except queue.Empty:
                raise _overloaded() from None
            kept: _Keeper | None = None
            try:
                if keeper and keeper.has_ended():
                    keeper.close()
                    keeper = None
                keeper = keeper or _Keeper()
                answer = keeper.ask(wanted + data)
                kept = keeper
            finally:
                self._free.put(kept)
        finally:
            self._room.release()
        return _told(answer)

    def close(self) -> None:
        """Send away the keepers that are idle; those at work end by themselves."""
        with suppress(queue.Empty):
            while True:
                if keeper := self._free.get_nowait():
                    keeper.close()


class _Keeper:
    """The asking end of one keeper, used by one thread at a time."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import keep; keep({theirs.fileno()})"
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-c", code],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    env={},  # nothing that is secret is where strangers' files are decoded
                )
            except OSError as error:
                self._socket.close()
                raise WorkerLost(f"a process for photos cannot be started: {error.strerror or error}") from error
        try:
            self._socket.settimeout(START)
            _received(self._socket, 0)
        except OSError as error:
            raise WorkerLost(f"a process for photos ended with exit code {self.close()} before it was ready") from error

    def has_ended(self) -> bool:
        """Say whether it has ended, for whatever reason, since the last photo."""
        return self._process.poll() is not None

    def ask(self, data: bytes) -> bytes:
        """Hand a photo over and return the answer. Raises `ImageError`, and is of no more use then."""
        self._socket.settimeout(SECONDS + GRACE)
        try:
            self._socket.sendall(_LENGTH.pack(len(data)))
            self._socket.sendall(data)
            return _received(self._socket, LONGEST_ANSWER)
        except OSError as error:
            code = self.close()
            _log.warning("a photo ended the process that read it, with exit code %d", code)
            if code in {_DIED + signal.SIGALRM, -signal.SIGKILL}:
                raise ImageError(f"found no answer within {SECONDS} seconds", reason="too_slow") from error
            raise ImageError(f"the picture ends what decodes it (exit code {code})", reason="damaged") from error
        except BaseException:
            self.close()
            raise

    def close(self) -> int:
        """Let the keeper go, and return its exit code; it is killed if it does not."""
        self._socket.close()
        try:
            return self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def _told(answer: bytes) -> bytes:
    """Return what an answer holds, or raise its `ImageError`. An answer is plain data: nothing in it is run."""
    head, _, content = answer.partition(b"\n")
    said = json.loads(head)
    if "reason" in said:
        raise ImageError(str(said["message"]), reason=str(said["reason"]))
    return content


def _overloaded() -> Overloaded:
    return Overloaded("too many photos are being read, expected one that is done", hint="send the photo again in a moment")


def _received(end: socket.socket, most: int) -> bytes:
    """Return a message. Raises `OSError` if it is too long, and if there is none."""
    (length,) = _LENGTH.unpack(_exactly(end, _LENGTH.size))
    if length > most:
        raise OSError(f"found a message of {length} bytes, expected at most {most}")
    return _exactly(end, length)


def _exactly(end: socket.socket, length: int) -> bytes:
    got = bytearray(length)
    view = memoryview(got)
    while view:
        if not (size := end.recv_into(view)):
            raise ConnectionResetError("the other end has gone")
        view = view[size:]
    return bytes(got)


# ------------------------------------------------------------------------------------------------------------ in a keeper


def keep(descriptor: int) -> NoReturn:
    """Have each photo that comes through the socket read, until the socket has no other end."""
    # Ctrl-C goes to the whole group of processes; the parent decides what it means. Nobody is to catch or to hold up the alarm.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    # Whoever asks needs no picture library, and never imports one.
    from registry.photos import copying, reading  # noqa: PLC0415  # so that only a keeper loads them

    reading.warm_up()
    for limit, value in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_AS, MEMORY)):
        resource.setrlimit(limit, (value, value))
    os.nice(POLITE)
    with socket.socket(fileno=descriptor) as end:
        end.sendall(_LENGTH.pack(0))
        while end.recv(1, socket.MSG_PEEK):
            if not (half := os.fork()):
                _read_one(end, {CODES: lambda data: json.dumps(reading.decode(data)).encode(), COPY: copying.copied})
            if code := os.waitstatus_to_exitcode(os.waitpid(half, 0)[1]):
                os._exit(_DIED - code if code < 0 else code)
    os._exit(0)


def _read_one(end: socket.socket, ways: Mapping[bytes, Callable[[bytes], bytes]]) -> NoReturn:
    """Receive and read the photo that comes next, answer, and end."""
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        asked = _received(end, len(CODES) + MAX_BYTES)
        answer = _answer(asked[len(CODES) :], ways[asked[: len(CODES)]])
        end.sendall(_LENGTH.pack(len(answer)) + answer)
    except BaseException:  # noqa: BLE001  # whatever it is, this half ends here and never goes on as a keeper
        os._exit(1)
    os._exit(0)


def _answer(data: bytes, way: Callable[[bytes], bytes]) -> bytes:
    """Return a line of JSON, and behind it what was found."""
    try:
        return b"{}\n" + way(data)
    except ImageError as error:
        return json.dumps({"reason": error.reason, "message": error.message}).encode()

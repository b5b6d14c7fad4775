"""A crowd at the door: asks a site many questions at once, checks every answer, and says how long each took.

    python -m tests.bench.load --port 8000 --questions FILE --seconds 10 [--rate 2000]

Without a rate every connection asks again as soon as it is answered. With one, questions come at fixed moments whether or not
earlier ones are answered, and an answer's time counts from the moment at which its question was due: a site that stands still
for a second cannot hide it. One process, one thread and plain sockets, so that the generator costs little beside the site.

The questions file has one line a question: the request's target, a tab, and what the answer must hold.
"""

from __future__ import annotations

import argparse
import errno
import json
import select
import signal
import socket
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

CONNECTIONS: Final = 16
PATIENCE: Final = 10.0
"""Seconds without any answer after which the site counts as gone."""
TICK: Final = 0.05
"""Seconds after which it looks whether the time is up."""
READ: Final = 65536
SHOWN: Final = 5
LOST: Final = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNREFUSED, errno.ECONNABORTED})
RECONNECT_WITHIN: Final = 5.0
"""A worker that was killed is back by then, or another one listens."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and what must be in the answer, whose status must be 200."""

    target: str
    expected: str

    def request(self, host: str) -> bytes:
        """Return it as it is sent."""
        return f"GET {self.target} HTTP/1.1\r\nHost: {host}\r\nAccept-Language: en\r\n\r\n".encode("ascii")


@dataclass(slots=True)
class Load:
    """What a crowd met with."""

    connections: int
    rate: float | None
    """Questions a second as asked for; none: as fast as they are answered."""
    seconds: float = 0.0
    answers: int = 0
    wrong: int = 0
    """Answers with another status or without what they must hold."""
    unanswered: int = 0
    """Asked twice, and no answer."""
    retried: int = 0
    """Asked a second time because the connection was lost, as any browser and proxy does with a GET."""
    examples: list[str] = field(default_factory=list)
    """The first wrong answers."""
    times: list[float] = field(default_factory=list)
    """Seconds until each answer, in the order in which they came."""

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds if self.seconds else 0.0

    def within(self, share: float) -> float:
        """Return the seconds in which this share of the questions was answered."""
        return sorted(self.times)[min(int(share * len(self.times)), len(self.times) - 1)] if self.times else float("nan")

    def as_json(self) -> dict[str, object]:
        """Return what a person wants to know, times in milliseconds."""
        told = asdict(self)
        del told["times"]
        percentiles = {f"p{share * 100:g}_ms": round(self.within(share) * 1e3, 2) for share in (0.5, 0.9, 0.99, 0.999, 1.0)}
        return {**told, "per_second": round(self.per_second, 1), **percentiles}


@dataclass(slots=True)
class _Caller:
    """One connection and the question that it waits for."""

    line: socket.socket | None = None
    question: int = -1
    due: float = 0.0
    again: bool = False
    got: bytearray = field(default_factory=bytearray)


class Crowd:
    """Asks one site. One object serves one run."""

    def __init__(self, port: int, questions: Sequence[Question], *, host: str = "", connections: int = CONNECTIONS) -> None:
        """Ask the site on this machine at `port`, under the name `host`, the questions in turn, over and over."""
        self._address = ("127.0.0.1", port)
        named = host or f"127.0.0.1:{port}"
        self._requests = [question.request(named) for question in questions]
        self._expected = [question.expected.encode() for question in questions]
        self._targets = [question.target for question in questions]
        self._callers = [_Caller() for _ in range(connections)]
        self._poll = select.epoll()
        self._by_line: dict[int, _Caller] = {}
        self._idle: deque[_Caller] = deque(self._callers)
        self._next = 0
        self._over = False

    def stop(self) -> None:
        """Ask nothing more; `run` returns when everything is answered."""
        self._over = True

    def run(self, seconds: float, rate: float | None = None) -> Load:
        """Ask for so long; ends by itself, at the latest `PATIENCE` after the site's last answer."""
        load = Load(len(self._callers), rate)
        began = time.perf_counter()
        try:
            self._ask(load, began, began + seconds, rate)
        finally:
            load.seconds = time.perf_counter() - began
            for caller in self._callers:
                self._hang_up(caller)
            self._poll.close()
        return load

    def _ask(self, load: Load, began: float, end: float, rate: float | None) -> None:
        due: deque[float] = deque()
        planned, heard = 0, began
        while True:
            now = time.perf_counter()
            if self._over:
                end = min(end, now)
                due.clear()
            if rate is not None:
                while now < end and began + planned / rate <= now:
                    due.append(began + planned / rate)
                    planned += 1
            elif now < end:
                due.extend([now] * (len(self._idle) - len(due)))
            while due and self._idle:
                self._say(self._idle.popleft(), due.popleft(), load)
            if now >= end and not due and len(self._idle) == len(self._callers):
                return
            if now - heard > PATIENCE:
                load.unanswered += len(self._callers) - len(self._idle) + len(due)
                return
            until_next = began + planned / rate - now if rate is not None and now < end else TICK
            for number, _ in self._poll.poll(min(max(until_next, 0.0), TICK)):
                heard = time.perf_counter()
                self._hear(self._by_line[number], load, heard)

    def _say(self, caller: _Caller, due: float, load: Load) -> None:
        caller.question, caller.due, caller.again = self._next, due, False
        self._next = (self._next + 1) % len(self._requests)
        self._send(caller, load)

    def _send(self, caller: _Caller, load: Load) -> None:
        try:
            if caller.line is None:
                self._call(caller)
            assert caller.line is not None
            caller.line.sendall(self._requests[caller.question])
        except OSError as error:
            self._lost(caller, load, error)

    def _hear(self, caller: _Caller, load: Load, now: float) -> None:
        assert caller.line is not None
        try:
            part = caller.line.recv(READ)
        except OSError as error:
            self._lost(caller, load, error)
            return
        if not part:
            self._lost(caller, load, OSError(errno.ECONNRESET, "the site closed the connection"))
            return
        caller.got += part
        if (size := _length(caller.got)) is None or len(caller.got) < size:
            return
        load.times.append(now - caller.due)
        load.answers += 1
        if not caller.got.startswith(b"HTTP/1.1 200") or self._expected[caller.question] not in caller.got:
            load.wrong += 1
            if len(load.examples) < SHOWN:
                head, _, body = bytes(caller.got).partition(b"\r\n\r\n")
                load.examples.append(f"{self._targets[caller.question]}: {head[:40]!r} {body[:600]!r}")
        caller.got.clear()
        caller.question = -1
        self._idle.append(caller)

    def _lost(self, caller: _Caller, load: Load, error: OSError) -> None:
        """Ask again on a new connection, once."""
        self._hang_up(caller)
        if caller.question < 0:  # it waited for nothing
            return
        if caller.again or error.errno not in LOST:
            load.unanswered += 1
            if len(load.examples) < SHOWN:
                load.examples.append(f"{self._targets[caller.question]}: {error}")
            caller.question = -1
            self._idle.append(caller)
            return
        caller.again = True
        load.retried += 1
        self._send(caller, load)

    def _call(self, caller: _Caller) -> None:
        until = time.perf_counter() + RECONNECT_WITHIN
        while True:
            try:
                line = socket.create_connection(self._address, timeout=PATIENCE)
                break
            except ConnectionRefusedError:
                if time.perf_counter() > until:
                    raise
                time.sleep(0.01)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        caller.line = line
        self._by_line[line.fileno()] = caller
        self._poll.register(line.fileno(), select.EPOLLIN)

    def _hang_up(self, caller: _Caller) -> None:
        if caller.line is not None:
            self._poll.unregister(caller.line.fileno())
            del self._by_line[caller.line.fileno()]
            caller.line.close()
            caller.line = None
        caller.got.clear()


def _length(got: bytearray) -> int | None:
    """Return the bytes of the whole answer, or none while its head is not whole. Every answer of the sites names its length."""
    end = got.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(got[:end]).lower()
    place = head.find(b"\r\ncontent-length:")
    if place < 0:
        raise ValueError(f"found an answer without a length, expected one: {head[:200]!r}")
    return end + 4 + int(head[place + 17 :].split(b"\r\n", 1)[0])


def read_questions(lines: Iterable[str]) -> Iterator[Question]:
    """Read a questions file."""
    for line in lines:
        target, _, expected = line.rstrip("\n").partition("\t")
        yield Question(target, expected)


def write_questions(path: Path, questions: Iterable[Question]) -> None:
    """Write a questions file."""
    with path.open("w", encoding="ascii") as stream:
        stream.writelines(f"{question.target}\t{question.expected}\n" for question in questions)


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask a site, and print what was met with as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.load", description="Ask a site many questions at once.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=float, help="questions a second; without it as many as are answered")
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--host", default="", help="the name under which the site is asked")
    told = parser.parse_args(arguments)
    with told.questions.open(encoding="ascii") as stream:
        questions = list(read_questions(stream))
    crowd = Crowd(told.port, questions, host=told.host, connections=told.connections)
    signal.signal(signal.SIGTERM, lambda *_: crowd.stop())
    json.dump(crowd.run(told.seconds, told.rate).as_json(), sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()

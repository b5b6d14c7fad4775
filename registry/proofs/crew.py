"""Worker processes: one function over many tasks, on every core (docs/decisions/0018-sealing-in-processes.md).

Each worker is a fresh interpreter that imports what its functions need and nothing else: not the program that started it,
whose libraries for chain and database would cost every worker a second and a hundred megabytes. It is bound to its parent by a
socket, and a worker whose socket has no other end is gone at once, in the middle of a task if need be: no way to end the
parent leaves a process behind. Where there is little to do, the work is done in the calling process.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import traceback
from multiprocessing import connection as pipes
from typing import TYPE_CHECKING, Any, Final, Generic, NoReturn, Self, TypeVar, cast

from registry.errors import WorkerLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

State = TypeVar("State")
Task = TypeVar("Task")
Result = TypeVar("Result")

FEW: Final = 5_000
"""Units up to which starting a process takes longer than the work."""
MAX_WORKERS: Final = 8
"""More than these wait for the disk and for the process that hands out the work."""
IN_HAND: Final = 2
"""Tasks that a worker has at once, so that it never waits for the next."""
AHEAD: Final = 4
"""Tasks per worker that may be done before the first of them is taken."""
PATIENCE: Final = 5.0
"""Seconds that a worker has to go."""


def hands(units: int, wanted: int | None = None) -> int:
    """Return the number of workers for so many units: as many as wanted or as there are cores, and one where they are few."""
    if units <= FEW:
        return 1
    return min(len(os.sched_getaffinity(0)), MAX_WORKERS) if wanted is None else max(wanted, 1)


class Crew(Generic[State]):
    """Some workers, each with a state of its own; to be used in a `with` block by one thread.

    `setup`, its arguments and every function are importable from a module, and light to import; they, tasks and results are
    small, because they travel through a pipe. With one worker there is no process: all is done where the crew is called.
    """

    def __init__(self, setup: Callable[..., State], *arguments: object, workers: int) -> None:
        """Start the workers, and have each make its state. Raises what `setup` raises, and `WorkerLost`."""
        self._workers: list[_Worker] = []
        self._alone = workers <= 1
        if self._alone:
            self._state = setup(*arguments)
            return
        try:
            for _ in range(workers):
                self._workers.append(_Worker())
            for worker in self._workers:
                worker.give(_make_state, (0, (setup, arguments)))
            for worker in self._workers:
                worker.take()
        except BaseException:
            self.close()
            raise

    def map(self, function: Callable[[State, Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Yield what the function makes of each task, in the order of the tasks; they are drawn as the results are taken.

        Raises what the function raises, with a note of where, and `WorkerLost` if a worker ends. After that, and after a map
        that was left early, the crew is of no more use.
        """
        if self._alone:
            for task in tasks:
                yield function(self._state, task)
            return
        try:
            yield from self._shared(function, tasks)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Send the workers away, whatever they are doing."""
        for worker in self._workers:
            worker.dismiss()
        for worker in self._workers:
            worker.wait()
        self._workers = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _shared(self, function: Callable[[State, Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        if not self._workers:
            raise WorkerLost("the workers have gone, expected them to be at work")
        left = iter(enumerate(tasks))
        done: dict[int, Result] = {}
        at_work: dict[int, _Worker] = {}
        following = 0
        while True:
            while len(done) + len(at_work) < AHEAD * len(self._workers):
                worker = min(self._workers, key=lambda worker: worker.in_hand)
                if worker.in_hand >= IN_HAND or (given := next(left, None)) is None:
                    break
                worker.give(function, given)
                at_work[given[0]] = worker
            if not at_work and not done:
                return
            while following not in done:
                for worker in _ready(self._workers):
                    number, result = worker.take()
                    done[number] = result
                    del at_work[number]
            yield done.pop(following)
            following += 1


class _Worker:
    """The parent's end of one worker."""

    def __init__(self) -> None:
        self.in_hand = 0
        self.pipe, theirs = pipes.Pipe()
        code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import serve; serve({theirs.fileno()})"
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-c", code],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                )
            except OSError as error:
                self.pipe.close()
                raise WorkerLost(f"a worker process cannot be started: {error.strerror or error}") from error

    def give(self, function: Callable[..., object], given: tuple[object, object]) -> None:
        """Hand over a numbered task."""
        try:
            self.pipe.send((function, given))
        except (BrokenPipeError, ConnectionResetError) as error:
            raise self._lost() from error
        self.in_hand += 1

    def take(self) -> tuple[int, Any]:
        """Wait for a result and return it with its number, or raise what the task raised."""
        try:
            number, result, failure = self.pipe.recv()
        except (EOFError, ConnectionResetError) as error:
            raise self._lost() from error
        self.in_hand -= 1
        if failure is not None:
            raise _restored(*failure)
        return number, result

    def dismiss(self) -> None:
        """Close the pipe, which ends the worker."""
        self.pipe.close()

    def wait(self) -> int:
        """Wait until the process has ended; one that does not is killed. Returns its exit code."""
        try:
            return self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _lost(self) -> WorkerLost:
        code = self.wait()
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return WorkerLost(
            f"a worker process ended {how} before its work was done",
            hint="nothing is stored by half: run again, and if it happens again see whether the machine runs out of memory",
        )


def _ready(workers: list[_Worker]) -> list[_Worker]:
    """Wait for workers that have an answer, or are gone."""
    by_pipe = {worker.pipe: worker for worker in workers}
    return [by_pipe[cast("Any", pipe)] for pipe in pipes.wait(list(by_pipe))]


def _restored(
    kind: type[BaseException], arguments: tuple[object, ...], members: dict[str, object], where: str
) -> BaseException:
    """Return an exception as a worker raised it: made from its parts, because not every one can be called with them."""
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    vars(error).update(members)
    error.add_note(f"in a worker process:\n{where}")
    return error


# ------------------------------------------------------------------------------------------------------------ in a worker


def serve(descriptor: int) -> NoReturn:
    """Do what comes through the socket, in a process of its own, until the socket has no other end."""
    # Ctrl-C goes to the whole group of processes; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe: pipes.Connection[bytes, bytes] = pipes.Connection(descriptor)
    heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_hear, args=(pipe, heard), daemon=True).start()
    state: object = None
    while True:
        answer, state = _answer(state, heard.get())
        try:
            pipe.send_bytes(answer)
        except OSError:
            os._exit(1)


def _hear(pipe: pipes.Connection[bytes, bytes], heard: queue.SimpleQueue[bytes]) -> NoReturn:
    """Take what comes at any time, so that neither side waits for the other; end the process when nothing can come."""
    try:
        while True:
            heard.put(pipe.recv_bytes())
    except (EOFError, OSError):
        os._exit(1)


def _make_state(_: object, given: tuple[Callable[..., object], tuple[object, ...]]) -> object:
    setup, arguments = given
    return setup(*arguments)


def _answer(state: object, asked: bytes) -> tuple[bytes, object]:
    """Return the answer to a message, and the state that the worker has from now on."""
    try:
        function, (number, task) = pickle.loads(asked)  # noqa: S301  # from our own parent
        result = function(state, task)
        if function is _make_state:
            return pickle.dumps((number, None, None)), result
        return pickle.dumps((number, result, None)), state
    except BaseException as error:  # noqa: BLE001  # whatever it is, the parent raises it
        return _failure(error), state


def _failure(error: BaseException) -> bytes:
    where = traceback.format_exc()
    try:
        return pickle.dumps((0, None, (type(error), error.args, vars(error), where)))
    except (pickle.PicklingError, TypeError, AttributeError):
        return pickle.dumps((0, None, (RuntimeError, (f"{type(error).__name__} in a worker process",), {}, where)))

"""What the workers of `test_crew` do: in a module of its own, because a worker imports it."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING, NoReturn

from registry.errors import IntakeError, LinkError, Problem
from registry.proofs.crew import Crew

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.issuing.workshop import Sign

HEAVY = {"alembic", "eth_account", "flask", "sqlalchemy", "web3"}


def nothing() -> None:
    """Make no state."""


def number(start: int) -> list[int]:
    """Make a state that counts."""
    return [start]


def no_state() -> NoReturn:
    """Fail before the first task."""
    raise LinkError("found no link", reason="none", hint="look again")


def square(_: object, task: int) -> int:
    """Do some work; the first tasks take longer than those after them."""
    time.sleep(0.02 / (task + 1))
    return task * task


def count(state: list[int], task: int) -> tuple[int, int]:
    """Change the state of this worker."""
    state[0] += task
    return os.getpid(), state[0]


def faulty(_: object, task: int) -> int:
    """Fail at one task."""
    if task == 5:
        raise IntakeError("the file has a fault", [Problem(task, "line", "this", "that")], hint="mend it")
    return task


def no_answer(_: object, task: int) -> object:
    """Return what cannot travel."""
    return lambda: task


class Stubborn(Exception):
    """An exception that cannot be pickled."""


def no_excuse(_: object, task: int) -> NoReturn:
    """Fail with what cannot travel."""
    raise Stubborn(lambda: task)


def killed(_: object, task: int) -> int:
    """End the worker at one task, as if the system had run out of memory."""
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def left(_: object, task: int) -> int:
    """Leave at one task."""
    if task == 3:
        os._exit(7)
    return task


def imported(_: object, __: int) -> list[str]:
    """Say which heavy libraries this worker has."""
    return sorted(HEAVY & set(sys.modules))


def slow(_: object, task: int) -> int:
    """Take longer than any test."""
    time.sleep(600)
    return task


def large(_: object, task: bytes) -> bytes:
    """Return more than a pipe holds."""
    return task


def refuse(*given: object) -> NoReturn:
    """Fail while secrets are at hand, and name all that was given."""
    raise LinkError(f"refused {given!r}", reason="none")


def sign_with(get_sign: Callable[[], Sign]) -> Sign:
    """Make a state that signs."""
    return get_sign()


def sign(state: Sign, digest: bytes) -> bytes:
    """Sign."""
    return state(digest)


def parent() -> None:
    """Be a parent that is killed in the middle of its workers' tasks; says who they are."""
    with Crew(nothing, workers=2) as crew:
        print(*(worker._process.pid for worker in crew._workers), flush=True)
        list(crew.map(slow, range(4)))

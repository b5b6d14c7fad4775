"""The stages of an issue that take their time, and how whoever waits is told of them."""

from __future__ import annotations

import enum
from collections.abc import Callable


class Stage(enum.StrEnum):
    """A stage whose progress is told in units."""

    READING = "reading"
    CHECKING = "checking"
    ORDERING = "ordering"
    SIGNING = "signing"
    GROWING = "growing the tree"
    STORING = "storing"


Progress = Callable[[Stage, int, int], None]
"""Is told of a stage, of the units done so far and of their total; while a file is read the total is an estimate."""


def untold(_stage: Stage, _done: int, _total: int) -> None:
    """Tell nobody."""

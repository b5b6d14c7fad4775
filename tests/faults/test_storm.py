"""A short storm over the whole road of a batch, the same each time: `make faults` runs the long one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.storm import storm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FAULTS = 16
SEED = 5


@pytest.mark.xdist_group("storm")
def test_a_short_storm_loses_nothing_and_does_nothing_twice(require_backend: Callable[[str], Path], tmp_path: Path) -> None:
    """Whatever falls: each batch is anchored once, each unit is there once, and no answer to a stranger was ever wrong."""
    for backend in ("anvil", "postgresql"):
        require_backend(backend)
    said: list[str] = []
    assert storm(tmp_path, faults=FAULTS, seed=SEED, tell=said.append) == [], "\n".join(said)

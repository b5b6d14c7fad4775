"""The small registry that the tests of the verifier look at."""

from __future__ import annotations

import pytest

from tests.checking.world import World, make_world


@pytest.fixture
def world() -> World:
    """Return two manufacturers, each with an anchored batch of a signed and a compact product."""
    return make_world()

"""Every state and every refusal is explained in docs/publishing.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from registry.publishing.refusals import Refusal
from registry.publishing.status import State

DOCUMENT: Final = (Path(__file__).parents[2] / "docs" / "publishing.md").read_text(encoding="utf-8")
ROWS: Final = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", DOCUMENT, re.MULTILINE))


@pytest.mark.parametrize("value", [*State, *Refusal])
def test_every_value_is_explained(value: str) -> None:
    """Each has a row without an empty cell."""
    assert all(re.search(r"\w{3}", cell) for cell in ROWS[value].split(" | "))


def test_nothing_else_is() -> None:
    """The tables name nothing that the code does not know."""
    assert set(ROWS) == {*State, *Refusal}

"""Every code of a verdict is explained in docs/verdicts.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from registry.checking.findings import PRECEDENCE
from registry.checking.verdicts import Binding, Code, History, Registration

DOCUMENT: Final = (Path(__file__).parents[2] / "docs" / "verdicts.md").read_text(encoding="utf-8")
AXES: Final = {"Registration": Registration, "Reasons": Code, "History": History, "Binding": Binding}


def rows(section: str) -> dict[str, list[str]]:
    """Return the table of a section: its cells by code."""
    body = DOCUMENT.split(f"\n## {section}\n")[1].split("\n## ")[0]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in body.splitlines() if line.startswith("| `")]
    return {cells[0].strip("`"): cells[1:] for cells in table}


@pytest.mark.parametrize(("section", "value"), [(name, value.value) for name, axis in AXES.items() for value in axis])
def test_every_value_has_a_line_that_says_when_what_and_what_to_do(section: str, value: str) -> None:
    """Each value of each axis has a row without an empty cell."""
    cells = rows(section)[value]
    assert len(cells) >= 3
    assert all(re.search(r"\w", cell) for cell in cells)


@pytest.mark.parametrize(("section", "axis"), AXES.items())
def test_no_line_is_about_a_value_that_is_gone(section: str, axis: type[Registration]) -> None:
    """The tables name nothing that the code does not know."""
    assert set(rows(section)) == {value.value for value in axis}


def test_the_registration_table_is_in_order_of_precedence() -> None:
    """The document promises that the first row that applies is the verdict."""
    assert list(rows("Registration")) == [value.value for value in PRECEDENCE]

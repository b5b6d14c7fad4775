"""Each claim of the page about assurance names tests that there are, and each threat of the list is answered."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs/assurance.md").read_text(encoding="utf-8")
NAMED: Final = sorted(set(re.findall(r"`(tests/[a-z_/]+\.py)::(test_[a-z0-9_]+)`", PAGE)))


def test_every_threat_is_answered() -> None:
    """T1 to T22, each in a line that names a test."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| T")]
    answered = {int(number) for row in rows for number in re.findall(r"T(\d+)", row.split("|")[1])}
    assert answered == set(range(1, 23))
    assert all("::test_" in row for row in rows)


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_named_test_is_there(file: str, name: str) -> None:
    """Under that name, in that file."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}

"""A little rubbish for every reader, the same each time: `make fuzz` gives them more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.fuzz import fuzz, targets

if TYPE_CHECKING:
    from pathlib import Path

INPUTS = 2000
SEED = 7


def test_every_reader_takes_its_own_documents(tmp_path: Path) -> None:
    """Else nothing would be tried but the first line of each reader."""
    for target in targets(tmp_path):
        taken = 0
        for raw in target.seeds:
            assert target.give(raw) == "", target.name
        taken = target.found["taken"]
        assert taken > 0, target.name


def test_rubbish_gives_a_value_or_an_error_of_ours(tmp_path: Path) -> None:
    """Each input of each reader."""
    readers, findings = fuzz(tmp_path, inputs=INPUTS, seed=SEED)
    assert findings == [], "\n".join(findings)
    assert all(reader.found["refused"] for reader in readers if reader.name != "numbers that are typed")

"""The contract seen from Python: its tests pass, its gas is what the table says, and what we ship is what it compiles to."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.solidity import export_abi, gas

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Two builds at once would write the same files.
one_build_at_a_time = pytest.mark.xdist_group("hardhat build")


@one_build_at_a_time
def test_what_is_shipped_is_what_the_sources_compile_to(require_backend: Callable[[str], Path]) -> None:
    """`pip install` brings the interface and the code of this very contract."""
    require_backend("hardhat")
    shipped = json.loads(export_abi.EXPORT.read_text(encoding="utf-8"))
    assert shipped == export_abi.exported(), "run `python -m tests.solidity.export_abi` and commit the result"


@one_build_at_a_time
def test_the_contract_passes_its_solidity_tests(require_backend: Callable[[str], Path]) -> None:
    """Unit tests, fuzz tests, invariants and vectors, run by Hardhat."""
    command = [str(require_backend("hardhat")), "test", "solidity"]
    done = subprocess.run(command, cwd=export_abi.ROOT, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in export_abi.ROOT.glob("tests/solidity/*.t.sol"):
        assert f"{name.name}:" in done.stdout, f"no test of {name.name} ran"


def test_every_action_costs_what_the_table_says(require_backend: Callable[[str], Path]) -> None:
    """Real transactions use the gas of `gas.json`, and none exceeds its bound."""
    table = gas.measure(require_backend("anvil"))
    assert table == json.loads(gas.TABLE.read_text(encoding="utf-8")), "run `python -m tests.solidity.gas`"
    assert gas.faults(table) == []


def test_a_batch_costs_the_same_whatever_its_size() -> None:
    """An anchor of a million units costs no more than that of one."""
    table = json.loads(gas.TABLE.read_text(encoding="utf-8"))
    assert table["anchor a batch of 1,000,000 units"] == table["anchor a batch of 1 unit"]

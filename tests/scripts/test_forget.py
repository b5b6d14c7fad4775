"""`touchstone forget` folds what is old, and says how much."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from click.testing import CliRunner

from registry.storage.histories import Histories
from registry.storage.scans import Channel, Scan, Scans
from scripts.forget import command

if TYPE_CHECKING:
    from pathlib import Path

GTIN = "09521002000016"


def test_old_scans_are_folded(tmp_path: Path) -> None:
    """The younger ones stay."""
    url, now = f"sqlite:///{tmp_path / 'scans.db'}", int(time.time())
    with Scans.open(url) as scans:
        scans.settle("ab" * 16, 0, now)
        days = [Scan(GTIN, "S1", now - days * 86_400, "registered", Channel.PAGE, "CN", "ab") for days in (500, 200, 1)]
        scans.add("ab" * 16, days)
    done = CliRunner().invoke(command, ["--scans", url, "--days", "100", "--json"])
    assert (done.exit_code, json.loads(done.stdout)["forgotten"]) == (0, 2)
    with Histories.open(url) as histories:
        past = histories.past(GTIN, "S1")
    assert past.folded is not None
    assert (past.folded.checks, len(past.sightings)) == (2, 1)

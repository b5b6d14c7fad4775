"""`touchstone stats` and `touchstone archive`, on a store that the commands made."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from registry.storage.scans import Channel, Scan, Scans
from tests.scripts.conftest import GTIN, LOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scripts.conftest import Desk


@pytest.fixture
def place(tmp_path: Path) -> dict[str, str]:
    """Give the settings of a store of the test's own."""
    return {
        "TOUCHSTONE_DATABASE_URL": f"sqlite:///{tmp_path / 'registry.db'}",
        "TOUCHSTONE_TREES": str(tmp_path / "trees"),
    }


@pytest.fixture
def seal(desk: Desk, place: dict[str, str]) -> str:
    """Register three units in it; gives the seal."""
    units = desk.file("counted.csv", "gtin,lot,serial\n" + f"{GTIN},{LOT},\n" * 3)
    options = ("--products", desk.path("products.toml"), *desk.by("line"))
    found = desk.done("register", units, *options, "--run", place["TOUCHSTONE_TREES"], **place)
    desk.chain.finalize()
    desk.done("register", units, *options, "--run", place["TOUCHSTONE_TREES"], "--wait-final", "5", **place)
    return str(found["seal"])


def test_a_store_is_counted_archived_checked_and_counted_again(
    desk: Desk, place: dict[str, str], seal: str, tmp_path: Path
) -> None:
    """The whole life of a tree file; each count says where it is."""
    found = desk.done("stats", **place)
    assert (found["batches"], found["units"], found["by_manufacturer"]) == (1, 3, {"7": {"batches": 1, "units": 3}})
    assert desk.done("archive", "--check", **place) == {"batches": 1, "units": 3, "damaged": {}}
    archive = {"TOUCHSTONE_ARCHIVE": str(tmp_path / "archive")}
    moved = desk.done("archive", "--older-than", "0", **place, **archive)
    assert (moved["batches"], moved["moved"]) == (1, 1)
    assert desk.done("archive", seal, **place, **archive)["moved"] == 0
    found = desk.done("stats", **place, **archive)
    assert (found["tree_files"], found["archived"], found["missing"]) == (0, 1, [])
    assert desk.done("archive", "--check", **place, **archive)["damaged"] == {}
    assert "units" in desk.type("stats", **place, **archive).stdout
    shutil.rmtree(tmp_path / "archive")
    refused = desk.type("archive", "--check", "--json", **place, **archive)
    assert refused.exit_code == 1
    assert seal in refused.output
    assert seal in desk.type("stats", **place, **archive).stderr


def test_scans_are_counted_with_those_that_were_lost(desk: Desk, place: dict[str, str], seal: str, tmp_path: Path) -> None:
    """Stored, dropped at a full queue, lost in a crash; a database that is not there is not one without scans."""
    assert seal
    assert desk.done("stats", **place)["scans"] is None
    url = f"sqlite:///{tmp_path / 'scans.db'}"
    refused = desk.type("stats", "--scans", url, **place)
    assert (refused.exit_code, "there is no database" in refused.stderr) == (1, True)
    with Scans.open(url) as scans:
        scans.settle("ab" * 16, 9, 1_790_000_000)
        scans.add("ab" * 16, [Scan(GTIN, "S1", 1_790_000_000, "registered", Channel.PAGE)] * 3, dropped=2, at=1_790_000_001)
    assert desk.done("stats", **place, TOUCHSTONE_SCANS_URL=url)["scans"] == {"stored": 3, "dropped": 2, "lost": 9}
    assert "stored 3, dropped 2, lost 9" in desk.type("stats", "--scans", url, **place).stdout


def test_what_cannot_be_archived_is_refused(desk: Desk, place: dict[str, str], seal: str) -> None:
    """No place, an address as a place, no batch, an unknown batch: each is said."""
    for words in (
        ("archive", seal),
        ("archive", seal, "--to", "https://store.example/trees"),
        ("archive", "--to", desk.path("somewhere")),
        ("archive", f"0x{'11' * 32}", "--to", desk.path("somewhere")),
    ):
        refused = desk.type(*words, **place)
        assert refused.exit_code == 1
        assert "expected" in refused.output or "not in this store" in refused.output

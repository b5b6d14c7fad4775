"""A disk that fills up during a registration: said clearly at whatever byte it happens; nothing is lost, and it goes on."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from registry.chain.devchain import Anvil
from tests.faults.killed import PASSPHRASE, Place, register
from tests.faults.register_ground import Ground

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("full-disk")

UNITS: Final = 3000
ROOM: Final = (1000, 5_000, 60_000, 150_000, 300_000, 450_000, 600_000, 640_000)
"""Bytes at which every file of a try ends, as if the disk were full: within the first, and within the last that is written."""


def run(place: Place, room: int) -> subprocess.CompletedProcess[str]:
    """Type the command where no file may grow further than that."""
    words = [sys.executable, "-m", "scripts", "register", "units.csv", "--products", "products.toml", "--json"]
    options = ["--keystore", str(place.keystore), "--passphrase-file", "passphrase", "--wait-final", "0"]
    return subprocess.run(
        [*words, *options],
        cwd=place.folder,
        env={
            **os.environ,
            "PYTHONPATH": os.getcwd(),  # noqa: PTH109 -- a text is what it takes
            "TOUCHSTONE_TRUST": str(place.trust),
            "TOUCHSTONE_RPC": place.rpc,
        },
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_no_room_is_said_and_the_next_try_goes_on(require_backend: Callable[[str], Path], tmp_path: Path) -> None:
    """However far it came, one batch, one payment, each unit once."""
    require_backend("anvil")
    with Anvil(epoch_slots=1) as anvil:
        ground = Ground.found(anvil, tmp_path)
        place = ground.place(tmp_path / "line", UNITS, in_chunks=False)
        (place.folder / "passphrase").write_text(f"{PASSPHRASE}\n")
        refused = 0
        for room in ROOM:
            done = run(place, room)
            assert done.returncode in {0, 1}, done.stderr
            assert "Traceback" not in done.stderr
            if done.returncode:
                refused += 1
                assert "touchstone: " in done.stderr
                assert any(word in done.stderr for word in ("File too large", "full", "disk I/O")), done.stderr
        assert refused >= len(ROOM) - 2
        ground.check(place, register(place), UNITS)

"""A folder in which people of a manufacturer work, with the commands that they type."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import chdir
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from click.testing import CliRunner

from scripts.__main__ import program
from tests.journeys.running_demo import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from registry.chain.devchain import Anvil

PASSPHRASE: Final = "a passphrase that nobody else knows"


@dataclass(frozen=True)
class Plant:
    """A folder in which people work, the chain that they work with, and the site that strangers open."""

    folder: Path
    chain: Anvil
    base: str

    @property
    def settings(self) -> dict[str, str]:
        """What the people there have in their environment."""
        return {"TOUCHSTONE_TRUST": "trust.json", "TOUCHSTONE_RPC": self.chain.url}

    def touchstone(self, *words: str, refused: bool = False) -> dict[str, Any]:
        """Give a command there, in this process, and return what it says it did."""
        with chdir(self.folder):
            done = CliRunner().invoke(program, [*words, "--json"], env=self.settings, prog_name="touchstone")
        return self._said(done.exit_code, done.stdout, done.stderr, refused=refused)

    def program(self, *words: str, refused: bool = False, **environment: str) -> dict[str, Any]:
        """Run a command as it is typed there, in a process of its own, and return what it says it did."""
        done = subprocess.run(
            [sys.executable, "-m", "scripts", *words, "--json"],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **self.settings, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return self._said(done.returncode, done.stdout, done.stderr, refused=refused)

    def _said(self, code: int, output: str, errors: str, *, refused: bool) -> dict[str, Any]:
        assert code == int(refused), errors
        assert PASSPHRASE not in output + errors
        found: dict[str, Any] = json.loads(output) if output else {"refused": errors}
        return found

    def by(self, who: str) -> tuple[str, ...]:
        """Return the options that say who acts."""
        return "--keystore", f"{who}.json", "--passphrase-file", "passphrase"

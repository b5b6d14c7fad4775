"""Runs slither over what Hardhat compiled; ends with 1 if it finds anything, or if it read no contract.

slither cannot drive the compiler of npm, but reads Hardhat's build files. It looks for the sources below its own folder,
those of tests under `project/`, so a folder of links is laid for it, with only the builds that the contracts came from.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SLITHER: Final = ROOT / ".venv-slither" / "bin" / "slither"
NOT_OURS: Final = "node_modules/|tests/"
EXCLUDED: Final = {
    "timestamp": "windows, suspensions and the compromise rule compare block times by design, in days and not in seconds",
    "incorrect-equality": "it takes any field stored beside a block time for a block time; nothing here compares a balance",
}


def lay_out(folder: Path) -> None:
    """Put links to the sources and copies of the contracts' build files into `folder`."""
    for name in ("contracts", "node_modules", "hardhat.config.js"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "project").symlink_to(ROOT)
    builds = folder / "artifacts" / "build-info"
    builds.mkdir(parents=True)
    for artifact in (ROOT / "artifacts" / "contracts").rglob("*.json"):
        build = json.loads(artifact.read_text(encoding="utf-8"))["buildInfoId"]
        for ending in (".json", ".output.json"):
            shutil.copy(ROOT / "artifacts" / "build-info" / f"{build}{ending}", builds)


def main() -> int:
    """Analyse, pass on what slither says, and give its verdict."""
    (ROOT / "cache").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "cache") as name:
        lay_out(Path(name))
        command = [str(SLITHER), ".", "--ignore-compile", "--filter-paths", NOT_OURS, "--exclude", ",".join(EXCLUDED)]
        done = subprocess.run(command, cwd=name, capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr, end="")
    read = re.search(r"analyzed \((\d+) contracts", done.stderr)
    if read is None or read[1] == "0":
        print("slither read no contract: run `make compile` first, and see what it says above")
        return 1
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())

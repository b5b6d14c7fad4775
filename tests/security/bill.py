"""Writes what Touchstone is made of, for `make sbom`: one CycloneDX file for each lock of Python packages, one for npm's.

They are made from the lock files, so that they name what an installation gets, hashes of Python packages included.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
LOCKS: Final = tuple(sorted(path.stem for path in (ROOT / "requirements").glob("*.txt")))


def write_python(lock: str, file: Path) -> None:
    """Write the packages of one lock of `requirements/`."""
    command = [
        sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", f"requirements/{lock}.txt", "--pyproject",
        "pyproject.toml", "--of", "JSON", "--output-reproducible", "--output-file", str(file),
    ]  # fmt: skip
    subprocess.run(command, cwd=ROOT, check=True)


def write_node(file: Path) -> None:
    """Write the packages of package-lock.json."""
    npm = Path(sys.executable).parent / "npm"
    command = [str(npm), "sbom", "--sbom-format", "cyclonedx", "--package-lock-only"]
    file.write_bytes(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)


def main(folder: Path) -> None:
    """Write all of them into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for lock in LOCKS:
        write_python(lock, folder / f"python-{lock}.cdx.json")
    write_node(folder / "node.cdx.json")
    print(f"{len(LOCKS) + 1} files in {folder}; a site runs on python-runtime.cdx.json alone")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())

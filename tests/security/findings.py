"""Runs bandit over what is installed; ends with 1 if it finds anything that nobody has given a reason for.

Reasons stand where ruff reads them, whose rules `S…` are bandit's `B…` of the same number: beside the line (`noqa: S608`), or
in pyproject.toml for a file or for all. Each exception is written once, and `tests/docs/test_house.py` sees that it says why.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
ROOMS: Final = ("registry", "scripts", "webapp")
EXCLUDED: Final = {
    "B403": "that pickle is imported harms nobody: each use of it is judged (B301)",
    "B404": "that subprocess is imported harms nobody: each use of it is judged (B602 to B607)",
    "B406": "`escape` of xml.sax.saxutils writes XML; what reads XML is judged (B313 to B319)",
}
NOQA: Final = re.compile(r"#\s*noqa:\s*((?:[A-Z]+\d+(?:,\s*)?)+)")


def found(folders: tuple[str, ...] = ROOMS, root: Path = ROOT) -> list[dict[str, Any]]:
    """Return what bandit finds below these folders, and how many files it read; raises if it could not read one."""
    command = [sys.executable, "-m", "bandit", "--quiet", "--recursive", "--format", "json", "--skip", ",".join(EXCLUDED)]
    done = subprocess.run([*command, *folders], cwd=root, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)
    if told["errors"] or len(told["metrics"]) < len(folders):
        raise RuntimeError(f"bandit could not read everything: {told['errors']}")
    results: list[dict[str, Any]] = told["results"]
    return results


def is_excepted(finding: dict[str, Any], lint: dict[str, Any], root: Path = ROOT) -> bool:
    """Say whether a reason for a finding is given, beside one of its lines or in pyproject.toml."""
    rule, name = f"S{finding['test_id'][1:]}", finding["filename"].removeprefix("./")
    files = {pattern: rules for pattern, rules in lint["per-file-ignores"].items() if fnmatch(name, pattern)}
    if rule in lint["ignore"] or any(rule in rules for rules in files.values()):
        return True
    lines = (root / name).read_text(encoding="utf-8").splitlines()
    first, last = min(finding["line_range"]), max(finding["line_range"], default=0)
    return any(rule in marks[1] for line in lines[first - 1 : last] if (marks := NOQA.search(line)))


def main() -> int:
    """Judge everything, and name what has no reason."""
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    results = found()
    bare = [one for one in results if not is_excepted(one, lint)]
    for one in bare:
        print(f"{one['filename']}:{one['line_number']}: {one['test_id']} {one['issue_text']}")
    print(f"bandit: {len(results)} findings, {len(bare)} of them without a reason")
    return int(bool(bare))


if __name__ == "__main__":
    sys.exit(main())

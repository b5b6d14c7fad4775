"""Adds the native packages of other platforms to package-lock.json, as the last step of `make lock`.

anvil and Hardhat ship their native part in one optional package per platform. A registry mirror that holds only the
packages of its own platform makes npm leave the others out of the lock, and `npm ci` then refuses that lock. The entries
added here name version and platform but no hash, because the package cannot be fetched where the lock was made.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

PLATFORM = re.compile(r"-(?P<os>darwin|linux|win32)-(?P<cpu>arm64|amd64|x64)(-(?P<libc>gnu|musl|msvc))?$")
CPU = {"amd64": "x64"}
LIBC = {"gnu": "glibc", "musl": "musl"}


def missing_entries(packages: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Entries for every exact optional dependency on a platform package that the lock does not name."""
    entries = {}
    for package in packages.values():
        for name, version in package.get("optionalDependencies", {}).items():
            key, platform = f"node_modules/{name}", PLATFORM.search(name)
            if platform is None or key in packages:
                continue
            entry: dict[str, Any] = {"version": version, "cpu": [CPU.get(platform["cpu"], platform["cpu"])], "optional": True}
            if platform["libc"] in LIBC:
                entry["libc"] = [LIBC[platform["libc"]]]
            entries[key] = entry | ({"dev": True} if package.get("dev") else {}) | {"os": [platform["os"]]}
    return entries


def main(path: Path) -> None:
    """Rewrite the lock file at `path` in npm's own layout."""
    lock = json.loads(path.read_text(encoding="utf-8"))
    lock["packages"] = dict(sorted({**lock["packages"], **missing_entries(lock["packages"])}.items()))
    path.write_text(json.dumps(lock, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Bundles the module that repeats a proof in a browser, so that the site and a person who installs it need no Node.

python -m tests.webapp.bundle           build webapp/static/recheck.js, and write beside its sources what it must hash to
python -m tests.webapp.bundle --check   build and compare; 1 if a file is not what the sources give
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
BUNDLE: Final = ROOT / "webapp" / "static" / "recheck.js"
RECORD: Final = ROOT / "webapp" / "client" / "recheck.json"
MADE_OF: Final = ("@noble/curves", "@noble/hashes", "esbuild")


def node() -> str:
    """Return the Node of this environment; ends the program if there is none."""
    found = shutil.which("node", path=str(Path(sys.executable).parent)) or shutil.which("node")
    return found or sys.exit("no node in this environment; `make test` sets it up")


def built() -> dict[Path, bytes]:
    """Bundle, and return what the files must hold."""
    done = subprocess.run([node(), str(ROOT / "webapp" / "client" / "build.mjs")], capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"esbuild failed:\n{done.stderr.decode()}")
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    record = {
        "file": f"static/{BUNDLE.name}",
        "integrity": f"sha384-{base64.b64encode(hashlib.sha384(done.stdout).digest()).decode()}",
        "bytes": len(done.stdout),
        "packages": {name: lock[f"node_modules/{name}"]["version"] for name in MADE_OF},
    }
    return {BUNDLE: done.stdout, RECORD: f"{json.dumps(record, indent=2)}\n".encode()}


def compressed_size() -> int:
    """Return how many bytes the bundle has on its way to a phone."""
    return len(gzip.compress(BUNDLE.read_bytes(), mtime=0))


def main() -> None:
    """Write the files, or with `--check` say whether they are what the sources give."""
    files = built()
    if "--check" not in sys.argv[1:]:
        for path, content in files.items():
            path.write_bytes(content)
        print(f"wrote {BUNDLE.relative_to(ROOT)}: {compressed_size():,} bytes compressed")
    elif stale := [str(path.relative_to(ROOT)) for path, content in files.items() if path.read_bytes() != content]:
        sys.exit(f"{', '.join(stale)}: not what the sources give; run `make client` and commit the result")


if __name__ == "__main__":
    main()

"""Bundles the modules that run in browsers, so that the site and a person who installs it need no Node.

python -m tests.webapp.bundle           build into webapp/static, and write beside the sources what each file must hash to
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
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
STATIC: Final = ROOT / "webapp" / "static"
RECORDS: Final = ROOT / "webapp" / "client"
BUNDLE: Final = STATIC / "recheck.js"
RECORD: Final = RECORDS / "recheck.json"
GATHER: Final = STATIC / "gather.js"
SCAN: Final = STATIC / "scan.js"
WORKER: Final = STATIC / "scan_worker.js"
READER: Final = STATIC / "zxing_reader.wasm"
"""Not checked in: `requirements/reader.py` puts it there."""
MADE_OF: Final = {
    BUNDLE: ("@noble/curves", "@noble/hashes", "esbuild"),
    GATHER: ("esbuild",),
    SCAN: ("esbuild",),
    WORKER: ("zxing-wasm", "esbuild"),
    READER: ("zxing-wasm",),
}


def node() -> str:
    """Return the Node of this environment; ends the program if there is none."""
    found = shutil.which("node", path=str(Path(sys.executable).parent)) or shutil.which("node")
    return found or sys.exit("no node in this environment; `make test` sets it up")


def built() -> dict[Path, bytes]:
    """Bundle, and return what the files must hold."""
    done = subprocess.run([node(), str(RECORDS / "build.mjs")], capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"esbuild failed:\n{done.stderr.decode()}")
    files = {STATIC / name: text.encode() for name, text in json.loads(done.stdout).items()}
    reader = (ROOT / "node_modules" / "zxing-wasm" / "dist" / "reader" / READER.name).read_bytes()
    return files | {record_of(file): _record(file, content) for file, content in {**files, READER: reader}.items()}


def record_of(file: Path) -> Path:
    """Tell where it is written down what a file must hash to."""
    return RECORDS / f"{file.stem}.json"


def _record(file: Path, content: bytes) -> bytes:
    lock: dict[str, Any] = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    record = {
        "file": f"static/{file.name}",
        "integrity": f"sha384-{base64.b64encode(hashlib.sha384(content).digest()).decode()}",
        "bytes": len(content),
        "packages": {name: lock[f"node_modules/{name}"]["version"] for name in MADE_OF[file]},
    }
    return f"{json.dumps(record, indent=2)}\n".encode()


def main() -> None:
    """Write the files, or with `--check` say whether they are what the sources give."""
    files = built()
    if "--check" not in sys.argv[1:]:
        for path, content in files.items():
            path.write_bytes(content)
            if path.suffix == ".js":
                size = len(gzip.compress(content, mtime=0))  # as it is on its way to a phone
                print(f"wrote {path.relative_to(ROOT)}: {size:,} bytes compressed")
    elif stale := [str(path.relative_to(ROOT)) for path, content in files.items() if path.read_bytes() != content]:
        sys.exit(f"{', '.join(stale)}: not what the sources give; run `make client` and commit the result")


if __name__ == "__main__":
    main()

"""Puts the reader of codes where the site serves it, if it is the one that the scan page's module will start.

It is a WebAssembly file of 950 KB in an npm package that package-lock.json pins; webapp/client/zxing_reader.json says what it
must hash to. Without it phones with a reader of their own still scan, and photos and typing work as ever.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAME = "zxing_reader.wasm"

content = (ROOT / "node_modules" / "zxing-wasm" / "dist" / "reader" / NAME).read_bytes()
expected = json.loads((ROOT / "webapp" / "client" / "zxing_reader.json").read_text(encoding="utf-8"))["integrity"]
found = f"sha384-{base64.b64encode(hashlib.sha384(content).digest()).decode()}"
if found != expected:
    sys.exit(f"{NAME} of zxing-wasm hashes to {found}, expected {expected}: run `make client`, and commit what it writes")
(ROOT / "webapp" / "static" / NAME).write_bytes(content)

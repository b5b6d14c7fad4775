"""Writes `registry/chain/ProvenanceRegistry.json` from what Hardhat compiles, so that `pip install` needs no Node.

    python -m tests.solidity.export_abi           compile and write
    python -m tests.solidity.export_abi --check   compile and compare; 1 if the file is not what the sources give

Only what does not differ between machines is written.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
EXPORT = ROOT / "registry" / "chain" / "ProvenanceRegistry.json"
CONTRACT = "ProvenanceRegistry"


def hardhat(*arguments: str) -> str:
    """Run Hardhat with the Node of this environment; give its output, or end the program with it if it fails."""
    node = shutil.which("node", path=str(Path(sys.executable).parent)) or shutil.which("node")
    if node is None:
        sys.exit("no node in this environment; `make test` sets it up")
    cli = ROOT / "node_modules" / "hardhat" / "dist" / "src" / "cli.js"
    done = subprocess.run([node, str(cli), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"hardhat {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def exported() -> dict[str, Any]:
    """Compile, and pick from the artifact what a deployment and a reader need, and nothing that differs between machines."""
    hardhat("compile", "--no-tests", "--quiet")
    artifacts = ROOT / "artifacts"
    artifact = json.loads((artifacts / "contracts" / f"{CONTRACT}.sol" / f"{CONTRACT}.json").read_text())
    build = json.loads((artifacts / "build-info" / f"{artifact['buildInfoId']}.json").read_text())
    chosen = ("evmVersion", "metadata", "optimizer", "viaIR")
    # The compiler names immutables by syntax tree ids, which other sources shift: only the places are kept.
    places = [place for places in artifact["immutableReferences"].values() for place in places]
    return {
        "contractName": artifact["contractName"],
        "abi": artifact["abi"],
        "bytecode": artifact["bytecode"],
        "deployedBytecode": artifact["deployedBytecode"],
        "immutableReferences": sorted(places, key=lambda place: int(place["start"])),
        "compiler": {
            "version": build["solcLongVersion"],
            "settings": {name: value for name, value in build["input"]["settings"].items() if name in chosen},
        },
    }


def main() -> None:
    """Write the file, or with `--check` say whether it is what the sources give."""
    text = json.dumps(exported(), indent=1) + "\n"
    if "--check" not in sys.argv[1:]:
        EXPORT.write_text(text)
        print(f"wrote {EXPORT.relative_to(ROOT)}")
    elif not EXPORT.exists() or EXPORT.read_text() != text:
        sys.exit(
            f"{EXPORT.relative_to(ROOT)} is not what the sources compile to; "
            "run `python -m tests.solidity.export_abi` and commit the result"
        )


if __name__ == "__main__":
    main()

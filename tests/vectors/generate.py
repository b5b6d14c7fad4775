"""Writes our own vectors, version 1: `python -m tests.vectors.generate`; with `--check` it only says what would change.

Python (test_own_vectors.py), Solidity (tests/solidity/Vectors.t.sol) and JavaScript (tests/js) all read them. A file of a
version that was released never changes: other bytes are a new version of the protocol.
"""

from __future__ import annotations

import difflib
import json
import sys
from pathlib import Path
from typing import Any, Final

from tests.vectors import absence_cases, document_cases, proof_cases, signature_cases, tree_cases

FOLDER: Final = Path(__file__).with_name("v1")
ABOUT: Final = {
    "digests": "A record and its EIP-712 digest in the registry `registryId`.",
    "signatures": "A digest, the signature as a label carries it, and the address that is expected to have signed.",
    "trees": "A whole batch, as a witness replays it.",
    "presence": "An opening, a row and its path.",
    "absence": "An opening, a unit key, and the rows that are said to show that no unit has it.",
    "seals": "An opening and its seal.",
    "manifests": "A manifest's text, its hash, and the salt that it is said to commit.",
    "units": "A whole unit: label, what its manufacturer keeps, seal. `worked` has the steps between, of the unchanged unit.",
    "proofs": "A proof file's text; a failure names the first step that does not hold.",
    "absences": "An absence file's text; a failure names the first step that does not hold.",
}


def build() -> dict[str, dict[str, Any]]:
    """Return every file's content by name."""
    registry_id = {"registryId": signature_cases.hexadecimal(signature_cases.REGISTRY_ID)}
    return {
        "digests": _file("digests", list(signature_cases.digests()), registry_id),
        "signatures": _file("signatures", list(signature_cases.signatures())),
        "trees": _file("trees", list(tree_cases.trees())),
        "presence": _file("presence", list(tree_cases.presence())),
        "absence": _file("absence", list(tree_cases.absence())),
        "seals": _file("seals", list(document_cases.seals())),
        "manifests": _file("manifests", list(document_cases.manifests())),
        "units": _file("units", list(document_cases.units())),
        "proofs": _file("proofs", list(proof_cases.proofs())),
        "absences": _file("absences", list(absence_cases.absences())),
    }


def rendered() -> dict[Path, str]:
    """Return every file's text by path."""
    return {FOLDER / f"{name}.json": json.dumps(file, ensure_ascii=False, indent=1) + "\n" for name, file in build().items()}


def differences() -> list[str]:
    """Return what the files in the repository have that they should not have, or the reverse."""
    found: list[str] = []
    files = rendered()
    for path, text in files.items():
        present = path.read_text(encoding="utf-8") if path.exists() else ""
        found += difflib.unified_diff(
            present.splitlines(), text.splitlines(), path.name, f"{path.name}, generated", lineterm=""
        )
    return found + [f"{path.name} is not generated" for path in FOLDER.iterdir() if path not in files]


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` say what would change; returns the exit code."""
    if arguments == ["--check"]:
        lines = differences()
        print("\n".join(lines[:100]) or "the vectors are as generated")
        return 1 if lines else 0
    FOLDER.mkdir(exist_ok=True)
    for path, text in rendered().items():
        path.write_text(text, encoding="utf-8")
    return 0


def _file(name: str, cases: list[dict[str, Any]], more: dict[str, str] | None = None) -> dict[str, Any]:
    return {"version": "1", "about": ABOUT[name], **(more or {}), "count": len(cases), "cases": cases}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A bill of materials names each locked package with its version, and nothing that is not locked."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.security.bill import LOCKS, ROOT, write_node, write_python

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("lock", LOCKS)
def test_every_python_package_is_named_with_its_hashes(lock: str, tmp_path: Path) -> None:
    """As the lock has them, name for name and hash for hash."""
    write_python(lock, tmp_path / "bill.json")
    bill = json.loads((tmp_path / "bill.json").read_text(encoding="utf-8"))
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "touchstone-registry")
    text = (ROOT / f"requirements/{lock}.txt").read_text(encoding="utf-8")
    named = sorted((one["name"], one["version"]) for one in bill["components"])
    assert named == sorted(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE))
    hashes = [
        each["content"] for one in bill["components"] for place in one["externalReferences"] for each in place.get("hashes", [])
    ]
    assert sorted(hashes) == sorted(re.findall(r"--hash=sha256:([0-9a-f]{64})", text))


def test_every_npm_package_is_named(tmp_path: Path) -> None:
    """Those of development, too."""
    write_node(tmp_path / "bill.json")
    bill = json.loads((tmp_path / "bill.json").read_text(encoding="utf-8"))
    assert bill["bomFormat"] == "CycloneDX"
    locked = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    expected = {(path.rpartition("node_modules/")[2], entry["version"]) for path, entry in locked.items() if path}
    named = {("/".join(filter(None, (one.get("group"), one["name"]))), one["version"]) for one in bill["components"]}
    assert named == expected

"""docs/verification.md works: its Python runs as it stands, and its unit is the one of the vectors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from registry.proofs import signing
from registry.units import links

ROOT: Final = Path(__file__).parents[2]
DOCUMENT: Final = (ROOT / "docs" / "verification.md").read_text(encoding="utf-8")
VECTORS: Final = ROOT / "tests" / "vectors" / "v1"
BLOCKS: Final = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.fixture(scope="module")
def unit() -> Any:
    """Give the unit that the document works through."""
    cases = json.loads((VECTORS / "units.json").read_text(encoding="utf-8"))["cases"]
    return next(case for case in cases if case["name"] == "unit 1 of 3")


@pytest.fixture(scope="module")
def worked() -> dict[str, Any]:
    """Give the names that the document's blocks leave behind, all run one after the other."""
    names: dict[str, Any] = {}
    for number, block in enumerate(BLOCKS, 1):
        exec(compile(block, f"verification.md, block {number}", "exec"), names)  # noqa: S102  # our own document
    return names


def test_the_document_works_through_a_unit_of_the_vectors(worked: dict[str, Any], unit: Any) -> None:
    """Every input and every result is the vector's."""
    for name in ("gtin", "lot", "serial", "index", "path", "attributes", "signer"):
        assert worked[name] == unit[name], name
    assert worked["text"] == unit["signature"]
    assert worked["unit_count"] == unit["opening"]["unitCount"]
    assert worked["manifest"].decode() == unit["manifest"]
    for name, expected in {
        "registry_id": unit["registryId"],
        "salt": unit["salt"],
        "root": unit["opening"]["root"],
        "seal": unit["seal"],
        "digest": unit["worked"]["digest"],
        "unit_key": unit["worked"]["unitKey"],
        "attributes_hash": unit["worked"]["attributesHash"],
        "manifest_hash": unit["worked"]["manifestHash"],
    }.items():
        assert "0x" + worked[name].hex() == expected, name


def test_the_link_is_read_as_the_document_reads_it(worked: dict[str, Any], unit: Any) -> None:
    """Our own parser finds the same parts, and builds the same link."""
    link = links.parse(worked["link"])
    assert (link.gtin, link.lot, link.serial, link.signature) == (unit["gtin"], unit["lot"], unit["serial"], unit["signature"])
    assert worked["link"].startswith("https://verify.example.org/")
    assert signing.decode(unit["signature"]) == worked["signature"]


def test_a_changed_input_does_not_pass() -> None:
    """The blocks check something: with another serial they stop at the digest."""
    program = "\n".join(BLOCKS).replace('"S0002"', '"S0003"')
    with pytest.raises(AssertionError):
        exec(compile(program, "verification.md, changed", "exec"), {})  # noqa: S102  # our own document


def test_the_number_of_absence_proofs_is_right() -> None:
    """The document counts them."""
    cases = json.loads((VECTORS / "absence.json").read_text(encoding="utf-8"))["cases"]
    valid = sum(case["valid"] for case in cases)
    assert f"{valid} proofs that hold and {len(cases) - valid} that do not" in " ".join(DOCUMENT.split())


@pytest.mark.parametrize("name", ["verification.md", "protocol.md", "proof-file.md", "absence.md"])
def test_every_file_that_is_named_exists(name: str) -> None:
    """Links between documents, and to vectors and code."""
    folder = ROOT / "docs"
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (folder / name).read_text(encoding="utf-8"))
    assert targets
    assert [target for target in targets if not (folder / target).exists()] == []


def test_every_failure_of_the_vectors_is_explained() -> None:
    """The protocol's table names those that occur, and no other."""
    table = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8").split("| failure | refused because |")[1]
    named = {code for line in table.splitlines() for code in re.findall(r"`(\w+)`", line.split("|")[1] if "|" in line else "")}
    files = [json.loads(path.read_text(encoding="utf-8")) for path in VECTORS.glob("*.json")]
    assert named == {case["failure"] for file in files for case in file["cases"] if not case["valid"]}

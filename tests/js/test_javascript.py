"""JavaScript agrees with us: it reads our vectors, and we read what OpenZeppelin's and viem's code makes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from registry.errors import MerkleError
from registry.proofs import encoding, merkle, signing
from registry.proofs.encoding import Opening, RecordHasher, Row
from registry.units.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER: Final = Path(__file__).parent
SEED: Final = "touchstone"
SECONDS: Final = 120


@pytest.fixture(scope="module")
def node(require_backend: Callable[[str], Path]) -> str:
    """Give the program that runs JavaScript; its packages are those that Hardhat came with."""
    require_backend("hardhat")
    return "node"


@pytest.fixture(scope="module")
def theirs(node: str) -> Any:
    """Give trees and signatures that are not ours."""
    command = [node, "generate.mjs", SEED]
    return json.loads(subprocess.run(command, cwd=FOLDER, capture_output=True, check=True, timeout=SECONDS).stdout)


def word(text: str) -> bytes:
    """Return the bytes of a hexadecimal text."""
    return bytes.fromhex(text.removeprefix("0x"))


def rows_of(tree: Any) -> list[Row]:
    """Return the rows of one of their trees."""
    return [Row(index, word(key), word(digest), word(attributes)) for index, key, digest, attributes in tree["rows"]]


def test_javascript_finds_in_our_vectors_what_they_say(node: str) -> None:
    """Every case of every file, by viem and @openzeppelin/merkle-tree."""
    ran = subprocess.run(
        [node, "--test", "vectors.test.mjs"], cwd=FOLDER, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_their_trees_are_ours(theirs: Any) -> None:
    """Node for node, root for root, path for path."""
    assert len(theirs["trees"]) == 14
    for tree in theirs["trees"]:
        rows = rows_of(tree)
        nodes = merkle.build([encoding.leaf(row) for row in rows])
        assert ["0x" + nodes[start : start + 32].hex() for start in range(0, len(nodes), 32)] == tree["nodes"]
        opening = Opening(word(tree["root"]), len(rows), bytes(32))
        for row, their_path in zip(rows, tree["paths"], strict=True):
            path = tuple(map(word, their_path))
            assert merkle.path(nodes, row.index, len(rows)) == path
            merkle.verify_presence(opening, row, path)


def test_their_paths_prove_no_other_row(theirs: Any) -> None:
    """The path of each row is refused for the next one."""
    for tree in theirs["trees"]:
        rows = rows_of(tree)
        opening = Opening(word(tree["root"]), len(rows), bytes(32))
        for row, their_path in zip(rows[1:], tree["paths"], strict=False):
            with pytest.raises(MerkleError, match="does not lead to the root"):
                merkle.verify_presence(opening, row, tuple(map(word, their_path)))


def test_their_signatures_are_ours(theirs: Any) -> None:
    """Digest for digest, byte for byte, and they recover to their addresses."""
    assert len(theirs["signatures"]) == 50
    for signature in theirs["signatures"]:
        record = Record(signature["gtin"], signature["lot"], signature["serial"])
        digest = RecordHasher(word(signature["registryId"])).digest(record)
        assert digest == word(signature["digest"])
        assert signing.sign(digest, word(signature["privateKey"])) == word(signature["compact"])
        assert signing.recover(digest, word(signature["compact"])) == signature["address"]

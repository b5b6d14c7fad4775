"""OpenZeppelin's own dumps of its StandardMerkleTree: our tree has the same nodes, root and paths."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from eth_abi.abi import encode as abi_encode

from registry.errors import MerkleError
from registry.proofs import merkle
from registry.proofs.keccak import keccak256

if TYPE_CHECKING:
    from pathlib import Path

DUMPS = ("standard-v1.sorted.1_0_6.json", "standard-v1.unsorted.1_0_6.json")


@pytest.fixture(params=DUMPS)
def dump(request: pytest.FixtureRequest, shared_vectors: Path) -> Any:
    """Give one dump."""
    return json.loads((shared_vectors / "merkle" / request.param).read_text())


def leaves_of(dump: Any) -> list[bytes]:
    """Return the leaves in the order of our tree: the last place of the array first."""
    hashed = {
        value["treeIndex"]: keccak256(keccak256(abi_encode(dump["leafEncoding"], value["value"]))) for value in dump["values"]
    }
    return [hashed[place] for place in sorted(hashed, reverse=True)]


def test_the_nodes_are_those_of_the_dump(dump: Any) -> None:
    """All of them, in the same places."""
    nodes = merkle.build(leaves_of(dump))
    assert ["0x" + nodes[start : start + 32].hex() for start in range(0, len(nodes), 32)] == dump["tree"]


def test_every_path_leads_to_the_root_of_the_dump(dump: Any) -> None:
    """Paths cut from the array of the dump itself."""
    leaves = leaves_of(dump)
    nodes = b"".join(bytes.fromhex(node[2:]) for node in dump["tree"])
    for index, leaf in enumerate(leaves):
        path = merkle.path(nodes, index, len(leaves))
        assert merkle.climb(leaf, path) == merkle.root(nodes)


def test_a_dump_cut_short_is_refused(dump: Any) -> None:
    """An array belongs to one number of leaves."""
    nodes = b"".join(bytes.fromhex(node[2:]) for node in dump["tree"])
    with pytest.raises(MerkleError):
        merkle.path(nodes[32:], 0, len(dump["values"]))

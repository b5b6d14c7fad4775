"""The tree, grown in its file: against its hashes alone and against OpenZeppelin's JavaScript; and a proof from that file."""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry.proofs import encoding, growing
from registry.proofs.crew import Crew
from registry.proofs.encoding import Row as Leaf
from registry.proofs.keccak import keccak256
from registry.proofs.tree_file import FileSource, Header, TreeFile
from tests.bench.measuring import Kind, Limit, NothingToMeasure, Row, once, paired, per_item

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
LEAVES: Final = 1_000_000
PEER_LEAVES: Final = 100_000
PROOFS: Final = 20_000
AT_ONCE: Final = 10_000
WORD: Final = b"\x11" * 32


def rows(leaves: int = LEAVES, peer_leaves: int = PEER_LEAVES, rounds: int = 3) -> Iterator[Row]:
    """Yield the table's rows."""
    with tempfile.TemporaryDirectory(prefix="touchstone-bench-") as folder:
        path = Path(folder) / "tree"
        bare = paired(lambda: grow(path, leaves), lambda: _hash(3 * leaves), rounds=rounds)
        yield Row(f"tree of {leaves:,} in its file, a leaf", "three bare keccak", *per_item(bare, leaves), Limit(Kind.COST, 3))
        tree = TreeFile(FileSource(path))
        places = [random.Random(1).randrange(leaves) for _ in range(PROOFS)]
        proofs = paired(lambda: [tree.path(place) for place in places], lambda: _hash(PROOFS))
        tree.close()
        told = f"proof from the file of {leaves:,}"
        yield Row(told, "one bare keccak", *per_item(proofs, PROOFS), Limit(Kind.MICROSECONDS, 20))
        ours, theirs, roots = [], [], set()
        for _ in range(rounds):
            ours.append(once(lambda: roots.add(grow(path, peer_leaves).root.hex())))
            peer = openzeppelin(peer_leaves)
            theirs.append(float(peer["seconds"]))
            roots.add(str(peer["root"]).removeprefix("0x"))
        if len(roots) != 1:
            raise NothingToMeasure(f"found the roots {roots}, expected equal ones")
        sides = per_item((statistics.median(ours), statistics.median(theirs)), peer_leaves)
        yield Row(f"tree of {peer_leaves:,}, a leaf", "OpenZeppelin's JavaScript, equal root", *sides, Limit(Kind.SPEED, 30))


def grow(path: Path, leaves: int) -> Header:
    """Make leaves and the whole tree in a file, in this process alone, as sealing does."""
    draft = Header(leaves, len(WORD), 0, WORD, WORD, WORD, WORD, WORD)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        growing.write(descriptor, draft.nodes_at - 1, b"\0")
        for first in range(0, leaves, AT_ONCE):
            count = min(AT_ONCE, leaves - first)
            made = [encoding.leaf(Leaf(index, WORD, WORD, WORD)) for index in range(first + count - 1, first - 1, -1)]
            growing.write(descriptor, growing.leaves_at(draft, first, count), b"".join(made))
    finally:
        os.close(descriptor)
    with Crew(lambda: None, workers=1) as crew:
        return growing.grow(path, draft, crew)


def openzeppelin(leaves: int) -> dict[str, float | str]:
    """Make the tree of the same leaves with OpenZeppelin's package; returns its CPU seconds and root."""
    script = Path(__file__).parent / "peers" / "merkle_tree.mjs"
    command = [str(ROOT / ".venv/bin/node"), str(script), str(leaves)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True, timeout=600)
    found: dict[str, float | str] = json.loads(done.stdout)
    return found


def _hash(count: int) -> None:
    word = bytes(64)
    for _ in range(count):
        keccak256(word)

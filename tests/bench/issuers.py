"""A batch sealed and proved, against cert-issuer's Merkle and proof part for as many certificates (its own environment)."""

from __future__ import annotations

import json
import statistics
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry.proofs import encoding, merkle
from tests.bench.measuring import Kind, Limit, Row, once, per_item
from tests.bench.signatures import REGISTRY, records, signed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.units.records import Record

ROOT: Final = Path(__file__).parents[2]
PYTHON: Final = ROOT / ".venv-cert-issuer/bin/python"
UNITS: Final = 1_000


def rows(units: int = UNITS, rounds: int = 3) -> Iterator[Row]:
    """Yield the table's rows."""
    made = records(units)
    ours, with_signatures, theirs = [], [], []
    for _ in range(rounds):
        ours.append(once(lambda: _prove(made)))
        with_signatures.append(once(lambda: signed(made)) + ours[-1])
        theirs.append(cert_issuer(units))
    peer = statistics.median(theirs)
    told = f"cert-issuer's tree and proofs of {units:,}, without signatures"
    yield Row(
        f"tree of {units:,} and every proof", told, *per_item((statistics.median(ours), peer), units), Limit(Kind.SPEED, 1)
    )
    yield Row("the same, and every signature", told, *per_item((statistics.median(with_signatures), peer), units))


def cert_issuer(units: int) -> float:
    """Return the CPU seconds that cert-issuer takes for its tree and the proofs of so many certificates."""
    command = [str(PYTHON), str(Path(__file__).parent / "peers" / "issuer.py"), str(units)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True, timeout=600)
    return float(sum(json.loads(done.stdout).values()))


def _prove(made: list[Record]) -> None:
    hasher, none = encoding.RecordHasher(REGISTRY), encoding.attributes_hash(None)
    keyed = sorted((encoding.unit_key(REGISTRY, record.id), hasher.digest(record)) for record in made)
    nodes = merkle.build([encoding.leaf(encoding.Row(index, *row, none)) for index, row in enumerate(keyed)])
    for index in range(len(keyed)):
        merkle.path(nodes, index, len(keyed))

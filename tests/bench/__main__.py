"""Measures our parts against the bare primitive or a peer, in one run, and prints one table of ratios.

Shared machines are noisy: medians of several rounds, sides taken in turn, so that a ratio means more than either time.
Nothing here runs in CI. `docs/performance.md` explains the rows.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from coincurve import PrivateKey
from eth_account import Account
from eth_account.messages import encode_typed_data

from registry import barcodes
from registry.issuing import labels
from registry.proofs import encoding, merkle, signing
from registry.proofs.keccak import keccak256
from registry.units import links, serials
from registry.units.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT: Final = Path(__file__).parents[2]
ROUNDS: Final = 5
KEY: Final = bytes(31) + b"\x07"
REGISTRY: Final = bytes(range(32))
GTIN: Final = "09521001000017"
UNITS: Final = 2_000
LEAVES: Final = 10_000
CODES: Final = 60

PEER_TREE: Final = """
import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
const count = Number(process.argv[1]), types = ["uint32", "bytes32", "bytes32", "bytes32"], word = "0x" + "11".repeat(32);
const values = Array.from({ length: count }, (_, i) => [i, word, word, word]);
const began = process.hrtime.bigint();
const tree = StandardMerkleTree.of(values, types, { sortLeaves: false });
console.log(JSON.stringify({ seconds: Number(process.hrtime.bigint() - began) / 1e9, root: tree.root }));
"""


def main() -> None:
    """Print the table."""
    records = [Record(GTIN, "K2609A", serials.generate()) for _ in range(UNITS)]
    rows = [
        ("sign a unit: digest, signature, leaf", "one bare coincurve signature", *sign(records), UNITS),
        ("sign a unit", "eth-account sign_typed_data", *peer_sign(records[:50]), 50),
        ("check a signature: digest, recover", "one bare coincurve recovery", *recover(records), UNITS),
        (f"tree of {LEAVES:,} (leaves, nodes)", "3 keccak a leaf", *tree(), LEAVES),
        (f"tree of {LEAVES:,}", "OpenZeppelin's JavaScript", *peer_tree(), LEAVES),
        ("draw a code", "the qrcode package", *draw(records[:CODES]), CODES),
        ("label: draw, read back, set on a PDF sheet", "draw by the qrcode package", *label(records[:CODES]), CODES),
    ]
    print(f"Python {sys.version.split()[0]}, medians of {ROUNDS} rounds, microseconds for each item\n")
    print(f"{'ours':<44}{'against':<34}{'ours us':>10}{'theirs us':>12}{'ratio':>8}")
    for name, against, ours, theirs, count in rows:
        print(f"{name:<44}{against:<34}{ours / count * 1e6:>10.1f}{theirs / count * 1e6:>12.1f}{ours / theirs:>8.3f}")


def paired(ours: Callable[[], object], theirs: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float]:
    """Return the median seconds of both, taken in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for side, run in zip(times, (ours, theirs), strict=True):
            began = time.perf_counter()
            run()
            side.append(time.perf_counter() - began)
    return statistics.median(times[0]), statistics.median(times[1])


def _signed(records: list[Record]) -> list[bytes]:
    hasher, sign_digest = encoding.RecordHasher(REGISTRY), signing.signer(KEY)
    made = []
    for index, record in enumerate(records):
        digest = hasher.digest(record)
        encoding.leaf(encoding.Row(index, digest, digest, encoding.attributes_hash(None)))
        made.append(sign_digest(digest))
    return made


def sign(records: list[Record]) -> tuple[float, float]:
    """Our whole work on a unit against nothing but the curve."""
    key = PrivateKey(KEY)
    return paired(lambda: _signed(records), lambda: [key.sign_recoverable(KEY, hasher=None) for _ in records])


def peer_sign(records: list[Record]) -> tuple[float, float]:
    """Against what most programs would call."""
    types = {"Unit": [{"name": name, "type": "string"} for name in ("gtin", "lot", "serial")]}
    domain = {"name": "Touchstone", "version": "1", "salt": REGISTRY}

    def theirs() -> None:
        for record in records:
            message = {"gtin": record.gtin, "lot": record.lot, "serial": record.serial}
            Account.sign_message(encode_typed_data(domain, types, message), KEY)

    return paired(lambda: _signed(records), theirs)


def recover(records: list[Record]) -> tuple[float, float]:
    """Our check of a signature against the bare recovery."""
    from coincurve import PublicKey  # noqa: PLC0415  # the peer of this row alone

    hasher, made = encoding.RecordHasher(REGISTRY), _signed(records)
    full = PrivateKey(KEY).sign_recoverable(KEY, hasher=None)

    def ours() -> None:
        for record, signature in zip(records, made, strict=True):
            signing.recover(hasher.digest(record), signature)

    return paired(ours, lambda: [PublicKey.from_signature_and_message(full, KEY, hasher=None) for _ in records])


def tree() -> tuple[float, float]:
    """Our tree against its hashes alone."""
    rows = [encoding.Row(index, KEY, KEY, KEY) for index in range(LEAVES)]
    word = bytes(64)
    return paired(
        lambda: merkle.build([encoding.leaf(row) for row in rows]), lambda: [keccak256(word) for _ in range(3 * LEAVES)]
    )


def peer_tree() -> tuple[float, float]:
    """Our tree against OpenZeppelin's, of equal rows; the roots must be equal."""
    word = b"\x11" * 32
    rows = [encoding.Row(index, word, word, word) for index in range(LEAVES)]
    theirs = []
    for _ in range(3):
        done = subprocess.run(  # our own script, on the project's own Node
            [str(ROOT / ".venv/bin/node"), "--input-type=module", "-e", PEER_TREE, str(LEAVES)],
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        )
        theirs.append(json.loads(done.stdout))
    ours, _ = paired(lambda: merkle.build([encoding.leaf(row) for row in rows]), lambda: None)
    root = merkle.root(merkle.build([encoding.leaf(row) for row in rows]))
    if any(one["root"] != f"0x{root.hex()}" for one in theirs):
        raise SystemExit("the roots differ: there is nothing to compare")
    return ours, statistics.median(one["seconds"] for one in theirs)


def _links(records: list[Record]) -> list[str]:
    signed = zip(records, _signed(records), strict=True)
    return [links.build("https://verify.example.org", record, signature) for record, signature in signed]


def draw(records: list[Record]) -> tuple[float, float]:
    """Our encoder against the usual package."""
    texts = _links(records)
    return paired(lambda: list(map(barcodes.encode, texts)), lambda: list(map(barcodes.encode_again, texts)), 3)


def label(records: list[Record]) -> tuple[float, float]:
    """A whole label, read back and set, against the drawing alone of the usual package."""
    texts = _links(records)

    class Nowhere:
        def write(self, data: bytes) -> None:
            """Take no notice."""

    def ours() -> None:
        sheets = labels.PdfSheets(Nowhere(), labels.STOCKS["A4-21"])
        for record, text in zip(records, texts, strict=True):
            code = barcodes.encode(text)
            if barcodes.read(code.picture(4)) != (text,):
                raise SystemExit("a code does not read back")
            sheets.add(
                labels.Label(record, text, code, {"en": "Kestrel S3 electric scooter"}, "S3", "verify.example.org", "signed")
            )
        sheets.close()

    return paired(ours, lambda: list(map(barcodes.encode_again, texts)), 3)


if __name__ == "__main__":
    main()

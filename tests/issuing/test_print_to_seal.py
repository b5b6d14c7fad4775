"""From print to seal, on a small scale: `python -m tests.issuing.print_to_seal` does it with a million."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from registry import barcodes
from registry.errors import TouchstoneError
from registry.issuing.labels import STOCKS
from registry.issuing.printing import Order, print_labels
from registry.proofs import signing
from tests.issuing import label_batch, print_to_seal

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("stock", ["A4-24", "single"])
def test_labels_are_verified_from_print_to_seal(tmp_path: Path, stock: str) -> None:
    """Cut out of rendered pages of several files; a label held against another rank or signer does not hold."""
    tree = label_batch.tree(tmp_path, 70)
    order = Order(tree, label_batch.BASE, "pdf", STOCKS[stock], barcodes.read_rows)
    run = print_labels(order, tmp_path / "l.pdf", per_file=30)
    sheets = print_to_seal.Sheets(run.files, 30, STOCKS[stock])
    signer = signing.address_of(label_batch.KEY)
    found = dict(sheets.labels([0, 7, 29, 30, 61, 69]))
    for number, text in found.items():
        print_to_seal.verify(text, number, tree, signer)
        with pytest.raises(TouchstoneError):
            print_to_seal.verify(text, number - 1 if number else 1, tree, signer)
    signed = next(number for number, text in found.items() if "?sig=" in text)
    with pytest.raises(AssertionError):
        print_to_seal.verify(found[signed], signed, tree, f"0x{'11' * 20}")

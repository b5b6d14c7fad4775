"""From print to seal: labels at random places of printed sheets are rendered, decoded and verified as a stranger would.

    python -m tests.issuing.print_to_seal FOLDER --units 1000000 --labels 1000

prints a batch of so many units into FOLDER, made there if it is not, and takes so many labels. Nothing that made the labels has
a part in it: a label is cut out of its rendered page, read, and all that follows comes from the link in it. The signer is
recovered from the link's signature, the row is computed from the link's GTIN, lot and serial, and the path from there leads to
the root, and with count and manifest to the seal.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pypdfium2

from registry import barcodes
from registry.issuing.labels import STOCKS
from registry.issuing.printing import Order, print_labels
from registry.proofs import encoding, merkle, signing
from registry.proofs.tree_file import FileSource, TreeFile
from registry.units import links
from registry.units.records import Record
from tests.issuing import label_batch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from registry.issuing.labels import Stock

DPI = 300
INCH = 25.4


@dataclass(frozen=True, slots=True)
class Sheets:
    """What came from the printer."""

    files: Sequence[Path]
    """In order."""
    per_file: int
    stock: Stock

    def labels(self, numbers: Sequence[int]) -> Iterator[tuple[int, str]]:
        """Yield the number of each label and the text of its code, read from the rendered label alone."""
        opened = cache(pypdfium2.PdfDocument)
        for number in sorted(numbers):
            within = number % self.per_file
            page = opened(self.files[number // self.per_file])[within // self.stock.per_page]
            left, top = self.stock.place(within)
            width, height = self.stock.label
            page_width, page_height = self.stock.page
            margins = left, page_height - top - height, page_width - left - width, top
            picture = page.render(scale=DPI / 72, crop=tuple(max(0.0, mm) * 72 / INCH for mm in margins)).to_pil()
            (text,) = barcodes.read(picture)
            yield number, text


def verify(text: str, index: int, tree: TreeFile, signer: str) -> None:
    """Prove that the unit in a link is the one of a rank in a sealed batch, and signed by this signer where it is signed.

    Raises what the step that fails raises; a step that gives another answer is an `AssertionError`.
    """
    link = links.parse(text)
    products = tree.manifest.products
    lots = [product.lot for product in products if product.gtin == link.gtin]
    carriers = {product.carrier for product in products if product.gtin == link.gtin}
    (lot,) = lots if link.lot is None else [link.lot]
    record = Record(link.gtin, lot, link.serial)
    digest = encoding.RecordHasher(tree.manifest.registry_id).digest(record)
    if carriers == {"compact"}:
        assert link.signature is None
    else:
        assert link.signature is not None
        assert signing.recover(digest, signing.decode(link.signature)) == signer
    attributes = encoding.attributes_hash(tree.unit(index).attributes)
    row = encoding.Row(index, encoding.unit_key(tree.header.salt, record.id), digest, attributes)
    merkle.verify_presence(tree.header.opening, row, tree.path(index))
    assert encoding.seal(tree.header.opening) == tree.seal


def main() -> None:
    """Print, take labels, verify them, and say how it went."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--units", type=int, default=10_000)
    parser.add_argument("--labels", type=int, default=1_000)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    path = asked.folder / f"batch of {asked.units}"
    tree = TreeFile(FileSource(path)) if path.exists() else label_batch.tree(asked.folder, asked.units)
    stock = STOCKS["A4-21"]
    order = Order(tree, label_batch.BASE, "pdf", stock, barcodes.read_rows)
    begun = time.monotonic()
    run = print_labels(order, asked.folder / "labels.pdf", per_file=10_000)
    print(f"{run.count:,} labels in {time.monotonic() - begun:.1f} s; {run.statement}")
    numbers = random.SystemRandom().sample(range(run.count), min(asked.labels, run.count))
    signer = signing.address_of(label_batch.KEY)
    for number, text in Sheets(run.files, 10_000, stock).labels(numbers):
        verify(text, number, tree, signer)
    print(f"{len(numbers):,} of them rendered, decoded and verified up to seal 0x{tree.seal.hex()}")


if __name__ == "__main__":
    main()

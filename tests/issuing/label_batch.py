"""Units with real signatures, and their labels, for the tests of everything that prints."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal

import pypdfium2

from registry.issuing.labels import STOCKS, Stock
from registry.issuing.press import Press
from registry.issuing.sheets import PdfSheets
from registry.proofs import encoding, manifest, signing
from registry.proofs.manifest import Manifest, Product
from registry.proofs.tree_file import FileSource, TreeFile, TreeUnit
from registry.units import serials
from registry.units.records import Record
from tests.proofs import tree_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from registry.issuing.labels import Label

KEY = bytes(31) + b"\x07"
SALT = bytes(31) + b"\x08"
SIGNED = "09521001000017"
COMPACT = "09521001000024"
LOT = "K2609A"
BASE = "https://verify.example.org"
NAME = "Kestrel S3 (electric) \\ scooter"


def product(
    gtin: str = SIGNED,
    carrier: Literal["signed", "compact"] = "signed",
    *,
    lot: str = LOT,
    names: Mapping[str, str] | None = None,
    model: str = "S3",
) -> Product:
    """Return a manifest's entry."""
    return Product(gtin, lot, carrier, names or {"en": NAME, "zh": "隼行 S3"}, model)


PRODUCTS = (product(), product(lot="k_2610b"), product(COMPACT, "compact"))


def described(*products: Product) -> Manifest:
    """Return a manifest of these products, or of a few that differ."""
    return Manifest(bytes(32), encoding.keccak256(SALT), products or PRODUCTS)


def unit(gtin: str = SIGNED, lot: str = LOT, serial: str = "", rank: int = 0) -> TreeUnit:
    """Return a unit with a signature."""
    record = Record(gtin, lot, serial or serials.generate())
    signature = signing.sign(record.serial.encode().ljust(32, b"."), KEY)
    return TreeUnit(rank, record, signature, None)


def units(count: int, gtin: str = SIGNED, lot: str = LOT) -> list[TreeUnit]:
    """Return units of one product."""
    return [unit(gtin, lot, rank=rank) for rank in range(count)]


def make(wanted: Sequence[TreeUnit], *products: Product, base: str = BASE) -> list[Label]:
    """Return the labels of units, checked."""
    press = Press(described(*products), base)
    labels = press.labels(wanted)
    press.check(labels, wanted)
    return labels


def tree(folder: Path, count: int, *products: Product) -> TreeFile:
    """Return a sealed batch of so many units of these products in turn, in its file."""
    described_as = described(*products)
    entries = described_as.products
    sealed = [
        (Record(entry.gtin, entry.lot, serial), None)
        for place, serial in enumerate(serials.generate_many(count))
        for entry in [entries[place % len(entries)]]
    ]
    path = folder / f"batch of {count}"
    tree_files.write(path, sealed, manifest.write(described_as), SALT, KEY)
    return TreeFile(FileSource(path))


def pdf(labels: Iterable[Label], stock: Stock = STOCKS["A4-21"]) -> bytes:
    """Return labels as a PDF file."""
    out = io.BytesIO()
    sheets = PdfSheets(out, stock)
    sheets.add(labels)
    sheets.close()
    return out.getvalue()


def pages_of(raw: bytes) -> list[pypdfium2.PdfPage]:
    """Return the pages of a PDF file."""
    return list(pypdfium2.PdfDocument(raw))


def words_of(raw: bytes) -> list[str]:
    """Return the lines of text on the only page of a PDF file."""
    (page,) = pages_of(raw)
    text: str = page.get_textpage().get_text_range()
    return text.split("\r\n")

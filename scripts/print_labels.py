"""`touchstone labels`: the labels of a batch, as PDF sheets, SVG, PNG or a list of links."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import click

from registry import barcodes
from registry.errors import StoreError
from registry.issuing import labels
from registry.proofs import manifest
from scripts.connect import path, store_options
from scripts.console import json_option
from scripts.receipts import hex_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from registry.issuing.batches import StoredBatch
    from registry.issuing.labels import Label, Stock
    from registry.storage.store import Store
    from scripts.console import Console

READ_BACK_PIXELS = 4
"""Pixels to a module when a code is read back."""
FORMATS = ("pdf", "svg", "png", "csv")


@click.command("labels")
@click.argument("seal", type=hex_bytes(32))
@click.option("--base", required=True, help="The verifier's address that the labels carry, such as https://verify.example.org")
@click.option("--format", "kind", type=click.Choice(FORMATS), default="pdf", show_default=True, help="What to write.")
@click.option("--stock", type=click.Choice(list(labels.STOCKS)), default="A4-21", show_default=True, help="Sheet of the PDF.")
@click.option("--out", type=path(), required=True, help="The PDF or CSV file, or the folder for SVG and PNG files.")
@click.option("--dpi", type=click.IntRange(150, 1200), default=600, show_default=True, help="Resolution of PNG codes.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many units.")
@store_options
@json_option
def command(
    seal: bytes,
    base: str,
    kind: str,
    stock: str,
    out: Path,
    dpi: int,
    limit: int | None,
    store: Store,
    console: Console,
) -> None:
    """Write the labels of the batch SEAL. Every code is read back before its label is handed over."""
    batch = store.batch(seal)
    if batch is None:
        raise StoreError(f"batch 0x{seal.hex()} is not in this store", hint="register it first")
    total = min(batch.unit_count, limit or batch.unit_count)
    with console.progress("labels", total) as done:
        made = counted(make(store, batch, base.rstrip("/"), total), done)
        written = WRITERS[kind](made, out, labels.STOCKS[stock], dpi)
    console.found({"labels": total, "read_back": total, **written})


def make(store: Store, batch: StoredBatch, base: str, count: int) -> Iterator[Label]:
    """Yield the labels of a batch's first units, each read back."""
    described = manifest.read(batch.manifest)
    units = ((record, signature) for record, signature, _ in islice(store.labels(batch.id), count))
    return labels.make(units, described, base, draw=barcodes.encode, read_back=read_back)


def read_back(code: barcodes.Matrix) -> tuple[str, ...]:
    """Read a drawn code from its picture."""
    return barcodes.read(code.picture(READ_BACK_PIXELS))


def counted(made: Iterable[Label], done: Callable[[int], None]) -> Iterator[Label]:
    """Pass labels on, telling how many."""
    for number, label in enumerate(made, 1):
        yield label
        done(number)


def write_pdf(made: Iterable[Label], out: Path, stock: Stock, dpi: int) -> dict[str, object]:
    """Write sheets."""
    del dpi
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.partial")
    with partial.open("wb") as stream:
        sheets = labels.PdfSheets(stream, stock)
        for label in made:
            sheets.add(label)
        pages = sheets.close()
    partial.replace(out)  # a file that is there is whole
    return {"file": str(out), "pages": pages, "stock": stock.name}


def write_csv(made: Iterable[Label], out: Path, stock: Stock, dpi: int) -> dict[str, object]:
    """Write the list of links."""
    del stock, dpi
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.partial")
    with partial.open("w", encoding="utf-8", newline="") as stream:
        labels.write_links(made, stream)
    partial.replace(out)
    return {"file": str(out)}


def write_svg(made: Iterable[Label], out: Path, stock: Stock, dpi: int) -> dict[str, object]:
    """Write one SVG picture a label."""
    del stock, dpi
    out.mkdir(parents=True, exist_ok=True)
    for label in made:
        _name(out, label, "svg").write_text(labels.svg(label), encoding="utf-8")
    return {"folder": str(out)}


def write_png(made: Iterable[Label], out: Path, stock: Stock, dpi: int) -> dict[str, object]:
    """Write one picture a code, its modules whole pixels wide, its size in millimetres as its resolution says."""
    del stock
    out.mkdir(parents=True, exist_ok=True)
    for label in made:
        pixels = max(1, round(label.module * dpi / 25.4))
        exact = pixels * 25.4 / label.module
        code = barcodes.Matrix(label.code.modules)  # the very one that was read back
        code.picture(pixels).convert("1").save(_name(out, label, "png"), dpi=(exact, exact))
    return {"folder": str(out)}


def _name(folder: Path, label: Label, ending: str) -> Path:
    return folder / f"{label.record.gtin}_{label.record.serial}.{ending}"


WRITERS = {"pdf": write_pdf, "svg": write_svg, "png": write_png, "csv": write_csv}

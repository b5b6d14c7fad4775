"""`touchstone labels`: the labels of a batch, as PDF sheets, ZPL, SVG, PNG or a list of links."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from registry import barcodes
from registry.issuing import labels, printing, qr
from registry.issuing.press import LEVEL, MASK
from registry.issuing.printing import Order
from registry.issuing.zpl import RESOLUTIONS
from registry.storage.tables import LONGEST_TEXT
from scripts.connect import batch_of, ledger_options, path
from scripts.console import json_option
from scripts.label_ledger import Desk, record_run, sentence
from scripts.receipts import hex_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from registry.issuing.printing import PrintRun
    from registry.issuing.qr import Level
    from registry.storage.ledger import Ledgers
    from registry.storage.store import Store
    from scripts.console import Console

SHEET = "A4-21"
SINGLE = "single"
DPI = 600


@click.command("labels")
@click.argument("seal", type=hex_bytes(32))
@click.option("--base", required=True, help="The verifier's address that the labels carry, such as https://verify.example.org")
@click.option(
    "--format",
    "kind",
    type=click.Choice(printing.KINDS),
    default="pdf",
    show_default=True,
    help="What to write. zpl prints our codes, zpl-text lets the printer draw them.",
)
@click.option("--stock", type=click.Choice(list(labels.STOCKS)), help=f"Labels to print on. [default: {SHEET}, or {SINGLE}]")
@click.option("--out", type=path(), required=True, help="The file, or the folder for SVG and PNG files.")
@click.option("--dpi", type=click.IntRange(150, 1200), default=DPI, show_default=True, help="Resolution of PNG and ZPL.")
@click.option("--first", type=click.IntRange(min=0), default=0, show_default=True, help="Begin with the unit of this rank.")
@click.option("--limit", type=click.IntRange(min=1), help="Only so many units.")
@click.option(
    "--per-file", type=click.IntRange(min=1), help=f"Labels in one file at most. [default: {printing.PER_FILE}, CSV all]"
)
@click.option("--level", type=click.Choice(list(qr.LEVELS)), default=LEVEL, show_default=True, help="Error correction.")
@click.option(
    "--mask",
    type=click.Choice(["fixed", "auto"]),
    default="fixed",
    show_default=True,
    help=f"fixed: mask {MASK}, codes drawn by the batch. auto: the mask that suits each code best, a hundred times slower.",
)
@click.option(
    "--verify",
    type=click.Choice(["sample", "all"]),
    default="sample",
    show_default=True,
    help=f"Codes to read from their pictures where there are more than {printing.EVERY:,}; up to there, all.",
)
@click.option("--workers", type=click.IntRange(1, 64), help="Processes. [default: one a core]")
@click.option("--reprint", "reason", type=sentence(LONGEST_TEXT), help="Why labels are printed again; it is kept.")
@ledger_options
@json_option
def command(
    seal: bytes,
    base: str,
    kind: str,
    stock: str | None,
    out: Path,
    dpi: int,
    first: int,
    limit: int | None,
    per_file: int | None,
    level: Level,
    mask: str,
    verify: str,
    workers: int | None,
    reason: str | None,
    store: Store,
    ledgers: Ledgers,
    console: Console,
) -> None:
    """Write the labels of the batch SEAL. Every label is checked before it is handed over; what was checked is reported.

    More labels than --per-file go into files with numbers. Killed at any moment, run again: it makes the same files.
    Every run is put on record (`touchstone reconcile`); labels that were printed before need a reason.
    """
    if kind.startswith("zpl") and dpi not in RESOLUTIONS:
        raise click.UsageError(f"--dpi: found {dpi}, expected {', '.join(map(str, RESOLUTIONS))} for ZPL")
    order = order_of(store, seal, base, kind, labels.STOCKS[stock or (SHEET if kind == "pdf" else SINGLE)])
    order = replace(order, dpi=dpi, level=level, draw=barcodes.encode if mask == "auto" else None)
    units = order.tree.header.unit_count
    total = min(units - first, limit or units)
    with console.progress("labels", total) as done:
        run = printing.print_labels(
            order,
            out,
            first=first,
            count=total,
            per_file=per_file or (units if kind == "csv" else printing.PER_FILE),
            verify_all=verify == "all",
            workers=workers,
            progress=done,
        )
    record_run(console, Desk(seal, store, ledgers), run, reason)
    console.found(facts(run, order))


def order_of(store: Store, seal: bytes, base: str, kind: str, stock: labels.Stock) -> Order:
    """Return the order to print a stored batch. Raises `StoreError` if there is no such batch."""
    return Order(store.tree(batch_of(store, seal).seal), base.rstrip("/"), kind, stock, barcodes.read_rows)


def facts(run: PrintRun, order: Order) -> dict[str, Any]:
    """Return what was printed, as plain values."""
    several = len(run.files) > 1
    where = "folder" if run.kind in printing.FOLDERS else "files" if several else "file"
    return {
        "labels": run.count,
        "first": run.first,
        **({"stock": order.stock.name} if run.kind != "csv" else {}),
        **({"pages": run.pages} if run.pages else {}),
        where: [str(file) for file in run.files] if several else str(run.files[0]),
        "checked": run.checked,
        "read_back": run.read_back,
        "checks": run.statement,
    }

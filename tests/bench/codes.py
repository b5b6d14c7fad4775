"""Labels: whole sheets by our processes against the usual package on as many, and one code against each encoder's."""

from __future__ import annotations

import importlib
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import zxingcpp

from registry import barcodes
from registry.issuing import labels, printing
from registry.issuing.printing import Order
from registry.proofs.crew import Crew
from registry.storage.store import Store
from registry.units import links
from tests.bench.ground import BASE
from tests.bench.measuring import Kind, Limit, NothingToMeasure, Row, paired, per_item
from tests.bench.peers.packages import draw_each, draw_with_qrcode
from tests.bench.signatures import records, signed
from tests.bench.stores import store_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.bench.stores import Built

CODES: Final = 60
PEERS: Final = 240
WORKERS: Final = 2
SOME: Final = 20_000
STOCK: Final = "A4-21"
STORE: Final = partial(store_of, 1, 200_000, quietly=True)


def rows(
    store: Callable[[], AbstractContextManager[Built]] = STORE, *, codes: int = CODES, peers: int = PEERS
) -> Iterator[Row]:
    """Yield the table's rows."""
    texts = _texts(peers)
    segno = importlib.import_module("segno")  # installed for these measurements only
    encoders: dict[str, Callable[[str], object]] = {
        "the `qrcode` package": barcodes.encode_again,
        "segno": lambda text: segno.make(text, error="m", micro=False),
        "zxing-cpp": lambda text: zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M").to_image(),
    }
    with (
        store() as built,
        tempfile.TemporaryDirectory(prefix="touchstone-bench-") as folder,
        Store.open(built.database, built.trees) as opened,
        Crew(tuple, workers=WORKERS) as crew,
    ):
        order = Order(opened.tree(opened.batches()[0].seal), BASE, "pdf", labels.STOCKS[STOCK], barcodes.read_rows)
        count = order.tree.header.unit_count
        some = min(count, SOME)
        list(crew.map(draw_with_qrcode, [texts[:1]] * WORKERS))  # it has its imports behind it, which ours has not
        both = paired(
            lambda: _print(order, Path(folder) / "labels.pdf"),
            lambda: list(crew.map(draw_with_qrcode, [texts[start::8] for start in range(8)])),
            rounds=3,
            clock=time.perf_counter,
        )
        whole = per_item(both, count, peers)
        told = f"PDF label of {count:,}, made and checked by {WORKERS} processes"
        yield Row(told, f"drawn by `qrcode` in {WORKERS} processes", *whole, Limit(Kind.SPEED, 300))
        yield Row(told, "the same", *whole, Limit(Kind.PER_SECOND, 40_000))
        for name, encode in encoders.items():
            single = paired(
                lambda: printing.print_labels(order, Path(folder) / "some.pdf", count=some, workers=1),
                partial(draw_each, encode, texts[:codes]),
                rounds=3,
            )
            yield Row("PDF label, made and checked by one process", f"code by {name}", *per_item(single, some, codes))


def _print(order: Order, out: Path) -> None:
    run = printing.print_labels(order, out, workers=WORKERS)
    if run.count != order.tree.header.unit_count:
        raise NothingToMeasure(f"found {run.count} labels, expected one for each unit")


def _texts(count: int) -> list[str]:
    made = records(count)
    return [links.build(BASE, record, signature) for record, signature in zip(made, signed(made), strict=True)]

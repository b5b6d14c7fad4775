"""Labels: our drawing of a code against the packages that most programs would call, and whole sheets against them."""

from __future__ import annotations

import importlib
from functools import partial
from typing import TYPE_CHECKING, Final

import zxingcpp

from registry import barcodes
from registry.units import links
from tests.bench.measuring import Row, paired, per_item
from tests.bench.signatures import records, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BASE: Final = "https://verify.example.org"
CODES: Final = 60


def rows(codes: int = CODES) -> Iterator[Row]:
    """Yield the table's rows."""
    made = records(codes)
    texts = [links.build(BASE, record, signature) for record, signature in zip(made, signed(made), strict=True)]
    segno = importlib.import_module("segno")  # installed for these measurements only
    peers: dict[str, Callable[[str], object]] = {
        "the `qrcode` package": barcodes.encode_again,
        "segno": lambda text: segno.make(text, error="m", micro=False),
        "zxing-cpp": lambda text: zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M").to_image(),
    }
    for name, draw in peers.items():
        sides = paired(lambda: list(map(barcodes.encode, texts)), partial(_draw, draw, texts), rounds=3)
        yield Row("draw a code", name, *per_item(sides, codes))


def _draw(draw: Callable[[str], object], texts: list[str]) -> None:
    for text in texts:
        draw(text)

"""Codes as most programs would have them drawn, one after the other; light to import, for workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry import barcodes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def draw_each(draw: Callable[[str], object], texts: Sequence[str]) -> None:
    """Draw codes, and keep none."""
    for text in texts:
        draw(text)


def draw_with_qrcode(_: object, texts: Sequence[str]) -> int:
    """Draw codes with the `qrcode` package; returns their number."""
    draw_each(barcodes.encode_again, texts)
    return len(texts)

"""A picture of a label as a phone would take it: tilted, a little blurred, unevenly lit, on a carton."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SIZE = (1600, 1200)
CARTON = (176, 141, 103)
CORNERS = ((520.0, 250.0), (1120.0, 320.0), (1060.0, 930.0), (450.0, 840.0))
"""Where the label's corners land in the picture: a hand's tilt and perspective."""


def photograph(label: Image.Image, path: Path) -> None:
    """Write `label` to `path` as a 1600 x 1200 photo-like PNG; the same label gives the same picture."""
    label = label.convert("RGB")
    width, height = label.size
    source = ((0.0, 0.0), (float(width), 0.0), (float(width), float(height)), (0.0, float(height)))
    coefficients = perspective(CORNERS, source)
    mask = Image.new("L", label.size, 255).transform(SIZE, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC)
    seen = label.transform(SIZE, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC)
    picture = Image.new("RGB", SIZE, CARTON)
    picture.paste(seen, mask=mask)
    picture = picture.filter(ImageFilter.GaussianBlur(1.1))
    pixels = np.asarray(picture, dtype=np.float32)
    light = np.linspace(1.05, 0.62, SIZE[0], dtype=np.float32)[None, :, None]
    grain = np.random.default_rng(1).normal(0.0, 5.0, pixels.shape).astype(np.float32)
    Image.fromarray(np.clip(pixels * light + grain, 0, 255).astype(np.uint8)).save(path, optimize=True)


def perspective(target: Sequence[tuple[float, float]], source: Sequence[tuple[float, float]]) -> list[float]:
    """Solve for the eight coefficients that Pillow wants: they map a point of the picture back to the label."""
    rows, values = [], []
    for (x, y), (u, v) in zip(target, source, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    solved: list[float] = np.linalg.solve(np.array(rows), np.array(values)).tolist()
    return solved

"""A film of a label for a browser's fake camera: our own PDF sheet, held by an unsteady hand in poor light.

The label drifts, tilts and comes nearer, lies in perspective, is darker on one side, out of focus at times, and the picture is
grainy. The same label always gives the same film.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import numpy as np
import pypdfium2
from PIL import Image, ImageFilter

from registry.issuing.labels import STOCKS
from scripts.demo.photo import CARTON, perspective
from tests.issuing import label_batch

if TYPE_CHECKING:
    from registry.issuing.labels import Label

SIZE: Final = (640, 480)
SECONDS: Final = 3
RATE: Final = 15
FRAMES: Final = SECONDS * RATE
PLAYED: Final = 30
"""Frames in a second at which Chromium plays MJPEG."""
DPI: Final = 300
INCH: Final = 25.4


def printed(label: Label) -> Image.Image:
    """Return a label as the printer gives it: cut out of a page of its PDF sheet."""
    stock = STOCKS["A4-21"]
    page: Image.Image = pypdfium2.PdfDocument(label_batch.pdf([label], stock))[0].render(scale=DPI / 72).to_pil()
    (left, top), (width, height) = stock.place(0), stock.label
    dots = DPI / INCH
    return page.crop((left * dots, top * dots, (left + width) * dots, (top + height) * dots))


def film(label: Image.Image) -> bytes:
    """Return the film, as MJPEG."""
    frames = []
    chance = np.random.default_rng(22)
    for number in range(FRAMES):
        frame = io.BytesIO()
        moment(label, number / FRAMES, chance).save(frame, "JPEG", quality=60)
        frames += [frame.getvalue()] * (PLAYED // RATE)
    return b"".join(frames)


def moment(label: Image.Image, at: float, chance: np.random.Generator) -> Image.Image:
    """Return the picture of a moment, from 0 to 1."""
    turn = np.deg2rad(-14 + 22 * np.sin(2 * np.pi * at))
    near = 0.52 + 0.08 * np.sin(3 * np.pi * at)
    middle = np.array([320 + 45 * np.cos(2 * np.pi * at), 240 + 30 * np.sin(4 * np.pi * at)])
    width, height = label.size
    corners = np.array([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]) * [width / 2, height / 2] * near * 0.92
    corners = corners @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    corners *= 1 - 0.14 * corners[:, :1] / (width * near)  # its right edge is further away
    target = [(float(x), float(y)) for x, y in corners + middle]
    source = [(0.0, 0.0), (float(width), 0.0), (float(width), float(height)), (0.0, float(height))]
    seen = Image.new("RGB", SIZE, CARTON)
    how = (SIZE, Image.Transform.PERSPECTIVE, perspective(target, source), Image.Resampling.BILINEAR)
    seen.paste(label.convert("RGB").transform(*how), mask=Image.new("L", label.size, 255).transform(*how))
    seen = seen.filter(ImageFilter.GaussianBlur(float(0.6 + 0.9 * np.sin(5 * np.pi * at) ** 2)))
    light = np.linspace(0.34, 0.6, SIZE[0], dtype=np.float32)[None, :, None]
    grain = chance.normal(0.0, 5.0, (SIZE[1], SIZE[0], 1)).astype(np.float32)
    return Image.fromarray(np.clip(np.asarray(seen, dtype=np.float32) * light + grain, 0, 255).astype(np.uint8))

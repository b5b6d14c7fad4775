"""Photographs a label as a hand and a phone do it, from our own PDF: the same shot gives the same file.

What happens to the label happens in the order of the world: it is copied, folded and crumpled, held at an angle, lit, seen
through a lens, and stored. Lengths on the label are in modules of its code, so that a strength means the same at every size.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from registry.issuing.labels import STOCKS
from tests.issuing import label_batch

STOCK: Final = STOCKS["A4-21"]
RENDERED: Final = 16
"""Pixels to a module of the label as it is rendered."""
SERIAL: Final = "7K3M9QWX2BHNV5TD"
DOTS: Final = 9
"""Dots to a module of a copying machine, at 600 to an inch."""
DISTANCE: Final = 4.0
"""Of the camera, in widths of the label."""
CARTON: Final = (176, 141, 103)
INCH: Final = 25.4
WHITE: Final = 255
MIDDLE: Final = 128
ORIENTATION: Final = 0x0112
UNDONE: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""What undoes the turn that EXIF asks for."""


@dataclass(frozen=True, slots=True)
class Shot:
    """How a label is photographed; everything that is not named is as good as it gets."""

    size: tuple[int, int] = (1200, 1200)
    """Of the photo, in pixels."""
    module: float = 6.0
    """Pixels to a module in the photo, in the middle of the label."""
    turn: float = 0.0
    """Degrees in the plane of the photo."""
    tilt: float = 0.0
    """Degrees by which the label leans away."""
    blur: float = 0.0
    """Modules: the standard deviation of a lens that is not in focus."""
    motion: float = 0.0
    """Modules by which the hand moved while the photo was taken."""
    glare: float = 0.0
    """Width of a lamp's reflection, as a share of the label's; in its middle everything is white."""
    shade: float = 0.0
    """Share of the light that a shadow takes from one half."""
    light: float = 1.0
    """Share of the light of a good photo."""
    contrast: float = 1.0
    """Share of the span between ink and paper that is left."""
    noise: float = 2.0
    """Grey levels of the sensor's noise."""
    folds: int = 0
    """Creases across the label."""
    crumple: float = 0.0
    """Modules by which crumpled paper moves a point."""
    copies: int = 0
    """Times that the label was scanned and printed again."""
    dirt: int = 0
    """Spots of two modules."""
    quality: int = 88
    """Of the JPEG."""
    orientation: int = 1
    """As EXIF counts them: the file holds the photo turned, and says so."""
    compact: bool = False
    """A label without a signature, whose code has fewer modules."""


@dataclass(frozen=True, slots=True)
class Printed:
    """A label as it left the printer."""

    picture: np.ndarray
    """Grey levels, float32, `RENDERED` pixels to a module."""
    link: str
    middle: tuple[float, float]
    """Of the code: x and y in pixels."""


@cache
def printed(*, compact: bool) -> Printed:
    """Return a label of our own, rendered from the PDF that a printer gets."""
    (label,) = label_batch.make([label_batch.unit(label_batch.COMPACT if compact else label_batch.SIGNED, serial=SERIAL)])
    (page,) = label_batch.pages_of(label_batch.pdf([label], STOCK))
    (left, top), (width, height) = STOCK.place(0), STOCK.label
    margins = left, STOCK.page[1] - top - height, STOCK.page[0] - left - width, top
    points = label.face.module(label.size) * 72 / INCH
    drawn = page.render(scale=RENDERED / points, crop=tuple(mm * 72 / INCH for mm in margins)).to_pil().convert("L")
    picture = np.asarray(drawn, dtype=np.float32)
    rows, columns = (np.flatnonzero((picture < MIDDLE).any(axis=axis)) for axis in (1, 0))
    side = label.size * RENDERED / 2
    # The code is what stands farthest to the left and, with the words beside it, in the middle of the label's height.
    return Printed(picture, label.link.decode(), (columns[0] + side, (rows[0] + rows[-1]) / 2))


def photograph(shot: Shot) -> tuple[bytes, str]:
    """Return a photo of a label as a JPEG, and the text that its code really holds."""
    label = printed(compact=shot.compact)
    chance = np.random.default_rng(zlib.crc32(repr(shot).encode()))
    paper = _dirty(_copied(label.picture, shot, chance), label.middle, shot, chance)
    seen, held = _held(paper, label.middle, shot, chance)
    moved = shot.motion * shot.module
    lit = np.asarray(_blurred(seen, shot.blur * shot.module, moved), dtype=np.float32)
    covered = np.asarray(_blurred(held, shot.blur * shot.module, moved), dtype=np.float32)[..., None] / WHITE
    grey = (WHITE - (WHITE - lit) * shot.contrast)[..., None]
    scene = grey * covered + np.array(CARTON, dtype=np.float32) * (1 - covered)
    scene *= _light(shot)[..., None]
    scene += _glare(shot)[..., None]
    scene += chance.normal(0.0, shot.noise, scene.shape[:2]).astype(np.float32)[..., None]
    return _stored(Image.fromarray(np.clip(scene, 0, WHITE).astype(np.uint8)), shot), label.link


def _copied(paper: np.ndarray, shot: Shot, chance: np.random.Generator) -> np.ndarray:
    """Scan and print again: each time ink spreads, edges fray, and the dots fall elsewhere."""
    for _ in range(shot.copies):
        copy = Image.fromarray(paper.astype(np.uint8))
        dots = RENDERED / DOTS * float(chance.uniform(0.93, 1.07))
        size = (round(copy.width / dots), round(copy.height / dots))
        scanned = np.asarray(copy.filter(ImageFilter.GaussianBlur(RENDERED * 0.16)).resize(size), dtype=np.float32)
        ink = scanned + chance.normal(0.0, 26.0, scanned.shape) < MIDDLE + 26
        copy = Image.fromarray(np.where(ink, 34, 246).astype(np.uint8))
        paper = np.asarray(copy.resize(paper.shape[::-1], Image.Resampling.BICUBIC), dtype=np.float32)
    return paper


def _dirty(paper: np.ndarray, middle: tuple[float, float], shot: Shot, chance: np.random.Generator) -> np.ndarray:
    """Put spots on the code, anywhere."""
    paper = paper.copy()
    for _ in range(shot.dirt):
        x, y = (int(place + chance.uniform(-16, 16) * RENDERED) for place in middle)
        paper[y - RENDERED : y + RENDERED, x - RENDERED : x + RENDERED] = chance.choice([60, 245])
    return paper


def _held(
    paper: np.ndarray, middle: tuple[float, float], shot: Shot, chance: np.random.Generator
) -> tuple[Image.Image, Image.Image]:
    """Return what of the label falls on each pixel of the photo, and where there is label."""
    # Shrunk first to about two pixels for one of the photo, so that nothing is skipped.
    step = max(1.0, RENDERED / shot.module / 1.5)
    small = Image.fromarray(paper.astype(np.uint8))
    size = (round(small.width / step), round(small.height / step))
    source = np.asarray(small.resize(size, Image.Resampling.LANCZOS), dtype=np.float32)
    x, y = np.meshgrid(*(np.arange(side, dtype=np.float32) - side / 2 for side in shot.size))
    turn, tilt = np.radians([shot.turn, shot.tilt]).astype(np.float32)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    # A plane that leans away from a camera at this distance, seen through a pinhole.
    far = np.float32(DISTANCE * max(STOCK.label) * shot.module)
    depth = far / (far * np.cos(tilt) - across * np.sin(tilt))
    scale = np.float32(RENDERED / shot.module / step)
    u, v = along * np.cos(tilt) * depth * scale, across * depth * scale
    wave, shade = _bent(u / RENDERED * step, v / RENDERED * step, shot, chance)
    u, v = u + wave * RENDERED / step + middle[0] / step, v + wave * RENDERED / step + middle[1] / step
    on_label = (u >= 0) & (v >= 0) & (u < source.shape[1] - 1) & (v < source.shape[0] - 1)
    u, v = np.where(on_label, u, 0), np.where(on_label, v, 0)
    left, top = u.astype(np.intp), v.astype(np.intp)
    du, dv = u - left, v - top
    grey = (
        source[top, left] * (1 - du) * (1 - dv)
        + source[top, left + 1] * du * (1 - dv)
        + source[top + 1, left] * (1 - du) * dv
        + source[top + 1, left + 1] * du * dv
    )
    seen = np.where(on_label, np.clip(grey * shade, 0, WHITE), WHITE).astype(np.uint8)
    return Image.fromarray(seen), Image.fromarray((on_label * WHITE).astype(np.uint8))


def _bent(u: np.ndarray, v: np.ndarray, shot: Shot, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return by how many modules the paper moved at places of the label, and how much light falls there."""
    wave, shade = np.zeros_like(u), np.ones_like(u)
    for _ in range(shot.folds):
        angle, place = chance.uniform(0, np.pi), chance.uniform(-15, 15)
        beyond = (u * np.cos(angle) + v * np.sin(angle) - place).astype(np.float32)
        shade *= 1 - 0.22 * (beyond > 0) - 0.45 * np.exp(-(beyond**2) / 0.35)
        wave += 0.35 * np.exp(-np.abs(beyond) / 4)
    if shot.crumple:
        for length in (44, 26, 15, 9):
            angle, phase = chance.uniform(0, 2 * np.pi, 2)
            swing = ((u * np.cos(angle) + v * np.sin(angle)) * 2 * np.pi / length + phase).astype(np.float32)
            wave += shot.crumple * np.sin(swing) * length / 44
            shade *= 1 - min(0.3, 0.35 * shot.crumple) * (0.5 + 0.5 * np.cos(swing))
    return wave, shade


def _blurred(picture: Image.Image, blur: float, motion: float) -> Image.Image:
    if blur:
        picture = picture.filter(ImageFilter.GaussianBlur(blur))
    if motion >= 1:
        # The hand moves as far as this along a slope, a little at a time.
        steps = np.linspace(-motion / 2, motion / 2, round(motion) * 2 + 1)
        seen = [np.roll(np.asarray(picture, dtype=np.float32), (round(s * 0.4), round(s)), (0, 1)) for s in steps]
        picture = Image.fromarray(np.mean(seen, axis=0).astype(np.uint8))
    return picture


def _light(shot: Shot) -> np.ndarray:
    width, height = shot.size
    across = np.linspace(1.0, 0.8, width, dtype=np.float32)[None, :] * np.ones((height, 1), dtype=np.float32)
    edge = np.arange(width)[None, :] + np.arange(height)[:, None] * 0.4 > width / 2 + height * 0.2
    return across * np.where(edge, 1 - shot.shade, 1.0).astype(np.float32) * np.float32(shot.light)


def _glare(shot: Shot) -> np.ndarray:
    if not shot.glare:
        return np.zeros(shot.size[::-1], dtype=np.float32)
    x, y = np.meshgrid(*(np.arange(side, dtype=np.float32) - side / 2 for side in shot.size))
    away = (x - 6 * shot.module) ** 2 + ((y + 8 * shot.module) * 1.6) ** 2
    shine: np.ndarray = np.float32(2 * WHITE) * np.exp(-away / np.float32(2 * (shot.glare * 50 * shot.module / 2.5) ** 2))
    return shine


def _stored(photo: Image.Image, shot: Shot) -> bytes:
    out, exif = io.BytesIO(), Image.Exif()
    exif[ORIENTATION] = shot.orientation
    if shot.orientation in UNDONE:
        photo = photo.transpose(UNDONE[shot.orientation])
    photo.save(out, "JPEG", quality=shot.quality, exif=exif)
    return out.getvalue()

"""Photos: one of 12 megapixels through a process of its own, against the libraries called as their manuals do it."""

from __future__ import annotations

import io
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

import zxingcpp
from PIL import Image, ImageOps

from registry.photos import reading
from registry.photos.processes import PhotoReaders
from tests.bench.measuring import Kind, Limit, NothingToMeasure, Row, paired
from tests.photos.album import PHONE
from tests.photos.camera import Shot, photograph

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS: Final = 21
MOST: Final = Limit(Kind.MICROSECONDS, 100_000)
"""A photo of 12 megapixels: median, on the wall, with handing it over and back."""


def rows(shot: Shot = PHONE, *, rounds: int = ROUNDS) -> Iterator[Row]:
    """Yield the table's rows."""
    photo, link = photograph(shot)
    told = f"photo of {shot.size[0] * shot.size[1] / 1e6:.0f} megapixels, in a process of its own"
    with closing(PhotoReaders()) as readers:
        if readers.decode(photo) != (link,) or plainly(photo) != [link]:
            raise NothingToMeasure("the label in the photo was not read")
        whole = paired(lambda: readers.decode(photo), lambda: plainly(photo), rounds=rounds, clock=time.perf_counter)
        yield Row(told, "opened, turned and read whole", *whole, MOST)
        handed = paired(lambda: readers.decode(photo), lambda: reading.decode(photo), rounds=rounds, clock=time.perf_counter)
        yield Row(told, "the same in this process", *handed)


def plainly(photo: bytes) -> list[str]:
    """Read a photo as the manuals of both libraries do it."""
    with Image.open(io.BytesIO(photo)) as picture:
        return [code.text for code in zxingcpp.read_barcodes(ImageOps.exif_transpose(picture))]

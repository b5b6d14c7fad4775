"""Adapter to the QR and image libraries: codes are drawn and read here, and nowhere else.

Decision record 5 says why zxing-cpp draws and reads, why `qrcode` draws each code of a sample a second time, and what keeps a
picture that was made to be slow from holding a server.
"""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import qrcode
import zxingcpp
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from registry.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES: Final = 16 * 2**20
MAX_PIXELS: Final = {"JPEG": 50_000_000, "MPO": 50_000_000, "PNG": 16_000_000, "WEBP": 16_000_000}
"""By format, refused from the header, before a single pixel is decoded. Phones take photos as JPEG, some of them as MPO (a JPEG
with more pictures behind it, of which the first is the photo); only JPEG is decoded straight to grey."""
MAX_SCANNED: Final = 1_000_000_000
"""Pixels times scans of a progressive JPEG: each scan costs time and hardly a byte. A phone's photo has 1, a web page's 10."""
START_OF_SCAN: Final = b"\xff\xda"
MAX_CODES: Final = 100
MAX_SECONDS: Final = 2.0
"""Processor time after which no further reading of a photo is begun; a photo that holds a code takes a tenth of a second."""
FORMATS: Final = ("JPEG", "PNG", "WEBP")
QUIET_ZONE: Final = 4
"""Modules of white around a code (ISO/IEC 18004)."""
READ_BACK_PIXELS: Final = 3
"""Pixels to a module when a code of ours is read back."""
WINDOW: Final = 1200
"""Pixels on a side of what is read at once. The reader's time grows with the square, and from some point on much faster, of the
number of finder patterns: of a picture full of them this many pixels take 1 second, four times as many more than 30."""
OVERLAP: Final = 400
"""Pixels by which windows overlap: a code that is larger than this is read when the whole picture is made small."""
SMALL: Final = 1200
"""A picture whose longest side is below this is also read at twice its size."""
CUT_OFF: Final = 2
"""Percent of darkest and of lightest pixels that the contrast stretch ignores."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """A QR code as modules, without its quiet zone."""

    modules: np.ndarray
    """Square, bool, True is dark."""

    @property
    def size(self) -> int:
        """Modules on a side."""
        return int(self.modules.shape[0])

    @property
    def version(self) -> int:
        """QR version, 1 to 40."""
        return (self.size - 17) // 4

    @property
    def rows(self) -> bytes:
        """The modules from left to right and top to bottom, each row in whole bytes; 1 is dark."""
        return np.packbits(self.modules, axis=1).tobytes()

    def picture(self, pixels: int) -> Image.Image:
        """Return the code with its quiet zone, `pixels` to a module, black on white."""
        padded = np.pad(np.where(self.modules, 0, 255).astype(np.uint8), QUIET_ZONE, constant_values=255)
        return Image.fromarray(padded.repeat(pixels, axis=0).repeat(pixels, axis=1))


def encode(text: str, level: str = "M") -> Matrix:
    """Return the smallest QR code of a text at an error correction level, mixing segments, with the mask that suits it best."""
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level=level)
    return Matrix(np.array(code.to_image(scale=1, add_quiet_zones=False)) == 0)


def encode_again(text: str) -> Matrix:
    """Return a QR code of the same text by an encoder that shares no line with the first: the strict, slow path."""
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=0)
    code.add_data(text)
    code.make(fit=True)
    return Matrix(np.array(code.get_matrix(), dtype=bool))


@dataclass(frozen=True, slots=True)
class _Code:
    """A code that was read, and where: its corners in the picture, from the top left one round."""

    text: str
    corners: np.ndarray

    @property
    def place(self) -> tuple[int, int]:
        """Top and left, to sort by."""
        return int(self.corners[0, 1]), int(self.corners[0, 0])

    def holds(self, other: _Code) -> bool:
        """Say whether the other code is much smaller, and its middle lies inside this one."""
        edges = np.roll(self.corners, -1, axis=0) - self.corners
        to_middle = other.corners.mean(axis=0) - self.corners
        sides = edges[:, 0] * to_middle[:, 1] - edges[:, 1] * to_middle[:, 0]
        return _area(other.corners) < _area(self.corners) / 2 and (bool((sides > 0).all()) or bool((sides < 0).all()))


def read(picture: Image.Image) -> tuple[str, ...]:
    """Return the texts of the QR codes in a picture of ours, each once, from top to bottom.

    For what others give, `decode` has the limits.
    """
    return _texts(_codes(picture, zxingcpp.Binarizer.LocalAverage))


def read_rows(size: int, rows: bytes) -> tuple[str, ...]:
    """Read a code that was drawn, of so many modules on a side, from its picture; `rows` as `Matrix.rows` has them."""
    modules = np.unpackbits(np.frombuffer(rows, np.uint8).reshape(size, -1), axis=1)[:, :size]
    return read(Matrix(modules.astype(bool)).picture(READ_BACK_PIXELS))


def decode(data: bytes) -> tuple[str, ...]:
    """Return the texts of the QR codes in an uploaded photo, each once; none if no code can be read.

    Size, format and number of pixels are limited before anything is decoded, and so is the time spent on looking for a code.
    Raises `ImageError` with a stable reason: `too_large`, `not_a_picture`, `animated`, `too_many_pixels`, `damaged`.
    """
    if len(data) > MAX_BYTES:
        raise ImageError(f"found {len(data)} bytes, expected at most {MAX_BYTES}", reason="too_large")
    picture = _open(data)
    started = time.thread_time()
    for prepared, binarizer in _preparations(picture):
        found: list[_Code] = []
        for left, top, window in _windows(prepared):
            found += _codes(window, binarizer, left, top)
            if time.thread_time() - started > MAX_SECONDS:
                return _texts(found)
        if found:
            return _texts(found)
    return ()


def _codes(picture: Image.Image, binarizer: zxingcpp.Binarizer, left: int = 0, top: int = 0) -> list[_Code]:
    """Read a picture whose top left corner is at this place of a larger one."""
    found = zxingcpp.read_barcodes(
        picture,
        formats=zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode]),
        text_mode=zxingcpp.TextMode.Plain,  # the default rewrites control characters and GS1 separators
        binarizer=binarizer,
    )
    codes = []
    for one in found:
        if one.valid:
            at = one.position
            corners = [
                (point.x + left, point.y + top) for point in (at.top_left, at.top_right, at.bottom_right, at.bottom_left)
            ]
            codes.append(_Code(one.text, np.array(corners, dtype=np.int64)))
    return codes


def _texts(codes: list[_Code]) -> tuple[str, ...]:
    """Return the texts from top to bottom, each once; a code inside another is part of that one's picture."""
    outer = [code for code in codes if not any(other.holds(code) for other in codes)]
    return tuple(dict.fromkeys(code.text for code in sorted(outer, key=lambda code: code.place)))[:MAX_CODES]


def _area(corners: np.ndarray) -> float:
    """Return the area within these corners."""
    x, y = corners[:, 0], corners[:, 1]
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def _open(data: bytes) -> Image.Image:
    """Return the picture upright, in grey, as large as it is. Raises `ImageError`."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            _check_header(picture, data.count(START_OF_SCAN))
            if isinstance(picture, JpegImageFile):
                picture.draft("L", picture.size)
            upright = ImageOps.exif_transpose(picture)
            return _grey(upright)
    except UnidentifiedImageError as error:
        raise ImageError("found no JPEG, PNG or WebP picture", reason="not_a_picture") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError("found far too many pixels", reason="too_many_pixels") from error
    except ImageError:
        raise
    except Exception as error:  # whatever a decoder raises for a damaged file says the same to a person
        raise ImageError(f"the picture is damaged: {error}", reason="damaged") from error


def _check_header(picture: Image.Image, scans: int) -> None:
    """Refuse by what the header says, before a pixel is decoded. Raises `ImageError`."""
    kind = picture.format or ""
    if kind != "MPO" and getattr(picture, "is_animated", False):
        raise ImageError("found an animation, expected one picture", reason="animated")
    pixels = picture.width * picture.height
    if pixels > MAX_PIXELS[kind]:
        raise ImageError(f"found {pixels:,} pixels, expected at most {MAX_PIXELS[kind]:,}", reason="too_many_pixels")
    if isinstance(picture, JpegImageFile) and pixels * scans > MAX_SCANNED:
        raise ImageError(f"found {pixels:,} pixels in {scans} scans, expected fewer", reason="too_many_pixels")


def _grey(picture: Image.Image) -> Image.Image:
    """Return a picture in grey, what is transparent as white."""
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        grey, opaque = picture.convert("RGBA").convert("LA").split()
        flat = Image.new("L", picture.size, "white")
        flat.paste(grey, mask=opaque)
        return flat
    return picture.convert("L")


def _windows(picture: Image.Image) -> Iterator[tuple[int, int, Image.Image]]:
    """Yield left, top and content of the parts of a picture that are read one at a time; a small one is one part."""
    if picture.width * picture.height <= WINDOW**2:
        yield 0, 0, picture
        return
    for top in _starts(picture.height):
        for left in _starts(picture.width):
            right, bottom = min(left + WINDOW, picture.width), min(top + WINDOW, picture.height)
            yield left, top, picture.crop((left, top, right, bottom))


def _starts(length: int) -> list[int]:
    """Return where windows begin along a side; the last one ends with it."""
    step = WINDOW - OVERLAP
    last = max(0, length - WINDOW)
    return [*range(0, last, step), last]


def _preparations(picture: Image.Image) -> Iterator[tuple[Image.Image, zxingcpp.Binarizer]]:
    """Yield the picture in the ways that read most, quickest first; each later one is tried only if all before found nothing.

    Measured on real photos: small first, then full size, then one threshold for the whole picture (flat light), stretched
    contrast (low light) and twice the size (a code of few pixels). Halving and blurring read one more artwork, and wrongly.
    """
    local, whole = zxingcpp.Binarizer.LocalAverage, zxingcpp.Binarizer.GlobalHistogram
    scale = WINDOW / (picture.width * picture.height) ** 0.5
    if scale < 1:
        # a side that would vanish stays a pixel wide, and the other within reason
        width, height = (min(4 * WINDOW, max(1, int(side * scale))) for side in picture.size)
        small = picture.resize((width, height), reducing_gap=2.0)
        yield small, local
        yield ImageOps.autocontrast(small, cutoff=CUT_OFF), local
    yield picture, local
    yield picture, whole
    yield ImageOps.autocontrast(picture, cutoff=CUT_OFF), local
    if max(picture.size) < SMALL:
        double = picture.resize((2 * picture.width, 2 * picture.height), Image.Resampling.LANCZOS)
        yield double, local
        yield double, whole

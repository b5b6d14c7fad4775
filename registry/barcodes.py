"""Adapter to the QR and image libraries: codes are drawn and read here, and nowhere else.

Decision record 5 says why zxing-cpp draws and reads, and why `qrcode` draws each code of a sample a second time.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import qrcode
import zxingcpp
from PIL import Image, ImageOps, UnidentifiedImageError

from registry.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES: Final = 16 * 2**20
MAX_PIXELS: Final = 50_000_000
"""More than any phone's camera gives; refused from the header, before a single pixel is decoded."""
MAX_CODES: Final = 100
FORMATS: Final = ("JPEG", "PNG", "WEBP")
QUIET_ZONE: Final = 4
"""Modules of white around a code (ISO/IEC 18004)."""
FIRST_TRY: Final = 1600
"""Longest side, in pixels, of the first and quickest reading of a photo."""
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

    def picture(self, pixels: int) -> Image.Image:
        """Return the code with its quiet zone, `pixels` to a module, black on white."""
        padded = np.pad(~self.modules, QUIET_ZONE, constant_values=True)
        return Image.fromarray(np.kron(padded, np.full((pixels, pixels), 255, dtype=np.uint8)).astype(np.uint8))


def encode(text: str) -> Matrix:
    """Return the smallest QR code of a text at error correction level M, mixing alphanumeric and byte segments."""
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    return Matrix(np.array(code.to_image(scale=1, add_quiet_zones=False)) == 0)


def encode_again(text: str) -> Matrix:
    """Return a QR code of the same text by an encoder that shares no line with the first: the strict, slow path."""
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=0)
    code.add_data(text)
    code.make(fit=True)
    return Matrix(np.array(code.get_matrix(), dtype=bool))


def read(picture: Image.Image, binarizer: zxingcpp.Binarizer = zxingcpp.Binarizer.LocalAverage) -> tuple[str, ...]:
    """Return the texts of the QR codes in a picture, each once, from top to bottom."""
    found = zxingcpp.read_barcodes(
        picture,
        formats=zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode]),
        text_mode=zxingcpp.TextMode.Plain,  # the default rewrites control characters and GS1 separators
        binarizer=binarizer,
    )
    found = sorted((one for one in found if one.valid), key=lambda one: (one.position.top_left.y, one.position.top_left.x))
    return tuple(dict.fromkeys(one.text for one in found))[:MAX_CODES]


def decode(data: bytes) -> tuple[str, ...]:
    """Return the texts of the QR codes in an uploaded photo; none if no code can be read.

    Size, format and number of pixels are limited before anything is decoded. Raises `ImageError` with a stable reason:
    `too_large`, `not_a_picture`, `format`, `animated`, `too_many_pixels`, `damaged`.
    """
    if len(data) > MAX_BYTES:
        raise ImageError(f"found {len(data)} bytes, expected at most {MAX_BYTES}", reason="too_large")
    picture = _open(data)
    for prepared, binarizer in _preparations(picture):
        texts = read(prepared, binarizer)
        if texts:
            return texts
    return ()


def _open(data: bytes) -> Image.Image:
    """Return the picture upright, in grey, as large as it is. Raises `ImageError`."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            _check_header(picture)
            if picture.format == "JPEG":
                picture.draft("L", picture.size)
            upright = ImageOps.exif_transpose(picture)
            return _grey(upright)
    except UnidentifiedImageError as error:
        raise ImageError("found no JPEG, PNG or WebP picture", reason="not_a_picture") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"found too many pixels, expected at most {MAX_PIXELS:,}", reason="too_many_pixels") from error
    except ImageError:
        raise
    except Exception as error:  # whatever a decoder raises for a damaged file says the same to a person
        raise ImageError(f"the picture is damaged: {error}", reason="damaged") from error


def _check_header(picture: Image.Image) -> None:
    """Refuse by what the header says, before a pixel is decoded. Raises `ImageError`."""
    if getattr(picture, "is_animated", False):
        raise ImageError("found an animation, expected one picture", reason="animated")
    pixels = picture.width * picture.height
    if pixels > MAX_PIXELS:
        raise ImageError(f"found {pixels:,} pixels, expected at most {MAX_PIXELS:,}", reason="too_many_pixels")


def _grey(picture: Image.Image) -> Image.Image:
    """Return a picture in grey, what is transparent as white."""
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        flat = Image.new("RGBA", picture.size, "white")
        flat.alpha_composite(picture.convert("RGBA"))
        return flat.convert("L")
    return picture.convert("L")


def _preparations(picture: Image.Image) -> Iterator[tuple[Image.Image, zxingcpp.Binarizer]]:
    """Yield the picture in the ways that read most, quickest first; each later one is tried only if all before found nothing.

    Measured on real photos: small first, then full size, then one threshold for the whole picture (flat light), stretched
    contrast (low light) and twice the size (a code of few pixels). Halving and blurring read one more artwork, and wrongly.
    """
    local, whole = zxingcpp.Binarizer.LocalAverage, zxingcpp.Binarizer.GlobalHistogram
    longest = max(picture.size)
    if longest > FIRST_TRY:
        scale = FIRST_TRY / longest
        small = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))), reducing_gap=2.0)
        yield small, local
        yield ImageOps.autocontrast(small, cutoff=CUT_OFF), local
    yield picture, local
    yield picture, whole
    yield ImageOps.autocontrast(picture, cutoff=CUT_OFF), local
    if longest < SMALL:
        double = picture.resize((2 * picture.width, 2 * picture.height), Image.Resampling.LANCZOS)
        yield double, local
        yield double, whole

"""Adapter to the QR libraries: codes are drawn here and nowhere else, and those that we drew are read back.

Decision record 5 says why zxing-cpp draws and reads, and why `qrcode` draws each code of a sample a second time. Photos that
strangers send are read in `registry.photos`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import qrcode
import zxingcpp
from PIL import Image

from registry.photos.reading import read_clean

QUIET_ZONE: Final = 4
"""Modules of white around a code (ISO/IEC 18004)."""
READ_BACK_PIXELS: Final = 3
"""Pixels to a module when a code of ours is read back."""


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


def read(picture: Image.Image) -> tuple[str, ...]:
    """Return the texts of the QR codes in a picture of ours, each once, from top to bottom.

    For what others give, `registry.photos` has the limits.
    """
    return read_clean(picture)


def read_rows(size: int, rows: bytes) -> tuple[str, ...]:
    """Read a code that was drawn, of so many modules on a side, from its picture; `rows` as `Matrix.rows` has them."""
    modules = np.unpackbits(np.frombuffer(rows, np.uint8).reshape(size, -1), axis=1)[:, :size]
    return read(Matrix(modules.astype(bool)).picture(READ_BACK_PIXELS))

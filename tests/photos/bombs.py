"""Files that were made to hold, fill or crash whatever opens them, or to be taken for something else. All are small."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from registry import barcodes
from registry.photos.reading import START_OF_SCAN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PNG: Final = b"\x89PNG\r\n\x1a\n"
CODE: Final = "https://pay.example/6f1"
NOTHING: Final = "no code"
READ: Final = CODE


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    """Return a picture as a file."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def full_of_finders(width: int, height: int) -> Image.Image:
    """Return a picture that is nothing but the corner squares of codes."""
    square = np.full((8, 8), 255, dtype=np.uint8)
    square[:7, :7] = 0
    square[1:6, 1:6] = 255
    square[2:5, 2:5] = 0
    return Image.fromarray(np.tile(square, (height // 8, width // 8)))


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack("!I", len(content)) + kind + content + struct.pack("!I", zlib.crc32(kind + content))


def png(width: int, height: int, *, depth: int = 8, colours: int = 0, before: bytes = b"", rows: int | None = None) -> bytes:
    """Return a PNG of zeros as its header describes it, or of fewer rows, with chunks before its pixels."""
    channels = {0: 1, 2: 3, 6: 4}[colours]
    row = bytes(1 + width * channels * depth // 8)
    deflate = zlib.compressobj(9)
    pixels = b"".join(deflate.compress(row) for _ in range(height if rows is None else rows)) + deflate.flush()
    header = struct.pack("!IIBBBBB", width, height, depth, colours, 0, 0, 0)
    return PNG + chunk(b"IHDR", header) + before + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def claims(kind: str, width: int, height: int) -> bytes:
    """Return a small picture whose header claims this size."""
    if kind == "JPEG":
        raw = saved(Image.new("L", (64, 64), 128), "JPEG")
        at = raw.index(b"\xff\xc0") + 5
        return raw[:at] + struct.pack("!HH", height, width) + raw[at + 4 :]
    raw = saved(Image.new("RGB", (64, 64)), "WEBP")
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + size + raw[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def scans(count: int, size: tuple[int, int]) -> bytes:
    """Return a progressive JPEG with so many scans, of which nearly all change nothing."""
    photo = saved(Image.new("L", size, 99), "JPEG", progressive=True)
    again = photo[photo.rindex(START_OF_SCAN) : -2]
    return photo[:-2] + count * again + photo[-2:]


def _code() -> Image.Image:
    return barcodes.encode(CODE).picture(6).convert("RGB")


def _zip_of_text(kind: bytes, times: int) -> bytes:
    return png(64, 64, before=chunk(kind, b"Comment\0\0" + zlib.compress(bytes(50_000_000), 9)) * times)


def _moving(kind: str) -> bytes:
    frames = [Image.new("RGB", (32, 32), (level, 0, 0)) for level in (0, 120, 250)]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:])


BOMBS: Final[Mapping[str, tuple[Callable[[], bytes], str]]] = {
    "nothing": (lambda: b"", "not_a_picture"),
    "svg": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "not_a_picture"),
    "pdf": (lambda: b"%PDF-1.4\n%%EOF", "not_a_picture"),
    "html that calls itself jpeg": (lambda: b"<!doctype html><title>photo.jpg</title>", "not_a_picture"),
    "gif": (lambda: saved(_code().convert("P"), "GIF"), "not_a_picture"),
    "animated gif": (lambda: _moving("GIF"), "not_a_picture"),
    "tiff": (lambda: saved(_code(), "TIFF"), "not_a_picture"),
    "ico": (lambda: saved(_code().resize((64, 64)), "ICO"), "not_a_picture"),
    "bmp": (lambda: saved(_code(), "BMP"), "not_a_picture"),
    "eps": (lambda: saved(_code(), "EPS"), "not_a_picture"),
    "animated png": (lambda: _moving("PNG"), "animated"),
    "animated webp": (lambda: _moving("WEBP"), "animated"),
    "png of no width": (lambda: png(0, 9), "not_a_picture"),
    "jpeg of no height": (lambda: claims("JPEG", 64, 0), "not_a_picture"),
    "png of 400 megapixels": (lambda: png(20_000, 20_000, rows=9), "too_many_pixels"),
    "png of 4 gigapixels": (lambda: png(65_535, 65_535, rows=1), "too_many_pixels"),
    "png of 16 megapixels, 16 bits, 4 channels": (lambda: png(4_000, 4_000, depth=16, colours=6), NOTHING),
    "png as wide as a road": (lambda: png(2_000_000, 8), NOTHING),
    "png with 100,000 chunks": (lambda: png(64, 64, before=chunk(b"tEXt", b"Comment\0x") * 100_000), NOTHING),
    "png with a text that unpacks": (lambda: _zip_of_text(b"zTXt", 1), "damaged"),
    "png with many texts that unpack": (lambda: _zip_of_text(b"zTXt", 20), "damaged"),
    "png with a profile that unpacks": (lambda: _zip_of_text(b"iCCP", 1), "damaged"),
    "half a png": (lambda: (whole := saved(_code(), "PNG"))[: len(whole) // 2], "damaged"),
    "half a jpeg": (lambda: (whole := saved(_code(), "JPEG"))[: len(whole) // 2], "damaged"),
    "half a webp": (lambda: (whole := saved(_code(), "WEBP"))[: len(whole) // 2], "damaged"),
    "jpeg that claims 4 gigapixels": (lambda: claims("JPEG", 65_500, 65_500), "too_many_pixels"),
    "jpeg that claims 49 megapixels": (lambda: claims("JPEG", 7_000, 7_000), NOTHING),
    "webp that claims 200 megapixels": (lambda: claims("WEBP", 16_000, 12_500), "too_many_pixels"),
    "webp that claims 9 megapixels": (lambda: claims("WEBP", 3_000, 3_000), "damaged"),
    "webp of 10 megapixels": (lambda: saved(Image.new("RGBA", (3_160, 3_160)), "WEBP", method=0), NOTHING),
    "jpeg of 50 megapixels": (lambda: saved(Image.new("RGB", (7_070, 7_070)), "JPEG"), NOTHING),
    "progressive jpeg of 50 megapixels": (
        lambda: saved(Image.new("L", (7_070, 7_070)), "JPEG", progressive=True), "too_many_pixels",
    ),
    "progressive jpeg of 24 megapixels, no subsampling": (
        lambda: saved(Image.new("RGB", (6_000, 4_000)), "JPEG", progressive=True, subsampling=0), NOTHING,
    ),
    "jpeg of 1,000 scans": (lambda: scans(1_000, (1_000, 1_000)), "too_many_pixels"),
    "jpeg of 10,000 scans": (lambda: scans(10_000, (300, 300)), NOTHING),
    "finder patterns": (lambda: saved(full_of_finders(4_000, 3_000), "PNG"), "too_slow"),
    "more finder patterns": (lambda: saved(full_of_finders(5_600, 4_000), "JPEG", quality=30), "too_slow"),
    "jpeg with html in it": (lambda: saved(_code(), "JPEG", comment=b"<script>alert(1)</script>"), READ),
    "jpeg with a pdf behind it": (lambda: saved(_code(), "JPEG") + b"%PDF-1.4\n%%EOF", READ),
    "png with a zip behind it": (lambda: saved(_code(), "PNG") + b"PK\x05\x06" + bytes(18), READ),
    "pdf with a jpeg behind it": (lambda: b"%PDF-1.4\n" + saved(_code(), "JPEG"), "not_a_picture"),
    "gif with a jpeg behind it": (lambda: b"GIF89a" + saved(_code(), "JPEG"), "not_a_picture"),
    "jpeg of many pictures": (
        lambda: saved(_code(), "MPO", save_all=True, append_images=[Image.new("RGB", (400, 300))] * 40), READ,
    ),
    "png that calls itself jpg": (lambda: saved(_code(), "PNG"), READ),
}  # fmt: skip
"""By name: what makes the file, and what is said of it, which is a reason, nothing, or the text of the code in it."""

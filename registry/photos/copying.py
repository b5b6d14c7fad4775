"""Makes the copy of a photo that people look at: upright, not too large, and without anything that a camera wrote into it.

A copy is made of pixels alone. The photo itself stays as it came, and is what counts. `registry.photos.processes` is where this
runs for what strangers send.
"""

from __future__ import annotations

import io
from typing import Final

from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from registry.errors import ImageError
from registry.photos.reading import examined

LONGEST_SIDE: Final = 2000
"""Pixels: enough to read a label."""
QUALITY: Final = 85


def copied(data: bytes) -> bytes:
    """Return a JPEG of what a photo shows. Raises `ImageError` as `reading.decode` does."""
    try:
        with examined(data) as picture:
            if isinstance(picture, JpegImageFile):  # decoded at once to half or a quarter, if that is still enough
                picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
            seen = ImageOps.exif_transpose(picture).convert("RGBA")
            flat = Image.new("RGB", seen.size, "white")
            flat.paste(seen, mask=seen.getchannel("A"))
    except MemoryError as error:
        raise ImageError("found more than fits into memory", reason="too_many_pixels") from error
    out = io.BytesIO()
    flat.save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue()

"""Reads the codes in pictures: what is refused before it is decoded, and the ways in which a picture is looked at.

Decision record 23 says what each way adds, and `registry.photos.processes` where this runs for what strangers send. Only Pillow
and zxing-cpp are needed here, so that such a process starts quickly and is small.
"""

from __future__ import annotations

import io
import math
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import zxingcpp
from PIL import Image, ImageChops, ImageFilter, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from registry.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Point: TypeAlias = tuple[int, int]
    Way: TypeAlias = tuple[str, float, Image.Image, zxingcpp.Binarizer]
    """Its name, pixels of the photo to one of its own, the picture, and what tells dark from light in it."""

MAX_PIXELS: Final = {"JPEG": 50_000_000, "MPO": 50_000_000, "PNG": 16_000_000, "WEBP": 10_000_000}
"""By format, refused from the header, before a single pixel is decoded. Phones take photos as JPEG, some of them as MPO (a JPEG
with more pictures behind it, of which the first is the photo); only JPEG is decoded straight to grey."""
MAX_SCANNED: Final = 1_000_000_000
"""Pixels times scans of a progressive JPEG: each scan costs time and hardly a byte. A phone's photo has 1, a web page's 10."""
MAX_PROGRESSIVE: Final = 25_000_000
"""Pixels of a progressive JPEG, all of whose coefficients are in memory at once."""
START_OF_SCAN: Final = b"\xff\xda"
MAX_CODES: Final = 100
MAX_SECONDS: Final = 1.2
"""Processor time after which no further way of reading is begun; a photo that holds a code takes a tenth of a second."""
FORMATS: Final = ("JPEG", "PNG", "WEBP")
MIDDLE: Final = 3_200_000
"""Pixels of a photo of 12 megapixels at half its size, in which nearly every code is read: what is read first, so that of
several codes none is left out, and the most that is prepared in ways that take long."""
WINDOW: Final = 1600
"""Pixels on a side of what is read at once. The reader's time grows with the square, and from some point on much faster, of the
number of finder patterns: of a picture full of them it takes minutes."""
WIDEST: Final = 65_535
"""Pixels on a side that the reader takes."""
OVERLAP: Final = 400
"""Pixels by which windows overlap: a code that is larger than this is read when the whole picture is made small."""
GRAIN: Final = 1.0
"""Pixels of blur that take away a sensor's grain before dark is told from light around each pixel."""
AROUND: Final = 12
"""Pixels to each side that are around a pixel."""
SHARPENED: Final = 4, 300
"""Radius in pixels and percent by which edges that a lens has blurred are lifted."""
ORIENTATION: Final = 0x0112
SEEN: Final = {
    2: (0, 1, -1, 0), 3: (0, -1, -1, 0), 4: (0, -1, 1, 0),
    5: (1, 0, 0, 1), 6: (1, 0, 0, -1), 7: (-1, 0, 0, -1), 8: (-1, 0, 0, 1),
}  # fmt: skip
"""By EXIF orientation, how top and left of the upright photo follow from x and y of the stored one. Codes are read at any turn,
so that the photo itself need not be turned."""
UPRIGHT: Final = 0, 1, 1, 0


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo in grey, as it is stored, and how it is to be turned."""

    size: tuple[int, int]
    grey: Image.Image
    """The photo, or already a smaller one, if that was quicker to have."""
    whole: Callable[[], Image.Image]
    """The photo."""
    seen: tuple[int, int, int, int] = UPRIGHT


@dataclass(frozen=True, slots=True)
class _Code:
    """A code that was read, and where: its corners in the picture, from the top left one round."""

    text: str
    corners: tuple[Point, ...]

    def place(self, seen: tuple[int, int, int, int]) -> Point:
        """Top and left in the upright photo, to sort by."""
        places = [(x * seen[0] + y * seen[1], x * seen[2] + y * seen[3]) for x, y in self.corners]
        return min(top for top, _ in places), min(left for _, left in places)

    @property
    def area(self) -> float:
        """Pixels within the corners."""
        return abs(sum(_cross(one, other) for one, other in self._edges())) / 2

    def holds(self, other: _Code) -> bool:
        """Say whether the other code is much smaller, and its middle lies inside this one."""
        x, y = (sum(values) / len(other.corners) for values in zip(*other.corners, strict=True))
        sides = [(bx - ax) * (y - ay) - (by - ay) * (x - ax) for (ax, ay), (bx, by) in self._edges()]
        return other.area < self.area / 2 and (min(sides) > 0 or max(sides) < 0)

    def _edges(self) -> Iterable[tuple[Point, Point]]:
        return zip(self.corners, (*self.corners[1:], self.corners[0]), strict=True)


def decode(data: bytes) -> tuple[str, ...]:
    """Return the texts of the QR codes in a file, each once, from top to bottom; none if no code can be read.

    Format and number of pixels are limited before anything is decoded. Raises `ImageError` with a stable reason:
    `not_a_picture`, `animated`, `too_many_pixels`, `damaged`.
    """
    try:
        return read(opened(data))
    except MemoryError as error:
        raise ImageError("found more than fits into memory", reason="too_many_pixels") from error


def warm_up() -> None:
    """Load what the libraries load when they open their first picture of each format."""
    for kind in FORMATS:
        out = io.BytesIO()
        Image.new("L", (8, 8)).save(out, kind)
        decode(out.getvalue())


def read(photo: Photo) -> tuple[str, ...]:
    """Return the texts in a photo that was opened; each way of looking at it is tried only if all before found nothing."""
    until = time.process_time() + MAX_SECONDS
    for way in ways(photo):
        if (texts := read_in(photo, way, until)) or time.process_time() > until:
            return texts
    return ()


def read_in(photo: Photo, way: Way, until: float = math.inf) -> tuple[str, ...]:
    """Return the texts that one way of looking at a photo shows; no further part is begun after so much processor time."""
    _, scale, picture, binarizer = way
    found: list[_Code] = []
    for left, top, window in _windows(picture):
        found += _codes(window, binarizer, left, top, scale)
        if time.process_time() > until:
            break
    return _texts(found, photo.seen)


def read_clean(picture: Image.Image) -> tuple[str, ...]:
    """Return the texts in a picture of our own, each once, from top to bottom: as it is, without a limit."""
    return _texts(_codes(picture, zxingcpp.Binarizer.LocalAverage), UPRIGHT)


def ways(photo: Photo) -> Iterator[Way]:
    """Yield a photo in the ways that read most, quickest first (docs/decisions/0023-photos-in-processes.md has the table)."""
    local, fixed = zxingcpp.Binarizer.LocalAverage, zxingcpp.Binarizer.FixedThreshold
    middle = _reduced(photo.grey, MIDDLE)
    scale = photo.size[0] / middle.width
    yield "middle", scale, middle, local
    if middle.size != photo.size:
        yield "whole", 1.0, photo.whole(), local
    yield "evened", scale, _evened(middle), fixed
    if middle.size == photo.size:
        middle, scale = middle.resize((2 * middle.width, 2 * middle.height), Image.Resampling.BICUBIC), scale / 2
        yield "doubled", scale, middle, local
    yield "sharpened", scale, _sharp(middle), local


def _evened(picture: Image.Image) -> Image.Image:
    """Return a picture as black and white by what is darker and lighter than its surroundings: no shadow or dark is left."""
    smooth = picture.filter(ImageFilter.GaussianBlur(GRAIN))
    around = smooth.filter(ImageFilter.BoxBlur(AROUND))
    return ImageChops.subtract(smooth, around, 1, 128).point([0] * 128 + [255] * 128)


def _sharp(picture: Image.Image) -> Image.Image:
    radius, percent = SHARPENED
    return picture.filter(ImageFilter.UnsharpMask(radius, percent, 0))


def _reduced(picture: Image.Image, pixels: int) -> Image.Image:
    """Return a picture made smaller by a whole number, so that it has at most so many pixels; itself if it has not more."""
    factor = _factor(picture, pixels)
    # A side that would vanish stays a pixel wide, and the other within reason.
    return picture if factor == 1 else picture.reduce((min(factor, picture.width), min(factor, picture.height)))


def _factor(picture: Image.Image, pixels: int) -> int:
    return math.ceil(math.sqrt(picture.width * picture.height / pixels)) or 1


def _codes(
    picture: Image.Image, binarizer: zxingcpp.Binarizer, left: int = 0, top: int = 0, scale: float = 1.0
) -> Iterator[_Code]:
    """Read a part of a picture, whose top left corner is at this place of it."""
    found = zxingcpp.read_barcodes(
        picture,
        formats=zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode]),
        text_mode=zxingcpp.TextMode.Plain,  # the default rewrites control characters and GS1 separators
        binarizer=binarizer,
    )
    for one in found:
        if one.valid:
            at = one.position
            corners = at.top_left, at.top_right, at.bottom_right, at.bottom_left
            yield _Code(one.text, tuple((round((x.x + left) * scale), round((x.y + top) * scale)) for x in corners))


def _texts(codes: Iterable[_Code], seen: tuple[int, int, int, int]) -> tuple[str, ...]:
    """Return the texts from top to bottom, each once; a code inside another is part of that one's picture."""
    found = list(codes)
    outer = [code for code in found if not any(other.holds(code) for other in found)]
    return tuple(dict.fromkeys(code.text for code in sorted(outer, key=lambda code: code.place(seen))))[:MAX_CODES]


def _cross(one: Point, other: Point) -> int:
    return one[0] * other[1] - one[1] * other[0]


def opened(data: bytes) -> Photo:
    """Return the photo in a file. Raises `ImageError`, and `MemoryError` where memory is limited."""
    with examined(data) as picture:
        size = picture.size
        seen = SEEN.get(picture.getexif().get(ORIENTATION, 1), UPRIGHT)
        if not isinstance(picture, JpegImageFile):
            grey = _grey(picture)
            return Photo(size, grey, lambda: grey, seen)
        # A JPEG is decoded straight to grey, and to half or a quarter of its size, which leaves out most of the work.
        factor = _factor(picture, MIDDLE)
        picture.draft("L", (size[0] // factor, size[1] // factor))
        return Photo(size, _grey(picture), lambda: _whole(data), seen)


@contextmanager
def examined(data: bytes) -> Iterator[Image.Image]:
    """Give the picture in a file, of which only the header was read; what goes wrong inside is an `ImageError` as well.

    Raises `ImageError`, and `MemoryError` where memory is limited.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            _check_header(picture, data)
            yield picture
    except UnidentifiedImageError as error:
        raise ImageError("found no JPEG, PNG or WebP picture", reason="not_a_picture") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError("found far too many pixels", reason="too_many_pixels") from error
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # whatever a decoder raises for a damaged file says the same to a person
        raise ImageError(f"the picture is damaged: {error}", reason="damaged") from error


def _whole(data: bytes) -> Image.Image:
    """Return the photo in a JPEG that was opened before, in all its pixels."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        picture.draft("L", picture.size)
        return _grey(picture)


def _check_header(picture: Image.Image, data: bytes) -> None:
    """Refuse by what the header says, before a pixel is decoded. Raises `ImageError`."""
    kind = picture.format or ""
    if kind != "MPO" and getattr(picture, "is_animated", False):
        raise ImageError("found an animation, expected one picture", reason="animated")
    pixels = picture.width * picture.height
    if pixels > MAX_PIXELS[kind]:
        raise ImageError(f"found {pixels:,} pixels, expected at most {MAX_PIXELS[kind]:,}", reason="too_many_pixels")
    if isinstance(picture, JpegImageFile):
        scans = data.count(START_OF_SCAN)
        if pixels * scans > MAX_SCANNED or ("progressive" in picture.info and pixels > MAX_PROGRESSIVE):
            raise ImageError(f"found {pixels:,} pixels in {scans} scans, expected fewer", reason="too_many_pixels")


def _grey(picture: Image.Image) -> Image.Image:
    """Return a picture in grey, what is transparent as white; with as few copies as can be."""
    picture.load()
    if "transparency" in picture.info:
        picture = picture.convert("RGBA")
    if picture.mode in {"RGBA", "LA"}:
        flat = Image.new("L", picture.size, "white")
        flat.paste(picture.convert("L"), mask=picture.getchannel("A"))
        return flat
    return picture if picture.mode == "L" else picture.convert("L")


def _windows(picture: Image.Image) -> Iterator[tuple[int, int, Image.Image]]:
    """Yield left, top and content of the parts of a picture that are read one at a time; a small one is one part."""
    if picture.width * picture.height <= MIDDLE and max(picture.size) <= WIDEST:
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

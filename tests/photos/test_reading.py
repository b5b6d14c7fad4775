"""What is refused of a file before it is decoded, and what is read of it."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from registry import barcodes
from registry.errors import ImageError
from registry.photos import reading
from tests.photos.bombs import saved

LINK = "https://verify.example.org/01/09521001000017/10/K2609A/21/7K3M9QWX2BHNV5TD?sig=" + "Ab3_" * 21 + "AA"
CODE = barcodes.encode(LINK)


def refusal(data: bytes) -> str:
    """Return the reason for which a file is refused."""
    with pytest.raises(ImageError) as caught:
        reading.decode(data)
    return caught.value.reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not_a_picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_a_picture"),
        (b"GIF89a" + b"\0" * 100, "not_a_picture"),
        (b"%PDF-1.4", "not_a_picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "not_a_picture"),
    ],
)
def test_rubbish_is_refused_by_name(data: bytes, reason: str) -> None:
    """What is not a picture that we read is an `ImageError` with a stable reason."""
    assert refusal(data) == reason


def test_an_animation_and_a_damaged_picture_are_refused() -> None:
    """Of an animation nobody knows which picture was meant; half a picture is not guessed at."""
    moving = [Image.new("L", (8, 8)), Image.new("L", (8, 8), 255)]
    for kind in ("WEBP", "PNG"):
        assert refusal(saved(moving[0], kind, save_all=True, append_images=moving[1:])) == "animated"
    assert refusal(saved(Image.effect_noise((400, 400), 90), "JPEG")[:5000]) == "damaged"


@pytest.mark.parametrize("size", [(8000, 6300), (9500, 9500), (14000, 14000)])
def test_too_many_pixels_are_refused_from_the_header(size: tuple[int, int]) -> None:
    """A small file may unpack to any size: it is not unpacked, whether our limit or the library's own is met first."""
    assert refusal(saved(Image.new("1", size), "PNG")) == "too_many_pixels"


def test_a_jpeg_of_many_scans_is_refused() -> None:
    """A scan that changes nothing takes a dozen bytes and a pass over all pixels: their product is limited."""
    photo = saved(Image.new("L", (1000, 1000), 99), "JPEG", progressive=True)
    scan = photo[photo.rindex(reading.START_OF_SCAN) : -2]
    assert reading.decode(photo[:-2] + 100 * scan + photo[-2:]) == ()
    assert refusal(photo[:-2] + 1000 * scan + photo[-2:]) == "too_many_pixels"


@given(st.binary(max_size=200), st.sampled_from(["JPEG", "PNG", "WEBP"]), st.integers(0, 400), st.binary(max_size=20))
def test_whatever_the_bytes_only_our_own_error_comes_out(tail: bytes, kind: str, cut: int, put: bytes) -> None:
    """Any bytes, and any damage to a good file, are read, or refused by our own error."""
    good = saved(Image.effect_noise((20, 20), 90), kind)
    for data in (tail, good[:cut] + tail, good[:cut] + put + good[cut + len(put) :]):
        with contextlib.suppress(ImageError):
            reading.decode(data)


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 700), (700, 1), (15_000, 200)])
def test_a_picture_of_any_shape_is_read(size: tuple[int, int]) -> None:
    """Even one that no code fits into."""
    assert reading.decode(saved(Image.new("L", size, 200), "PNG")) == ()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_picture_of_any_kind_is_read(mode: str) -> None:
    """One bit, grey, a palette, colours, 16 bits, with and without transparency."""
    code = CODE.picture(4)
    deep = Image.fromarray(np.array(code).astype(np.uint16) * 257)
    assert reading.decode(saved(deep if mode == "I;16" else code.convert(mode), "PNG")) == (LINK,)


def test_what_is_transparent_counts_as_white() -> None:
    """A code drawn on nothing is read."""
    code = CODE.picture(4)
    clear = Image.new("RGBA", code.size, (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), mask=code.point(lambda level: 255 - level))
    assert reading.decode(saved(clear, "PNG")) == (LINK,)


def test_a_phone_photo_with_more_behind_it_is_read() -> None:
    """Phones put depth and brightness behind a photo in the same file: the photo is read."""
    code = CODE.picture(4)
    turned = Image.Exif()
    turned[0x0112] = 6
    photo = saved(code, "MPO", save_all=True, append_images=[Image.new("L", (40, 40))], exif=turned)
    assert Image.open(io.BytesIO(photo)).format == "MPO"
    assert reading.decode(photo) == (LINK,)
    assert reading.decode(saved(code, "JPEG", exif=turned)) == (LINK,)


@pytest.mark.parametrize("pixels", [3, 9, 40])
def test_a_code_of_any_size_is_found_in_a_large_photo(pixels: int) -> None:
    """A code that is a speck is found at full size, in whatever part it lies; one that fills the photo, made small."""
    photo = Image.new("L", (4000, 3000), 120)
    code = CODE.picture(pixels).rotate(17, expand=True, fillcolor=255)
    photo.paste(code, (min(1130, 4000 - code.width), 3000 - code.height))
    assert reading.decode(saved(photo, "JPEG", quality=80)) == (LINK,)


def test_several_codes_are_read_from_top_to_bottom() -> None:
    """Each text once, in the order of the page."""
    page = Image.new("L", (600, 900), 255)
    for place, text in enumerate(["B", "A", "C", "A"]):
        page.paste(barcodes.encode(text).picture(6), (40 * place, 220 * place))
    assert reading.decode(saved(page, "PNG")) == ("B", "A", "C")


def test_a_code_inside_another_is_part_of_its_picture() -> None:
    """Of a code that carries a small one in its middle, the outer is read: the two cannot be taken for one another."""
    outer = CODE.picture(20)
    inner = barcodes.encode("INNER").picture(4)
    outer.paste(inner, ((outer.width - inner.width) // 2, (outer.height - inner.height) // 2))
    assert reading.decode(saved(outer, "PNG")) == (LINK,)

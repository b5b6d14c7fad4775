"""Photos as strangers send them: what is refused before it is decoded, what is read, and what must not hold a server."""

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

LINK = "https://verify.example.org/01/09521001000017/10/K2609A/21/7K3M9QWX2BHNV5TD?sig=" + "Ab3_" * 21 + "AA"
CODE = barcodes.encode(LINK)


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    """Return a picture as a file."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def refusal(data: bytes) -> str:
    """Return the reason for which a file is refused."""
    with pytest.raises(ImageError) as caught:
        barcodes.decode(data)
    return caught.value.reason


def full_of_finders(width: int, height: int) -> Image.Image:
    """Return a picture that is nothing but the corner squares of codes."""
    square = np.full((8, 8), 255, dtype=np.uint8)
    square[:7, :7] = 0
    square[1:6, 1:6] = 255
    square[2:5, 2:5] = 0
    return Image.fromarray(np.tile(square, (height // 8, width // 8)))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not_a_picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_a_picture"),
        (b"GIF89a" + b"\0" * 100, "not_a_picture"),
        (b"%PDF-1.4", "not_a_picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "not_a_picture"),
        (b"x" * (barcodes.MAX_BYTES + 1), "too_large"),
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
    scan = photo[photo.rindex(barcodes.START_OF_SCAN) : -2]
    assert barcodes.decode(photo[:-2] + 100 * scan + photo[-2:]) == ()
    assert refusal(photo[:-2] + 1000 * scan + photo[-2:]) == "too_many_pixels"


def test_a_picture_made_to_be_slow_is_given_up() -> None:
    """Nothing but finder patterns, which take the reader minutes at once: read in parts, and no part after the time is up."""
    assert barcodes.decode(saved(full_of_finders(4000, 3000), "PNG")) == ()


@given(st.binary(max_size=200), st.sampled_from(["JPEG", "PNG", "WEBP"]), st.integers(0, 400), st.binary(max_size=20))
def test_whatever_the_bytes_only_our_own_error_comes_out(tail: bytes, kind: str, cut: int, put: bytes) -> None:
    """Any bytes, and any damage to a good file, are read, or refused by our own error."""
    good = saved(Image.effect_noise((20, 20), 90), kind)
    for data in (tail, good[:cut] + tail, good[:cut] + put + good[cut + len(put) :]):
        with contextlib.suppress(ImageError):
            barcodes.decode(data)


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 700), (700, 1), (15_000, 200)])
def test_a_picture_of_any_shape_is_read(size: tuple[int, int]) -> None:
    """Even one that no code fits into."""
    assert barcodes.decode(saved(Image.new("L", size, 200), "PNG")) == ()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_picture_of_any_kind_is_read(mode: str) -> None:
    """One bit, grey, a palette, colours, 16 bits, with and without transparency."""
    code = CODE.picture(4)
    deep = Image.fromarray(np.array(code).astype(np.uint16) * 257)
    assert barcodes.decode(saved(deep if mode == "I;16" else code.convert(mode), "PNG")) == (LINK,)


def test_what_is_transparent_counts_as_white() -> None:
    """A code drawn on nothing is read."""
    code = CODE.picture(4)
    clear = Image.new("RGBA", code.size, (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), mask=code.point(lambda level: 255 - level))
    assert barcodes.decode(saved(clear, "PNG")) == (LINK,)


def test_a_phone_photo_with_more_behind_it_is_read() -> None:
    """Phones put depth and brightness behind a photo in the same file: the photo is read."""
    code = CODE.picture(4)
    turned = Image.Exif()
    turned[0x0112] = 6
    photo = saved(code, "MPO", save_all=True, append_images=[Image.new("L", (40, 40))], exif=turned)
    assert Image.open(io.BytesIO(photo)).format == "MPO"
    assert barcodes.decode(photo) == (LINK,)
    assert barcodes.decode(saved(code, "JPEG", exif=turned)) == (LINK,)


@pytest.mark.parametrize("pixels", [3, 9, 40])
def test_a_code_of_any_size_is_found_in_a_large_photo(pixels: int) -> None:
    """A code that is a speck is found at full size, in whatever part it lies; one that fills the photo, made small."""
    photo = Image.new("L", (4000, 3000), 120)
    code = CODE.picture(pixels).rotate(17, expand=True, fillcolor=255)
    photo.paste(code, (min(1130, 4000 - code.width), 3000 - code.height))
    assert barcodes.decode(saved(photo, "JPEG", quality=80)) == (LINK,)


def test_several_codes_are_read_from_top_to_bottom() -> None:
    """Each text once, in the order of the page."""
    page = Image.new("L", (600, 900), 255)
    for place, text in enumerate(["B", "A", "C", "A"]):
        page.paste(barcodes.encode(text).picture(6), (40 * place, 220 * place))
    assert barcodes.decode(saved(page, "PNG")) == ("B", "A", "C")


def test_a_code_inside_another_is_part_of_its_picture() -> None:
    """Of a code that carries a small one in its middle, the outer is read: the two cannot be taken for one another."""
    outer = CODE.picture(20)
    inner = barcodes.encode("INNER").picture(4)
    outer.paste(inner, ((outer.width - inner.width) // 2, (outer.height - inner.height) // 2))
    assert barcodes.decode(saved(outer, "PNG")) == (LINK,)


def test_two_encoders_that_share_no_line_agree() -> None:
    """The library that reads also draws, and might share a fault with itself: another library's code reads the same."""
    assert barcodes.decode(saved(barcodes.encode_again(LINK).picture(4), "PNG")) == (LINK,)


def test_a_code_is_the_smallest_that_holds_its_text() -> None:
    """Protocol § 6: a signed link of the usual length takes version 8, capitals and digits less room than small letters."""
    assert CODE.version == 8
    assert barcodes.encode("HTTPS://TS.EXAMPLE/01/09521001000024/21/7K3M9QWX2BHNV5TD").version == 3
    assert barcodes.encode_again(LINK).version >= CODE.version


def test_modules_are_whole_pixels_with_a_quiet_zone() -> None:
    """A picture is the code and four modules of white around it, nothing else."""
    picture = np.array(CODE.picture(3))
    assert picture.shape == (3 * (CODE.size + 8), 3 * (CODE.size + 8))
    assert (picture[12:-12, 12:-12][1::3, 1::3] == 0).tolist() == CODE.modules.tolist()
    assert picture.sum() == 255 * (picture.size - 9 * int(CODE.modules.sum()))

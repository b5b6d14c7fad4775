"""The batch encoder against two encoders that share no line with it, and the strict reader against every single fault."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
import qrcode
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from qrcode.util import QRData

from registry import barcodes
from registry.errors import LabelError
from registry.issuing import qr, qr_text
from registry.issuing.qr_reading import Reader
from registry.issuing.qr_text import Layout

if TYPE_CHECKING:
    from registry.issuing.qr import Bytes, Level

THEIR_LEVELS = {
    "L": qrcode.constants.ERROR_CORRECT_L,
    "M": qrcode.constants.ERROR_CORRECT_M,
    "Q": qrcode.constants.ERROR_CORRECT_Q,
    "H": qrcode.constants.ERROR_CORRECT_H,
}
THEIR_MODES: dict[str, Literal[1, 2, 4]] = {"N": 1, "A": 2, "B": 4}
CHARACTERS = {
    "N": qr_text.DIGITS,
    "A": qr_text.CHARACTERS,
    "B": "".join(map(chr, range(33, 127))),
}
LINK = "HTTPS://VERIFY.EXAMPLE.ORG/01/09521001000017/10/K2609A/21/7K3M9QWX2BHNV5TD?sig=" + "Ab3_" * 21 + "AA"
OTHER = LINK.replace("7K3M", "9ZZZ").replace("Ab3_Ab3_", "3bA-bA3_")


def rows(*texts: str) -> Bytes:
    """Return texts of one length as the encoder takes them."""
    return np.frombuffer("".join(texts).encode(), np.uint8).reshape(len(texts), -1)


def drawn(layout: Layout, mask: int, *texts: str) -> Bytes:
    """Return codes of texts."""
    return qr.Encoder(layout.version, layout.level, mask).encode(qr_text.codewords(rows(*texts), layout))


def modules(code: Bytes) -> barcodes.Matrix:
    """Return a code as the adapter to the libraries knows it."""
    return barcodes.Matrix(np.unpackbits(code, axis=1)[:, : len(code)].astype(bool))


def bits(layout: Layout) -> int:
    """Return the bits of a layout's parts, as the standard counts them."""
    scale = 0 if layout.version <= 9 else 1 if layout.version <= 26 else 2
    return sum(4 + qr_text.COUNT_BITS[mode][scale] + -(-qr_text.SIXTHS[mode] * count // 6) for mode, count in layout.parts)


def filled(version: int, level: Level, source: random.Random) -> tuple[Layout, str]:
    """Return parts in random modes that fill a code, or leave some of it to the padding, and a random text of these parts."""
    room = 8 * qr.capacity(version, level) * source.choice((1.0, 1.0, 0.7))
    parts: list[tuple[str, int]] = []
    for _ in range(99):
        more = [*parts, (source.choice("NAB"), source.randint(1, 60))]
        if bits(Layout(version, level, tuple(more))) <= room:
            parts = more
    parts = parts or [("N", 1)]
    text = "".join("".join(source.choices(CHARACTERS[mode], k=count)) for mode, count in parts)
    return Layout(version, level, tuple(parts)), text


def theirs(layout: Layout, mask: int, text: str) -> Bytes:
    """Return the same parts in the same version, level and mask, drawn by the `qrcode` package."""
    code = qrcode.QRCode(layout.version, THEIR_LEVELS[layout.level], border=0, mask_pattern=mask)
    start = 0
    for mode, count in layout.parts:
        code.add_data(QRData(text[start : start + count].encode(), THEIR_MODES[mode], check_data=False), optimize=0)
        start += count
    code.make(fit=False)
    return np.packbits(np.array(code.get_matrix(), dtype=bool), axis=1)


@pytest.mark.parametrize("level", qr.LEVELS)
def test_every_module_is_as_another_encoder_has_it(level: Level) -> None:
    """All versions: random parts in all modes, and the strict reader reads the other encoder's code too."""
    source = random.Random(level)
    for version in qr.VERSIONS:
        layout, text = filled(version, level, source)
        mask = source.choice(qr.MASKS)
        (ours,) = drawn(layout, mask, text)
        other = theirs(layout, mask, text)
        assert (ours == other).all(), layout
        assert Reader(qr.size_of(version)).read(other[np.newaxis]) == [text.encode()]


@pytest.mark.parametrize("mask", qr.MASKS)
def test_every_mask_is_as_another_encoder_has_it(mask: int) -> None:
    """All masks, in a code with alignment patterns and version information."""
    layout, text = filled(8, "M", random.Random(mask))
    assert (drawn(layout, mask, text)[0] == theirs(layout, mask, text)).all()


def test_codes_of_all_versions_are_read_by_a_scanners_library() -> None:
    """Pictures of them, by the reader that serves the public."""
    source = random.Random(1)
    for version in qr.VERSIONS:
        level = source.choice(list(qr.LEVELS))
        layout, text = filled(version, level, source)
        picture = modules(drawn(layout, source.choice(qr.MASKS), text)[0]).picture(3)
        found = zxingcpp.read_barcode(picture, text_mode=zxingcpp.TextMode.Plain)
        assert found is not None
        assert found.text == text
        assert found.ec_level == level


@pytest.mark.parametrize(("version", "level", "mask"), [(1, "H", 0), (2, "L", 7), (5, "Q", 4), (8, "M", 2), (14, "M", 5)])
def test_a_batch_is_drawn_as_its_codes_one_by_one(version: int, level: Level, mask: int) -> None:
    """Linearity, for any data codewords, however few of them stay the same."""
    encoder = qr.Encoder(version, level, mask)
    source = np.random.default_rng(version)
    for count in (1, 2, 50):
        codewords = source.integers(0, 256, (count, encoder.capacity), np.uint8)
        same = source.random(encoder.capacity) < source.random()
        codewords[:, same] = codewords[0, same]
        assert (encoder.encode(codewords) == encoder.draw(codewords)).all()


@given(st.text("NAB", min_size=1, max_size=7), st.sampled_from([1, 2]))
def test_no_other_parts_take_less_room(kinds: str, stretch: int) -> None:
    """Against all ways to write a short text, tried one by one; its characters stand for some of their kind."""
    kinds = "".join(kind * stretch * 2 for kind in kinds)[:9]
    found = qr_text.lay_out(kinds, "L")
    assert found.length == len(kinds)
    ways = [""]
    for kind in kinds:
        ways = [way + mode for way in ways for mode in "NAB"["NAB".index(kind) :]]
    fewest = min(bits(Layout(found.version, "L", qr_text.parts_of(way))) for way in ways)
    assert bits(found) == fewest


def test_capitals_take_less_room() -> None:
    """A signed link with a long host: version 9 in small letters, 8 in capitals."""
    long = LINK.replace("EXAMPLE", "SOMEWHERE.EXAMPLE")
    small = long[:38].lower() + long[38:]
    versions = [qr_text.lay_out(qr_text.kind(text[:-91]) + "B" * 91, "M").version for text in (small, long)]
    assert versions == [9, 8]


def test_a_text_that_no_code_holds_is_refused() -> None:
    """With its length and level named."""
    assert qr_text.lay_out("B" * 1273, "H").version == 40
    with pytest.raises(LabelError, match="1274 characters, expected one that a QR code of level H"):
        qr_text.lay_out("B" * 1274, "H")


@pytest.mark.parametrize(
    ("text", "other", "step"), [("TS.EXAMPLE/01/0952100/1", "TS.EXAMPLE/01/0952100/2", 1), (LINK, OTHER, 5)]
)
def test_not_one_module_may_be_other(text: str, other: str, step: int) -> None:
    """Modules of a code are turned over one by one, function patterns and data, and each time the reader says so."""
    layout = qr_text.lay_out(qr_text.kind(text[:74]) + "B" * 91 * (text == LINK), "M")
    codes = drawn(layout, 2, text, other)
    reader = Reader(qr.size_of(layout.version))
    assert reader.read(codes) == [text.encode(), other.encode()]
    for place in range(0, codes[1].size * 8, step):
        faulty = codes.copy()
        faulty[1].reshape(-1)[place // 8] ^= 128 >> place % 8
        with pytest.raises(LabelError, match="code 1 "):
            reader.read(faulty)

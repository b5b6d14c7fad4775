"""Codes as we draw them, and as they are read back."""

from __future__ import annotations

import numpy as np

from registry import barcodes

LINK = "https://verify.example.org/01/09521001000017/10/K2609A/21/7K3M9QWX2BHNV5TD?sig=" + "Ab3_" * 21 + "AA"
CODE = barcodes.encode(LINK)


def test_two_encoders_that_share_no_line_agree() -> None:
    """The library that reads also draws, and might share a fault with itself: another library's code reads the same."""
    assert barcodes.read(barcodes.encode_again(LINK).picture(4)) == (LINK,)


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

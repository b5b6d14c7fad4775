"""A picture is of a kind that every browser shows, small, and no larger in pixels than a phone can bear."""

from __future__ import annotations

import hashlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from registry.errors import DocumentError
from registry.proofs import pictures


def drawn(width: int, height: int, kind: str = "PNG") -> bytes:
    """Return a picture of this size."""
    file = BytesIO()
    Image.new("RGB", (width, height), "#5b7f6b").save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(("kind", "mimetype"), [("PNG", "image/png"), ("JPEG", "image/jpeg")])
def test_a_small_picture_is_one(kind: str, mimetype: str) -> None:
    """With its kind, and the hash by which a manifest names it."""
    raw = drawn(2048, 1, kind)
    found = pictures.read(raw)
    assert (found.raw, found.mimetype, found.digest) == (raw, mimetype, hashlib.sha256(raw).hexdigest())


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a", b"<!doctype html>", drawn(3, 3, "WEBP"), drawn(2049, 1),
        drawn(1, 2049, "JPEG"), drawn(9, 9)[:15], drawn(9, 9, "JPEG")[:40], drawn(9, 9) + bytes(pictures.MAX_BYTES),
    ],
    ids=["nothing", "svg", "gif", "html", "webp", "wide", "high", "cut", "cut_jpeg", "heavy"],
)  # fmt: skip
def test_anything_else_is_none(raw: bytes) -> None:
    """Another kind, too many pixels or bytes, a file that ends before its size is told."""
    with pytest.raises(DocumentError):
        pictures.read(raw)


@given(st.binary(max_size=80), st.sampled_from([b"", pictures.PNG, pictures.JPEG, drawn(9, 9, "JPEG")[:30]]))
def test_no_bytes_do_anything_else(raw: bytes, head: bytes) -> None:
    """They are a picture, or they are refused."""
    try:
        found = pictures.read(head + raw)
    except DocumentError:
        return
    assert found.raw == head + raw

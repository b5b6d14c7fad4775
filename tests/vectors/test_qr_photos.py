"""The photo decoder on real phone photos that none of us took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.photos import reading

if TYPE_CHECKING:
    from pathlib import Path

FOLDERS = ("qrcode-1", "qrcode-2", "qrcode-3")
PHOTOS = 97
ENOUGH = 96
"""Two are artworks; the one whose modules are a photograph is not read."""


def test_reads_real_photos_and_never_reads_a_wrong_text(shared_vectors: Path) -> None:
    """At least 96 of 97 photos give exactly the expected text; of the others nothing is read."""
    photos = [photo for folder in FOLDERS for photo in sorted((shared_vectors / "qr-photos" / folder).glob("*.png"))]
    assert len(photos) == PHOTOS
    right, wrong = [], []
    for photo in photos:
        found = reading.decode(photo.read_bytes())
        expected = photo.with_suffix(".txt").read_bytes().decode("utf-8")
        if found == (expected,):
            right.append(photo.name)
        elif found:
            wrong.append((photo.parent.name, photo.name, found))
    assert wrong == []
    assert len(right) >= ENOUGH


def test_reads_nothing_where_there_is_no_code(shared_vectors: Path) -> None:
    """A photo without a code gives no text."""
    photos = sorted((shared_vectors / "qr-photos" / "falsepositives").glob("*.png"))
    assert photos
    assert [photo.name for photo in photos if reading.decode(photo.read_bytes())] == []

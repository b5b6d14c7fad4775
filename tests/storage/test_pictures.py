"""Pictures are kept under their hash, and believed for it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from registry.errors import DocumentError, StoreUnavailable
from registry.storage.pictures import Pictures
from tests.proofs.test_pictures import drawn

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_kept_comes_back(tmp_path: Path) -> None:
    """Twice is once."""
    kept = Pictures(tmp_path / "pictures")
    digest = kept.keep(drawn(4, 3))
    assert kept.keep(drawn(4, 3)) == digest
    assert kept.has(digest)
    found = kept.read(digest)
    assert found is not None
    assert found.raw == drawn(4, 3)
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == [digest]


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    """An unknown hash, what is no hash, and a file that holds another picture, which is replaced when the right one comes."""
    kept = Pictures(tmp_path)
    digest = kept.keep(drawn(4, 3))
    (tmp_path / digest).write_bytes(drawn(5, 3))
    for asked in (digest, "0" * 64, "../x", "", digest.upper(), "."):
        assert kept.read(asked) is None
    assert not kept.has("..")
    assert kept.keep(drawn(4, 3)) == digest
    assert kept.read(digest) is not None


def test_what_cannot_be_kept_is_said(tmp_path: Path) -> None:
    """No picture, or no folder to put it in."""
    with pytest.raises(DocumentError):
        Pictures(tmp_path).keep(b"text")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        Pictures(tmp_path / "file").keep(drawn(4, 3))

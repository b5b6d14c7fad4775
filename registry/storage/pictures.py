"""The pictures of products: a folder beside the tree files, each file under its sha256."""

from __future__ import annotations

import os
import re
import secrets
from typing import TYPE_CHECKING, Final

from registry.errors import DocumentError, StoreUnavailable
from registry.proofs import pictures
from registry.storage.trees import sync_folder

if TYPE_CHECKING:
    from pathlib import Path

    from registry.proofs.pictures import Picture

DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Pictures:
    """Keeps pictures and gives them back. A picture is believed for its hash, never for its place."""

    def __init__(self, folder: Path) -> None:
        """Take a folder, which is made with the first picture."""
        self._folder = folder

    def keep(self, raw: bytes) -> str:
        """Keep a picture for good, and return its sha256; one that is there is left alone.

        Raises `DocumentError` if it is none that may be shown, `StoreUnavailable` if it cannot be written.
        """
        digest = pictures.read(raw).digest
        try:
            if self.read(digest) is None:
                self._folder.mkdir(exist_ok=True)
                new = self._folder / f".new-{secrets.token_hex(8)}"
                with new.open("wb") as file:
                    file.write(raw)
                    file.flush()
                    os.fsync(file.fileno())
                new.replace(self._folder / digest)
                sync_folder(self._folder)
        except OSError as error:
            raise StoreUnavailable(
                f"the picture {digest} cannot be written: {error.strerror or error}",
                hint=f"see that {self._folder} is writable",
            ) from error
        return digest

    def has(self, digest: str) -> bool:
        """Say whether there is a file for a picture: whether it is the picture, reading it tells."""
        return DIGEST.fullmatch(digest) is not None and (self._folder / digest).is_file()

    def read(self, digest: str) -> Picture | None:
        """Return the picture of this sha256, or none if there is none or the file holds something else."""
        if not DIGEST.fullmatch(digest):
            return None
        try:
            with (self._folder / digest).open("rb") as file:
                found = pictures.read(file.read(pictures.MAX_BYTES + 1))
        except (OSError, DocumentError):
            return None
        return found if found.digest == digest else None

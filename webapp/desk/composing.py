"""Makes the casework of a site from its settings: what the desk's pages ask, each opened when it is first needed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from registry.chain.annals import Annals
from registry.enforcement.absence import Inquiry
from registry.storage.cases import Cases
from registry.storage.histories import Histories
from registry.storage.journal import Journal
from webapp.desk.casework import Casework

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.chain.reader import ChainReader
    from registry.photos.processes import PhotoReaders
    from registry.storage.store import Store


def casework(
    desk_url: str | None, scans_url: str | None, *, photos: PhotoReaders, registry_id: bytes, chains: Sequence[ChainReader],
    store: Store,
) -> Casework | None:  # fmt: skip
    """Return the casework of a site; none where it has no desk."""
    if not desk_url:
        return None
    return Casework(
        cache(lambda: Cases.open(desk_url, create=True, journal=Journal.open(desk_url, registry_id).append_in)),
        photos.copy,
        histories=cache(lambda: Histories.open(scans_url, create=True)) if scans_url else None,
        inquiry=lambda: Inquiry(registry_id, [Annals(chain) for chain in chains], store),
    )

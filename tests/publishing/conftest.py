"""A registry that receives: an inbox, a chain in memory, a desk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from registry.publishing.desk import Desk
from registry.publishing.inbox import Inbox
from tests.publishing import brand
from tests.publishing.brand import Books

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chain.fake import FakeChain


@dataclass(frozen=True)
class Registry:
    """A registry's receiving side."""

    inbox: Inbox
    chain: FakeChain
    books: Books
    desk: Desk


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """A registry that knows the brand's profile."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    inbox, chain, books = Inbox(folder), brand.a_chain(), Books()
    return Registry(inbox, chain, books, Desk(inbox, brand.asking(chain), books))

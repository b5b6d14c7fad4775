"""Where what people do with accounts is written down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Acts(Protocol):
    """Writes down what was done, before it is done: what cannot be written down does not happen."""

    def note(self, kind: str, who: int | None, subject: str, values: Mapping[str, Any]) -> object:
        """Write down an act: a stable code such as `account.signed_in`, the account that did it, and what it was done to.

        Raises `StoreError` if it cannot be written down.
        """


class Unwritten:
    """Writes nothing down."""

    def note(self, kind: str, who: int | None, subject: str, values: Mapping[str, Any]) -> None:
        """Do nothing."""

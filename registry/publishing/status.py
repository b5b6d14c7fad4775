"""Where a batch is on its way into a registry, as the registry says it and the sender reads it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from registry.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(enum.StrEnum):
    """Where a batch is."""

    PROFILES_WANTED = "profiles_wanted"
    """Nothing is received before the first of the wanted profiles is there."""
    RECEIVING = "receiving"
    """Its parcel is not complete yet."""
    CHECKING = "checking"
    """Its parcel is complete, and waits to be checked or is being checked."""
    ADMITTED = "admitted"
    """It is in the registry's store."""
    REFUSED = "refused"
    """It was checked, and does not hold. It may be offered again."""


@dataclass(frozen=True, slots=True)
class Status:
    """What a registry says of a batch that was offered."""

    state: State
    parcel: str = ""
    """The name under which the parcel is sent: a seal may be offered with several, one of them right."""
    offset: int = 0
    """Bytes of the parcel that are there: the next part begins here."""
    size: int = 0
    """Bytes of the whole parcel."""
    part_size: int = 0
    """The most bytes of one part."""
    units_checked: int = 0
    profiles_wanted: tuple[bytes, ...] = ()
    """Hashes of profiles of the manufacturer that the registry has no body of; one that must be there comes first."""
    code: str = ""
    """Of a refusal; or, while it is being checked, of what is waited for."""
    message: str = ""
    hint: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the answer of the API."""
        told: dict[str, Any] = {
            "state": self.state.value,
            "parcel": self.parcel,
            "offset": self.offset,
            "size": self.size,
            "partSize": self.part_size,
            "unitsChecked": self.units_checked,
            "profilesWanted": [f"0x{one.hex()}" for one in self.profiles_wanted],
        }
        if self.code:
            told["reason"] = {"code": self.code, "message": self.message, "hint": self.hint}
        return told

    @classmethod
    def read(cls, document: object) -> Self:
        """Read what `as_json` gives. Raises `DocumentError` for anything else."""
        try:
            return cls._read(document)  # type: ignore[arg-type]  # whatever it is, what does not fit raises
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DocumentError("found no status of a batch, expected one as the publishing API gives it") from error

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        reason = document.get("reason", {})
        numbers = [document[name] for name in ("offset", "size", "partSize", "unitsChecked")]
        texts = [document["parcel"], *(reason.get(name, "") for name in ("code", "message", "hint"))]
        if not all(type(number) is int and number >= 0 for number in numbers) or not all(isinstance(one, str) for one in texts):
            raise ValueError
        offset, size, part_size, units_checked = numbers
        parcel, code, message, hint = texts
        wanted = tuple(bytes.fromhex(one.removeprefix("0x")) for one in document["profilesWanted"])
        return cls(State(document["state"]), parcel, offset, size, part_size, units_checked, wanted, code, message, hint)

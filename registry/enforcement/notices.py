"""A notice: what an inspector chose to tell a manufacturer of a case, and nothing else of it (docs/telling.md).

What is told is chosen field by field, from a list that does not change with the case. A value that was not chosen is not in the
notice, and so in nothing that is made of it: payload, letter, inbox. An e-mail says that there is a notice, and no more.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import rfc8785

from registry.errors import CaseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from registry.enforcement.cases import Case

VERSION: Final = 1
TYPE: Final = "touchstone.notice"
LANGUAGES: Final = ("en", "zh-Hans")
ID: Final = re.compile(r"[0-9a-f]{32}")
PHOTOS: Final = "photos"
MOST_UNITS: Final = 2000
"""Units that one notice names; of the others it says how many there are."""

FIELDS: Final = (
    "reference", "office", "region", "place", "detained_at", "jurisdiction", "procedure", "legal_basis",
    "product_group", "hs_code", "quantity", "declared_value", "marks", "units", "verdicts",
    "consignor", "consignee", "carrier", "declarant", "samples", "storage_place", "contact", PHOTOS,
)  # fmt: skip
"""Everything that can be told, in the order in which it is shown. A case's note is the office's own and is never told."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What one manufacturer is told of one case."""

    id: str
    """Thirty-two hexadecimal digits from the system's random source."""
    case: str
    manufacturer: int
    language: str
    """BCP 47, of the letter."""
    time: int
    """Unix seconds."""
    who: int
    """The inspector's account. It is not told: the office is whom the manufacturer deals with."""
    values: Mapping[str, Any]
    """The chosen fields that have a value, by their names: JSON values."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the names of the fields that are told."""
        return tuple(name for name in FIELDS if name in self.values)

    @property
    def photos(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the photos that are told of, by their ids."""
        return {photo["id"]: photo for photo in self.values.get(PHOTOS, ())}

    def canonical(self) -> bytes:
        """Return what is sent, as RFC 8785 writes it."""
        return rfc8785.dumps({
            "type": TYPE, "version": VERSION, "id": self.id, "case": self.case, "manufacturer": self.manufacturer,
            "language": self.language, "time": self.time, "fields": dict(self.values),
        })  # fmt: skip

    def sha256(self) -> str:
        """Return the hash, in hex, of what is sent."""
        return hashlib.sha256(self.canonical()).hexdigest()


def available(case: Case, office: str, manufacturer: int) -> dict[str, Any]:
    """Return every field of a case that can be told a manufacturer and has a value, but no photo: those are chosen one by one.

    Of a consignment of several brands, each is told of its own units, and of those that nobody registered.
    """
    lines = [line for line in case.units if line.get("manufacturer") in {None, manufacturer}]
    details = case.details
    values: dict[str, Any] = {name: getattr(details, name) for name in FIELDS if name in _DETAILS}
    if details.declared_value:
        values["declared_value"] = f"{details.declared_value} {details.currency}".strip()
    values |= {"office": office, "units": _units(lines), "verdicts": _verdicts(lines)}
    return {name: value for name, value in values.items() if value}


def showable(case: Case) -> tuple[Mapping[str, Any], ...]:
    """Return the photos that can be told of: the copies, which say nothing of the camera, its time or its place."""
    return tuple(photo for photo in case.photos if photo.get("derived_from"))


def compose(
    case: Case,
    office: str,
    chosen: Iterable[str],
    photos: Iterable[str] = (),
    *,
    id: str,  # noqa: A002  # as the field is called
    manufacturer: int,
    language: str,
    time: int,
    who: int,
) -> Notice:
    """Return a notice of the chosen fields and photos (their ids).

    Raises `CaseError` for a field or photo that cannot be told, a language that letters do not speak, or if nothing is chosen.
    """
    wanted, pictures = set(chosen), set(photos)
    if unknown := sorted(wanted - set(FIELDS)):
        raise CaseError(f"found field {unknown[0]!r}, expected one that can be told", reason="field")
    shown = [_photo(photo) for photo in showable(case) if photo["id"] in pictures]
    if len(shown) != len(pictures):
        raise CaseError("found a photo that cannot be told of, expected copies of the case's photos", reason="photo")
    if language not in LANGUAGES:
        raise CaseError(f"found language {language!r}, expected one of {', '.join(LANGUAGES)}", reason="language")
    values = {name: value for name, value in available(case, office, manufacturer).items() if name in wanted}
    if shown:
        values[PHOTOS] = shown
    if not values:
        raise CaseError("found nothing that is told, expected one field or more", reason="nothing_told")
    return Notice(id, case.id, manufacturer, language, time, who, values)


def _photo(photo: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": photo["id"], "sha256": photo["sha256"], "type": photo["type"], "size": photo["size"]}


def _units(lines: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    units = {(line["gtin"], line["serial"]): None for line in lines if line.get("gtin") and line.get("serial")}
    return [{"gtin": gtin, "serial": serial} for gtin, serial in list(units)[:MOST_UNITS]]


def _verdicts(lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return how many lines came to each group: that says nothing of which unit it was."""
    counts = Counter(line["group"] for line in lines)
    return [{"group": group, "lines": count} for group, count in sorted(counts.items())]


_DETAILS: Final = frozenset(FIELDS) - {"office", "units", "verdicts", "declared_value", PHOTOS}
"""Fields that are details of the case under the same names."""

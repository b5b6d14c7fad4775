"""The tolerant reading of what a person typed: a serial, a number under a product, or a whole link.

Only typed input is repaired, never a scanned link (protocol § 2). An exact match always wins; a repaired reading is shown as
such; a bare serial that several products have asks for the product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from registry.errors import IdentityError, StoreError
from registry.units import identity, serials

if TYPE_CHECKING:
    from registry.checking.verdicts import Verdict
    from registry.checking.verifier import Verifier
    from registry.units.records import UnitId

LONGEST_SERIAL = 20
LINK_MARKS = ("://", "/01/")
"""What every link has. A serial may contain them too, and is shorter than any link that does."""


class Numbers(Protocol):
    """What a tolerant reading asks of a store. Raises `StoreUnavailable` or `StoreDamaged`."""

    def find_typed(self, folded: str, gtin: str | None) -> tuple[UnitId, ...]:
        """Return the units whose serials read like this one after repair, under one GTIN or under any."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Several products have this serial: the person must say which one is at hand."""

    presented: str
    units: tuple[UnitId, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """The one unit that a typed serial names."""

    unit: UnitId
    repaired: bool
    """Whether it was not typed exactly so, apart from spaces and a check character."""


def check_typed(
    verifier: Verifier,
    numbers: Numbers,
    text: str,
    *,
    gtin: str | None = None,
    trusted_host: str | None = None,
) -> Verdict | Choice:
    """Check what a person typed: a link as a link, anything else as a serial, under the typed `gtin` if there is one.

    `trusted_host` is that of `Verifier.check`. Raises nothing: whatever goes wrong is a verdict too.
    """
    text = text.strip()
    if looks_like_link(text):
        return verifier.check(text if "://" in text else f"https://{text}", trusted_host=trusted_host)
    try:
        reading = read_serial(numbers, text, gtin=gtin or None)
    except (IdentityError, StoreError) as error:
        return verifier.no_number(text, error)
    if isinstance(reading, Choice):
        return reading
    if reading is None:
        return verifier.no_number(text)
    return verifier.check_number(reading.unit, presented=text, repaired=reading.repaired)


def looks_like_link(text: str) -> bool:
    """Say whether a typed text is meant as a link."""
    return len(text) > LONGEST_SERIAL and any(mark in text.lower() for mark in LINK_MARKS)


def read_serial(numbers: Numbers, text: str, *, gtin: str | None = None) -> Reading | Choice | None:
    """Find the unit that a typed serial names: the exact one, or else the one that it reads like; none if there is none.

    Raises `IdentityError` if the text cannot be a serial or `gtin` is no GTIN, and `StoreError` if the store cannot say.
    """
    product = identity.pad_gtin(gtin) if gtin is not None else None
    typed = serials.read_typed(text)
    identity.read_serial(typed.without_check or typed.folded)
    alike = numbers.find_typed(typed.folded, product)
    if not alike and typed.without_check is not None:
        alike = numbers.find_typed(typed.without_check, product)
    exact = tuple(unit for unit in alike if _is_exact(unit.serial, typed))
    found = exact or alike
    if not found:
        return None
    if len(found) > 1:
        return Choice(text, found)
    return Reading(found[0], repaired=not exact)


def _is_exact(serial: str, typed: serials.Typed) -> bool:
    """Say whether this serial was typed as it is, apart from the spaces of its groups and its check character."""
    bare = "".join(typed.exact.split())
    return serial in {typed.exact, bare} or bare == serial + serials.check_character(serial)

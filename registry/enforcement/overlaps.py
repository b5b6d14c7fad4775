"""Where two manufacturers claim the same: GS1 company prefixes and GTINs, domains, trade marks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.units import identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from registry.proofs.profile import Profile

GTIN_DIGITS = 14


@dataclass(frozen=True, slots=True)
class Claims:
    """What somebody says is his own."""

    gtins: tuple[str, ...] = ()
    """GS1 company prefixes (4 to 12 digits) and whole GTIN-14s."""
    domains: tuple[str, ...] = ()
    """Small letters."""
    trademarks: tuple[str, ...] = ()

    @classmethod
    def of(cls, profile: Profile) -> Claims:
        """Return what a profile claims."""
        return cls(profile.gtins, (profile.domain,), profile.trademarks)


def overlaps(ours: Claims, theirs: Claims) -> Iterator[str]:
    """Yield in words what both claim: a prefix within the other's, the same domain or one below it, the same trade mark."""
    for what, pairs in (
        ("GTINs", _pairs(ours.gtins, theirs.gtins)),
        ("the domain", _pairs(ours.domains, theirs.domains)),
        ("the trade mark", _pairs(ours.trademarks, theirs.trademarks)),
    ):
        same = {"GTINs": _same_gtins, "the domain": _same_domain, "the trade mark": _same_trademark}[what]
        for one, other in pairs:
            if same(one, other):
                yield f"{what} {other}" if _plain(one) == _plain(other) else f"{what} {other} (as {one})"


def _pairs(ours: Iterable[str], theirs: Iterable[str]) -> Iterator[tuple[str, str]]:
    others = tuple(theirs)
    return ((one, other) for one in ours for other in others)


def _same_gtins(one: str, other: str) -> bool:
    """Say whether a GTIN could be both's."""
    if len(one) == len(other) == GTIN_DIGITS:
        return one == other
    if len(one) == GTIN_DIGITS or len(other) == GTIN_DIGITS:
        whole, prefix = (one, other) if len(one) == GTIN_DIGITS else (other, one)
        return identity.claims(whole, (prefix,))
    return one.startswith(other) or other.startswith(one)


def _same_domain(one: str, other: str) -> bool:
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _same_trademark(one: str, other: str) -> bool:
    return _plain(one) == _plain(other)


def _plain(text: str) -> str:
    return "".join(text.casefold().split())

"""What our links lead to, as GS1's resolver standard has it: sets of typed links (RFC 9264), from the item up to its product.

It links, and says nothing: whether a code is registered, altered or withdrawn is on the pages that it leads to. Which level has
links is decided by our own store, whose word is enough for that and for nothing else (docs/decisions/0026-resolver.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote

from registry.units.links import path_of
from registry.units.records import UnitId
from webapp.presenter.linking import Title, described, title

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from registry.units.links import DigitalLink
    from webapp.raw_uri import RawTarget

LINK_TYPE: Final = "linkType"
LINKSET: Final = "application/linkset+json"
JSON: Final = "application/json"
HTML: Final = "text/html"
VOCABULARY: Final = "https://ref.gs1.org/voc/"
CONTEXT: Final = "https://ref.gs1.org/standards/resolver/linkset-context"
WELL_KNOWN: Final = "/.well-known/gs1resolver"
WHOLE: Final = frozenset({"linkset", "all"})
"""Link types that ask for all links; the second is deprecated, and still in use."""
DEFAULT: Final = "defaultLink"
LANGUAGES: Final = ("en", "zh")
"""Of our pages, which are at one address in both. The schema of linksets knows no scripts, so not `zh-Hans`."""
_LINK_TYPE: Final = re.compile(r"(?:gs1:|https?://(?:ref\.)?gs1\.org/voc/)([A-Za-z0-9]+)")


class Stock(Protocol):
    """What a resolver asks of a store. Raises `StoreUnavailable` or `StoreDamaged`."""

    def find(self, unit: UnitId) -> object | None:
        """Return the stored unit of exactly this identity, or none."""

    def has_product(self, gtin: str) -> bool:
        """Say whether an anchored batch names this product."""

    def units_of(self, gtin: str) -> Iterable[UnitId]:
        """Give some units of this product."""


class NoStock:
    """Knows of nothing: for a site without a store."""

    def find(self, unit: UnitId) -> object | None:
        """Find none."""
        del unit
        return None

    def has_product(self, gtin: str) -> bool:
        """Know none."""
        del gtin
        return False

    def units_of(self, gtin: str) -> Iterable[UnitId]:
        """Find none."""
        del gtin
        return ()


@dataclass(frozen=True, slots=True)
class Target:
    """One link."""

    link_type: str
    """Its name in GS1's vocabulary."""
    local: str
    """Path and query at our site, with whatever the request's query said."""
    title: Title
    media_type: str = HTML

    def written(self, root: str) -> dict[str, Any]:
        """Return it as a linkset has it. The default link has no attribute but its title, as the standard wants it."""
        link: dict[str, Any] = {"href": root + self.local, "title": title(self.title)}
        if self.link_type != DEFAULT:
            link["type"] = self.media_type
            if self.media_type == HTML:
                link["hreflang"] = list(LANGUAGES)
        return link


@dataclass(frozen=True, slots=True)
class Level:
    """What is known of one identifier: an item, or its product."""

    gtin: str
    serial: str
    """Empty for a product. An item is identified by GTIN and serial alone: the standard lets it have no lot."""
    targets: tuple[Target, ...]

    def written(self, root: str) -> dict[str, Any]:
        """Return it as a linkset has it."""
        by_type: dict[str, Any] = {}
        for target in self.targets:
            by_type.setdefault(VOCABULARY + target.link_type, []).append(target.written(root))
        anchor = path_of(root, self.gtin, serial=self.serial)
        return {"anchor": anchor, "itemDescription": described(self.gtin, self.serial), **by_type}


def levels(found: DigitalLink, asked: RawTarget, root: str, stock: Stock) -> tuple[Level, ...]:
    """Return what is known of a link's item and its product, the item first; of neither, nothing.

    `asked` is the link's address with its query, which goes on to where its links lead.
    """
    values = dict(found.ai)
    gtin, serial = values["01"], values.get("21", "")
    known = []
    if serial and stock.find(UnitId(gtin, serial)) is not None:
        api = f"/api/v1/verify?link={quote(root + asked.local, safe='')}"
        known.append(
            Level(
                gtin,
                serial,
                (
                    Target(DEFAULT, asked.local, Title.CODE),
                    Target("pip", asked.local, Title.CODE),
                    Target("recallStatus", asked.local, Title.WITHDRAWAL),
                    Target("recallStatus", api, Title.WITHDRAWAL_JSON, JSON),
                ),
            )
        )
    if stock.has_product(gtin):
        page = f"/01/{gtin}" + (f"?{asked.query}" if asked.query else "")
        known.append(Level(gtin, "", (Target(DEFAULT, page, Title.PRODUCT), Target("pip", page, Title.PRODUCT))))
    return tuple(known)


def linkset(known: Sequence[Level], root: str) -> dict[str, Any]:
    """Return the links of some levels as RFC 9264 writes them in JSON."""
    return {"linkset": [level.written(root) for level in known]}


def named(text: str) -> str | None:
    """Return the name that a link type has in GS1's vocabulary, from a CURIE or a full URI; none if it is not of it."""
    found = _LINK_TYPE.fullmatch(text)
    return found[1] if found else None


def of_type(known: Sequence[Level], link_type: str) -> Level | None:
    """Return the first level that has links of this type, with these alone."""
    for level in known:
        targets = tuple(target for target in level.targets if target.link_type == link_type)
        if targets:
            return Level(level.gtin, level.serial, targets)
    return None


def description(root: str, contact: str) -> dict[str, Any]:
    """Return the resolver's description file."""
    return {
        "name": "Touchstone",
        "resolverRoot": root,
        "supportedPrimaryKeys": ["01"],
        "supportedLinkType": [{"namespace": VOCABULARY, "prefix": "gs1:"}],
        "linkTypeDefaultCanBeLinkset": False,
        "jsonLdContextLocation": CONTEXT,
        **({"contact": {"fn": contact}} if contact else {}),
    }

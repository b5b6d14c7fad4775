"""One link for each verdict, with the verdict that it must give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from registry.checking.verdicts import History, Registration
from registry.proofs import encoding, manifest
from registry.units import links
from registry.units.records import Record
from scripts.demo.past import COPIED, TRAVELLED
from scripts.demo.story import BAMBOO_SPRING, GREEN_RIDGE, KESTREL, RECALLED_UNITS, STOLEN_UNITS

if TYPE_CHECKING:
    from registry.issuing.batches import StoredBatch
    from scripts.demo.stage import Brand, Stage
from scripts.demo.story import Story

FOREIGN: Final = "https://touchstone-verify.example"
UNKNOWN_SERIAL: Final = "7ZZZ7ZZZ7ZZZ7ZZZ"


@dataclass(frozen=True, slots=True)
class DemoLink:
    """A link, the site on which to open it, and what must come out."""

    name: str
    link: str
    site: str
    expect: Registration
    history: History | None = None
    """What the unit's checks look like, where the story says it."""

    @property
    def page(self) -> str:
        """The address to open: the link itself where a phone finds a verdict there, the site's own reader for any other."""
        is_label = self.link.startswith(f"{self.site}/") and "/21/" in self.link
        return self.link if is_label else f"{self.site}/check?link={quote(self.link, safe='')}"

    def as_json(self) -> dict[str, Any]:
        """Return the entry of `links.json`."""
        expect = {"registration": self.expect.value} | ({"history": self.history.value} if self.history else {})
        return {"name": self.name, "link": self.link, "site": self.site, "expect": expect, "page": self.page}


class Links:
    """Makes the links from the brands' stores; nothing is stored for them."""

    def __init__(self, stage: Stage, story: Story, base: str, silent_base: str) -> None:
        self._stage = stage
        self._story = story
        self._base = base
        self._silent = silent_base

    def all(self) -> list[DemoLink]:
        """Return every link, the kind ones first."""
        september = self._story.batch(KESTREL, "2026-09")
        labels = self._stage.store(KESTREL).labels(september.id)
        charger = next(record for record, _, _ in labels if record.lot.startswith("C"))
        good = self._link(KESTREL, "2026-09", 0)
        bottle = self._link(BAMBOO_SPRING, "2026-08", 0)
        recalled = self._link(BAMBOO_SPRING, "2026-08", RECALLED_UNITS[0])
        stolen = self._link(BAMBOO_SPRING, "2026-08", STOLEN_UNITS[0])
        whole = self._link(BAMBOO_SPRING, "2026-09", 0)
        review = self._link(KESTREL, "2026-10", 0)
        waiting = self._link(BAMBOO_SPRING, "2026-10", 0)
        not_anchored = self._link(BAMBOO_SPRING, "2026-11", 0)
        say = Registration
        return [
            self._here("registered: an electric scooter", good, say.REGISTERED),
            self._here("registered: a bottle of baijiu", bottle, say.REGISTERED),
            self._here("registered: compact code of a charger", links.build_compact(self._base, charger.id), say.REGISTERED),
            self._here("registered: key compromised after the anchor", self._link(KESTREL, "2026-09", 1), say.REGISTERED),
            self._here(
                "registered: checked in many places",
                self._link(BAMBOO_SPRING, "2026-08", TRAVELLED),
                say.REGISTERED,
                History.UNUSUAL,
            ),
            self._here(
                "registered: a copy was found",
                self._link(BAMBOO_SPRING, "2026-08", COPIED),
                say.REGISTERED,
                History.CONFIRMED_COPY,
            ),
            self._here("key compromised before the anchor", review, say.KEY_UNDER_REVIEW),
            self._here("signature stripped", good.partition("?")[0], say.NUMBER_KNOWN),
            self._here("signed, not anchored", not_anchored, say.SIGNED_NOT_ANCHORED),
            self._here("anchored, awaiting finality", waiting, say.AWAITING_FINALITY),
            self._here("never registered", f"{self._base}/01/{charger.gtin}/21/{UNKNOWN_SERIAL}", say.NOT_REGISTERED),
            self._here("signature altered", _altered(good), say.ALTERED),
            self._here("serial changed", _changed(good, "21", _next_serial), say.ALTERED),
            self._here("lot changed", _changed(good, "10", lambda lot: f"{lot[:-1]}Z"), say.ALTERED),
            self._here("another brand's GTIN", self._another_brands(september), say.ALTERED),
            self._here("foreign host", good.replace(self._base, FOREIGN, 1), say.FOREIGN_HOST),
            self._here("unit withdrawn: recalled", recalled, say.WITHDRAWN),
            self._here("unit withdrawn: stolen", stolen, say.WITHDRAWN),
            self._here("batch withdrawn: recalled", whole, say.WITHDRAWN),
            self._here("issuer suspended", self._link(GREEN_RIDGE, "2026-09", 0), say.ISSUER_SUSPENDED),
            self._here("unreadable: not one of our links", "https://example.com/hello", say.UNREADABLE),
            self._here("unreadable: a product without a serial", f"{self._base}/01/{charger.gtin}", say.UNREADABLE),
            DemoLink("dead chain", good, self._silent, say.CANNOT_CHECK),
        ]

    def labelled(self) -> StoredBatch:
        """Return the batch whose labels are printed."""
        return self._story.batch(KESTREL, "2026-09")

    def _here(self, name: str, link: str, expect: Registration, history: History | None = None) -> DemoLink:
        return DemoLink(name, link, self._base, expect, history)

    def _link(self, brand: Brand, month: str, index: int) -> str:
        """Return the label's link of a batch's unit: of the first from `index` on that carries its signature."""
        batch = self._story.batch(brand, month)
        described = manifest.read(batch.manifest)
        for record, signature, place in self._stage.store(brand).labels(batch.id):
            product = described.product(record.gtin, record.lot)
            if place >= index and product is not None and product.carrier == "signed":
                return links.build(self._base, record, signature)
        raise LookupError(f"batch {batch.run!r} has no signed unit from {index} on")

    def _another_brands(self, batch: StoredBatch) -> str:
        """Return a link that Bamboo Spring's own, valid key signed for Kestrel's scooter."""
        lot = manifest.read(batch.manifest).products[0].lot
        gtin = manifest.read(batch.manifest).products[0].gtin
        record = Record(gtin, lot, UNKNOWN_SERIAL)
        digest = encoding.RecordHasher(self._stage.trust.registry_id).digest(record)
        return links.build(self._base, record, self._stage.key(BAMBOO_SPRING).sign_digest(digest))


def _altered(link: str) -> str:
    """Change one character in the middle of the signature."""
    place = len(link) - 40
    return link[:place] + ("A" if link[place] != "A" else "B") + link[place + 1 :]


def _changed(link: str, ai: str, change: Any) -> str:
    head, _, tail = link.partition(f"/{ai}/")
    end = min(place for place in (tail.find("/"), tail.find("?")) if place >= 0)
    return f"{head}/{ai}/{change(tail[:end])}{tail[end:]}"


def _next_serial(serial: str) -> str:
    return serial[:-1] + ("0" if serial[-1] != "0" else "1")

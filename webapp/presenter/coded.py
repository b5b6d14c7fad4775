"""The words for the fields of a case whose values are codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry.enforcement.clocks import procedures
from registry.enforcement.results import ProductGroup
from webapp.languages import gettext
from webapp.presenter.desk_clocks import JURISDICTIONS, PROCEDURES
from webapp.presenter.words import mark

if TYPE_CHECKING:
    from collections.abc import Mapping

PRODUCT_GROUPS: Final[Mapping[str, str]] = {
    ProductGroup.LIGHT_VEHICLES: mark("Scooters, bicycles and motorcycles"),
    ProductGroup.VEHICLE_PARTS: mark("Parts and accessories of vehicles"),
    ProductGroup.ELECTRONICS: mark("Electrical goods and computers"),
    ProductGroup.PHONES: mark("Phones and their accessories"),
    ProductGroup.HOUSEHOLD: mark("Household goods"),
    ProductGroup.TOOLS: mark("Machines and tools"),
    ProductGroup.TOYS_SPORTS: mark("Toys, games and sports goods"),
    ProductGroup.CLOTHING: mark("Clothing"),
    ProductGroup.SHOES: mark("Shoes"),
    ProductGroup.ACCESSORIES: mark("Bags, watches, jewellery and glasses"),
    ProductGroup.BODY_CARE: mark("Perfumes and body care"),
    ProductGroup.MEDICINES: mark("Medicines"),
    ProductGroup.FOOD_DRINK: mark("Food and soft drinks"),
    ProductGroup.ALCOHOL: mark("Alcoholic drinks"),
    ProductGroup.TOBACCO: mark("Tobacco"),
    ProductGroup.LABELS: mark("Labels and packaging without goods"),
    ProductGroup.OTHER: mark("Other goods"),
}
WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "jurisdiction": JURISDICTIONS, "procedure": PROCEDURES, "product_group": PRODUCT_GROUPS,
}  # fmt: skip


def word(field: str, code: str) -> str:
    """Return what a field of `WORDS` says; a code that has no words is shown as it is."""
    said = WORDS[field].get(code)
    return gettext(said) if said else code


def choices() -> dict[str, list[tuple[str, str]]]:
    """Return what can be chosen for each of these fields."""
    offered = {name: [(one, gettext(said)) for one, said in codes.items()] for name, codes in WORDS.items()}
    offered["procedure"] = [
        (one.id, f"{gettext(JURISDICTIONS[one.jurisdiction.id])}: {gettext(PROCEDURES[one.id])}") for one in procedures()
    ]
    return offered

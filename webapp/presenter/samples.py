"""What an inspector is told of samples: how many units to check, and what that is worth."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from registry.enforcement.sampling import MAX_LOT
from webapp.languages import gettext, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.enforcement.sampling import Plan

LONGEST: Final = 12
PERCENT: Final = re.compile(r"([0-9]{1,3}(?:[.,][0-9]{1,6})?) *%?")
"""Not all that Python takes for a number: with an exponent of nine digits, it would work on it for hours."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a form asks, as it was typed. Each method raises `ValueError` for what is no number."""

    lot: str
    rate: str
    confidence: str

    def size(self) -> int:
        """Return the number of units."""
        return int(self.lot.replace(",", "").replace(" ", ""))

    def rate_of(self) -> Fraction:
        """Return the rate of copies that is to be found."""
        return _percent(self.rate)

    def confidence_of(self) -> Fraction:
        """Return how sure the finding is to be."""
        return _percent(self.confidence)


def asked(form: Mapping[str, str]) -> Asked:
    """Return what a form asks: copies of one in a hundred, with 95 % confidence, where it says nothing else."""
    return Asked(
        *(form.get(name, usual).strip()[:LONGEST] for name, usual in (("lot", ""), ("rate", "1"), ("confidence", "95")))
    )


def said(plan: Plan) -> tuple[str, str]:
    """Return how many units to check, and the honest sentence about it."""
    percent = float(plan.confidence * 100)
    return (
        gettext("Check %(sample)s of %(lot)s units, chosen at random.", sample=number(plan.sample), lot=number(plan.lot)),
        gettext(
            "If %(bad)s or more of them carry codes that a check finds wrong, at least one of those is in the sample "
            "with %(confidence)s %% confidence. If none is, there may still be fewer of them; and a well copied label looks "
            "as registered.",
            bad=number(plan.bad), confidence=f"{percent:g}",
        ),
    )  # fmt: skip


def complaint() -> str:
    """Return what to do about numbers that are none."""
    return gettext("Enter 1 to %(most)s units, and percentages above 0 and up to 100", most=number(MAX_LOT))


def _percent(text: str) -> Fraction:
    found = PERCENT.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return Fraction(found[1].replace(",", ".")) / 100

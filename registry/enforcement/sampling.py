"""How many units of a consignment to check, so that copies among them are found with a stated confidence.

Without putting any back, of a lot of `lot` with `bad` copies, a sample of `sample` finds none with the hypergeometric
probability C(lot - bad, sample) / C(lot, sample). Everything is counted in whole numbers: no approximation, no rounding until
the end, whatever the size of the lot.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from registry.errors import IdentityError

MAX_LOT: Final = 10_000_000
CLOSE: Final = 1e-6
"""Probabilities that are nearer than this to the one that is asked for are compared in whole numbers: logarithms of factorials
of millions are right to eight digits."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A sample, and what it is good for."""

    lot: int
    bad: int
    """Copies that are to be found, at least this many: the rate, rounded up to whole units."""
    confidence: Fraction
    sample: int


def plan(lot: int, rate: Fraction, confidence: Fraction) -> Plan:
    """Return the smallest sample that finds at least one copy with this confidence, if that rate of the lot are copies.

    Raises `IdentityError` unless the lot has 1 to 10 million units, and rate and confidence are above 0 and at most 1.
    """
    if not 1 <= lot <= MAX_LOT:
        raise IdentityError(f"found a lot of {lot:,}, expected 1 to {MAX_LOT:,} units")
    if not (0 < rate <= 1 and 0 < confidence <= 1):
        raise IdentityError("found a rate or confidence outside of 0 to 100 %, expected more than 0 and at most 100 %")
    bad = math.ceil(lot * rate)
    low, high = 1, lot - bad + 1  # so large a sample cannot miss them all
    while low < high:
        middle = (low + high) // 2
        if finds(lot, bad, middle, confidence):
            high = middle
        else:
            low = middle + 1
    return Plan(lot, bad, confidence, low)


def finds(lot: int, bad: int, sample: int, confidence: Fraction) -> bool:
    """Say whether a sample finds at least one of the copies with this confidence."""
    if sample > lot - bad:
        return True
    missed = math.exp(_log_choose(lot - bad, sample) - _log_choose(lot, sample))
    allowed = 1 - confidence
    if abs(missed - float(allowed)) > CLOSE:
        return missed < allowed
    return _missed(lot, bad, sample) <= allowed


def _missed(lot: int, bad: int, sample: int) -> Fraction:
    """Return the probability that no copy is in the sample, exactly: the shorter of the two products that say the same."""
    few, many = sorted((bad, sample))
    top = math.prod(range(lot - many - few + 1, lot - many + 1))
    return Fraction(top, math.prod(range(lot - few + 1, lot + 1)))


def _log_choose(of: int, take: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(take + 1) - math.lgamma(of - take + 1)

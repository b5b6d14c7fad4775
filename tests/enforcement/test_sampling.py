"""How many to check: the hypergeometric distribution, against tables and against counting."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.enforcement.sampling import MAX_LOT, finds, plan
from registry.errors import IdentityError


@pytest.mark.parametrize(
    ("lot", "percent", "confidence", "sample"),
    [
        # Each worked out with whole binomial coefficients, apart from this code.
        (100, 1, 95, 95),
        (100, 5, 95, 45),
        (1000, 1, 95, 258),
        (1000, 5, 95, 57),
        (500, 2, 95, 129),
        (10_000, 1, 95, 294),
        (1, 1, 95, 1),
        (10, 10, 50, 5),
        (10, 100, 99, 1),
        (50, 1, 100, 50),
    ],
)
def test_worked_values(lot: int, percent: int, confidence: int, sample: int) -> None:
    """The smallest sample that finds one."""
    assert plan(lot, Fraction(percent, 100), Fraction(confidence, 100)).sample == sample


@given(st.integers(1, 60), st.fractions(Fraction(1, 100), 1), st.fractions(Fraction(1, 100), 1))
@settings(max_examples=150)
def test_the_sample_is_the_smallest_that_does(lot: int, rate: Fraction, confidence: Fraction) -> None:
    """Counted in whole numbers."""
    found = plan(lot, rate, confidence)
    assert found.bad == math.ceil(lot * rate)

    def missed(sample: int) -> Fraction:
        return Fraction(math.comb(lot - found.bad, sample), math.comb(lot, sample))

    assert 1 - missed(found.sample) >= confidence
    assert found.sample == 1 or 1 - missed(found.sample - 1) < confidence


def test_a_tie_is_decided_in_whole_numbers() -> None:
    """Half of two: exactly 50 %, which floating point might miss."""
    assert finds(2, 1, 1, Fraction(1, 2))
    assert not finds(2, 1, 1, Fraction(1, 2) + Fraction(1, 10**15))
    assert finds(10_000_000, 5_000_000, 1, Fraction(1, 2))


@pytest.mark.parametrize(
    ("lot", "rate", "confidence"),
    [(0, Fraction(1, 2), Fraction(1, 2)), (MAX_LOT + 1, Fraction(1, 2), Fraction(1, 2)), (5, Fraction(0), Fraction(1, 2)),
     (5, Fraction(2), Fraction(1, 2)), (5, Fraction(1, 2), Fraction(0)), (5, Fraction(1, 2), Fraction(3, 2))],
    ids=["no lot", "too large", "no rate", "too high a rate", "no confidence", "too sure"],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(lot: int, rate: Fraction, confidence: Fraction) -> None:
    """With what was found."""
    with pytest.raises(IdentityError, match="expected"):
        plan(lot, rate, confidence)

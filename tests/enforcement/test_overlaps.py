"""Where two manufacturers claim the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.enforcement.overlaps import Claims, overlaps
from registry.units import identity

PREFIXES = st.text("0123456789", min_size=4, max_size=12)


@given(PREFIXES, PREFIXES)
def test_prefixes_overlap_if_one_begins_with_the_other(one: str, other: str) -> None:
    """Either way round, and in no other case."""
    expected = one.startswith(other) or other.startswith(one)
    assert bool(list(overlaps(Claims((one,)), Claims((other,))))) is expected
    assert bool(list(overlaps(Claims((other,)), Claims((one,))))) is expected


@given(st.text("0123456789", min_size=13, max_size=13), PREFIXES)
def test_a_gtin_and_a_prefix_overlap_if_the_verifier_takes_it_for_one_of_it(digits: str, prefix: str) -> None:
    """The same rule decides whose a GTIN is: restricted ranges belong to nobody's prefix."""
    gtin = digits + identity.check_digit(digits)
    expected = identity.claims(gtin, (prefix,))
    assert bool(list(overlaps(Claims((gtin,)), Claims((prefix,))))) is expected
    assert bool(list(overlaps(Claims((prefix,)), Claims((gtin,))))) is expected
    assert list(overlaps(Claims((gtin,)), Claims((gtin,)))) == [f"GTINs {gtin}"]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("brand.example", "brand.example", True),
        ("brand.example", "shop.brand.example", True),
        ("shop.brand.example", "brand.example", True),
        ("brand.example", "otherbrand.example", False),
        ("brand.example", "brand.example.net", False),
    ],
)
def test_domains_overlap_with_those_below_them(one: str, other: str, expected: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    """And not with those that merely end alike."""
    assert bool(list(overlaps(Claims(domains=(one,)), Claims(domains=(other,))))) is expected


def test_trade_marks_are_compared_without_spaces_and_case() -> None:
    """What differs is said in both forms."""
    assert list(overlaps(Claims(trademarks=("CN 70952004",)), Claims(trademarks=("cn70952004", "CN 7")))) == [
        "the trade mark cn70952004"
    ]
    assert not list(overlaps(Claims(("9521",), ("a.example",), ("CN 1",)), Claims(("9522",), ("b.example",), ("CN 2",))))

"""Published results: no figure, no sum and no difference shows a few, and a report is what it was."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.enforcement import results
from registry.enforcement.cases import Outcome
from registry.enforcement.results import FEWEST, Change, Closed, Line, Month, ProductGroup, Report
from registry.errors import DocumentError

REGIONS = ["", "CN", "CN-SH", "CN-GD", "DE", "TH"]
GROUPS = ["", "light_vehicles", "shoes", "electric scooters of Mr Wang"]


def cases(*wanted: tuple[int, str, str, Outcome]) -> list[Closed]:
    """Return so many cases of each kind."""
    return [
        Closed(f"{kind:02}{number:010}", region, group, outcome)
        for kind, (count, region, group, outcome) in enumerate(wanted)
        for number in range(count)
    ]


def lines(*wanted: tuple[int, str, str, Outcome]) -> list[tuple[str | None, str | None, str | None, int]]:
    """Return the lines of so many cases of each kind."""
    found = (figure.line for figure in results.figures(cases(*wanted)))
    return [(one.region, one.product_group, one.outcome, one.cases) for one in found]


closed = st.builds(
    Closed, st.uuids().map(str), st.sampled_from(REGIONS), st.sampled_from(GROUPS), st.sampled_from(list(Outcome))
)


@given(st.lists(closed, max_size=80, unique_by=lambda one: one.id), st.randoms(use_true_random=False))
def test_no_figure_shows_a_few(some: list[Closed], order: object) -> None:
    """Every case is in one line of at least five, all cases are counted if there are five, and their order changes nothing."""
    found = results.figures(some)
    assert all(one.line.cases == len(one.cases) >= FEWEST for one in found)
    named = Counter(case for one in found for case in one.cases)
    assert set(named.values()) <= {1}
    assert set(named) == ({one.id for one in some} if len(some) >= FEWEST else set())
    order.shuffle(some)  # type: ignore[attr-defined]  # a Random
    assert results.figures(some) == found
    known = {one.id: one for one in some}
    for figure in found:
        told = figure.line
        for case in (known[name] for name in figure.cases):
            assert told.region is None or case.region.startswith(told.region)
            assert told.product_group is None or case.product_group == told.product_group
            assert told.outcome is None or case.outcome is told.outcome
    groups = [one.line for one in found]
    assert len({(one.region, one.product_group, one.outcome) for one in groups}) == len(groups), "two lines of one name"
    for size in (1, 2):
        for left_out in combinations(groups, size):
            rest = sum(one.cases for one in groups) - sum(one.cases for one in left_out)
            assert rest == 0 or rest >= FEWEST


def test_few_are_counted_together_with_their_like() -> None:
    """First with others of their country, then of all goods, then of all countries; what is left joins what is most like it."""
    bad, good = Outcome.COUNTERFEIT, Outcome.GENUINE
    scooters, shoes = "light_vehicles", "shoes"
    assert lines((5, "CN-SH", scooters, bad)) == [("CN-SH", scooters, bad, 5)]
    assert lines((4, "CN-SH", scooters, bad)) == []
    assert lines((3, "CN-SH", scooters, bad), (2, "CN-GD", scooters, bad)) == [("CN", scooters, bad, 5)]
    assert lines((3, "CN-SH", scooters, bad), (2, "CN-GD", shoes, bad)) == [("CN", None, bad, 5)]
    assert lines((3, "CN-SH", scooters, bad), (2, "DE", shoes, bad)) == [(None, None, bad, 5)]
    assert lines((3, "CN-SH", scooters, bad), (2, "DE", shoes, good)) == [(None, None, None, 5)]
    assert lines((6, "CN-SH", scooters, bad), (5, "CN", scooters, bad), (1, "CN-GD", scooters, bad)) == [
        ("CN", scooters, bad, 6), ("CN-SH", scooters, bad, 6),
    ]  # fmt: skip
    assert lines((9, "CN-SH", scooters, bad), (5, "DE", shoes, bad), (1, "TH", shoes, good)) == [
        ("CN-SH", scooters, bad, 9), (None, shoes, None, 6),
    ]  # fmt: skip
    assert lines((6, "CN-SH", scooters, bad), (2, "CN-GD", shoes, bad)) == [("CN", None, bad, 8)]
    assert lines((6, "CN-SH", scooters, bad), (2, "DE", shoes, good)) == [(None, None, None, 8)]


def test_words_of_a_person_are_never_a_product_group() -> None:
    """What is not in the list of product groups is not told apart: nobody's name is published by it."""
    assert lines((7, "CN", "electric scooters of Mr Wang", Outcome.COUNTERFEIT)) == [("CN", None, "counterfeit", 7)]


SOME = (Line("CN-SH", ProductGroup.LIGHT_VEHICLES, Outcome.COUNTERFEIT, 7), Line(None, None, None, 5))


def report(last: str, *, first: str = "", revision: int = 1, lines: tuple[Line, ...] = SOME) -> Report:
    """Return a report of a month."""
    return Report(
        "0x" + 64 * "a", Month.parse(first or last), Month.parse(last), revision, "" if revision == 1 else 64 * "b",
        "" if revision == 1 else "a case was opened again", 1_800_000_000, lines,
    )  # fmt: skip


ALL_KINDS = [report("2026-10"), report("2026-10", first="2026-08", revision=2), report("2026-10", lines=())]


@pytest.mark.parametrize("one", ALL_KINDS)
def test_a_report_is_read_as_it_was_written(one: Report) -> None:
    """Its bytes are canonical, and nothing else reads as a report."""
    raw = one.document()
    assert results.read(raw) == one
    for wrong in (raw + b" ", raw[:-1], b"[]", b"{}", b"null", raw.replace(b"-10", b"-13"), raw.replace(b'"1"', b'"2"')):
        with pytest.raises(DocumentError, match="found"):
            results.read(wrong)


@pytest.mark.parametrize(
    ("old", "new"), [(b'"cases":7', b'"cases":true'), (b'"cases":7', b'"cases":-7'), (b'"revision":1', b'"revision":"1"')]
)
def test_what_is_no_count_is_no_report(old: bytes, new: bytes) -> None:
    """Figures are whole numbers."""
    raw = report("2026-10").document()
    assert old in raw
    with pytest.raises(DocumentError):
        results.read(raw.replace(old, new))


def test_what_has_too_few_is_counted_with_the_next_month() -> None:
    """Months without figures are a part of the next report, however many they are."""
    first = Month(2026, 8)
    assert results.next_months([], first) == (first, first)
    empty = report("2026-08", lines=())
    assert results.next_months([empty], first) == (first, Month(2026, 9))
    both = [empty, report("2026-09", first="2026-08", lines=())]
    assert results.next_months(both, first) == (first, Month(2026, 10))
    third = report("2026-10", first="2026-08")
    assert results.next_months([*both, third], first) == (Month(2026, 11), Month(2026, 11))
    assert [results.is_carried(one, [*both, third]) for one in (*both, third)] == [True, True, False]
    assert not results.is_carried(empty, [empty, report("2026-09")])


def test_a_year_ends() -> None:
    """December is followed by January, and a month has its moments in UTC."""
    assert Month(2026, 12).next == Month(2027, 1)
    assert Month(2026, 12).ends == Month(2027, 1).begins == 1_798_761_600
    assert Month.of(1_798_761_599) == Month(2026, 12)
    for wrong in ("2026-13", "26-01", "2026-1", "", "2026-01-01", "二〇二六"):
        with pytest.raises(DocumentError, match="month"):
            Month.parse(wrong)


def test_a_correction_says_what_changed() -> None:
    """Of two revisions the newest counts, and the figures that differ are told with both."""
    old = report("2026-10")
    new = replace(report("2026-10", revision=2), lines=(replace(SOME[0], cases=6), Line("DE", None, None, 6)))
    assert results.newest([new, old]) == (new,)
    assert results.changes(old, new) == (
        Change(replace(SOME[0], cases=6), 7, 6), Change(SOME[1], 5, 0), Change(Line("DE", None, None, 6), 0, 6),
    )  # fmt: skip


def test_figures_are_added_up_by_what_is_told() -> None:
    """What is not told apart stands last."""
    more = report("2026-11", lines=(Line("CN-SH", None, None, 5), Line("DE", None, None, 90)))
    assert results.tally([report("2026-10"), more], lambda line: line.region) == (("DE", 90), ("CN-SH", 12), (None, 5))

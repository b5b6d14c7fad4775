"""Every clock has its words, and a case says by when what is to be done."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from registry.enforcement.cases import Details, Event, Kind, fold
from registry.enforcement.clocks import procedures
from webapp.desk import deadlines
from webapp.languages import LANGUAGES, speaking
from webapp.presenter import coded, desk_clocks

DETAINED = int(datetime(2026, 4, 1, 2, tzinfo=UTC).timestamp())


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda one: one.tag)
def test_every_clock_has_words(language: object) -> None:
    """In each language, with its article; so has every procedure that can be chosen."""
    with speaking(language):  # type: ignore[arg-type]  # one of them
        names = [desk_clocks.name(clock) for one in procedures() for clock in one.clocks]
        assert all("_" not in name and "(" in name for name in names)
        chosen = coded.choices()
        assert len(chosen["procedure"]) == len(procedures())
        assert {one for one, _ in chosen["jurisdiction"]} == {one.jurisdiction.id for one in procedures()}


def test_the_deadlines_of_a_case() -> None:
    """In their order; none without a procedure; of one that there is not, and of a year without a calendar, it is said."""
    facts = {"office": 3, "jurisdiction": "cn_customs", "procedure": "ex_officio", "detained_at": DETAINED}
    case = fold("K7M2P9QX4T3W", [Event(1, DETAINED, 5, Kind.OPENED, "", facts)])
    with speaking(LANGUAGES[0]):
        found = deadlines.of_case(case, DETAINED)
        assert [one.at for one in found] == sorted(one.at for one in found)
        assert [one.name.split(":")[0] for one in found] == ["Customs", "Rights holder"]
        assert all(one.at > DETAINED and not one.is_met for one in found)
        assert deadlines.of_case(replace(case, details=Details()), DETAINED) == ()
        (wrong,) = deadlines.of_case(replace(case, details=replace(case.details, procedure="notice")), DETAINED)
        assert (wrong.at, "do not belong together" in wrong.name) == (0, True)
        far = replace(case, details=replace(case.details, detained_at=DETAINED + 30 * 366 * 86_400))
        assert {(one.at, "count the days by hand" in one.name) for one in deadlines.of_case(far, DETAINED)} == {(0, True)}

"""A page that was kept and filled in is the page that would have been made, byte for byte."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from registry.checking.verdicts import Code, UnitView
from tests.webapp.samples import BY_NAME, PRODUCT, PROFILE, REGISTERED
from webapp import facts, languages, pages
from webapp.languages import LANGUAGES, Language
from webapp.pages import Place, VerdictPages
from webapp.raw_uri import RawTarget
from webapp.skeletons import Skeletons

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flask import Flask

    from registry.checking.verdicts import Verdict

HOSTILE = "</bdi><script>'\"&%(count)s{{ 7*7 }}%s"


@pytest.fixture(params=LANGUAGES, ids=lambda language: language.tag)
def language(request: pytest.FixtureRequest, app: Flask) -> Iterator[Language]:
    """Each language in turn, as the language of a request."""
    spoken: Language = request.param
    with app.test_request_context("/", headers={"Accept-Language": spoken.tag}):
        yield spoken


def variants(verdict: Verdict) -> Iterator[Verdict]:
    """Yield verdicts that differ in what they say of a unit, its batch and the moment."""
    yield verdict
    product = replace(PRODUCT, names={"th": HOSTILE}, model=HOSTILE, produced="2026-01-02", markets=(HOSTILE, "DE", "CN"))
    profile = replace(PROFILE, brand={"fr": HOSTILE}, trademarks=(), domain="", contact=HOSTILE)
    for unit in filter(None, (verdict.unit,)):
        yield replace(verdict, unit=UnitView("09521002000023", HOSTILE, None, unit.product))
        yield replace(verdict, unit=UnitView(unit.gtin, "A", HOSTILE, product if unit.product else None))
    for maker in filter(None, (verdict.manufacturer,)):
        yield replace(verdict, manufacturer=replace(maker, profile=profile))
    for batch in filter(None, (verdict.batch,)):
        yield replace(verdict, batch=replace(batch, seal=b"\x01" * 32, unit_count=1_234_567, attestations=0))
    for anchor in filter(None, (verdict.anchor,)):
        yield replace(verdict, anchor=replace(anchor, time=0, block=7, transaction=None))
    checks = tuple(replace(check, detail=f"{HOSTILE} {check.step}") for check in verdict.checks)
    yield replace(verdict, checks=checks, checked_at=1)


def made_anew(verdict: Verdict, place: Place, language: Language) -> str:
    """Return the page as the template makes it, with nothing kept."""
    hotline = language.tag == "zh-Hans" or facts.sold_in(verdict, "CN")
    return pages.render(verdict, pages.facts_of(verdict, place, language), hotline=hotline)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_page_is_the_same_whether_it_was_kept_or_made_anew(language: Language, name: str) -> None:
    """For every verdict in every language, whatever was asked before."""
    kept = VerdictPages()
    first = Place("h.example", RawTarget("/a", None))
    second = Place("localhost:8000", RawTarget("/01/1", "x=<&%3C&lang=en"))
    for place in (first, second, first):
        for verdict in variants(BY_NAME[name]):
            assert kept.page(verdict, place) == made_anew(verdict, place, language)


def test_all_verdicts_of_a_site_share_what_is_kept(language: Language) -> None:
    """A page of one verdict leaves nothing in the page of another."""
    kept, place = VerdictPages(), Place("h.example", RawTarget("/a", None))
    for verdict in (*BY_NAME.values(), *list(BY_NAME.values())[::-1]):
        assert kept.page(verdict, place) == made_anew(verdict, place, language)


def test_ten_thousand_units_need_one_skeleton(app: Flask) -> None:
    """What is kept does not grow with units, batches or brands."""
    kept = VerdictPages()
    with app.test_request_context("/"):
        for number in range(200):
            assert REGISTERED.unit
            assert REGISTERED.batch
            verdict = replace(
                REGISTERED,
                unit=replace(REGISTERED.unit, serial=f"S{number}"),
                batch=replace(REGISTERED.batch, seal=number.to_bytes(32)),
            )
            page = kept.page(verdict, Place("h.example", RawTarget(f"/{number}", None)))
            assert number.to_bytes(32).hex() in page
    assert len(kept._skeletons._kept) == 1


def test_no_more_is_kept_than_allowed() -> None:
    """Should somebody find ever new kinds of page, all are made anew; what is said stays right."""

    def render(told: Mapping[str, str]) -> str:
        return f"<p>{told['word']}</p>"

    skeletons = Skeletons(most=3)
    for number in range(20):
        assert skeletons.page(number, {"word": f"<{number}>"}, render) == f"<p>&lt;{number}&gt;</p>"
        assert len(skeletons._kept) <= 3


def test_a_language_can_be_spoken_without_a_request() -> None:
    """As the short way does; it ends where it ends."""
    chinese = LANGUAGES[1]
    with languages.speaking(chinese):
        assert languages.current() is chinese
        assert languages.number(1234) == "1,234"
    with pytest.raises(RuntimeError, match="request"):
        languages.current()


def test_the_sample_of_a_stale_answer_is_one() -> None:
    """Its age is words of the page, and no fact that could be put into another's."""
    assert Code.CHAIN_STALE in BY_NAME["registered_stale"].reasons

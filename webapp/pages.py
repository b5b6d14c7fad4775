"""Puts a verdict on a page: gathers what the template shows, in the order in which it shows it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from flask import g, make_response, render_template, request

from registry.checking.verdicts import Code, Outcome
from webapp import facts, languages
from webapp.blueprints.product_pictures import NoPictures
from webapp.presenter import verdicts
from webapp.presenter.words import Goto
from webapp.skeletons import Skeletons

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from flask import Flask, Response

    from registry.checking.verdicts import Verdict
    from webapp.blueprints.product_pictures import Pictures
    from webapp.languages import Language
    from webapp.raw_uri import RawTarget

RETRY_AFTER: Final = 15
"""Seconds after which a check that could not be made is worth another try."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page is: the host and the address under which it was asked for."""

    host: str
    target: RawTarget
    scheme: str = "https"

    def frame(self, language: Language) -> dict[str, str]:
        """Return the facts of every page: where the reader is, and where the same page is in other languages."""
        told = {"host": self.host}
        for other in languages.LANGUAGES:
            if other is not language:
                told[f"in_{other.locale}"] = languages.address_in(self.target, other)
        return told


def here() -> Place:
    """Return the place of this request's page."""
    return Place(request.host, languages.target_of(request.environ), request.scheme)


class VerdictPages:
    """Makes the pages of verdicts. Which kinds of page there are is kept, and nothing about any unit."""

    def __init__(self, pictures: Pictures | None = None) -> None:
        self._skeletons = Skeletons()
        self._pictures = pictures or NoPictures()

    def page(self, verdict: Verdict, place: Place) -> str:
        """Return the page of a verdict, in the language of the moment."""
        kind, hotline = _kind(verdict)
        told = self._told(verdict, place)
        return self._skeletons.page(kind, told, lambda hollow: render(verdict, hollow, hotline=hotline))

    def kept(self, verdict: Verdict, place: Place) -> str | None:
        """Return the page of a verdict without a template; none if there was no page of its kind yet."""
        kind, _ = _kind(verdict)
        return self._skeletons.kept(kind, self._told(verdict, place))

    def _told(self, verdict: Verdict, place: Place) -> dict[str, str]:
        """Return a page's facts, with the first picture that the anchored manifest names and the site has."""
        told = facts_of(verdict, place, languages.current())
        product = verdict.unit.product if verdict.unit else None
        if product and (found := next(filter(self._pictures.has, product.pictures), None)):
            told["picture"] = found
        return told


def _kind(verdict: Verdict) -> tuple[Hashable, bool]:
    """Return everything that decides which words a page has, and whether the Chinese consumer hotline helps its reader."""
    language = languages.current()
    hotline = language.locale.startswith("zh") or facts.sold_in(verdict, "CN")
    withdrawal = verdict.withdrawal
    kind = (
        language.tag,
        verdict.registration,
        verdict.history,
        verdict.binding,
        verdict.past is not None and verdict.past.other_market,
        (withdrawal.reason, facts.moment(withdrawal.time).words) if withdrawal else None,
        tuple((check.step, check.outcome, check.code) for check in verdict.checks),
        verdict.extra_reasons,
        languages.duration(verdict.seen.age_seconds) if verdict.seen and Code.CHAIN_STALE in verdict.reasons else "",
        hotline,
        verdict.unit is not None and bool(verdict.unit.product),
        verdict.manufacturer is not None,
    )
    return kind, hotline


def facts_of(verdict: Verdict, place: Place, language: Language) -> dict[str, str]:
    """Return all that a verdict's page says of this unit, its batch and this moment: nothing of it decides what is shown."""
    told = place.frame(language)
    told["again"] = place.target.local
    told["report"] = facts.report_of(verdict)
    for number, check in enumerate(verdict.checks):
        # Why nobody answered is about our own machines, and the log says it.
        if check.detail and check.outcome is not Outcome.UNKNOWN:
            told[f"detail{number}"] = check.detail
    if verdict.unit:
        told |= facts.number_of(verdict.unit) | facts.holding_of(verdict.unit) | _address(verdict, place)
    if verdict.proof:
        told |= facts.again_of(verdict.presented)
    if verdict.manufacturer:
        told |= facts.registrant_of(verdict.manufacturer)
    if verdict.batch:
        told |= facts.batch_of(verdict.batch)
    if verdict.anchor:
        told |= facts.anchor_of(verdict.anchor)
    if verdict.past:
        told |= facts.past_of(verdict.past)
    return told | facts.instant(verdict.checked_at).named("checked")


def _address(verdict: Verdict, place: Place) -> dict[str, str]:
    """Return under which address to look again; where the label leads elsewhere, that address, which is not for opening."""
    if verdict.unit is None:
        return {}
    if verdict.link and Code.HOST_NOT_OFFICIAL in verdict.reasons:
        return {"foreign_host": verdict.link.host}
    return facts.address_of(verdict.unit, verdict.link, f"{place.scheme}://{place.host}")


def render(verdict: Verdict, told: Mapping[str, str], *, hotline: bool) -> str:
    """Return a verdict's page with these facts in it."""
    checks = tuple(replace(check, detail=told.get(f"detail{n}", "")) for n, check in enumerate(verdict.checks))
    return render_template(
        "verdict.html",
        facts=told,
        words=verdicts.words_for(verdict),
        goto=Goto,
        remarks=verdicts.remarks_for(verdict),
        steps=verdicts.steps_to_take(verdict, hotline=hotline),
        has_holding=verdict.unit is not None and bool(verdict.unit.product),
        has_registrant=verdict.manufacturer is not None,
        is_anchored=verdict.anchor is not None,
        checks=verdicts.checks_for(replace(verdict, checks=checks)),
    )


def finish(answer: Response, verdict: Verdict) -> Response:
    """Give an answer its verdict's HTTP status, and name the headline to the access log."""
    answer.status_code = verdicts.status_of(verdict)
    g.headline = verdicts.headline_of(verdict).value
    if answer.status_code == 503:  # noqa: PLR2004  # "could not ask" is worth asking again
        answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer


def verdict_answer(pages: VerdictPages, verdict: Verdict) -> Response:
    """Return the page of a verdict as the answer to this request."""
    return finish(make_response(pages.page(verdict, here())), verdict)


def register(app: Flask) -> None:
    """Give every template the facts of its frame."""
    app.context_processor(lambda: {"facts": here().frame(languages.current())})

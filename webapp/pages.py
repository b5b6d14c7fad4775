"""Puts a verdict on a page: gathers what the template shows, in the order in which it shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import current_app, g, make_response, render_template, request

from registry.checking.verdicts import Code
from webapp import facts, languages
from webapp.presenter import verdicts
from webapp.presenter.words import Goto
from webapp.raw_uri import RawTarget

if TYPE_CHECKING:
    from flask import Response

    from registry.checking.verdicts import Verdict

RETRY_AFTER: Final = 15
"""Seconds after which a check that could not be made is worth another try."""


def verdict_page(verdict: Verdict) -> Response:
    """Return the page of a verdict, with its HTTP status."""
    words = verdicts.words_for(verdict)
    unit = verdict.unit
    holding = facts.holding_of(unit) if unit else None
    page = render_template(
        "verdict.html",
        verdict=verdict,
        words=words,
        action=_href(words.goto, has_holding=holding is not None),
        foreign_host=verdict.link.host if verdict.link and Code.HOST_NOT_OFFICIAL in verdict.reasons else None,
        remarks=verdicts.remarks_for(verdict),
        steps=verdicts.steps_to_take(verdict, hotline=_hotline(verdict)),
        number=facts.number_of(unit) if unit else None,
        holding=holding,
        registrant=facts.registrant_of(verdict.manufacturer) if verdict.manufacturer else None,
        registered=facts.moment(verdict.anchor.time) if verdict.anchor else None,
        checks=verdicts.checks_for(verdict),
        checked=facts.instant(verdict.checked_at),
    )
    return finish(make_response(page), verdict)


def finish(answer: Response, verdict: Verdict) -> Response:
    """Give an answer its verdict's HTTP status, and name the headline to the access log."""
    answer.status_code = verdicts.status_of(verdict)
    g.headline = verdicts.headline_of(verdict).value
    if answer.status_code == 503:  # noqa: PLR2004  # "could not ask" is worth asking again
        answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer


def _hotline(verdict: Verdict) -> bool:
    """Say whether the Chinese consumer hotline helps this reader."""
    return languages.current().locale.startswith("zh") or facts.sold_in(verdict, "CN")


def _href(goto: Goto, *, has_holding: bool) -> str:
    if goto is Goto.AGAIN:
        return RawTarget.of(request.environ).local
    home = current_app.url_for("check.home")
    return {
        Goto.HOLDING: "#holding" if has_holding else "#number",
        Goto.TODO: "#todo",
        Goto.HOME: home,
        Goto.PHOTO: f"{home}#photo",
    }[goto]

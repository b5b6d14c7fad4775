"""Which words a verdict gets: one headline, one sentence, one safe thing to do, and the reasons that add to them.

A printed code proves a number, never the object, so that green is for an answer of a hidden code or a chip (protocol § 8).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from registry.checking.verdicts import Binding, Code, History, Outcome, Registration, Step
from webapp.facts import moment
from webapp.languages import duration, gettext
from webapp.presenter.words import (
    ADDRESS,
    CHIP,
    DOUBT,
    HOTLINE,
    OUTCOMES,
    REASONS,
    STEPS,
    STOP,
    WITHDRAWN,
    WORDS,
    Goto,
    Headline,
    Words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.checking.verdicts import Check, Verdict

_BAD_BINDINGS: Mapping[Binding, Headline] = MappingProxyType({
    Binding.SECRET_USED: Headline.SECRET_USED,
    Binding.SECRET_WRONG: Headline.SECRET_WRONG,
    Binding.CHIP_REPLAY: Headline.CHIP_REPLAY,
    Binding.CHIP_WRONG: Headline.CHIP_WRONG,
})  # fmt: skip

_REGISTRATIONS: Mapping[Registration, Headline] = MappingProxyType({
    Registration.REGISTERED: Headline.REGISTERED,
    Registration.NUMBER_KNOWN: Headline.NUMBER_KNOWN,
    Registration.SIGNED_NOT_ANCHORED: Headline.NOT_YET_RELEASED,
    Registration.AWAITING_FINALITY: Headline.NOT_YET_RELEASED,
    Registration.NOT_REGISTERED: Headline.NOT_REGISTERED,
    Registration.ALTERED: Headline.ALTERED,
    Registration.FOREIGN_HOST: Headline.FOREIGN_HOST,
    Registration.WITHDRAWN: Headline.WITHDRAWN,
    Registration.ISSUER_SUSPENDED: Headline.UNDER_REVIEW,
    Registration.KEY_UNDER_REVIEW: Headline.UNDER_REVIEW,
    Registration.UNREADABLE: Headline.UNREADABLE,
    Registration.CANNOT_CHECK: Headline.CANNOT_CHECK,
})  # fmt: skip

_FINAL_WORD = frozenset({
    Registration.UNREADABLE, Registration.ALTERED, Registration.CANNOT_CHECK, Registration.WITHDRAWN,
    Registration.NOT_REGISTERED,
})  # fmt: skip
"""Registrations that neither history nor binding can outrank."""

_REVIEWED = frozenset({Registration.FOREIGN_HOST, Registration.ISSUER_SUSPENDED, Registration.KEY_UNDER_REVIEW})
"""Registrations that only a confirmed copy outranks."""

_HISTORIES: Mapping[History, Headline] = MappingProxyType({
    History.FIRST_CHECK: Headline.REGISTERED_FIRST_CHECK,
    History.PLAUSIBLE_REPEAT: Headline.REGISTERED_CHECKED_BEFORE,
    History.UNUSUAL: Headline.UNUSUAL_HISTORY,
    History.STRONGLY_UNUSUAL: Headline.UNUSUAL_HISTORY,
    History.CONFIRMED_COPY: Headline.CONFIRMED_COPY,
    History.OPENED: Headline.OPENED,
    History.NOT_APPLICABLE: Headline.REGISTERED,
})  # fmt: skip

_LOUD = frozenset({History.UNUSUAL, History.STRONGLY_UNUSUAL, History.OPENED})

STATUS: Mapping[Registration, int] = MappingProxyType({Registration.UNREADABLE: 400, Registration.CANNOT_CHECK: 503})
"""HTTP status of a verdict; 200 where it is not listed."""


def headline_of(verdict: Verdict, *, market_differs: bool = False) -> Headline:
    """Choose the one headline: what is worst of the three axes; the kind words only where nothing speaks against them."""
    differs = market_differs or (verdict.past is not None and verdict.past.other_market)
    return _headline(verdict.registration, verdict.history, verdict.binding, differs)


@lru_cache
def _headline(registration: Registration, history: History, binding: Binding, market_differs: bool) -> Headline:  # noqa: FBT001 -- a key
    return next(_headlines(registration, history, binding, market_differs=market_differs))


def _headlines(registration: Registration, history: History, binding: Binding, *, market_differs: bool) -> Iterator[Headline]:
    """Yield the headlines that apply, the one that counts first."""
    if registration in _FINAL_WORD:
        yield _REGISTRATIONS[registration]
    if history is History.CONFIRMED_COPY:
        yield Headline.CONFIRMED_COPY
    if registration in _REVIEWED:
        yield _REGISTRATIONS[registration]
    if binding in _BAD_BINDINGS:
        yield _BAD_BINDINGS[binding]
    if history in _LOUD:
        yield _HISTORIES[history]
    if registration is not Registration.REGISTERED:
        yield _REGISTRATIONS[registration]
    if binding in {Binding.SECRET_OK, Binding.CHIP_OK}:
        yield Headline.VERIFIED
    if market_differs:
        yield Headline.OTHER_MARKET
    if binding is Binding.EXAMINED:
        yield Headline.EXAMINED
    yield _HISTORIES[history]


def status_of(verdict: Verdict) -> int:
    """Return the HTTP status that a verdict is served with."""
    return STATUS.get(verdict.registration, 200)


def words_for(verdict: Verdict, *, market_differs: bool = False) -> Words:
    """Return a verdict's words in the reader's language."""
    headline = headline_of(verdict, market_differs=market_differs)
    words = WORDS[headline]
    said = replace(words, headline=gettext(words.headline), meaning=gettext(words.meaning), action=gettext(words.action))
    if headline is Headline.VERIFIED:
        title = gettext("Hidden code verified") if verdict.binding is Binding.SECRET_OK else gettext("Chip verified")
        return replace(said, headline=title)
    if headline is Headline.WITHDRAWN and verdict.withdrawal is not None and verdict.withdrawal.reason in WITHDRAWN:
        title, meaning = WITHDRAWN[verdict.withdrawal.reason]
        date = moment(verdict.withdrawal.time).words
        return replace(said, headline=gettext(title), meaning=gettext(meaning, date=date))
    return said


@dataclass(frozen=True, slots=True)
class Remark:
    """A reason as a plain sentence."""

    code: Code
    text: str
    warns: bool


_WARNINGS = frozenset({Code.HOST_NOT_OFFICIAL, Code.LOT_DIFFERS, Code.CHAIN_STALE, Code.REPAIRED_READING, Code.REPORTED_STOLEN})
_WITHDRAWALS = frozenset({Code.RECALLED, Code.STOLEN, Code.DESTROYED, Code.VOID, Code.COPIED})
_SAID_BY_HEADLINE: Mapping[Headline, frozenset[Code]] = MappingProxyType({
    Headline.WITHDRAWN: _WITHDRAWALS,
    Headline.NUMBER_KNOWN: frozenset({Code.TYPED}),
    Headline.NOT_REGISTERED: frozenset({Code.TYPED, Code.NO_RECORD}),
    Headline.FOREIGN_HOST: frozenset({Code.HOST_NOT_OFFICIAL}),
})  # fmt: skip


def remarks_for(verdict: Verdict) -> tuple[Remark, ...]:
    """Return the reasons that the headline has not said already, warnings first."""
    said = _SAID_BY_HEADLINE.get(headline_of(verdict), frozenset())
    remarks = [Remark(code, reason(code, verdict), code in _WARNINGS) for code in verdict.reasons if code not in said]
    return tuple(sorted(remarks, key=lambda remark: not remark.warns))


def reason(code: Code, verdict: Verdict) -> str:
    """Return a reason code as one plain sentence in the reader's language."""
    text = REASONS[code]
    if code is Code.CHAIN_STALE:
        return gettext(text, age=duration(verdict.seen.age_seconds if verdict.seen else 0))
    return gettext(text)


def steps_to_take(verdict: Verdict, *, hotline: bool) -> tuple[str, ...]:
    """Return what to do now, where the headline's action leads there."""
    headline = headline_of(verdict)
    if WORDS[headline].goto is not Goto.TODO:
        return ()
    lists = {Headline.UNUSUAL_HISTORY: DOUBT, Headline.FOREIGN_HOST: ADDRESS, Headline.CHIP_REPLAY: CHIP}
    steps = lists.get(headline, STOP)
    with_hotline = hotline and headline not in {Headline.FOREIGN_HOST, Headline.CHIP_REPLAY}
    return tuple(gettext(step) for step in (*steps, *([HOTLINE] if with_hotline else [])))


@dataclass(frozen=True, slots=True)
class StepLine:
    """One numbered check of "How we know"."""

    number: int
    name: str
    outcome: str
    symbol: str
    remarks: tuple[str, ...]
    details: tuple[str, ...]


_WORST = (Outcome.FAILED, Outcome.UNKNOWN, Outcome.NOTED, Outcome.PASSED, Outcome.NOT_ASKED)


def checks_for(verdict: Verdict) -> tuple[StepLine, ...]:
    """Return the ten checks in order, each with its outcome in words; several findings of one step become one line."""
    return tuple(_step_line(step, [check for check in verdict.checks if check.step is step], verdict) for step in Step)


def _step_line(step: Step, checks: list[Check], verdict: Verdict) -> StepLine:
    outcome = min((check.outcome for check in checks), key=_WORST.index, default=Outcome.NOT_ASKED)
    word, symbol = OUTCOMES[outcome]
    return StepLine(
        number=int(step),
        name=gettext(STEPS[step]),
        outcome=gettext(word),
        symbol=symbol,
        remarks=tuple(reason(check.code, verdict) for check in checks if check.code is not None),
        # Why nobody answered is about our own machines, and the log says it.
        details=tuple(check.detail for check in checks if check.detail and check.outcome is not Outcome.UNKNOWN),
    )

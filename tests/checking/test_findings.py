"""How findings are weighed."""

from __future__ import annotations

import itertools

import pytest

from registry.checking.findings import PRECEDENCE, REGISTRATION_STEPS, Findings
from registry.checking.trust import Seen
from registry.checking.verdicts import Code, Outcome, Registration, Step


def all_passed() -> Findings:
    """Return notes in which every step of the registration holds."""
    findings = Findings("a link", 1)
    for step in REGISTRATION_STEPS:
        findings.step = step
        findings.passed()
    return findings


def test_precedence_names_every_value_once() -> None:
    """A new registration value must be given its place."""
    assert sorted(PRECEDENCE) == sorted(Registration)


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(PRECEDENCE, 2)))
def test_the_graver_finding_is_the_verdict_in_whatever_order_they_are_made(first: Registration, second: Registration) -> None:
    """The order of the steps decides nothing."""
    for pair in ((first, second), (second, first)):
        findings = all_passed()
        for registration in pair:
            findings.find(registration, Outcome.FAILED, None)
        assert findings.verdict().registration is first


def test_no_finding_and_every_step_is_registered() -> None:
    """This is the only way there."""
    assert all_passed().verdict().registration is Registration.REGISTERED


@pytest.mark.parametrize("left_out", REGISTRATION_STEPS)
def test_a_step_that_was_not_made_prevents_registered(left_out: Step) -> None:
    """Forgetting a step in the program is not kindness to a label."""
    findings = all_passed()
    findings.checks = [check for check in findings.checks if check.step is not left_out]
    assert findings.verdict().registration is Registration.CANNOT_CHECK


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.UNKNOWN, Outcome.NOT_ASKED])
@pytest.mark.parametrize("step", REGISTRATION_STEPS)
def test_a_step_that_does_not_hold_prevents_registered(step: Step, outcome: Outcome) -> None:
    """Even where no finding was entered beside it."""
    findings = all_passed()
    findings.step = step
    findings.note(outcome)
    assert findings.verdict().registration is Registration.CANNOT_CHECK


def test_the_age_is_that_of_the_oldest_answer_and_of_a_silent_chain_before_any_other() -> None:
    """A reader of the verdict must know the worst of it."""
    findings = Findings("a link", 1)
    fresh, older, silent = (Seen(1, 1, age, stale=stale) for age, stale in ((1.0, False), (9.0, False), (2.0, True)))
    for seen, expected in ((None, None), (fresh, fresh), (older, older), (fresh, older), (silent, silent), (older, silent)):
        findings.saw(seen)
        assert findings.seen == expected
    assert findings.extra_reasons == [Code.CHAIN_STALE]


def test_reasons_are_in_the_order_of_the_steps_and_each_once() -> None:
    """However the steps were made."""
    findings = Findings("a link", 1)
    for step, code in ((Step.KEY, Code.SUSPENDED), (Step.LINK, Code.TYPED), (Step.KEY, Code.SUSPENDED)):
        findings.step = step
        findings.note(Outcome.NOTED, code)
    findings.remark(Code.CHAIN_STALE)
    assert findings.verdict().reasons == (Code.TYPED, Code.SUSPENDED, Code.CHAIN_STALE)

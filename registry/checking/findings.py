"""What the steps of one check found so far, and the one place that weighs it into a verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, NoReturn

from registry.checking.verdicts import Check, Code, Outcome, Registration, Step, UnitView, Verdict

if TYPE_CHECKING:
    from registry.checking.trust import Seen, Withdrawal
    from registry.checking.verdicts import AnchorView, BatchView, ManufacturerView, ProofView
    from registry.proofs.manifest import Product
    from registry.units.links import Link

PRECEDENCE = (
    Registration.UNREADABLE,
    Registration.ALTERED,
    Registration.CANNOT_CHECK,
    Registration.WITHDRAWN,
    Registration.KEY_UNDER_REVIEW,
    Registration.ISSUER_SUSPENDED,
    Registration.FOREIGN_HOST,
    Registration.AWAITING_FINALITY,
    Registration.SIGNED_NOT_ANCHORED,
    Registration.NUMBER_KNOWN,
    Registration.NOT_REGISTERED,
    Registration.REGISTERED,
)
"""Where several findings apply, the first of these is the verdict."""

OVERRULED_BY_A_FOREIGN_HOST = frozenset(
    {
        Registration.REGISTERED,
        Registration.NUMBER_KNOWN,
        Registration.AWAITING_FINALITY,
        Registration.SIGNED_NOT_ANCHORED,
    }
)
"""A look-alike label must not borrow a kind verdict; a warning keeps its own words and names the host as a further reason."""

REGISTRATION_STEPS = frozenset(step for step in Step if step <= Step.WITHDRAWAL)
"""`registered` needs every one of these."""
NOT_ASKED = {step: Check(step, Outcome.NOT_ASKED) for step in Step}
STEP_OF = attrgetter("step")
REMEMBERED = 1024


class Settled(Exception):
    """The verdict is settled and later steps would be pointless. Never leaves `registry.checking`."""


@dataclass(slots=True)
class Findings:
    """The notes of one check: written step by step, weighed once, then thrown away."""

    presented: str
    checked_at: int
    step: Step = Step.LINK
    """The step that is being made: an exception belongs to it."""
    checks: list[Check] = field(default_factory=list)
    found: list[Registration] = field(default_factory=list)
    """What speaks against a plain `registered`."""
    link: Link | None = None
    unit: UnitView | None = None
    manufacturer: ManufacturerView | None = None
    batch: BatchView | None = None
    anchor: AnchorView | None = None
    proof: ProofView | None = None
    withdrawal: Withdrawal | None = None
    seen: Seen | None = None
    extra_reasons: list[Code] = field(default_factory=list)

    def note(self, outcome: Outcome, code: Code | None = None, detail: str = "") -> None:
        """Write down how the current step, or a part of it, ended."""
        self.checks.append(Check(self.step, outcome, code, detail))

    def passed(self, detail: str = "") -> None:
        """Write down that the current step holds."""
        self.checks.append(_passed(self.step, detail))

    def find(self, registration: Registration, outcome: Outcome, code: Code | None, detail: str = "") -> None:
        """Write down something that speaks against a plain `registered`."""
        self.note(outcome, code, detail)
        self.found.append(registration)

    def settle(self, registration: Registration, outcome: Outcome, code: Code, detail: str = "") -> NoReturn:
        """Write down a finding after which later steps would be pointless.

        Raises `Settled` always.
        """
        self.find(registration, outcome, code, detail)
        raise Settled

    def remark(self, code: Code) -> None:
        """Add a reason that belongs to the check as a whole and changes nothing."""
        self.extra_reasons.append(code)

    def saw(self, seen: Seen | None) -> None:
        """Remember the oldest of the chain's answers that the verdict rests on: its age is the verdict's age."""
        if seen is None:
            return
        if self.seen is None or (seen.stale, seen.age_seconds) > (self.seen.stale, self.seen.age_seconds):
            self.seen = seen
        if seen.stale and Code.CHAIN_STALE not in self.extra_reasons:
            self.remark(Code.CHAIN_STALE)

    def describe(self, *, lot: str, product: Product) -> None:
        """Add to the unit what its anchored manifest says of it."""
        if self.unit is not None:
            self.unit = UnitView(self.unit.gtin, self.unit.serial, lot, product)

    def verdict(self) -> Verdict:
        """Weigh the findings, and return the verdict with the steps that were not made named as such."""
        checks, every_step_holds, host_is_foreign = _seen_together(tuple(self.checks))
        registration = min(self.found, key=PRECEDENCE.index) if self.found else Registration.REGISTERED
        if registration is Registration.REGISTERED and not every_step_holds:
            # No finding alone is not enough: every step of the registration must have been made and must hold.
            registration = Registration.CANNOT_CHECK
        if host_is_foreign and registration in OVERRULED_BY_A_FOREIGN_HOST:
            registration = Registration.FOREIGN_HOST
        return Verdict(
            registration=registration,
            checks=checks,
            checked_at=self.checked_at,
            presented=self.presented,
            link=self.link,
            unit=self.unit,
            manufacturer=self.manufacturer,
            batch=self.batch,
            anchor=self.anchor,
            proof=self.proof,
            withdrawal=self.withdrawal,
            seen=self.seen,
            extra_reasons=tuple(self.extra_reasons),
        )


@lru_cache(REMEMBERED)
def _seen_together(made: tuple[Check, ...]) -> tuple[tuple[Check, ...], bool, bool]:
    """Return the checks of all steps in their order, whether every step holds, and whether the link's host is a foreign one.

    Nearly all checks end in the same few ways, so that what follows from them is kept.
    """
    steps = {check.step for check in made}
    missing = [check for step, check in NOT_ASKED.items() if step not in steps]
    host_is_foreign = any(check.code is Code.HOST_NOT_OFFICIAL for check in made)
    return tuple(sorted([*made, *missing], key=STEP_OF)), _every_step_holds(made), host_is_foreign


def _every_step_holds(made: tuple[Check, ...]) -> bool:
    good = set()
    for check in made:
        if check.code is Code.HOST_NOT_OFFICIAL:
            continue  # a foreign host has its own verdict, and the link can be read all the same
        if check.outcome is Outcome.PASSED or check.outcome is Outcome.NOTED:
            good.add(check.step)
        elif check.step in REGISTRATION_STEPS:
            return False
    return good >= REGISTRATION_STEPS


@lru_cache(REMEMBERED)
def _passed(step: Step, detail: str) -> Check:
    return Check(step, Outcome.PASSED, None, detail)

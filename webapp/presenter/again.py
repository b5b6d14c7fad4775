"""The words of "Check it again on this phone": each step of a proof, how it went and why. The browser's module brings none."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from registry.checking.repeating import ProofStep
from registry.checking.verdicts import Code
from webapp.languages import gettext
from webapp.presenter.words import OUTCOMES, REASONS, mark

if TYPE_CHECKING:
    from collections.abc import Mapping

STEPS: Mapping[ProofStep, str] = MappingProxyType({
    ProofStep.DOCUMENT: mark("The proof is complete, and in its form"),
    ProofStep.SIGNATURE: mark("The signature belongs to this product number, lot and serial number"),
    ProofStep.LEAF: mark("They give the entry in the batch's tree"),
    ProofStep.PATH: mark("The entry leads to the tree's root"),
    ProofStep.SEAL: mark("Root, number of units and the batch's description give its seal"),
    ProofStep.CONTRACT: mark("The endpoint answers for this registry's contract"),
    ProofStep.SIGNER: mark("The signature is by a manufacturer's key"),
    ProofStep.ANCHOR: mark("That manufacturer's seal is anchored on the chain"),
    ProofStep.KEY: mark("The key was valid, and the manufacturer accredited, at that time"),
    ProofStep.GTIN: mark("The manufacturer was accredited for this product number (GTIN)"),
    ProofStep.WITHDRAWAL: mark("Neither the product nor its batch was withdrawn"),
})  # fmt: skip

OF_CHAIN = (
    Code.SIGNER_UNKNOWN, Code.NOT_ANCHORED, Code.NOT_FINAL, Code.CHAIN_UNAVAILABLE, Code.KEY_NOT_VALID, Code.KEY_COMPROMISED,
    Code.ENDORSED, Code.SUSPENDED, Code.GTIN_NOT_CLAIMED, Code.RECALLED, Code.STOLEN, Code.DESTROYED, Code.VOID, Code.COPIED,
    Code.WITHDRAWAL_UNDER_REVIEW,
)  # fmt: skip
"""Reasons that the site and the browser give alike."""
CODES: Mapping[str, str] = MappingProxyType({
    **{code.value: REASONS[code] for code in OF_CHAIN},
    "other_contract": mark("The proof is about another contract than the one that you named."),
    "other_chain": mark("The endpoint answers for another chain than the one that the proof is about."),
    "other_registry": mark("The contract belongs to another registry."),
    Code.PROFILE_MISSING.value: mark("The manufacturer's profile in the proof is not the one that counted at that time."),
})  # fmt: skip

SUMMARIES: Mapping[str, str] = MappingProxyType({
    "working": mark("Repeating the proof…"),
    "holds": mark("Every step holds. This is about the code, never about the product in your hand."),
    "offline": mark("Every step that needs no network holds. The chain was not asked."),
    "broken": mark("One step does not hold. It is marked below, and the reason with it."),
    "unknown": mark("A step could not be asked. This says nothing about the product."),
    "nothing": mark("There is no proof to repeat. Open the code's page first, or choose a proof file."),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class AgainWords:
    """Everything that the module may show, in the reader's language, by its stable code."""

    steps: Mapping[str, str]
    outcomes: Mapping[str, tuple[str, str]]
    """Word and small symbol."""
    codes: Mapping[str, str]
    summaries: Mapping[str, str]


def words() -> AgainWords:
    """Return the page's words in the reader's language."""
    return AgainWords(
        steps={step.value: gettext(text) for step, text in STEPS.items()},
        outcomes={outcome.value: (gettext(word), symbol) for outcome, (word, symbol) in OUTCOMES.items()},
        codes={code: gettext(text) for code, text in CODES.items()},
        summaries={name: gettext(text) for name, text in SUMMARIES.items()},
    )

"""Every word about a verdict, in English; the other languages are in `translations/`.

Plain words for a person in a shop: what the code shows, what it does not, one safe thing to do. No page calls a product
genuine, and nothing above the fold needs a dictionary.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from registry.checking.trust import Reason
from registry.checking.verdicts import Code, Outcome, Step

if TYPE_CHECKING:
    from collections.abc import Mapping


class Tone(enum.StrEnum):
    """How loud a headline is. The stylesheet has a colour for each; the symbol and the words say the same without it."""

    NEUTRAL = "neutral"
    AMBER = "amber"
    RED = "red"
    GREY = "grey"
    GREEN = "green"


class Headline(enum.StrEnum):
    """The stable ids of the headlines; the JSON API carries them."""

    REGISTERED = "registered"
    REGISTERED_FIRST_CHECK = "registered_first_check"
    REGISTERED_CHECKED_BEFORE = "registered_checked_before"
    UNUSUAL_HISTORY = "unusual_history"
    CONFIRMED_COPY = "confirmed_copy"
    NOT_REGISTERED = "not_registered"
    ALTERED = "altered"
    WITHDRAWN = "withdrawn"
    OPENED = "opened"
    SECRET_USED = "secret_used"  # noqa: S105 -- a finding about a hidden code
    SECRET_WRONG = "secret_wrong"  # noqa: S105 -- a finding about a hidden code
    CHIP_REPLAY = "chip_replay"
    CHIP_WRONG = "chip_wrong"
    VERIFIED = "verified"
    EXAMINED = "examined"
    OTHER_MARKET = "othermarket"
    NOT_YET_RELEASED = "not_yet_released"
    UNDER_REVIEW = "under_review"
    CANNOT_CHECK = "cannot_check"
    NUMBER_KNOWN = "number_known"
    FOREIGN_HOST = "foreign_host"
    UNREADABLE = "unreadable"


class Goto(enum.StrEnum):
    """Where the one big action leads."""

    HOLDING = "holding"
    """To what the reader should be holding, on the same page."""
    TODO = "todo"
    """To the steps to take, on the same page."""
    AGAIN = "again"
    """The same check once more."""
    HOME = "home"
    """Another way to check."""
    PHOTO = "photo"
    """The label's code itself."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a headline says, in English or (from `words_for`) in the reader's language."""

    tone: Tone
    symbol: str
    """Name of an icon in `templates/icons.html`; each tone has shapes of its own."""
    headline: str
    meaning: str
    action: str
    goto: Goto


def mark(text: str) -> str:
    """Mark a text for translation where no language is chosen yet."""
    return text


COMPARE = mark("Compare the details")
TODO = mark("What to do now")
LATER = mark("Check again")

WORDS: Mapping[Headline, Words] = MappingProxyType({
    Headline.REGISTERED: Words(
        Tone.NEUTRAL, "document",
        mark("This code is registered"),
        mark("Codes can be copied, so a scan alone proves nothing about the product itself. "
              "Compare what you hold with the details below."),
        COMPARE, Goto.HOLDING),
    Headline.REGISTERED_FIRST_CHECK: Words(
        Tone.NEUTRAL, "document",
        mark("This code is registered and has not been checked before"),
        mark("Codes can be copied: compare the product, its size and its seal with the details below."),
        COMPARE, Goto.HOLDING),
    Headline.REGISTERED_CHECKED_BEFORE: Words(
        Tone.NEUTRAL, "document",
        mark("This code is registered and has been checked before"),
        mark("Was that you? If not, the code may have been copied: compare what you hold with the details below."),
        COMPARE, Goto.HOLDING),
    Headline.UNUSUAL_HISTORY: Words(
        Tone.AMBER, "warning",
        mark("Unusual checking pattern: this code may have been copied"),
        mark("Do not rely on the scan alone."),
        TODO, Goto.TODO),
    Headline.CONFIRMED_COPY: Words(
        Tone.RED, "stop",
        mark("This code has been copied"),
        mark("A person has confirmed it. Stop using the product; keep it and the receipt."),
        TODO, Goto.TODO),
    Headline.NOT_REGISTERED: Words(
        Tone.AMBER, "question",
        mark("This code is not in this registry"),
        mark("Check each character. Products made before their manufacturer joined may carry no registered code."),
        mark("Enter the code again"), Goto.HOME),
    Headline.ALTERED: Words(
        Tone.RED, "stop",
        mark("This code was changed, or was not issued by the manufacturer it names"),
        mark("Do not rely on it."),
        TODO, Goto.TODO),
    Headline.WITHDRAWN: Words(
        Tone.RED, "stop",
        mark("Withdrawn: do not use"),
        mark("The manufacturer has withdrawn this product."),
        TODO, Goto.TODO),
    Headline.OPENED: Words(
        Tone.RED, "stop",
        mark("This product was marked as opened"),
        mark("If you bought it sealed, stop: do not use it, and keep it and the receipt."),
        TODO, Goto.TODO),
    Headline.SECRET_USED: Words(
        Tone.RED, "stop",
        mark("The hidden code was used before"),
        mark("If it was still covered when you bought the product, stop: do not use it, and keep it and the receipt."),
        TODO, Goto.TODO),
    Headline.SECRET_WRONG: Words(
        Tone.AMBER, "warning",
        mark("The hidden code does not match"),
        mark("Check each character and try again. If it still does not match, do not rely on this product's code."),
        mark("Try again"), Goto.AGAIN),
    Headline.CHIP_REPLAY: Words(
        Tone.AMBER, "warning",
        mark("This answer of the chip was used before"),
        mark("Hold your phone to the chip again: a saved or forwarded link checks nothing."),
        TODO, Goto.TODO),
    Headline.CHIP_WRONG: Words(
        Tone.RED, "stop",
        mark("The chip did not answer as it should"),
        mark("The answer is not from the chip that the manufacturer registered. Do not rely on it."),
        TODO, Goto.TODO),
    Headline.VERIFIED: Words(
        Tone.GREEN, "tick",
        mark("Hidden code or chip verified"),
        mark("It answered as registered, and nothing unusual is known. Check that the seal is intact."),
        COMPARE, Goto.HOLDING),
    Headline.EXAMINED: Words(
        Tone.NEUTRAL, "document",
        mark("This code is registered, and a person examined a product that carries it"),
        mark("Codes can be copied: compare what you hold with the details below."),
        COMPARE, Goto.HOLDING),
    Headline.OTHER_MARKET: Words(
        Tone.NEUTRAL, "document",
        mark("This code is registered for sale in another market"),
        mark("The warranty may differ. This does not mean that the product is fake."),
        COMPARE, Goto.HOLDING),
    Headline.NOT_YET_RELEASED: Words(
        Tone.AMBER, "hourglass",
        mark("Signed by the manufacturer, but its registration is not complete"),
        mark("This is usual just after production. Check again later; until then, do not rely on the code."),
        LATER, Goto.AGAIN),
    Headline.UNDER_REVIEW: Words(
        Tone.AMBER, "hourglass",
        mark("The manufacturer's registration is under review"),
        mark("This does not by itself mean that the product is fake. Until the review is over, do not rely on the code."),
        LATER, Goto.AGAIN),
    Headline.CANNOT_CHECK: Words(
        Tone.GREY, "offline",
        mark("We could not check"),
        mark("This says nothing about the product. Please try again in a moment."),
        mark("Try again"), Goto.AGAIN),
    Headline.NUMBER_KNOWN: Words(
        Tone.NEUTRAL, "document",
        mark("This number is registered"),
        mark("The label itself was not checked. Scan its code to check that too."),
        mark("Check the label's code"), Goto.PHOTO),
    Headline.FOREIGN_HOST: Words(
        Tone.AMBER, "warning",
        mark("This label points to an address that is not this registry's"),
        mark("Do not enter anything there."),
        TODO, Goto.TODO),
    Headline.UNREADABLE: Words(
        Tone.GREY, "question",
        mark("This is not one of our labels"),
        mark("It holds no product number of this registry, so nothing was looked up."),
        mark("Check another way"), Goto.HOME),
})  # fmt: skip

WITHDRAWN: Mapping[Reason, tuple[str, str]] = MappingProxyType({
    Reason.RECALLED: (
        mark("Recalled: do not use"),
        mark("The manufacturer recalled this product on %(date)s.")),
    Reason.STOLEN: (
        mark("Reported stolen: do not use"),
        mark("The manufacturer reported this product, or its label, as stolen on %(date)s.")),
    Reason.DESTROYED: (
        mark("Recorded as destroyed: do not use"),
        mark("According to the manufacturer, this product was destroyed on %(date)s: another one may be carrying its code.")),
    Reason.VOID: (
        mark("Code cancelled: do not use"),
        mark("The manufacturer cancelled this code on %(date)s: no product should carry it.")),
    Reason.COPIED: (
        mark("Withdrawn as copied: do not use"),
        mark("The manufacturer withdrew this code on %(date)s because it was found on copies.")),
})  # fmt: skip
"""Headline and meaning of a withdrawal, by its reason."""

REASONS: Mapping[Code, str] = MappingProxyType({
    Code.NOT_A_LINK: mark("What was read is not a link."),
    Code.NOT_A_UNIT_LINK: mark("The link does not name a single product by its product number and serial number."),
    Code.HOST_NOT_OFFICIAL: mark("The label points to an address that is not this registry's. Do not enter anything there."),
    Code.SIGNATURE_ABSENT: mark("The link lacks the signature that this product's labels carry."),
    Code.TYPED: mark("The number was typed: the label was not read."),
    Code.REPAIRED_READING: mark("What was typed was read with a small correction. Compare each character."),
    Code.NO_RECORD: mark("We hold no record of this number."),
    Code.STORE_UNAVAILABLE: mark("Our records could not be asked."),
    Code.STORE_DAMAGED: mark("Our own record of this product is damaged. We have been alerted."),
    Code.LOT_DIFFERS: mark("The lot in the link is not the lot that this number was registered with."),
    Code.SIGNATURE_MALFORMED: mark("The signature in the link is damaged or was tampered with."),
    Code.SIGNER_UNKNOWN: mark("The signature in the link is of no manufacturer in this registry, or not for this number."),
    Code.NOT_ANCHORED: mark("The batch of this product has not been recorded on the public chain."),
    Code.NOT_FINAL: mark("The batch was recorded a short while ago. The record becomes final within minutes."),
    Code.CHAIN_UNAVAILABLE: mark("The public record could not be asked."),
    Code.CHAIN_STALE: mark("The public record cannot be reached just now. This is what it said %(age)s ago."),
    Code.KEY_NOT_VALID: mark("The manufacturer's key was not valid when it was used."),
    Code.KEY_COMPROMISED: mark("The manufacturer's key may have been in other hands when it was used."),
    Code.ENDORSED: mark("The key was reported as compromised; the manufacturer has vouched for this batch since."),
    Code.SUSPENDED: mark("The alliance has suspended the manufacturer for now."),
    Code.GTIN_NOT_CLAIMED: mark("The signature is of a manufacturer that is not accredited for this product number."),
    Code.PROFILE_MISSING: mark("Our copy of the manufacturer's details is missing or damaged."),
    Code.RECALLED: mark("Recalled by the manufacturer."),
    Code.STOLEN: mark("Reported stolen by the manufacturer."),
    Code.DESTROYED: mark("Recorded as destroyed by the manufacturer."),
    Code.VOID: mark("Cancelled by the manufacturer."),
    Code.COPIED: mark("Withdrawn by the manufacturer as copied."),
    Code.REPORTED_STOLEN: mark("An inspector found that this product was stolen. Do not buy it; keep your proof of purchase."),
    Code.WITHDRAWAL_UNDER_REVIEW: mark("It was withdrawn with a key that may have been in other hands: this is under review."),
    Code.BATCH_SUPERSEDED: mark("This batch replaces an earlier one that was withdrawn."),
    Code.UNEXPECTED: mark("Something went wrong on our side. We have been alerted."),
})  # fmt: skip

STEPS: Mapping[Step, str] = MappingProxyType({
    Step.LINK: mark("The link can be read, and its address is this registry's"),
    Step.RECORD: mark("We hold a record of this number, and it agrees with the label"),
    Step.SIGNATURE: mark("The label's content is signed with a manufacturer's key"),
    Step.PROOF: mark("The record is part of a sealed batch (Merkle proof, manifest, salt)"),
    Step.ANCHOR: mark("The batch's seal is anchored on the chain"),
    Step.KEY: mark("The key was valid, and the manufacturer accredited, at that time"),
    Step.GTIN: mark("The manufacturer was accredited for this product number (GTIN)"),
    Step.WITHDRAWAL: mark("Neither the product nor its batch was withdrawn"),
    Step.HISTORY: mark("Earlier checks of this code look plausible (advice, never proof)"),
    Step.BINDING: mark("A hidden code or chip answered"),
})  # fmt: skip

OUTCOMES: Mapping[Outcome, tuple[str, str]] = MappingProxyType({
    Outcome.PASSED: (mark("holds"), "dot"),
    Outcome.NOTED: (mark("holds, with a note"), "dot"),
    Outcome.FAILED: (mark("does not hold"), "cross"),
    Outcome.UNKNOWN: (mark("could not ask"), "unknown"),
    Outcome.NOT_ASKED: (mark("not asked"), "dash"),
})  # fmt: skip
"""Word and small symbol of each outcome, mildest first."""

STOP = (
    mark("Do not use, sell or pass on the product."),
    mark("Keep it, its packaging and the receipt."),
    mark("Tell the seller and the manufacturer. Use contact details that you know, not those on the label."),
)
DOUBT = (
    mark("Compare the product with the details on this page, point by point."),
    mark("If anything differs, do not use it; keep it and the receipt."),
    mark("Ask the manufacturer. Use contact details that you know, not those on the label."),
)
ADDRESS = (
    mark("Enter no password, phone number or payment at the label's address."),
    mark("Look whether a sticker covers another code."),
    mark("Type the number that is printed beside the code into this page instead."),
)
CHIP = (
    mark("Hold your phone to the chip again, and open the link that appears."),
    mark("Do not use links that somebody sent you: only the chip in your hand counts."),
)
HOTLINE = mark("In mainland China you can call the consumer hotline 12315.")

"""The verdict: three axes, one headline, and the ordered list of checks that led to it (protocol § 8).

Codes in here are stable: they are the JSON API. Words for people live in `webapp.presenter` and nowhere else.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.checking.trust import Deployment, Seen, Withdrawal
    from registry.proofs.manifest import Product
    from registry.proofs.profile import Profile
    from registry.units.links import Link


class Registration(enum.StrEnum):
    """What can be said of the code and its registration."""

    REGISTERED = "registered"
    NUMBER_KNOWN = "number_known"
    SIGNED_NOT_ANCHORED = "signed_not_anchored"
    AWAITING_FINALITY = "awaiting_finality"
    NOT_REGISTERED = "not_registered"
    ALTERED = "altered"
    FOREIGN_HOST = "foreign_host"
    WITHDRAWN = "withdrawn"
    ISSUER_SUSPENDED = "issuer_suspended"
    KEY_UNDER_REVIEW = "key_under_review"
    UNREADABLE = "unreadable"
    CANNOT_CHECK = "cannot_check"


class History(enum.StrEnum):
    """What the scans of this code look like: advice, never proof."""

    FIRST_CHECK = "first_check"
    PLAUSIBLE_REPEAT = "plausible_repeat"
    UNUSUAL = "unusual"
    STRONGLY_UNUSUAL = "strongly_unusual"
    CONFIRMED_COPY = "confirmed_copy"
    OPENED = "opened"
    NOT_APPLICABLE = "not_applicable"


class Binding(enum.StrEnum):
    """What ties the code to the object: nothing, for a printed code alone."""

    NONE = "none"
    SECRET_OK = "secret_ok"
    SECRET_USED = "secret_used"
    SECRET_WRONG = "secret_wrong"
    CHIP_OK = "chip_ok"
    CHIP_REPLAY = "chip_replay"
    CHIP_WRONG = "chip_wrong"
    EXAMINED = "examined"


class Code(enum.StrEnum):
    """Why: the reason codes of checks and verdicts."""

    # (1) the link
    NOT_A_LINK = "not_a_link"
    NOT_A_UNIT_LINK = "not_a_unit_link"
    HOST_NOT_OFFICIAL = "host_not_official"
    SIGNATURE_ABSENT = "signature_absent"
    TYPED = "typed"
    REPAIRED_READING = "repaired_reading"
    # (2) our records
    NO_RECORD = "no_record"
    STORE_UNAVAILABLE = "store_unavailable"
    STORE_DAMAGED = "store_damaged"
    LOT_DIFFERS = "lot_differs"
    # (3) the signature on the link
    SIGNATURE_MALFORMED = "signature_malformed"
    SIGNER_UNKNOWN = "signer_unknown"
    # (5) the anchor
    NOT_ANCHORED = "not_anchored"
    NOT_FINAL = "not_final"
    CHAIN_UNAVAILABLE = "chain_unavailable"
    CHAIN_STALE = "chain_stale"
    # (6) key and issuer
    KEY_NOT_VALID = "key_not_valid"
    KEY_COMPROMISED = "key_compromised"
    ENDORSED = "endorsed"
    SUSPENDED = "suspended"
    # (7) the GTIN
    GTIN_NOT_CLAIMED = "gtin_not_claimed"
    PROFILE_MISSING = "profile_missing"
    # (8) withdrawn
    RECALLED = "recalled"
    STOLEN = "stolen"
    DESTROYED = "destroyed"
    VOID = "void"
    COPIED = "copied"
    WITHDRAWAL_UNDER_REVIEW = "withdrawal_under_review"
    BATCH_SUPERSEDED = "batch_superseded"
    # (9) what an inspector said of it
    REPORTED_STOLEN = "reported_stolen"
    # any step
    UNEXPECTED = "unexpected"


class Outcome(enum.StrEnum):
    """How one check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOTED = "noted"
    """It holds, and there is something to say about it."""
    NOT_ASKED = "not_asked"
    """An earlier check made it pointless, or the label carries nothing to check."""
    UNKNOWN = "unknown"
    """Could not ask."""


class Step(enum.IntEnum):
    """The verifier's numbered steps (protocol § 7)."""

    LINK = 1
    RECORD = 2
    SIGNATURE = 3
    PROOF = 4
    ANCHOR = 5
    KEY = 6
    GTIN = 7
    WITHDRAWAL = 8
    HISTORY = 9
    BINDING = 10


@dataclass(frozen=True, slots=True)
class Check:
    """One step with its outcome and reason."""

    step: Step
    outcome: Outcome
    code: Code | None = None
    detail: str = ""
    """For an engineer: what was found. Never shown above the fold, never a secret."""

    def __hash__(self) -> int:
        """Hash what differs most between the checks of a verdict, by as little work as there can be."""
        return self.step << 8 | len(self.detail)


@dataclass(frozen=True, slots=True)
class UnitView:
    """The unit that the link names, and what its anchored manifest says of it (nothing until the seal was proved)."""

    gtin: str
    serial: str
    lot: str | None
    product: Product | None = None
    """The manifest's entry for GTIN and lot."""


@dataclass(frozen=True, slots=True)
class ManufacturerView:
    """Who registered the batch; names come from a profile that matches its hash on the chain."""

    number: int
    profile: Profile
    accredited_at: int
    suspended_at: int


@dataclass(frozen=True, slots=True)
class BatchView:
    """The batch that holds the unit."""

    seal: bytes
    root: bytes
    unit_count: int
    manifest_hash: bytes
    attestations: int


@dataclass(frozen=True, slots=True)
class AnchorView:
    """Where and when the seal was anchored."""

    deployment: Deployment
    key: str
    time: int
    block: int
    transaction: str | None


@dataclass(frozen=True, slots=True)
class ProofView:
    """All that is needed to repeat the proof. Given only to a caller who presented the label's content."""

    index: int
    unit_key: bytes
    digest: bytes
    attributes_hash: bytes
    leaf: bytes
    path: tuple[bytes, ...]
    signature: bytes
    signer: str
    salt: bytes
    manifest: bytes


@dataclass(frozen=True, slots=True)
class HistoryView:
    """What is told of a unit's checks to whoever presented its label: coarse facts, and none of the rules."""

    checks_before: int
    first_day: int | None
    """Days since 1970, UTC."""
    first_region: str
    opened_day: int | None = None
    other_market: bool = False
    """Whoever looks seems to be where the product is not meant to be sold: harmless, and no sign of copies."""
    ticket: str = ""
    """With it, whoever presented the label may say something of the unit; empty if not."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check of one code found."""

    registration: Registration
    checks: tuple[Check, ...]
    checked_at: int
    """Unix seconds."""
    presented: str
    """What was presented, as given."""
    link: Link | None = None
    unit: UnitView | None = None
    manufacturer: ManufacturerView | None = None
    batch: BatchView | None = None
    anchor: AnchorView | None = None
    proof: ProofView | None = None
    withdrawal: Withdrawal | None = None
    seen: Seen | None = None
    history: History = History.NOT_APPLICABLE
    past: HistoryView | None = None
    binding: Binding = Binding.NONE
    extra_reasons: tuple[Code, ...] = ()

    @property
    def reasons(self) -> tuple[Code, ...]:
        """Every reason code, in the order of the checks, each once."""
        codes = [check.code for check in self.checks if check.code is not None]
        return tuple(dict.fromkeys([*codes, *self.extra_reasons]))

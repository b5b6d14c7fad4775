"""Checks a code and says what it found. The only place where a verdict is made.

What the label says is evidence, what the chain says is a fact, what our own store says is a claim. The low-level checks
(`registry.units.links`, `registry.proofs`, `registry.checking.steps`) return what they proved or raise; `Verifier.check` alone
decides what follows from it. "Could not ask" is never a finding about a product.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from registry.checking import steps, views
from registry.checking.deployments import Deployments
from registry.checking.findings import Findings, Settled
from registry.checking.verdicts import Code, Outcome, Registration, Step, UnitView
from registry.errors import (
    ChainError,
    IdentityError,
    LinkError,
    SignatureError,
    StoreDamaged,
    StoreUnavailable,
    TouchstoneError,
    WrongChain,
)
from registry.proofs import signing
from registry.units import links
from registry.units.records import Record, UnitId

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from registry.checking.claims import ClaimedUnit, Records
    from registry.checking.deployments import AnchorFound, SealFacts
    from registry.checking.steps import SealedUnit, SignedRecord
    from registry.checking.trust import ChainFacts, KeyFacts, Trust, Withdrawal
    from registry.checking.verdicts import Verdict
    from registry.units.links import Link

_log = logging.getLogger(__name__)


class Verifier:
    """Checks links and typed numbers against the chain.

    `trust` is the operator's settings, `chains` answers for every deployment that they name, `records` is our own store.
    `clock` gives Unix seconds.

    Raises `WrongChain` unless every trusted deployment has exactly one chain that answers for it.
    """

    # In order to give a verdict on a link, we need to achieve the following (protocol § 7):
    #
    # (1) Read the link strictly, and see whether its host is one of the official domains.
    # (2) Find in our store what the link lacks: place in the tree, proof, manifest, salt. All of it is untrusted.
    # (3) Recover the signer of the link's own signature over the link's own GTIN, lot and serial; ask the chain whose key
    #     that is. Refuse any difference between the link and the stored record.
    # (4) Follow the record by leaf, proof, root, manifest and salt to its seal.
    # (5) Find the seal's anchor: in which deployment, by which key, when, and whether it is final.
    # (6) See that both keys were valid and in their owner's hands at that time, and the manufacturer accredited.
    # (7) See that the GTIN is claimed by the profile that was in force then.
    # (8) See that neither the batch nor the unit is withdrawn, in any deployment.
    # (9) The history of scans is advice and is added by whoever keeps it.
    # (10) A hidden code or chip is another question, asked by whoever was given its answer.
    #
    # Steps (3) and the first half of (7) come before (2), because they need nothing that our store could have changed:
    # `altered` follows only from what was presented and what the chain says.

    def __init__(
        self,
        trust: Trust,
        chains: Sequence[ChainFacts],
        records: Records,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._registry_id = trust.registry_id
        self._deployments = Deployments(trust, chains)
        self._records = records
        self._clock = clock

    def check(self, raw_link: str, *, trusted_host: str | None = None) -> Verdict:
        """Check a scanned or pasted link.

        `trusted_host` is an authority (`host` or `host:port`) that the operator's own settings name besides the official
        domains; never take it from a request. Raises nothing: whatever goes wrong is a verdict too.
        """
        findings = Findings(raw_link, int(self._clock()))
        return self._conclude(findings, lambda: self._check_link(findings, raw_link, trusted_host))

    def check_number(self, unit: UnitId, *, presented: str | None = None, repaired: bool = False) -> Verdict:
        """Check a typed number: it can be known, but the label itself was not seen.

        `presented` is what the person typed, `repaired` says that it was not typed exactly so. Raises nothing.
        """
        findings = Findings(unit.serial if presented is None else presented, int(self._clock()))
        return self._conclude(findings, lambda: self._check_number(findings, unit, repaired=repaired))

    def no_number(self, presented: str, error: TouchstoneError | None = None) -> Verdict:
        """Give the verdict on a typed text that led to no number: because of `error`, or because none is registered."""
        findings = Findings(presented, int(self._clock()))
        return self._conclude(findings, lambda: self._find_no_number(findings, error))

    def _conclude(self, findings: Findings, examine: Callable[[], None]) -> Verdict:
        """Make the steps, and turn whatever they raise into a verdict."""
        try:
            examine()
        except Settled:
            pass
        except LinkError as error:
            code = Code.NOT_A_UNIT_LINK if error.reason == Code.NOT_A_UNIT_LINK else Code.NOT_A_LINK
            findings.find(Registration.UNREADABLE, Outcome.FAILED, code, error.message)
        except ChainError as error:
            if isinstance(error, WrongChain):
                _log.critical("an endpoint answers for another chain, found at step %d: %s", findings.step, error)
            findings.find(Registration.CANNOT_CHECK, Outcome.UNKNOWN, Code.CHAIN_UNAVAILABLE, error.message)
        except StoreUnavailable as error:
            findings.find(Registration.CANNOT_CHECK, Outcome.UNKNOWN, Code.STORE_UNAVAILABLE, error.message)
        except StoreDamaged as error:
            _log.critical("our own store is damaged, found at step %d: %s", findings.step, error)
            findings.find(Registration.CANNOT_CHECK, Outcome.UNKNOWN, Code.STORE_DAMAGED, error.message)
        except Exception as error:  # noqa: BLE001 - a fault of ours must become neither an accusation nor a blank page
            _log.exception("step %d failed unexpectedly", findings.step)
            findings.find(Registration.CANNOT_CHECK, Outcome.UNKNOWN, Code.UNEXPECTED, type(error).__name__)
        return findings.verdict()

    # ---------------------------------------------------------------------------------------- what was presented

    def _check_link(self, findings: Findings, raw_link: str, trusted_host: str | None) -> None:
        # (1) Read the link strictly: for a text that is not one of our links, nothing is looked up.
        link = links.parse(raw_link)
        findings.passed()
        findings.link = link
        findings.unit = UnitView(link.gtin, link.serial, link.lot)
        self._check_host(findings, link, trusted_host)

        if link.signature is None:
            self._check_unsigned(findings, UnitId(link.gtin, link.serial), lot=link.lot)
        else:
            self._check_signed(findings, link, link.signature)

    def _check_number(self, findings: Findings, unit: UnitId, *, repaired: bool) -> None:
        # (1) A typed number has no host and no signature.
        findings.unit = UnitView(unit.gtin, unit.serial, None)
        findings.note(Outcome.NOTED, Code.TYPED)
        if repaired:
            findings.note(Outcome.NOTED, Code.REPAIRED_READING)
        self._check_unsigned(findings, unit, lot=None, typed=True)

    def _find_no_number(self, findings: Findings, error: TouchstoneError | None) -> None:
        # (1), (2) What was typed is not a number, or could not be looked up, or is not there.
        findings.note(Outcome.NOTED, Code.TYPED)
        if isinstance(error, IdentityError):
            findings.settle(Registration.UNREADABLE, Outcome.FAILED, Code.NOT_A_LINK, error.message)
        findings.step = Step.RECORD
        if error is not None:
            raise error
        findings.settle(Registration.NOT_REGISTERED, Outcome.FAILED, Code.NO_RECORD)

    def _check_host(self, findings: Findings, link: Link, trusted_host: str | None) -> None:
        # (1) A foreign host limits how kind the verdict may be; the other steps are made all the same.
        if trusted_host is not None and link.host == trusted_host.lower():
            return
        try:
            official = self._deployments.domains()
        except ChainError as error:
            findings.find(Registration.CANNOT_CHECK, Outcome.UNKNOWN, Code.CHAIN_UNAVAILABLE, error.message)
            return
        if link.host not in official:
            findings.note(Outcome.FAILED, Code.HOST_NOT_OFFICIAL, link.host)

    def _check_signed(self, findings: Findings, link: Link, text: str) -> None:
        # (3) and (7) What the label vouches for by itself, before our own store is asked anything.
        signed, key = self._check_signature(findings, link, text)
        findings.step = Step.GTIN
        self._check_claimed_ever(findings, link.gtin, key.manufacturer, label_is_signed=True)

        sealed = self._find_signed(findings, link, signed, key)
        if sealed is None:
            self._check_standing(findings, key)
            return
        self._check_sealed(findings, sealed, key, label_is_signed=True, proof_is_due=True)

    def _find_signed(self, findings: Findings, link: Link, signed: SignedRecord, key: KeyFacts) -> SealedUnit | None:
        # (2) The stored record must be the one that the label vouches for.
        findings.step = Step.RECORD
        claimed = self._records.find(UnitId(link.gtin, link.serial))
        if claimed is None:
            findings.find(Registration.SIGNED_NOT_ANCHORED, Outcome.FAILED, Code.NO_RECORD)
            return None
        steps.compare(claimed, link, signed, key.manufacturer)
        findings.passed()
        return self._follow(findings, claimed, signed.record, signed)

    def _check_signature(self, findings: Findings, link: Link, text: str) -> tuple[SignedRecord, KeyFacts]:
        # (3) Exactly what stands on the label was signed by a known key, or something on it was changed.
        findings.step = Step.SIGNATURE
        record = Record(link.gtin, link.lot or "", link.serial)
        try:
            signed = steps.signed_by(record, signing.decode(text), self._registry_id)
        except SignatureError as error:
            findings.settle(Registration.ALTERED, Outcome.FAILED, Code.SIGNATURE_MALFORMED, error.message)
        key = self._key(findings, signed.signer)
        if key.manufacturer == 0:
            findings.settle(Registration.ALTERED, Outcome.FAILED, Code.SIGNER_UNKNOWN, f"{signed.signer} is nobody's key")
        findings.passed(f"signed by {signed.signer}")
        return signed, key

    def _key(self, findings: Findings, address: str) -> KeyFacts:
        # (3) The first question about a unit: what is remembered for it and for the others is no younger than this.
        as_of = self._deployments.as_of()
        key = self._deployments.key(address)
        findings.saw(as_of)
        findings.saw(key.seen or as_of or self._deployments.as_of())
        return key

    def _check_unsigned(self, findings: Findings, unit: UnitId, *, lot: str | None, typed: bool = False) -> None:
        sealed = self._find_number(findings, unit)
        record = sealed.signed.record

        # (3) The stored signature: of a compact carrier, which has no room for it, it stands for the label's own.
        findings.step = Step.SIGNATURE
        key = self._key(findings, sealed.signed.signer)
        if key.manufacturer != sealed.manufacturer:
            raise StoreDamaged("the stored signature is not by a key of the stored manufacturer")
        compact = sealed.product.carrier == "compact" and not typed
        if compact:
            findings.passed(f"stored signature by {sealed.signed.signer}")
        else:
            code = None if typed else Code.SIGNATURE_ABSENT
            findings.find(Registration.NUMBER_KNOWN, Outcome.NOT_ASKED, code)
        lot_differs = lot is not None and lot != record.lot
        if lot_differs:
            findings.step = Step.RECORD
            findings.find(Registration.NUMBER_KNOWN, Outcome.FAILED, Code.LOT_DIFFERS)
        self._check_sealed(findings, sealed, key, label_is_signed=False, proof_is_due=compact and not lot_differs)

    def _find_number(self, findings: Findings, unit: UnitId) -> SealedUnit:
        # (2) Only a number was presented, so the store must complete the record; nothing of it is believed yet.
        findings.step = Step.RECORD
        claimed = self._records.find(unit)
        if claimed is None:
            findings.settle(Registration.NOT_REGISTERED, Outcome.FAILED, Code.NO_RECORD)
        findings.passed()
        return self._follow(findings, claimed, Record(unit.gtin, claimed.lot, unit.serial))

    # ---------------------------------------------------------------------------------------- what the chain says of it

    def _follow(
        self, findings: Findings, claimed: ClaimedUnit, record: Record, signed: SignedRecord | None = None
    ) -> SealedUnit:
        # (4) Leaf, proof, root, manifest, salt, seal.
        findings.step = Step.PROOF
        sealed = steps.follow_to_seal(claimed, record, self._registry_id, signed=signed)
        findings.passed()
        if sealed.manifest.supersedes is not None:
            findings.note(Outcome.NOTED, Code.BATCH_SUPERSEDED, "this batch replaces an earlier one")
        return sealed

    def _check_sealed(
        self, findings: Findings, sealed: SealedUnit, key: KeyFacts, *, label_is_signed: bool, proof_is_due: bool
    ) -> None:
        # (5) The anchor at the configured finality: by whom, when.
        findings.step = Step.ANCHOR
        facts = self._deployments.seal(sealed.manufacturer, sealed.seal, sealed.signed.signer)
        findings.saw(facts.seen)
        found = facts.found
        if found is None:
            findings.find(Registration.SIGNED_NOT_ANCHORED, Outcome.FAILED, Code.NOT_ANCHORED)
            if not label_is_signed:
                self._check_claimed_ever(findings, sealed.signed.record.gtin, sealed.manufacturer, label_is_signed=False)
            self._check_standing(findings, key)
            return
        if found.final:
            findings.passed()
        else:
            findings.find(Registration.AWAITING_FINALITY, Outcome.UNKNOWN, Code.NOT_FINAL)
        transaction = self._deployments.anchor_transaction(found.deployment, sealed.manufacturer, sealed.seal)
        findings.batch = views.batch_view(sealed, found.attestations)
        findings.anchor = views.anchor_view(found, transaction)

        self._check_keys(findings, found, facts)
        self._check_claimed_then(findings, sealed, found, facts, label_is_signed=label_is_signed)
        anchor_is_in_doubt = Registration.KEY_UNDER_REVIEW in findings.found
        self._check_withdrawn(findings, sealed, facts)

        # Names and pictures come from a manifest whose anchor is not in doubt, and the proof goes to whoever holds the label.
        if not anchor_is_in_doubt:
            findings.describe(lot=sealed.signed.record.lot, product=sealed.product)
        if proof_is_due:
            findings.proof = views.proof_view(sealed)

    def _check_keys(self, findings: Findings, found: AnchorFound, facts: SealFacts) -> None:
        # (6) Both keys valid and in their owner's hands, and the manufacturer accredited, at the time of the anchor.
        findings.step = Step.KEY
        first, second = found.anchor_key, found.signer_key
        time_of_anchor = found.anchor.time
        if not 0 < facts.accredited_at <= time_of_anchor:
            raise WrongChain("the seal was anchored for a manufacturer that was not accredited at the time")
        if not (first.valid_at(time_of_anchor) and second.valid_at(time_of_anchor)):
            findings.find(Registration.KEY_UNDER_REVIEW, Outcome.FAILED, Code.KEY_NOT_VALID)
        elif not (first.compromised_at(time_of_anchor) or second.compromised_at(time_of_anchor)):
            findings.passed()
        elif facts.endorsed:
            findings.note(Outcome.NOTED, Code.ENDORSED)
        else:
            findings.find(Registration.KEY_UNDER_REVIEW, Outcome.FAILED, Code.KEY_COMPROMISED)
        self._check_suspended(findings, facts.suspended_at)

    def _check_standing(self, findings: Findings, key: KeyFacts) -> None:
        # (6) Where there is no anchor, key and issuer can only be seen as they stand now.
        findings.step = Step.KEY
        now = findings.checked_at
        if key.compromised_at(now):
            findings.find(Registration.KEY_UNDER_REVIEW, Outcome.FAILED, Code.KEY_COMPROMISED)
        elif key.valid_at(now):
            findings.passed()
        else:
            findings.note(Outcome.NOTED, Code.KEY_NOT_VALID)
        issuer = self._deployments.manufacturer(key.manufacturer)
        findings.saw(issuer.seen)
        self._check_suspended(findings, issuer.suspended_at)

    def _check_suspended(self, findings: Findings, suspended_at: int) -> None:
        # (6) What was anchored before stays provable; that the issuer is suspended must be said.
        if suspended_at:
            findings.find(Registration.ISSUER_SUSPENDED, Outcome.FAILED, Code.SUSPENDED)

    def _check_claimed_ever(self, findings: Findings, gtin: str, manufacturer: int, *, label_is_signed: bool) -> None:
        # (7) A manufacturer whose profile never claimed the GTIN has no business on this label.
        findings.step = Step.GTIN
        issuer = self._deployments.manufacturer(manufacturer)
        findings.saw(issuer.seen)
        one_is_missing = False
        for version in reversed(issuer.profiles):
            profile = steps.read_profile(self._records, version.profile_hash)
            if profile is None:
                one_is_missing = True
            elif steps.claims(gtin, profile.gtins):
                findings.manufacturer = views.manufacturer_view(manufacturer, profile, issuer)
                findings.passed()
                return
        if one_is_missing:
            findings.settle(Registration.CANNOT_CHECK, Outcome.UNKNOWN, Code.PROFILE_MISSING)
        self._settle_not_claimed(findings, label_is_signed=label_is_signed)

    def _check_claimed_then(
        self, findings: Findings, sealed: SealedUnit, found: AnchorFound, facts: SealFacts, *, label_is_signed: bool
    ) -> None:
        # (7) The profile whose hash was in force at the anchor.
        findings.step = Step.GTIN
        profile = steps.read_profile(self._records, found.profile_hash)
        if profile is None:
            findings.settle(Registration.CANNOT_CHECK, Outcome.UNKNOWN, Code.PROFILE_MISSING)
        if not steps.claims(sealed.signed.record.gtin, profile.gtins):
            self._settle_not_claimed(findings, label_is_signed=label_is_signed)
        findings.manufacturer = views.manufacturer_view(sealed.manufacturer, profile, facts)
        findings.passed()

    def _settle_not_claimed(self, findings: Findings, *, label_is_signed: bool) -> NoReturn:
        # (7) Whoever signed a label answers for the GTIN on it. A label without a signature accuses nobody: who registered
        # its number is said by our own store, which may have been changed.
        registration = Registration.ALTERED if label_is_signed else Registration.CANNOT_CHECK
        findings.settle(registration, Outcome.FAILED, Code.GTIN_NOT_CLAIMED)

    def _check_withdrawn(self, findings: Findings, sealed: SealedUnit, facts: SealFacts) -> None:
        # (8) The batch or the unit, in any deployment.
        findings.step = Step.WITHDRAWAL
        withdrawals = list(facts.batch_withdrawals)
        if facts.any_units_withdrawn:
            withdrawals += self._unit_withdrawals(sealed)
        withdrawal = steps.gravest(withdrawals)
        findings.withdrawal = withdrawal
        if withdrawal is None:
            findings.passed()
        elif withdrawal.key_compromised:
            findings.find(Registration.KEY_UNDER_REVIEW, Outcome.UNKNOWN, Code.WITHDRAWAL_UNDER_REVIEW)
        else:
            findings.find(Registration.WITHDRAWN, Outcome.FAILED, Code(withdrawal.reason.name.lower()))

    def _unit_withdrawals(self, sealed: SealedUnit) -> Sequence[Withdrawal]:
        return self._deployments.unit_withdrawals(sealed.manufacturer, sealed.seal, sealed.row.index)

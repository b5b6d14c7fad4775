"""The verifier over a pack. Its verdict is the one that was true when the pack was made, or `cannot_check`.

What a pack cannot show it does not say. A unit that is not in it may have been registered since, and a key that it does not
know may have been added since: neither accuses anybody. That a unit belongs to its batch is not proved by a path of hashes, as
online, but is the word of the pack's signer, who replayed each batch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from registry.checking import steps
from registry.checking.claims import ClaimedBatch
from registry.checking.deployments import AnchorFound, SealFacts
from registry.checking.trust import Anchor, Deployment, KeyFacts, ManufacturerFacts, ProfileFacts, Reason, Seen, Withdrawal
from registry.checking.verdicts import Code, Outcome, Registration, Step
from registry.checking.verifier import Verifier
from registry.errors import ChainUnavailable, DocumentError
from registry.packs import pack_file
from registry.proofs import encoding
from registry.units.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry.checking.findings import Findings
    from registry.checking.steps import SealedUnit, SignedRecord
    from registry.checking.verdicts import Verdict
    from registry.packs.pack_file import Entry, Pack
    from registry.units.links import Link
    from registry.units.records import UnitId

LATER: Final = "is not in the pack: it may have been registered since; ask the registry before anything follows from this"


@dataclass(frozen=True, slots=True)
class Group:
    """Units of one batch and lot, signed with one key."""

    batch: ClaimedBatch
    lot: str
    signer: str
    facts: SealFacts


class PackFacts:
    """What a pack says, as `Verifier` asks for it: the deployments as one, and the records."""

    def __init__(self, pack: Pack) -> None:
        """Read the facts of a pack. Raises `DocumentError` if they are not what `making` writes."""
        try:
            self._read(pack)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise DocumentError(f"the facts of the pack cannot be read: {error!r}") from error

    def _read(self, pack: Pack) -> None:
        told = pack.facts
        self.head, self.signer, self._find = pack.head, pack.signer, pack.find
        self._domains = tuple(map(str, told["domains"]))
        self._keys = {str(address): KeyFacts(**one) for address, one in told["keys"].items()}
        self._bodies: dict[bytes, bytes] = {}
        self._manufacturers = {int(number): self._manufacturer(one) for number, one in told["manufacturers"].items()}
        batches = [_batch(one) for one in told["batches"]]
        self._transactions: dict[bytes, str | None] = {}
        self._groups = [self._group(one, batches) for one in told["groups"]]
        self._seals = {(one.batch.seal, one.signer): one.facts for one in self._groups}
        self._withdrawn = {bytes.fromhex(unit): tuple(map(_withdrawal, some)) for unit, some in told["withdrawn"].items()}

    def _manufacturer(self, told: dict[str, Any]) -> ManufacturerFacts:
        profiles = []
        for version in told["profiles"]:
            known = bytes.fromhex(version["profile_hash"])
            if "body" in version:
                self._bodies[known] = version["body"].encode()
            profiles.append(ProfileFacts(known, version["since"], version["uri"]))
        return ManufacturerFacts(**{**told, "profiles": tuple(profiles)})

    def _group(self, told: dict[str, Any], batches: Sequence[ClaimedBatch]) -> Group:
        batch = batches[told["batch"]]
        facts = dict(told["facts"])
        found = dict(facts["found"])
        self._transactions[batch.seal] = found.pop("transaction")
        where = dict(found["deployment"])
        where["code_hash"] = bytes.fromhex(where["code_hash"])
        found |= {
            "deployment": Deployment(**where),
            "anchor": Anchor(**found["anchor"]),
            "anchor_key": KeyFacts(**found["anchor_key"]),
            "signer_key": KeyFacts(**found["signer_key"]),
            "profile_hash": bytes.fromhex(found["profile_hash"]),
        }
        facts |= {"found": AnchorFound(**found), "batch_withdrawals": tuple(map(_withdrawal, facts["batch_withdrawals"]))}
        return Group(batch, told["lot"], told["signer"], SealFacts(**facts))

    def candidates(self, unit: UnitId) -> list[tuple[Group, Entry]]:
        """Return the groups that a unit may be of, as far as the table can tell."""
        return [(self._groups[entry.group], entry) for entry in self._find(unit) if entry.group < len(self._groups)]

    def withdrawals_of(self, unit: UnitId) -> tuple[Withdrawal, ...]:
        """Return the withdrawals of one unit that stood."""
        return self._withdrawn.get(pack_file.unit_hash(self.head.salt, unit), ())

    # ---------------------------------------------------------------------------------------- what a verifier asks

    def as_of(self) -> Seen | None:
        """Return none: the verifier says how old the pack is."""
        return None

    def domains(self) -> tuple[str, ...]:
        """Return the official domains."""
        return self._domains

    def key(self, address: str) -> KeyFacts:
        """Return a key. Raises `ChainUnavailable` for one that is not in the pack."""
        if address not in self._keys:
            raise ChainUnavailable(f"the key {address} {LATER}")
        return self._keys[address]

    def manufacturer(self, number: int) -> ManufacturerFacts:
        """Return a manufacturer. Raises `ChainUnavailable` for one that is not in the pack."""
        if number not in self._manufacturers:
            raise ChainUnavailable(f"manufacturer {number} {LATER}")
        return self._manufacturers[number]

    def seal(self, manufacturer: int, seal: bytes, signer: str) -> SealFacts:
        """Return what was known of a seal."""
        del manufacturer
        return self._seals[seal, signer]

    def anchor_transaction(self, where: Deployment, manufacturer: int, seal: bytes) -> str | None:
        """Return the hash of the transaction that anchored a seal, or none."""
        del where, manufacturer
        return self._transactions.get(seal)

    def find(self, unit: UnitId) -> None:
        """Return none: a pack has no records."""
        del unit

    def profile(self, profile_hash: bytes) -> bytes | None:
        """Return the bytes of a profile, or none."""
        return self._bodies.get(profile_hash)


class PackVerifier(Verifier):
    """Checks links and typed numbers by a pack. `max_age` (seconds) may shorten what the pack's signer allows."""

    def __init__(self, facts: PackFacts, *, clock: Callable[[], float], max_age: int | None = None) -> None:
        self._facts = facts
        self._registry_id = facts.head.registry_id
        self._deployments = facts  # type: ignore[assignment]  # the same questions, of what was written down
        self._records = facts
        self._clock = clock
        head = facts.head
        self._until = head.expires_at if max_age is None else min(head.expires_at, head.made_at + max_age)

    @cached_property
    def signer(self) -> str:
        """Who signed the pack."""
        return self._facts.signer

    def _conclude(self, findings: Findings, examine: Callable[[], None]) -> Verdict:
        """Answer only while the pack is valid; every answer says how old it is."""
        made, now = self._facts.head.made_at, findings.checked_at
        if made <= now <= self._until:
            findings.saw(Seen(0, made, float(now - made), stale=False))
            return super()._conclude(findings, examine)

        def refuse() -> None:
            if now < made:
                raise ChainUnavailable(f"this machine's clock is {made - now} s before the pack was made: set it right")
            raise ChainUnavailable(f"the pack is {now - made} s old, expected at most {self._until - made} s: get a new one")

        return super()._conclude(findings, refuse)

    def _find_signed(self, findings: Findings, link: Link, signed: SignedRecord, key: KeyFacts) -> SealedUnit:
        # (2), (4) The table must know this number with this lot, key and signature.
        findings.step = Step.RECORD
        mark = pack_file.mark(self._facts.head.salt, signed.signature)
        wanted = (link.lot, signed.signer, key.manufacturer, mark)
        for group, entry in self._facts.candidates(signed.record.id):
            if (group.lot, group.signer, group.batch.manufacturer, entry.mark) == wanted:
                break
        else:
            findings.settle(Registration.CANNOT_CHECK, Outcome.UNKNOWN, Code.NO_RECORD, f"this unit {LATER}")
        return self._sealed(findings, group, signed)

    def _find_number(self, findings: Findings, unit: UnitId) -> SealedUnit:
        # (2), (4) The table must know this number, and no other that looks like it.
        findings.step = Step.RECORD
        candidates = self._facts.candidates(unit)
        if len(candidates) != 1:
            findings.settle(Registration.CANNOT_CHECK, Outcome.UNKNOWN, Code.NO_RECORD, f"this number {LATER}")
        ((group, _),) = candidates
        record = Record(unit.gtin, group.lot, unit.serial)
        digest = encoding.RecordHasher(self._registry_id).digest(record)
        return self._sealed(findings, group, steps.SignedRecord(record, digest, b"", group.signer))

    def _sealed(self, findings: Findings, group: Group, signed: SignedRecord) -> SealedUnit:
        batch, record = group.batch, signed.record
        opened = steps.open_batch(batch, self._registry_id)
        product = opened.products.get((record.gtin, record.lot))
        if product is None:
            findings.settle(Registration.CANNOT_CHECK, Outcome.UNKNOWN, Code.NO_RECORD, f"this unit {LATER}")
        findings.passed()
        findings.step = Step.PROOF
        findings.passed(f"by the word of {self._facts.signer}, who signed the pack and replayed the batch")
        if opened.manifest.supersedes is not None:
            findings.note(Outcome.NOTED, Code.BATCH_SUPERSEDED, "this batch replaces an earlier one")
        row = encoding.Row(0, encoding.unit_key(batch.salt, record.id), signed.digest, encoding.NO_ATTRIBUTES)
        return steps.SealedUnit(
            signed=signed, manufacturer=batch.manufacturer, seal=batch.seal, opening=opened.opening, row=row, leaf=b"", path=(),
            salt=batch.salt, manifest=opened.manifest, manifest_bytes=batch.manifest, product=product,
        )  # fmt: skip

    def _check_sealed(
        self, findings: Findings, sealed: SealedUnit, key: KeyFacts, *, label_is_signed: bool, proof_is_due: bool
    ) -> None:
        del proof_is_due  # a pack holds no paths
        super()._check_sealed(findings, sealed, key, label_is_signed=label_is_signed, proof_is_due=False)

    def _unit_withdrawals(self, sealed: SealedUnit) -> Sequence[Withdrawal]:
        return self._facts.withdrawals_of(sealed.signed.record.id)


def _batch(told: dict[str, Any]) -> ClaimedBatch:
    return ClaimedBatch(
        manufacturer=told["manufacturer"],
        unit_count=told["unit_count"],
        **{name: bytes.fromhex(told[name]) for name in ("seal", "root", "manifest", "salt")},
    )


def _withdrawal(told: dict[str, Any]) -> Withdrawal:
    one = Withdrawal(**told)
    return replace(one, reason=Reason(one.reason))

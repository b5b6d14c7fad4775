"""What the registry says of the units of a case, proved as far as it can be: the part of a bundle that the chain stands behind.

Every unit that was found in the registry is followed to its seal again, and every number that was not is shown to be in no
batch, with the same code that checks and inquiries use. A unit that cannot be shown is listed with the reason: it accuses
nobody. If chain or store cannot be asked, nothing is made at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from registry.checking import steps
from registry.enforcement.consignments import IN_THE_REGISTRY
from registry.errors import DocumentError, IdentityError, LinkError, MerkleError, StoreDamaged, TreeMissing
from registry.proofs import absence_file, presence_file, signing
from registry.proofs.documents import hexadecimal
from registry.proofs.encoding import canonical
from registry.proofs.presence_file import PresenceFile, PresentUnit
from registry.units import links
from registry.units.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from registry.checking.claims import Records
    from registry.checking.deployments import AnchorFound, Deployments, SealFacts
    from registry.checking.steps import SealedUnit
    from registry.checking.trust import KeyFacts, ManufacturerFacts, Withdrawal
    from registry.enforcement.absence import Inquiry
    from registry.enforcement.chronicle import Chronicle
    from registry.enforcement.consignments import Line
    from registry.units.records import UnitId

FORMAT: Final = "touchstone-snapshot"
VERSION: Final = "1"
MOST_ABSENCES: Final = 500
"""Absence files of one bundle: each takes a part of a second."""
MOST_BYTES: Final = 2**25
"""Of all absence files together."""


@dataclass(frozen=True, slots=True)
class Unproved:
    """A unit that the bundle does not show anything of, and why."""

    unit: UnitId
    why: str
    """A stable code: not_stored, not_anchored, damaged, registered_now, no_unit, too_many."""


@dataclass(slots=True)
class Snapshot:
    """What was found, as files by their paths within a bundle."""

    registry: bytes = b""
    profiles: dict[str, bytes] = field(default_factory=dict)
    presences: dict[str, bytes] = field(default_factory=dict)
    absences: dict[str, bytes] = field(default_factory=dict)
    unproved: list[Unproved] = field(default_factory=list)
    present: int = 0
    """Units that are shown to be in a batch."""
    absent: int = 0
    """Units that are shown to be in none."""


@dataclass(frozen=True, slots=True)
class Registry:
    """All that is asked."""

    registry_id: bytes
    records: Records
    deployments: Deployments
    chronicles: Sequence[Chronicle]
    inquiry: Callable[[], Inquiry]


@dataclass(frozen=True, slots=True)
class _Found:
    """A batch with those of its units that are shown."""

    facts: SealFacts
    anchor: AnchorFound
    transaction: str | None
    units: list[SealedUnit]


def take(lines: Sequence[Line], shown: Mapping[UnitId, bytes], registry: Registry) -> Snapshot:
    """Return what the registry says of the units of some lines; `shown` has the absence files that there are already.

    Raises `ChainError`, `StoreUnavailable` or `TreeMissing` if something could not be asked: then there is no bundle.
    """
    taking = _Taking(registry)
    present = dict.fromkeys(line.unit for line in lines if line.unit and line.registration in IN_THE_REGISTRY)
    labels = _labels(lines)
    for unit in present:
        taking.present(unit)
    for number, (seal, found) in enumerate(sorted(taking.batches.items()), 1):
        taking.snapshot.presences[f"proofs/presence/{number:04}.json"] = _presence(registry.registry_id, seal, found, labels)
    absent = dict.fromkeys(line.unit for line in lines if line.unit and line.registration == "not_registered")
    taking.absent([unit for unit in absent if unit not in present], shown)
    taking.write(lines)
    return taking.snapshot


class _Taking:
    """Asks, and gathers what was found."""

    def __init__(self, registry: Registry) -> None:
        self.snapshot = Snapshot()
        self.batches: dict[bytes, _Found] = {}
        self._registry = registry
        self._withdrawn: list[tuple[SealedUnit, tuple[Withdrawal, ...]]] = []

    def present(self, unit: UnitId) -> None:
        """Follow a unit to its seal."""
        try:
            claimed = self._registry.records.find(unit)
            if claimed is None:
                self.snapshot.unproved.append(Unproved(unit, "not_stored"))
                return
            record = Record(unit.gtin, claimed.lot, unit.serial)
            sealed = steps.follow_to_seal(claimed, record, self._registry.registry_id)
        except TreeMissing:
            raise
        except StoreDamaged:
            self.snapshot.unproved.append(Unproved(unit, "damaged"))
            return
        found = self.batches.get(sealed.seal) or self._batch(sealed)
        if found is None:
            self.snapshot.unproved.append(Unproved(unit, "not_anchored"))
            return
        found.units.append(sealed)
        self.snapshot.present += 1
        if found.facts.any_units_withdrawn:
            withdrawals = self._registry.deployments.unit_withdrawals(sealed.manufacturer, sealed.seal, sealed.row.index)
            if withdrawals:
                self._withdrawn.append((sealed, withdrawals))

    def _batch(self, sealed: SealedUnit) -> _Found | None:
        deployments = self._registry.deployments
        facts = deployments.seal(sealed.manufacturer, sealed.seal, sealed.signed.signer)
        if facts.found is None:
            return None
        transaction = deployments.anchor_transaction(facts.found.deployment, sealed.manufacturer, sealed.seal)
        found = self.batches[sealed.seal] = _Found(facts, facts.found, transaction, [])
        return found

    def absent(self, units: Sequence[UnitId], shown: Mapping[UnitId, bytes]) -> None:
        """Show of each unit that no batch has it, with the file that there is already or with a new one."""
        inquiry = self._registry.inquiry() if any(unit not in shown for unit in units) else None
        size = 0
        for unit in units:
            raw = shown.get(unit)
            if raw is None and inquiry is not None:
                if len(self.snapshot.absences) >= MOST_ABSENCES or size >= MOST_BYTES:
                    self.snapshot.unproved.append(Unproved(unit, "too_many"))
                    continue
                try:
                    raw = absence_file.write(inquiry.show(unit))
                except MerkleError:
                    self.snapshot.unproved.append(Unproved(unit, "registered_now"))
                except (IdentityError, DocumentError):
                    self.snapshot.unproved.append(Unproved(unit, "no_unit"))
            if raw is not None:
                size += len(raw)
                self.snapshot.absences[f"proofs/absence/{len(self.snapshot.absences) + 1:04}.json"] = raw
        self.snapshot.absent = len(self.snapshot.absences)

    def write(self, lines: Sequence[Line]) -> None:
        """Write what the chain says of batches, their manufacturers and keys."""
        asked = self._registry.deployments
        numbers = {found.units[0].manufacturer for found in self.batches.values()}
        issuers = [asked.manufacturer(number) for number in sorted(numbers | {line.manufacturer for line in lines} - {0})]
        keys = {
            key.address: key
            for found in self.batches.values()
            for key in (found.anchor.anchor_key, found.anchor.signer_key, *self._signers(found))
        }
        for issuer in issuers:
            for version in issuer.profiles:
                raw = self._registry.records.profile(version.profile_hash)
                if raw is not None:
                    self.snapshot.profiles[f"registry_snapshot/profiles/{version.profile_hash.hex()}.json"] = raw
        self.snapshot.registry = canonical({
            "format": FORMAT,
            "version": VERSION,
            "registryId": hexadecimal(self._registry.registry_id),
            "deployments": [_deployment(chronicle) for chronicle in self._registry.chronicles],
            "manufacturers": [_issuer(one) for one in issuers],
            "keys": [_key(keys[address]) for address in sorted(keys)],
            "batches": [self._batch_told(seal, found) for seal, found in sorted(self.batches.items())],
            "withdrawnUnits": [
                {
                    "gtin": sealed.signed.record.gtin, "serial": sealed.signed.record.serial, "seal": hexadecimal(sealed.seal),
                    "withdrawals": [_withdrawal(one) for one in withdrawals],
                }
                for sealed, withdrawals in self._withdrawn
            ],
        })  # fmt: skip

    def _signers(self, found: _Found) -> Iterable[KeyFacts]:
        return [self._registry.deployments.key(one) for one in sorted({unit.signed.signer for unit in found.units})]

    def _batch_told(self, seal: bytes, found: _Found) -> dict[str, Any]:
        anchor, where = found.anchor.anchor, found.anchor.deployment
        chronicle = next(
            one for one in self._registry.chronicles if (one.chain_id, one.contract) == (where.chain_id, where.contract)
        )
        block = chronicle.block(anchor.block)
        return {
            "seal": hexadecimal(seal),
            "manufacturer": str(found.units[0].manufacturer),
            "chainId": str(where.chain_id),
            "contract": where.contract,
            "transaction": found.transaction or "",
            "block": {"number": str(block.number), "hash": hexadecimal(block.hash), "time": str(block.time)},
            "final": "yes" if found.anchor.final else "no",
            "key": anchor.key,
            "profileHash": hexadecimal(found.anchor.profile_hash),
            "attestations": str(found.anchor.attestations),
            "endorsed": "yes" if found.facts.endorsed else "no",
            "withdrawals": [_withdrawal(one) for one in found.facts.batch_withdrawals],
        }


def _presence(registry_id: bytes, seal: bytes, found: _Found, labels: Mapping[str, None]) -> bytes:
    first, where = found.units[0], found.anchor.deployment
    return presence_file.write(PresenceFile(
        registry_id=registry_id,
        manifest=first.manifest_bytes,
        salt=first.salt,
        root=first.opening.root,
        unit_count=first.opening.unit_count,
        seal=seal,
        chain_id=where.chain_id,
        contract=where.contract,
        manufacturer=first.manufacturer,
        units=[_unit(unit, labels) for unit in sorted(found.units, key=lambda unit: unit.row.index)],
    ))  # fmt: skip


def _unit(sealed: SealedUnit, labels: Mapping[str, None]) -> PresentUnit:
    """Return a unit; with its label's signature only if that label was read: with a signature, anybody can print it again."""
    signature = signing.encode(sealed.signed.signature)
    seen = signature in labels
    return PresentUnit(
        sealed.signed.record, sealed.row.index, sealed.row.attributes_hash, sealed.path,
        signature if seen else "", sealed.signed.signer if seen else "",
    )  # fmt: skip


def _labels(lines: Sequence[Line]) -> dict[str, None]:
    """Return the signatures of the labels that were read."""
    found: dict[str, None] = {}
    for line in lines:
        try:
            signature = links.parse(line.entry.text).signature
        except LinkError:
            continue
        if signature:
            found[signature] = None
    return found


def _deployment(chronicle: Chronicle) -> dict[str, Any]:
    """Return a deployment with its newest final block."""
    final = chronicle.roll().final
    return {
        "chainId": str(chronicle.chain_id),
        "contract": chronicle.contract,
        "finalBlock": {"number": str(final.number), "hash": hexadecimal(final.hash), "time": str(final.time)},
    }


def _issuer(one: ManufacturerFacts) -> dict[str, Any]:
    return {
        "number": str(one.number),
        "controller": one.controller,
        "accreditedAt": str(one.accredited_at),
        "suspendedAt": str(one.suspended_at),
        "batchCount": str(one.batch_count),
        "profiles": [{"hash": hexadecimal(version.profile_hash), "since": str(version.since)} for version in one.profiles],
    }


def _key(one: KeyFacts) -> dict[str, str]:
    return {
        "address": one.address,
        "manufacturer": str(one.manufacturer),
        "notBefore": str(one.not_before),
        "notAfter": str(one.not_after),
        "revokedAt": str(one.revoked_at),
        "compromisedSince": str(one.compromised_since),
    }


def _withdrawal(one: Withdrawal) -> dict[str, str]:
    return {
        "reason": one.reason.name.lower(),
        "key": one.key,
        "time": str(one.time),
        "underReview": "yes" if one.key_compromised else "no",
    }

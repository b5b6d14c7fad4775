"""A verdict as a JSON document: the answer of the site's API and of `touchstone verify --json`.

The keys and codes are stable. Bytes are `0x` and lower-case hex, times ISO 8601 in UTC, absent things `null`.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from registry.checking.verdicts import Outcome

if TYPE_CHECKING:
    from registry.checking.trust import Deployment, Seen, Withdrawal
    from registry.checking.verdicts import AnchorView, BatchView, Check, ManufacturerView, ProofView, UnitView, Verdict


def as_json(verdict: Verdict, headline: str | None = None) -> dict[str, Any]:
    """Return a verdict as JSON values.

    `headline` is the id of the headline under which the site shows the verdict; a program that shows none leaves it out.
    `proof`, signature included, is there only where the verdict holds it: for a caller who presented what the label carries.
    """
    return {
        "headline": headline,
        "registration": verdict.registration.value,
        "reasons": [code.value for code in verdict.reasons],
        "history": verdict.history.value,
        "binding": verdict.binding.value,
        "presented": verdict.presented,
        "unit": _unit(verdict.unit),
        "manufacturer": _manufacturer(verdict.manufacturer),
        "batch": _batch(verdict.batch),
        "anchor": _anchor(verdict.anchor),
        "withdrawal": _withdrawal(verdict.withdrawal),
        "checks": [_check(check) for check in verdict.checks],
        "proof": _proof(verdict.proof),
        "seen": _seen(verdict.seen),
        "checked_at": _time(verdict.checked_at),
    }


def _unit(unit: UnitView | None) -> dict[str, Any] | None:
    if unit is None:
        return None
    return {"gtin": unit.gtin, "serial": unit.serial, "lot": unit.lot, "product": _plain(unit.product) or None}


def _manufacturer(manufacturer: ManufacturerView | None) -> dict[str, Any] | None:
    if manufacturer is None:
        return None
    return {
        "number": manufacturer.number,
        "profile": _plain(manufacturer.profile),
        "accredited_at": _time(manufacturer.accredited_at),
        "suspended_at": _time(manufacturer.suspended_at),
    }


def _batch(batch: BatchView | None) -> dict[str, Any] | None:
    if batch is None:
        return None
    return {
        "seal": _hex(batch.seal),
        "root": _hex(batch.root),
        "unit_count": batch.unit_count,
        "manifest_hash": _hex(batch.manifest_hash),
        "attestations": batch.attestations,
    }


def _anchor(anchor: AnchorView | None) -> dict[str, Any] | None:
    if anchor is None:
        return None
    return {
        **_deployment(anchor.deployment),
        "key": anchor.key,
        "time": _time(anchor.time),
        "block": anchor.block,
        "transaction": anchor.transaction,
    }


def _deployment(deployment: Deployment) -> dict[str, Any]:
    return {"chain_id": deployment.chain_id, "contract": deployment.contract}


def _withdrawal(withdrawal: Withdrawal | None) -> dict[str, Any] | None:
    if withdrawal is None:
        return None
    return {
        "reason": withdrawal.reason.name.lower(),
        "key": withdrawal.key,
        "time": _time(withdrawal.time),
        "whole_batch": withdrawal.whole_batch,
        "under_review": withdrawal.key_compromised,
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "step": int(check.step),
        "name": check.step.name.lower(),
        "outcome": check.outcome.value,
        "code": None if check.code is None else check.code.value,
        # What could not be asked, and where it is, is the operator's business and stands in the log.
        "detail": "" if check.outcome is Outcome.UNKNOWN else check.detail,
    }


def _proof(proof: ProofView | None) -> dict[str, Any] | None:
    if proof is None:
        return None
    return {
        "index": proof.index,
        "unit_key": _hex(proof.unit_key),
        "digest": _hex(proof.digest),
        "attributes_hash": _hex(proof.attributes_hash),
        "leaf": _hex(proof.leaf),
        "path": [_hex(sibling) for sibling in proof.path],
        "signature": _hex(proof.signature),
        "signer": proof.signer,
        "salt": _hex(proof.salt),
        "manifest": proof.manifest.decode(),
    }


def _seen(seen: Seen | None) -> dict[str, Any] | None:
    if seen is None:
        return None
    return {
        "block": seen.block,
        "block_time": _time(seen.block_time),
        "age_seconds": round(seen.age_seconds, 3),
        "stale": seen.stale,
    }


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _time(seconds: int) -> str | None:
    """Return a time, or none for 0, which stands for never."""
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat().replace("+00:00", "Z") if seconds else None


def _plain(value: object) -> Any:
    """Return nested dataclasses, mappings and sequences as JSON values."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return _hex(value)
    return value

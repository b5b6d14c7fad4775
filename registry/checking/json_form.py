"""A verdict as a JSON document: the answer of the site's API and of `touchstone verify --json`.

The keys and codes are stable. Bytes are `0x` and lower-case hex, times ISO 8601 in UTC, absent things `null`.

What is said of a product, a manufacturer, a batch and the steps is the same for thousands of units: each such part is written
once and kept as it was written.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson
from orjson import Fragment

from registry.checking.verdicts import Outcome

if TYPE_CHECKING:
    from registry.checking.trust import Deployment, Seen, Withdrawal
    from registry.checking.verdicts import (
        AnchorView,
        BatchView,
        Check,
        HistoryView,
        ManufacturerView,
        ProofView,
        UnitView,
        Verdict,
    )
    from registry.proofs.manifest import Product

MANY: Final = 16_384
"""Parts that are kept where each batch has one of its own."""
SOME: Final = 1024
SHORT: Final = 2**12
"""Bytes of a manifest that is kept: those of most batches are shorter."""
A_DAY: Final = 86_400


def as_json(verdict: Verdict, headline: str | None = None) -> dict[str, Any]:
    """Return a verdict as JSON values, see `written`."""
    document: dict[str, Any] = orjson.loads(written(verdict, headline))
    return document


def written(verdict: Verdict, headline: str | None = None) -> bytes:
    """Return a verdict as a JSON document in UTF-8.

    `headline` is the id of the headline under which the site shows the verdict; a program that shows none leaves it out.
    `proof`, signature included, is there only where the verdict holds it: for a caller who presented what the label carries.
    """
    return orjson.dumps(
        {
            "headline": headline,
            "registration": verdict.registration,
            "reasons": verdict.reasons,
            "history": verdict.history,
            "past": verdict.past and _past(verdict.past),
            "binding": verdict.binding,
            "presented": _text(verdict.presented),
            "unit": verdict.unit and _unit(verdict.unit),
            "manufacturer": verdict.manufacturer and _manufacturer(verdict.manufacturer),
            "batch": verdict.batch and _batch(verdict.batch),
            "anchor": verdict.anchor and _anchor(verdict.anchor),
            "withdrawal": verdict.withdrawal and _withdrawal(verdict.withdrawal),
            "checks": _checks(verdict.checks),
            "proof": verdict.proof and _proof(verdict.proof),
            "seen": verdict.seen and _seen(verdict.seen),
            "checked_at": _time(verdict.checked_at),
        }
    )


def _past(past: HistoryView) -> dict[str, Any]:
    return {
        "checks_before": past.checks_before,
        "first_day": _day(past.first_day),
        "first_region": past.first_region or None,
        "opened_day": _day(past.opened_day),
    }


def _unit(unit: UnitView) -> dict[str, Any]:
    product = unit.product and _product(unit.product)
    return {"gtin": _text(unit.gtin), "serial": _text(unit.serial), "lot": unit.lot, "product": product}


@lru_cache(MANY)
def _product(product: Product) -> Fragment:
    return _kept(product)


@lru_cache(SOME)
def _manufacturer(manufacturer: ManufacturerView) -> Fragment:
    return _kept(
        {
            "number": manufacturer.number,
            "profile": manufacturer.profile,
            "accredited_at": _time(manufacturer.accredited_at),
            "suspended_at": _time(manufacturer.suspended_at),
        }
    )


@lru_cache(MANY)
def _batch(batch: BatchView) -> Fragment:
    return _kept(
        {
            "seal": _hex(batch.seal),
            "root": _hex(batch.root),
            "unit_count": batch.unit_count,
            "manifest_hash": _hex(batch.manifest_hash),
            "attestations": batch.attestations,
        }
    )


@lru_cache(MANY)
def _anchor(anchor: AnchorView) -> Fragment:
    return _kept(
        {
            **_deployment(anchor.deployment),
            "key": anchor.key,
            "time": _time(anchor.time),
            "block": anchor.block,
            "transaction": anchor.transaction,
        }
    )


def _deployment(deployment: Deployment) -> dict[str, Any]:
    return {"chain_id": deployment.chain_id, "contract": deployment.contract}


def _withdrawal(withdrawal: Withdrawal) -> dict[str, Any]:
    return {
        "reason": withdrawal.reason.name.lower(),
        "key": withdrawal.key,
        "time": _time(withdrawal.time),
        "whole_batch": withdrawal.whole_batch,
        "under_review": withdrawal.key_compromised,
    }


@lru_cache(SOME)
def _checks(checks: tuple[Check, ...]) -> Fragment:
    return _kept(
        [
            {
                "step": check.step,
                "name": check.step.name.lower(),
                "outcome": check.outcome,
                "code": check.code,
                # What could not be asked, and where it is, is the operator's business and stands in the log.
                "detail": "" if check.outcome is Outcome.UNKNOWN else _text(check.detail),
            }
            for check in checks
        ]
    )


def _proof(proof: ProofView) -> dict[str, Any]:
    return {
        "index": proof.index,
        "unit_key": _hex(proof.unit_key),
        "digest": _hex(proof.digest),
        "attributes_hash": _hex(proof.attributes_hash),
        "leaf": _hex(proof.leaf),
        "path": ["0x" + sibling.hex() for sibling in proof.path],
        "signature": _hex(proof.signature),
        "signer": proof.signer,
        "salt": _hex(proof.salt),
        "manifest": _manifest(proof.manifest) if len(proof.manifest) <= SHORT else proof.manifest.decode(),
    }


@lru_cache(MANY)
def _manifest(manifest: bytes) -> Fragment:
    return _kept(manifest.decode())


def _seen(seen: Seen) -> dict[str, Any]:
    return {
        "block": seen.block,
        "block_time": _time(seen.block_time),
        "age_seconds": round(seen.age_seconds, 3),
        "stale": seen.stale,
    }


def _kept(part: object) -> Fragment:
    return Fragment(orjson.dumps(part))


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


@lru_cache(SOME)
def _time(seconds: int) -> str | None:
    """Return a time, or none for 0, which stands for never."""
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat().replace("+00:00", "Z") if seconds else None


def _day(days: int | None) -> str | None:
    """Return a day, given in days since 1970, or none."""
    return None if days is None else datetime.fromtimestamp(days * A_DAY, tz=UTC).date().isoformat()


def _text(value: str) -> str:
    """Return what somebody presented as text that has a UTF-8 form: half of a surrogate pair has none."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()

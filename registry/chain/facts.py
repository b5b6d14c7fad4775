"""The contract's answers as the facts that a verifier knows (`registry.checking.trust`). Nothing here asks anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from registry.checking.trust import Anchor, KeyFacts, ManufacturerFacts, ProfileFacts, Reason, Withdrawal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry.chain.wire import Event

NOBODY: Final = f"0x{'0' * 40}"
WORD_BITS: Final = 256


@dataclass(frozen=True, slots=True)
class FinalFacts:
    """What is final about a seal. None of it ever changes back, so that it may be kept for ever."""

    anchor: Anchor
    endorsed: bool
    attestations: int


def key_facts(address: str, key: Any) -> KeyFacts:
    """Return a key; `manufacturer` 0 if the address is nobody's."""
    return KeyFacts(
        address=address,
        manufacturer=key.manufacturer,
        permissions=key.permissions,
        not_before=key.notBefore,
        not_after=key.notAfter,
        revoked_at=key.revokedAt,
        compromised_since=key.compromisedSince,
    )


def manufacturer_facts(number: int, manufacturer: Any, profiles: Iterable[Any]) -> ManufacturerFacts:
    """Return a manufacturer with all versions of its profile."""
    return ManufacturerFacts(
        number=number,
        controller=manufacturer.controller,
        accredited_at=manufacturer.accreditedAt,
        suspended_at=manufacturer.suspendedAt,
        batch_count=manufacturer.batchCount,
        profiles=tuple(ProfileFacts(bytes(one.profileHash), one.since, one.uri) for one in profiles),
    )


def anchor_of(batch: Any) -> Anchor | None:
    """Return the anchor of a batch, or none."""
    if batch.anchoredBy == NOBODY:
        return None
    return Anchor(batch.anchoredBy, batch.anchoredAt, batch.anchoredBlock)


def batch_withdrawal(status: Any) -> Withdrawal | None:
    """Return the withdrawal of a whole batch that stands, or none."""
    batch = status.batch
    if batch.withdrawnFor == Reason.NONE:
        return None
    key = key_facts(batch.withdrawnBy, status.withdrawalKey)
    return Withdrawal(
        reason=Reason(batch.withdrawnFor),
        key=key.address,
        time=batch.withdrawnAt,
        whole_batch=True,
        key_compromised=key.compromised_at(batch.withdrawnAt),
    )


def standing(events: Iterable[Event], reason: Reason, index: int) -> tuple[Event, ...]:
    """Return the withdrawals of one unit for one reason since the last annulment, oldest first."""
    kept: list[Event] = []
    for event in sorted(events, key=lambda one: (one.block, one.position)):
        values = event.values
        if values["reason"] != reason or values["word"] != index // WORD_BITS or not values["mask"] >> index % WORD_BITS & 1:
            continue
        if event.name == "UnitsWithdrawalAnnulled":
            kept.clear()
        else:
            kept.append(event)
    return tuple(kept)


def believed(withdrawals: Iterable[Withdrawal]) -> Withdrawal:
    """Return the one of several withdrawals for the same reason that counts.

    The first by a key in its owner's hands; if there is none, the first.
    """
    listed = tuple(withdrawals)
    return next((one for one in listed if not one.key_compromised), listed[0])

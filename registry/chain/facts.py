"""The contract's answers as the facts that a verifier knows (`registry.checking.trust`). Nothing here asks anything."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from registry.checking.trust import Anchor, BatchFacts, KeyFacts, ManufacturerFacts, ProfileFacts, Reason, Withdrawal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from registry.chain.wire import Event
    from registry.checking.trust import Seen

    BatchId = tuple[int, bytes]
    """Manufacturer and seal."""
    Masks = tuple[tuple[Reason, int], ...]
    """Which of some units are withdrawn, for each reason: bit `i` is the unit of rank `i`, counted from the first of them."""
    UnitPart = tuple[tuple[Withdrawal, ...], ...]
    """For each reason for which a unit is withdrawn, everyone who withdrew it since the last annulment, oldest first."""

NOBODY: Final = f"0x{'0' * 40}"
WORD_BITS: Final = 256
WORDS: Final = 8
"""Words of withdrawn units that are asked for at once: a batch of a million units has 3,907, and most are empty."""
UNITS: Final = WORDS * WORD_BITS
"""Units that these words are about."""
NO_PROFILE: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class FinalFacts:
    """What is final about a seal. None of it ever changes back, so that it may be kept for ever."""

    anchor: Anchor
    endorsed: bool
    attestations: int


@dataclass(frozen=True, slots=True, eq=False)
class BatchPart:
    """A batch's own slot, without what belongs to its manufacturer and to keys. No two readings of it are equal."""

    anchor: Anchor | None
    """At the block asked about."""
    final: FinalFacts | None
    """What of it is final."""
    withdrawal: Withdrawal | None
    """Of the whole batch; whether its key was compromised is left to whoever knows the key."""
    unit_reasons: int
    """Bit `reason` is set if units were ever withdrawn for that reason."""
    settled: bool
    """Whether all that speaks for it is final, so that nothing changes without an event."""


@dataclass(frozen=True, slots=True)
class DomainsPart:
    """The official domains, and whether the list is final as it is."""

    domains: tuple[str, ...]
    settled: bool


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


def key_seen(key: KeyFacts, seen: Seen) -> KeyFacts:
    """Return a key with the moment at which it was read."""
    return KeyFacts(
        key.address,
        key.manufacturer,
        key.permissions,
        key.not_before,
        key.not_after,
        key.revoked_at,
        key.compromised_since,
        seen,
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


def manufacturer_seen(one: ManufacturerFacts, seen: Seen) -> ManufacturerFacts:
    """Return a manufacturer with the moment at which it was read."""
    return ManufacturerFacts(
        one.number, one.controller, one.accredited_at, one.suspended_at, one.batch_count, one.profiles, seen
    )


def anchor_of(batch: Any) -> Anchor | None:
    """Return the anchor of a batch, or none."""
    if batch.anchoredBy == NOBODY:
        return None
    # Few keys anchor many batches: their addresses are kept once.
    return Anchor(sys.intern(batch.anchoredBy), batch.anchoredAt, batch.anchoredBlock)


def final_facts(status: Any | None) -> FinalFacts | None:
    """Return what a status at the finality says; none if the seal is not anchored there."""
    anchor = anchor_of(status.batch) if status is not None else None
    return FinalFacts(anchor, status.batch.endorsed, status.batch.attestations) if status is not None and anchor else None


def batch_part(status: Any, final: FinalFacts | None) -> BatchPart:
    """Return a batch's slot, given what of it is final."""
    batch, anchor = status.batch, anchor_of(status.batch)
    withdrawal = None
    if batch.withdrawnFor != Reason.NONE:
        reason, key = Reason(batch.withdrawnFor), sys.intern(batch.withdrawnBy)
        withdrawal = Withdrawal(reason, key, batch.withdrawnAt, whole_batch=True, key_compromised=False)
    settled = anchor is None or final == FinalFacts(anchor, batch.endorsed, batch.attestations)
    return BatchPart(final.anchor if final else anchor, final, withdrawal, batch.unitReasons, settled)


def batch_facts(
    part: BatchPart, manufacturer: ManufacturerFacts, key: Callable[[str], KeyFacts], signer: str, seen: Seen | None
) -> BatchFacts:
    """Put everything batch-wide together. Raises `KeyError` if `key` does not know a key of it."""
    final, anchor = part.final, part.anchor
    return BatchFacts(
        anchor=final.anchor if final else None,
        pending_anchor=None if final else anchor,
        endorsed=final.endorsed if final else False,
        attestations=final.attestations if final else 0,
        batch_withdrawal=judged(part.withdrawal, key) if part.withdrawal else None,
        any_units_withdrawn=part.unit_reasons != 0,
        manufacturer=manufacturer,
        anchor_key=key(anchor.key) if anchor else None,
        signer_key=key(signer),
        profile_hash=profile_in_force(manufacturer.profiles, anchor),
        seen=seen,
    )


def profile_in_force(profiles: Sequence[ProfileFacts], anchor: Anchor | None) -> bytes:
    """Return the hash of the profile that was in force at an anchor, or of the latest; zero if there is none.

    Twin of the contract's own rule: the last version that came into force no later.
    """
    in_force = [one for one in profiles if anchor is None or one.since <= anchor.time]
    return in_force[-1].profile_hash if in_force else NO_PROFILE


def judged(withdrawal: Withdrawal, key: Callable[[str], KeyFacts]) -> Withdrawal:
    """Return a withdrawal with what is known of its key. Raises `KeyError` as `key` does."""
    if not key(withdrawal.key).compromised_at(withdrawal.time):
        return withdrawal
    return replace(withdrawal, key_compromised=True)


def unit_withdrawals(part: UnitPart, key: Callable[[str], KeyFacts]) -> tuple[Withdrawal, ...]:
    """Return the withdrawal that counts for each reason. Raises `KeyError` if `key` does not know a key of it."""
    return tuple(believed(judged(one, key) for one in told) for told in part)


def reasons_in(masks: Masks, index: int) -> tuple[Reason, ...]:
    """Return the reasons for which a unit is withdrawn, in order of precedence."""
    return tuple(reason for reason, mask in masks if mask >> index % UNITS & 1)


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

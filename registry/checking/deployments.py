"""Every deployment of the registry, asked as one: whatever any of them says against a seal counts (protocol § 3).

A printed label outlives a contract, so that a registry may have several. The rule for each kind of fact:

- an anchor stands wherever it was made; of several, the oldest proves the most;
- a suspension, revocation, compromise or withdrawal counts wherever it was recorded, and the earliest time counts;
- an endorsement by the controller counts wherever it was recorded;
- the official domains are those of the current deployment alone, so that a lost domain can be dropped.

If one deployment cannot be asked, the question cannot be answered: what it would have said is not guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from registry.checking.trust import ManufacturerFacts
from registry.errors import ChainUnavailable, WrongChain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from registry.checking.trust import Anchor, BatchFacts, ChainFacts, Deployment, KeyFacts, Seen, Trust, Withdrawal


WEIGHED: Final = 16_384


@dataclass(frozen=True, slots=True)
class AnchorFound:
    """An anchor of a seal, with the keys that it rests on."""

    deployment: Deployment
    anchor: Anchor
    final: bool
    anchor_key: KeyFacts
    signer_key: KeyFacts
    profile_hash: bytes
    """The profile in force at the anchor."""
    attestations: int


@dataclass(frozen=True, slots=True)
class SealFacts:
    """Everything batch-wide that the deployments say of a seal."""

    found: AnchorFound | None
    endorsed: bool
    suspended_at: int
    accredited_at: int
    batch_withdrawals: tuple[Withdrawal, ...]
    any_units_withdrawn: bool
    seen: Seen | None


class Deployments:
    """The chain as a verifier sees it.

    Every method raises `ChainUnavailable` if any deployment could not be asked, or if what is known of it is older than the
    operator's limit, and `WrongChain` if deployments contradict each other.
    """

    def __init__(self, trust: Trust, chains: Sequence[ChainFacts]) -> None:
        """Put the chains into the order of the trust settings, the current deployment first.

        Raises `WrongChain` unless every trusted deployment has exactly one chain: a withdrawal would be overlooked.
        """
        if not chains or sorted(map(repr, trust.deployments)) != sorted(repr(chain.deployment) for chain in chains):
            raise WrongChain(
                f"{len(chains)} chains answer for {len(trust.deployments)} trusted deployments, expected exactly one for each",
                hint="make one reader for every deployment of the trust settings",
            )
        self._stale_seconds = trust.stale_seconds
        self._chains = sorted(chains, key=lambda chain: trust.deployments.index(chain.deployment))
        self._only = self._chains[0] if len(self._chains) == 1 else None
        self._weighed: dict[bytes, tuple[BatchFacts, SealFacts]] = {}
        """What followed from the last answer about a seal. The answer names the manufacturer, so that it is not asked for."""

    def as_of(self) -> Seen | None:
        """Return as of when what the chains remember is true, the oldest of them; none if each answer says it by itself."""
        if self._only is not None:
            return self._only.as_of()
        return self._oldest(chain.as_of() for chain in self._chains)

    def domains(self) -> tuple[str, ...]:
        """Return the official verifier domains."""
        return self._chains[0].domains()

    def key(self, address: str) -> KeyFacts:
        """Return a key as the strictest deployment knows it; `manufacturer` 0 means that it is nobody's anywhere."""
        if self._only is not None:
            key = self._only.key(address)
            self._check_age(key.seen)
            return key
        answers = [chain.key(address) for chain in self._chains]
        owned = [key for key in answers if key.manufacturer]
        owners = {key.manufacturer for key in owned}
        if len(owners) > 1:
            raise WrongChain(f"deployments disagree whose key {address} is: found manufacturers {sorted(owners)}, expected one")
        key = _strictest(owned[0], owned) if owned else answers[0]
        return replace(key, seen=self._oldest(key.seen for key in answers))

    def manufacturer(self, number: int) -> ManufacturerFacts:
        """Return a manufacturer with the profiles of every deployment and the earliest suspension that stands."""
        if self._only is not None:
            one = self._only.manufacturer(number)
            self._check_age(one.seen)
            return one
        answers = [chain.manufacturer(number) for chain in self._chains]
        return ManufacturerFacts(
            number=number,
            controller=answers[0].controller,
            accredited_at=_earliest(one.accredited_at for one in answers),
            suspended_at=_earliest(one.suspended_at for one in answers),
            batch_count=sum(one.batch_count for one in answers),
            profiles=tuple(profile for one in answers for profile in one.profiles),
            seen=self._oldest(one.seen for one in answers),
        )

    def seal(self, manufacturer: int, seal: bytes, signer: str) -> SealFacts:
        """Return what is known of a seal of this manufacturer, for a unit that `signer` signed."""
        if self._only is not None:
            return self._only_seal(manufacturer, seal, self._only, self._only.batch(manufacturer, seal, signer))
        answers = [(chain, chain.batch(manufacturer, seal, signer)) for chain in self._chains]
        everywhere = [facts for _, facts in answers]
        return SealFacts(
            found=self._anchor(manufacturer, answers),
            endorsed=any(facts.endorsed for facts in everywhere),
            suspended_at=_earliest(facts.manufacturer.suspended_at for facts in everywhere),
            accredited_at=_earliest(facts.manufacturer.accredited_at for facts in everywhere),
            batch_withdrawals=tuple(
                self._reviewed(facts.batch_withdrawal, chain) for chain, facts in answers if facts.batch_withdrawal is not None
            ),
            any_units_withdrawn=any(facts.any_units_withdrawn for facts in everywhere),
            seen=self._oldest(facts.seen for facts in everywhere),
        )

    def unit_withdrawals(self, manufacturer: int, seal: bytes, index: int) -> tuple[Withdrawal, ...]:
        """Return the withdrawals of one unit that stand, from every deployment."""
        return tuple(
            self._reviewed(withdrawal, chain)
            for chain in self._chains
            for withdrawal in chain.unit_withdrawals(manufacturer, seal, index)
        )

    def anchor_transaction(self, where: Deployment, manufacturer: int, seal: bytes) -> str | None:
        """Return the hash of the transaction that anchored a seal, or none where no log of it is to be had.

        It is a pointer for people who want to look it up. No verdict rests on it, so that a node without old logs withholds
        the pointer and not the verdict.
        """
        chain = self._only or next(chain for chain in self._chains if chain.deployment == where)
        try:
            return chain.anchor_transaction(manufacturer, seal)
        except ChainUnavailable:
            return None

    def _only_seal(self, manufacturer: int, seal: bytes, chain: ChainFacts, told: BatchFacts) -> SealFacts:
        """Return what the only deployment says, in which there is nothing to weigh; of the same answer, the same."""
        self._check_age(told.seen)
        before = self._weighed.get(seal)
        if before is not None and before[0] is told:
            return before[1]
        weighed = SealFacts(
            found=self._anchor(manufacturer, [(chain, told)]),
            endorsed=told.endorsed,
            suspended_at=told.manufacturer.suspended_at,
            accredited_at=told.manufacturer.accredited_at,
            batch_withdrawals=() if told.batch_withdrawal is None else (told.batch_withdrawal,),
            any_units_withdrawn=told.any_units_withdrawn,
            seen=told.seen,
        )
        if len(self._weighed) >= WEIGHED:
            self._weighed.clear()
        self._weighed[seal] = (told, weighed)
        return weighed

    def _anchor(self, manufacturer: int, answers: Sequence[tuple[ChainFacts, BatchFacts]]) -> AnchorFound | None:
        """Return the oldest final anchor; failing that the oldest that is not final yet; failing that none."""
        final = [(facts.anchor, True, chain, facts) for chain, facts in answers if facts.anchor is not None]
        pending = [(facts.pending_anchor, False, chain, facts) for chain, facts in answers if facts.pending_anchor is not None]
        if not final and not pending:
            return None
        candidates = final or pending
        oldest = candidates[0] if len(candidates) == 1 else min(candidates, key=lambda one: one[0].time)
        anchor, is_final, chain, facts = oldest
        if facts.anchor_key is None or facts.anchor_key.manufacturer != manufacturer:
            raise WrongChain("the key that anchored the seal is not a key of the manufacturer that is said to have anchored it")
        # A unit's signer is judged by the deployment that holds the anchor, or else by the first that knows it.
        signer_keys = [(facts.signer_key, chain), *((one.signer_key, where) for where, one in answers)]
        known = [(key, where) for key, where in signer_keys if key.manufacturer == manufacturer]
        if not known:
            raise ChainUnavailable("the chain knew the signer's key a moment ago and now does not: an endpoint lags behind")
        signer_key, told_by = known[0]
        return AnchorFound(
            deployment=chain.deployment,
            anchor=anchor,
            final=is_final,
            anchor_key=self._strict(facts.anchor_key, chain),
            signer_key=self._strict(signer_key, told_by),
            profile_hash=facts.profile_hash,
            attestations=facts.attestations,
        )

    def _strict(self, key: KeyFacts, told_by: ChainFacts) -> KeyFacts:
        """Return a key with what the other deployments say against it."""
        if self._only is not None:
            return key
        return _strictest(key, [chain.key(key.address) for chain in self._chains if chain is not told_by])

    def _reviewed(self, withdrawal: Withdrawal, told_by: ChainFacts) -> Withdrawal:
        """Return a withdrawal, under review also where only another deployment knows that its key was compromised."""
        others = [chain.key(withdrawal.key) for chain in self._chains if chain is not told_by]
        compromised = withdrawal.key_compromised or any(key.compromised_at(withdrawal.time) for key in others)
        return replace(withdrawal, key_compromised=compromised)

    def _oldest(self, answers: Iterable[Seen | None]) -> Seen | None:
        """Return the oldest of some answers, whose age is then the age of what follows from them."""
        told = [seen for seen in answers if seen is not None]
        oldest = max(told, key=lambda seen: (seen.stale, seen.age_seconds), default=None)
        self._check_age(oldest)
        return oldest

    def _check_age(self, seen: Seen | None) -> None:
        if seen is not None and seen.stale and seen.age_seconds > self._stale_seconds:
            raise ChainUnavailable(
                f"the chain is silent and its last answer is {seen.age_seconds:.0f} s old, expected at most "
                f"{self._stale_seconds:.0f} s"
            )


def _strictest(key: KeyFacts, others: Iterable[KeyFacts]) -> KeyFacts:
    """Return a key with the earliest revocation and compromise that any deployment knows of.

    The window stays that of the deployment where it was used: a later deployment starts a window of its own.
    """
    told = [key, *(other for other in others if other.manufacturer == key.manufacturer)]
    if len(told) == 1:
        return key
    return replace(
        key,
        revoked_at=_earliest(one.revoked_at for one in told),
        compromised_since=_earliest(one.compromised_since for one in told),
    )


def _earliest(times: Iterable[int]) -> int:
    """Return the earliest of some times, where 0 means never."""
    return min((time for time in times if time), default=0)

"""Shows that a unit was never registered: by no manufacturer that ever claimed its GTIN, in no deployment, up to a block.

Two moments matter. What is *shown* ends at the newest final block, so that it stays true and can be checked for ever. What is
*looked at* goes on to the newest block, so that a batch whose anchor is not final yet accuses nobody: a unit of such a batch is
not absent, and a tree that is missing cannot be asked. "Could not ask" is never "absent".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from registry.errors import ChainUnavailable, DocumentError, ProofError, StoreDamaged
from registry.proofs import absence, profile
from registry.proofs.absence_file import MAX_ATTESTATIONS, AbsenceFile, Issuer, ListedBatch, Listing
from registry.units import identity
from registry.units.records import UnitId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.enforcement.chronicle import Accredited, Anchored, Chronicle, Roll
    from registry.proofs.absence import BatchGap
    from registry.proofs.tree_file import TreeFile


class Shelf(Protocol):
    """What is asked of a store. Both methods raise `StoreUnavailable` or `StoreDamaged`; a missing tree is such an error."""

    def tree(self, seal: bytes) -> TreeFile:
        """Return the tree file of a seal."""

    def profile(self, profile_hash: bytes) -> bytes | None:
        """Return the RFC 8785 bytes of the profile of this hash, or none."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What has to be looked at for one GTIN: the same for all of its serials."""

    listings: tuple[Listing, ...]
    profiles: tuple[bytes, ...]
    shown: frozenset[bytes]
    """The seals of the listings."""
    trees: tuple[TreeFile, ...]
    """Of every batch, those that are not final yet included."""


class Inquiry:
    """Asks about any number of units as of one moment of the chains."""

    # A manufacturer is excused from the question only if every version of its profile, in every deployment, is there to be read
    # and none of them claims the GTIN. One whose profile is missing is asked like one that claims: more is shown, never less.

    def __init__(self, registry_id: bytes, chronicles: Sequence[Chronicle], shelf: Shelf) -> None:
        """Read every deployment's manufacturers now: `chronicles` has one for each, the current one first.

        Raises `ChainUnavailable` or `WrongChain` if one could not be asked.
        """
        self._registry_id = registry_id
        self._shelf = shelf
        self._rolls = [(one, one.roll()) for one in chronicles]
        self._batches: dict[tuple[int, int], tuple[Anchored, ...]] = {}
        """By the place of the deployment and the manufacturer's number."""
        self._profiles: dict[bytes, profile.Profile | None] = {}
        self._bodies: dict[bytes, bytes] = {}
        self._scopes: dict[str, Scope] = {}

    def show(self, unit: UnitId) -> AbsenceFile:
        """Return what shows that a unit is in no batch, every part of it verified.

        Raises `MerkleError` if a batch has it, `IdentityError` if no unit can be called so, `ChainError` if a chain and
        `StoreError` if a tree could not be asked.
        """
        unit = UnitId(identity.parse_gtin(unit.gtin), identity.read_serial(unit.serial))
        scope = self._scope(unit.gtin)
        gaps = {tree.seal: self._gap(tree, unit) for tree in scope.trees}
        shown = tuple(gaps[seal] for seal in sorted(scope.shown))
        return AbsenceFile(self._registry_id, unit, scope.listings, scope.profiles, shown)

    def _gap(self, tree: TreeFile, unit: UnitId) -> BatchGap:
        try:
            gap = absence.find(tree, unit)
        except (DocumentError, OSError) as error:
            raise StoreDamaged(f"the tree file of seal {tree.seal.hex()} cannot be searched: {error}") from error
        try:
            absence.verify(gap, unit, self._registry_id)
        except (ProofError, DocumentError) as error:
            raise StoreDamaged(
                f"the tree file of seal {tree.seal.hex()} shows nothing: {error.message}",
                hint="bring it back from a backup; if it is as it was sealed, its manufacturer did not put it in order",
            ) from error
        return gap

    def _scope(self, gtin: str) -> Scope:
        known = self._scopes.get(gtin)
        if known is None:
            known = self._scopes[gtin] = self._look(gtin)
        return known

    def _look(self, gtin: str) -> Scope:
        """Find out whose batches to look at, and open all of them."""
        everywhere: dict[int, list[bytes]] = {}
        for _, roll in self._rolls:
            for one in roll.manufacturers:
                everywhere.setdefault(one.number, []).extend(version.profile_hash for version in one.versions)
        asked = {number for number, hashes in everywhere.items() if not self._excused(gtin, hashes)}
        listings: list[Listing] = []
        seals: dict[bytes, None] = {}
        for place, (chronicle, roll) in enumerate(self._rolls):
            listings.append(self._listing(place, chronicle, roll, asked))
            for one in roll.manufacturers:
                if one.number in asked:
                    seals |= dict.fromkeys(batch.seal for batch in self._anchored(place, one.number))
        shown = frozenset(batch.seal for listing in listings for issuer in listing.issuers for batch in issuer.batches)
        named = {one for listing in listings for issuer in listing.issuers for one in issuer.profiles}
        bodies = tuple(self._bodies[one] for one in sorted(named & self._bodies.keys()))
        return Scope(tuple(listings), bodies, shown, tuple(self._shelf.tree(seal) for seal in sorted(seals)))

    def _listing(self, place: int, chronicle: Chronicle, roll: Roll, asked: set[int]) -> Listing:
        """Return what a deployment lists up to its newest final block."""
        issuers = [self._issuer(place, one, roll.final.number, asked) for one in roll.manufacturers]
        known = tuple(issuer for issuer in issuers if issuer.profiles)
        return Listing(chronicle.chain_id, chronicle.contract, roll.final, known)

    def _issuer(self, place: int, one: Accredited, last: int, asked: set[int]) -> Issuer:
        profiles = tuple(version.profile_hash for version in one.versions if version.block <= last)
        batches = issued(self._anchored(place, one.number), last) if one.number in asked else ()
        return Issuer(one.number, profiles, len(batches), batches)

    def _anchored(self, place: int, number: int) -> tuple[Anchored, ...]:
        known = self._batches.get((place, number))
        if known is None:
            chronicle, roll = self._rolls[place]
            known = self._batches[place, number] = chronicle.batches(number, roll.head)
            if list(known) != sorted(known, key=lambda one: one.block):
                raise ChainUnavailable(
                    f"the batches of manufacturer {number} are listed out of order, expected by their blocks"
                )
        return known

    def _excused(self, gtin: str, hashes: Sequence[bytes]) -> bool:
        profiles = [self._profile(one) for one in hashes]
        return all(one is not None and not identity.claims(gtin, one.gtins) for one in profiles)

    def _profile(self, profile_hash: bytes) -> profile.Profile | None:
        """Return a profile; none if our copy of it is missing or is no profile."""
        if profile_hash not in self._profiles:
            raw = self._shelf.profile(profile_hash)
            found = None
            if raw is not None and profile.profile_hash(raw) == profile_hash:
                try:
                    found = profile.read(raw)
                    self._bodies[profile_hash] = raw
                except DocumentError:
                    found = None
            self._profiles[profile_hash] = found
        return self._profiles[profile_hash]


def issued(anchored: Sequence[Anchored], last: int) -> tuple[ListedBatch, ...]:
    """Return the batches that were anchored up to a block, as they stood there."""
    return tuple(
        ListedBatch(one.seal, one.block, min(sum(block <= last for block in one.attested), MAX_ATTESTATIONS))
        for one in anchored
        if one.block <= last
    )

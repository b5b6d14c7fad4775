"""The admitter: takes complete parcels out of the inbox, replays them, and puts what holds into the store.

In order to admit a batch, we need to achieve the following:

(1) Ask the chain again: the manufacturer is accredited and not suspended, and anchored the seal.
(2) Copy the parcel to the store's disk, where nobody else writes, and see that it has its checksum.
(3) Read the manifest: strict, of this registry, with the salt's hash, its GTINs among those that the profile in force claims.
(4) Compute each unit again: serial, attributes, key in its place, signature by a key of the manufacturer, leaf. No two units
    may read alike.
(5) Grow the tree: header, root and so the seal must come out to the byte.
(6) Store the batch. The store refuses units that another batch has.

It may be killed at any moment and run again: until (6) is done nothing happened, and after it the parcel only has to go.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from itertools import groupby
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from registry.errors import (
    AlreadyRegistered,
    ChainError,
    DocumentError,
    IdentityError,
    PublicationRefused,
    RegistryUnavailable,
    StoreError,
    WorkerLost,
)
from registry.issuing import repeats
from registry.issuing.batches import State
from registry.issuing.sealing import SealedBatch
from registry.proofs import encoding, growing, profile, tree_file
from registry.proofs.crew import Crew, hands
from registry.proofs.tree_file import FileSource, TreeFile
from registry.publishing.refusals import Refusal, refused
from registry.publishing.replaying import Job, Replay, out_of_order
from registry.publishing.standing import standing
from registry.units import identity
from registry.units.serials import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from registry.checking.deployments import Deployments
    from registry.issuing.batches import StoredBatch
    from registry.proofs.manifest import Manifest
    from registry.proofs.profile import Profile
    from registry.publishing.inbox import Inbox, Parcel
    from registry.publishing.standing import Standing

_log = logging.getLogger(__name__)

AT_ONCE: Final = 2**11
"""Units of one task: a fifth of a second's work."""
CHUNK: Final = 2**20
TOLD_EVERY: Final = 1.0
"""Seconds between two words on how far a check is."""
TIDY_EVERY: Final = 30.0
NAMED: Final = 5
"""Units in the way that a refusal names."""


class Store(Protocol):
    """What admission asks of the registry's store; `registry.storage.store.Store` is one."""

    def batch(self, seal: bytes) -> StoredBatch | None:
        """Return the batch of a seal, or none."""

    def batches(self, manufacturer: int | None = None, state: State | None = None) -> tuple[StoredBatch, ...]:
        """Return the batches of a state."""

    def profile(self, profile_hash: bytes) -> bytes | None:
        """Return the body of a profile, or none."""

    def add_profile(self, raw: bytes) -> bytes:
        """Keep the body of a profile."""

    def keep_picture(self, raw: bytes) -> str:
        """Keep a picture of a product, and return its sha256."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the store for one batch: no registration works in it meanwhile."""

    def workroom(self) -> AbstractContextManager[Path]:
        """Give an empty folder on the disk of the tree files; only whoever holds the store may have it."""

    def add_batch(self, sealed: SealedBatch, *, manufacturer: int, run: str, key: str, state: State) -> int:
        """Store a batch with all its units, or nothing."""

    def mark_anchored(self, batch_id: int, block: int, time: int) -> None:
        """Note the anchor."""

    def mark_final(self, batch_id: int) -> None:
        """Note that the anchor is final."""


class Admitter:
    """Admits what is in one inbox into one store."""

    def __init__(
        self,
        inbox: Inbox,
        chain: Deployments,
        store: Store,
        registry_id: bytes,
        *,
        workers: int | None = None,
        tell: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Put the parts together. `chain` asks every time; `tell` is told in words of what became of each parcel."""
        self._inbox = inbox
        self._chain = chain
        self._store = store
        self._registry_id = registry_id
        self._workers = workers
        self._tell = tell
        self._clock = clock
        self._tidy_at = self._clock()

    def run_once(self) -> int:
        """Admit or refuse every complete parcel; returns how many of them have to wait.

        The caller holds the inbox (`Inbox.admitting`). Raises nothing for a parcel, whatever it holds: what is wrong with it is
        said in the inbox, and what could not be asked is asked again at the next run.
        """
        self._tidy()
        waiting = self._admit_profiles() + self._admit_pictures()
        for parcel in self._inbox.parcels():
            try:
                if parcel.is_complete:
                    self._admit(parcel)
            except PublicationRefused as error:
                self._tell(f"0x{parcel.seal.hex()}: refused, {error.reason}: {error.message}")
                parcel.refuse(error)
            except FileNotFoundError:  # it gave way to others
                continue
            except Exception as error:  # noqa: BLE001 -- one parcel must not keep the others out
                waiting += 1
                self._put_off(parcel, error)
        return waiting

    def _tidy(self) -> None:
        """Do now and then what no parcel waits for."""
        if self._tidy_at <= self._clock():
            self._tidy_at = self._clock() + TIDY_EVERY
            self._inbox.sweep()
            self._settle()

    def _put_off(self, parcel: Parcel, error: Exception) -> None:
        """Say what a parcel waits for: nothing follows about it."""
        if isinstance(error, ChainError):
            reason = ("chain_unavailable", error.message)
        elif isinstance(error, StoreError | RegistryUnavailable | WorkerLost):
            reason = ("store_unavailable", error.message)
        elif isinstance(error, OSError):
            reason = ("store_unavailable", f"the registry's disk: {error.strerror or error}")
        else:
            _log.exception("a parcel cannot be checked", exc_info=error)
            reason = ("unexpected", type(error).__name__)
        self._tell(f"0x{parcel.seal.hex()}: has to wait, {reason[0]}: {reason[1]}")
        try:
            parcel.tell(waiting_for=reason)
        except OSError as told:
            _log.error("the inbox cannot be written: %s", told)

    def _admit(self, parcel: Parcel) -> None:
        began = self._clock()
        offer = parcel.offer
        # (1) Whatever the web process found when the batch was offered.
        found = standing(self._chain, offer)
        stored = self._store.batch(offer.header.seal)
        if stored is None:
            parcel.tell()
            with self._store.exclusive(), self._store.workroom() as room:
                sealed, key = self._replay(parcel, found, room / "batch")
                self._add(sealed, offer.manufacturer, key)
            stored = self._store.batch(offer.header.seal)
        if stored is not None:
            self._note(stored, found)
        parcel.drop()
        seconds = max(self._clock() - began, 1e-9)
        units = offer.header.unit_count
        self._tell(
            f"0x{offer.header.seal.hex()}: admitted, {units:,} units in {seconds:.1f} s, {units / seconds:,.0f} a second"
        )

    def _replay(self, parcel: Parcel, found: Standing, path: Path) -> tuple[SealedBatch, str]:
        """Return the batch that a parcel holds, and the key that signed it."""
        header = parcel.offer.header
        # (2) From here on nobody else can change what is checked.
        _copy(parcel, path)
        file = TreeFile(FileSource(path))
        try:
            described = self._read_manifest(file, found)
            raw = file.manifest_bytes
            job = Job(path, header, self._registry_id, tuple((one.gtin, one.lot) for one in described.products))
            with Crew(Replay, job, workers=hands(header.unit_count, self._workers)) as crew:
                # (4) In worker processes, in the file.
                numbers = self._check_units(parcel, crew)
                _refuse_alike(numbers, file)
                # (5) By the same workers.
                grown = growing.grow(path, header, crew)
        finally:
            file.close()
        if grown != header:
            raise refused(
                Refusal.WRONG_TREE,
                f"the units give root 0x{grown.root.hex()}, expected the header's 0x{header.root.hex()} and its nodes",
            )
        sealed = SealedBatch(header.opening, header.salt, raw, header.seal, header.parcel_checksum.hex(), path)
        return sealed, parcel.offer.key

    def _read_manifest(self, file: TreeFile, found: Standing) -> Manifest:
        # (3) What the batch says of itself.
        try:
            described = file.manifest
            for product in described.products:
                identity.parse_gtin(product.gtin)
                identity.require_issuable(product.lot, "lot")
        except (DocumentError, IdentityError) as error:
            raise refused(Refusal.WRONG_MANIFEST, error.message, hint=error.hint) from error
        if described.registry_id != self._registry_id:
            raise refused(
                Refusal.WRONG_REGISTRY,
                f"the manifest is of registry 0x{described.registry_id.hex()}, expected 0x{self._registry_id.hex()}",
            )
        if described.salt_hash != encoding.salt_hash(file.header.salt):
            raise refused(Refusal.WRONG_SALT, "the salt is not the one that the manifest commits")
        claimed = self._profile(found.profile_hash).gtins
        for product in described.products:
            if not identity.claims(product.gtin, claimed):
                raise refused(
                    Refusal.GTIN_NOT_CLAIMED,
                    f"GTIN {product.gtin} is not among what the manufacturer's profile claimed at the anchor",
                )
        return described

    def _profile(self, digest: bytes) -> Profile:
        """Return a profile, also one that came after we had looked for profiles and before its batch."""
        raw = self._store.profile(digest)
        if raw is None:
            self._admit_profiles()
            raw = self._store.profile(digest)
        if raw is None and self._inbox.has_profile(digest):
            raise RegistryUnavailable(f"profile 0x{digest.hex()} has to wait")
        if raw is None or profile.profile_hash(raw) != digest:
            raise refused(Refusal.PROFILE_MISSING, f"the registry has no body of profile 0x{digest.hex()}")
        return profile.read(raw)

    def _check_units(self, parcel: Parcel, crew: Crew[Replay]) -> repeats.Numbers:
        """See that every unit holds; returns a number for each, equal where two read alike."""
        offer = parcel.offer
        numbers = np.empty(offer.header.unit_count, np.int64)
        ours: set[str] = set()
        last_key, told = b"", self._clock()
        for part in crew.map(Replay.check, _spans(offer.header.unit_count)):
            if part.first_key <= last_key:
                raise out_of_order(part.first)
            last_key = part.last_key
            for signer in sorted(part.signers.keys() - ours, key=part.signers.__getitem__):
                if self._chain.key(signer).manufacturer != offer.manufacturer:
                    raise refused(
                        Refusal.WRONG_SIGNATURE,
                        f"the signature of unit {part.signers[signer]} is not by a key of manufacturer {offer.manufacturer}",
                    )
                ours.add(signer)
            numbers[part.first : part.first + part.count] = np.frombuffer(part.numbers, np.int64)
            if self._clock() - told > TOLD_EVERY:
                told = self._clock()
                parcel.tell(units_checked=part.first + part.count)
        if offer.key not in ours:
            raise refused(Refusal.WRONG_SIGNATURE, f"no unit is signed by {offer.key}, expected the offered key")
        return numbers

    def _add(self, sealed: SealedBatch, manufacturer: int, key: str) -> None:
        # (6) All of it or nothing.
        try:
            self._store.add_batch(
                sealed, manufacturer=manufacturer, run=f"published {sealed.seal.hex()}", key=key, state=State.ANCHORED
            )
        except AlreadyRegistered as error:
            if self._store.batch(sealed.seal) is not None:
                return
            named = "; ".join(error.conflicts[:NAMED])
            raise refused(Refusal.UNIT_REGISTERED, f"{error.message}: {named}", hint=error.hint) from error

    def _note(self, batch: StoredBatch, found: Standing) -> None:
        """Note where the batch is anchored: for listings, because a verdict asks the chain."""
        if batch.state in {State.SEALED, State.SUBMITTED} or (batch.state is State.ANCHORED and batch.anchored_block is None):
            self._store.mark_anchored(batch.id, found.anchor.block, found.anchor.time)
            if found.final:
                self._store.mark_final(batch.id)

    def _settle(self) -> None:
        """Note what has become final since it was admitted; what cannot be asked now is asked at another time."""
        try:
            for batch in self._store.batches(state=State.ANCHORED):
                found = self._chain.seal(batch.manufacturer, batch.seal, batch.key).found
                if found is not None and found.final:
                    self._store.mark_final(batch.id)
        except (ChainError, StoreError) as error:
            _log.info("anchors cannot be looked up now: %s", error.message)

    def _admit_profiles(self) -> int:
        """Store the bodies of profiles whose hashes the chain has; returns how many have to wait."""
        waiting = 0
        for path, digest, manufacturer in self._inbox.profiles():
            try:
                raw = path.read_bytes()
                profile.read(raw)
                known = {version.profile_hash for version in self._chain.manufacturer(manufacturer).profiles}
                if profile.profile_hash(raw) == digest and digest in known:
                    self._store.add_profile(raw)
                    self._tell(f"profile 0x{digest.hex()} of manufacturer {manufacturer}: stored")
            except DocumentError:
                pass
            except (ChainError, StoreError, OSError) as error:
                waiting += 1
                self._tell(f"profile 0x{digest.hex()}: has to wait: {error}")
                continue
            path.unlink(missing_ok=True)
        return waiting

    def _admit_pictures(self) -> int:
        """Store the pictures of products; returns how many have to wait. Where one is shown, an anchored manifest names it."""
        waiting = 0
        for path in self._inbox.pictures():
            try:
                self._tell(f"picture {self._store.keep_picture(path.read_bytes())}: stored")
            except DocumentError:
                pass
            except (StoreError, OSError) as error:
                waiting += 1
                self._tell(f"picture {path.name}: has to wait: {error}")
                continue
            path.unlink(missing_ok=True)
        return waiting


def _copy(parcel: Parcel, path: Path) -> None:
    """Copy a parcel to a file of its own with room for its nodes. Raises `PublicationRefused` if it is not what was offered."""
    header = parcel.offer.header
    found = hashlib.sha256()
    with parcel.path.open("rb") as source, path.open("xb") as copy:
        os.posix_fallocate(copy.fileno(), 0, header.size)
        head = source.read(tree_file.HEADER.size)
        copy.write(head)
        rest = header.nodes_at - len(head)
        while chunk := source.read(min(CHUNK, rest)):
            found.update(chunk)
            copy.write(chunk)
            rest -= len(chunk)
    if head != tree_file.write_header(header) or rest or found.digest() != header.parcel_checksum:
        raise refused(
            Refusal.DAMAGED_PARCEL,
            "the parcel does not have the checksum that its header names",
            hint="see whether the sender's tree file is damaged, then send it again",
        )


def _spans(count: int) -> Iterator[tuple[int, int]]:
    for first in range(0, count, AT_ONCE):
        yield first, min(first + AT_ONCE, count)


def _refuse_alike(numbers: repeats.Numbers, file: TreeFile) -> None:
    """Refuse a batch with two units that read alike: a person who types one of them would be shown the other."""
    places = repeats.shared(numbers)
    for _, group in groupby(places.tolist(), key=lambda place: int(numbers[place])):
        seen: dict[tuple[str, str], int] = {}
        for rank in group:
            record = file.unit(rank).record
            before = seen.setdefault((record.gtin, fold(record.serial)), rank)
            if before != rank:
                raise refused(Refusal.UNITS_ALIKE, f"units {before} and {rank} read alike when they are typed")

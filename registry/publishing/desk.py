"""The desk: what a registry's web process answers to whoever brings a batch. It writes into the inbox, and nowhere else.

What can be refused is refused early: a malformed offer before anything is looked up, one that is too large before the chain is
asked, one that the chain does not know before a byte is kept.
"""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from registry.errors import DocumentError, PublicationRefused, RegistryUnavailable
from registry.proofs import manifest, pictures, profile
from registry.publishing import offer as offers
from registry.publishing.refusals import Refusal, refused
from registry.publishing.standing import standing
from registry.publishing.status import State, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.checking.deployments import Deployments
    from registry.issuing.batches import StoredBatch
    from registry.publishing.inbox import Inbox, Parcel

WORD: Final = re.compile(r"(?:0x)?(?P<digits>[0-9a-f]{64})")
PARCEL: Final = re.compile(r"[0-9a-f]{32}")
OFFSET: Final = re.compile(r"[0-9]{1,15}")
MAX_PROFILE: Final = profile.MAX_BYTES
MAX_PICTURE: Final = pictures.MAX_BYTES


class Books(Protocol):
    """What the desk asks of the registry's store. Both methods raise `StoreUnavailable` or `StoreDamaged`."""

    def batch(self, seal: bytes) -> StoredBatch | None:
        """Return the batch of a seal, or none."""

    def profile(self, profile_hash: bytes) -> bytes | None:
        """Return the body of a profile, or none."""


class Desk:
    """Receives batches. Its methods raise `PublicationRefused`, and where something could not be asked or written
    `ChainError`, `StoreError` or `RegistryUnavailable`.
    """  # noqa: D205  # one sentence says what it raises

    def __init__(self, inbox: Inbox, chain: Deployments, books: Books) -> None:
        self._inbox = inbox
        self._chain = chain
        self._books = books

    def offer(self, seal_text: str, body: bytes) -> Status:
        """Take an offer, or say where the batch is that it names: offering twice changes nothing."""
        seal = _word(seal_text, "seal")
        offer = offers.read(body, seal)
        self._inbox.check_size(offer)
        if self._books.batch(seal) is not None:
            return _admitted(offer.parcel)
        with _writing():
            known = self._inbox.parcel(seal, offer.parcel)
            if known is not None:
                with suppress(FileNotFoundError, PublicationRefused):
                    status = known.status()
                    if status.state is not State.REFUSED:
                        return status
            found = standing(self._chain, offer)
            wanted = tuple(one for one in found.profiles if not self._has_profile(one))
            if found.profile_hash in wanted:
                rest = tuple(one for one in wanted if one != found.profile_hash)
                return Status(State.PROFILES_WANTED, offer.parcel, profiles_wanted=(found.profile_hash, *rest))
            return replace(self._inbox.receive(offer).status(), profiles_wanted=wanted)

    def status(self, seal_text: str, name: str) -> Status:
        """Say where a parcel is."""
        seal = _word(seal_text, "seal")
        status = None
        with _writing(), suppress(FileNotFoundError):
            parcel = self._inbox.parcel(seal, name)
            status = parcel.status() if parcel else None
        # In this order: an admitted batch is in the store before its parcel leaves the inbox.
        if self._books.batch(seal) is not None:
            return _admitted(name if PARCEL.fullmatch(name) else "")
        if status is None:
            raise _unknown(seal)
        return status

    def append(self, seal_text: str, name: str, *, offset: str, checksum: str, part: bytes) -> Status:
        """Add a part to a parcel, and say where it is then."""
        seal = _word(seal_text, "seal")
        if not OFFSET.fullmatch(offset):
            raise refused(Refusal.MALFORMED_PART, f"found the offset {offset[:40]!r}, expected a number of bytes")
        parcel = self._inbox.parcel(seal, name)
        if parcel is None:
            return self.status(seal_text, name)
        with _writing():
            try:
                self._append(parcel, int(offset), part, checksum)
                return parcel.status()
            except FileNotFoundError:
                return self.status(seal_text, name)

    def profile(self, hash_text: str, manufacturer: str, body: bytes) -> None:
        """Take the body of a profile whose hash the chain has for a manufacturer; one that is known is left as it is."""
        digest = _word(hash_text, "profile's hash")
        if not offers.NUMBER.fullmatch(manufacturer) or int(manufacturer) > offers.MAX_MANUFACTURER:
            raise refused(Refusal.MALFORMED_PROFILE, f"found the manufacturer {manufacturer[:40]!r}, expected its number")
        try:
            profile.read(body)
        except DocumentError as error:
            raise refused(Refusal.MALFORMED_PROFILE, error.message, hint=error.hint) from error
        if profile.profile_hash(body) != digest:
            raise refused(Refusal.MALFORMED_PROFILE, f"the profile has another hash than 0x{digest.hex()}")
        if self._has_profile(digest):
            return
        owner = self._chain.manufacturer(int(manufacturer))
        if digest not in {version.profile_hash for version in owner.profiles}:
            raise refused(
                Refusal.UNKNOWN_PROFILE, f"the chain has no profile 0x{digest.hex()} of manufacturer {int(manufacturer)}"
            )
        with _writing():
            self._inbox.add_profile(digest, int(manufacturer), body)

    def picture(self, seal_text: str, digest: str, body: bytes) -> None:
        """Take a picture that the manifest of an admitted batch names."""
        seal = _word(seal_text, "seal")
        batch = self._books.batch(seal)
        if batch is None:
            raise refused(Refusal.UNKNOWN_PICTURE, f"no batch of seal 0x{seal.hex()} is admitted", hint="publish it first")
        if not any(digest in product.pictures for product in manifest.read_once(batch.manifest).products):
            raise refused(Refusal.UNKNOWN_PICTURE, f"the manifest names no picture {digest[:80]!r}")
        try:
            found = pictures.read(body)
        except DocumentError as error:
            raise refused(Refusal.MALFORMED_PICTURE, error.message, hint=error.hint) from error
        if found.digest != digest:
            raise refused(Refusal.MALFORMED_PICTURE, f"the picture has another sha256 than {digest}")
        with _writing():
            self._inbox.add_picture(found)

    def _append(self, parcel: Parcel, offset: int, part: bytes, checksum: str) -> None:
        if parcel.status().state is State.REFUSED:
            raise _unknown(parcel.seal)
        parcel.append(offset, part, checksum)

    def _has_profile(self, profile_hash: bytes) -> bool:
        return self._inbox.has_profile(profile_hash) or self._books.profile(profile_hash) is not None


@contextmanager
def _writing() -> Iterator[None]:
    """Turn a fault of the inbox's disk into what the caller can do about it: try again later."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RegistryUnavailable(f"the registry's inbox cannot be used: {error.strerror or error}") from error


def _word(text: str, what: str) -> bytes:
    found = WORD.fullmatch(text)
    if found is None:
        raise refused(Refusal.MALFORMED_OFFER, f"found the {what} {text[:80]!r}, expected 64 small hexadecimal digits")
    return bytes.fromhex(found["digits"])


def _admitted(parcel: str) -> Status:
    return Status(State.ADMITTED, parcel)


def _unknown(seal: bytes) -> PublicationRefused:
    return refused(Refusal.UNKNOWN_PARCEL, f"no such parcel of seal 0x{seal.hex()} is being received", hint="offer the batch")

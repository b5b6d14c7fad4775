"""Sends a sealed batch from the store that made it to another registry. It may be killed at any moment and run again.

The registry says how far it is, and the sender goes on from there: nothing has to be remembered here. What goes is the parcel,
streamed from the tree file; the registry makes the rest again by itself.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from registry.errors import DocumentError, PublicationRefused, RegistryUnavailable
from registry.issuing.batches import State as Stored
from registry.proofs import manifest
from registry.publishing import offer as offers
from registry.publishing.offer import Offer
from registry.publishing.refusals import Refusal, refused
from registry.publishing.status import State, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.issuing.batches import StoredBatch
    from registry.proofs.pictures import Picture
    from registry.proofs.tree_file import TreeFile
    from registry.publishing.door import Door

Answer = TypeVar("Answer")

PART: Final = 4 * 2**20
"""Bytes of a part; fewer if the registry wants it so."""
FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 15.0
LONGEST_LOOK: Final = 2.0
UNITS_A_PAUSE: Final = 100_000
"""For so many units it is asked once a second how far it is."""
LAG: Final = 30.0
"""Seconds that the registry's node may take longer than ours to know of an anchor."""
BEGIN_AGAIN: Final = 5
"""How often a parcel may vanish from the registry's inbox."""
NOT_NOW: Final = frozenset({Refusal.NO_ROOM, Refusal.BUSY, Refusal.BAD_CHECKSUM})
"""Refusals of this moment."""


class Progress(Protocol):
    """Is told how far it is."""

    def __call__(self, what: str, done: int, total: int, /) -> None:
        """Take the bytes sent, then the units that the registry has checked."""


class Sender:
    """Sends batches to one registry."""

    def __init__(
        self,
        door: Door,
        profile: Callable[[bytes], bytes | None],
        *,
        picture: Callable[[str], Picture | None] = lambda _: None,
        patience: float = 900.0,
        progress: Progress = lambda _what, _done, _total: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Put the parts together.

        `profile` gives the body of a profile, `picture` the picture of a sha256; `patience` is how many seconds may pass in
        vain.
        """
        self._door = door
        self._profile = profile
        self._picture = picture
        self._patience = patience
        self._progress = progress
        self._clock = clock
        self._sleep = sleep

    def send(self, batch: StoredBatch, tree: TreeFile, *, wait: bool = True) -> Status:
        """Send a batch, and wait until it is admitted; without `wait`, until all of it is there.

        Raises `PublicationRefused` if the registry does not take it, `RegistryUnavailable` if it could not be asked for as long
        as our patience lasts, and what the tree file raises. After either it can be sent again.
        """
        if batch.state in {Stored.SEALED, Stored.SUBMITTED}:
            raise refused(
                Refusal.NOT_ANCHORED,
                f"batch 0x{batch.seal.hex()} is {batch.state} here, expected it anchored",
                hint="run `touchstone register` again",
            )
        offer = Offer(batch.manufacturer, batch.key, tree.header)
        status = self._offer(offer)
        for _ in range(BEGIN_AGAIN):
            try:
                status = self._send_parts(status, offer, tree)
                status = self._wait(status, offer) if wait else status
            except PublicationRefused as error:
                if error.reason != Refusal.UNKNOWN_PARCEL:
                    raise
            else:
                if status.state is State.ADMITTED:
                    self._send_pictures(batch)
                return status
            # It gave way to others, or was lost with the registry's disk.
            status = self._offer(offer)
        raise RegistryUnavailable(f"the registry lost the parcel {BEGIN_AGAIN} times", hint="try again later")

    # ------------------------------------------------------------------------------------------------------- the steps

    def _offer(self, offer: Offer) -> Status:
        """Offer a batch, with the profiles that the registry wants and we have."""
        status = self._offer_once(offer)
        sent = [one for one in status.profiles_wanted if self._send_profile(one, offer.manufacturer)]
        if status.state is State.PROFILES_WANTED and status.profiles_wanted[:1] == tuple(sent[:1]):
            status = self._offer_once(offer)
        return status

    def _offer_once(self, offer: Offer) -> Status:
        until = self._clock() + min(LAG, self._patience)
        while True:
            try:
                return self._patiently(lambda: self._status("POST", f"batches/{offer.header.seal.hex()}", offers.write(offer)))
            except PublicationRefused as error:
                if error.reason != Refusal.NOT_ANCHORED or self._clock() > until:
                    raise
            self._sleep(1.0)

    def _send_profile(self, profile_hash: bytes, manufacturer: int) -> bool:
        """Send the body of a profile, if we have it."""
        raw = self._profile(profile_hash)
        if raw is None:
            return False
        self._patiently(lambda: self._door.ask("PUT", f"profiles/{profile_hash.hex()}?manufacturer={manufacturer}", raw))
        return True

    def _send_pictures(self, batch: StoredBatch) -> None:
        """Send the pictures that an admitted batch's manifest names, as far as we have them: the registry knows what to do."""
        named = {digest: None for product in manifest.read(batch.manifest).products for digest in product.pictures}
        for found in filter(None, map(self._picture, named)):
            self._send_picture(batch.seal, found)

    def _send_picture(self, seal: bytes, found: Picture) -> None:
        self._patiently(lambda: self._door.ask("PUT", f"batches/{seal.hex()}/pictures/{found.digest}", found.raw))

    def _send_parts(self, status: Status, offer: Offer, tree: TreeFile) -> Status:
        """Send what is not there yet, and return where the batch is then."""
        while status.state is State.RECEIVING:
            self._progress("sending bytes", status.offset, offer.size)
            status = self._send_part(status, offer, tree)
        if status.state is State.CHECKING:
            self._progress("sending bytes", offer.size, offer.size)
        return _taken(status)

    def _wait(self, status: Status, offer: Offer) -> Status:
        """Wait until a batch whose parcel is there is admitted."""
        checked, until = -1, 0.0
        while status.state is State.CHECKING:
            now = self._clock()
            if status.units_checked != checked:
                checked, until = status.units_checked, now + self._patience
                self._progress("checking units", checked, offer.header.unit_count)
            if now > until:
                reason = f": {status.message}" if status.message else ""
                raise RegistryUnavailable(
                    f"the registry has the whole parcel and does not get on with checking it{reason}",
                    hint="nothing has to be sent again: run this again later to ask",
                )
            self._sleep(min(max(FIRST_PAUSE, offer.header.unit_count / UNITS_A_PAUSE), LONGEST_LOOK))
            status = _taken(self._patiently(lambda: self._status("GET", _path(offer))))
        if status.state is State.RECEIVING:
            raise refused(Refusal.UNKNOWN_PARCEL, "the parcel begins again")
        self._progress("checking units", offer.header.unit_count, offer.header.unit_count)
        return status

    def _send_part(self, status: Status, offer: Offer, tree: TreeFile) -> Status:
        """Send what comes next, and return where the parcel is then."""
        end = min(status.offset + min(PART, status.part_size or PART), offer.size)
        part = b"".join(tree.chunks(status.offset, end))
        headers = {
            "Content-Type": "application/offset+octet-stream",
            "Upload-Offset": str(status.offset),
            "Upload-Checksum": f"sha256 {hashlib.sha256(part).hexdigest()}",
        }
        try:
            return self._patiently(lambda: self._status("PATCH", _path(offer), part, headers))
        except PublicationRefused as error:
            if error.reason != Refusal.WRONG_OFFSET:
                raise
        # An answer was lost, and the part was not.
        return self._patiently(lambda: self._status("GET", _path(offer)))

    def _status(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Status:
        document = self._door.ask(method, path, body, headers)
        try:
            return Status.read(document)
        except DocumentError as error:
            raise RegistryUnavailable(f"the registry's answer makes no sense: {error.message}") from error

    def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        """Ask until there is an answer, with growing pauses, for as long as our patience lasts."""
        until, pause = self._clock() + self._patience, FIRST_PAUSE
        while True:
            try:
                return ask()
            except RegistryUnavailable:
                if self._clock() + pause > until:
                    raise
            except PublicationRefused as error:
                if error.reason not in NOT_NOW or self._clock() + pause > until:
                    raise
            self._sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def _taken(status: Status) -> Status:
    """Return a status that is no refusal. Raises `PublicationRefused`."""
    if status.state is State.PROFILES_WANTED:
        raise refused(
            Refusal.PROFILE_MISSING,
            f"the registry wants profile 0x{status.profiles_wanted[0].hex()}, of which we have no body",
            hint="it is the document whose hash the alliance put on the chain",
        )
    if status.state is State.REFUSED:
        raise PublicationRefused(status.message, reason=status.code, hint=status.hint or None)
    return status


def _path(offer: Offer) -> str:
    return f"batches/{offer.header.seal.hex()}/{offer.parcel}"

"""The inbox: a folder of parcels on their way in, the only place that a web process writes to.

    <inbox>/<seal>.<parcel>/offer      the offer, as it came
                            parcel     the parcel's bytes so far; its first 256, the header, come with the offer
                            answer     what the admitter says of it, once it said something
    <inbox>/profiles/<hash>.<manufacturer>
    <inbox>/pictures/<sha256>

How far a parcel is follows from its files: there is nothing that could contradict them after a crash. Several processes may
work in one inbox. A folder comes into being, and goes, by a rename.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from registry.errors import PublicationRefused, RegistryUnavailable
from registry.proofs import growing, tree_file
from registry.publishing import offer as offers
from registry.publishing.refusals import Refusal, refused
from registry.publishing.status import State, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry.proofs.pictures import Picture
    from registry.publishing.offer import Offer

MAX_PART: Final = 4 * 2**20
"""Bytes of one part: what a web process holds of it at once."""
NAME: Final = re.compile(r"(?P<seal>[0-9a-f]{64})\.(?P<parcel>[0-9a-f]{32})")
PROFILE: Final = re.compile(r"(?P<hash>[0-9a-f]{64})\.(?P<manufacturer>[1-9][0-9]{0,9})")
CHECKSUM: Final = re.compile(r"sha256 (?P<digest>[0-9a-f]{64})")
UNFINISHED: Final = ".new-"
LEAVING: Final = ".gone-"
BUSY: Final = "another request writes to this parcel"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a registry receives at once."""

    parcel_bytes: int = 4 * 2**30
    """Of one batch: 10 million units have 900 MB."""
    inbox_bytes: int = 16 * 2**30
    """Of all parcels together, as they are announced."""
    parcels: int = 200
    """Folders in the inbox, refused ones included."""
    pictures: int = 1000
    """Of all products together, until they are admitted."""
    parcels_of_a_seal: int = 4
    """Only one of them can be right. Whoever knows what a seal commits may send others, and must not shut that one out."""
    spare_bytes: int = 2**30
    """Left free on the disk."""
    idle_seconds: float = 900.0
    """After this an upload gives way to others that need its room."""
    kept_seconds: float = 3 * 86_400.0
    """After this an upload that does not go on, or the answer to one, is forgotten."""


class Parcel:
    """One parcel in the inbox."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def offer(self) -> Offer:
        """The offer. Raises `FileNotFoundError` if the parcel is gone, `PublicationRefused` if the file is not an offer."""
        return offers.read((self.folder / "offer").read_bytes(), self.seal)

    @property
    def seal(self) -> bytes:
        """The batch's seal."""
        return bytes.fromhex(self.folder.name[:64])

    @property
    def name(self) -> str:
        """The parcel's name, see `Offer.parcel`."""
        return self.folder.name[65:]

    @property
    def path(self) -> Path:
        """The bytes so far."""
        return self.folder / "parcel"

    @property
    def is_complete(self) -> bool:
        """Say whether all bytes are there."""
        try:
            return self.path.stat().st_size == self.offer.size
        except FileNotFoundError:
            return False

    def status(self) -> Status:
        """Return where it is. Raises `FileNotFoundError` if it is gone."""
        answer = self._answer()
        size = self.offer.size
        if answer.get("state") == State.REFUSED:
            state, offset = State.REFUSED, 0
        else:
            offset = self.path.stat().st_size
            state = State.CHECKING if offset == size else State.RECEIVING
        return Status(
            state=state,
            parcel=self.name,
            offset=offset,
            size=size,
            part_size=MAX_PART,
            units_checked=answer.get("units_checked", 0),
            code=answer.get("code", ""),
            message=answer.get("message", ""),
            hint=answer.get("hint", ""),
        )

    def append(self, offset: int, part: bytes, checksum: str) -> None:
        """Add a part at its place, so that it survives a power cut; a part that does not fit changes nothing.

        Raises `PublicationRefused` if the checksum (`sha256 <hex>`) is not the part's, or the part does not begin where the
        bytes end; `FileNotFoundError` if the parcel is gone, `OSError` if it cannot be written.
        """
        told = CHECKSUM.fullmatch(checksum)
        if told is None or not 0 < len(part) <= MAX_PART:
            raise refused(
                Refusal.MALFORMED_PART,
                f"found {len(part)} bytes, expected 1 to {MAX_PART}, and `sha256 <hex>` as their checksum",
            )
        if hashlib.sha256(part).hexdigest() != told["digest"]:
            raise refused(Refusal.BAD_CHECKSUM, "the part does not have its checksum", hint="send it again")
        with self.path.open("r+b", buffering=0) as file:
            _lock(file.fileno(), refused(Refusal.BUSY, BUSY, hint="ask where the parcel stands, then go on"))
            size = os.fstat(file.fileno()).st_size
            if offset != size:
                raise refused(Refusal.WRONG_OFFSET, f"the part begins at {offset}, expected {size}", hint="go on from there")
            if offset + len(part) > self.offer.size:
                raise refused(Refusal.WRONG_OFFSET, f"the part ends after the parcel's {self.offer.size} bytes")
            try:
                growing.write(file.fileno(), offset, part)
                os.fdatasync(file.fileno())
            except OSError:
                with suppress(OSError):
                    file.truncate(offset)
                raise

    def tell(self, *, units_checked: int = 0, waiting_for: tuple[str, str] = ("", "")) -> None:
        """Say how far the check is, or what it waits for."""
        code, message = waiting_for
        self._say({"state": State.CHECKING.value, "units_checked": units_checked, "code": code, "message": message})

    def refuse(self, error: PublicationRefused) -> None:
        """Say why it is refused, then forget its bytes: whoever offers it again sends them again."""
        told = {"code": error.reason, "message": error.message, "hint": error.hint or ""}
        self._say({"state": State.REFUSED.value, **told})
        self.path.unlink(missing_ok=True)

    def drop(self) -> None:
        """Take it out of the inbox, all at once."""
        gone = self.folder.with_name(f"{LEAVING}{secrets.token_hex(8)}")
        with suppress(FileNotFoundError):
            self.folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)

    def idle_since(self) -> float:
        """Return when something happened to it for the last time, in Unix seconds."""
        times = [0.0]
        for name in ("offer", "parcel", "answer"):
            with suppress(FileNotFoundError):
                times.append((self.folder / name).stat().st_mtime)
        return max(times)

    def _answer(self) -> dict[str, Any]:
        try:
            answer = json.loads((self.folder / "answer").read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return answer if isinstance(answer, dict) else {}

    def _say(self, answer: dict[str, Any]) -> None:
        """Write the answer, whole or not at all, and into a new file: strangers' requests are at work in this folder too."""
        new = self.folder / f"{UNFINISHED}{secrets.token_hex(8)}"
        with new.open("x") as file:
            file.write(json.dumps(answer))
        new.replace(self.folder / "answer")


class Inbox:
    """The folder, for any number of processes that receive and one that admits."""

    def __init__(self, folder: Path, limits: Limits | None = None, *, clock: Callable[[], float] = time.time) -> None:
        """Take a folder that is there. Raises `RegistryUnavailable` if it is not."""
        if not folder.is_dir():
            raise RegistryUnavailable(f"the inbox {folder} is not there, expected a folder")
        self.folder = folder
        self.limits = limits or Limits()
        self._clock = clock
        self._profiles = folder / "profiles"
        self._pictures = folder / "pictures"

    # ------------------------------------------------------------------------------------------------- what comes in

    def check_size(self, offer: Offer) -> None:
        """Raise `PublicationRefused` if the batch is larger than anything that is received here."""
        if offer.size > self.limits.parcel_bytes:
            raise refused(
                Refusal.TOO_LARGE,
                f"{offer.header.unit_count} units take {offer.size} bytes, expected at most {self.limits.parcel_bytes}",
                hint="register the units in several batches",
            )

    def receive(self, offer: Offer) -> Parcel:
        """Return the parcel of an offer, made if it is not there; one that was refused begins again.

        Raises `PublicationRefused` if there is no room for it, and `OSError`.
        """
        self.check_size(offer)
        with (self.folder / ".room").open("wb") as file:
            # Who comes second waits, and finds the first one's parcel, or its room taken.
            fcntl.flock(file, fcntl.LOCK_EX)
            parcel = Parcel(self.folder / f"{offer.header.seal.hex()}.{offer.parcel}")
            try:
                if parcel.status().state is not State.REFUSED:
                    return parcel
                parcel.drop()
            except FileNotFoundError:
                pass
            except PublicationRefused:  # its offer was lost in a power cut
                parcel.drop()
            self._make_room(offer)
            new = self.folder / f"{UNFINISHED}{secrets.token_hex(8)}"
            new.mkdir(mode=0o770)
            (new / "parcel").write_bytes(tree_file.write_header(offer.header))
            (new / "offer").write_bytes(offers.write(offer))
            new.rename(parcel.folder)
        return Parcel(parcel.folder)

    def parcel(self, seal: bytes, name: str) -> Parcel | None:
        """Return the parcel of this name, or none."""
        parcel = Parcel(self.folder / f"{seal.hex()}.{name}")
        return parcel if NAME.fullmatch(parcel.folder.name) and parcel.folder.is_dir() else None

    def add_profile(self, profile_hash: bytes, manufacturer: int, raw: bytes) -> None:
        """Keep the body of a profile until it is admitted. Raises `OSError`."""
        self._profiles.mkdir(exist_ok=True)
        new = self._profiles / f"{UNFINISHED}{secrets.token_hex(8)}"
        new.write_bytes(raw)
        new.replace(self._profiles / f"{profile_hash.hex()}.{manufacturer}")

    def has_profile(self, profile_hash: bytes) -> bool:
        """Say whether the body of a profile is in the inbox."""
        return any(self._profiles.glob(f"{profile_hash.hex()}.*"))

    def add_picture(self, picture: Picture) -> None:
        """Keep a picture until it is admitted. Raises `PublicationRefused` if too many wait, and `OSError`."""
        self._pictures.mkdir(exist_ok=True)
        if sum(1 for _ in self._pictures.iterdir()) >= self.limits.pictures:
            raise refused(Refusal.NO_ROOM, "the registry is receiving as many pictures as it can", hint="try again later")
        new = self._pictures / f"{UNFINISHED}{secrets.token_hex(8)}"
        new.write_bytes(picture.raw)
        new.replace(self._pictures / picture.digest)

    # ----------------------------------------------------------------------------------------------- what is admitted

    @contextmanager
    def admitting(self) -> Iterator[None]:
        """Hold the inbox for one admitter. Raises `RegistryUnavailable` if another one holds it."""
        with (self.folder / ".lock").open("wb") as file:
            _lock(
                file.fileno(),
                RegistryUnavailable("another admitter works with this inbox", hint="one is enough: it uses every core"),
            )
            yield

    def parcels(self) -> list[Parcel]:
        """Return every parcel, the one that was offered first first."""
        found = [Parcel(path) for path in self.folder.iterdir() if NAME.fullmatch(path.name) and not path.is_symlink()]
        return sorted(found, key=lambda parcel: _made(parcel.folder / "offer"))

    def profiles(self) -> list[tuple[Path, bytes, int]]:
        """Return path, hash and manufacturer of every profile that waits."""
        if not self._profiles.is_dir():
            return []
        named = ((path, PROFILE.fullmatch(path.name)) for path in sorted(self._profiles.iterdir()))
        return [(path, bytes.fromhex(name["hash"]), int(name["manufacturer"])) for path, name in named if name]

    def pictures(self) -> list[Path]:
        """Return every picture that waits."""
        if not self._pictures.is_dir():
            return []
        return [path for path in sorted(self._pictures.iterdir()) if not path.name.startswith(UNFINISHED)]

    def sweep(self) -> None:
        """Forget what nobody goes on with, and what was left half made. Only whoever admits may do this."""
        until = self._clock() - self.limits.kept_seconds
        for parcel in self.parcels():
            with suppress(FileNotFoundError):
                if parcel.idle_since() < until and (parcel.status().state is not State.CHECKING):
                    parcel.drop()
        for place in (self.folder, self._profiles, self._pictures):
            for path in [*place.glob(f"{UNFINISHED}*"), *place.glob(f"{LEAVING}*")]:
                if _made(path) < self._clock() - self.limits.idle_seconds:
                    shutil.rmtree(path, ignore_errors=True)
                    with suppress(OSError):
                        path.unlink()

    # ---------------------------------------------------------------------------------------------------------- within

    def _make_room(self, offer: Offer) -> None:
        """See that there is room, if need be in place of what is refused or idle. Raises `PublicationRefused`."""
        known = self.parcels()
        rivals = [parcel for parcel in known if parcel.seal == offer.header.seal]
        give_way = self._giving_way(known)
        while len(rivals) >= self.limits.parcels_of_a_seal:
            _drop_one(rivals, give_way, known)
        while len(known) >= self.limits.parcels or self._announced(known) + offer.size > self.limits.inbox_bytes:
            _drop_one(known, give_way)
        missing = sum(_missing(parcel) for parcel in known)
        # The store makes the whole tree file beside the parcel before the parcel goes.
        needed = missing + offer.size + offer.header.size + self.limits.spare_bytes
        if shutil.disk_usage(self.folder).free < needed:
            raise refused(Refusal.NO_ROOM, "the registry's disk has no room for this batch", hint="try again later")

    def _giving_way(self, known: list[Parcel]) -> list[Parcel]:
        """Return the parcels that give way to others: refused ones first, then the longest idle."""
        found: list[tuple[bool, float, int]] = []
        until = self._clock() - self.limits.idle_seconds
        for number, parcel in enumerate(known):
            with suppress(FileNotFoundError, PublicationRefused):
                state, idle = parcel.status().state, parcel.idle_since()
                if state is State.REFUSED or (state is State.RECEIVING and idle < until):
                    found.append((state is not State.REFUSED, idle, number))
        return [known[number] for _, _, number in sorted(found)]

    @staticmethod
    def _announced(known: list[Parcel]) -> int:
        return sum(_size(parcel) for parcel in known)


def _drop_one(among: list[Parcel], give_way: list[Parcel], *others: list[Parcel]) -> None:
    """Drop the first of some parcels that gives way. Raises `PublicationRefused` if none does."""
    for parcel in give_way:
        if parcel in among:
            parcel.drop()
            for known in (among, give_way, *others):
                known.remove(parcel)
            return
    raise refused(Refusal.NO_ROOM, "the registry is receiving as much as it can", hint="try again later")


def _size(parcel: Parcel) -> int:
    """Return the bytes that a parcel may come to take."""
    try:
        return 0 if parcel.status().state is State.REFUSED else parcel.offer.size
    except (FileNotFoundError, PublicationRefused):
        return 0


def _missing(parcel: Parcel) -> int:
    try:
        return _size(parcel) and parcel.offer.size - parcel.path.stat().st_size
    except FileNotFoundError:
        return 0


def _made(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _lock(descriptor: int, held: Exception) -> None:
    """Lock a file until it is closed, or its process ends. Raises what it is told if another one holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise held from error

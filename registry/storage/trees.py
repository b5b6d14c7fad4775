"""The tree files of a store: one per seal, written once, named by the seal in hex (`registry.proofs.tree_file`).

A file comes into being elsewhere on the same disk, is synced and then renamed: there is either the whole of it or none. Old
ones may lie in an archive, another folder or an object store, from which they are read in the same way.
"""

from __future__ import annotations

import fcntl
import os
import re
import resource
import shutil
import tempfile
from collections import OrderedDict
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Final

from registry.errors import DocumentError, InputError, ProofError, StoreDamaged, StoreUnavailable, TreeMissing
from registry.proofs import merkle
from registry.proofs.tree_file import FileSource, TreeFile
from registry.storage.objects import ObjectSource, connections, is_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    Mark = tuple[int, ...]
    """What tells one file from another of the same name."""

UNFINISHED: Final = ".writing-"
PLACED: Final = ".placed-"
"""Before a seal, the name of a note: its file got its place, and whether its batch was stored is not known yet."""
NOTE: Final = re.compile(re.escape(PLACED) + r"(?P<seal>[0-9a-f]{64})")
LOCK: Final = ".lock"
COPIED_AT_ONCE: Final = 2**20
OPEN_AT_ONCE: Final = 16_384
"""Files that are kept open, if the process may open twice as many: each is a descriptor and 4 to 32 KB of nodes."""
LOOK_EVERY: Final = 1.0
"""Seconds between two looks whether a file is still the one that was opened."""


class Trees:
    """The folder of tree files, and the archive behind it. Threads may share it."""

    def __init__(self, folder: Path, archive: str | None = None) -> None:
        """Take the folder, and the archive: another folder, or the http(s) address below which the files are."""
        self.folder = folder
        self._name = str(folder)
        self.archive = archive
        self._open: OrderedDict[bytes, tuple[Mark, TreeFile]] = OrderedDict()
        self._looked: dict[bytes, float] = {}
        """When a look was last taken at each of them."""
        self._pool = connections()
        self._lock = Lock()

    def path_of(self, seal: bytes) -> Path:
        """Return where the tree file of a seal is or would be."""
        return self.folder / seal.hex()

    def place(self, file: Path, seal: bytes) -> None:
        """Give a file that is on this disk, whole and synced, its place, with a note that goes when it is kept.

        Raises `StoreUnavailable`.
        """
        with _writing(self.folder, seal):
            file.chmod(0o644)
            (self.folder / f"{PLACED}{seal.hex()}").touch()
            file.replace(self.path_of(seal))
            sync_folder(self.folder)

    def keep(self, seal: bytes) -> None:
        """Let the file of a seal have its place for good: its batch is stored. Cannot fail, because `sweep` would do it too."""
        with suppress(OSError):
            (self.folder / f"{PLACED}{seal.hex()}").unlink()

    @contextmanager
    def workroom(self) -> Iterator[Path]:
        """Give an empty folder on the same disk; what is left in it afterwards is removed."""
        try:
            room = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=self.folder))
        except OSError as error:
            raise StoreUnavailable(
                f"no work can be done in the folder of trees: {error.strerror or error}",
                hint=f"see that {self.folder} exists, is writable and has room",
            ) from error
        try:
            yield room
        finally:
            shutil.rmtree(room, ignore_errors=True)

    def sweep(self, is_stored: Callable[[bytes], bool]) -> None:
        """Remove what a killed program left behind: also files that got their place, and whose batch was not stored then.

        Such a file is of no use, as nobody has paid for its seal, and it is told by its note from one whose batch was lost with
        a database. Only whoever holds the store's lock may do this. Raises `StoreUnavailable`.
        """
        _sweep(self.folder)
        for note in self.folder.glob(f"{PLACED}*"):
            if found := NOTE.fullmatch(note.name):
                seal = bytes.fromhex(found["seal"])
                with _writing(self.folder, seal):
                    if not is_stored(seal):
                        self.path_of(seal).unlink(missing_ok=True)
                    note.unlink(missing_ok=True)

    def open(self, seal: bytes) -> TreeFile:
        """Return the tree file of a seal, whose header is right and is about that seal.

        One that was opened before is used again while it is the file that lies there, or was a moment ago. Raises
        `StoreDamaged` if there is none or it is not that, and `StoreUnavailable` if it could not be read.
        """
        now = monotonic()
        with self._lock:
            known = self._open.get(seal)
            if known is not None and now - self._looked[seal] < LOOK_EVERY:
                self._open.move_to_end(seal)
                return known[1]
        mark: Mark = ()
        try:
            mark = _mark(os.stat(f"{self._name}/{seal.hex()}"))  # noqa: PTH116 -- on the way of every check
        except FileNotFoundError:
            pass
        except OSError as error:
            raise _unreadable(seal, error) from error
        with self._lock:
            known = self._open.get(seal)
            if known is not None and known[0] == mark:
                self._open.move_to_end(seal)
                self._looked[seal] = now
                return known[1]
        with reading(seal):
            tree = TreeFile(FileSource(self.path_of(seal))) if mark else self._archived(seal)
            if tree.seal != seal or not tree.whole:
                raise StoreDamaged(
                    f"the tree file of seal {seal.hex()} is another one, or without its nodes",
                    hint=f"bring it back to {self.folder} from a backup",
                )
        with self._lock:
            self._open[seal], self._looked[seal] = (mark, tree), now
            room = _room()
            while len(self._open) > room:
                oldest, _ = self._open.popitem(last=False)  # closed when nobody reads it any more
                del self._looked[oldest]
        return tree

    def look_again(self) -> None:
        """Have the next reader of each file look whether it is still the one that was opened."""
        with self._lock:
            self._looked = dict.fromkeys(self._open, float("-inf"))

    def holds(self, seal: bytes) -> bool:
        """Say whether there is a file of a seal, here or archived. Raises `StoreUnavailable` if that could not be asked."""
        try:
            self.open(seal)
        except TreeMissing:
            return False
        except StoreDamaged:
            return True
        return True

    def archive_to(self, folder: Path, seal: bytes) -> bool:
        """Move the file of a seal to another folder: copied, synced, read there from end to end, and only then removed here.

        Returns whether there was anything to do. Killed at any moment, it can be done again. Raises `InputError` if the folder
        is the one of the trees, `StoreDamaged` if the file is damaged, here or there, and `StoreUnavailable`.
        """
        source, target = self.path_of(seal), folder / seal.hex()
        if not source.exists() and target.exists():
            return False
        self.check(seal)
        with _writing(folder, seal):
            folder.mkdir(parents=True, exist_ok=True)
            if folder.samefile(self.folder):
                raise InputError(f"the archive {folder} is the folder of the trees, expected another one")
            with locked(folder / LOCK, "another move works in this archive"):
                _sweep(folder)
                copy = folder / f"{UNFINISHED}{seal.hex()}"
                _copy(source, copy)
                with reading(seal):
                    copied = TreeFile(FileSource(copy))
                    copied.check()
                    if copied.seal != seal:
                        raise StoreDamaged(f"the copy of the tree file of seal {seal.hex()} is another file")
                copy.replace(target)
                sync_folder(folder)
                source.unlink()
                self.look_again()
                sync_folder(self.folder)
        return True

    def check(self, seal: bytes) -> None:
        """Read the file of a seal from end to end, and see that its units are well-formed and give the seal's root.

        Raises `StoreDamaged` if not, and `StoreUnavailable` if it could not be read.
        """
        self.look_again()
        with reading(seal):
            tree = self.open(seal)
            tree.check()
            merkle.replay(
                tree.rows(),
                tree.header.opening,
                tree.header.salt,
                (unit.record.id for unit in tree.units()),
                seal=seal,
                manifest_bytes=tree.manifest_bytes,
            )

    def _archived(self, seal: bytes) -> TreeFile:
        missing = TreeMissing(
            f"there is no tree file of seal {seal.hex()}", hint=f"bring it back to {self.folder} from a backup"
        )
        if self.archive is None:
            raise missing
        try:
            if is_address(self.archive):
                return TreeFile(ObjectSource(f"{self.archive.rstrip('/')}/{seal.hex()}", self._pool))
            return TreeFile(FileSource(Path(self.archive) / seal.hex()))
        except FileNotFoundError as error:
            raise missing from error


def _room() -> int:
    """Return how many files may be kept open: half of what the process may open."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return OPEN_AT_ONCE if limit == resource.RLIM_INFINITY else min(OPEN_AT_ONCE, limit // 2)


class reading:  # noqa: N801 -- read as a word of the `with` statement; a class, because this is on the way of every check
    """Turn what reading a tree file raises into `StoreDamaged` or, if it could not be read, `StoreUnavailable`."""

    __slots__ = ("_seal",)

    def __init__(self, seal: bytes) -> None:
        self._seal = seal

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, (DocumentError, ProofError)):
            raise StoreDamaged(
                f"the tree file of seal {self._seal.hex()} is damaged: {error.message}", hint="bring it back from a backup"
            ) from error
        if isinstance(error, OSError):
            raise _unreadable(self._seal, error) from error


def _unreadable(seal: bytes, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(f"the tree file of seal {seal.hex()} cannot be read: {error.strerror or error}")


@contextmanager
def locked(path: Path, busy: str) -> Iterator[None]:
    """Hold a lock file; the system lets go of it when the process ends, however it ends.

    Raises `StoreUnavailable`, which says that it is `busy`, if another process on this machine holds it.
    """
    with path.open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreUnavailable(busy, hint="wait until it is done, then run again") from error
        yield


def _sweep(folder: Path) -> None:
    for path in folder.glob(f"{UNFINISHED}*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def _copy(source: Path, copy: Path) -> None:
    """Copy a file so that the copy survives a power cut."""
    with source.open("rb") as original, copy.open("wb") as file:
        shutil.copyfileobj(original, file, COPIED_AT_ONCE)
        file.flush()
        os.fchmod(file.fileno(), 0o644)
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _writing(folder: Path, seal: bytes) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(
            f"the tree file of seal {seal.hex()} cannot be written: {error.strerror or error}",
            hint=f"see that {folder} exists, is writable and has room",
        ) from error


def _mark(found: os.stat_result) -> Mark:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns

"""Lists of codes on their way to a result: a folder for each, under a name that nobody can guess, gone after a day.

    <folder>/<name>/about.json    what it is called, when it came, which columns are read
                    table.json    what it holds, as it came
                    lines.jsonl   every line's finding so far; what could not be asked stands there as such
                    lock          held by the process that works on it

A list is checked by a thread of the worker that took it. Should that worker end, the next look at the list's page has another
one go on from the last finding that was written. The registry's own database is only read.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import queue
import re
import secrets
import shutil
import stat
import tempfile
import threading
import time
from collections import OrderedDict
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from registry.enforcement import consignments, result_lines, tables
from registry.enforcement.consignments import Group
from registry.enforcement.tables import Columns, Row, Table
from registry.errors import ListError, Overloaded, StoreUnavailable, TouchstoneError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import BinaryIO

    from registry.enforcement.consignments import Checks, Entry, Found
    from registry.units.records import UnitId

_log = logging.getLogger(__name__)

KEPT: Final = 24 * 3600
"""Seconds after which a list and its result are deleted."""
MOST_LISTS: Final = 500
"""Lists that are kept at once."""
MOST_WAITING: Final = 8
"""Lists that wait for the thread of one worker."""
WRITTEN_AFTER: Final = 0.5
"""Seconds of work that a killed worker can cost, and between two steps of the progress."""
PAUSES: Final = (2.0, 6.0, 8.0)
"""Seconds after which lines that could not be asked are asked again: all in all longer than a failed endpoint is set aside."""
RESULTS: Final = 4
"""Whole results that a worker remembers: their pages are looked at one after another."""
NAME: Final = re.compile(r"[A-Za-z0-9_-]{22}")
UNFINISHED: Final = ".new-"
ABOUT, TABLE, LINES, LOCK = "about.json", "table.json", "lines.jsonl", "lock"


def default_folder() -> Path:
    """Return the folder of lists where the operator names none: one of this user's own on this machine."""
    return Path(tempfile.gettempdir()) / f"touchstone-lists-{os.getuid()}"


def nowhere(_unit: UnitId, _office: int) -> bool:
    """Say that no other office holds a unit: for a site that knows of none."""
    return False


@dataclass(frozen=True, slots=True)
class Job:
    """One list, as far as it is."""

    name: str
    folder: Path
    source: str
    """The name of its file; empty for what was pasted."""
    source_hash: str
    """SHA-256, in hex, of what came."""
    made: int
    """Unix seconds."""
    total: int
    """Lines to check."""
    columns: Columns
    gtin: str
    """The product of all lines that name none."""
    width: int
    is_text: bool
    heads: tuple[str, ...]
    """The cells of its first line."""
    version: str
    """Another one as soon as the list is read otherwise."""
    office: int = 0
    """Whose officer brought it; 0 for a list that anybody brought."""

    @property
    def done(self) -> int:
        """How many lines have a finding, or were given up."""
        try:
            return (self.folder / LINES).read_bytes().count(b"\n")
        except FileNotFoundError:
            return 0

    @property
    def is_done(self) -> bool:
        """Whether all have."""
        return self.done >= self.total

    def table(self) -> Table:
        """Return what the list holds."""
        values = orjson.loads((self.folder / TABLE).read_bytes())
        rows = tuple(Row(number, tuple(cells), sheet, whole) for number, cells, sheet, whole in values)
        return Table(rows, self.width, self.source, is_text=self.is_text)

    def entries(self) -> tuple[Entry, ...]:
        """Return its lines."""
        return consignments.entries(self.table(), self.columns, gtin=self.gtin or None)


class Lists:
    """The lists of a site, and the thread of this process that works on them. Nothing is started before the first list."""

    def __init__(
        self,
        folder: Path,
        checks: Checks,
        *,
        registry_id: str = "",
        clock: Callable[[], float] = time.time,
        seized: Callable[[UnitId, int], bool] = nowhere,
    ) -> None:
        """Keep lists in a folder that several processes may share. `registry_id` goes onto result sheets.

        `seized` says whether another office than the one named holds a unit; it is asked for lists of officers alone.
        """
        self._folder = folder
        self._checks = checks
        self.registry_id = registry_id
        self._clock = clock
        self._seized = seized
        self._waiting: queue.Queue[str] = queue.Queue(MOST_WAITING)
        self._known: set[str] = set()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._results: OrderedDict[tuple[str, str, int], Found] = OrderedDict()

    def add(self, table: Table, columns: Columns, gtin: str, came: bytes, *, office: int = 0) -> Job:
        """Take a list, and return it under its new name. `office` is that of the officer who brings it, if one is signed in.

        Raises `ListError` if its columns cannot be read, `Overloaded` if too many lists are kept, and `StoreUnavailable` if
        none can be.
        """
        tables.check(table, columns)
        self._open_folder()
        if self._sweep() >= MOST_LISTS:
            raise Overloaded(f"found {MOST_LISTS} lists, expected fewer", hint="send the list again later")
        name = secrets.token_urlsafe(16)
        making = self._folder / f"{UNFINISHED}{name}"
        try:
            making.mkdir(mode=0o700)
            rows = [(row.number, row.cells, row.sheet, row.whole) for row in table.rows]
            (making / TABLE).write_bytes(orjson.dumps(rows))
            about = {
                "source": table.source,
                "source_hash": hashlib.sha256(came).hexdigest(),
                "made": int(self._clock()),
                "gtin": gtin,
                "width": table.width,
                "is_text": table.is_text,
                "heads": table.first,
                "office": office,
                **_read_as(table, columns, gtin),
            }
            (making / ABOUT).write_bytes(orjson.dumps(about))
            making.rename(self._folder / name)
        except OSError as error:
            raise StoreUnavailable(f"the list cannot be kept: {error.strerror or error}") from error
        job = self.find(name)
        if job is None:
            raise StoreUnavailable("the list is gone as soon as it came")
        return job

    def find(self, name: str) -> Job | None:
        """Return the list of this name; none if there is none, or its time is up."""
        if not NAME.fullmatch(name):
            return None
        folder = self._folder / name
        try:
            about: dict[str, Any] = orjson.loads((folder / ABOUT).read_bytes())
        except OSError:
            return None
        if self._clock() > about["made"] + KEPT:
            return None
        about["columns"], about["heads"] = Columns(*about["columns"]), tuple(about["heads"])
        return Job(name, folder, **about)

    def read_otherwise(self, job: Job, columns: Columns) -> None:
        """Read other columns of a list, and begin anew; one at work stays. Raises `ListError` if they cannot be read."""
        table = job.table()
        tables.check(table, columns)
        with self._held(job) as held:
            if not held:
                return
            about = orjson.loads((job.folder / ABOUT).read_bytes()) | _read_as(table, columns, job.gtin)
            (job.folder / LINES).unlink(missing_ok=True)
            _replace(job.folder / ABOUT, orjson.dumps(about))

    def ask_again(self, job: Job) -> None:
        """Forget which lines could not be asked, so that they are asked, and no others."""
        with self._held(job) as held:
            if held and (job.folder / LINES).exists():
                found = result_lines.from_json_lines((job.folder / LINES).read_bytes())
                stand = [line for line in found if line.group is not Group.NOT_ASKED]
                _replace(job.folder / LINES, result_lines.as_json_lines(stand))

    def delete(self, job: Job) -> None:
        """Delete a list and its result."""
        shutil.rmtree(job.folder, ignore_errors=True)

    def found(self, job: Job) -> Found:
        """Return the result of a list that is done."""
        key = job.name, job.version, (job.folder / LINES).stat().st_mtime_ns
        with self._guard:
            if (known := self._results.get(key)) is not None:
                self._results.move_to_end(key)
                return known
        found = result_lines.latest(result_lines.from_json_lines((job.folder / LINES).read_bytes()))
        gathered = consignments.gather(found[number] for number in sorted(found))
        with self._guard:
            self._results[key] = gathered
            while len(self._results) > RESULTS:
                self._results.popitem(last=False)
        return gathered

    def begin(self, job: Job) -> None:
        """Have the thread of this process work on a list. Raises `Overloaded` if too many wait for it."""
        with self._guard:
            if job.name in self._known:
                return
            try:
                self._waiting.put_nowait(job.name)
            except queue.Full as error:
                raise Overloaded("too many lists wait, expected one that is done", hint="look again in a moment") from error
            self._known.add(job.name)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="lists", daemon=True)
                self._thread.start()

    def work(self, job: Job, *, seconds: float = float("inf")) -> None:
        """Check what a list has no finding for, for so long at most; nothing is done if another process is at it.

        What could not be asked is asked again after each of `PAUSES`, and is given up only then.
        """
        until = time.monotonic() + seconds
        with self._held(job) as held:
            if not held:
                return
            path = job.folder / LINES
            stand = path.read_bytes() if path.exists() else b""
            done = {line.entry.number for line in result_lines.from_json_lines(stand)}
            due = [entry for entry in job.entries() if entry.number not in done]
            with path.open("ab") as file:
                # What a killed worker left behind of a line is no line.
                file.truncate(stand.rfind(b"\n") + 1)
                for pause in (*PAUSES, None):
                    missed = self._ask(job, due, file, until)
                    if missed is None or not missed:
                        return
                    if pause is None:
                        file.write(result_lines.as_json_lines(missed))
                    elif time.monotonic() + pause > until:
                        return
                    else:
                        time.sleep(pause)
                        due = [line.entry for line in missed]

    def _ask(self, job: Job, due: Sequence[Entry], file: BinaryIO, until: float) -> list[consignments.Line] | None:
        """Check lines and write what was found; returns those that could not be asked, or none if the time is over."""
        missed: list[consignments.Line] = []
        unwritten: list[consignments.Line] = []
        written = time.monotonic()
        for line in consignments.check(due, self._checks, seized=self._seized_for(job.office)):
            (unwritten if line.group is not Group.NOT_ASKED else missed).append(line)
            now = time.monotonic()
            if now - written > WRITTEN_AFTER or now > until:
                file.write(result_lines.as_json_lines(unwritten))
                file.flush()
                unwritten.clear()
                written = now
                if now > until or not job.folder.exists():
                    return None
        file.write(result_lines.as_json_lines(unwritten))
        file.flush()
        return missed

    def _seized_for(self, office: int) -> Callable[[UnitId], bool]:
        """Return what says whether another office holds a unit; whoever belongs to no office is not told."""
        return (lambda unit: self._seized(unit, office)) if office else (lambda _: False)

    def _run(self) -> None:
        while True:
            name = self._waiting.get()
            try:
                if (job := self.find(name)) is not None:
                    self.work(job)
            except (OSError, TouchstoneError, ValueError):
                _log.exception("a list was not finished; the next look at its page tries again")
            finally:
                with self._guard:
                    self._known.discard(name)

    @contextmanager
    def _held(self, job: Job) -> Iterator[bool]:
        """Hold a list's lock, if nobody does; says whether it is held."""
        try:
            descriptor = os.open(job.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:  # deleted meanwhile
            yield False
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held = False
        else:
            held = True
        try:
            yield held
        finally:
            os.close(descriptor)

    def _open_folder(self) -> None:
        """See that the folder is there and nobody else's: what inspectors check is no other user's business."""
        try:
            with suppress(FileExistsError):
                self._folder.mkdir(mode=0o700, parents=True)
            found = self._folder.lstat()
        except OSError as error:
            raise StoreUnavailable(f"the folder of lists cannot be made: {error.strerror}") from error
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise StoreUnavailable(
                f"found {self._folder} open to others, expected a folder of this user alone", hint="chmod 700, or name another"
            )

    def _sweep(self) -> int:
        """Delete what is too old, and return how many lists are left."""
        left = 0
        for folder in self._folder.iterdir():
            made = 0.0
            with suppress(OSError):
                made = folder.lstat().st_ctime
            if self._clock() > made + KEPT and self.find(folder.name) is None:
                shutil.rmtree(folder, ignore_errors=True)
            else:
                left += 1
        return left


def _read_as(table: Table, columns: Columns, gtin: str) -> dict[str, Any]:
    """Return what a list's `about` says of how it is read."""
    total = len(consignments.entries(table, columns, gtin=gtin or None))
    if not total:
        raise ListError("found no code in that column, expected at least one", reason="empty")
    return {
        "columns": (columns.code, columns.gtin, columns.headed),
        "total": total,
        "version": secrets.token_hex(4),
    }


def _replace(path: Path, content: bytes) -> None:
    """Write a file anew, so that nobody ever sees half of it."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(path)

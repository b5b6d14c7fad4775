"""Reads what the packing line reports: files of labels that were applied or spoiled, one label a line.

A line holds a serial, a GTIN and a serial, or the whole link of a label, exactly: machines make no typing errors, so nothing is
repaired. A file with a faulty line is refused as a whole, every faulty line named. Some thousands of lines are held at once.
"""

from __future__ import annotations

import csv
import hashlib
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import numpy as np

from registry.errors import IdentityError, IntakeError, LinkError, Problem
from registry.issuing.ranks import Ranks
from registry.issuing.reconciliation import OVERRUN, Draft, Kind, Overrun
from registry.proofs import signing
from registry.units import identity, links

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from io import BufferedIOBase

    from numpy.typing import NDArray

    from registry.issuing.reconciliation import Ledger
    from registry.proofs.tree_file import TreeUnit
    from registry.units.links import Link

HEADERS: Final = frozenset({"serial", "gtin,serial", "link"})
AT_ONCE: Final = 2**14
LONGEST_LINE: Final = 4096
MOST_FAULTS: Final = 10_000
"""After so many the file is not read any further."""
MOST_FOREIGN: Final = 10_000
"""A file with more numbers of other batches was not meant for this one."""
BOM: Final = b"\xef\xbb\xbf"
EXPECTED: Final = "a serial, a GTIN and a serial, or the link of a label"


class Reported(NamedTuple):
    """One line."""

    line: int
    gtin: str | None
    """None if the line holds a serial alone."""
    serial: str
    link: Link | None

    def __str__(self) -> str:
        """Name the unit."""
        return f"{self.gtin}/{self.serial}" if self.gtin else self.serial


class Units(Protocol):
    """Where the units of a batch are."""

    @property
    def batch_id(self) -> int:
        """The batch's number in the store."""

    @property
    def gtins(self) -> tuple[str, ...]:
        """The products of the batch."""

    def places(self, wanted: Sequence[tuple[str, str]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return for each GTIN and serial the number of its batch, 0 if there is no such unit, and its rank there."""

    def unit(self, rank: int) -> TreeUnit:
        """Return a unit of the batch."""


def fingerprint(stream: BufferedIOBase) -> str:
    """Return the sha256 (hex) of a file, which is then at its beginning again."""
    found = hashlib.file_digest(stream, "sha256").hexdigest()
    stream.seek(0)
    return found


def read(
    stream: BufferedIOBase,
    ledger: Ledger,
    units: Units,
    kind: Kind,
    *,
    actor: str,
    name: str,
    reason: str | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Draft:
    """Return what a file of applied or spoiled labels puts on record, over-runs included; `progress` is told bytes.

    Raises `IntakeError` with every faulty line, and for a file that was not meant for this batch.
    """
    checksum = fingerprint(stream)
    problems: list[Problem] = []
    report = _Report(ledger, units, problems)
    for part in _parts(_lines(stream, problems)):
        report.take(part)
        progress(stream.tell())
    if not report.lines and not problems:
        problems.append(Problem(0, "file", "no label", "at least one"))
    if problems:
        more = " at least" if len(problems) >= MOST_FAULTS else ""
        raise IntakeError(f"{name} has{more} {len(problems)} faults", problems, hint="nothing was put on record")
    report.check_meant(name)
    document = {"foreign": report.foreign} if report.foreign else {}
    return Draft(
        kind,
        actor,
        report.seen,
        name=name,
        checksum=checksum,
        lines=report.lines,
        reason=reason,
        overruns=np.concatenate([np.zeros(0, OVERRUN), *report.overruns]),
        document=document,
    )


def named(stream: BufferedIOBase, ledger: Ledger, units: Units) -> Ranks:
    """Return the units that lines as of a file name. Raises `IntakeError` if one is faulty or of no unit of the batch."""
    draft = read(stream, ledger, units, Kind.APPLIED, actor="", name="the list")
    if foreign := draft.document.get("foreign"):
        problems = [Problem(0, "label", number, "a unit of this batch") for number, _ in foreign]
        raise IntakeError(f"{len(foreign)} numbers are not of this batch", problems, hint="nothing was put on record")
    return draft.marks


class _Report:
    """What a file comes to, as far as it was read."""

    def __init__(self, ledger: Ledger, units: Units, problems: list[Problem]) -> None:
        self._ledger = ledger
        self._units = units
        self._problems = problems
        self.seen = Ranks(ledger.size)
        self.lines = 0
        self.overruns: list[NDArray[Any]] = []
        self.foreign: list[tuple[str, int]] = []
        """Numbers of no unit of the batch, with the batch that they are of, or 0."""

    def take(self, part: Sequence[Reported]) -> None:
        """Take the next lines."""
        self.lines += len(part)
        ranks, elsewhere = self._places(part)
        lines = np.fromiter((one.line for one in part), np.int64, len(part))
        self._take_foreign(part, ranks, elsewhere)
        other = np.fromiter((self._is_other_label(one, rank) for one, rank in zip(part, ranks.tolist(), strict=True)), np.bool_)
        ours = ranks >= 0
        self._take_ours(ranks[ours], lines[ours], other[ours])

    def check_meant(self, name: str) -> None:
        """Raise `IntakeError` for a file whose numbers are not of this batch."""
        if len(self.seen) and len(self.foreign) <= MOST_FOREIGN:
            return
        batches = sorted({batch for _, batch in self.foreign if batch})
        known = f", but of batch {', '.join(map(str, batches))}" if batches else ""
        least = "at least " if len(self.foreign) > MOST_FOREIGN else ""
        raise IntakeError(
            f"{name} names {least}{len(self.foreign)} numbers that are not of this batch{known}, and {len(self.seen)} that are",
            (),
            hint="nothing was put on record; is it the file of another batch?",
        )

    def _places(self, part: Sequence[Reported]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return for each line its rank, or -1, and the other batch that its number is of, or 0.

        A serial alone may be of any product of the batch.
        """
        gtins = self._units.gtins
        wanted = [(gtin, one.serial) for one in part for gtin in ((one.gtin,) if one.gtin else gtins)]
        sizes = np.fromiter((1 if one.gtin else len(gtins) for one in part), np.int64, len(part))
        owners = np.repeat(np.arange(len(part)), sizes)
        batches, places = self._units.places(wanted)
        here = batches == self._units.batch_id
        ranks = np.full(len(part), -1, np.int64)
        ranks[owners[here]] = places[here]
        elsewhere = np.zeros(len(part), np.int64)
        elsewhere[owners[~here]] = batches[~here]
        for place in np.flatnonzero(np.bincount(owners[here], minlength=len(part)) > 1):
            one = part[int(place)]
            self._problems.append(
                Problem(one.line, "label", f"the serial {one.serial} of several products", "the GTIN before the serial")
            )
        return ranks, elsewhere

    def _take_foreign(self, part: Sequence[Reported], ranks: NDArray[np.int64], elsewhere: NDArray[np.int64]) -> None:
        places = np.flatnonzero(ranks < 0).tolist()
        room = max(MOST_FOREIGN + 1 - len(self.foreign), 0)
        found = [(Overrun.NOT_OF_BATCH, len(self.foreign) + number, part[at].line) for number, at in enumerate(places[:room])]
        self.overruns.append(np.array(found, OVERRUN))
        self.foreign += [(str(part[at]), int(elsewhere[at])) for at in places[:room]]

    def _is_other_label(self, one: Reported, rank: int) -> bool:
        if one.link is None or rank < 0:
            return False
        unit = self._units.unit(rank)
        return one.link.lot not in {None, unit.record.lot} or one.link.signature not in {None, signing.encode(unit.signature)}

    def _take_ours(self, ranks: NDArray[np.int64], lines: NDArray[np.int64], other: NDArray[np.bool_]) -> None:
        ledger = self._ledger
        fresh = np.zeros(len(ranks), np.bool_)
        fresh[np.unique(ranks, return_index=True)[1]] = True
        fresh &= ~self.seen.has(ranks)
        self.seen.add(ranks)
        spoiled = ledger.spoiled.has(ranks)
        for what, which in (
            (Overrun.TWICE_IN_FILE, ~fresh),
            (Overrun.OTHER_LABEL, other),
            (Overrun.NOT_PRINTED, fresh & ~ledger.printed.has(ranks)),
            (Overrun.APPLIED_BEFORE, fresh & ledger.applied.has(ranks)),
            (Overrun.SPOILED_BEFORE, fresh & spoiled),
            (Overrun.VOID_BEFORE, fresh & ledger.withdrawn.has(ranks) & ~spoiled),
        ):
            found = np.zeros(int(which.sum()), OVERRUN)
            found["what"], found["rank"], found["line"] = what, ranks[which], lines[which]
            self.overruns.append(found)


def _lines(stream: BufferedIOBase, problems: list[Problem]) -> Iterator[Reported]:
    """Yield the labels that are written right; the faults go to `problems`."""
    gtins: set[str] = set()
    for number, raw in enumerate(iter(partial(stream.readline, LONGEST_LINE), b""), 1):
        if len(problems) >= MOST_FAULTS:
            return
        if len(raw) >= LONGEST_LINE and not raw.endswith(b"\n"):
            problems.append(Problem(number, "line", f"more than {LONGEST_LINE} bytes", "a line of one label"))
            return
        try:
            text = raw.removesuffix(b"\n").removesuffix(b"\r").removeprefix(BOM if number == 1 else b"").decode("ascii")
            if number == 1 and text in HEADERS:
                continue
            yield _reported(number, text, gtins)
        except UnicodeDecodeError:
            problems.append(Problem(number, "line", "a byte that is not ASCII", EXPECTED))
        except (IdentityError, LinkError) as error:
            problems.append(Problem(number, "label", error.message.removeprefix("found "), EXPECTED))


def _reported(number: int, text: str, gtins: set[str]) -> Reported:
    """Read a line. Raises `IdentityError` or `LinkError`. `gtins` are those that were checked before."""
    gtin: str | None
    if "://" in text:
        link = links.parse(_fields(text)[0] if '"' in text else text)
        return Reported(number, link.gtin, link.serial, link)
    fields = _fields(text)
    if len(fields) == 1:
        gtin, serial = None, fields[0]
    elif len(fields) == 2:  # noqa: PLR2004  # GTIN and serial
        gtin, serial = fields
        if gtin not in gtins:
            gtins.add(identity.parse_gtin(gtin))
    else:
        raise IdentityError(f"found {len(fields)} fields")
    identity.require_issuable(serial, "serial")
    return Reported(number, gtin, serial, None)


def _fields(text: str) -> list[str]:
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration) as error:
        raise IdentityError(f"found {text[:40]!r}") from error


def _parts(lines: Iterator[Reported]) -> Iterator[list[Reported]]:
    part: list[Reported] = []
    for one in lines:
        part.append(one)
        if len(part) >= AT_ONCE:
            yield part
            part = []
    if part:
        yield part

"""The lines of a units file: CSV in UTF-8, read some thousands at a time.

A unit is one line: a quoted field may hold commas and doubled quotes but no line break, so that one stray quote cannot swallow
the lines after it, and every fault is found where it is.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Final

import numpy as np

from registry.errors import IntakeError, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from typing import BinaryIO

COLUMNS: Final = ("gtin", "lot", "serial")
AT_ONCE: Final = 2**18
"""Bytes read at once, some thousands of lines."""
MAX_LINE: Final = 8192
"""Bytes of one line, its end included."""
MAX_PROBLEMS: Final = 10_000
"""A file with more faults is more likely the wrong file: the rest is counted, not listed."""
MAX_SHOWN: Final = 60
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
CONTROL_BYTES: Final = bytes({*range(0x20), 0x7F} - {0x0A})
"""Those of ASCII, but for the end of a line."""
COMMA, NEWLINE = b",\n"
BOM: Final = b"\xef\xbb\xbf"


class Faults:
    """What is wrong with a file."""

    def __init__(self) -> None:
        self.count = 0
        self.most = MAX_PROBLEMS
        """How many are listed."""
        self._problems: list[Problem] = []

    def add(self, line: int, field: str, found: str, expected: str) -> None:
        """Note a fault; only the first ones are kept, all are counted."""
        self.count += 1
        if len(self._problems) < self.most:
            self._problems.append(Problem(line, field, found, expected))

    def add_apart(self, problems: Collection[Problem], count: int) -> None:
        """Note faults that were found after the others, between whose lines they lie: the first ones of so many."""
        self.count += count
        self._problems += problems

    def error(self) -> IntakeError:
        """Return what to raise, with the first faults ordered by line."""
        many = "s" if self.count > 1 else ""
        listed = "" if self.count <= self.most else f", the first {self.most} of them listed"
        return IntakeError(
            f"the units file has {self.count} fault{many}{listed}",
            sorted(self._problems, key=lambda problem: problem.line)[: self.most],
            hint="nothing was signed; correct the file and run again",
        )


class Lines:
    """Reads one file once: its header, then its lines in blocks."""

    def __init__(self, stream: BinaryIO, faults: Faults) -> None:
        self.number = 0
        """Of the last line that was read."""
        self.columns: list[str] = []
        self._faults = faults
        self._within_long_line = False
        self._stream = stream

    def read_header(self, attributes: Collection[str]) -> bool:
        """Read the header; says whether the lines below can be read by it."""
        header = next(self._texts(_pieces(self._stream)), None)
        if header is not None:
            self.columns = self._header(*header, [*COLUMNS, *sorted(attributes)])
        elif not self._faults.count:
            self._faults.add(0, "file", "nothing", f"a header with {', '.join(COLUMNS)}")
        return bool(self.columns)

    def blocks(self) -> Iterator[bytes]:
        """Yield the lines below the header as they are, some thousands at once; each block is to be read before the next."""
        while block := self._stream.read(AT_ONCE):
            # A line that is not too long is in one block from end to end.
            yield block if block.endswith(b"\n") else block + self._stream.readline(MAX_LINE + 1)

    def as_columns(self, block: bytes) -> dict[str, list[str]] | None:
        """Return the fields of a block column by column, or none unless all of its lines are of the common kind.

        Common is a line with the right number of fields, without quotes and with nothing that would be a fault. The block
        counts as read only when `number` is raised by its lines.
        """
        raw = block.replace(b"\r\n", b"\n").removesuffix(b"\n")
        if self._within_long_line or b'"' in raw or len(raw.translate(None, CONTROL_BYTES)) != len(raw):
            return None
        if not _is_table(raw, len(self.columns)):
            return None
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            return None
        if not raw.isascii() and CONTROL.search(text.replace("\n", "")):
            return None
        fields = text.replace("\n", ",").split(",")
        return {name: fields[place :: len(self.columns)] for place, name in enumerate(self.columns)}

    def one_by_one(self, block: bytes) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield number and fields of every line of a block that has neither a fault nor only blanks; note the faults."""
        for number, text in self._texts(_pieces(BytesIO(block))):
            fields = self._split(number, text)
            if fields is not None and len(fields) != len(self.columns):
                self._faults.add(number, "line", f"{len(fields)} fields", f"{len(self.columns)}, as in the header")
            elif fields is not None:
                yield number, dict(zip(self.columns, fields, strict=True))

    def _texts(self, pieces: Iterable[bytes]) -> Iterator[tuple[int, str]]:
        """Yield number and text of every line that is text and not blank; a line that is too long comes in several pieces."""
        for piece in pieces:
            if self._within_long_line:
                self._within_long_line = not piece.endswith(b"\n")
                continue
            self.number += 1
            if len(piece) > MAX_LINE:
                self._faults.add(self.number, "line", f"more than {MAX_LINE} bytes", f"at most {MAX_LINE}")
                self._within_long_line = not piece.endswith(b"\n")
                continue
            raw = piece.removeprefix(BOM) if self.number == 1 else piece
            try:
                text = raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
            except UnicodeDecodeError as error:
                found = f"byte 0x{raw[error.start]:02x} at place {error.start + 1}"
                self._faults.add(self.number, "line", found, "UTF-8 (in a spreadsheet: CSV UTF-8)")
                continue
            if control := CONTROL.search(text):
                found = f"control character {control.group()!r}"
                self._faults.add(self.number, "line", found, "printable characters, one unit a line")
            elif text.strip(" ,"):
                yield self.number, text

    def _header(self, number: int, text: str, known: list[str]) -> list[str]:
        """Return the columns, or none if the lines below cannot be read by them."""
        if self._faults.count:
            return []
        columns = self._split(number, text)
        if columns is None:
            return []
        if len(columns) == 1 and re.search("[;\t|]", text):
            self._faults.add(number, "header", "another delimiter", "commas between fields")
            return []
        for name in COLUMNS:
            if name not in columns:
                self._faults.add(number, "header", f"no column {name}", f"the columns {', '.join(COLUMNS)}")
        for name, count in Counter(columns).items():
            if count > 1:
                self._faults.add(number, "header", f"column {shown(name)} {count} times", "each column once")
            if name not in known:
                expected = f"one of {', '.join(known)} (attributes are declared in the products file)"
                self._faults.add(number, "header", f"column {shown(name)}", expected)
        readable = all(columns.count(name) == 1 for name in COLUMNS)
        return columns if readable else []

    def _split(self, number: int, text: str) -> list[str] | None:
        if '"' not in text:
            return text.split(",")
        try:
            return next(csv.reader([text], strict=True))
        except csv.Error as error:
            expected = "quotes that are closed on the same line, and doubled inside a field"
            self._faults.add(number, "line", f"{error}", expected)
            return None


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a stream with their ends; one that is too long comes in several pieces."""
    return iter(partial(stream.readline, MAX_LINE + 1), b"")


def _is_table(raw: bytes, width: int) -> bool:
    """Say whether each line is of so many fields and surely not too long, where no field is in quotes."""
    marks = np.frombuffer(raw + b"\n", np.uint8)
    ends = np.flatnonzero((marks == COMMA) | (marks == NEWLINE))
    is_last = (marks[ends] == NEWLINE).reshape(-1, width) if not len(ends) % width else np.empty((0, width), np.bool_)
    if not len(is_last) or is_last[:, :-1].any() or not is_last[:, -1].all():
        return False
    # Two bytes less than may be, for an end of \r\n.
    return int(np.diff(ends[width - 1 :: width], prepend=-1).max()) < MAX_LINE - 1


def shown(text: str) -> str:
    """Return a text as it is shown in a fault."""
    return repr(text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…")

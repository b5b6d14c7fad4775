"""The cells of an XLSX workbook as the texts that are written in it, within limits that hold while it is unpacked.

Libraries were tried on files made to harm (docs/decisions/0028-bulk-check.md): one ends the process for a single far cell, the
other yields a million empty rows for it, and both make numbers of long serials and lose their last digits. What a list of
serials needs is little: the names of the sheets, the table of shared texts, the cells. Nothing else in the file is opened.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NoReturn
from xml.parsers import expat

from registry.errors import ListError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_UNPACKED: Final = 64 * 2**20
"""Bytes of XML in the parts that are read: 10,000 rows with 20 columns of links have 30 MB."""
MAX_PARTS: Final = 1000
MAX_SHEETS: Final = 20
"""Sheets that are read; rows count together."""
MAX_SHARED: Final = 400_000
MAX_DEPTH: Final = 40
PIECE: Final = 256 * 1024
WORKBOOK: Final = "xl/workbook.xml"
RELATIONS: Final = "xl/_rels/workbook.xml.rels"
SHARED: Final = "xl/sharedStrings.xml"
CELL: Final = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
WHOLE: Final = re.compile(r"-?[0-9]+\.0+")


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row of a sheet that holds something."""

    number: int
    cells: tuple[str, ...]
    sheet: str


def read(data: bytes, *, max_rows: int, max_columns: int, max_cell: int) -> list[SheetRow]:
    """Return the rows of all sheets, without those that are empty; cells hold at most `max_cell` + 1 characters.

    Raises `ListError` with the reason `not_a_workbook`, `too_much_inside`, `too_many_lines` or `too_many_columns`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _Book(archive, max_rows, max_columns, max_cell).rows()
    except (
        zipfile.BadZipFile,
        zlib.error,
        expat.ExpatError,
        LookupError,  # an encoding that nobody knows is one, too
        ValueError,
        NotImplementedError,
        EOFError,
        OSError,
    ) as error:
        raise ListError(f"the workbook cannot be read: {error!s:.200}", reason="not_a_workbook") from error
    except RuntimeError as error:  # what zipfile raises for a part with a password
        raise ListError(f"the workbook cannot be read: {error!s:.200}", reason="old_excel") from error


class _Book:
    """One workbook while it is read."""

    def __init__(self, archive: zipfile.ZipFile, max_rows: int, max_columns: int, max_cell: int) -> None:
        if len(archive.infolist()) > MAX_PARTS:
            raise ListError(f"found {len(archive.infolist()):,} parts, expected fewer", reason="too_much_inside")
        self._archive = archive
        self._left = MAX_UNPACKED
        self._max_rows, self._max_columns, self._max_cell = max_rows, max_columns, max_cell

    def rows(self) -> list[SheetRow]:
        """Return the rows of all sheets."""
        names, relations = _Names(), _Relations()
        self._parse(WORKBOOK, names.start)
        self._parse(RELATIONS, relations.start)
        shared = _Shared(self._max_cell)
        if SHARED in self._archive.namelist():
            self._parse(SHARED, shared.start, shared.end, shared.text)
        found: list[SheetRow] = []
        for name, relation in names.sheets[:MAX_SHEETS]:
            part = posixpath.normpath(posixpath.join("xl", relations.targets.get(relation, ""))).removeprefix("/")
            part = part.removeprefix("xl/xl/") if part.startswith("xl/xl/") else part
            if part not in self._archive.namelist():
                continue
            sheet = _Sheet(name, shared.texts, found, (self._max_rows, self._max_columns, self._max_cell))
            self._parse(part, sheet.start, sheet.end, sheet.text)
        return found

    def _parse(
        self,
        part: str,
        start: Callable[[str, Mapping[str, str]], None],
        end: Callable[[str], None] | None = None,
        text: Callable[[str], None] | None = None,
    ) -> None:
        """Have one part read, piece by piece: what it unpacks to is counted before it is parsed."""
        parser = expat.ParserCreate(namespace_separator=None)
        depth = [0]

        def enter(name: str, attributes: Mapping[str, str]) -> None:
            depth[0] += 1
            if depth[0] > MAX_DEPTH:
                raise ListError(f"found elements {MAX_DEPTH} deep in {part}, expected fewer", reason="too_much_inside")
            start(name.rpartition(":")[2], attributes)

        def leave(name: str) -> None:
            depth[0] -= 1
            if end is not None:
                end(name.rpartition(":")[2])

        parser.StartElementHandler = enter
        parser.EndElementHandler = leave
        if text is not None:
            parser.CharacterDataHandler = text
        # No workbook declares a document type, and with it go entities, from elsewhere or multiplied.
        parser.StartDoctypeDeclHandler = _refuse_doctype
        with self._archive.open(part) as stream:
            while piece := stream.read(PIECE):
                self._left -= len(piece)
                if self._left < 0:
                    message = f"found more than {MAX_UNPACKED:,} bytes in the workbook, expected fewer"
                    raise ListError(message, reason="too_much_inside")
                parser.Parse(piece, False)  # noqa: FBT003  # expat takes it by place
            parser.Parse(b"", True)  # noqa: FBT003  # expat takes it by place


def _refuse_doctype(*_: object) -> NoReturn:
    raise ListError("found a document type in the workbook, expected none", reason="too_much_inside")


@dataclass
class _Names:
    """The sheets in their order, with the names of their relations."""

    sheets: list[tuple[str, str]] = field(default_factory=list)

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Note a sheet."""
        if name == "sheet":
            relation = next((value for key, value in attributes.items() if key.endswith(":id")), "")
            self.sheets.append((attributes.get("name", "")[:40], relation))


@dataclass
class _Relations:
    """Which part each relation leads to."""

    targets: dict[str, str] = field(default_factory=dict)

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Note a relation; one that leads out of the file is none."""
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            self.targets[attributes.get("Id", "")] = attributes.get("Target", "")


@dataclass
class _Shared:
    """The texts that cells share. How a word is said, in a Japanese one, is no part of it."""

    longest: int
    texts: list[str] = field(default_factory=list)
    _parts: list[str] = field(default_factory=list)
    _room: int = 0
    _inside: bool = False
    _aside: bool = False

    def start(self, name: str, _: Mapping[str, str]) -> None:
        """Begin a text, or a part of it."""
        if name == "si":
            self._parts.clear()
            self._room = self.longest + 1
        self._aside = self._aside or name == "rPh"
        self._inside = name == "t" and not self._aside

    def end(self, name: str) -> None:
        """End it."""
        self._inside = False
        if name == "rPh":
            self._aside = False
        elif name == "si":
            if len(self.texts) >= MAX_SHARED:
                raise ListError(f"found more than {MAX_SHARED:,} texts, expected fewer", reason="too_much_inside")
            self.texts.append("".join(self._parts))

    def text(self, text: str) -> None:
        """Add to it, as far as there is room."""
        if self._inside and self._room:
            self._parts.append(text[: self._room])
            self._room -= len(self._parts[-1])


class _Sheet:
    """The cells of one sheet."""

    def __init__(self, name: str, shared: list[str], rows: list[SheetRow], limits: tuple[int, int, int]) -> None:
        self._name, self._shared, self._rows = name, shared, rows
        self._max_rows, self._max_columns, self._max_cell = limits
        self._cells: dict[int, str] = {}
        self._row = self._column = 0
        self._kind = ""
        self._parts: list[str] = []
        self._room = 0
        self._inside = False

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Begin a row, a cell or its value."""
        if name == "row":
            self._row = int(attributes.get("r") or self._row + 1)
            self._column = -1
        elif name == "c":
            place = CELL.fullmatch(attributes.get("r", ""))
            self._column = _column(place[1]) if place else self._column + 1
            self._kind = attributes.get("t", "n")
            self._parts, self._room = [], self._max_cell + 1
        self._inside = name in {"v", "t"}

    def end(self, name: str) -> None:
        """End it, and take what is complete."""
        self._inside = False
        if name == "c" and (text := self._value().strip()):
            if self._column >= self._max_columns:
                where = f"row {self._row} of {self._name!r}"
                message = f"{where}: found a cell in column {self._column + 1}, expected at most {self._max_columns}"
                raise ListError(message, reason="too_many_columns", line=self._row)
            self._cells[self._column] = text
        elif name == "row" and self._cells:
            if len(self._rows) >= self._max_rows:
                raise ListError(f"found more than {self._max_rows - 1:,} lines, expected fewer", reason="too_many_lines")
            cells = tuple(self._cells.get(column, "") for column in range(max(self._cells) + 1))
            self._rows.append(SheetRow(self._row, cells, self._name))
            self._cells = {}

    def text(self, text: str) -> None:
        """Add to the value, as far as there is room."""
        if self._inside and self._room:
            self._parts.append(text[: self._room])
            self._room -= len(self._parts[-1])

    def _value(self) -> str:
        text = "".join(self._parts)
        if self._kind == "s":
            place = int(text or -1)
            return self._shared[place] if 0 <= place < len(self._shared) else ""
        if self._kind == "e":  # an error such as #REF!
            return ""
        # Some programs write a whole number with a point: as they show it, it has none.
        return text.partition(".")[0] if self._kind == "n" and WHOLE.fullmatch(text) else text


def _column(letters: str) -> int:
    number = 0
    for one in letters:
        number = number * 26 + ord(one) - ord("A") + 1
    return number - 1

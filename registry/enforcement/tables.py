"""Lists that inspectors bring, as tables: pasted text, CSV as spreadsheets save it, XLSX; and which column holds the codes.

Every limit is kept before or while something is decoded, and no cell is turned into a number: what a spreadsheet wrote of a
serial is what is read here. A table says where each of its cells is, so that a finding can be traced to its line.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry.enforcement import xlsx
from registry.errors import ListError
from registry.units import identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_BYTES: Final = 5 * 2**20
"""Of a file or a pasted text: 10,000 signed links have 2 MB."""
MAX_LINES: Final = 10_000
MAX_COLUMNS: Final = 64
MAX_CELL: Final = 2048
"""Characters: a link has at most 2,000."""
MAX_LINE: Final = 4 * MAX_CELL
MOST_LINES_IN_A_CELL: Final = 20
LINE_END: Final = re.compile(r"\r\n|\n|\r")
"""Not what Python calls an end of line: that would cut the separator out of GS1's element strings."""
WHOLE_LINE: Final = -1
"""In place of a column: each line is one code, whatever stands in it."""
NO_COLUMN: Final = -2
"""In place of a column of product numbers: there is none."""
DELIMITERS: Final = "\t;,"
ZIP: Final = b"PK\x03\x04"
OLD_OFFICE: Final = b"\xd0\xcf\x11\xe0"
"""Old Excel files, and encrypted new ones."""
LOOKED_AT: Final = 200
"""Lines from which delimiter and columns are guessed."""
CODE_NAMES: Final = re.compile(
    r"serial|\bs/?n\b|\bsn\b|\bcode\b|\blink\b|\burl\b|\buri\b|digital ?link|序列号|编码|编号|二维码|链接|防伪码|追溯码",
    re.IGNORECASE,
)
GTIN_NAMES: Final = re.compile(r"gtin|ean|upc|bar ?code|product (?:number|no)|商品条码|条形码|条码|产品编号", re.IGNORECASE)
CODE: Final = re.compile(r"https?://|/01/[0-9]{14}|^\(01\)", re.IGNORECASE)
COLUMN_NAME: Final = re.compile(r"[A-Za-z]{1,2}")
LIKE_A_SERIAL: Final = re.compile(r"[^\s]{1,24}(?:[ -][^\s]{1,8}){0,5}")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table."""

    number: int
    """In the file, counted from 1."""
    cells: tuple[str, ...]
    sheet: str = ""
    """The sheet of a workbook."""
    whole: str = ""
    """The line as it stands, where it is a line of text."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns are read, counted from 0, and whether the first line names them."""

    code: int = WHOLE_LINE
    gtin: int = NO_COLUMN
    headed: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds."""

    rows: tuple[Row, ...]
    width: int
    source: str = ""
    """Name of the file; empty for pasted text."""
    is_text: bool = True
    """Whether each line can be read whole, too."""

    @property
    def first(self) -> tuple[str, ...]:
        """The cells of the first line."""
        return self.rows[0].cells if self.rows else ()


def read(data: bytes, source: str = "") -> Table:
    """Return what a file holds: an XLSX workbook, else text.

    Raises `ListError`, with the line where there is one, if it is too large, no table, or not in UTF-8 or GB 18030.
    """
    if len(data) > MAX_BYTES:
        raise ListError(f"found {len(data):,} bytes, expected at most {MAX_BYTES:,}", reason="too_large")
    if data.startswith(OLD_OFFICE):
        raise ListError("found an old or encrypted Excel file, expected .xlsx without a password", reason="old_excel")
    if data.startswith(ZIP):
        found = xlsx.read(data, max_rows=MAX_LINES + 1, max_columns=MAX_COLUMNS, max_cell=MAX_CELL)
        rows = tuple(Row(row.number, row.cells, row.sheet) for row in found)
        return _bounded(Table(rows, _width(rows), source, is_text=False))
    return read_text(_decoded(data), source)


def read_text(text: str, source: str = "") -> Table:
    """Return what pasted or decoded text holds: columns if all its lines have the same number of them, else one.

    Raises `ListError` for too many lines or columns, or a code that is longer than any.
    """
    lines = LINE_END.split(text.removeprefix("\ufeff"))
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if len(filled) > MAX_LINES + 1:
        raise ListError(f"found {len(filled):,} lines, expected at most {MAX_LINES:,}", reason="too_many_lines")
    for number, line in filled:
        if len(line) > MAX_LINE:  # nobody's line, and it would be shown, kept and compared
            raise _too_long(number, "", len(line), MAX_LINE)
    rows = _rows_in_columns(lines) or [Row(number, (_bare(line),), whole=_bare(line)) for number, line in filled]
    return _bounded(Table(tuple(rows), _width(rows), source))


def guess(table: Table) -> Columns:
    """Return which columns seem to hold codes and product numbers; whoever asked sees the guess, and can change it."""
    looked_at = table.rows[:LOOKED_AT]
    if table.width <= 1 and table.is_text:
        headed = len(looked_at) > 1 and _names_codes(looked_at[0].whole)
        return Columns(WHOLE_LINE, headed=headed)
    headed = len(looked_at) > 1 and any(_names_codes(cell) or GTIN_NAMES.search(cell) for cell in looked_at[0].cells)
    names = looked_at[0].cells if headed else ()
    body = looked_at[1:] if headed else looked_at
    columns = range(table.width)
    values = [[cell for row in body if (cell := _cell(row, column))] for column in columns]
    gtins = [_share(map(_is_gtin, found), len(body)) for found in values]
    gtin = max(columns, key=lambda column: (gtins[column] > 0.5, _named(names, column, GTIN_NAMES), gtins[column]))  # noqa: PLR2004  # most
    gtin = gtin if gtins[gtin] > 0.5 else NO_COLUMN  # noqa: PLR2004  # of its cells

    def likely(column: int) -> tuple[bool, float, bool, float, int]:
        found = values[column]
        links = _share((CODE.search(cell) is not None for cell in found), len(body))
        named = _named(names, column, CODE_NAMES) and column != gtin
        different = len(set(found)) / len(body) if body else 0.0
        alike = _share((LIKE_A_SERIAL.fullmatch(cell) is not None for cell in found), len(body))
        return column != gtin, links, named, alike * different, -column

    return Columns(max(columns, key=likely), gtin, headed=headed)


def check(table: Table, columns: Columns) -> None:
    """Raise `ListError` unless these columns are in the table and what they hold can be read."""
    if columns.code == WHOLE_LINE and not table.is_text:
        raise ListError("found no lines of text, expected a column", reason="no_such_column")
    for column in (columns.code, columns.gtin):
        if column >= table.width or column < NO_COLUMN:
            raise ListError(f"found column {column + 1}, expected one of {table.width}", reason="no_such_column")
    for row in table.rows[columns.headed :]:
        text = row.whole if columns.code == WHOLE_LINE else _cell(row, columns.code)
        if len(text) > MAX_CELL:
            raise _too_long(row.number, letter(columns.code), len(text), MAX_CELL)


def letter(column: int) -> str:
    """Return a column's name as spreadsheets have it, from A; nothing for the whole line."""
    name = ""
    rest = column
    while rest >= 0:
        name = chr(ord("A") + rest % 26) + name
        rest = rest // 26 - 1
    return name


def place(name: str) -> int:
    """Return the column of a name such as B, counted from 0. Raises `ListError` if it is none."""
    if not COLUMN_NAME.fullmatch(name):
        raise ListError(f"found column {name[:20]!r}, expected a letter such as B", reason="no_such_column")
    number = 0
    for one in name.upper():
        number = number * 26 + ord(one) - ord("A") + 1
    return number - 1


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        codecs: tuple[str, ...] = ("utf-16",)
    else:
        codecs = ("utf-8-sig", "gb18030")
    line = 0
    for codec in codecs:
        try:
            text = data.decode(codec)
        except UnicodeDecodeError as error:
            line = line or data.count(b"\n", 0, error.start) + 1
        else:
            if "\0" not in text:
                return text
            line = line or text[: text.index("\0")].count("\n") + 1
    raise ListError(f"line {line}: found bytes that are no text, expected UTF-8 or GB 18030", reason="not_text", line=line)


def _rows_in_columns(lines: Sequence[str]) -> list[Row]:
    """Return the rows of a text if one delimiter divides its first lines into as many cells each, two at least; else none."""
    first = [line for line in lines if line.strip()][:LOOKED_AT]
    for delimiter in DELIMITERS:
        widths = {len(cells) for _, cells in _divided(first, delimiter) if any(cells)}
        if len(widths) != 1 or widths.pop() == 1:
            continue
        rows = [
            Row(number, tuple(cell.strip() for cell in cells), whole=lines[number - 1].strip())
            for number, cells in _divided(lines, delimiter)
            if any(cells)
        ]
        # A quotation mark that nothing closes takes in whatever follows: then it is no such mark, and each line stands alone.
        if all(cell.count("\n") <= MOST_LINES_IN_A_CELL for row in rows for cell in row.cells):
            return rows
    return []


def _divided(lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each row, with the number of its first line. A cell in quotes may go over several lines."""
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter)
    before = 0
    try:
        for cells in reader:
            yield before + 1, cells
            before = reader.line_num
    except csv.Error:  # a cell without an end
        return


def _bare(line: str) -> str:
    """Return a line that is one code, without the quotes that a program may have put around it."""
    bare = line.strip()
    return bare[1:-1].replace('""', '"') if len(bare) > 1 and bare[0] == bare[-1] == '"' else bare


def _bounded(table: Table) -> Table:
    if not table.rows:
        raise ListError("found no line, expected at least one", reason="empty")
    if len(table.rows) > MAX_LINES + 1:
        raise ListError(f"found more than {MAX_LINES:,} lines, expected fewer", reason="too_many_lines")
    if table.width > MAX_COLUMNS:
        raise ListError(f"found {table.width} columns, expected at most {MAX_COLUMNS}", reason="too_many_columns")
    return table


def _too_long(line: int, field: str, length: int, most: int) -> ListError:
    where = f"line {line}, column {field}" if field else f"line {line}"
    return ListError(
        f"{where}: found {length:,} characters, expected at most {most:,}", reason="too_long", line=line, field=field
    )


def _width(rows: Iterable[Row]) -> int:
    return max((len(row.cells) for row in rows), default=0)


def _cell(row: Row, column: int) -> str:
    return row.cells[column] if 0 <= column < len(row.cells) else ""


def _named(names: Sequence[str], column: int, form: re.Pattern[str]) -> bool:
    return column < len(names) and form.search(names[column]) is not None


def _names_codes(text: str) -> bool:
    """Say whether a cell is a heading: a word for codes, and no code itself."""
    return CODE_NAMES.search(text) is not None and CODE.search(text) is None and not any(c.isdigit() for c in text)


def _is_gtin(text: str) -> bool:
    return len(text) in identity.TYPED_LENGTHS and text.isascii() and text.isdigit() and identity.is_gtin(text.zfill(14))


def _share(found: Iterable[bool], of: int) -> float:
    return sum(found) / of if of else 0.0

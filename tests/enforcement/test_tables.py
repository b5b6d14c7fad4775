"""Lists as people bring them: text, CSV, XLSX; what is too much is refused by name and place."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.enforcement import tables, xlsx
from registry.enforcement.tables import MAX_BYTES, MAX_CELL, MAX_LINES, NO_COLUMN, WHOLE_LINE, Columns
from registry.errors import ListError
from tests.enforcement.workbooks import book, cell, sheet

if TYPE_CHECKING:
    from registry.enforcement.tables import Table

GTIN: Final = "09521001000017"
LINK: Final = f"https://verify.example.org/01/{GTIN}/21/4D2A9KXQ7M1TZ0BC"


def codes(table: Table) -> list[str]:
    """Return what is taken for codes."""
    columns = tables.guess(table)
    rows = table.rows[columns.headed :]
    return [row.whole if columns.code == WHOLE_LINE else row.cells[columns.code] for row in rows]


@pytest.mark.parametrize("delimiter", [";", ",", "\t"], ids=["semicolon", "comma", "tab"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_csv_as_spreadsheets_save_it(delimiter: str, codec: str, end: str) -> None:
    """Whatever divides its cells and lines, and however its letters are written."""
    rows = [["箱号", "商品条码", "序列号"], ["一", GTIN[1:], "4D2A9KXQ7M1TZ0BC"], [f'"二{delimiter}三"', GTIN[1:], '"S""1"']]
    table = tables.read(end.join(delimiter.join(row) for row in rows).encode(codec), "a.csv")
    assert tables.guess(table) == Columns(2, 1, headed=True)
    assert codes(table) == ["4D2A9KXQ7M1TZ0BC", 'S"1']
    assert [row.number for row in table.rows] == [1, 2, 3]


def test_a_list_of_codes_alone_is_read_line_by_line() -> None:
    """Empty lines are skipped and numbers kept; what a serial may hold divides nothing unless every line is so divided."""
    table = tables.read_text("\n A,1 \r\n\r\n\tB\n\x1dC")
    assert [(row.number, row.whole) for row in table.rows] == [(2, "A,1"), (4, "B"), (5, "C")]
    assert tables.guess(table).code == WHOLE_LINE


def test_a_cell_may_go_over_several_lines() -> None:
    """As addresses do; a line's number is that of its first."""
    table = tables.read_text(f'address,code\n"Pier 3\nHall 2",{LINK}\nx,{LINK}2\n')
    assert [(row.number, row.cells[1]) for row in table.rows[1:]] == [(2, LINK), (4, f"{LINK}2")]


def test_a_quotation_mark_that_nothing_closes_swallows_nothing() -> None:
    """Then each line stands for itself."""
    table = tables.read_text('"A,1\n' + "B,2\n" * 60)
    assert len(table.rows) == 61


def test_links_are_found_wherever_they_stand() -> None:
    """They weigh more than a heading."""
    table = tables.read_text(f"serial number,note,q\nS1,{LINK},1\nS2,{LINK}9,1\n")
    assert tables.guess(table) == Columns(1, NO_COLUMN, headed=True)


@pytest.mark.parametrize(
    ("data", "reason", "line", "field"),
    [
        (b"", "empty", 0, ""),
        (b"\n \n", "empty", 0, ""),
        (b"A\n" * (MAX_LINES + 2), "too_many_lines", 0, ""),
        (b"A" * (MAX_BYTES + 1), "too_large", 0, ""),
        (b"A\nB\xff\xff\nC", "not_text", 2, ""),
        (b"A\nB\0\nC", "not_text", 2, ""),
        (b"A\n" + b"B" * (4 * MAX_CELL + 1), "too_long", 2, ""),
        (b"\xd0\xcf\x11\xe0" + bytes(100), "old_excel", 0, ""),
        (b"PK\x03\x04" + bytes(100), "not_a_workbook", 0, ""),
        (b",".join([b"a"] * 65), "too_many_columns", 0, ""),
    ],
    ids=["nothing", "blank", "lines", "bytes", "no text", "zeros", "long", "xls", "no zip", "columns"],
)
def test_what_cannot_be_read_is_refused_by_name_and_place(data: bytes, reason: str, line: int, field: str) -> None:
    """Nothing of it is checked."""
    with pytest.raises(ListError) as caught:
        tables.read(data)
    assert (caught.value.reason, caught.value.line, caught.value.field) == (reason, line, field)


def test_a_code_that_is_too_long_is_named_with_its_column() -> None:
    """Only in the column that is read: other cells are nobody's business."""
    table = tables.read_text(f"{'x' * 3000};A\ny;{'B' * 3000}")
    tables.check(tables.read_text(f"{'x' * 3000};A\ny;B"), Columns(1))
    with pytest.raises(ListError) as caught:
        tables.check(table, Columns(1))
    assert (caught.value.reason, caught.value.line, caught.value.field) == ("too_long", 2, "B")


@pytest.mark.parametrize("columns", [Columns(2), Columns(0, 5), Columns(-3), Columns(WHOLE_LINE, -9)])
def test_a_column_that_is_not_there_is_refused(columns: Columns) -> None:
    """Whoever asks for it."""
    with pytest.raises(ListError, match="expected one of 2"):
        tables.check(tables.read_text("a;b"), columns)


def test_columns_are_called_as_in_spreadsheets() -> None:
    """There and back."""
    assert [tables.letter(n) for n in (0, 25, 26, 63, WHOLE_LINE)] == ["A", "Z", "AA", "BL", ""]
    assert [tables.place(name) for name in ("a", "Z", "AA", "BL")] == [0, 25, 26, 63]


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
@settings(max_examples=200)
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    """Nothing else is raised, and what is read has a place."""
    try:
        table = tables.read(data)
    except ListError:
        return
    tables.guess(table)
    assert all(row.number >= 1 for row in table.rows)


def test_a_workbook_is_read_as_it_is_written() -> None:
    """Texts, shared and inline, numbers with all the digits that are there, and nothing of errors and phonetic signs."""
    cells = [
        cell("A1", "0", kind="s"),
        cell("B1", "1", kind="s"),
        cell("A2", "inline", kind="inlineStr"),
        cell("B2", "9521001000017"),
        cell("A3", "6.9012345678921235E+17"),
        cell("B3", "12.0"),
        cell("A4", "#REF!", kind="e"),
        cell("B4", "0012", kind="str"),
    ]
    rows = "".join(f'<row r="{n}">{"".join(cells[2 * n - 2 : 2 * n])}</row>' for n in range(1, 5))
    table = tables.read(book(sheet(rows), shared=["序列号", "gtin"]), "a.xlsx")
    assert [row.cells for row in table.rows] == [
        ("序列号", "gtin"), ("inline", "9521001000017"), ("6.9012345678921235E+17", "12"), ("", "0012"),
    ]  # fmt: skip
    assert {row.sheet for row in table.rows} == {"Sheet one"}
    assert not table.is_text


def test_a_far_cell_costs_nothing() -> None:
    """Libraries make a table of 17 billion cells of it, or a million empty rows."""
    rows = f'<row r="1">{cell("A1", "1")}</row><row r="1048576">{cell("B1048576", "2")}</row>'
    table = tables.read(book(sheet(rows)))
    assert [(row.number, row.cells) for row in table.rows] == [(1, ("1",)), (1048576, ("", "2"))]
    with pytest.raises(ListError) as caught:
        tables.read(book(sheet(f'<row r="7">{cell("XFD7", "1")}</row>')))
    assert (caught.value.reason, caught.value.line) == ("too_many_columns", 7)


ENTITIES: Final = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
OUTSIDE: Final = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
INLINE: Final = '<row r="1"><c r="A1" t="inlineStr"><is><t>%s</t></is></c></row>'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (book(sheet(INLINE % "&b;", before=ENTITIES)), "too_much_inside"),
        (book(sheet(INLINE % "&a;", before=OUTSIDE)), "too_much_inside"),
        (book(sheet(INLINE % ("A" * (xlsx.MAX_UNPACKED + 1)))), "too_much_inside"),
        (book(sheet("<x>" * 100 + "</x>" * 100)), "too_much_inside"),
        (book(sheet("<row>"), whole=False), "not_a_workbook"),
        (book(sheet("".join(f'<row r="{n}">{cell(f"A{n}", "1")}</row>' for n in range(1, MAX_LINES + 3)))), "too_many_lines"),
        (book(sheet("")), "empty"),
    ],
    ids=["entities", "a file from outside", "a bomb", "depth", "half a part", "rows", "nothing"],
)
def test_a_workbook_made_to_harm_is_refused(data: bytes, reason: str) -> None:
    """By what it unpacks to, while it does; nothing outside of it is ever opened."""
    with pytest.raises(ListError) as caught:
        tables.read(data)
    assert caught.value.reason == reason


def test_a_workbook_in_an_encoding_that_nobody_knows_is_refused() -> None:
    """Found by the fuzzer: the parser looks for the codec, and says that there is none."""
    content = sheet("").replace("UTF-8", "UTF-00")
    with pytest.raises(ListError, match="unknown encoding") as refused:
        tables.read(book(content))
    assert refused.value.reason == "not_a_workbook"


def test_a_workbook_whose_names_differ_is_refused_in_one_short_line() -> None:
    """Found by the fuzzer: the library quotes as much of the file as the damaged length says."""
    raw = bytearray(book(sheet("")))
    raw[raw.index(b"PK\x03\x04") + 27] = 8
    with pytest.raises(ListError) as refused:
        tables.read(bytes(raw))
    assert len(str(refused.value)) < 300


def test_a_part_that_lies_about_its_size_is_refused() -> None:
    """The directory of an archive says what whoever made it wants it to say."""
    data = bytearray(book(sheet(INLINE % "A")))
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive, zipfile.ZipFile(out, "w") as other:
        for name in archive.namelist():
            if not name.endswith("sheet1.xml"):
                other.writestr(name, archive.read(name))
    with pytest.raises(ListError, match="found no line"):
        tables.read(out.getvalue())


@given(st.binary(min_size=1, max_size=40), st.integers(0, 2000))
@settings(max_examples=60)
def test_a_damaged_workbook_is_read_or_refused(noise: bytes, place: int) -> None:
    """Wherever it is damaged."""
    data = bytearray(book(sheet(INLINE % "serial")))
    place %= len(data)
    data[place : place + len(noise)] = noise
    try:
        tables.read(bytes(data))
    except ListError:
        return

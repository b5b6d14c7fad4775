"""Workbooks written by hand, so that they can hold what no program writes."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>'
MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
SHEETS: Final = '<sheets><sheet name="Sheet one" sheetId="1" r:id="r1"/></sheets>'
WORKBOOK: Final = f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">{SHEETS}</workbook>'
RELATIONS: Final = (
    f'{HEAD}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    f'<Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
)


def cell(place: str, value: str, *, kind: str = "n") -> str:
    """Return a cell."""
    inside = f"<is><t>{value}</t></is>" if kind == "inlineStr" else f"<v>{value}</v>"
    return f'<c r="{place}" t="{kind}">{inside}</c>'


def sheet(rows: str, *, before: str = "") -> str:
    """Return a sheet with these rows; `before` stands between the head and its first element."""
    return f'{HEAD}{before}<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def book(content: str, *, shared: Sequence[str] = (), whole: bool = True) -> bytes:
    """Return a workbook with this sheet, of which the second half may be missing."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", WORKBOOK)
        archive.writestr("xl/_rels/workbook.xml.rels", RELATIONS)
        archive.writestr("xl/worksheets/sheet1.xml", content if whole else content[: len(content) // 2])
        if shared:
            items = "".join(f"<si><r><t>{text}</t></r><rPh><t>phonetic</t></rPh></si>" for text in shared)
            archive.writestr("xl/sharedStrings.xml", f'{HEAD}<sst xmlns="{MAIN}">{items}</sst>')
    return out.getvalue()

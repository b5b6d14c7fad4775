"""The lines of a checked consignment as records: JSON lines for machines, CSV for people.

Both say the same, column by column (docs/bulk-check.md). JSON lines are exact, and are what a result sheet's hash is of; in the
CSV, what a spreadsheet would run as a formula has an apostrophe before it.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from registry.checking.verdicts import Code, Registration
from registry.enforcement.causes import Cause
from registry.enforcement.consignments import Entry, Line
from registry.errors import ListError
from registry.units.records import UnitId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

COLUMNS: Final = (
    "number", "source", "sheet", "row", "column", "given", "given_gtin", "group", "registration", "reasons", "cause",
    "gtin", "serial", "lot", "read_as", "leads_to_gtin", "leads_to_serial", "products", "manufacturer", "withdrawn_at",
    "unit_lines", "first_line", "seized_elsewhere", "checked_at", "block",
)  # fmt: skip
"""The keys of a record, in their order."""
FORMULA: Final = tuple("=+-@\t\r\n＝＋－＠")
"""With which a cell begins that a spreadsheet may run (OWASP, CSV Injection), the full-width signs included."""


def record(line: Line) -> dict[str, Any]:
    """Return a line as a record: texts, whole numbers, true and false, lists of texts, and null for what there is not."""
    entry, unit, leads_to = line.entry, line.unit, line.leads_to
    values = (
        entry.number, _text(entry.source), _text(entry.sheet), entry.row, entry.column, _text(entry.text),
        _text(entry.gtin) if entry.gtin else None, line.group, line.registration, list(line.reasons), line.cause,
        unit and unit.gtin, unit and _text(unit.serial), line.lot, line.read_as, leads_to and leads_to.gtin,
        leads_to and leads_to.serial, list(line.products), line.manufacturer, _time(line.withdrawn_at),
        line.unit_lines, line.first_line, line.seized_elsewhere, _time(line.checked_at), line.block,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def as_json_lines(lines: Iterable[Line]) -> bytes:
    """Return lines as JSON lines in UTF-8, one object to a line."""
    return b"".join(orjson.dumps(record(line), option=orjson.OPT_APPEND_NEWLINE) for line in lines)


def from_json_lines(data: bytes) -> list[Line]:
    """Return the lines that were written as JSON lines; what follows an unfinished last line is left out.

    Raises `ListError` if it is no such file.
    """
    try:
        return [from_record(orjson.loads(text)) for text in data[: data.rfind(b"\n") + 1].splitlines()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ListError(f"found no results of a list: {error}", reason="not_results") from error


def as_csv(lines: Iterable[Line]) -> bytes:
    """Return lines as CSV in UTF-8 with a byte order mark, every cell in quotes; nothing in it runs as a formula."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for line in lines:
        writer.writerow([safe(_plain(value)) for value in record(line).values()])
    return out.getvalue().encode("utf-8-sig")


def safe(text: str) -> str:
    """Return a cell that no spreadsheet runs as a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    return " ".join(value) if isinstance(value, list) else str(value)


def from_record(values: Mapping[str, Any]) -> Line:
    """Return the line of a record. Raises `ValueError`, `KeyError` or `TypeError` if it is none."""
    return Line(
        Entry(
            values["number"], values["given"], values["given_gtin"], values["source"], values["sheet"], values["row"],
            values["column"],
        ),
        registration=Registration(values["registration"]) if values["registration"] else None,
        reasons=tuple(Code(code) for code in values["reasons"]),
        unit=_unit(values["gtin"], values["serial"]),
        lot=values["lot"],
        products=tuple(values["products"]),
        read_as=values["read_as"],
        cause=Cause(values["cause"]) if values["cause"] else None,
        leads_to=_unit(values["leads_to_gtin"], values["leads_to_serial"]),
        manufacturer=values["manufacturer"],
        withdrawn_at=_seconds(values["withdrawn_at"]),
        checked_at=_seconds(values["checked_at"]),
        block=values["block"],
        unit_lines=values["unit_lines"],
        first_line=values["first_line"],
        seized_elsewhere=values["seized_elsewhere"],
    )  # fmt: skip


def latest(lines: Sequence[Line]) -> dict[int, Line]:
    """Return the last finding of each line by its number: one that was asked again stands behind its first attempt."""
    return {line.entry.number: line for line in lines}


def _unit(gtin: str | None, serial: str | None) -> UnitId | None:
    return UnitId(gtin, serial) if gtin and serial is not None else None


def _time(seconds: int) -> str | None:
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat().replace("+00:00", "Z") if seconds else None


def _seconds(text: str | None) -> int:
    return int(datetime.fromisoformat(text).timestamp()) if text else 0


def _text(text: str) -> str:
    """Return a text that has a UTF-8 form: half of a surrogate pair has none."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()

"""`touchstone check-list`: the verdict on every line of a list, with its causes; what could not be asked can be asked again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from registry.checking.claims import KeptProfiles
from registry.checking.typed import check_typed
from registry.checking.verifier import Verifier
from registry.enforcement import consignments, result_lines, result_sheet, tables
from registry.enforcement.consignments import Group
from registry.errors import ListError
from scripts.connect import chain_options, path, store_options
from scripts.console import REFUSED, Console, harmless, json_option

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from registry.checking.typed import Choice, Numbers
    from registry.checking.verdicts import Verdict
    from registry.enforcement.consignments import Entry, Found, Line
    from registry.enforcement.tables import Columns, Table
    from registry.storage.store import Store
    from scripts.connect import Chain

SAID_AFTER = 50
"""Lines between two looks at the progress."""
SAVED_AFTER = 1000
"""Lines after which results are written: what a crash can cost."""
NONE = "none"


@dataclass(frozen=True, slots=True)
class Checks:
    """What is asked of each line."""

    verifier: Verifier
    numbers: Numbers

    def typed(self, text: str, gtin: str | None) -> Verdict | Choice:
        """Check what a person typed or pasted."""
        return check_typed(self.verifier, self.numbers, text, gtin=gtin)


@click.command("check-list")
@click.argument("file", type=path(exists=True))
@click.option("--out", type=path(), required=True, help="Where the results go as CSV, for people and spreadsheets.")
@click.option("--lines", "results", type=path(), required=True, help="Where they go as JSON lines, for machines and --resume.")
@click.option("--sheet", type=path(), help="Where the unsigned result sheet goes, as JSON.")
@click.option("--resume", is_flag=True, help="Keep the results in --lines, and ask only lines that could not be asked.")
@click.option("--column", help="Column with the codes, such as B; `line` for the whole line. Found by itself if not given.")
@click.option("--gtin-column", help=f"Column with the product numbers, or `{NONE}`. Found by itself if not given.")
@click.option("--gtin", help="Product number (GTIN) of all lines, where the list names none.")
@chain_options
@store_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    file: Path,
    out: Path,
    results: Path,
    sheet: Path | None,
    resume: bool,
    column: str | None,
    gtin_column: str | None,
    gtin: str | None,
    chain: Chain,
    store: Store,
    console: Console,
) -> None:
    """Check every line of FILE (text, CSV or XLSX; at most 10,000 lines and 5 MB) and say what they come to.

    Exits with 0 if every line could be asked, whatever was found; with 1 if some could not: --resume asks those again.
    """
    data = file.read_bytes() if file.stat().st_size <= tables.MAX_BYTES else bytes(tables.MAX_BYTES + 1)
    table = tables.read(data, file.name)
    columns = _columns(table, column, gtin_column)
    tables.check(table, columns)
    console.say(f"codes from {_named(columns.code)}, product numbers from {_named(columns.gtin)}")
    entries = consignments.entries(table, columns, gtin=gtin)
    kept = _kept(results, entries) if resume else {}
    checks = Checks(Verifier(chain.trust, chain.readers(), KeptProfiles(store)), store)
    found = _check(entries, checks, kept, results, console)
    out.write_bytes(result_lines.as_csv(found.lines))
    results.write_bytes(result_lines.as_json_lines(found.lines))
    if sheet is not None:
        made = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        source = {"source": file.name, "source_hash": hashlib.sha256(data).hexdigest()}
        made_sheet = result_sheet.make(found, **source, made_at=made, registry_id="0x" + chain.trust.registry_id.hex())
        sheet.write_bytes(made_sheet.document)
    console.found(_facts(found), _told(found))
    if found.counts.get(Group.NOT_ASKED):
        ctx.exit(REFUSED)


def _columns(table: Table, column: str | None, gtin_column: str | None) -> Columns:
    guessed = tables.guess(table)
    code = guessed.code if column is None else tables.WHOLE_LINE if column == "line" else tables.place(column)
    gtin = guessed.gtin if gtin_column is None else tables.NO_COLUMN if gtin_column == NONE else tables.place(gtin_column)
    return tables.Columns(code, tables.NO_COLUMN if gtin == code else gtin, headed=guessed.headed)


def _named(column: int) -> str:
    return {tables.WHOLE_LINE: "the whole line", tables.NO_COLUMN: "nowhere"}.get(column) or f"column {tables.letter(column)}"


def _kept(results: Path, entries: Sequence[Entry]) -> dict[int, Line]:
    """Return the results that stand, by line. Raises `ListError` if they are of another list."""
    if not results.is_file():
        return {}
    found = result_lines.latest(result_lines.from_json_lines(results.read_bytes()))
    given = {entry.number: entry for entry in entries}
    for number, line in found.items():
        if given.get(number) != line.entry:
            raise ListError(
                f"line {number} of {results.name} is not that of the list", reason="other_list", line=number,
                hint="resume with the same file and columns, or leave --resume out",
            )  # fmt: skip
    return {number: line for number, line in found.items() if line.group is not Group.NOT_ASKED}


def _check(entries: Sequence[Entry], checks: Checks, kept: dict[int, Line], results: Path, console: Console) -> Found:
    """Check what has no result yet, and write down what is done every now and then."""
    due = [entry for entry in entries if entry.number not in kept]
    if kept:
        console.say(f"{len(kept):,} lines have a result, {len(due):,} are asked")
    results.write_bytes(result_lines.as_json_lines(kept.values()))
    unsaved: list[Line] = []
    with console.progress("checked", len(due)) as done, results.open("ab") as file:
        for place, line in enumerate(consignments.check(due, checks), 1):
            kept[line.entry.number] = line
            unsaved.append(line)
            if len(unsaved) == SAVED_AFTER:
                file.write(result_lines.as_json_lines(unsaved))
                file.flush()
                unsaved.clear()
            if place % SAID_AFTER == 0 or place == len(due):
                done(place)
    return consignments.gather(kept[entry.number] for entry in entries)


def _facts(found: Found) -> dict[str, object]:
    return {
        "lines": len(found.lines),
        "groups": dict(found.counts),
        "causes": dict(found.causes),
        "repeated_units": found.repeated_units,
    }


def _told(found: Found) -> list[str]:
    told = [f"{count:>7,}  {group.value.replace('_', ' ')}" for group, count in found.counts.items()]
    for cause, count in found.causes.items():
        first = next(line for line in found.lines if line.cause is cause)
        told.append(f"{count:>7,}  of them perhaps {cause.value.replace('_', ' ')}, such as {harmless(first.entry.text[:60])}")
    if found.repeated_units:
        told.append(f"{found.repeated_units:,} units are on several lines, one of them on {found.most_lines_of_a_unit:,}")
    return told

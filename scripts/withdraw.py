"""`touchstone withdraw`: recalls units or a batch, and annuls a withdrawal that was a mistake."""

from __future__ import annotations

import csv
from collections import defaultdict
from typing import TYPE_CHECKING

import click

from registry.chain.writer import words_of
from registry.checking.trust import Reason
from registry.errors import IntakeError, Problem
from registry.units.records import UnitId
from scripts.accredit import acting, reason_option
from scripts.connect import path, store_options
from scripts.console import Program
from scripts.receipts import hex_bytes, report, report_all

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry.chain.writer import ChainWriter
    from registry.storage.store import Store
    from scripts.console import Console

WORDS_AT_ONCE = 100
"""Bitmap words in one transaction: some 3.5 million gas."""
REASONS = {reason.name.lower(): reason for reason in Reason if reason is not Reason.NONE}
why_option = click.option("--for", "reason", type=click.Choice(list(REASONS)), required=True, help="Why.")
units_argument = click.argument("units", type=path(exists=True))
seal_argument = click.argument("seal", type=hex_bytes(32))


@click.group("withdraw", cls=Program)
def command() -> None:
    """Withdraw units or a batch: recalled, stolen, destroyed, void or copied. The manufacturer's key acts."""


@command.command("batch")
@seal_argument
@why_option
@acting
def batch(seal: bytes, reason: str, console: Console, writer: ChainWriter) -> None:
    """Withdraw the whole batch SEAL."""
    receipt = writer.withdraw_batch(seal, REASONS[reason])
    report(console, f"batch 0x{seal.hex()} is withdrawn: {reason}", receipt)


@command.command("units")
@units_argument
@why_option
@acting
@store_options
def units(units: Path, reason: str, console: Console, writer: ChainWriter, store: Store) -> None:
    """Withdraw the units that the CSV file UNITS lists (columns gtin and serial)."""
    receipts = []
    for seal, part in bitmaps(store, read_identities(units)):
        receipts.append(writer.withdraw_units(seal, REASONS[reason], part))
        console.say(f"{count(part)} units of batch 0x{seal.hex()} are withdrawn: {reason}")
    report_all(console, f"withdrawn: {reason}", receipts)


@command.command("annul-batch")
@click.argument("manufacturer", type=click.IntRange(min=1))
@seal_argument
@reason_option
@acting
def annul_batch(
    manufacturer: int,
    seal: bytes,
    reason: str,
    console: Console,
    writer: ChainWriter,
) -> None:
    """Annul the withdrawal of the batch SEAL. The controller acts; --reason says why it was a mistake."""
    receipt = writer.annul_batch_withdrawal(manufacturer, seal, reason)
    report(console, f"the withdrawal of batch 0x{seal.hex()} is annulled", receipt)


@command.command("annul-units")
@click.argument("manufacturer", type=click.IntRange(min=1))
@units_argument
@why_option
@click.option("--because", required=True, help="Why it was a mistake, in a sentence: it is published.")
@acting
@store_options
def annul_units(
    manufacturer: int,
    units: Path,
    reason: str,
    because: str,
    console: Console,
    writer: ChainWriter,
    store: Store,
) -> None:
    """Annul the withdrawal of the units that the CSV file UNITS lists. The controller acts."""
    receipts = []
    for seal, part in bitmaps(store, read_identities(units)):
        receipts.append(writer.annul_units_withdrawal(manufacturer, seal, REASONS[reason], part, because))
        console.say(f"the withdrawal of {count(part)} units of batch 0x{seal.hex()} is annulled")
    report_all(console, f"annulled: {reason}", receipts)


def read_identities(file: Path) -> tuple[UnitId, ...]:
    """Read the columns gtin and serial of a CSV file. Raises `IntakeError` with every line that lacks one."""
    problems: list[Problem] = []
    found: list[UnitId] = []
    with file.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        try:
            if not {"gtin", "serial"}.issubset(reader.fieldnames or ()):
                problems.append(
                    Problem(1, "header", ",".join(reader.fieldnames or ()) or "nothing", "the columns gtin and serial")
                )
            else:
                for row in reader:
                    if row["gtin"] and row["serial"]:
                        found.append(UnitId(row["gtin"], row["serial"]))
                    else:
                        problems.append(Problem(reader.line_num, "gtin, serial", "an empty field", "both"))
        except UnicodeDecodeError:
            problems.append(Problem(0, "file", "bytes that are not UTF-8", "a CSV file in UTF-8"))
        except csv.Error as error:
            problems.append(Problem(reader.line_num + 1, "line", str(error), "comma-separated values"))
    if not found and not problems:
        problems.append(Problem(0, "file", "no unit", "at least one"))
    if problems:
        raise IntakeError(f"{file.name} has {len(problems)} faults", problems, hint="nothing was withdrawn")
    return tuple(found)


def bitmaps(store: Store, wanted: tuple[UnitId, ...]) -> Iterator[tuple[bytes, list[tuple[int, int]]]]:
    """Yield for each transaction the batch's seal and the words of its units.

    Raises `IntakeError`, before the first is sent, naming every unit that is in no batch.
    """
    places: dict[bytes, list[int]] = defaultdict(list)
    problems: list[Problem] = []
    for unit in dict.fromkeys(wanted):
        claimed = store.find(unit)
        if claimed is None:
            problems.append(Problem(0, "serial", f"{unit.gtin}/{unit.serial}", "a unit of this store"))
        else:
            places[claimed.batch.seal].append(claimed.index)
    if problems:
        raise IntakeError(f"{len(problems)} units are not in this store", problems, hint="nothing was withdrawn")
    for seal, indexes in places.items():
        words = words_of(indexes)
        for start in range(0, len(words), WORDS_AT_ONCE):
            yield seal, words[start : start + WORDS_AT_ONCE]


def count(pairs: list[tuple[int, int]]) -> int:
    """Count the units of (word, mask) pairs."""
    return sum(mask.bit_count() for _, mask in pairs)

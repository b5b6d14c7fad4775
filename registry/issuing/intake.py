"""Reads a units file into a spool: every fault is named at once, and nothing is signed before all are gone.

Columns: `gtin`, `lot`, `serial` (may be empty: then one is generated), and the attribute columns that the products file
declares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from registry.issuing.lines import MAX_LINE, Faults, Lines
from registry.issuing.products import Products, read_products
from registry.issuing.spool import Spool, SpoolWriter, attributes_of
from registry.issuing.unit_reader import UnitReader
from registry.units.records import Record
from registry.units.serials import generate_many

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from registry.errors import Problem

__all__ = ["MAX_LINE", "MAX_UNITS", "Intake", "IntakeUnit", "Products", "read_products", "read_units"]

MAX_UNITS = 10_000_000
MAX_ATTRIBUTES = 2**32 - 1
"""Bytes of the attributes of a batch."""


@dataclass(frozen=True, slots=True)
class IntakeUnit:
    """One unit of a file, checked."""

    record: Record
    attributes: tuple[tuple[str, str], ...]
    """Name and value of each attribute that is not empty, by name."""
    line: int
    generated: bool
    """Whether the serial was generated here."""


@dataclass(frozen=True, slots=True)
class Intake:
    """A units file without a fault; its units are in a spool."""

    spool: Spool
    pairs: tuple[tuple[str, str], ...]
    """Every (gtin, lot) of the file, as the spool numbers them."""
    count: int
    generated: int
    """The number of serials that were generated."""
    attributes_size: int
    """Bytes of all attributes documents, as they are sealed."""
    warnings: tuple[Problem, ...]
    """What a person should look at; none of it stops a registration."""
    fingerprint: str
    """sha256 (hex) over the canonical content of units and products, before serials were generated: the same files give the
    same."""

    def __len__(self) -> int:
        return self.count

    def units(self) -> Iterator[IntakeUnit]:
        """Yield every unit, in the order of the file."""
        for rows in self.spool.chunks():
            for (pair, line, _, _, generated, serial), document in zip(rows.tolist(), self.spool.documents(rows), strict=True):
                gtin, lot = self.pairs[pair]
                yield IntakeUnit(Record(gtin, lot, serial.decode()), attributes_of(document), line, generated)

    def brought(self, at_once: int) -> Iterator[tuple[str, list[str]]]:
        """Yield GTINs, each with serials of it that the file brought, in the order of the file, at most so many at once."""
        gtins = sorted({gtin for gtin, _ in self.pairs})
        of_pair = np.searchsorted(gtins, [gtin for gtin, _ in self.pairs])
        for rows in self.spool.chunks(at_once):
            chosen = rows[~rows["generated"]]
            places = of_pair[chosen["pair"]]
            for place in np.unique(places).tolist():
                serials = chosen["serial"][places == place].tolist()
                yield gtins[place], b",".join(serials).decode().split(",")


def read_units(
    stream: BinaryIO,
    products: Products,
    folder: Path,
    *,
    generate: Callable[[int], Sequence[str]] = generate_many,
    max_units: int = MAX_UNITS,
    progress: Callable[[int, int], None] | None = None,
) -> Intake:
    """Read a units file against its products file, into a spool in this folder.

    `generate` gives so many new serials; `progress` is told of the units and bytes read so far. Raises `IntakeError` with
    every fault in the file, and `OSError` if the folder cannot be written.
    """
    faults = Faults()
    with SpoolWriter(folder) as spool:
        reader = UnitReader(products, spool, faults, generate, max_units)
        reader.read(Lines(stream, faults), progress)
        reader.check_serials()
        if not reader.count and not faults.count:
            faults.add(0, "file", "no unit", "at least one line after the header")
        if spool.attributes_size > MAX_ATTRIBUTES:
            found = f"{spool.attributes_size} bytes of attributes"
            faults.add(0, "file", found, f"at most {MAX_ATTRIBUTES}: split the file, and seal each part as a batch")
    if faults.count:
        raise faults.error()
    return Intake(
        spool=Spool(folder),
        pairs=tuple(reader.pairs),
        count=reader.count,
        generated=reader.generated,
        attributes_size=spool.attributes_size,
        warnings=tuple(reader.warnings),
        fingerprint=reader.fingerprint(),
    )

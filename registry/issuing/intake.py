"""Reads a units file: CSV in UTF-8, a header, one unit a line.

Every fault is named at once, and nothing is signed before all are gone. Columns: `gtin`, `lot`, `serial` (may be empty: then
one is generated), and the attribute columns that the products file declares. A unit is one line of the file: a quoted field
may hold commas and doubled quotes but no line break, so that one stray quote cannot swallow the lines after it, and every
fault is found where it is.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.errors import IdentityError, IntakeError, Problem
from registry.issuing.products import Products, read_products
from registry.units.identity import pad_gtin, parse_gtin, require_issuable
from registry.units.records import Record
from registry.units.serials import fold, generate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from registry.proofs.manifest import Product

__all__ = ["MAX_LINE", "MAX_UNITS", "Intake", "IntakeUnit", "Products", "read_products", "read_units"]

COLUMNS = ("gtin", "lot", "serial")
MAX_LINE = 8192
"""Bytes of one line, its end included."""
MAX_FIELD = 1000
"""Characters of one attribute."""
MAX_UNITS = 10_000_000
MAX_PROBLEMS = 10_000
"""A file with more faults is more likely the wrong file: the rest is counted, not listed."""
RANDOM_LENGTH = 16
"""Characters of base 32 that hold 80 random bits: a shorter serial cannot."""
SEQUENTIAL_SHARE = 0.5
"""From this share on of serials that follow the one before, the serials of a product count as sequential."""
STEP = 10
"""A serial whose number differs by at most this much from the one before follows it."""
MAX_SHOWN = 60
ISSUABLE = "1 to 20 of A-Z a-z 0-9 _ -"
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
BOM = b"\xef\xbb\xbf"


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
    """A units file without a fault."""

    units: tuple[IntakeUnit, ...]
    warnings: tuple[Problem, ...]
    """What a person should look at; none of it stops a registration."""
    fingerprint: str
    """sha256 (hex) over the canonical content of units and products, before serials were generated: the same files give the
    same."""

    @property
    def generated(self) -> int:
        """The number of serials that were generated."""
        return sum(unit.generated for unit in self.units)


def read_units(
    stream: BinaryIO, products: Products, *, generate_serial: Callable[[], str] = generate, max_units: int = MAX_UNITS
) -> Intake:
    """Read a units file against its products file. Raises `IntakeError` with every fault in it."""
    reader = _Reader(products, generate_serial, max_units)
    units = tuple(reader.units(stream))
    reader.check_serials()
    if not units and not reader.faults:
        reader.fault(0, "file", "no unit", "at least one line after the header")
    if reader.faults:
        many = "s" if reader.faults > 1 else ""
        listed = "" if reader.faults <= MAX_PROBLEMS else f", the first {MAX_PROBLEMS} of them listed"
        raise IntakeError(
            f"the units file has {reader.faults} fault{many}{listed}",
            reader.problems,
            hint="nothing was signed; correct the file and run again",
        )
    return Intake(units, tuple(reader.warnings), reader.fingerprint())


@dataclass(slots=True)
class _Brought:
    """What is noticed about the serials that a file brings for one product."""

    first_line: int
    count: int = 0
    short: int = 0
    following: int = 0
    before: str = ""
    compact: bool = False


class _Reader:
    """One pass over one file."""

    def __init__(self, products: Products, generate_serial: Callable[[], str], max_units: int) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.faults = 0
        self._products = products
        self._generate = generate_serial
        self._max_units = max_units
        self._hash = hashlib.sha256(b"touchstone units 1\n" + products.fingerprint)
        self._entries: dict[tuple[str, str], Product] = {}
        """The entries of the (GTIN, lot) pairs met so far, so that each is looked at once."""
        self._seen: dict[str, dict[str, tuple[str, int]]] = defaultdict(dict)
        """Per GTIN: each serial as it reads after repair, to the serial and its line."""
        self._brought: dict[str, _Brought] = {}

    def fault(self, line: int, field: str, found: str, expected: str) -> None:
        """Note a fault; only the first ones are kept, all are counted."""
        self.faults += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(line, field, found, expected))

    def fingerprint(self) -> str:
        """Return the fingerprint of what was read."""
        return self._hash.hexdigest()

    def units(self, stream: BinaryIO) -> Iterator[IntakeUnit]:
        """Yield every unit without a fault, and note the faults of the others."""
        lines = self._lines(stream)
        first = next(lines, None)
        if first is None:
            if not self.faults:
                self.fault(0, "file", "nothing", f"a header with {', '.join(COLUMNS)}")
            return
        columns = self._header(*first)
        count = 0
        for number, text in lines if columns else ():
            fields = self._fields(number, text, len(columns))
            if fields is None:
                continue
            count += 1
            if count > self._max_units:
                self.fault(
                    number, "file", f"more than {self._max_units} units", "fewer: split the file, and seal each part as a batch"
                )
                return
            unit = self._unit(number, dict(zip(columns, fields, strict=True)))
            if unit is not None:
                yield unit

    def check_serials(self) -> None:
        """Say what is to be said of the serials that the file brought: who can guess one can print it."""
        for gtin, brought in self._brought.items():
            sequential = brought.following >= SEQUENTIAL_SHARE * brought.count
            if brought.following and sequential:
                found = f"{brought.following} of {brought.count} serials of {gtin} follow the one before"
                expected = "serials that nobody can guess: leave them empty and they are generated"
                if brought.compact:
                    self.fault(
                        brought.first_line, "serial", found, f"{expected}; a compact carrier has no signature that would tell"
                    )
                else:
                    self.warnings.append(Problem(brought.first_line, "serial", found, expected))
            elif brought.short:
                found = f"{brought.short} of {brought.count} serials of {gtin} shorter than {RANDOM_LENGTH} characters"
                expected = "serials that nobody can guess: leave them empty and they are generated"
                self.warnings.append(Problem(brought.first_line, "serial", found, expected))

    # ------------------------------------------------------------------------------------------------------------ lines

    def _lines(self, stream: BinaryIO) -> Iterator[tuple[int, str]]:
        """Yield number and text of every line that is text and not blank."""
        number = 0
        while raw := stream.readline(MAX_LINE + 1):
            number += 1
            if len(raw) > MAX_LINE:
                self.fault(number, "line", f"more than {MAX_LINE} bytes", f"at most {MAX_LINE}")
                while not raw.endswith(b"\n") and (raw := stream.readline(MAX_LINE)):
                    pass
                continue
            if number == 1:
                raw = raw.removeprefix(BOM)
            try:
                text = raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
            except UnicodeDecodeError as error:
                self.fault(
                    number,
                    "line",
                    f"byte 0x{raw[error.start]:02x} at place {error.start + 1}",
                    "UTF-8 (in a spreadsheet: CSV UTF-8)",
                )
                continue
            if control := CONTROL.search(text):
                self.fault(number, "line", f"control character {control.group()!r}", "printable characters, one unit a line")
            elif text.strip(" ,"):
                yield number, text

    def _header(self, number: int, text: str) -> list[str]:
        """Return the columns, or none if the lines below cannot be read by them."""
        if self.faults:
            return []
        columns = self._split(number, text)
        if columns is None:
            return []
        if len(columns) == 1 and re.search("[;\t|]", text):
            self.fault(number, "header", "another delimiter", "commas between fields")
            return []
        known = [*COLUMNS, *sorted(self._products.attributes)]
        for name in COLUMNS:
            if name not in columns:
                self.fault(number, "header", f"no column {name}", f"the columns {', '.join(COLUMNS)}")
        for name, count in Counter(columns).items():
            if count > 1:
                self.fault(number, "header", f"column {_shown(name)} {count} times", "each column once")
            if name not in known:
                self.fault(
                    number,
                    "header",
                    f"column {_shown(name)}",
                    f"one of {', '.join(known)} (attributes are declared in the products file)",
                )
        readable = all(columns.count(name) == 1 for name in COLUMNS)
        return columns if readable else []

    def _fields(self, number: int, text: str, expected: int) -> list[str] | None:
        fields = self._split(number, text)
        if fields is not None and len(fields) != expected:
            self.fault(number, "line", f"{len(fields)} fields", f"{expected}, as in the header")
            return None
        return fields

    def _split(self, number: int, text: str) -> list[str] | None:
        if '"' not in text:
            return text.split(",")
        try:
            return next(csv.reader([text], strict=True))
        except csv.Error as error:
            self.fault(number, "line", f"{error}", "quotes that are closed on the same line, and doubled inside a field")
            return None

    # ------------------------------------------------------------------------------------------------------------ units

    def _unit(self, number: int, fields: dict[str, str]) -> IntakeUnit | None:
        """Return the unit of a line, or none if the line has a fault."""
        faults = self.faults
        gtin, lot, serial = (fields.pop(name) for name in COLUMNS)
        attributes = tuple(sorted((name, value) for name, value in fields.items() if value))
        self._hash.update("\x1f".join((gtin, lot, serial, *(f"{name}={value}" for name, value in attributes))).encode() + b"\n")
        for name, value in attributes:
            if len(value) > MAX_FIELD:
                self.fault(number, name, f"{len(value)} characters", f"at most {MAX_FIELD}")
        entry = self._entry(number, gtin, lot)
        brought = serial
        if brought:
            self._check_serial(number, gtin, serial, entry)
        elif entry is not None:
            serial = self._generated(gtin, number)
        if self.faults > faults or entry is None:
            return None
        return IntakeUnit(Record(entry.gtin, entry.lot, serial), attributes, number, generated=not brought)

    def _entry(self, number: int, gtin: str, lot: str) -> Product | None:
        """Return what the products file says of a lot; notes what is wrong with GTIN or lot."""
        if (gtin, lot) in self._entries:
            return self._entries[gtin, lot]
        try:
            parse_gtin(gtin)
        except IdentityError:
            self.fault(number, "gtin", _shown(gtin), f"14 digits with their check digit{_padded(gtin)}")
            return None
        try:
            require_issuable(lot, "lot")
        except IdentityError:
            self.fault(number, "lot", _shown(lot), ISSUABLE)
            return None
        if gtin not in self._products.gtins:
            self.fault(number, "gtin", _shown(gtin), "a GTIN of the products file")
            return None
        entry = self._products.entry(gtin, lot)
        if entry is None:
            self.fault(number, "lot", _shown(lot), f"a lot of {gtin} in the products file")
            return None
        self._entries[gtin, lot] = entry
        return entry

    def _check_serial(self, number: int, gtin: str, serial: str, entry: Product | None) -> None:
        try:
            require_issuable(serial, "serial")
        except IdentityError:
            self.fault(number, "serial", _shown(serial), f"{ISSUABLE}, or nothing: then one is generated")
            return
        folded = fold(serial)
        if not folded:
            self.fault(number, "serial", _shown(serial), "at least one letter or digit")
            return
        before, line = self._seen[gtin].setdefault(folded, (serial, number))
        if line != number and before == serial:
            self.fault(number, "serial", f"{_shown(serial)}, as in line {line}", "each serial of a GTIN once")
        elif line != number:
            found = f"{_shown(serial)}, which reads like {_shown(before)} in line {line} when typed"
            self.fault(number, "serial", found, "serials that differ in more than case, dashes, O and 0, I, L and 1")
        if entry is None:
            return
        compact = entry.carrier == "compact"
        if compact and gtin not in self._products.random_serials:
            found = f"{_shown(serial)} on a compact carrier"
            self.fault(number, "serial", found, "nothing (one is generated), or random_serials = true in the products file")
        elif compact and len(folded) < RANDOM_LENGTH:
            found = f"{_shown(serial)} on a compact carrier"
            self.fault(
                number, "serial", found, f"at least {RANDOM_LENGTH} characters besides dashes: fewer do not hold 80 random bits"
            )
        self._notice(number, gtin, serial, compact=compact)

    def _notice(self, number: int, gtin: str, serial: str, *, compact: bool) -> None:
        """Keep what `check_serials` needs to know."""
        brought = self._brought.setdefault(gtin, _Brought(number))
        brought.count += 1
        brought.compact |= compact
        brought.short += len(serial) < RANDOM_LENGTH
        brought.following += _follows(brought.before, serial)
        brought.before = serial

    def _generated(self, gtin: str, number: int) -> str:
        seen = self._seen[gtin]
        while (serial := self._generate()) in seen:
            pass
        seen[fold(serial)] = (serial, number)
        return serial


def _follows(before: str, serial: str) -> bool:
    """Say whether a serial is the one before with a slightly other number at its end."""
    prefix, number_before = _parted(before)
    same_prefix, number = _parted(serial)
    return prefix == same_prefix and number_before != "" != number and 0 < abs(int(number) - int(number_before)) <= STEP


def _parted(serial: str) -> tuple[str, str]:
    prefix = serial.rstrip("0123456789")
    return prefix, serial[len(prefix) :]


def _padded(text: str) -> str:
    """Return what a shorter GTIN would be with the zeros that a spreadsheet took away."""
    try:
        return f" such as {pad_gtin(text)}"
    except IdentityError:
        return ""


def _shown(text: str) -> str:
    """Return a text as it is shown in a fault."""
    return repr(text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…")

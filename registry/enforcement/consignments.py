"""A consignment is checked: each of its lines gets a verdict, and a doubt the harmless cause that may explain it.

Lines go in as they were given, with where they came from; what comes out are plain values that can be kept, shown, exported
and signed. A line that could not be asked says so and nothing else; it can be asked again, and only such lines are. The same
unit on several lines is a finding of the consignment, whatever the registry says of it.
"""

from __future__ import annotations

import enum
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from registry.checking.typed import Choice
from registry.checking.verdicts import Code, Registration
from registry.enforcement import causes, readings
from registry.enforcement.causes import Cause, Explained
from registry.enforcement.tables import WHOLE_LINE, letter
from registry.errors import IdentityError
from registry.units import identity
from registry.units.records import UnitId
from registry.units.serials import fold, read_typed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from registry.checking.verdicts import Verdict
    from registry.enforcement.tables import Columns, Table

GIVES_UP_AFTER: Final = 3
"""Lines in a row that could not be asked: the rest would only wait for the same silence."""
MOST_SECOND_QUESTIONS: Final = 4000
"""Questions about causes in one consignment: of thousands of unknown lines, the first hundreds say what is wrong with all."""
SILENT: Final = frozenset({Code.CHAIN_UNAVAILABLE, Code.STORE_UNAVAILABLE})
TWO: Final = 2


class Checks(Protocol):
    """What is asked of each line. Raises nothing: whatever goes wrong is a verdict too."""

    def typed(self, text: str, gtin: str | None) -> Verdict | Choice:
        """Check what a person typed or pasted, under a product number if they gave one."""


class Group(enum.StrEnum):
    """What a line comes to, in the order in which a person wants to see it. The values are stable: exports carry them."""

    REPEATED = "repeated"
    """As registered, and its unit is on other lines too: at least one label is a copy, unless it was read twice."""
    ALTERED = "altered"
    WITHDRAWN = "withdrawn"
    NOT_REGISTERED = "not_registered"
    FOREIGN_HOST = "foreign_host"
    UNDER_REVIEW = "under_review"
    PENDING = "pending"
    UNREADABLE = "unreadable"
    SEVERAL_PRODUCTS = "several_products"
    NOT_ASKED = "not_asked"
    """Could not be asked: nothing follows from it."""
    AS_REGISTERED = "as_registered"


GROUPS: Final = {
    Registration.REGISTERED: Group.AS_REGISTERED,
    Registration.NUMBER_KNOWN: Group.AS_REGISTERED,
    Registration.SIGNED_NOT_ANCHORED: Group.PENDING,
    Registration.AWAITING_FINALITY: Group.PENDING,
    Registration.NOT_REGISTERED: Group.NOT_REGISTERED,
    Registration.ALTERED: Group.ALTERED,
    Registration.FOREIGN_HOST: Group.FOREIGN_HOST,
    Registration.WITHDRAWN: Group.WITHDRAWN,
    Registration.ISSUER_SUSPENDED: Group.UNDER_REVIEW,
    Registration.KEY_UNDER_REVIEW: Group.UNDER_REVIEW,
    Registration.UNREADABLE: Group.UNREADABLE,
    Registration.CANNOT_CHECK: Group.NOT_ASKED,
}
UNEXPLAINED: Final = frozenset({Registration.NOT_REGISTERED, Registration.UNREADABLE, Registration.ALTERED})
IN_THE_REGISTRY: Final = frozenset(Registration) - UNEXPLAINED - {Registration.CANNOT_CHECK, Registration.SIGNED_NOT_ANCHORED}
"""Verdicts after which a number is one that the registry holds."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line as it was given."""

    number: int
    """In the consignment, from 1."""
    text: str
    gtin: str | None = None
    """The product that the list names for it."""
    source: str = ""
    """The file or photo; empty for what was pasted."""
    sheet: str = ""
    row: int = 0
    """In the file or the pasted text, from 1; of a photo, which of its codes."""
    column: str = ""
    """As spreadsheets name it; empty for a whole line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line and what was found."""

    entry: Entry
    registration: Registration | None = None
    """None if it was not asked, or if several products have the number."""
    reasons: tuple[Code, ...] = ()
    unit: UnitId | None = None
    lot: str = ""
    products: tuple[str, ...] = ()
    """The GTINs to choose from, if several products have the number."""
    read_as: str = ""
    """What was read, where it is not what was given."""
    cause: Cause | None = None
    leads_to: UnitId | None = None
    """The registered unit that the cause leads to."""
    manufacturer: int = 0
    """Its number in the registry; 0 where the verdict names none."""
    withdrawn_at: int = 0
    """Unix seconds; 0 if it is not withdrawn."""
    checked_at: int = 0
    block: int = 0
    """The newest block that the verdict rests on; 0 if none was asked."""
    unit_lines: int = 1
    """Lines of the consignment that hold this unit."""
    first_line: int = 0
    """The first of them."""
    seized_elsewhere: bool = False
    """Whether another case holds this unit, as far as whoever asks may know."""

    @property
    def group(self) -> Group:
        """What it comes to."""
        if self.registration is None:
            return Group.SEVERAL_PRODUCTS if self.products else Group.NOT_ASKED
        group = GROUPS[self.registration]
        return Group.REPEATED if group is Group.AS_REGISTERED and self.unit_lines > 1 else group

    @property
    def could_ask(self) -> bool:
        """Whether there is an answer; without one the line is to be asked again."""
        return self.group is not Group.NOT_ASKED or (self.registration is not None and SILENT.isdisjoint(self.reasons))


@dataclass(frozen=True, slots=True)
class Found:
    """A whole consignment: every line, and what they come to."""

    lines: tuple[Line, ...]
    counts: Mapping[Group, int]
    repeated_units: int
    """Units that are on several lines, whatever their verdict."""
    most_lines_of_a_unit: int
    causes: Mapping[Cause, int]


def entries(table: Table, columns: Columns, *, gtin: str | None = None) -> tuple[Entry, ...]:
    """Return the lines of a table that hold something; `gtin` is that of all lines which name none themselves."""
    found: list[Entry] = []
    for row in table.rows[columns.headed :]:
        text = row.whole if columns.code == WHOLE_LINE else _cell(row.cells, columns.code)
        if text:
            own = _cell(row.cells, columns.gtin) or gtin
            found.append(Entry(len(found) + 1, text, own or None, table.source, row.sheet, row.number, letter(columns.code)))
    return tuple(found)


def check(lines: Sequence[Entry], checks: Checks, *, seized: Callable[[UnitId], bool] = lambda _: False) -> Iterator[Line]:
    """Yield a finding for each line in turn; after a few that could not be asked, the rest is honestly not asked.

    `seized` says whether another case holds a unit. Raises nothing by itself.
    """
    asked = _Asked(checks)
    silent = 0
    for entry in lines:
        if silent >= GIVES_UP_AFTER:
            yield Line(entry)
            continue
        line = asked.line(entry)
        if line.unit is not None and seized(line.unit):
            line = replace(line, seized_elsewhere=True)
        silent = 0 if line.could_ask else silent + 1
        yield line


def gather(lines: Iterable[Line]) -> Found:
    """Return a consignment with what only all lines together say: which hold one unit, were cut short or read twice."""
    found = list(lines)
    places: defaultdict[object, list[int]] = defaultdict(list)
    for place, line in enumerate(found):
        places[_identity(line)].append(place)
    for alike in places.values():
        first = found[alike[0]]
        twice = len(alike) == TWO and alike[1] == alike[0] + 1 and found[alike[1]].entry.text == first.entry.text
        for place in alike:
            line = replace(found[place], unit_lines=len(alike), first_line=first.entry.number)
            found[place] = replace(line, cause=line.cause or Cause.READ_TWICE) if twice else line
    whole = sorted({(fold(line.unit.serial), line.unit) for line in found if _is_in_registry(line) and line.unit})
    for place, line in enumerate(found):
        if line.cause is None and line.registration is Registration.NOT_REGISTERED:
            unit = causes.cut_short(line.entry.text, whole)
            if unit is not None:
                found[place] = replace(line, cause=Cause.TRUNCATED, leads_to=unit)
    sizes = [len(alike) for alike in places.values()]
    counts = Counter(line.group for line in found)
    return Found(
        tuple(found),
        {group: counts[group] for group in Group if counts[group]},
        sum(1 for size in sizes if size > 1),
        max(sizes, default=0),
        Counter(line.cause for line in found if line.cause is not None),
    )


class _Silent(Exception):
    """A question about a cause could not be asked. It never leaves this module."""


class _Asked:
    """Asks about lines, the same text once, and counts how often it asked for a cause."""

    def __init__(self, checks: Checks) -> None:
        self._checks = checks
        self._known: dict[tuple[str, str | None], Verdict | Choice] = {}
        self._left = MOST_SECOND_QUESTIONS

    def line(self, entry: Entry) -> Line:
        """Return what was found for a line; could a cause not be asked, the whole line is to be asked again."""
        reading = readings.read(entry.text, entry.gtin)
        answer = self._ask(reading.text, reading.gtin)
        if isinstance(answer, Choice):
            return Line(entry, products=tuple(unit.gtin for unit in answer.units))
        line = _line(entry, answer)
        if line.registration is Registration.NOT_REGISTERED and line.unit is None:
            line = replace(line, unit=_named(reading))
        if reading.from_elements and line.unit:
            line = replace(line, read_as=f"(01){line.unit.gtin}(21){line.unit.serial}")
        try:
            explained = self._explain(reading, answer)
        except _Silent:
            return Line(entry)
        return replace(line, cause=explained.cause, leads_to=explained.unit) if explained else line

    def _explain(self, reading: readings.Reading, verdict: Verdict) -> Explained | None:
        registration = verdict.registration
        if registration in {Registration.SIGNED_NOT_ANCHORED, Registration.AWAITING_FINALITY}:
            return Explained(Cause.UPLOAD_PENDING)
        if Code.REPAIRED_READING in verdict.reasons and verdict.unit:
            return Explained(causes.of_repair(reading.text, verdict.unit.serial))
        if registration in UNEXPLAINED:
            return causes.explain(reading.text, reading.gtin, self._find)
        return None

    def _find(self, text: str, gtin: str | None) -> UnitId | None:
        if self._left == 0:
            return None
        self._left -= 1
        answer = self._ask(text, gtin)
        if isinstance(answer, Choice):
            return None
        if _is_silence(answer):
            raise _Silent
        if answer.unit is None or answer.registration not in IN_THE_REGISTRY:
            return None
        return UnitId(answer.unit.gtin, answer.unit.serial)

    def _ask(self, text: str, gtin: str | None) -> Verdict | Choice:
        if (known := self._known.get((text, gtin))) is not None:
            return known
        answer = self._checks.typed(text, gtin)
        if isinstance(answer, Choice) or not _is_silence(answer):
            self._known[text, gtin] = answer
        return answer


def _line(entry: Entry, verdict: Verdict) -> Line:
    unit = UnitId(verdict.unit.gtin, verdict.unit.serial) if verdict.unit else None
    repaired = unit is not None and Code.REPAIRED_READING in verdict.reasons
    return Line(
        entry,
        verdict.registration,
        verdict.reasons,
        unit,
        lot=(verdict.unit.lot or "") if verdict.unit else "",
        read_as=unit.serial if unit and repaired else "",
        manufacturer=verdict.manufacturer.number if verdict.manufacturer else 0,
        withdrawn_at=verdict.withdrawal.time if verdict.withdrawal else 0,
        checked_at=verdict.checked_at,
        block=verdict.seen.block if verdict.seen else 0,
    )


def _named(reading: readings.Reading) -> UnitId | None:
    """Return the unit that a typed number and its product name, though nobody registered it; none if they name none."""
    try:
        gtin = identity.pad_gtin(reading.gtin) if reading.gtin else ""
        typed = read_typed(reading.text)
        return UnitId(gtin, identity.read_serial(typed.without_check or "".join(typed.exact.split()))) if gtin else None
    except IdentityError:
        return None


def _is_silence(verdict: Verdict) -> bool:
    return verdict.registration is Registration.CANNOT_CHECK and not SILENT.isdisjoint(verdict.reasons)


def _is_in_registry(line: Line) -> bool:
    return line.registration in IN_THE_REGISTRY and line.unit is not None


def _identity(line: Line) -> object:
    """Return what makes two lines the same: the unit where one is known, the reading of the text where none is."""
    if line.unit is None:
        return (line.entry.gtin, fold(line.entry.text))
    return (line.unit.gtin, fold(line.unit.serial)) if line.registration is Registration.NOT_REGISTERED else line.unit


def _cell(cells: Sequence[str], column: int) -> str:
    return cells[column] if 0 <= column < len(cells) else ""

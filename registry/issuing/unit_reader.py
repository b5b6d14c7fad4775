"""Takes the units out of the lines of a file: checks each, gives serials to those that have none, and spools them.

Where some thousands of lines are all of the common kind and without a fault, they are checked column by column, ten times as
fast as one by one. Eight bytes a unit stay in memory, with which repeated serials are found in the end.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from registry.errors import IdentityError, Problem
from registry.issuing import repeats
from registry.issuing.guessable import RANDOM_LENGTH, Guessable
from registry.issuing.lines import COLUMNS, shown
from registry.issuing.repeats import SpooledSerial
from registry.issuing.spool import describe
from registry.units.identity import MAX_TEXT, pad_gtin, parse_gtin, require_issuable
from registry.units.serials import fold, fold_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from registry.issuing.lines import Faults, Lines
    from registry.issuing.products import Products
    from registry.issuing.repeats import Numbers, Repeat
    from registry.issuing.spool import SpoolWriter
    from registry.proofs.manifest import Product

MAX_FIELD = 1000
"""Characters of one attribute."""
DESCRIBED = 8192
"""Sets of attributes whose documents are remembered."""
ISSUABLE = "1 to 20 of A-Z a-z 0-9 _ -"
ISSUABLE_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


class UnitReader:
    """One pass over one file."""

    def __init__(
        self,
        products: Products,
        spool: SpoolWriter,
        faults: Faults,
        generate: Callable[[int], Sequence[str]],
        max_units: int,
    ) -> None:
        self.warnings: list[Problem] = []
        self.count = 0
        """Units met, with and without faults."""
        self.generated = 0
        self.pairs: dict[tuple[str, str], int] = {}
        """The (gtin, lot) met so far, numbered, so that each is looked at once."""
        self._entries: list[Product | None] = []
        """What the products file says of each, or none if the pair has a fault."""
        self._products = products
        self._spool = spool
        self._faults = faults
        self._generate = generate
        self._max_units = max_units
        self._hash = hashlib.sha256(b"touchstone units 1\n" + products.fingerprint)
        self._numbers: list[Numbers] = []
        self._guessable = Guessable()
        self._names: list[str] = []
        """The attribute columns, sorted."""
        self._described = lru_cache(DESCRIBED)(self._describe)

    def fingerprint(self) -> str:
        """Return the fingerprint of what was read."""
        return self._hash.hexdigest()

    def read(self, lines: Lines, progress: Callable[[int, int], None] | None) -> None:
        """Spool the units, and note the faults; units with a fault of their own too where they can repeat another."""
        if not lines.read_header(self._products.attributes):
            return
        self._names = sorted(set(lines.columns) - set(COLUMNS))
        read = 0
        for block in lines.blocks():
            columns = lines.as_columns(block)
            if columns is not None and self._take_all(lines.number + 1, columns):
                lines.number += len(columns["serial"])
            else:
                self._take_each(lines.one_by_one(block))
            read += len(block)
            if progress is not None:
                progress(self.count, read)
            if self.count > self._max_units:
                return

    def check_serials(self) -> None:
        """Note serials that are there twice, or draw them anew if they were generated; note serials that can be guessed."""
        numbers = np.concatenate([np.empty(0, np.int64), *self._numbers])
        self._numbers.clear()
        while len(places := repeats.shared(numbers)):
            again = [repeat.unit for repeat in repeats.among(numbers, places, self._look_up) if repeat.unit.generated]
            if not again:
                self._note_repeats(repeats.among(numbers, places, self._look_up))
                break
            for unit, serial in zip(again, self._generate(len(again)), strict=True):
                self._spool.put_serial(unit.place, serial)
                numbers[unit.place] = repeats.numbers([unit.gtin], fold_all([serial]), 1)[0]
        for problem, is_fault in self._guessable.problems():
            if is_fault:
                self._faults.add(problem.line, problem.field, problem.found, problem.expected)
            else:
                self.warnings.append(problem)

    # ------------------------------------------------------------------------------------------------------ many at once

    def _take_all(self, first: int, columns: dict[str, list[str]]) -> bool:
        """Take the units of a block whose first line has this number; if one of them has a fault take none, and say so."""
        gtins, lots, serials = (columns[name] for name in COLUMNS)
        pairs = self._pairs_if_right(gtins, lots)
        folded = _readings_if_issuable(serials)
        attributes = [columns[name] for name in self._names]
        if (
            folded is None
            or pairs is None
            or self.count + len(pairs) > self._max_units
            or any(max(map(len, values)) > MAX_FIELD for values in attributes)
        ):
            return False
        met = {pair: self._entries[pair] for pair in set(pairs)}
        compact = {pair for pair, entry in met.items() if entry is not None and entry.carrier == "compact"}
        brought = [place for place, serial in enumerate(serials) if serial] if "" in serials else range(len(serials))
        if compact and any(self._unfit(gtins[place], folded[place]) for place in brought if pairs[place] in compact):
            return False
        for gtin, places in _by_gtin(gtins, brought) if len(met) > 1 else [(gtins[0], brought)]:
            if places:
                on_compact = bool(compact) and any(pairs[place] in compact for place in places)
                theirs = serials if len(places) == len(serials) else [serials[place] for place in places]
                self._guessable.note(gtin, first + places[0], theirs, compact=on_compact)
        described = list(map(self._described, zip(*attributes, strict=True))) if attributes else None
        ends = serials if described is None else [serial + text for serial, (text, _) in zip(serials, described, strict=True)]
        self._hash.update("\n".join([*map("\x1f".join, zip(gtins, lots, ends, strict=True)), ""]).encode())
        self.count += len(pairs)
        self._put(
            pairs=pairs,
            lines=np.arange(first, first + len(pairs)),
            gtins=gtins,
            serials=serials,
            folded=folded,
            documents=None if described is None else [document for _, document in described],
        )
        return True

    def _pairs_if_right(self, gtins: Sequence[str], lots: Sequence[str]) -> list[int] | None:
        """Return the numbers of (gtin, lot) line by line, or none if there is a fault in one of them."""
        try:
            pairs = list(map(self.pairs.__getitem__, zip(gtins, lots, strict=True)))
        except KeyError:
            if any(self._entry(*pair) is None for pair in set(zip(gtins, lots, strict=True))):
                return None
            pairs = list(map(self.pairs.__getitem__, zip(gtins, lots, strict=True)))
        return None if any(self._entries[pair] is None for pair in set(pairs)) else pairs

    def _put(
        self,
        *,
        pairs: Sequence[int],
        lines: Sequence[int] | NDArray[np.int64],
        gtins: Sequence[str],
        serials: Sequence[str],
        folded: Sequence[str],
        documents: Sequence[bytes] | None,
    ) -> None:
        """Spool units, and give serials to those that have none."""
        generated = [not serial for serial in serials]
        if missing := sum(generated):
            made = iter(self._generate(missing))
            serials = [serial or next(made) for serial in serials]
            folded = fold_all(serials)
            self.generated += missing
        self._numbers.append(repeats.numbers(gtins, folded, len(serials)))
        self._spool.add(pairs, lines, serials, generated, documents)

    def _describe(self, values: tuple[str, ...]) -> tuple[str, bytes]:
        """Return what the values of the attribute columns add to the fingerprint, and their document for the spool."""
        attributes = [(name, value) for name, value in zip(self._names, values, strict=True) if value]
        return "".join(f"\x1f{name}={value}" for name, value in attributes), describe(attributes)

    def _entry(self, gtin: str, lot: str) -> Product | None:
        """Return what the products file says of a lot, or none if there is a fault in the pair."""
        place = self.pairs.get((gtin, lot))
        if place is not None:
            return self._entries[place]
        entry = self._products.entry(gtin, lot)
        if entry is not None and self._fault_of_pair(gtin, lot) is None:
            self._number_pair(gtin, lot, entry)
            return entry
        return None

    def _number_pair(self, gtin: str, lot: str, entry: Product | None) -> None:
        self.pairs[gtin, lot] = len(self._entries)
        self._entries.append(entry)

    def _unfit(self, gtin: str, folded: str) -> bool:
        """Say whether a serial that the file brings is none for a compact carrier."""
        return gtin not in self._products.random_serials or len(folded) < RANDOM_LENGTH

    # -------------------------------------------------------------------------------------------------------- one by one

    def _take_each(self, lines: Iterable[tuple[int, dict[str, str]]]) -> None:
        """Take the units of a block one by one, and note what is wrong with each."""
        taken = []
        for number, fields in lines:
            self.count += 1
            if self.count > self._max_units:
                expected = "fewer: split the file, and seal each part as a batch"
                self._faults.add(number, "file", f"more than {self._max_units} units", expected)
                break
            gtin, lot, serial = (fields[name] for name in COLUMNS)
            text, document = self._described(tuple(fields[name] for name in self._names))
            self._hash.update(f"{gtin}\x1f{lot}\x1f{serial}{text}\n".encode())
            if self._right(number, gtin, lot, serial, [(name, fields[name]) for name in self._names]):
                taken.append((self.pairs[gtin, lot], number, gtin, serial, document))
        if taken:
            pairs, numbers, gtins, serials, documents = zip(*taken, strict=True)
            self._put(pairs=pairs, lines=numbers, gtins=gtins, serials=serials, folded=fold_all(serials), documents=documents)

    def _right(self, number: int, gtin: str, lot: str, serial: str, attributes: list[tuple[str, str]]) -> bool:
        """Note what is wrong with a unit; says whether it is to be spooled, with faults if its serial may repeat another."""
        for name, value in attributes:
            if len(value) > MAX_FIELD:
                self._faults.add(number, name, f"{len(value)} characters", f"at most {MAX_FIELD}")
        entry = self._entry(gtin, lot)
        if entry is None:
            fault = self._fault_of_pair(gtin, lot)
            if fault is not None:
                self._faults.add(number, *fault)
            # Each pair with a fault is one: so this holds no more of them than are listed.
            if (gtin, lot) not in self.pairs and self._faults.count < self._faults.most:
                self._number_pair(gtin, lot, None)
        if not serial:
            return entry is not None
        return self._right_serial(number, gtin, serial, entry) and (gtin, lot) in self.pairs

    def _fault_of_pair(self, gtin: str, lot: str) -> tuple[str, str, str] | None:
        """Return what is wrong with GTIN or lot: the field, what was found, what was expected."""
        try:
            parse_gtin(gtin)
        except IdentityError:
            return "gtin", shown(gtin), f"14 digits with their check digit{_padded(gtin)}"
        try:
            require_issuable(lot, "lot")
        except IdentityError:
            return "lot", shown(lot), ISSUABLE
        if gtin not in self._products.gtins:
            return "gtin", shown(gtin), "a GTIN of the products file"
        if self._products.entry(gtin, lot) is None:
            return "lot", shown(lot), f"a lot of {gtin} in the products file"
        return None

    def _right_serial(self, number: int, gtin: str, serial: str, entry: Product | None) -> bool:
        """Note what is wrong with a serial; says whether it is one."""
        try:
            require_issuable(serial, "serial")
        except IdentityError:
            self._faults.add(number, "serial", shown(serial), f"{ISSUABLE}, or nothing: then one is generated")
            return False
        folded = fold(serial)
        if not folded:
            self._faults.add(number, "serial", shown(serial), "at least one letter or digit")
            return False
        if entry is None:
            return True
        compact = entry.carrier == "compact"
        if compact and self._unfit(gtin, folded):
            expected = f"at least {RANDOM_LENGTH} characters besides dashes: fewer do not hold 80 random bits"
            if gtin not in self._products.random_serials:
                expected = "nothing (one is generated), or random_serials = true in the products file"
            self._faults.add(number, "serial", f"{shown(serial)} on a compact carrier", expected)
        self._guessable.note(gtin, number, [serial], compact=compact)
        return True

    # ----------------------------------------------------------------------------------------------------------- repeats

    def _look_up(self, places: Iterable[int]) -> Iterator[SpooledSerial]:
        """Return what was spooled at these places."""
        gtins = [gtin for gtin, _ in self.pairs]
        for place, row in self._spool.read(places):
            yield SpooledSerial(place, int(row["line"]), gtins[row["pair"]], row["serial"].decode(), bool(row["generated"]))

    def _note_repeats(self, found: Iterable[Repeat]) -> None:
        counted = itertools.count()
        first = heapq.nsmallest(
            self._faults.most, (repeat for repeat, _ in zip(found, counted, strict=False)), key=lambda repeat: repeat.unit.line
        )
        self._faults.add_apart([_problem(repeat) for repeat in first], next(counted))


def _problem(repeat: Repeat) -> Problem:
    """Say which serial is there twice."""
    unit, before = repeat.unit, repeat.before
    if unit.serial == before.serial:
        found, expected = f"{shown(unit.serial)}, as in line {before.line}", "each serial of a GTIN once"
    else:
        found = f"{shown(unit.serial)}, which reads like {shown(before.serial)} in line {before.line} when typed"
        expected = "serials that differ in more than case, dashes, O and 0, I, L and 1"
    return Problem(unit.line, "serial", found, expected)


def _by_gtin(gtins: Sequence[str], places: Iterable[int]) -> Iterable[tuple[str, Sequence[int]]]:
    """Return these places of lines by the GTIN that is there."""
    found = defaultdict(list)
    for place in places:
        found[gtins[place]].append(place)
    return found.items()


def _readings_if_issuable(serials: Sequence[str]) -> list[str] | None:
    """Return serials as they read after repair, or none if one of them is none that we issue; an empty one stays empty."""
    joined = ",".join(serials)
    if len(joined.encode().translate(None, ISSUABLE_BYTES)) != len(serials) - 1 or max(map(len, serials)) > MAX_TEXT:
        return None
    folded = fold_all(serials)
    return folded if folded.count("") == serials.count("") else None


def _padded(text: str) -> str:
    """Return what a shorter GTIN would be with the zeros that a spreadsheet took away."""
    try:
        return f" such as {pad_gtin(text)}"
    except IdentityError:
        return ""

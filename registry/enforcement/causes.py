"""Why a code may not be found, or be found otherwise than it was given: the harmless causes, cheapest first.

Before anybody is accused, what a hand, a keyboard, a scanner or a spreadsheet does to a code is undone and asked about. A cause
never changes a verdict: it stands beside it, with the registered number to which it leads. Scanned links are not repaired by
it, for their verdict stays that of what was presented.
"""

from __future__ import annotations

import enum
import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry.enforcement import readings
from registry.units import identity
from registry.units.serials import ALPHABET, FULL_WIDTH, LENGTH, SEPARATORS, check_character, fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeAlias

    from registry.units.records import UnitId

    Ask: TypeAlias = Callable[[str, str | None], UnitId | None]
    """Returns the registered unit that a text names, under a product or under any; none if it names none, or several."""


class Cause(enum.StrEnum):
    """What seems to have happened to a code. The values are stable: exports and result sheets carry them."""

    CASE = "case"
    LETTER_O = "letter_o"
    """O and 0."""
    LETTER_L = "letter_l"
    """I, l and 1."""
    FULL_WIDTH = "full_width"
    """Signs of Chinese and Japanese keyboards."""
    SEPARATOR = "separator"
    """Spaces or dashes, too many or too few."""
    SEPARATOR_LOST = "separator_lost"
    """Between the fields of an element string."""
    DOUBLED = "doubled"
    """The code was read twice into one line."""
    READ_TWICE = "read_twice"
    """Two lines in a row hold the same text."""
    KEYBOARD = "keyboard"
    """A scanner that types was set for another keyboard: Y and Z, A and Q."""
    TRUNCATED = "truncated"
    SPREADSHEET = "spreadsheet"
    """A spreadsheet made a number of it, and its last digits were lost."""
    PRODUCT_CODE = "product_code"
    """The product's bar code, which is the same on all its units."""
    OTHER_PRODUCT = "other_product"
    """The number is registered, for another product than the one that the list names."""
    OTHER_LINK = "other_link"
    """A web address that is none of ours."""
    UPLOAD_PENDING = "upload_pending"
    """The manufacturer signed it, and has not recorded it on the chain, or the record is not final yet."""


SHORTEST: Final = 6
"""Characters of the shortest code that is looked for in halves or by its beginning."""
SIGNATURE_LENGTH: Final = 86
SIGNIFICANT: Final = 15
"""Digits that a spreadsheet keeps of a number."""
ADDRESS: Final = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
LINK_START: Final = re.compile(r"https?://", re.IGNORECASE)
IN_OUR_WAY: Final = re.compile(r"/01/[0-9]{1,14}(?:/|$)")
SCIENTIFIC: Final = re.compile(r"[0-9](?:[.,][0-9]+)?E\+[0-9]{1,3}", re.IGNORECASE)
ROUNDED: Final = re.compile(r"[1-9][0-9]{14}0{1,5}")
SIG: Final = re.compile(r"[?&]sig=([^&#]*)")
SWAPPED: Final = str.maketrans("yzYZ", "zyZY")
QWERTZ: Final = str.maketrans({**{ord(a): b for a, b in zip("yzYZ", "zyZY", strict=True)},
                               ord("Ö"): ":", ord("ö"): ";", ord("-"): "/", ord("_"): "?", ord("ß"): "-", ord("?"): "_",
                               ord("´"): "=", ord("'"): "=", ord("/"): "&"})  # fmt: skip
"""What a scanner set for an American keyboard types where the computer's is German."""
AZERTY: Final = str.maketrans({**{ord(a): b for a, b in zip("aqzwAQZW", "qawzQAWZ", strict=True)},
                               **{ord(a): b for a, b in zip("&é\"'(-è_çà", "1234567890", strict=True)},
                               **{ord(a): b for a, b in zip(",?mM!§:;)°", "mM;:/?.,-_", strict=True)}})  # fmt: skip
"""The same for a French one, whose digits need the shift key."""
LAYOUTS: Final = (QWERTZ, AZERTY)


@dataclass(frozen=True, slots=True)
class Explained:
    """A cause, and the registered unit to which it leads, if it leads to one."""

    cause: Cause
    unit: UnitId | None = None


def of_repair(typed: str, serial: str) -> Cause:
    """Return what was repaired so that a typed text reads as a registered serial: the cause that a person would see first."""
    narrow = typed.strip().translate(FULL_WIDTH)
    if narrow != typed.strip():
        return Cause.FULL_WIDTH
    bare, wanted = narrow.translate(SEPARATORS), serial.translate(SEPARATORS)
    if len(bare) > len(wanted):
        bare = bare.removesuffix(check_character(serial)) or bare
    if bare == wanted:
        return Cause.SEPARATOR
    if bare.upper() == wanted.upper():
        return Cause.CASE
    pairs = {frozenset(pair) for pair in zip(bare.upper(), wanted.upper(), strict=False) if pair[0] != pair[1]}
    return Cause.LETTER_O if frozenset("O0") in pairs else Cause.LETTER_L


def by_shape(text: str) -> Cause | None:
    """Return what can be told of an unknown code by looking at it: nothing is asked."""
    if text.isascii() and text.isdigit() and len(text) in identity.TYPED_LENGTHS and identity.is_gtin(text.zfill(14)):
        return Cause.PRODUCT_CODE
    if SCIENTIFIC.fullmatch(text) or (ROUNDED.fullmatch(text) and len(text) > SIGNIFICANT):
        return Cause.SPREADSHEET
    if ADDRESS.fullmatch(text) and len(LINK_START.findall(text)) == 1:
        is_cut = IN_OUR_WAY.search(text) and "/21/" not in text
        return Cause.TRUNCATED if is_cut else of_link(text)
    return None


def of_link(text: str) -> Cause | None:
    """Return what can be told of a link whose signature does not hold: nothing is asked."""
    found = SIG.search(text)
    return Cause.TRUNCATED if found and len(found[1]) < SIGNATURE_LENGTH else None


def candidates(text: str, gtin: str | None) -> Iterator[tuple[Cause, str, str | None]]:
    """Yield causes with what the code would have been: text and product, cheapest first."""
    half = len(text) // 2
    if len(text) % 2 == 0 and half >= SHORTEST and text[:half] == text[half:]:
        yield Cause.DOUBLED, text[:half], gtin
    starts = [found.start() for found in LINK_START.finditer(text)]
    if len(starts) > 1:
        yield Cause.DOUBLED, text[starts[0] : starts[1]].strip(), gtin
    if gtin is not None:
        yield Cause.OTHER_PRODUCT, text, None
    for reading in readings.without_separator(text):
        yield Cause.SEPARATOR_LOST, reading.text, reading.gtin
    if (swapped := text.swapcase()) != text and LINK_START.match(swapped):
        yield Cause.CASE, swapped, gtin
    layouts = (SWAPPED,) if LINK_START.match(text) else (SWAPPED, *LAYOUTS)
    for typed in dict.fromkeys(text.translate(layout) for layout in layouts):
        if typed != text and len(text) >= SHORTEST:
            yield Cause.KEYBOARD, typed, gtin


def explain(text: str, gtin: str | None, ask: Ask) -> Explained | None:
    """Return the first cause that explains why a text names no registered unit."""
    shape = by_shape(text)
    if shape is not None:
        return Explained(shape)
    for cause, other, product in candidates(text, gtin):
        if (unit := ask(other, product)) is not None:
            return Explained(cause, unit)
    return Explained(Cause.OTHER_LINK) if ADDRESS.fullmatch(text) and not IN_OUR_WAY.search(text) else None


def cut_short(text: str, whole: Sequence[tuple[str, UnitId]]) -> UnitId | None:
    """Return the unit whose serial begins with this text, if one of the same consignment does and no other.

    `whole` holds the folded serials of the consignment's units, sorted. A code that was cut off stands beside whole ones.
    """
    folded = fold(text)
    if not SHORTEST <= len(folded) < LENGTH or not set(folded) <= set(ALPHABET):
        return None
    first = bisect_left(whole, folded, key=lambda one: one[0])
    found = {unit for serial, unit in whole[first : first + 2] if serial.startswith(folded) and len(serial) == LENGTH}
    return found.pop() if len(found) == 1 else None

"""What was presented as a code, made ready to be asked about: GS1 element strings beside links and typed numbers.

A reading changes nothing of what a code says. What may have gone wrong before, at a keyboard or a scanner, is the matter of
`registry.enforcement.causes`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry.units import identity

if TYPE_CHECKING:
    from collections.abc import Iterator

GS: Final = "\x1d"
"""What ends a field of variable length in an element string; some scanners send it as `^]` or as the word in brackets."""
SYMBOLOGY: Final = re.compile(r"^\](?:d2|Q3|C1|e0|J1)")
"""With which a scanner says what kind of code it read, where that holds an element string."""
BRACKETED: Final = re.compile(
    r"\(01\)(?P<gtin>[0-9]{14})(?:\((?!21\))[0-9]{2,4}\)[^(]*)*\(21\)(?P<serial>[^()]{1,20})(?:\(.*)?"
)
PLAIN: Final = re.compile(r"01(?P<gtin>[0-9]{14})(?P<rest>.+)", re.DOTALL)
FIXED: Final = {"11": 6, "12": 6, "13": 6, "15": 6, "16": 6, "17": 6, "20": 2}
"""Fields of fixed length that may stand before a serial, and their lengths."""
VARIABLE: Final = frozenset({"10", "22"})


@dataclass(frozen=True, slots=True)
class Reading:
    """What is asked for a presented code."""

    text: str
    gtin: str | None
    """The product that the code itself names, besides a link."""
    from_elements: bool = False


def read(text: str, gtin: str | None = None) -> Reading:
    """Return what to ask for a code: the serial and product of an element string, any other text as it is."""
    bare = SYMBOLOGY.sub("", text.strip()).replace("<GS>", GS).replace("^]", GS).strip(GS)
    found = BRACKETED.fullmatch(bare) or _plain(bare)
    if found is not None and identity.is_gtin(found["gtin"]):
        return Reading(found["serial"].strip(), found["gtin"], from_elements=True)
    return Reading(bare if bare != text and bare else text, gtin)


def without_separator(text: str) -> Iterator[Reading]:
    """Yield how an element string may read whose separator got lost: its lot and its serial have run together."""
    bare = SYMBOLOGY.sub("", text.strip())
    whole = PLAIN.fullmatch(bare)
    if whole is None or not identity.is_gtin(whole["gtin"]) or not whole["rest"].startswith("10"):
        return
    rest = whole["rest"]
    for place in range(3, min(len(rest) - 2, 2 + identity.MAX_TEXT + 1)):
        if rest.startswith("21", place) and 1 <= len(rest) - place - 2 <= identity.MAX_TEXT:
            yield Reading(rest[place + 2 :], whole["gtin"], from_elements=True)


def _plain(bare: str) -> dict[str, str] | None:
    """Return product and serial of an element string without brackets, if its fields can be told apart."""
    whole = PLAIN.fullmatch(bare)
    if whole is None:
        return None
    rest = whole["rest"]
    while rest:
        name = rest[:2]
        if name == "21":
            serial = rest[2:].partition(GS)[0]
            return {"gtin": whole["gtin"], "serial": serial} if 1 <= len(serial) <= identity.MAX_TEXT else None
        if name in FIXED:
            rest = rest[2 + FIXED[name] :].lstrip(GS)
        elif name in VARIABLE and GS in rest:
            rest = rest.partition(GS)[2]
        else:
            return None
    return None

"""Which coarse region an address is in: named by the operator's proxy, or found in a table in a file. No network is asked.

The table is a text file with a line `first address,last address,region` for each range of IPv4 or IPv6 addresses, in any order,
none of them overlapping; the region is a country (`CN`) or a part of one (`CN-33`), as ISO 3166 has them. Free tables in this
form are named in `docs/history.md`; none is bundled.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final

from registry.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

REGION: Final = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?")
UNKNOWN: Final = frozenset({"", "XX", "ZZ", "T1"})
"""What tables and proxies write where they do not know: two codes that ISO 3166 leaves free, and one for Tor."""
_HALF: Final = 64


class RegionTable:
    """Ranges of addresses and their regions, in memory: some twelve bytes each. IPv6 is told apart by its first 64 bits."""

    def __init__(self, lines: Iterable[str]) -> None:
        """Read a table. Raises `DocumentError` that names the line."""
        self._names: list[str] = []
        ranges: dict[int, list[tuple[int, int, int]]] = {4: [], 6: []}
        numbers: dict[str, int] = {}
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            version, first, last, region = _read(line, number)
            ranges[version].append((first, last, numbers.setdefault(region, len(numbers))))
        self._names = list(numbers)
        self._columns = {version: _columns(found, version) for version, found in ranges.items()}

    @classmethod
    def read(cls, file: Path) -> RegionTable:
        """Read a file. Raises `DocumentError` if it is no table."""
        try:
            with file.open(encoding="ascii") as lines:
                return cls(lines)
        except (OSError, UnicodeError) as error:
            raise DocumentError(f"the table of regions {file} cannot be read: {error}") from error

    def region(self, address: str) -> str:
        """Return the region of an address, or nothing."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return ""
        if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
            parsed = parsed.ipv4_mapped
        number = int(parsed) >> (_HALF if parsed.version == 6 else 0)  # noqa: PLR2004 -- Internet Protocol 6
        firsts, lasts, regions = self._columns[parsed.version]
        place = bisect_right(firsts, number) - 1
        return self._names[regions[place]] if place >= 0 and number <= lasts[place] else ""


def named(text: str) -> str:
    """Return the region that a proxy's header names, or nothing."""
    found = text.strip().upper()
    return found if REGION.fullmatch(found) and found[:2] not in UNKNOWN else ""


def _read(line: str, number: int) -> tuple[int, int, int, str]:
    parts = [part.strip().strip('"') for part in line.split(",")]
    try:
        first, last = ip_address(parts[0]), ip_address(parts[1])
        region = named(parts[2])
    except (IndexError, ValueError, AddressValueError):
        raise DocumentError(f"line {number} of the table of regions is {line.strip()!r}, expected first,last,region") from None
    if type(first) is not type(last) or int(first) > int(last):
        raise DocumentError(f"line {number} of the table of regions goes from {first} to {last}, expected a range")
    shift = 0 if isinstance(first, IPv4Address) else _HALF
    return first.version, int(first) >> shift, int(last) >> shift, region


def _columns(ranges: list[tuple[int, int, int]], version: int) -> tuple[array[int], array[int], array[int]]:
    ranges.sort()
    kind = "I" if version == 4 else "Q"  # noqa: PLR2004 -- Internet Protocol 4
    return array(kind, (r[0] for r in ranges)), array(kind, (r[1] for r in ranges)), array("H", (r[2] for r in ranges))

"""Where checked units wait to be sealed: in two files of a folder, so that a file of any length takes the memory of a chunk.

One holds a row of fixed size for each unit, in the order of the lines; the other the attributes, one document after the other.
An attributes document is complete but for its random bytes: `MARK` stands where their hexadecimal digits will be.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Rows = np.ndarray[tuple[int], np.dtype[Any]]

ROW: Final = np.dtype(
    [
        ("pair", "<u4"),
        ("line", "<u8"),
        ("attributes_at", "<u8"),
        ("attributes_size", "<u4"),
        ("generated", "?"),
        ("serial", "S20"),
    ]
)
"""Place of (gtin, lot) in a list, line in the file, where the attributes begin and how many bytes they will have when their
random bytes are in, whether the serial was generated, and the serial."""
UNITS: Final = "units"
ATTRIBUTES: Final = "attributes"
AT_ONCE: Final = 8192
BLINDING: Final = "random"
"""The member of an attributes document that holds its random bytes: without them a short attribute could be guessed from its
hash."""
BLINDING_BYTES: Final = 16
MARK: Final = b"\0"
"""One byte that no attribute holds, for the 32 digits of the random bytes."""
MARKED: Final = (BLINDING, f'"{MARK.decode()}"')
GROWTH: Final = 2 * BLINDING_BYTES - len(MARK)


def describe(attributes: Sequence[tuple[str, str]]) -> bytes:
    """Return the attributes document of a unit (RFC 8785) with the mark for its random bytes; empty if it has no attribute.

    Names are of ASCII letters, digits and `_`, and values hold no control characters: the file's reader saw to that.
    """
    if not attributes:
        return b""
    members = [(name, encode_basestring(value)) for name, value in attributes]
    text = ",".join(f'"{name}":{value}' for name, value in sorted([*members, MARKED]))
    return f"{{{text}}}".encode()


def attributes_of(document: bytes) -> tuple[tuple[str, str], ...]:
    """Return name and value of each attribute of such a document, by name."""
    members = json.loads(document.replace(MARK, b"")) if document else {}
    return tuple((name, value) for name, value in members.items() if name != BLINDING)


def blinded(document: bytes, random: bytes) -> bytes:
    """Return the document with its random bytes in."""
    return document.replace(MARK, random.hex().encode())


@dataclass(frozen=True, slots=True)
class Spool:
    """The two files, to be read. It is small and may travel to other processes."""

    folder: Path

    def __len__(self) -> int:
        return (self.folder / "units").stat().st_size // ROW.itemsize

    def rows(self) -> Rows:
        """Return all rows as they lie on the disk: only what is touched takes memory."""
        # Nobody cuts a file of our own workroom short, which is what would make a map dangerous.
        return np.memmap(self.folder / UNITS, ROW, "r")

    def chunks(self, at_once: int = AT_ONCE) -> Iterator[Rows]:
        """Yield all rows, in order, so many at once."""
        with (self.folder / UNITS).open("rb") as file:
            while raw := file.read(ROW.itemsize * at_once):
                yield np.frombuffer(raw, ROW)

    def documents(self, rows: Rows) -> Iterator[bytes]:
        """Yield the attributes document of each of these rows, empty where there is none."""
        with (self.folder / ATTRIBUTES).open("rb") as file:
            for start, size in zip(rows["attributes_at"].tolist(), rows["attributes_size"].tolist(), strict=True):
                yield os.pread(file.fileno(), size - GROWTH, start) if size else b""


class SpoolWriter:
    """Writes a spool into a folder that holds none."""

    def __init__(self, folder: Path) -> None:
        self._units = (folder / UNITS).open("x+b")
        self._attributes = (folder / ATTRIBUTES).open("xb")
        self._written = 0
        self.attributes_size = 0
        """Bytes of all attributes when their random bytes are in."""

    def add(
        self,
        pairs: Sequence[int],
        lines: Sequence[int] | NDArray[np.int64],
        serials: Sequence[str],
        generated: Sequence[bool],
        documents: Sequence[bytes] | None,
    ) -> None:
        """Write units; without documents none of them has attributes."""
        rows = np.zeros(len(serials), ROW)
        rows["pair"] = pairs
        rows["line"] = lines
        rows["generated"] = generated
        rows["serial"] = serials
        if documents is not None:
            sizes = np.fromiter(map(len, documents), np.int64, len(serials))
            ends = self._written + np.cumsum(sizes)
            rows["attributes_at"] = ends - sizes
            rows["attributes_size"] = grown = np.where(sizes > 0, sizes + GROWTH, 0)
            self.attributes_size += int(grown.sum())
            self._written = int(ends[-1]) if len(ends) else self._written
            self._attributes.write(b"".join(documents))
        self._units.write(rows.tobytes())

    def read(self, places: Iterable[int]) -> Iterator[tuple[int, Any]]:
        """Yield the rows of these places, each with its place."""
        for place in places:
            self._units.seek(place * ROW.itemsize)
            yield place, np.frombuffer(self._units.read(ROW.itemsize), ROW)[0]

    def put_serial(self, place: int, serial: str) -> None:
        """Give a unit another serial."""
        _, offset = ROW.fields["serial"][:2]  # type: ignore[index]  # it has fields
        self._units.seek(place * ROW.itemsize + offset)
        self._units.write(serial.encode().ljust(ROW["serial"].itemsize, b"\0"))

    def close(self) -> None:
        """Close the files, with everything in them."""
        self._units.close()
        self._attributes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

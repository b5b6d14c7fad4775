"""A print run: which labels go into which files, made by workers on every core, and what is checked of them.

A file is there whole or not at all, and running again makes the same files again: a run that was killed is repeated. Workers
read units straight from the batch's tree file and write files of their own, so memory does not depend on the number of labels.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from glob import escape
from typing import TYPE_CHECKING, Final, Protocol

from registry.errors import LabelError
from registry.issuing import pictures
from registry.issuing.labels import LINK_COLUMNS, write_links
from registry.issuing.press import LEVEL, Press, fault
from registry.issuing.sheets import PdfSheets
from registry.issuing.zpl import ZplLabels
from registry.proofs.crew import Crew, hands
from registry.proofs.tree_file import HEADER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from registry.issuing.labels import Label, Stock
    from registry.issuing.press import Code
    from registry.issuing.qr import Level
    from registry.proofs.tree_file import TreeFile

KINDS: Final = ("pdf", "zpl", "zpl-text", "svg", "png", "csv")
FOLDERS: Final = frozenset({"svg", "png"})
"""Kinds of one file a unit."""
DRAWN_ELSEWHERE: Final = frozenset({"zpl-text", "csv"})
"""Kinds whose codes somebody else draws, so that there is nothing to read back."""
PER_FILE: Final = 10_000
EVERY: Final = 10_000
"""Labels up to which every code is read from its picture."""
SAMPLE: Final = 1_000
"""Codes that are read from their pictures where there are more labels."""
DOUBT: Final = 0.05
AT_ONCE: Final = 2048
"""Labels made at once: what the processor's caches hold of them is the measure."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be printed, and how; it travels to the workers."""

    tree: TreeFile
    """The batch."""
    base: str
    """The verifier's address that the links begin with."""
    kind: str
    stock: Stock
    read_back: Callable[[int, bytes], tuple[str, ...]]
    """Reads a code of so many modules on a side, given as rows, from its picture."""
    dpi: int = 600
    level: Level = LEVEL
    draw: Callable[[str, Level], Code] | None = None
    """An ordinary encoder, if codes are to be drawn one by one, each with the mask that suits it best."""


@dataclass(frozen=True, slots=True)
class PrintRun:
    """What was printed: labels of `count` units from the rank `first` on."""

    seal: bytes
    first: int
    count: int
    kind: str
    files: tuple[Path, ...]
    """The files, or the folder of them."""
    pages: int
    checked: int
    """Labels whose every module was checked, and whose text was taken apart and compared with the unit."""
    read_back: int
    """Codes that were read from their pictures."""

    @property
    def statement(self) -> str:
        """What was checked, in words."""
        if self.kind in DRAWN_ELSEWHERE:
            return f"all {self.count:,} links were compared with their units; the codes are drawn elsewhere: scan some"
        modules = f"all {self.checked:,} codes were compared with their units, module by module; " if self.checked else ""
        if self.read_back == self.count:
            return f"{modules}all {self.read_back:,} were read from their pictures"
        most = 1 - DOUBT ** (1 / self.read_back)
        return (
            f"{modules}{self.read_back:,} drawn by the system's random source were read from their pictures: "
            f"with {1 - DOUBT:.0%} confidence, less than {most:.2%} could not be"
        )


@dataclass(frozen=True, slots=True)
class _Part:
    """The labels of one file."""

    first: int
    count: int
    out: Path
    read_back: frozenset[int] | None
    """Ranks whose codes are read back; none stands for all."""


@dataclass(frozen=True, slots=True)
class _Made:
    pages: int
    checked: int
    read_back: int


def print_labels(
    order: Order,
    out: Path,
    *,
    first: int = 0,
    count: int | None = None,
    per_file: int = PER_FILE,
    verify_all: bool = False,
    workers: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> PrintRun:
    """Print labels from a rank on, all or so many, into one file or, if they are more than `per_file`, into numbered ones.

    Raises `LabelError` if a label cannot be made, is not right or cannot be written, `LinkError` if the base is none,
    `DocumentError` if the tree file is damaged, and `WorkerLost`. Files that are whole by then stay.
    """
    units = order.tree.header.unit_count
    if not 0 <= first < units:
        raise LabelError(f"found the first label {first}, expected 0 to {units - 1}")
    total = min(count or units, units - first)
    _check_parcel(order.tree)
    parts = _parts(order, out, first, total, per_file, verify_all=verify_all)
    done, made = 0, []
    with Crew(_Desk, order, workers=hands(total, workers)) as crew:
        for part, one in zip(parts, crew.map(_print, parts), strict=True):
            made.append(one)
            done += part.count
            progress(done)
    return PrintRun(
        seal=order.tree.seal,
        first=first,
        count=total,
        kind=order.kind,
        files=tuple(dict.fromkeys(part.out for part in parts)),
        pages=sum(one.pages for one in made),
        checked=sum(one.checked for one in made),
        read_back=sum(one.read_back for one in made),
    )


def _check_parcel(tree: TreeFile) -> None:
    """Compare what labels are made of with its checksum. Raises `LabelError`."""
    found = hashlib.sha256()
    for chunk in tree.chunks(HEADER.size, tree.header.nodes_at):
        found.update(chunk)
    if found.digest() != tree.header.parcel_checksum:
        raise LabelError(
            f"the tree file of seal {tree.seal.hex()} is damaged: its units do not have the checksum that its header names",
            hint="bring it back from a backup; nothing was printed",
        )


def _parts(order: Order, out: Path, first: int, total: int, per_file: int, *, verify_all: bool) -> list[_Part]:
    """Cut a run into files, and draw which codes will be read back."""
    if order.kind in DRAWN_ELSEWHERE:
        drawn: frozenset[int] | None = frozenset()
    elif verify_all or order.draw is not None or total <= EVERY:
        drawn = None
    else:
        drawn = frozenset(random.SystemRandom().sample(range(first, first + total), SAMPLE))
    starts = range(first, first + total, per_file)
    digits = len(str(len(starts)))
    parts = []
    for number, start in enumerate(starts, 1):
        here = min(per_file, first + total - start)
        alone = len(starts) == 1 or order.kind in FOLDERS
        path = out if alone else out.with_name(f"{out.stem}-{number:0{digits}}{out.suffix}")
        ranks = drawn and frozenset(rank for rank in drawn if start <= rank < start + here)
        parts.append(_Part(start, here, path, ranks))
    return parts


# ------------------------------------------------------------------------------------------------------------ in a worker


@dataclass(slots=True)
class _Desk:
    """A worker's tools."""

    order: Order
    press: Press = field(init=False)

    def __post_init__(self) -> None:
        order = self.order
        self.press = Press(order.tree.manifest, order.base, level=order.level, draw=order.draw)


class _Writer(Protocol):
    def add(self, labels: Iterable[Label]) -> None:
        """Write labels."""

    def close(self) -> int:
        """Finish; returns the number of pages, if there are any."""


def _print(desk: _Desk, part: _Part) -> _Made:
    """Make, check and write the labels of one file."""
    order, press = desk.order, desk.press
    checked = read_back = 0
    with _written(order.kind, part.out) as stream:
        writer = _writer(order, part.out, stream)
        for start in range(part.first, part.first + part.count, AT_ONCE):
            units = list(order.tree.units(start, min(AT_ONCE, part.first + part.count - start)))
            labels = press.labels(units)
            if order.draw is None:
                press.check(labels, units)
                checked += len(units)
            for label, unit in zip(labels, units, strict=True):
                if part.read_back is None or unit.index in part.read_back:
                    press.check_link(label, unit)
                    if (found := order.read_back(label.size, label.code)) != (label.link.decode(),):
                        raise fault(unit.record, " and ".join(found), label.link.decode())
                    read_back += 1
            writer.add(labels)
        pages = writer.close()
    return _Made(pages, checked, read_back)


@contextmanager
def _written(kind: str, out: Path) -> Iterator[BinaryIO]:
    """Give the stream of a file that comes into being whole or not at all; for a folder, a stream that nobody reads."""
    try:
        if kind in FOLDERS:
            out.mkdir(parents=True, exist_ok=True)
            yield io.BytesIO()
            return
        out.parent.mkdir(parents=True, exist_ok=True)
        for left in out.parent.glob(f".{escape(out.name)}.*.partial"):  # by a run that was killed
            left.unlink(missing_ok=True)
        unfinished = out.with_name(f".{out.name}.{os.getpid()}.partial")
        try:
            with unfinished.open("wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            unfinished.replace(out)
        except BaseException:
            with suppress(OSError):
                unfinished.unlink()
            raise
        descriptor = os.open(out.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise LabelError(f"{out} cannot be written: {error.strerror or error}", hint="see that there is room") from error


def _writer(order: Order, out: Path, stream: BinaryIO) -> _Writer:
    """Return what writes labels of a kind."""
    match order.kind:
        case "pdf":
            return PdfSheets(stream, order.stock)
        case "svg":
            return _Pictures(out, "svg", partial(_svg, stock=order.stock))
        case "png":
            return _Pictures(out, "png", partial(pictures.png, dpi=order.dpi))
        case "csv":
            return _Links(stream)
        case _:
            zpl = ZplLabels(order.stock, order.dpi, order.level, bitmap=order.kind == "zpl")
            return _Texts(stream, zpl.write)


def _svg(label: Label, stock: Stock) -> bytes:
    return pictures.svg(label, stock).encode()


class _Texts:
    """Labels one after the other."""

    def __init__(self, stream: BinaryIO, write: Callable[[Label], str]) -> None:
        self._stream = stream
        self._write = write

    def add(self, labels: Iterable[Label]) -> None:
        self._stream.write("".join(map(self._write, labels)).encode())

    def close(self) -> int:
        return 0


class _Links:
    """The list of links."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        stream.write(f"{','.join(LINK_COLUMNS)}\n".encode())

    def add(self, labels: Iterable[Label]) -> None:
        text = io.StringIO(newline="")
        write_links(labels, text)
        self._stream.write(text.getvalue().encode())

    def close(self) -> int:
        return 0


class _Pictures:
    """One file a label."""

    def __init__(self, folder: Path, ending: str, draw: Callable[[Label], bytes]) -> None:
        self._folder = folder
        self._ending = ending
        self._draw = draw

    def add(self, labels: Iterable[Label]) -> None:
        for label in labels:
            name = f"{label.face.gtin}_{label.serial}.{self._ending}"
            unfinished = self._folder / f".{name}.partial"
            unfinished.write_bytes(self._draw(label))
            unfinished.replace(self._folder / name)

    def close(self) -> int:
        return 0

"""Makes the labels of units: link and code, and checks every one of them (docs/decisions/0010 and 0011).

Links are joined from what is the same for all units of a product and lot and what is not; codes are drawn by the batch. What
was made is then gone through in the other direction, by code that made none of it: from modules to text, from text to GTIN,
lot, serial and signature, and those have to be the unit's.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from registry.errors import LabelError
from registry.issuing import qr, qr_text
from registry.issuing.labels import Face, Label
from registry.issuing.qr_reading import Reader
from registry.units import links

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from registry.issuing.qr import Level
    from registry.proofs.manifest import Manifest
    from registry.proofs.tree_file import TreeUnit
    from registry.units.records import Record

MASK: Final = 2
"""The mask of every code that the batch encoder draws: which one, and why one, says decision 10."""
LEVEL: Final[Level] = "M"
REPORT: Final = "nothing of this file was handed over; this is a fault of the encoder: report it"
SERIAL: Final = "/21/"
SIGNATURE: Final = "?sig="
SIGNATURE_SIZE: Final = 86
TO_URL: Final = bytes.maketrans(b"+/", b"-_")
FROM_URL: Final = bytes.maketrans(b"-_", b"+/")
UNUSED_ZERO: Final = frozenset((b"A", b"Q", b"g", b"w"))
"""What a signature may end with: 64 bytes leave four bits of the last character unused."""
CAPITALS: Final = re.compile(r"[0-9A-Z-]+")
"""Serials that the alphanumeric mode writes."""


class Code(Protocol):
    """A code that an ordinary encoder drew."""

    @property
    def size(self) -> int:
        """Modules on a side."""

    @property
    def rows(self) -> bytes:
        """Rows of modules, each in whole bytes, without quiet zone; 1 is dark."""


@dataclass(frozen=True, slots=True)
class _Form:
    """How the labels of a product and lot with serials of one kind begin and end."""

    face: Face
    before: bytes
    after: bytes
    layout: qr_text.Layout


class Press:
    """Makes the labels of a batch; one process needs one, because it keeps the encoder's tables."""

    def __init__(
        self,
        manifest: Manifest,
        base: str,
        *,
        level: Level = LEVEL,
        draw: Callable[[str, Level], Code] | None = None,
    ) -> None:
        """Draw with `draw` if it is given, the ordinary way, one by one, with the mask that suits each code best.

        `base` is the verifier's address, such as `https://verify.example.org`. Raises `LinkError` if it is not scheme and host.
        """
        self._base = links.read_base(base)
        self._domain = self._base.partition("://")[2]
        self._level = level
        self._draw = draw
        self._faces = {
            (product.gtin, product.lot): Face(
                product.gtin, product.lot, dict(product.names), product.model, self._domain, product.carrier
            )
            for product in manifest.products
        }
        self._forms: dict[tuple[str, str, int, str], _Form] = {}
        self._layouts: dict[str, qr_text.Layout] = {}
        self._encoders: dict[int, qr.Encoder] = {}
        self._readers: dict[int, Reader] = {}
        self._accepted: dict[tuple[str, str], set[bytes]] = {}

    def labels(self, units: Sequence[TreeUnit]) -> list[Label]:
        """Return the labels of units, in their order. Raises `LabelError` if a unit's lot is not in the manifest."""
        forms = [self._form(unit.record) for unit in units]
        texts = [
            form.before + unit.record.serial.encode() + (form.after and form.after + _signature(unit))
            for form, unit in zip(forms, units, strict=True)
        ]
        if (draw := self._draw) is not None:
            drawn = [draw(text.decode(), self._level) for text in texts]
            each = zip(forms, units, texts, drawn, strict=True)
            return [Label(form.face, unit.record.serial, text, code.size, code.rows) for form, unit, text, code in each]
        made: dict[int, Label] = {}
        for places in _alike(form.layout for form in forms):
            layout = forms[places[0]].layout
            rows = np.frombuffer(b"".join([texts[place] for place in places]), np.uint8).reshape(len(places), -1)
            encoder = self._encoder(layout.version)
            codes = encoder.encode(qr_text.codewords(rows, layout))
            flat, width = codes.tobytes(), codes[0].size
            for number, place in enumerate(places):
                code = flat[number * width : (number + 1) * width]
                made[place] = Label(forms[place].face, units[place].record.serial, texts[place], encoder.size, code, layout)
        return [made[place] for place in range(len(units))]

    def check(self, labels: Sequence[Label], units: Sequence[TreeUnit]) -> None:
        """Go through every label from its modules back to its unit.

        Every module has to be as the standard has it, the text has to be the label's link, and GTIN, lot, serial and signature
        in it the unit's. Raises `LabelError` that names the first unit whose label is other.
        """
        for places in _alike(label.layout for label in labels):
            texts = self._read([labels[place] for place in places])
            for place, text in zip(places, texts, strict=True):
                if text != labels[place].link or not self._tells(text, units[place]):
                    raise fault(units[place].record, text.decode("latin-1"), self._link(units[place]))

    def check_link(self, label: Label, unit: TreeUnit) -> None:
        """Check a label's link by itself: it is what links are made of one by one, and reads as the unit's, case aside.

        Raises `LabelError`.
        """
        text, expected = label.link.decode("latin-1"), self._link(unit)
        if text not in {expected, self._base.upper() + expected[len(self._base) :]}:
            raise fault(unit.record, text, expected)
        read = links.parse(text)
        if (read.gtin, read.lot or label.face.lot, read.serial) != (unit.record.gtin, unit.record.lot, unit.record.serial):
            raise fault(unit.record, text, expected)

    def _link(self, unit: TreeUnit) -> str:
        """Return a unit's link, made by itself, with scheme and host in small letters where the carrier is the signed one."""
        record = unit.record
        if self._face(record).carrier == "compact":
            return links.build_compact(self._base, record.id)
        return links.build(self._base, record, unit.signature)

    def _face(self, record: Record) -> Face:
        face = self._faces.get((record.gtin, record.lot))
        if face is None:
            raise LabelError(f"lot {record.lot} of {record.gtin} is not in the batch's manifest, expected every lot there")
        return face

    def _form(self, record: Record) -> _Form:
        serial = record.serial
        kind = qr_text.NUMERIC if serial.isdigit() else qr_text.ALPHANUMERIC if CAPITALS.fullmatch(serial) else qr_text.BYTE
        key = record.gtin, record.lot, len(serial), kind
        form = self._forms.get(key)
        if form is None:
            form = self._forms[key] = self._new_form(record, kind)
        return form

    def _new_form(self, record: Record, kind: str) -> _Form:
        """Find the beginning of a link and the smallest code; scheme and host in capitals only if that makes it smaller."""
        face = self._face(record)
        if face.carrier == "compact":
            texts, rest = [links.build_compact(self._base, record.id)], ""
        else:
            text = links.build(self._base, record, bytes(64))
            texts, rest = [text, self._base.upper() + text[len(self._base) :]], SIGNATURE
        forms = []
        for text in texts:
            before, mark, _ = text.rpartition(SERIAL)
            kinds = qr_text.kind(before + mark) + kind * len(record.serial)
            kinds += qr_text.BYTE * (len(rest) + SIGNATURE_SIZE if rest else 0)
            layout = self._layouts.get(kinds)
            if layout is None:
                found = qr_text.lay_out(kinds, self._level)
                layout = self._layouts[kinds] = next((known for known in self._layouts.values() if known == found), found)
            forms.append(_Form(face, (before + mark).encode(), rest.encode(), layout))
        return min(forms, key=lambda form: form.layout.version)

    def _encoder(self, version: int) -> qr.Encoder:
        encoder = self._encoders.get(version)
        if encoder is None:
            encoder = self._encoders[version] = qr.Encoder(version, self._level, MASK)
        return encoder

    def _read(self, labels: Sequence[Label]) -> list[bytes]:
        """Read codes that are written alike. Raises `LabelError` that names the unit of the first that is not right."""
        size = labels[0].size
        reader = self._readers.get(size)
        if reader is None:
            reader = self._readers[size] = Reader(size)
        try:
            return reader.read(_modules(labels))
        except LabelError as error:
            for label in labels:
                try:
                    reader.read(_modules([label]))
                except LabelError as own:
                    raise LabelError(f"the code of {_name(label.unit)} is faulty: {own.message}", hint=REPORT) from own
            raise LabelError(f"of {len(labels)} codes that are written alike, {error.message}", hint=REPORT) from error

    def _tells(self, text: bytes, unit: TreeUnit) -> bool:
        """Say whether a text is about a unit and carries its signature, taken apart from behind."""
        record = unit.record
        path, mark, signature = text.partition(SIGNATURE.encode())
        before, _, serial = path.rpartition(SERIAL.encode())
        key = record.gtin, record.lot
        accepted = self._accepted.get(key)
        if accepted is None:
            accepted = self._accepted[key] = self._beginnings(record)
        if serial != record.serial.encode() or before + mark not in accepted:
            return False
        read = binascii.a2b_base64(signature.translate(FROM_URL) + b"==") if mark else unit.signature
        return read == unit.signature and (not mark or signature[-1:] in UNUSED_ZERO)

    def _beginnings(self, record: Record) -> set[bytes]:
        """Return what may stand before a serial, followed by what announces a signature where the carrier has one."""
        if self._face(record).carrier == "compact":
            return {links.path_of(self._base.upper(), record.gtin).encode()}
        bases = self._base, self._base.upper()
        return {(links.path_of(base, record.gtin, lot=record.lot) + SIGNATURE).encode() for base in bases}


def _alike(layouts: Iterable[object]) -> Iterable[list[int]]:
    """Return the places of the same layout, for each of them; equal ones are one object."""
    alike: dict[int, list[int]] = {}
    for place, layout in enumerate(layouts):
        alike.setdefault(id(layout), []).append(place)
    return alike.values()


def fault(record: Record, found: str, expected: str) -> LabelError:
    """Return the error of a code that says something else."""
    return LabelError(f"the code of {_name(record)} reads as {found!r}, expected {expected!r}", hint=REPORT)


def _name(unit: Any) -> str:
    return f"{unit.gtin}/{unit.serial}"


def _modules(labels: Iterable[Label]) -> qr.Bytes:
    """Return the codes of labels of one size as the reader takes them."""
    some = list(labels)
    return np.frombuffer(b"".join([label.code for label in some]), np.uint8).reshape(len(some), some[0].size, -1)


def _signature(unit: TreeUnit) -> bytes:
    return binascii.b2a_base64(unit.signature, newline=False)[:SIGNATURE_SIZE].translate(TO_URL)

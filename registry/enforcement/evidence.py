"""The evidence bundle: everything of a case in one ZIP that anybody can check with nothing but Python (docs/evidence.md).

`manifest.json` names every file with its size, SHA-256, media type, role and nature: what was observed, what was inferred, what
somebody asserted. Its own SHA-256 is what a notary puts on the chain, so that nothing of a bundle can be changed afterwards
without showing. A bundle is never edited: a later one of the same case names the one that it supersedes.
"""

from __future__ import annotations

import csv
import enum
import hashlib
import io
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson
import rfc8785

from registry.enforcement import result_lines, standalone
from registry.enforcement.cases import Kind
from registry.proofs.encoding import canonical
from registry.units.records import UnitId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import IO

    from registry.enforcement.cases import Case
    from registry.enforcement.officers import Office
    from registry.enforcement.snapshot import Snapshot

FORMAT: Final = "touchstone-evidence"
VERSION: Final = "1"
MANIFEST: Final = "manifest.json"
ANCHOR: Final = "anchor/anchor.json"
TIMESTAMP: Final = "anchor/manifest.tsr"
OF_TYPE: Final = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/heic": "heic"}
JSON: Final = "application/json"
MOST: Final = 18_000_000
"""Bytes of all that is made for a bundle, packed: photos come on top of it."""
CUSTODY: Final = ("number", "recorded_at", "who", "action", "at", "place", "seal", "person", "why")


class Nature(enum.StrEnum):
    """What a file's contents are worth."""

    OBSERVED = "observed"
    """Bytes as they came, or as a chain has them: whoever doubts them looks for himself."""
    INFERRED = "inferred"
    """What the registry's program made of them: whoever doubts it repeats it."""
    ASSERTED = "asserted"
    """What a person said or wrote."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a bundle."""

    path: str
    content: bytes
    type: str
    """Media type."""
    role: str
    """A stable code: case, items, custody, statement, presence, absence, snapshot, profile, photo, photo_copy, …"""
    nature: Nature
    derived_from: str = ""
    """The path of what it was made from; empty if it was not."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One file of a bundle, as its manifest names it."""

    path: str
    size: int
    sha256: str
    type: str
    role: str
    nature: Nature
    derived_from: str = ""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle without the files that the case keeps already."""

    manifest: bytes
    parts: tuple[Part, ...]

    @property
    def sha256(self) -> str:
        """The hash of the manifest, in hex: it stands for every file."""
        return hashlib.sha256(self.manifest).hexdigest()

    def packed(self) -> bytes:
        """Return manifest and parts as a ZIP: the same bundle gives the same bytes."""
        out = io.BytesIO()
        made_at = _time_of(self.manifest)
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in ((MANIFEST, self.manifest), *((part.path, part.content) for part in self.parts)):
                archive.writestr(_entry(path, made_at), content, zipfile.ZIP_DEFLATED)
        return out.getvalue()


def path_of(values: Mapping[str, Any]) -> str:
    """Return where a photo of a case, or a copy of one, lies in its bundles."""
    kind = "copy" if values.get("derived_from") else "original"
    return f"media/{kind}/{values['id']}.{OF_TYPE.get(values['type'], 'bin')}"


def make(
    case: Case,
    snapshot: Snapshot,
    *,
    office: Office | None,
    name: Callable[[int], str],
    who: int,
    made_at: int,
    registry_id: bytes,
    statements: Iterable[Part] = (),
    papers: Iterable[Part] = (),
    environment: Mapping[str, Any],
) -> Bundle:
    """Return the bundle of a case as it stands.

    `name` gives the name of an account, `made_at` is in Unix seconds, `statements` are what rights holders were told and
    answered, `papers` what people read first.
    """
    office_name = office.name if office else f"office {case.office}"
    parts = [
        *papers,
        Part("case.json", _case(case, office_name, name), JSON, "case", Nature.ASSERTED),
        Part("items.csv", result_lines.as_csv(_lines(case)), "text/csv", "items", Nature.INFERRED),
        Part(
            "items.jsonl", result_lines.as_json_lines(_lines(case)), "application/jsonl", "items_for_machines", Nature.INFERRED
        ),
        Part("custody.csv", _custody(case, name), "text/csv", "custody", Nature.ASSERTED),
        Part("registry_snapshot/registry.json", snapshot.registry, JSON, "snapshot", Nature.OBSERVED),
        *(Part(path, raw, JSON, "profile", Nature.OBSERVED) for path, raw in snapshot.profiles.items()),
        *(Part(path, raw, JSON, "presence", Nature.OBSERVED) for path, raw in snapshot.presences.items()),
        *(Part(path, raw, JSON, "absence", Nature.OBSERVED) for path, raw in snapshot.absences.items()),
        *statements,
        Part("environment.json", rfc8785.dumps(dict(environment)), JSON, "environment", Nature.OBSERVED),
        Part("verify.py", standalone.program().encode(), "text/x-python", "verifier", Nature.OBSERVED),
    ]
    photos = {values["id"]: path_of(values) for values in case.photos}
    listed = [_listed(part) for part in parts] + [_kept(values, photos) for values in case.photos]
    bundles = case.of(Kind.BUNDLED)
    manifest = canonical({
        "format": FORMAT,
        "version": VERSION,
        "registryId": f"0x{registry_id.hex()}",
        "case": case.id,
        "lastEvent": str(len(case.events)),
        "madeAt": _iso(made_at),
        "madeBy": {"office": office_name, "account": str(who), "name": name(who)},
        "supersedes": bundles[-1].values["manifest"] if bundles else "",
        "files": [_written(one) for one in sorted(listed, key=lambda one: one.path)],
        "unproved": [{"gtin": one.unit.gtin, "serial": one.unit.serial, "why": one.why} for one in snapshot.unproved],
    })  # fmt: skip
    return Bundle(manifest, tuple(parts))


def pack(
    packed: bytes, case: Case, read: Callable[[str], bytes | None], extra: Mapping[str, bytes], out: IO[bytes]
) -> list[str]:
    """Write the whole bundle: what was made for it, the files that the case keeps, and what came later (`extra`).

    `read` gives a file of the case by its id. Returns the paths of files that are missing; the bundle says so by itself.
    """
    known = {path_of(values): values["id"] for values in case.photos}
    missing = []
    with zipfile.ZipFile(io.BytesIO(packed)) as made, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        manifest = made.read(MANIFEST)
        made_at = _time_of(manifest)
        there = set(made.namelist())
        for info in made.infolist():
            archive.writestr(_entry(info.filename, made_at), made.read(info), zipfile.ZIP_DEFLATED)
        for path in listed_in(manifest):
            if path not in there:
                content = read(known[path]) if path in known else None
                if content is None:
                    missing.append(path)
                else:  # photos are packed already
                    archive.writestr(_entry(path, made_at), content, zipfile.ZIP_STORED)
        for path, content in extra.items():
            archive.writestr(_entry(path, made_at), content, zipfile.ZIP_DEFLATED)
    return missing


def listed_in(manifest: bytes) -> list[str]:
    """Return the paths that a manifest of ours names."""
    return [one["path"] for one in orjson.loads(manifest)["files"]]


def shown_absences(case: Case, read: Callable[[str], bytes | None]) -> dict[UnitId, bytes]:
    """Return the absence files that a case has already, by their units."""
    found = {}
    for event in case.of(Kind.ABSENCE_SHOWN):
        content = read(event.values["id"])
        if content is not None:
            found[UnitId(event.values["gtin"], event.values["serial"])] = content
    return found


def _lines(case: Case) -> list[Any]:
    return [result_lines.from_record(record) for record in case.units]


def _case(case: Case, office: str, name: Callable[[int], str]) -> bytes:
    """Return the case: what stands, and every event as its hash in the journal covers it."""
    details = {key: getattr(case.details, key) for key in case.details.__slots__}
    return rfc8785.dumps({
        "format": "touchstone-case",
        "version": VERSION,
        "case": case.id,
        "office": office,
        "state": case.state.value,
        "outcome": case.outcome.value if case.outcome else "",
        "openedAt": _iso(case.opened_at),
        "closedAt": _iso(case.closed_at) if case.closed_at else "",
        "legalHold": case.held,
        "details": details,
        "people": {str(who): name(who) for who in sorted({event.who for event in case.events})},
        "events": [
            {
                "case": case.id, "kind": event.kind.value, "number": event.number, "time": event.time, "who": event.who,
                "why": event.why, "values": _values(event.kind, event.values), "sha256": event.sha256(case.id),
            }
            for event in case.events
        ],
    })  # fmt: skip


def _values(kind: Kind, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an event says; lines are in items.jsonl, and not a second time."""
    return {"lines": len(values["units"])} if kind is Kind.UNITS_ADDED else dict(values)


def _custody(case: Case, name: Callable[[int], str]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(CUSTODY)
    for event in case.of(Kind.CUSTODY):
        told = event.values
        cells = (
            str(event.number), _iso(event.time), name(event.who) or str(event.who), told["action"], _iso(told["at"]),
            told.get("place", ""), told.get("seal", ""), told.get("person", ""), event.why,
        )  # fmt: skip
        writer.writerow([result_lines.safe(cell) for cell in cells])
    return out.getvalue().encode("utf-8-sig")


def _listed(part: Part) -> Listed:
    return Listed(
        part.path, len(part.content), hashlib.sha256(part.content).hexdigest(), part.type, part.role, part.nature,
        part.derived_from,
    )  # fmt: skip


def _kept(values: Mapping[str, Any], photos: Mapping[str, str]) -> Listed:
    """Return a photo of the case, or a copy of one; `photos` has the paths by their ids."""
    original = photos.get(values.get("derived_from", ""), "")
    return Listed(
        path_of(values), values["size"], values["sha256"], values["type"], "photo_copy" if original else "photo",
        Nature.OBSERVED, original,
    )  # fmt: skip


def _written(one: Listed) -> dict[str, str]:
    return {
        "path": one.path, "size": str(one.size), "sha256": one.sha256, "type": one.type, "role": one.role,
        "nature": one.nature.value, "derivedFrom": one.derived_from,
    }  # fmt: skip


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat().replace("+00:00", "Z")


def _time_of(manifest: bytes) -> datetime:
    return datetime.fromisoformat(orjson.loads(manifest)["madeAt"])


def _entry(path: str, made_at: datetime) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(path, made_at.timetuple()[:6])
    info.create_system = 3  # the same bytes on every system
    info.external_attr = 0o644 << 16
    return info

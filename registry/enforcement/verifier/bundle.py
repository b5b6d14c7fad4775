"""Checks an evidence bundle (docs/evidence.md): the ZIP as it came, or the folder that it was unpacked to."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .documents import Members, Refused, loaded
from .files import MAX_ABSENCE, Absence, made
from .presence import Presence

if TYPE_CHECKING:
    from collections.abc import Callable


MAX_MANIFEST = 16 * 2**20
MAX_FILE = 2**28
"""Bytes: ten times what any file of ours has."""
PATH = r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*"
SHA256 = r"[0-9a-f]{64}"
LATER = ("anchor/anchor.json", "anchor/manifest.tsr")
"""What no manifest can name, because it is about the manifest: neither is believed for being there."""
IN_THE_REGISTRY = frozenset(
    ("registered", "number_known", "awaiting_finality", "foreign_host", "withdrawn", "issuer_suspended", "key_under_review")
)
UNREADABLE = (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, ValueError)
"""What reading a damaged archive raises."""


class Archive:
    """A ZIP, or a folder."""

    def __init__(self, path: Path) -> None:
        self._folder = path if path.is_dir() else None
        try:
            self._zip = None if self._folder else zipfile.ZipFile(path)
        except UNREADABLE as error:
            raise Refused(f"no ZIP that can be read: {error}") from error

    def names(self) -> list[str]:
        """Return the paths of all files; one that is there twice is named twice."""
        if self._zip:
            return [name for name in self._zip.namelist() if not name.endswith("/")]
        folder = self._folder or Path()
        return [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if not path.is_dir()]

    def read(self, name: str, most: int) -> bytes:
        """Return a file of at most so many bytes."""
        try:
            with self._zip.open(name) if self._zip else ((self._folder or Path()) / name).open("rb") as file:
                data = file.read(most + 1)
                if len(data) <= most:
                    file.read(1)  # the end, where a ZIP's own sum is compared
        except (*UNREADABLE, KeyError) as error:
            raise Refused(f"cannot be read: {error}") from error
        if len(data) > most:
            raise Refused(f"more than {most} bytes")
        return data


class ListedFile:
    """A file as the manifest names it."""

    def __init__(self, fields: Members) -> None:
        self.path = fields.text("path", PATH)
        self.size = fields.count("size", MAX_FILE)
        self.sha256 = fields.text("sha256", SHA256)
        fields.text("type")
        self.role = fields.text("role", "[a-z_]+")
        fields.text("nature", "observed|inferred|asserted")
        self.derived_from = fields.text_or_nothing("derivedFrom", PATH)
        fields.done()


class Evidence:
    """A bundle: what its manifest says, and the proofs in it."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        raw = archive.read("manifest.json", MAX_MANIFEST)
        self.sha256 = hashlib.sha256(raw).digest()
        fields = Members(loaded(raw, MAX_MANIFEST), "manifest")
        fields.text("format", "touchstone-evidence")
        fields.text("version", "1")
        self.registry_id = fields.word("registryId")
        case = fields.text("case", "[0-9A-Z]{12}")
        made_at = fields.text("madeAt", r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z")
        fields.text("lastEvent", r"[1-9][0-9]{0,8}")
        by = fields.member("madeBy")
        by.text("office")
        by.text("account", r"[0-9]+")
        by.text_or_nothing("name")
        by.done()
        fields.text_or_nothing("supersedes", SHA256)
        self.files = [ListedFile(one) for one in fields.members("files")]
        self.unproved = {_unit_of(one) for one in fields.members("unproved")}
        fields.done()
        self.about = f"evidence of case {case}, made at {made_at}; SHA-256 of manifest.json: {self.sha256.hex()}"
        self.presences: list[Presence] = []
        self.absences: list[Absence] = []

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        """Return what is repeated, in this order."""
        return [
            ("files", self._files),
            ("presence", self._presence),
            ("absence", self._absence),
            ("units", self._units),
        ]

    def _files(self) -> str:
        """Compare every file with its hash; all that differ are named."""
        faults = []
        paths = [one.path for one in self.files]
        if paths != sorted(set(paths)) or "manifest.json" in paths or set(LATER) & set(paths):
            raise Refused("the manifest has a file twice or out of order, or one that cannot be in it")
        names = self.archive.names()
        faults += [f"{name}: twice in the archive" for name in sorted({name for name in names if names.count(name) > 1})]
        faults += [f"{name}: not in the manifest" for name in sorted(set(names) - set(paths) - {"manifest.json", *LATER})]
        there = set(names)
        for one in self.files:
            if one.path not in there:
                faults.append(f"{one.path}: missing")
                continue
            try:
                data = self.archive.read(one.path, one.size)
            except Refused as error:
                faults.append(f"{one.path}: {error}")
                continue
            if len(data) != one.size or hashlib.sha256(data).hexdigest() != one.sha256:
                faults.append(f"{one.path}: CHANGED, its bytes are not those of the manifest")
        if faults:
            raise Refused("; ".join(faults))
        return f"{len(self.files)} files are as the manifest names them"

    def _presence(self) -> str:
        count = 0
        for one in self._of("presence"):
            file = Presence(self._document(one))
            self._repeat(one, file)
            self.presences.append(file)
            count += len(file.units)
        return f"{count} units are in {len(self.presences)} batches"

    def _absence(self) -> str:
        for one in self._of("absence"):
            file = Absence(self._document(one))
            self._repeat(one, file)
            self.absences.append(file)
        return f"{len(self.absences)} numbers are in none"

    def _units(self) -> str:
        """See that there is a proof for each unit of the list, or a reason why there is none."""
        present = {(unit.gtin, unit.serial) for file in self.presences for unit in file.units}
        absent = {(file.gtin, file.serial) for file in self.absences}
        try:
            listed = self._listed()
        except (ValueError, LookupError, TypeError) as error:
            raise Refused(f"the list cannot be read: {error!r:.200}") from error
        for unit, expected in listed.items():
            if unit not in (present if expected == "present" else absent) and unit not in self.unproved:
                raise Refused(f"GTIN {unit[0]}, serial {unit[1]}: listed as {expected}, and nothing shows it")
        if strangers := (present | absent) - set(listed):
            raise Refused(f"GTIN and serial {min(strangers)} are not in the list")
        left = len(self.unproved & set(listed))
        return f"{len(listed) - left} of {len(listed)} units of the list are shown" + (f", {left} are not" if left else "")

    def _listed(self) -> dict[tuple[str, str], str]:
        """Return what the list says of each unit that can be shown."""
        listed: dict[tuple[str, str], str] = {}
        for one in self._of("items_for_machines"):
            for line in self.archive.read(one.path, one.size).splitlines():
                told = json.loads(line)
                unit = (told["gtin"], told["serial"])
                if told["registration"] in IN_THE_REGISTRY:
                    listed[unit] = "present"
                elif told["registration"] == "not_registered" and told["gtin"]:
                    listed.setdefault(unit, "absent")
        return listed

    def _repeat(self, one: ListedFile, file: Presence | Absence) -> None:
        if file.registry_id != self.registry_id:
            raise Refused(f"{one.path}: of another registry")
        for name, held, told in made(file.steps()):
            if not held:
                raise Refused(f"{one.path}: {name}: {told}")

    def _of(self, role: str) -> list[ListedFile]:
        return [one for one in self.files if one.role == role]

    def _document(self, one: ListedFile) -> Any:
        try:
            return loaded(self.archive.read(one.path, one.size), MAX_ABSENCE)
        except Refused as error:
            raise Refused(f"{one.path}: {error}") from error


def is_bundle(path: Path) -> bool:
    """Say whether a path may lead to a bundle."""
    return path.is_dir() or (path.is_file() and zipfile.is_zipfile(path)) or path.suffix == ".zip"


def _unit_of(fields: Members) -> tuple[str, str]:
    unit = (fields.text("gtin", r"[0-9]{14}"), fields.text("serial"))
    fields.text("why", "[a-z_]+")
    fields.done()
    return unit

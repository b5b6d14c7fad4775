"""An evidence bundle from the desk: everything of a case, checked by the program that lies in it, on a real chain."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from registry.chain.annals import Annals
from registry.chain.records import Records
from registry.checking.deployments import Deployments
from registry.enforcement import evidence, result_lines
from registry.enforcement.absence import Inquiry
from registry.enforcement.cases import Kind
from registry.enforcement.consignments import Entry, check, gather
from registry.enforcement.snapshot import Registry as Asked
from registry.enforcement.verifier.__main__ import main
from registry.enforcement.verifier.bundle import Archive, Evidence
from registry.enforcement.verifier.documents import Refused
from registry.enforcement.verifier.files import repeated
from registry.errors import ChainUnavailable, StampUnavailable
from registry.notary import Notary
from registry.storage.journal import Journal
from registry.storage.outbox import Outbox, Work
from registry.units.records import UnitId
from tests.chain.stage import REGISTRY_ID, signer
from tests.checking.anchored import COMPACT, SIGNED, Registry, anchored
from tests.checking.world import SCOOTER
from tests.faults.damage import damaged
from tests.webapp.desk import LI, VOGT, Desk, open_desk, picture, shown
from webapp.readers import RegistryChecks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry.enforcement.verifier.files import Step

NEVER: Final = UnitId(SCOOTER, "NEVER1")
FLIPS: Final = 60
DAMAGED: Final = 400


@dataclass
class Scene:
    """A registry, a desk that asks it, a case, and whether the chain answers."""

    registry: Registry
    desk: Desk
    case: str
    away: list[bool]
    folder: Path

    def make(self) -> Any:
        """Make a bundle by the desk's form."""
        standing = self.desk.cases.get(self.case)
        sent = {"seen": len(standing.events) if standing else 0}
        headers = {"Accept-Language": "en"}
        return self.desk.as_(LI).post(f"/desk/cases/{self.case}/evidence", data=sent, headers=headers)

    def download(self) -> bytes:
        """Return the newest bundle."""
        standing = self.desk.cases.get(self.case)
        assert standing is not None
        return self.fetch(standing.bundles[-1]["id"])

    def fetch(self, file: str) -> bytes:
        """Return a bundle of the case."""
        with self.desk.as_(LI).get(f"/desk/cases/{self.case}/evidence/{file}.zip") as answer:
            assert answer.status_code == 200
            return bytes(answer.data)


@pytest.fixture(scope="module")
def scene(require_backend: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A case with a label that was read, a number that was typed, one that was never registered, and photos."""
    folder = tmp_path_factory.mktemp("evidence")
    with anchored(require_backend("anvil"), folder) as registry:
        chains = [registry.chain.reader()]
        away = [False]
        chronicles = [Annals(chain) for chain in chains]

        class Sometimes(Deployments):
            def seal(self, *asked: Any) -> Any:
                if away[0]:
                    raise ChainUnavailable("silent")
                return super().seal(*asked)

        def inquiry() -> Inquiry:
            return Inquiry(REGISTRY_ID, chronicles, registry.store)

        asked = Asked(REGISTRY_ID, registry.store, Sometimes(registry.chain.trust, chains), chronicles, inquiry)
        desk = open_desk(folder, {}, copy=lambda _: picture("blue", ""), inquiry=inquiry, registry=asked)
        given = [registry.link(SIGNED), COMPACT.serial, f"(01){NEVER.gtin}(21){NEVER.serial}", "no code at all"]
        entries = [Entry(number, text) for number, text in enumerate(given, 1)]
        found = gather(check(entries, RegistryChecks(registry.verifier(), registry.store)))
        lines = [result_lines.record(line) for line in found.lines]
        case = desk.cases.open_case(LI.office.id, LI.id, {"reference": "SH-1", "quantity": 2000}, lines).id
        desk.do(LI, case, "photos", photo=(io.BytesIO(picture("green")), "IMG_1.jpg"), shows="A label")
        desk.do(LI, case, "custody", action="sealed", place="=Shed 4", seal="CN-77", person="Wang Fang")
        desk.do(LI, case, "examined", opened="240", examined="200", found="12", why="cartons 1 to 20")
        yield Scene(registry, desk, case, away, folder)


@pytest.fixture(scope="module")
def bundle(scene: Scene) -> bytes:
    """A bundle of the case, as it is downloaded."""
    assert scene.make().status_code == 303
    return scene.download()


def judged(path: Path) -> tuple[str, list[Step]]:
    """Return what the verifier of the standard library says."""
    try:
        file = Evidence(Archive(path))
    except Refused as error:
        return "", [("document", False, str(error))]
    return file.about, repeated(file)


def failure(path: Path) -> str:
    """Return what does not hold; nothing if everything does."""
    return next((f"{name}: {told}" for name, held, told in judged(path)[1] if not held), "")


def saved(scene: Scene, raw: bytes, name: str = "bundle.zip") -> Path:
    """Return a file with these bytes."""
    path = scene.folder / name
    path.write_bytes(raw)
    return path


def rewritten(raw: bytes, change: Callable[[dict[str, bytes]], object]) -> bytes:
    """Return a bundle some of whose files are other ones: a whole ZIP, with the right sums."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def listed(raw: bytes) -> dict[str, Any]:
    """Return what a bundle's manifest says, by path."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {one["path"]: one for one in json.loads(archive.read("manifest.json"))["files"]}


def test_it_holds_everything_of_the_case_and_checks_itself(scene: Scene, bundle: bytes) -> None:
    """By its own program, alone in an empty folder, with Python's standard library and nothing else."""
    files = listed(bundle)
    roles = {one["role"] for one in files.values()}
    assert roles >= {
        "case", "items", "items_for_machines", "custody", "snapshot", "profile", "presence", "absence", "photo", "photo_copy",
        "environment", "verifier", "report", "readme",
    }  # fmt: skip
    assert {one["nature"] for one in files.values()} == {"observed", "inferred", "asserted"}
    copy = next(one for one in files.values() if one["role"] == "photo_copy")
    assert files[copy["derivedFrom"]]["role"] == "photo"
    place = scene.folder / "clerk"
    place.mkdir()
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        (place / "verify.py").write_bytes(archive.read("verify.py"))
    (place / "bundle.zip").write_bytes(bundle)
    command = [sys.executable, "-I", "-S", "verify.py", "bundle.zip"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "2 units are in 1 batches" in done.stdout
    assert "1 numbers are in none" in done.stdout
    assert "3 of 3 units of the list are shown" in done.stdout
    assert hashlib.sha256(_manifest(bundle)).hexdigest() in done.stdout


def _manifest(raw: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return archive.read("manifest.json")


def test_the_folder_is_as_good_as_the_zip(scene: Scene, bundle: bytes) -> None:
    """Whoever unpacked it checks the folder."""
    place = scene.folder / "unpacked"
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        archive.extractall(place)
    assert failure(place) == ""
    (place / "custody.csv").unlink()
    (place / "more.txt").write_text("x")
    told = failure(place)
    assert "custody.csv: missing" in told
    assert "more.txt: not in the manifest" in told


def test_the_original_is_as_it_came_and_a_signature_is_given_for_read_labels_alone(bundle: bytes) -> None:
    """Whoever only typed a number gets nothing with which its label could be printed."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        original = next(name for name in archive.namelist() if name.startswith("media/original/"))
        assert archive.read(original) == picture("green")
        presence = json.loads(archive.read("proofs/presence/0001.json"))
        custody = archive.read("custody.csv").decode("utf-8-sig")
        case = json.loads(archive.read("case.json"))
    signatures = {unit["serial"]: bool(unit["signature"]) for unit in presence["units"]}
    assert signatures == {SIGNED.serial: True, COMPACT.serial: False}
    assert '"\'=Shed 4"' in custody
    assert case["people"] == {str(LI.id): LI.name}
    assert [event["kind"] for event in case["events"]][:2] == ["opened", "units_added"]


@pytest.mark.parametrize("seed", range(4))
def test_a_flipped_bit_of_any_file_is_named(scene: Scene, bundle: bytes, seed: int) -> None:
    """Any bit of any listed file, in a ZIP that is whole otherwise; the manifest itself is held by the anchored hash."""
    chance = random.Random(seed)
    paths = sorted(listed(bundle))
    for path in [*paths, *chance.choices(paths, k=FLIPS // 4)]:

        def flip(files: dict[str, bytes], path: str = path) -> None:
            changed = bytearray(files[path])
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
            files[path] = bytes(changed)

        assert f"{path}: CHANGED" in failure(saved(scene, rewritten(bundle, flip)))


def test_a_flipped_bit_of_the_zip_is_found_or_harmless(scene: Scene, bundle: bytes) -> None:
    """Whatever is damaged, a file that differs is never taken for whole, and nothing but our own words comes out."""
    chance = random.Random("zip")
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        whole = {name: archive.read(name) for name in archive.namelist()}
    for _ in range(FLIPS):
        changed = bytearray(bundle)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        path = saved(scene, bytes(changed))
        if not failure(path):
            with zipfile.ZipFile(path) as archive:
                assert {name: archive.read(name) for name in archive.namelist()} == whole


def test_a_bundle_that_is_damaged_in_any_way_is_named_or_says_the_same(scene: Scene, bundle: bytes) -> None:
    """Cut, spliced, with parts that are doubled, missing, huge or lead elsewhere: it never crashes, and never holds wrongly."""
    chance = random.Random("damage")
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        whole = {name: archive.read(name) for name in archive.namelist()}
    held = 0
    for _ in range(DAMAGED):
        path = saved(scene, damaged([bundle], chance))
        if not failure(path):
            held += 1
            with zipfile.ZipFile(path) as archive:
                assert {name: archive.read(name) for name in archive.namelist()} == whole
    assert held < DAMAGED


def add_a_file(files: dict[str, bytes]) -> None:
    """Something that the manifest does not name."""
    files["media/original/other.jpg"] = b"x"


def drop_a_proof(files: dict[str, bytes]) -> None:
    """From bundle and manifest alike."""
    _relist(files, drop="proofs/presence/0001.json")


def drop_a_line(files: dict[str, bytes]) -> None:
    """The list says less than is shown."""
    files["items.jsonl"] = b"".join(files["items.jsonl"].splitlines(keepends=True)[1:])
    _relist(files)


def another_root(files: dict[str, bytes]) -> None:
    """A proof that leads elsewhere, under the right hash."""
    told = json.loads(files["proofs/presence/0001.json"])
    told["units"][0]["index"] = "1" if told["units"][0]["index"] == "0" else "0"
    files["proofs/presence/0001.json"] = json.dumps(told, separators=(",", ":"), sort_keys=True).encode()
    _relist(files)


def unsigned_by(files: dict[str, bytes]) -> None:
    """A label that somebody else signed."""
    told = json.loads(files["proofs/presence/0001.json"])
    signed = next(unit for unit in told["units"] if unit["signature"])
    signed["signer"] = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
    files["proofs/presence/0001.json"] = json.dumps(told, separators=(",", ":"), sort_keys=True).encode()
    _relist(files)


def no_list(files: dict[str, bytes]) -> None:
    """A list that is none."""
    files["items.jsonl"] = b"[1]\n"
    _relist(files)


def outside(files: dict[str, bytes]) -> None:
    """A path that leads out of the bundle."""
    told = json.loads(files["manifest.json"])
    told["files"][0]["path"] = "../secret"
    files["manifest.json"] = json.dumps(told, separators=(",", ":"), sort_keys=True).encode()


def _relist(files: dict[str, bytes], drop: str = "") -> None:
    told = json.loads(files["manifest.json"])
    told["files"] = [one for one in told["files"] if one["path"] != drop]
    files.pop(drop, None)
    for one in told["files"]:
        content = files[one["path"]]
        one["sha256"], one["size"] = hashlib.sha256(content).hexdigest(), str(len(content))
    files["manifest.json"] = json.dumps(told, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (add_a_file, "media/original/other.jpg: not in the manifest"),
        (drop_a_proof, "listed as present, and nothing shows it"),
        (drop_a_line, "not in the list"),
        (another_root, "proofs/presence/0001.json: paths"),
        (unsigned_by, "proofs/presence/0001.json: signatures"),
        (no_list, "the list cannot be read"),
        (outside, "manifest.files[0].path"),
    ],
)
def test_what_is_not_right_is_named(
    scene: Scene, bundle: bytes, change: Callable[[dict[str, bytes]], object], told: str
) -> None:
    """Also by whoever makes the hashes right again: that changes the manifest's, which is on the chain."""
    assert told in failure(saved(scene, rewritten(bundle, change)))


def test_no_zip_is_said_to_be_none(scene: Scene) -> None:
    """Rubbish, an empty ZIP, another ZIP."""
    assert "no ZIP" in failure(saved(scene, b"rubbish"))
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    assert "cannot be read" in failure(saved(scene, empty.getvalue()))


def test_a_silent_chain_makes_no_bundle_and_loses_nothing(scene: Scene, bundle: bytes) -> None:
    """The page says so; the case is as before."""
    del bundle
    before = scene.desk.cases.get(scene.case)
    scene.away[0] = True
    answer = scene.make()
    scene.away[0] = False
    assert answer.status_code == 503
    assert "could not be asked now" in shown(answer).text
    assert scene.desk.cases.get(scene.case) == before


def test_of_two_at_once_one_is_told(scene: Scene, bundle: bytes) -> None:
    """Nobody bundles what he has not seen."""
    del bundle
    answer = scene.desk.as_(LI).post(f"/desk/cases/{scene.case}/evidence", data={"seen": 1}, headers={"Accept-Language": "en"})
    assert answer.status_code == 409
    assert "Somebody else changed this" in shown(answer).text


def test_it_is_nobody_elses(scene: Scene, bundle: bytes) -> None:
    """An inspector of another office finds nothing."""
    del bundle
    standing = scene.desk.cases.get(scene.case)
    assert standing is not None
    for address in ("", f"/{standing.bundles[-1]['id']}.zip"):
        assert scene.desk.as_(VOGT).get(f"/desk/cases/{scene.case}/evidence{address}").status_code == 404
    assert scene.desk.as_(LI).get(f"/desk/cases/{scene.case}/evidence/nothing.zip").status_code == 404


def test_the_notary_anchors_it_and_the_chain_says_so(scene: Scene, bundle: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """Before, the page waits and the chain knows nothing; then the bundle says where, and the program asks for itself."""
    page = f"/desk/cases/{scene.case}/evidence"
    assert "Waiting for the notary" in scene.desk.page(LI, page).text
    chain = scene.registry.chain
    asking = ["--rpc", chain.url, "--contract", chain.reader().deployment.contract]
    path = str(saved(scene, bundle))
    assert main([path, *asking]) == 1
    assert "no contract has" in capsys.readouterr().out
    chain.writer("alliance").grant_role("inspector", signer("notary").address)
    url, late = f"sqlite:///{scene.folder / 'desk.db'}", [0.0]
    with (
        Journal.open(url, REGISTRY_ID) as journal,
        Outbox.open(url, create=True, clock=lambda: time.time() + late[0]) as outbox,
    ):
        stamps: list[bytes | None] = [None, b"a token"]

        def stamp(digest: bytes) -> bytes:
            assert digest == hashlib.sha256(_manifest(bundle)).digest()
            token = stamps.pop(0)
            if token is None:
                raise StampUnavailable("silent")
            return token

        records, writer = Records(chain.reader()), chain.writer("notary")
        notary = Notary(
            REGISTRY_ID, journal=journal, outbox=outbox, on_record=records, recorder=writer, signer=signer("notary"),
            stamp=stamp, clock=lambda: time.time() + late[0],
        )  # fmt: skip
        first = notary.once()
        assert first.waiting == (f"case {scene.case} waits: silent",)
        assert "Waiting for a time-stamp" in scene.desk.page(LI, page).text
        paid = chain.request("eth_getTransactionCount", signer("notary").address, "latest")
        late[0] = 60.0
        assert notary.once().anchored == 1
        assert chain.request("eth_getTransactionCount", signer("notary").address, "latest") == paid
        (task,) = outbox.all(Work.CASE)
        assert task.done_at
        assert task.result
        assert task.result["transaction"]
    assert "Its hash is on the chain since" in scene.desk.page(LI, page).text
    assert "A time-stamp authority confirmed it" in scene.desk.page(LI, page).text
    later = scene.download()
    with zipfile.ZipFile(io.BytesIO(later)) as archive:
        told = json.loads(archive.read("anchor/anchor.json"))
        assert archive.read("anchor/manifest.tsr") == b"a token"
        assert told["manifestSha256"] == hashlib.sha256(archive.read("manifest.json")).hexdigest()
    assert main([str(saved(scene, later)), *asking]) == 0
    said = capsys.readouterr().out
    assert "on record since" in said
    assert "put there by" in said
    other = ["--rpc", chain.url, "--contract", "0x5FbDB2315678afecb367f032d93F642f64180aa3"]
    assert main([str(saved(scene, later)), *other]) == 1


def test_a_later_one_supersedes(scene: Scene, bundle: bytes) -> None:
    """The first stays, byte for byte."""
    first = hashlib.sha256(_manifest(bundle)).hexdigest()
    scene.desk.do(LI, scene.case, "custody", action="moved", place="Shed 5")
    assert scene.make().status_code == 303
    second = json.loads(_manifest(scene.download()))
    assert second["supersedes"] == first
    standing = scene.desk.cases.get(scene.case)
    assert standing is not None
    earlier = standing.of(Kind.BUNDLED)[0].values
    again = scene.fetch(earlier["id"])
    assert _manifest(again) == _manifest(bundle)
    assert failure(saved(scene, again)) == ""
    page = scene.desk.page(LI, f"/desk/cases/{scene.case}/evidence").text
    assert "Superseded by a later one" in page


def test_a_missing_photo_is_named(scene: Scene, bundle: bytes) -> None:
    """What a case lost, its bundle cannot hide."""
    standing = scene.desk.cases.get(scene.case)
    assert standing is not None
    packed = scene.desk.cases.file(scene.case, standing.bundles[0]["id"])
    assert packed is not None
    out = io.BytesIO()
    photos = [path for path in listed(bundle) if path.startswith("media/")]
    assert evidence.pack(packed, standing, lambda _: None, {}, out) == photos
    assert f"{photos[0]}: missing" in failure(saved(scene, out.getvalue()))

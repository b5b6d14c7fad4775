"""Our own vectors: every valid case holds, and every invalid one fails for the reason that it names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from registry.checking.repeating import OFFLINE, repeat
from registry.checking.verdicts import Outcome
from registry.enforcement import absence_steps
from registry.errors import DocumentError, MerkleError, ProofError, SealError, SignatureError, TouchstoneError
from registry.proofs import absence_file, encoding, manifest, merkle, proof_file, signing
from registry.proofs.encoding import Opening, RecordHasher, Row
from registry.units.records import Record
from tests.vectors import generate

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER: Final = Path(__file__).with_name("v1")
FILES: Final = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
OTHER_SIGNER: Final = "it recovers to another address"
FAILURES: Final[dict[str, tuple[type[TouchstoneError], str]]] = {
    "digest": (SignatureError, "another digest"),
    "length": (SignatureError, "expected 86"),
    "alphabet": (SignatureError, "expected 86"),
    "surplus_bits": (SignatureError, "bits that mean nothing"),
    "r_range": (SignatureError, "r is zero or not below"),
    "s_range": (SignatureError, "s is zero or above half"),
    "no_point": (SignatureError, "not on the curve"),
    "other_signer": (SignatureError, OTHER_SIGNER),
    "signer": (SignatureError, OTHER_SIGNER),
    "salt": (SealError, "the salt is not"),
    "manifest": (SealError, "the manifest is not"),
    "key": (MerkleError, "not that of its unit|more units than"),
    "count": (MerkleError, "rows, expected"),
    "order": (MerkleError, "does not have a greater key"),
    "shape": (MerkleError, "do not give the root"),
    "index": (MerkleError, "found the index|says index"),
    "path_length": (MerkleError, "hashes, expected at most"),
    "root": (MerkleError, "does not lead to the root"),
    "number_of_rows": (MerkleError, "expected one or two"),
    "neighbours": (MerkleError, "are no neighbours"),
    "enclose": (MerkleError, "do not enclose"),
    "edge": (MerkleError, "alone shows no absence"),
    "seal": (SealError, "another seal|do not give the seal"),
    "canonical": (DocumentError, "not in its canonical form"),
    "twice": (DocumentError, "a name twice"),
    "json": (DocumentError, "is not JSON"),
    "version": (DocumentError, "manifest.version is"),
    "format": (DocumentError, "manifest.format is"),
    "unknown_member": (DocumentError, "not known"),
    "missing_member": (DocumentError, "has no"),
    "member": (DocumentError, r"manifest\.\S+ is .*, expected"),
    "products": (DocumentError, "products is empty|twice or out of order"),
    **{f"proof_{step}": (ProofError, f"the step {step} fails") for step in OFFLINE},
    **{f"absence_{step}": (ProofError, f"the step {step} fails") for step in absence_steps.OFFLINE},
}


def word(text: str) -> bytes:
    """Return the bytes of a hexadecimal text."""
    return bytes.fromhex(text.removeprefix("0x"))


def record_of(case: Any) -> Record:
    """Return the record of a case."""
    return Record(case["gtin"], case["lot"], case["serial"])


def row_of(row: Any) -> Row:
    """Return the row of a case."""
    return Row(row["index"], word(row["unitKey"]), word(row["digest"]), word(row["attributesHash"]))


def opening_of(opening: Any) -> Opening:
    """Return the opening of a case."""
    return Opening(word(opening["root"]), opening["unitCount"], word(opening["manifestHash"]))


def proof_of(proof: Any) -> tuple[Row, tuple[bytes, ...]]:
    """Return a row with its path."""
    return row_of(proof["row"]), tuple(map(word, proof["path"]))


def check_digest(case: Any) -> None:
    """See that the digest is the record's."""
    if RecordHasher(word(FILES["digests"]["registryId"])).digest(record_of(case)) != word(case["digest"]):
        raise SignatureError("the record has another digest")


def check_signature(case: Any) -> None:
    """See that the text recovers to the signer."""
    signature = signing.decode(case["text"])
    assert signature == word(case["bytes"])
    if signing.recover(word(case["digest"]), signature) != case["signer"]:
        raise SignatureError(OTHER_SIGNER)


def check_tree(case: Any) -> None:
    """Replay the batch."""
    rows = [row_of(row) for row in case["rows"]]
    units = [record_of(unit).id for unit in case["units"]]
    opening = opening_of(case["opening"])
    raw = case["manifest"].encode()
    merkle.replay(rows, opening, word(case["salt"]), units, seal=word(case["seal"]), manifest_bytes=raw)
    assert merkle.build([encoding.leaf(row) for row in rows]) == b"".join(map(word, case["nodes"]))
    hasher = RecordHasher(word(case["registryId"]))
    for row, unit in zip(rows, case["units"], strict=True):
        assert row.digest == hasher.digest(record_of(unit))
        attributes = unit["attributes"]
        assert row.attributes_hash == encoding.attributes_hash(None if attributes is None else attributes.encode())


def check_presence(case: Any) -> None:
    """See that the row is in the tree."""
    merkle.verify_presence(opening_of(case["opening"]), *proof_of(case))


def check_absence(case: Any) -> None:
    """See that the rows leave no place for the key."""
    neighbours = [proof_of(proof) for proof in case["neighbours"]]
    merkle.verify_absence(opening_of(case["opening"]), word(case["unitKey"]), neighbours)


def check_seal(case: Any) -> None:
    """See that the opening gives the seal."""
    if encoding.seal(opening_of(case["opening"])) != word(case["seal"]):
        raise SealError("the opening gives another seal")


def check_manifest(case: Any) -> None:
    """Read the manifest, and see that it commits the salt."""
    raw = case["manifest"].encode()
    assert manifest.manifest_hash(raw) == word(case["manifestHash"])
    described = manifest.read(raw)
    assert manifest.write(described) == raw
    if described.salt_hash != encoding.salt_hash(word(case["salt"])):
        raise SealError("the salt is not the one that the manifest commits")


def check_proof(case: Any) -> None:
    """Repeat what needs no network."""
    file, made = repeat(case["document"].encode())
    if made[-1].outcome is Outcome.FAILED:
        raise ProofError(f"the step {made[-1].step} fails")
    assert file is not None
    assert tuple(one.step for one in made) == OFFLINE
    assert proof_file.write(file) == case["document"].encode()


def check_absence_file(case: Any) -> None:
    """Repeat what needs no network."""
    file, made = absence_steps.repeat(case["document"].encode())
    if made[-1].outcome is absence_steps.Outcome.FAILED:
        raise ProofError(f"the step {made[-1].step} fails")
    assert file is not None
    assert tuple(one.step for one in made) == absence_steps.OFFLINE
    assert absence_file.write(file) == case["document"].encode()


def check_unit(case: Any) -> None:
    """Follow a unit from its label to its seal, as docs/verification.md tells."""
    record, salt = record_of(case), word(case["salt"])
    digest = RecordHasher(word(case["registryId"])).digest(record)
    if signing.recover(digest, signing.decode(case["signature"])) != case["signer"]:
        raise SignatureError(OTHER_SIGNER)
    raw = case["manifest"].encode()
    if manifest.read(raw).salt_hash != encoding.salt_hash(salt):
        raise SealError("the salt is not the one that the manifest commits")
    attributes = None if case["attributes"] is None else case["attributes"].encode()
    row = Row(case["index"], encoding.unit_key(salt, record.id), digest, encoding.attributes_hash(attributes))
    opening = Opening(word(case["opening"]["root"]), case["opening"]["unitCount"], manifest.manifest_hash(raw))
    merkle.verify_presence(opening, row, tuple(map(word, case["path"])))
    if encoding.seal(opening) != word(case["seal"]):
        raise SealError("the opening gives another seal")
    assert case["worked"] == {
        "digest": "0x" + digest.hex(),
        "unitKey": "0x" + row.unit_key.hex(),
        "attributesHash": "0x" + row.attributes_hash.hex(),
        "leaf": "0x" + encoding.leaf(row).hex(),
        "manifestHash": "0x" + opening.manifest_hash.hex(),
    }


CHECKS: Final[dict[str, Callable[[Any], None]]] = {
    "digests": check_digest,
    "signatures": check_signature,
    "trees": check_tree,
    "presence": check_presence,
    "absence": check_absence,
    "seals": check_seal,
    "manifests": check_manifest,
    "units": check_unit,
    "proofs": check_proof,
    "absences": check_absence_file,
}
CASES: Final = [
    pytest.param(CHECKS[name], case, id=f"{name}: {case['name']}") for name, file in FILES.items() for case in file["cases"]
]


@pytest.mark.parametrize(("check", "case"), CASES)
def test_a_case_holds_or_fails_as_it_says(check: Callable[[Any], None], case: Any) -> None:
    """A valid case passes; an invalid one raises the named error."""
    if case["valid"]:
        check(case)
        return
    error, message = FAILURES[case["failure"]]
    with pytest.raises(error, match=message):
        check(case)


@pytest.mark.parametrize("name", FILES)
def test_at_least_half_of_the_cases_are_invalid(name: str) -> None:
    """What must be refused is worth as much as what must be accepted; and every file says how many cases it has."""
    cases = FILES[name]["cases"]
    assert FILES[name]["count"] == len(cases)
    assert len({case["name"] for case in cases}) == len(cases)
    assert 2 * sum(not case["valid"] for case in cases) >= len(cases)
    assert all(case["valid"] != ("failure" in case) for case in cases)


def test_the_files_are_as_generated() -> None:
    """Nobody edited them by hand, and the generator is deterministic."""
    assert generate.differences() == []


def test_a_difference_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`--check` fails on a changed byte and on a file that does not belong there; without it the files are written."""
    folder = tmp_path / "v1"
    monkeypatch.setattr(generate, "FOLDER", folder)
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    seals = folder / "seals.json"
    seals.write_text(seals.read_text().replace("0x", "0y", 1))
    (folder / "more.json").write_text("{}")
    assert generate.main(["--check"]) == 1
    shown = capsys.readouterr().out
    assert "seals.json, generated" in shown
    assert "more.json is not generated" in shown

"""Proof files: those that hold up to their seal, and one for each way in which a step may fail."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from registry.proofs import encoding, manifest, profile, proof_file, signing
from registry.proofs.encoding import Opening, RecordHasher, keccak256
from registry.proofs.proof_file import ProofFile
from tests.vectors.signature_cases import HASHER, KEY, OTHER_KEY, OTHER_REGISTRY_ID, REGISTRY_ID
from tests.vectors.tree_cases import FALSE_SALT, Sealed, describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.units.records import Record

CONTRACT: Final = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
PROFILE: Final = profile.write(
    profile.Profile({"en": "Kestrel Ltd.", "zh": "红隼"}, {"en": "Kestrel"}, "kestrel.example", (), ("9521001",), "CN", "care")
)
ORDER: Final = signing.ORDER


def proofs() -> Iterator[dict[str, Any]]:
    """Yield proof files as texts."""
    for count, place in ((1, 0), (3, 0), (3, 1), (13, 12)):
        yield {
            "name": f"unit {place} of {count}",
            "valid": True,
            "document": proof_file.write(_file(Sealed(count), place)).decode(),
        }
    text = proof_file.write(_file(Sealed(3), 1)).decode()
    for failure, cases in (
        ("proof_document", _malformed(text)),
        ("proof_signature", _unsigned(text)),
        ("proof_leaf", _uprooted(text)),
        ("proof_path", _lost(text)),
        ("proof_seal", _unsealed(text)),
    ):
        for name, document in cases.items():
            yield {"name": name, "valid": False, "failure": failure, "document": document}


def _malformed(text: str) -> dict[str, str]:
    many = [f"0x{number:064x}" for number in range(33)]
    return {
        "empty": "",
        "cut off": text[:-1],
        "a byte order mark": f"\ufeff{text}",
        "a space": text.replace(":", ": ", 1),
        "a line end": f"{text}\n",
        "an escaped letter": text.replace("Kestrel", "\\u004bestrel", 1),
        "a member twice": text.replace("{", '{"version":"1",', 1),
        "another order": json.dumps(dict(reversed(json.loads(text).items())), ensure_ascii=False, separators=(",", ":")),
        "half a character": _changed(text, profile="HALF").replace("HALF", "\\ud800"),
        "a later version": _changed(text, version="2"),
        "another format": _changed(text, format="touchstone-manifest"),
        "a member that is not known": _changed(text, note="hello"),
        "a member left out": encoding.canonical({k: v for k, v in json.loads(text).items() if k != "profile"}).decode(),
        "a label that is a text": _changed(text, label="hello"),
        "a count that is a number": _changed(text, unitCount=3),
        "a count with a zero before it": _changed(text, unitCount="03"),
        "a count that no tree has": _changed(text, unitCount=str(2**32)),
        "a rank below zero": _changed(text, index="-1"),
        "a hash in capital letters": _changed(text, root=json.loads(text)["root"].upper().replace("0X", "0x")),
        "a hash twice in the path": _changed(text, path=many[:1] * 2),
        "a path longer than any": _changed(text, path=many),
        "a signature that is too short": _label(text, signature=json.loads(text)["label"]["signature"][:-1]),
        "a GTIN with another check digit": _label(text, gtin="09521001000018"),
        "a lot that no label can carry": _label(text, lot="K 2609"),
        "an empty serial": _label(text, serial=""),
        "a contract without its capitals": _changed(text, anchor={"chainId": "31337", "contract": CONTRACT.lower()}),
        "a chain id of zero": _changed(text, anchor={"chainId": "0", "contract": CONTRACT}),
    }


def _unsigned(text: str) -> dict[str, str]:
    signature = signing.decode(json.loads(text)["label"]["signature"])
    r, s = signature[:32], int.from_bytes(signature[32:], "big") & (2**255 - 1)
    high = r + (ORDER - s).to_bytes(32, "big")
    above = r + (ORDER // 2 + 1).to_bytes(32, "big")
    signatures = {
        "the high s of the same signature": signing.encode(high),
        "an s just above half of the order": signing.encode(above),
        "an r of zero": signing.encode(bytes(32) + signature[32:]),
        "an r that is no point": signing.encode((5).to_bytes(32, "big") + signature[32:]),
        "another key's signature": signing.encode(signing.sign(HASHER.digest(_record(text)), OTHER_KEY)),
        "a signature with surplus bits": json.loads(text)["label"]["signature"][:-1] + "_",
    }
    return {
        "a changed serial": _label(text, serial="S9999"),
        "a changed lot": _label(text, lot="K2609B"),
        "another product": _label(text, gtin="09521001000024"),
        "another registry": _changed(text, registryId=f"0x{OTHER_REGISTRY_ID.hex()}"),
        "another signer": _changed(text, signer=signing.address_of(OTHER_KEY)),
        "a signer without its capitals": _changed(text, signer=signing.address_of(KEY).lower()),
        **{name: _label(text, signature=changed) for name, changed in signatures.items()},
    }


def _uprooted(text: str) -> dict[str, str]:
    return {
        "another rank": _changed(text, index="2"),
        "attributes that were not sealed": _changed(text, attributesHash=f"0x{keccak256(b'red').hex()}"),
        "a false salt": _changed(text, salt=f"0x{FALSE_SALT.hex()}"),
        "another leaf": _changed(text, leaf=f"0x{keccak256(b'leaf').hex()}"),
    }


def _lost(text: str) -> dict[str, str]:
    path = json.loads(text)["path"]
    return {
        "another root": _changed(text, root=f"0x{keccak256(b'root').hex()}"),
        "a path that is too short": _changed(text, path=path[:-1]),
        "a path in another order": _changed(text, path=path[::-1]),
        "a path that is too long": _changed(text, path=[*path, f"0x{keccak256(b'more').hex()}"]),
        "a path longer than the count allows": _changed(text, unitCount="2"),
        "a rank beyond the count": _changed(text, unitCount="1"),
        "no units at all": _changed(text, unitCount="0"),
    }


def _unsealed(text: str) -> dict[str, str]:
    said = json.loads(text)["manifest"]
    elsewhere = describe(FALSE_SALT)
    other_lot = manifest.write(replace(manifest.read(said.encode()), products=(_other_lot(said),)))
    return {
        "another seal": _changed(text, seal=f"0x{keccak256(b'seal').hex()}"),
        "another count": _changed(text, unitCount="4"),
        "a better manifest": _changed(text, manifest=said.replace("Kestrel S2", "Kestrel S3")),
        "a manifest of another salt": _changed(text, manifest=elsewhere.decode()),
        "a manifest that is none": _resealed(text, b"{}"),
        "a manifest with a space": _resealed(text, said.replace(":", ": ", 1).encode()),
        "a manifest of another registry": _resealed(
            text, manifest.write(replace(manifest.read(said.encode()), registry_id=OTHER_REGISTRY_ID))
        ),
        "a manifest that does not name the lot": _resealed(text, other_lot),
    }


def _other_lot(said: str) -> manifest.Product:
    return replace(manifest.read(said.encode()).products[0], lot="K2609B")


def _resealed(text: str, described: bytes) -> str:
    """Return the file with another manifest, and the seal that it gives: only what it says is wrong."""
    document = json.loads(text)
    root = bytes.fromhex(document["root"][2:])
    seal = encoding.seal(Opening(root, int(document["unitCount"]), manifest.manifest_hash(described)))
    return _changed(text, manifest=described.decode(), seal=f"0x{seal.hex()}")


def _file(batch: Sealed, place: int) -> ProofFile:
    record: Record = batch.records[place]
    row, path = batch.proven(place)
    return ProofFile(
        registry_id=REGISTRY_ID,
        record=record,
        signature=signing.encode(signing.sign(RecordHasher(REGISTRY_ID).digest(record), KEY)),
        signer=signing.address_of(KEY),
        salt=batch.salt,
        index=row.index,
        attributes_hash=row.attributes_hash,
        leaf=encoding.leaf(row),
        path=path,
        root=batch.opening.root,
        unit_count=batch.opening.unit_count,
        manifest=batch.manifest,
        seal=encoding.seal(batch.opening),
        chain_id=31337,
        contract=CONTRACT,
        profile=PROFILE,
    )


def _record(text: str) -> Record:
    return proof_file.read(text.encode()).record


def _changed(text: str, **members: object) -> str:
    return encoding.canonical(json.loads(text) | members).decode()


def _label(text: str, **members: str) -> str:
    return _changed(text, label=json.loads(text)["label"] | members)

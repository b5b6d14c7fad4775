"""Manifests and seals; and whole units, from the link on the label to the seal on the chain."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from registry.proofs import encoding, manifest, signing
from registry.proofs.encoding import Opening, keccak256
from tests.vectors.signature_cases import HASHER, KEY, REGISTRY_ID, fields, hexadecimal
from tests.vectors.tree_cases import ATTRIBUTES, FALSE_SALT, SALT, Sealed, describe, written_opening, written_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.units.records import Record

FULL: Final = manifest.Product(
    gtin="09521001000017",
    lot="K2609A",
    carrier="compact",
    names={"en": "Kestrel S2", "zh-Hans": "红隼 S2"},
    model="S2",
    produced="2026-09-14",
    expires="2028-02-29",
    markets=("CN", "TH"),
    pictures=("ab" * 32,),
    trademarks=("CN 1234567",),
    recordals=("T2026-1",),
    serialised_since="2026-08-01",
)
BARE: Final = manifest.Product(gtin="09521001000017", lot="K2609B", carrier="signed", names={"en": "Kestrel"})
LEFT_OUT: Final = object()


def manifests() -> Iterator[dict[str, Any]]:
    """Yield manifests with the salt that they are said to commit."""
    salt_hash = encoding.salt_hash(SALT)
    full = manifest.write(manifest.Manifest(REGISTRY_ID, salt_hash, (FULL, BARE), supersedes=keccak256(b"a withdrawn seal")))
    bare = manifest.write(manifest.Manifest(REGISTRY_ID, salt_hash, (BARE,)))
    yield _manifest("every member filled", full)
    yield _manifest("as little as possible", bare)
    yield _manifest("the manifest of the sample trees", describe(SALT))

    text = bare.decode()
    for name, failure, wrong in (
        (
            "another salt",
            "salt",
            manifest.write(manifest.Manifest(REGISTRY_ID, encoding.salt_hash(FALSE_SALT), (BARE,))).decode(),
        ),
        ("a space", "canonical", text.replace(":", ": ", 1)),
        ("a line end", "canonical", text + "\n"),
        ("an escaped letter", "canonical", text.replace("Kestrel", "\\u004bestrel")),
        ("another order", "canonical", _plain(dict(reversed(json.loads(text).items())))),
        ("a member twice", "twice", text.replace("{", '{"version":"1",', 1)),
        ("cut off", "json", text[:-1]),
        ("empty", "json", ""),
        ("a later version", "version", _changed(text, version="2")),
        ("a version that is a number", "version", _changed(text, version=1)),
        ("another format", "format", _changed(text, format="touchstone-profile")),
        ("a member that is not known", "unknown_member", _changed(text, note="hello")),
        ("a member left out", "missing_member", _changed(text, supersedes=LEFT_OUT)),
        ("a hash in capital letters", "member", _changed(text, saltHash=hexadecimal(salt_hash).upper().replace("0X", "0x"))),
        ("a hash that is too short", "member", _changed(text, registryId="0x00")),
        ("null in place of a text", "member", _changed(text, supersedes=None)),
        ("no product", "products", _changed(text, products=[])),
        ("a lot twice", "products", _changed(text, products=json.loads(text)["products"] * 2)),
        ("lots out of order", "products", _changed(full.decode(), products=json.loads(full)["products"][::-1])),
        ("a carrier that is not known", "member", text.replace('"signed"', '"invisible"')),
        ("a product without a name", "member", text.replace('{"en":"Kestrel"}', "{}")),
        ("a number in place of a text", "member", text.replace('"model":""', '"model":2')),
        ("a day that is not in the calendar", "member", text.replace('"expires":""', '"expires":"2026-02-29"')),
    ):
        yield _manifest(name, wrong.encode()) | {"valid": False, "failure": failure}


def seals() -> Iterator[dict[str, Any]]:
    """Yield openings with the seal that they are said to give."""
    openings = {
        "one unit": Sealed(1).opening,
        "13 units": Sealed(13).opening,
        "the greatest count": Opening(keccak256(b"root"), 2**32 - 1, keccak256(b"manifest")),
    }
    for name, opening in openings.items():
        yield _seal(name, opening, encoding.seal(opening))
    opening = openings["13 units"]
    root, count, described = opening.root, opening.unit_count, opening.manifest_hash
    for name, seal in {
        "the seal of another count": encoding.seal(Opening(root, 12, described)),
        "the seal of another root": encoding.seal(openings["one unit"]),
        "the seal of another manifest": encoding.seal(Opening(root, count, keccak256(b"manifest"))),
        "root and manifest exchanged": encoding.seal(Opening(described, count, root)),
        "the count in four bytes": keccak256(root + count.to_bytes(4, "big") + described),
        "hashed twice, as a leaf is": keccak256(encoding.seal(opening)),
    }.items():
        yield _seal(name, opening, seal) | {"valid": False, "failure": "seal"}


def units() -> Iterator[dict[str, Any]]:
    """Yield whole units: what is on the label, what its manufacturer keeps, and the seal that is on the chain."""
    batch = Sealed(3)
    whole = [_unit(batch, place) for place in range(3)]
    for place, case in enumerate(whole):
        yield {"name": f"unit {place} of 3", "valid": True} | case

    case = whole[1]
    other = whole[2]
    opening = case["opening"]
    for name, failure, change in (
        ("a changed serial", "signer", {"serial": "S9999"}),
        ("a changed lot", "signer", {"lot": "K2609B"}),
        ("another product", "signer", {"gtin": "09521001000024"}),
        ("another unit's signature", "signer", {"signature": other["signature"]}),
        ("a record of another registry", "signer", {"registryId": hexadecimal(keccak256(b"another registry"))}),
        ("attributes that were not sealed", "root", {"attributes": ATTRIBUTES.decode()}),
        ("another rank", "root", {"index": 2}),
        ("a rank beyond the count", "index", {"index": 3}),
        ("another unit's path", "root", {"path": whole[0]["path"]}),
        ("a false salt", "salt", {"salt": hexadecimal(FALSE_SALT)}),
        ("a manifest of another salt", "salt", {"manifest": describe(FALSE_SALT).decode()}),
        ("a better manifest", "seal", {"manifest": case["manifest"].replace("Kestrel S2", "Kestrel S3")}),
        ("another count", "seal", {"opening": opening | {"unitCount": 4}}),
        ("another seal", "seal", {"seal": hexadecimal(keccak256(b"another seal"))}),
    ):
        yield {"name": name, "valid": False, "failure": failure} | case | change


def _unit(batch: Sealed, place: int) -> dict[str, Any]:
    record: Record = batch.records[place]
    row, path = batch.proven(place)
    signature = signing.encode(signing.sign(HASHER.digest(record), KEY))
    return {
        **fields(record),
        "signature": signature,
        "registryId": hexadecimal(REGISTRY_ID),
        "signer": signing.address_of(KEY),
        "index": row.index,
        "attributes": None if place else ATTRIBUTES.decode(),
        "path": [hexadecimal(word) for word in path],
        "salt": hexadecimal(batch.salt),
        "manifest": batch.manifest.decode(),
        "opening": {name: value for name, value in written_opening(batch.opening).items() if name != "manifestHash"},
        "seal": hexadecimal(encoding.seal(batch.opening)),
        "worked": {
            "digest": hexadecimal(row.digest),
            "unitKey": written_row(row)["unitKey"],
            "attributesHash": hexadecimal(row.attributes_hash),
            "leaf": hexadecimal(encoding.leaf(row)),
            "manifestHash": hexadecimal(batch.opening.manifest_hash),
        },
    }


def _manifest(name: str, raw: bytes) -> dict[str, Any]:
    return {
        "name": name,
        "valid": True,
        "manifest": raw.decode(),
        "manifestHash": hexadecimal(manifest.manifest_hash(raw)),
        "salt": hexadecimal(SALT),
    }


def _seal(name: str, opening: Opening, seal: bytes) -> dict[str, Any]:
    return {"name": name, "valid": True, "opening": written_opening(opening), "seal": hexadecimal(seal)}


def _changed(text: str, **members: object) -> str:
    document = json.loads(text) | members
    return encoding.canonical({name: value for name, value in document.items() if value is not LEFT_OUT}).decode()


def _plain(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))

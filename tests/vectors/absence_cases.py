"""Absence files: those that hold up to their seals, and one for each way in which a step may fail."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from registry.proofs import absence_file, encoding, profile
from registry.proofs.absence import BatchGap, Neighbour
from registry.proofs.absence_file import AbsenceFile, Block, Issuer, ListedBatch, Listing
from registry.proofs.encoding import keccak256
from registry.units.records import UnitId
from tests.vectors.proof_cases import CONTRACT, PROFILE
from tests.vectors.signature_cases import OTHER_REGISTRY_ID, REGISTRY_ID
from tests.vectors.tree_cases import FALSE_SALT, GTIN, Sealed, describe

if TYPE_CHECKING:
    from collections.abc import Iterator

ASKED: Final = UnitId(GTIN, "NEVER-MADE")
EARLIER: Final = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"
STRANGER: Final = profile.write(
    profile.Profile({"en": "Larch Ltd."}, {"en": "Larch"}, "larch.example", (), ("9521002", "09521003000015"), "CN", "care")
)
BLOCK: Final = Block(1000, keccak256(b"Touchstone vectors v1: block"), 1_790_000_000)


def absences() -> Iterator[dict[str, Any]]:
    """Yield absence files as texts."""
    whole = _file(Sealed(13), Sealed(1))
    for name, file in (
        ("two batches, two manufacturers", whole),
        ("a batch of one", _file(Sealed(1))),
        ("no batch", _file()),
        ("two deployments", _in_two_deployments(Sealed(3))),
        ("a GTIN that nobody claims", _unclaimed()),
        ("a manufacturer without its profile", replace(whole, profiles=(PROFILE,))),
    ):
        yield {"name": name, "valid": True, "document": absence_file.write(file).decode()}
    text = absence_file.write(whole).decode()
    for failure, cases in (
        ("document", _malformed(text)),
        ("profiles", _strange(text)),
        ("list", _short(text)),
        ("seals", _unsealed(text)),
        ("rows", _lost(text)),
        ("gaps", _open(text)),
    ):
        for name, document in cases.items():
            yield {"name": name, "valid": False, "failure": f"absence_{failure}", "document": document}


def _file(*batches: Sealed) -> AbsenceFile:
    shown = {gap.seal: gap for gap in map(_gap, batches)}
    listed = tuple(ListedBatch(encoding.seal(batch.opening), 100 + place, place % 2) for place, batch in enumerate(batches))
    ours = Issuer(1, (profile.profile_hash(PROFILE),), len(listed), listed)
    listing = Listing(31337, CONTRACT, BLOCK, (ours, Issuer(2, (profile.profile_hash(STRANGER),), 0, ())))
    profiles = tuple(sorted((PROFILE, STRANGER), key=profile.profile_hash))
    return AbsenceFile(REGISTRY_ID, ASKED, (listing,), profiles, tuple(shown[seal] for seal in sorted(shown)))


def _in_two_deployments(batch: Sealed) -> AbsenceFile:
    file = _file(batch)
    (listing,) = file.listings
    return replace(file, listings=(listing, replace(listing, contract=EARLIER)))


def _unclaimed() -> AbsenceFile:
    file = _file()
    return replace(file, unit=UnitId("09521009000019", "X"))


def _gap(batch: Sealed) -> BatchGap:
    key = encoding.unit_key(batch.salt, ASKED)
    rank = sum(row.unit_key < key for row in batch.rows)
    around = [place for place in (rank - 1, rank) if 0 <= place < len(batch.rows)]
    return BatchGap(
        encoding.seal(batch.opening),
        batch.opening.root,
        batch.opening.unit_count,
        batch.manifest,
        batch.salt,
        tuple(Neighbour(*batch.proven(place)) for place in around),
    )


def _malformed(text: str) -> dict[str, str]:
    listing = json.loads(text)["deployments"][0]
    return {
        "cut off": text[:-1],
        "a space": text.replace(":", ": ", 1),
        "a member twice": text.replace("{", '{"version":"1",', 1),
        "half a character": text.replace("NEVER-MADE", "\\ud800", 1),
        "a later version": _changed(text, version="2"),
        "a member that is not known": _changed(text, note="hello"),
        "no deployment": _changed(text, deployments=[]),
        "a deployment twice": _changed(text, deployments=[listing, listing]),
        "manufacturers out of order": _changed(text, deployments=[listing | {"manufacturers": listing["manufacturers"][::-1]}]),
        "a contract without its capitals": _changed(text, deployments=[listing | {"contract": CONTRACT.lower()}]),
        "batches out of the order of their seals": _changed(text, batches=json.loads(text)["batches"][::-1]),
        "a GTIN with another check digit": _changed(text, unit={"gtin": "09521001000018", "serial": "X"}),
        "a serial that no label can carry": _changed(text, unit={"gtin": GTIN, "serial": "A B"}),
        "a hash twice in a path": _row(text, path=[f"0x{keccak256(b'twice').hex()}"] * 2),
        "a path longer than any": _row(text, path=[f"0x{number:064x}" for number in range(33)]),
        "an index that no tree has": _row(text, index=str(2**32)),
    }


def _strange(text: str) -> dict[str, str]:
    profiles = json.loads(text)["profiles"]
    none = '{"brand":{}}'
    issuer = json.loads(text)["deployments"][0]["manufacturers"][0]
    return {
        "a profile of nobody": _changed(text, profiles=[*profiles, profiles[0].replace("care", "cure")]),
        "a profile that is none": _issuer(
            _changed(text, profiles=[*profiles, none]),
            profiles=[*issuer["profiles"], f"0x{keccak256(none.encode()).hex()}"],
        ),
    }


def _short(text: str) -> dict[str, str]:
    document = json.loads(text)
    issuer = document["deployments"][0]["manufacturers"][0]
    batches = issuer["batches"]
    return {
        "a batch left out of the list": _issuer(text, batches=batches[:-1]),
        "a count that is too great": _issuer(text, batchCount="3"),
        "a batch that is not shown": _changed(text, batches=document["batches"][:-1]),
        "a batch that is not listed": _issuer(text, batches=batches[:-1], batchCount="1"),
        "batches out of order": _issuer(text, batches=batches[::-1]),
        "a batch after the block": _issuer(text, batches=[*batches[:-1], batches[-1] | {"block": "1001"}]),
        "a manufacturer without a profile": _issuer(_changed(text, profiles=[STRANGER.decode()]), profiles=[]),
    }


def _unsealed(text: str) -> dict[str, str]:
    said = json.loads(text)["batches"][0]["manifest"]
    return {
        "another root": _batch(text, root=f"0x{keccak256(b'root').hex()}"),
        "another count": _batch(text, unitCount="14"),
        "no units": _batch(text, unitCount="0"),
        "a better manifest": _batch(text, manifest=said.replace("Kestrel S2", "Kestrel S3")),
        "a manifest that is none": _batch(text, manifest="{}"),
        "a false salt": _batch(text, salt=f"0x{FALSE_SALT.hex()}"),
        "a false salt with its manifest": _batch(text, salt=f"0x{FALSE_SALT.hex()}", manifest=describe(FALSE_SALT).decode()),
        "another registry": _changed(text, registryId=f"0x{OTHER_REGISTRY_ID.hex()}"),
    }


def _lost(text: str) -> dict[str, str]:
    row = _first_row(text)
    other = f"0x{keccak256(b'other').hex()}"
    return {
        "another index": _row(text, index=str(int(row["index"]) + 1)),
        "another key": _row(text, unitKey=other),
        "another digest": _row(text, digest=other),
        "attributes that were not sealed": _row(text, attributesHash=other),
        "a path that is too short": _row(text, path=row["path"][:-1]),
        "a path that is too long": _row(text, path=[*row["path"], other]),
        "a rank beyond the count": _row(text, index="13"),
    }


def _open(text: str) -> dict[str, str]:
    batch = Sealed(13)
    place = _place(text)
    rows = json.loads(text)["batches"][place]["neighbours"]
    first, third = (_written(batch, int(rows[0]["index"]) + step) for step in (0, 2))
    return {
        "a unit of the batch": _changed(text, unit={"gtin": GTIN, "serial": batch.records[5].serial}),
        "another unit": _changed(text, unit={"gtin": GTIN, "serial": "NEVER-MADE-2"}),
        "no row": _batch(text, neighbours=[]),
        "the row before alone": _batch(text, neighbours=rows[:1]),
        "the row after alone": _batch(text, neighbours=rows[1:]),
        "rows exchanged": _batch(text, neighbours=rows[::-1]),
        "a row twice": _batch(text, neighbours=[rows[0], rows[0]]),
        "three rows": _batch(text, neighbours=[*rows, third]),
        "rows that are no neighbours": _batch(text, neighbours=[first, third]),
    }


def _written(batch: Sealed, place: int) -> dict[str, Any]:
    row, path = batch.proven(place)
    return {
        "index": str(row.index),
        "unitKey": f"0x{row.unit_key.hex()}",
        "digest": f"0x{row.digest.hex()}",
        "attributesHash": f"0x{row.attributes_hash.hex()}",
        "path": [f"0x{one.hex()}" for one in path],
    }


def _place(text: str) -> int:
    """Return where the batch of 13 stands."""
    return next(place for place, batch in enumerate(json.loads(text)["batches"]) if batch["unitCount"] == "13")


def _first_row(text: str) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(text)["batches"][_place(text)]["neighbours"][0]
    return row


def _changed(text: str, **members: object) -> str:
    return encoding.canonical(json.loads(text) | members).decode()


def _batch(text: str, **members: object) -> str:
    batches = json.loads(text)["batches"]
    batches[_place(text)] |= members
    return _changed(text, batches=batches)


def _row(text: str, **members: object) -> str:
    rows = json.loads(text)["batches"][_place(text)]["neighbours"]
    return _batch(text, neighbours=[rows[0] | members, *rows[1:]])


def _issuer(text: str, **members: object) -> str:
    listing = json.loads(text)["deployments"][0]
    first, *others = listing["manufacturers"]
    return _changed(text, deployments=[listing | {"manufacturers": [first | members, *others]}])

"""What somebody would try who wants a false label to pass, or a good one to look false."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from registry.checking.verdicts import Code, Registration
from registry.proofs import encoding, signing
from registry.units import links
from registry.units.records import Record
from tests.checking.world import ANCHORED, BASE, LIQUOR, NOW, SCOOTER, World, address, private_key, seal

if TYPE_CHECKING:
    from registry.checking.verdicts import Verdict

ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def with_signature(link: str, signature: str) -> str:
    """Return a link with another signature."""
    return link.split("?", 1)[0] + "?sig=" + signature


def refused(verdict: Verdict, code: Code) -> bool:
    """Say whether a label was found altered for this reason alone."""
    return (verdict.registration, verdict.reasons) == (Registration.ALTERED, (code,))


# ------------------------------------------------------------------------------------------------ changes to the label


def test_a_changed_serial_is_found(world: World) -> None:
    """The signature was made over another serial."""
    assert refused(world.verifier().check(world.link(world.scooter).replace("/21/4D2A", "/21/4D2B")), Code.SIGNER_UNKNOWN)


def test_a_serial_exchanged_for_another_registered_one_is_found(world: World) -> None:
    """A registered serial under a signature of another unit does not pass, whatever the store knows of it."""
    link = links.build(BASE, Record(SCOOTER, "L1", "S-1"), world.stored(world.scooter).signature)
    assert refused(world.verifier().check(link), Code.SIGNER_UNKNOWN)


def test_a_changed_lot_is_found(world: World) -> None:
    """The lot is signed as well."""
    assert refused(world.verifier().check(world.link(world.scooter).replace("/10/L1/", "/10/L2/")), Code.SIGNER_UNKNOWN)


def test_another_brands_gtin_is_found(world: World) -> None:
    """The signature was made over another GTIN."""
    assert refused(world.verifier().check(world.link(world.scooter).replace(SCOOTER, LIQUOR)), Code.SIGNER_UNKNOWN)


def test_a_manufacturer_cannot_sign_for_another_brand(world: World) -> None:
    """Its key is known, and its profile does not claim the GTIN, even for a number that the other brand registered."""
    assert refused(world.verifier().check(world.signed_link(world.liquor, "key 1")), Code.GTIN_NOT_CLAIMED)


def test_a_high_s_twin_is_refused(world: World) -> None:
    """The other root of a good signature recovers the same signer, and no key of ours makes it."""
    signature = world.stored(world.scooter).signature
    r, y_and_s = signature[:32], int.from_bytes(signature[32:])
    parity, s = y_and_s >> 255, y_and_s & (2**255 - 1)
    twin_s = ORDER - s
    # EIP-2098 has 255 bits for s: most twins do not even fit, and are refused with whatever remains of them.
    twin = r + ((1 - parity) << 255 | twin_s & (2**255 - 1)).to_bytes(32)
    link = with_signature(world.link(world.scooter), base64.urlsafe_b64encode(twin).decode().rstrip("="))
    assert world.verifier().check(link).registration is Registration.ALTERED


def test_a_high_s_signature_that_fits_is_refused_as_malformed(world: World) -> None:
    """Half of the order is just below 2^255, so that some high values fit the compact form."""
    high = ORDER // 2 + 1
    signature = world.stored(world.scooter).signature[:32] + high.to_bytes(32)
    link = with_signature(world.link(world.scooter), base64.urlsafe_b64encode(signature).decode().rstrip("="))
    assert refused(world.verifier().check(link), Code.SIGNATURE_MALFORMED)


@pytest.mark.parametrize("flip", range(1, 16))
def test_no_second_spelling_of_a_signature_passes(world: World, flip: int) -> None:
    """The last of the 86 characters has four bits to spare; they must be zero."""
    link = world.link(world.scooter)
    twin = link[:-1] + ALPHABET[ALPHABET.index(link[-1]) ^ flip]
    assert refused(world.verifier().check(twin), Code.SIGNATURE_MALFORMED)


@pytest.mark.parametrize("text", ["", "A", "A" * 85, "A" * 87, "A" * 86, "+" * 86, "é" * 86, "A" * 84 + "=="])
def test_a_malformed_signature_never_passes(world: World, text: str) -> None:
    """Whatever stands in the place of a signature, the link is altered or not one of ours; never known, never registered."""
    verdict = world.verifier().check(with_signature(world.link(world.scooter), text))
    assert verdict.registration in {Registration.ALTERED, Registration.UNREADABLE}


def test_a_stripped_signature_is_never_registered(world: World) -> None:
    """Without its signature a label of a signed product proves no more than its number."""
    verdict = world.verifier().check(world.link(world.scooter).split("?")[0])
    assert verdict.registration is Registration.NUMBER_KNOWN
    assert verdict.proof is None


def test_a_look_alike_host_is_never_registered(world: World) -> None:
    """Hosts that resemble the official one are foreign."""
    for host in ("verify.example.org.evil.example", "verify-example.org", "verify.example.org.", "verify.examp1e.org"):
        verdict = world.verifier().check(world.link(world.scooter, f"https://{host}"))
        assert verdict.registration in {Registration.FOREIGN_HOST, Registration.UNREADABLE}


def test_a_host_hidden_behind_a_user_name_is_never_registered(world: World) -> None:
    """What stands before the @ is not the host."""
    link = world.link(world.scooter).replace("https://", "https://verify.example.org@evil.example/").replace("/verify.ex", "/x")
    assert world.verifier().check(link).registration in {Registration.FOREIGN_HOST, Registration.UNREADABLE}


def test_a_signature_for_another_registry_is_refused(world: World) -> None:
    """A test registry's labels are nothing here, even by the same key."""
    digest = encoding.RecordHasher(bytes(31) + b"\x01").digest(world.scooter)
    link = links.build(BASE, world.scooter, signing.sign(digest, private_key("key 1")))
    assert refused(world.verifier().check(link), Code.SIGNER_UNKNOWN)


# --------------------------------------------------------------------------------------- other manufacturers on the chain


def test_another_manufacturer_that_anchors_the_same_seal_changes_nothing(world: World) -> None:
    """Anchors are kept per manufacturer: copying a seal copies no unit."""
    batch = world.stored(world.scooter).batch
    world.anchor(replace(batch, manufacturer=2), "key 2", time=ANCHORED - 10)
    verdict = world.verifier().check(world.link(world.scooter))
    assert verdict.registration is Registration.REGISTERED
    assert verdict.anchor is not None
    assert (verdict.anchor.key, verdict.anchor.time) == (address("key 1"), ANCHORED)


def test_a_seal_that_only_another_manufacturer_anchored_is_not_anchored(world: World) -> None:
    """Nobody can register for another, nor before it."""
    batch = world.stored(world.scooter).batch
    world.chain.slots.clear()
    world.anchor(replace(batch, manufacturer=2), "key 2")
    assert world.verifier().check(world.link(world.scooter)).reasons == (Code.NOT_ANCHORED,)


def test_a_key_that_another_manufacturer_claims_is_refused(world: World) -> None:
    """A unit signed by the key of one manufacturer in a batch anchored by another is not passed, and nobody is accused."""
    stolen = seal([world.liquor], "key 2", manufacturer=1)
    world.shelf.units |= stolen
    world.anchor(stolen[world.liquor.id].batch, "key 1")
    verdict = world.verifier().check(world.link(world.liquor))
    assert (verdict.registration, verdict.reasons) == (Registration.CANNOT_CHECK, (Code.STORE_DAMAGED,))


def test_a_stored_unit_signed_by_a_stranger_is_our_damage(world: World) -> None:
    """A sealed and anchored batch whose unit nobody's key signed makes a compact label neither registered nor altered."""
    world.add(seal([world.screw], "stranger", manufacturer=1, carriers={world.screw.gtin: "compact"}), "key 1")
    verdict = world.verifier().check(links.build_compact(BASE, world.screw.id))
    assert (verdict.registration, verdict.reasons) == (Registration.CANNOT_CHECK, (Code.STORE_DAMAGED,))


# ------------------------------------------------------------------------------------------------ changes to our own store


def test_a_record_moved_to_another_batch_is_our_damage(world: World) -> None:
    """Even between two good batches of one manufacturer."""
    other = Record(SCOOTER, "L1", "T-1")
    world.add(seal([other], "key 1", manufacturer=1), "key 1")
    moved = replace(world.stored(world.scooter), batch=world.stored(other).batch)
    world.shelf.units[world.scooter.id] = moved
    assert world.verifier().check(world.link(world.scooter)).reasons == (Code.STORE_DAMAGED,)


def test_another_manufacturers_good_batch_in_place_of_the_units_own_is_our_damage(world: World) -> None:
    """A substituted row accuses nobody."""
    genuine = world.link(world.scooter)
    world.shelf.units[world.scooter.id] = world.stored(world.liquor)
    assert world.verifier().check(genuine).reasons == (Code.STORE_DAMAGED,)
    world.shelf.units[world.screw.id] = world.stored(world.herb)
    assert world.verifier().check(links.build_compact(BASE, world.screw.id)).reasons == (Code.STORE_DAMAGED,)


def test_a_compact_number_copied_onto_another_units_row_is_our_damage(world: World) -> None:
    """A number that was never sealed is not registered by the row of one that was."""
    ghost = replace(world.stored(world.screw), serial="GHOST")
    world.shelf.units[Record(ghost.gtin, ghost.lot, "GHOST").id] = ghost
    verdict = world.verifier().check(links.build_compact(BASE, Record(ghost.gtin, ghost.lot, "GHOST").id))
    assert verdict.reasons == (Code.STORE_DAMAGED,)


def test_a_carrier_changed_in_the_manifest_is_our_damage(world: World) -> None:
    """Calling a signed product compact would let a stripped label pass: the manifest is part of the seal."""
    unit = world.stored(world.scooter)
    manifest = unit.batch.manifest.replace(b'"signed"', b'"compact"')
    assert manifest != unit.batch.manifest
    world.shelf.units[world.scooter.id] = replace(unit, batch=replace(unit.batch, manifest=manifest))
    assert world.verifier().check(world.link(world.scooter).split("?")[0]).reasons == (Code.STORE_DAMAGED,)


def test_a_batch_of_another_registry_is_our_damage(world: World) -> None:
    """A manifest names its registry."""
    world.add(seal([world.scooter], "key 1", manufacturer=1, registry_id=bytes(31) + b"\x01"), "key 1")
    genuine = world.signed_link(world.scooter, "key 1")
    assert world.verifier().check(genuine).reasons == (Code.STORE_DAMAGED,)


@pytest.mark.parametrize("committed", ["committed_registry_id", "committed_salt"])
def test_a_manifest_that_commits_something_else_is_refused(world: World, committed: str) -> None:
    """A dishonest manufacturer cannot open one seal in two ways: with another salt, or in another registry."""
    unit = Record(SCOOTER, "L1", "T-1")
    world.add(seal([unit], "key 1", manufacturer=1, **{committed: bytes(31) + b"\x01"}), "key 1")  # type: ignore[arg-type]  # bytes for both
    assert world.verifier().check(world.link(unit)).reasons == (Code.STORE_DAMAGED,)


def test_every_changed_byte_of_a_stored_proof_is_our_damage(world: World) -> None:
    """Siblings, root, salt, seal and manifest are bound to each other and to the link."""
    unit = world.stored(world.scooter)
    batch = unit.batch
    flipped = [
        replace(unit, proof=(bytes(32), *unit.proof[1:])),
        replace(unit, proof=unit.proof[:-1]),
        replace(unit, proof=(*unit.proof, bytes(32))),
        replace(unit, index=unit.index + 1),
        replace(unit, index=batch.unit_count),
        replace(unit, index=-1),
        replace(unit, serial="S-1"),
        replace(unit, gtin=LIQUOR),
        replace(unit, lot="L2"),
        replace(unit, attributes=b"{}"),
        replace(unit, batch=replace(batch, root=bytes(32))),
        replace(unit, batch=replace(batch, unit_count=batch.unit_count + 1)),
        replace(unit, batch=replace(batch, salt=bytes(32))),
        replace(unit, batch=replace(batch, seal=bytes(32))),
        replace(unit, batch=replace(batch, manufacturer=2)),
        replace(unit, batch=replace(batch, manifest=batch.manifest + b" ")),
        replace(unit, batch=replace(batch, manifest=b"")),
    ]
    for damaged in flipped:
        world.shelf.units[world.scooter.id] = damaged
        verdict = world.verifier().check(world.link(world.scooter))
        assert (verdict.registration, verdict.reasons) == (Registration.CANNOT_CHECK, (Code.STORE_DAMAGED,)), damaged


# ----------------------------------------------------------------------------------------------------------- stolen keys


def test_a_stolen_key_registers_nothing_after_it_was_reported(world: World) -> None:
    """Signed, sealed and anchored by the thief with the manufacturer's own key: under review, and without names."""
    fake = Record(SCOOTER, "L1", "FAKE-1")
    world.change_key("key 1", compromised_since=NOW - 100)
    world.add(seal([fake], "key 1", manufacturer=1), "key 1", time=NOW - 100)
    verdict = world.verifier().check(world.link(fake))
    assert verdict.registration is Registration.KEY_UNDER_REVIEW
    assert world.verifier().check(world.link(world.scooter)).registration is Registration.REGISTERED

"""The rules of the verdict as a table.

Each entry is the smallest change to a good registry, what is then presented, and the verdict that must follow. The name of an
entry says what was changed.
"""

# ruff: noqa: ARG001 - every case is given the world, whether it changes something or not

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry.checking.trust import Reason, Seen
from registry.checking.verdicts import Code, Registration
from registry.errors import StoreDamaged
from registry.units import links
from registry.units.records import Record, UnitId
from tests.checking.world import ANCHORED, BASE, DAY, NOW, STRANGE, World, seal

if TYPE_CHECKING:
    from collections.abc import Callable

FRESH: Final = Record(World.scooter.gtin, "L9", "NEW-1")
"""A unit that the manufacturer signs and nobody has stored."""


CASES: Final[dict[str, tuple[Callable[[World], str | UnitId], Registration, set[Code]]]] = {}


def case(registration: Registration, *reasons: Code) -> Callable[[Callable[[World], str | UnitId]], None]:
    """Enter a change to the world, what is then presented, and the verdict that must follow."""

    def enter(present: Callable[[World], str | UnitId]) -> None:
        CASES[present.__name__] = (present, registration, set(reasons))

    return enter


# ------------------------------------------------------------------------------------------------------------ registered


@case(Registration.REGISTERED)
def a_signed_label(world: World) -> str:
    return world.link(world.scooter)


@case(Registration.REGISTERED)
def a_compact_label(world: World) -> str:
    return links.build_compact(BASE, world.screw.id)


@case(Registration.REGISTERED)
def a_compact_product_on_a_signed_label(world: World) -> str:
    return world.link(world.screw)


@case(Registration.REGISTERED, Code.ENDORSED)
def a_batch_endorsed_after_a_compromise(world: World) -> str:
    world.change_key("key 1", compromised_since=ANCHORED)
    world.slot(world.scooter).endorsed = True
    return world.link(world.scooter)


@case(Registration.REGISTERED)
def a_key_compromised_after_the_anchor(world: World) -> str:
    world.change_key("key 1", compromised_since=ANCHORED + 1)
    return world.link(world.scooter)


@case(Registration.REGISTERED)
def a_key_revoked_after_the_anchor(world: World) -> str:
    world.change_key("key 1", revoked_at=ANCHORED + 1)
    return world.link(world.scooter)


@case(Registration.REGISTERED, Code.BATCH_SUPERSEDED)
def a_batch_that_replaces_another(world: World) -> str:
    world.add(seal([FRESH], "key 1", manufacturer=1, supersedes=world.stored(world.scooter).batch.seal), "key 1")
    return world.link(FRESH)


@case(Registration.REGISTERED, Code.CHAIN_STALE)
def a_silent_chain_with_a_last_answer(world: World) -> str:
    world.chain.seen = Seen(1000, NOW - 300, 300.0, stale=True)
    return world.link(world.scooter)


@case(Registration.REGISTERED)
def a_unit_signed_by_another_key_than_the_one_that_anchored(world: World) -> str:
    world.add_key("second key", 1)
    world.add(seal([FRESH], "second key", manufacturer=1), "key 1")
    return world.link(FRESH)


@case(Registration.REGISTERED)
def a_gtin_given_up_after_the_anchor(world: World) -> str:
    world.accredit(1, "9521003", since=ANCHORED + 1)
    return world.link(world.scooter)


# ---------------------------------------------------------------------------------------------------------- number known


@case(Registration.NUMBER_KNOWN, Code.SIGNATURE_ABSENT)
def a_stripped_signature(world: World) -> str:
    return world.link(world.scooter).split("?")[0]


@case(Registration.NUMBER_KNOWN, Code.SIGNATURE_ABSENT)
def a_stripped_signature_and_lot(world: World) -> str:
    return links.build_compact(BASE, world.scooter.id)


@case(Registration.NUMBER_KNOWN, Code.TYPED)
def a_typed_number(world: World) -> UnitId:
    return world.scooter.id


@case(Registration.NUMBER_KNOWN, Code.TYPED)
def a_typed_number_of_a_compact_product(world: World) -> UnitId:
    return world.screw.id


@case(Registration.NUMBER_KNOWN, Code.LOT_DIFFERS, Code.SIGNATURE_ABSENT)
def an_unsigned_link_of_another_lot(world: World) -> str:
    return world.link(world.scooter).split("?")[0].replace("/10/L1/", "/10/L2/")


@case(Registration.NUMBER_KNOWN, Code.LOT_DIFFERS)
def a_compact_product_with_another_lot(world: World) -> str:
    return world.link(world.screw).split("?")[0].replace("/10/L2/", "/10/L1/")


# ---------------------------------------------------------------------------------------- signed, and not on the chain yet


@case(Registration.SIGNED_NOT_ANCHORED, Code.NO_RECORD)
def a_signed_label_without_a_record(world: World) -> str:
    return world.signed_link(FRESH, "key 1")


@case(Registration.SIGNED_NOT_ANCHORED, Code.NO_RECORD, Code.KEY_NOT_VALID)
def a_label_signed_by_a_revoked_key_without_a_record(world: World) -> str:
    world.change_key("key 1", revoked_at=NOW - DAY)
    return world.signed_link(FRESH, "key 1")


@case(Registration.SIGNED_NOT_ANCHORED, Code.NOT_ANCHORED)
def a_seal_that_nobody_anchored(world: World) -> str:
    world.chain.slots.clear()
    return world.link(world.scooter)


@case(Registration.SIGNED_NOT_ANCHORED, Code.NOT_ANCHORED)
def a_compact_label_whose_seal_nobody_anchored(world: World) -> str:
    world.chain.slots.clear()
    return links.build_compact(BASE, world.screw.id)


@case(Registration.SIGNED_NOT_ANCHORED, Code.NOT_ANCHORED, Code.TYPED)
def a_typed_number_whose_seal_nobody_anchored(world: World) -> UnitId:
    world.chain.slots.clear()
    return world.scooter.id


@case(Registration.AWAITING_FINALITY, Code.NOT_FINAL)
def an_anchor_that_is_not_final(world: World) -> str:
    world.slot(world.scooter).final = False
    return world.link(world.scooter)


# -------------------------------------------------------------------------------------------------------- not registered


@case(Registration.NOT_REGISTERED, Code.NO_RECORD)
def an_unsigned_link_without_a_record(world: World) -> str:
    return f"{BASE}/01/{world.scooter.gtin}/10/L1/21/NOBODY"


@case(Registration.NOT_REGISTERED, Code.NO_RECORD, Code.TYPED)
def a_typed_number_without_a_record(world: World) -> UnitId:
    return UnitId(world.scooter.gtin, "NOBODY")


@case(Registration.NOT_REGISTERED, Code.NO_RECORD, Code.HOST_NOT_OFFICIAL)
def a_foreign_link_without_a_record(world: World) -> str:
    return f"https://evil.example/01/{world.scooter.gtin}/21/NOBODY"


# --------------------------------------------------------------------------------------------------------------- altered


@case(Registration.ALTERED, Code.SIGNATURE_MALFORMED)
def a_short_signature(world: World) -> str:
    return world.link(world.scooter)[:-1]


@case(Registration.ALTERED, Code.SIGNER_UNKNOWN)
def a_label_signed_by_a_stranger(world: World) -> str:
    return world.signed_link(world.scooter, "stranger")


@case(Registration.ALTERED, Code.SIGNER_UNKNOWN, Code.CHAIN_STALE)
def a_stranger_whom_a_silent_chain_did_not_know(world: World) -> str:
    world.chain.seen = Seen(1000, NOW - 300, 300.0, stale=True)
    return world.signed_link(world.scooter, "stranger")


@case(Registration.ALTERED, Code.GTIN_NOT_CLAIMED)
def a_manufacturers_label_on_a_strange_gtin(world: World) -> str:
    return world.signed_link(Record(STRANGE, "L1", "X-1"), "key 1")


@case(Registration.ALTERED, Code.GTIN_NOT_CLAIMED)
def a_gtin_claimed_only_after_the_anchor(world: World) -> str:
    world.accredit(1, "9521001", "9521009", since=ANCHORED + 1)
    unit = Record(STRANGE, "L1", "X-1")
    world.add(seal([unit], "key 1", manufacturer=1), "key 1")
    return world.link(unit)


@case(Registration.ALTERED, Code.SIGNATURE_MALFORMED, Code.HOST_NOT_OFFICIAL)
def a_short_signature_on_a_foreign_host(world: World) -> str:
    return world.link(world.scooter, "https://evil.example")[:-1]


# ---------------------------------------------------------------------------------------------------------- foreign host


@case(Registration.FOREIGN_HOST, Code.HOST_NOT_OFFICIAL)
def a_good_label_on_a_foreign_host(world: World) -> str:
    return world.link(world.scooter, "https://evil.example")


@case(Registration.FOREIGN_HOST, Code.HOST_NOT_OFFICIAL)
def a_good_label_on_another_port(world: World) -> str:
    return world.link(world.scooter, f"{BASE}:8443")


@case(Registration.FOREIGN_HOST, Code.HOST_NOT_OFFICIAL, Code.SIGNATURE_ABSENT)
def a_known_number_on_a_foreign_host(world: World) -> str:
    return world.link(world.scooter, "https://evil.example").split("?")[0]


@case(Registration.FOREIGN_HOST, Code.HOST_NOT_OFFICIAL, Code.NOT_FINAL)
def an_unfinal_anchor_on_a_foreign_host(world: World) -> str:
    world.slot(world.scooter).final = False
    return world.link(world.scooter, "https://evil.example")


@case(Registration.FOREIGN_HOST, Code.HOST_NOT_OFFICIAL, Code.NO_RECORD)
def an_unanchored_label_on_a_foreign_host(world: World) -> str:
    return world.signed_link(FRESH, "key 1", "https://evil.example")


# ------------------------------------------------------------------------------------------------------------- withdrawn


@case(Registration.WITHDRAWN, Code.VOID)
def a_void_unit(world: World) -> str:
    world.withdraw(world.scooter, Reason.VOID)
    return world.link(world.scooter)


@case(Registration.WITHDRAWN, Code.STOLEN)
def a_stolen_and_void_unit(world: World) -> str:
    world.withdraw(world.scooter, Reason.VOID)
    world.withdraw(world.scooter, Reason.STOLEN)
    return world.link(world.scooter)


@case(Registration.WITHDRAWN, Code.DESTROYED)
def a_destroyed_unit_with_a_compact_label(world: World) -> str:
    world.withdraw(world.screw, Reason.DESTROYED)
    return links.build_compact(BASE, world.screw.id)


@case(Registration.WITHDRAWN, Code.COPIED, Code.TYPED)
def a_copied_unit_that_was_typed(world: World) -> UnitId:
    world.withdraw(world.scooter, Reason.COPIED)
    return world.scooter.id


@case(Registration.WITHDRAWN, Code.RECALLED)
def a_recalled_batch(world: World) -> str:
    world.withdraw(world.scooter, Reason.RECALLED, whole_batch=True)
    world.withdraw(world.scooter, Reason.STOLEN)
    return world.link(world.scooter)


@case(Registration.WITHDRAWN, Code.RECALLED, Code.HOST_NOT_OFFICIAL)
def a_recalled_batch_on_a_foreign_host(world: World) -> str:
    world.withdraw(world.scooter, Reason.RECALLED, whole_batch=True)
    return world.link(world.scooter, "https://evil.example")


@case(Registration.WITHDRAWN, Code.VOID)
def a_withdrawal_in_doubt_beside_one_that_is_not(world: World) -> str:
    world.add_key("thief", 1)
    world.change_key("thief", compromised_since=NOW - 2 * DAY)
    world.withdraw(world.scooter, Reason.RECALLED, key="thief")
    world.withdraw(world.scooter, Reason.VOID)
    return world.link(world.scooter)


@case(Registration.REGISTERED)
def a_unit_beside_a_withdrawn_one(world: World) -> str:
    world.withdraw(world.screw, Reason.VOID)
    return world.link(world.scooter)


# ------------------------------------------------------------------------------------------------- key and issuer in doubt


@case(Registration.KEY_UNDER_REVIEW, Code.KEY_COMPROMISED)
def a_key_compromised_when_it_anchored(world: World) -> str:
    world.change_key("key 1", compromised_since=ANCHORED)
    return world.link(world.scooter)


@case(Registration.KEY_UNDER_REVIEW, Code.KEY_COMPROMISED)
def a_signer_compromised_before_another_key_anchored(world: World) -> str:
    world.add_key("second key", 1)
    world.change_key("second key", compromised_since=ANCHORED - 1)
    world.add(seal([FRESH], "second key", manufacturer=1), "key 1")
    return world.link(FRESH)


@case(Registration.KEY_UNDER_REVIEW, Code.KEY_COMPROMISED, Code.NO_RECORD)
def a_compromised_key_without_a_record(world: World) -> str:
    world.change_key("key 1", compromised_since=NOW - 1)
    return world.signed_link(FRESH, "key 1")


@case(Registration.KEY_UNDER_REVIEW, Code.KEY_NOT_VALID)
def a_key_revoked_before_the_anchor(world: World) -> str:
    world.change_key("key 1", revoked_at=ANCHORED)
    return world.link(world.scooter)


@case(Registration.KEY_UNDER_REVIEW, Code.KEY_NOT_VALID)
def a_key_whose_window_was_over(world: World) -> str:
    world.change_key("key 1", not_after=ANCHORED - 1)
    return world.link(world.scooter)


@case(Registration.KEY_UNDER_REVIEW, Code.KEY_NOT_VALID)
def a_key_whose_window_had_not_begun(world: World) -> str:
    world.change_key("key 1", not_before=ANCHORED + 1)
    return world.link(world.scooter)


@case(Registration.KEY_UNDER_REVIEW, Code.KEY_NOT_VALID)
def a_signer_revoked_before_another_key_anchored(world: World) -> str:
    world.add_key("second key", 1)
    world.change_key("second key", revoked_at=ANCHORED)
    world.add(seal([FRESH], "second key", manufacturer=1), "key 1")
    return world.link(FRESH)


@case(Registration.KEY_UNDER_REVIEW, Code.KEY_NOT_VALID)
def an_anchor_by_a_revoked_key_of_units_signed_by_a_good_one(world: World) -> str:
    world.add_key("second key", 1)
    world.change_key("second key", revoked_at=ANCHORED)
    world.add(seal([FRESH], "key 1", manufacturer=1), "second key")
    return world.link(FRESH)


@case(Registration.KEY_UNDER_REVIEW, Code.WITHDRAWAL_UNDER_REVIEW)
def a_withdrawal_by_a_compromised_key(world: World) -> str:
    world.add_key("thief", 1)
    world.change_key("thief", compromised_since=NOW - 2 * DAY)
    world.withdraw(world.scooter, Reason.VOID, key="thief")
    return world.link(world.scooter)


@case(Registration.ISSUER_SUSPENDED, Code.SUSPENDED)
def a_suspended_issuer(world: World) -> str:
    world.suspend(1)
    return world.link(world.scooter)


@case(Registration.ISSUER_SUSPENDED, Code.SUSPENDED, Code.NO_RECORD)
def a_suspended_issuer_without_a_record(world: World) -> str:
    world.suspend(1)
    return world.signed_link(FRESH, "key 1")


@case(Registration.ISSUER_SUSPENDED, Code.SUSPENDED, Code.NOT_FINAL)
def a_suspended_issuer_with_an_unfinal_anchor(world: World) -> str:
    world.suspend(1)
    world.slot(world.scooter).final = False
    return world.link(world.scooter)


@case(Registration.WITHDRAWN, Code.VOID, Code.SUSPENDED)
def a_void_unit_of_a_suspended_issuer(world: World) -> str:
    world.suspend(1)
    world.withdraw(world.scooter, Reason.VOID)
    return world.link(world.scooter)


@case(Registration.KEY_UNDER_REVIEW, Code.KEY_COMPROMISED, Code.SUSPENDED)
def a_compromised_key_of_a_suspended_issuer(world: World) -> str:
    world.suspend(1)
    world.change_key("key 1", compromised_since=ANCHORED)
    return world.link(world.scooter)


# ------------------------------------------------------------------------------------------------------------ unreadable


@case(Registration.UNREADABLE, Code.NOT_A_LINK)
def some_words(world: World) -> str:
    return "hello, is this thing real?"


@case(Registration.UNREADABLE, Code.NOT_A_UNIT_LINK)
def a_link_to_a_product(world: World) -> str:
    return f"{BASE}/01/{world.scooter.gtin}"


# ---------------------------------------------------------------------------------------------------------- cannot check


@case(Registration.CANNOT_CHECK, Code.PROFILE_MISSING)
def a_profile_that_we_lost(world: World) -> str:
    world.shelf.profiles.clear()
    return world.link(world.scooter)


@case(Registration.CANNOT_CHECK, Code.PROFILE_MISSING)
def a_compact_label_while_the_profile_is_lost(world: World) -> str:
    world.shelf.profiles.clear()
    return links.build_compact(BASE, world.screw.id)


@case(Registration.CANNOT_CHECK, Code.PROFILE_MISSING)
def a_lost_profile_that_was_in_force_though_a_later_one_claims(world: World) -> str:
    world.shelf.profiles.clear()
    world.accredit(1, "9521001", "9521008", since=ANCHORED + 1)
    return world.link(world.scooter)


@case(Registration.CANNOT_CHECK, Code.PROFILE_MISSING)
def a_profile_that_was_edited(world: World) -> str:
    for profile_hash, raw in world.shelf.profiles.items():
        world.shelf.profiles[profile_hash] = raw.replace(b"9521001", b"9521009")
    return world.link(world.scooter)


@case(Registration.CANNOT_CHECK, Code.PROFILE_MISSING)
def a_strange_gtin_while_one_profile_is_lost(world: World) -> str:
    del world.shelf.profiles[world.accredit(1, "9521007")]
    return world.signed_link(Record(STRANGE, "L1", "X-1"), "key 1")


@case(Registration.CANNOT_CHECK, Code.GTIN_NOT_CLAIMED)
def a_compact_label_registered_by_a_manufacturer_without_a_claim(world: World) -> str:
    world.shelf.units |= seal([world.screw], "key 2", manufacturer=2, carriers={world.screw.gtin: "compact"})
    world.anchor(world.stored(world.screw).batch, "key 2")
    return links.build_compact(BASE, world.screw.id)


@case(Registration.CANNOT_CHECK, Code.GTIN_NOT_CLAIMED, Code.NOT_ANCHORED)
def the_same_before_it_is_anchored(world: World) -> str:
    world.shelf.units |= seal([world.screw], "key 2", manufacturer=2, carriers={world.screw.gtin: "compact"})
    return links.build_compact(BASE, world.screw.id)


@case(Registration.CANNOT_CHECK, Code.STORE_DAMAGED)
def a_store_that_knows_of_its_damage(world: World) -> str:
    world.shelf.silent, world.shelf.error = {"find"}, StoreDamaged("a tree file ends early")
    return world.link(world.scooter)


@case(Registration.CANNOT_CHECK, Code.STORE_UNAVAILABLE)
def a_store_that_is_gone(world: World) -> str:
    world.shelf.silent = {"find"}
    return world.link(world.scooter)


@case(Registration.CANNOT_CHECK, Code.CHAIN_UNAVAILABLE)
def a_chain_that_is_gone(world: World) -> str:
    world.chain.silent = {"domains", "key", "manufacturer", "batch"}
    return world.link(world.scooter)


@case(Registration.CANNOT_CHECK, Code.CHAIN_UNAVAILABLE)
def a_last_answer_that_is_too_old(world: World) -> str:
    world.chain.seen = Seen(1000, NOW - 601, 601.0, stale=True)
    return world.link(world.scooter)


@case(Registration.CANNOT_CHECK, Code.UNEXPECTED)
def a_fault_of_our_own(world: World) -> str:
    world.shelf.silent, world.shelf.error = {"find"}, ZeroDivisionError("oops")
    return world.link(world.scooter)

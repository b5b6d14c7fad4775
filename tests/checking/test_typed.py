"""The tolerant reading of typed serials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from registry.checking.typed import Choice, check_typed
from registry.checking.verdicts import Code, Registration
from registry.errors import StoreDamaged
from registry.units import links, serials
from registry.units.records import Record
from tests.checking.world import BASE, HERB, LIQUOR, SCOOTER, SCREW, World, seal

if TYPE_CHECKING:
    from registry.checking.verdicts import Verdict

SERIAL: Final = World.scooter.serial


def check(world: World, text: str, gtin: str | None = None) -> Verdict:
    """Check a typed text that names one unit at most."""
    found = check_typed(world.verifier(), world.shelf, text, gtin=gtin)
    assert not isinstance(found, Choice)
    return found


@pytest.mark.parametrize(
    "text",
    [SERIAL, f"  {SERIAL}\n", serials.group(SERIAL), SERIAL + serials.check_character(SERIAL)],
    ids=["exact", "spaces", "groups", "check character"],
)
def test_a_serial_as_it_is_printed_is_an_exact_reading(world: World, text: str) -> None:
    """Groups and the check character are on the label, so typing them is no mistake."""
    verdict = check(world, text)
    assert (verdict.registration, verdict.reasons) == (Registration.NUMBER_KNOWN, (Code.TYPED,))
    assert verdict.unit is not None
    assert verdict.unit.gtin == SCOOTER


@pytest.mark.parametrize(
    "text",
    [SERIAL.lower(), SERIAL.replace("0", "O").replace("1", "l"), "-".join(SERIAL), SERIAL.translate({ord("Q"): "Ｑ"})],
    ids=["small letters", "look-alikes", "dashes", "full width"],
)
def test_a_mistyped_serial_is_repaired_and_said_to_be(world: World, text: str) -> None:
    """The reading is ours, and the person is told so."""
    verdict = check(world, text)
    assert verdict.registration is Registration.NUMBER_KNOWN
    assert verdict.reasons == (Code.TYPED, Code.REPAIRED_READING)
    assert verdict.presented == text
    assert verdict.unit is not None
    assert verdict.unit.serial == SERIAL


def test_an_exact_match_wins_over_one_that_reads_alike(world: World) -> None:
    """Two products may have serials that only repair makes alike."""
    world.add(seal([Record(LIQUOR, "L3", "S-1")], "key 2", manufacturer=2), "key 2")
    world.add(seal([Record(HERB, "L4", "S1")], "key 2", manufacturer=2), "key 2")
    verdict = check(world, "S1")
    assert verdict.unit is not None
    assert verdict.unit.gtin == HERB
    assert Code.REPAIRED_READING not in verdict.reasons


def test_a_serial_of_several_products_asks_for_the_product(world: World) -> None:
    """Neither is taken for granted."""
    world.add(seal([Record(LIQUOR, "L3", "S-1")], "key 2", manufacturer=2), "key 2")
    found = check_typed(world.verifier(), world.shelf, "S-1")
    assert isinstance(found, Choice)
    assert [unit.gtin for unit in found.units] == [SCOOTER, LIQUOR]
    for code in (SCOOTER, LIQUOR):
        assert check(world, "S-1", code).registration is Registration.NUMBER_KNOWN


def test_a_typed_gtin_is_padded(world: World) -> None:
    """People type the 13 digits under the bar code."""
    assert check(world, SERIAL, SCOOTER[1:]).registration is Registration.NUMBER_KNOWN


def test_a_serial_of_another_product_is_not_found_under_this_one(world: World) -> None:
    """The product that was typed counts."""
    verdict = check(world, SERIAL, SCREW)
    assert (verdict.registration, verdict.reasons) == (Registration.NOT_REGISTERED, (Code.TYPED, Code.NO_RECORD))


def test_an_unknown_serial_is_not_registered(world: World) -> None:
    """With or without a product."""
    for gtin in (None, "", SCOOTER):
        assert check(world, "NOBODY", gtin).registration is Registration.NOT_REGISTERED


@pytest.mark.parametrize("text", ["", "   ", "编码在哪里", "A" * 40, "a\0b"])
def test_what_cannot_be_a_serial_is_unreadable(world: World, text: str) -> None:
    """Nothing is looked up for it."""
    world.shelf.silent = {"find_typed"}
    verdict = check(world, text)
    assert (verdict.registration, verdict.reasons) == (Registration.UNREADABLE, (Code.TYPED, Code.NOT_A_LINK))


def test_a_wrong_gtin_is_unreadable(world: World) -> None:
    """A product number with a wrong check digit names no product."""
    assert check(world, SERIAL, SCOOTER[:-1] + str((int(SCOOTER[-1]) + 1) % 10)).registration is Registration.UNREADABLE


def test_a_typed_link_is_checked_as_a_link(world: World) -> None:
    """With its signature, its carrier and its host; a missing scheme is forgiven."""
    link = world.link(world.scooter)
    assert check(world, f" {link} ").registration is Registration.REGISTERED
    assert check(world, link.removeprefix("https://")).registration is Registration.REGISTERED
    assert check(world, links.build_compact(BASE, world.screw.id)).registration is Registration.REGISTERED
    assert check(world, world.link(world.scooter, "https://evil.example")).registration is Registration.FOREIGN_HOST


def test_a_link_is_never_repaired(world: World) -> None:
    """A scanned or pasted link is evidence as it stands."""
    compact = links.build_compact(BASE, world.screw.id)
    for changed in (compact.replace("6E3B", "6e3b"), compact.replace("N2SY1CD", "N2SYICD")):
        verdict = check(world, changed)
        assert verdict.registration is Registration.NOT_REGISTERED
        assert world.verifier().check(changed) == verdict


@pytest.mark.parametrize(
    ("error", "code"),
    [(None, Code.STORE_UNAVAILABLE), (StoreDamaged("torn"), Code.STORE_DAMAGED)],
    ids=["gone", "damaged"],
)
def test_a_store_that_cannot_be_asked_says_nothing_about_the_number(world: World, error: Exception | None, code: Code) -> None:
    """Could not ask is never "not registered"."""
    world.shelf.silent = {"find_typed"}
    world.shelf.error = error or world.shelf.error
    verdict = check(world, SERIAL)
    assert (verdict.registration, verdict.reasons) == (Registration.CANNOT_CHECK, (Code.TYPED, code))

"""The officer's pack: what it says is what the registry said when it was made, or that it cannot be checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from registry.checking.trust import Reason
from registry.checking.verdicts import Code, Registration
from registry.errors import ChainUnavailable, DocumentError, TouchstoneError
from registry.packs import pack_file
from registry.units import links
from registry.units.records import Record, UnitId
from tests.checking.cases import CASES
from tests.checking.world import ANCHORED, BASE, DAY, NOW, World, address, make_world
from tests.packs.packing import DAYS, OFFICE, check, pack, sign

if TYPE_CHECKING:
    from pathlib import Path

SHOWN_OFFLINE = {
    Registration.REGISTERED, Registration.NUMBER_KNOWN, Registration.WITHDRAWN, Registration.KEY_UNDER_REVIEW,
    Registration.ISSUER_SUSPENDED, Registration.FOREIGN_HOST, Registration.ALTERED, Registration.UNREADABLE,
    Registration.CANNOT_CHECK,
}  # fmt: skip


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.mark.parametrize("name", CASES)
def test_a_pack_says_what_the_registry_said_or_nothing(name: str, tmp_path: Path) -> None:
    """Every rule of the verdict: a pack is never kinder, and never accuses where the registry did not."""
    world = make_world()
    presented = CASES[name][0](world)
    world.shelf.silent.clear()  # a store that is silent during a check online is no matter of packs
    verifier = world.verifier()
    online = verifier.check(presented) if isinstance(presented, str) else verifier.check_number(presented)
    try:
        made = pack(world)
    except (TouchstoneError, RuntimeError):
        return  # nothing was made of a registry that is silent or damaged: see the test after the next
    path = tmp_path / "one.pack"
    path.write_bytes(made.raw)
    offline = check(path, presented)
    assert offline.registration in {online.registration, Registration.CANNOT_CHECK}
    assert offline.registration in SHOWN_OFFLINE
    if offline.registration is not Registration.CANNOT_CHECK:
        assert set(offline.reasons) == set(online.reasons)
    assert offline.proof is None


def test_most_rules_are_shown_by_a_pack(tmp_path: Path) -> None:
    """That a pack never says anything would be no help to anybody."""
    shown: set[Registration] = set()
    same = made_at_all = 0
    for present, *_ in CASES.values():
        world = make_world()
        presented = present(world)
        verifier = world.verifier()
        online = verifier.check(presented) if isinstance(presented, str) else verifier.check_number(presented)
        try:
            made = pack(world)
        except (TouchstoneError, RuntimeError):
            continue
        made_at_all += 1
        (tmp_path / "one.pack").write_bytes(made.raw)
        offline = check(tmp_path / "one.pack", presented)
        same += offline.registration is online.registration
        shown.add(offline.registration)
    assert shown == SHOWN_OFFLINE
    assert same * 2 > made_at_all


def test_no_pack_is_made_of_what_cannot_be_asked(world: World) -> None:
    world.chain.silent = {"batch"}
    with pytest.raises(ChainUnavailable):
        pack(world)


def test_every_answer_says_how_old_it_is(world: World, tmp_path: Path) -> None:
    path = tmp_path / "one.pack"
    path.write_bytes(pack(world).raw)
    found = check(path, world.link(world.scooter), now=NOW + DAY)
    assert found.registration is Registration.REGISTERED
    assert found.seen is not None
    assert (found.seen.age_seconds, found.seen.block_time) == (DAY, NOW)


@pytest.mark.parametrize(
    ("now", "max_age", "registration", "words"),
    [
        (NOW + DAYS, None, Registration.REGISTERED, ""),
        (NOW + DAYS + 1, None, Registration.CANNOT_CHECK, "get a new one"),
        (NOW - 1, None, Registration.CANNOT_CHECK, "clock is 1 s before"),
        (NOW + 60, 60, Registration.REGISTERED, ""),
        (NOW + 61, 60, Registration.CANNOT_CHECK, "get a new one"),
        (NOW + DAYS + 1, 10 * DAYS, Registration.CANNOT_CHECK, "get a new one"),
    ],
)
def test_a_pack_answers_only_while_it_is_valid(
    world: World, tmp_path: Path, *, now: int, max_age: int | None, registration: Registration, words: str
) -> None:
    path = tmp_path / "one.pack"
    path.write_bytes(pack(world).raw)
    found = check(path, world.link(world.scooter), now=now, max_age=max_age)
    assert found.registration is registration
    assert words in " ".join(check.detail for check in found.checks)


def test_a_unit_that_is_registered_later_is_not_accused(world: World, tmp_path: Path) -> None:
    path = tmp_path / "one.pack"
    path.write_bytes(pack(world).raw)
    later = world.signed_link(Record(World.scooter.gtin, "L1", "LATER-1"), "key 1")
    assert check(path, later).registration is Registration.CANNOT_CHECK
    assert check(path, UnitId(World.scooter.gtin, "LATER-1")).registration is Registration.CANNOT_CHECK
    assert Code.NO_RECORD in check(path, later).reasons


def test_a_label_signed_again_is_not_taken_for_the_registered_one(world: World, tmp_path: Path) -> None:
    """By another key of the same manufacturer, or for another lot."""
    world.add_key("second key", 1)
    path = tmp_path / "one.pack"
    path.write_bytes(pack(world).raw)
    scooter = World.scooter
    assert check(path, world.signed_link(scooter, "second key")).registration is Registration.CANNOT_CHECK
    other_lot = world.signed_link(Record(scooter.gtin, "L9", scooter.serial), "key 1")
    assert check(path, other_lot).registration is Registration.CANNOT_CHECK


def test_a_unit_that_is_withdrawn_is_and_its_neighbours_are_not(world: World, tmp_path: Path) -> None:
    world.withdraw(World.scooter, Reason.STOLEN)
    path = tmp_path / "one.pack"
    path.write_bytes(pack(world).raw)
    assert check(path, world.link(World.scooter)).registration is Registration.WITHDRAWN
    assert check(path, links.build_compact(BASE, World.screw.id)).registration is Registration.REGISTERED


def test_a_batch_that_is_not_final_is_left_out(world: World, tmp_path: Path) -> None:
    world.slot(World.liquor).final = False
    made = pack(world)
    assert (made.batches, made.left_out) == (1, 1)
    path = tmp_path / "one.pack"
    path.write_bytes(made.raw)
    assert check(path, world.link(World.liquor)).registration is Registration.CANNOT_CHECK
    assert check(path, world.link(World.scooter)).registration is Registration.REGISTERED


def test_a_batch_before_its_key_was_stolen_stands(world: World, tmp_path: Path) -> None:
    world.change_key("key 1", compromised_since=ANCHORED + 1)
    world.change_key("key 2", compromised_since=ANCHORED)
    path = tmp_path / "one.pack"
    path.write_bytes(pack(world).raw)
    assert check(path, world.link(World.scooter)).registration is Registration.REGISTERED
    assert check(path, world.link(World.liquor)).registration is Registration.KEY_UNDER_REVIEW


def test_every_flipped_byte_and_every_cut_is_refused(world: World, tmp_path: Path) -> None:
    raw = pack(world).raw
    path = tmp_path / "one.pack"
    for place in range(len(raw)):
        path.write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
        with pytest.raises(DocumentError):
            check(path, "nothing")
    for end in [*range(0, len(raw), 7), len(raw) - 1]:
        path.write_bytes(raw[:end])
        with pytest.raises(DocumentError):
            check(path, "nothing")
    path.write_bytes(raw + b"\0")
    with pytest.raises(DocumentError):
        check(path, "nothing")


def test_a_pack_of_somebody_else_is_refused(world: World, tmp_path: Path) -> None:
    path = tmp_path / "one.pack"
    path.write_bytes(pack(world).raw)
    with (
        pytest.raises(DocumentError, match=f"signed by {address(OFFICE)}, expected {address('a forger')}"),
        pack_file.opened(path, address("a forger")),
    ):
        pass


def test_a_pack_names_no_serial(world: World) -> None:
    raw = pack(world).raw
    assert World.scooter.serial.encode() not in raw
    assert world.stored(World.scooter).signature not in raw
    assert world.stored(World.scooter).signature.hex().encode() not in raw


def test_numbers_that_look_alike_are_told_apart_by_their_labels(tmp_path: Path) -> None:
    """Two units whose 40 bits are the same: a label says which, a number does not."""
    salt, unit = bytes(32), World.scooter.id
    table = pack_file.Table(salt)
    table.add(unit, 5, b"one")
    table.add(unit, 3, b"two")
    head = pack_file.Head(bytes(32), NOW, NOW, salt, 2)
    path = tmp_path / "one.pack"
    path.write_bytes(pack_file.write(head, {}, table.sorted(), sign))
    with pack_file.opened(path, address(OFFICE)) as opened:
        found = opened.find(unit)
        assert [(one.group, one.mark) for one in found] == [
            (3, pack_file.mark(salt, b"two")),
            (5, pack_file.mark(salt, b"one")),
        ]
        assert opened.find(World.liquor.id) == []

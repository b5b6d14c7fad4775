"""The inbox: parts at their places, room for what was announced, nothing by half."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import PublicationRefused, RegistryUnavailable
from registry.publishing import inbox as inboxes
from registry.publishing.inbox import Inbox, Limits
from registry.publishing.refusals import Refusal
from registry.publishing.status import State
from tests.publishing import brand

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.publishing.inbox import Parcel
    from tests.publishing.brand import Made


def checksum(part: bytes) -> str:
    return f"sha256 {hashlib.sha256(part).hexdigest()}"


def send(parcel: Parcel, made: Made, until: int | None = None, size: int = 1000) -> None:
    """Send what is missing, in parts."""
    whole = made.parcel[:until]
    while (offset := parcel.status().offset) < len(whole):
        part = whole[offset : offset + size]
        parcel.append(offset, part, checksum(part))


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(PublicationRefused) as refused:
        act()
    return refused.value.reason


class Clock:
    """Time that stands still."""

    now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return Inbox(folder)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return brand.make(tmp_path, count=40)


def test_a_parcel_comes_in_parts_of_any_size(inbox: Inbox, made: Made) -> None:
    parcel = inbox.receive(made.offer)
    assert parcel.status().state is State.RECEIVING
    assert parcel.status().offset == 256
    send(parcel, made, until=700, size=7)
    assert not parcel.is_complete
    send(parcel, made)
    assert parcel.is_complete
    assert parcel.status().state is State.CHECKING
    assert parcel.path.read_bytes() == made.parcel


def test_offering_again_changes_nothing(inbox: Inbox, made: Made) -> None:
    parcel = inbox.receive(made.offer)
    send(parcel, made, until=700)
    again = Inbox(inbox.folder).receive(made.offer)
    assert again.status() == parcel.status()
    assert len(inbox.parcels()) == 1


@pytest.mark.parametrize("offset", [0, 255, 257, 10**14])
def test_a_part_at_another_place_changes_nothing(inbox: Inbox, made: Made, offset: int) -> None:
    parcel = inbox.receive(made.offer)
    part = made.parcel[256:300]
    assert refusal(lambda: parcel.append(offset, part, checksum(part))) == Refusal.WRONG_OFFSET
    assert parcel.status().offset == 256


def test_a_repeated_part_changes_nothing(inbox: Inbox, made: Made) -> None:
    parcel = inbox.receive(made.offer)
    send(parcel, made, until=700)
    part = made.parcel[256:700]
    assert refusal(lambda: parcel.append(256, part, checksum(part))) == Refusal.WRONG_OFFSET
    send(parcel, made)
    assert parcel.path.read_bytes() == made.parcel


def test_a_damaged_part_changes_nothing(inbox: Inbox, made: Made) -> None:
    parcel = inbox.receive(made.offer)
    assert refusal(lambda: parcel.append(256, b"x" * 10, checksum(b"y" * 10))) == Refusal.BAD_CHECKSUM
    assert parcel.status().offset == 256


@pytest.mark.parametrize("told", ["", "sha256", "sha256 00", "md5 " + "0" * 64, "sha256 " + "G" * 64, "sha256 " + "0" * 65])
def test_a_part_without_a_checksum_is_no_part(inbox: Inbox, made: Made, told: str) -> None:
    parcel = inbox.receive(made.offer)
    assert refusal(lambda: parcel.append(256, b"x" * 10, told)) == Refusal.MALFORMED_PART


def test_an_empty_or_overlong_part_is_no_part(inbox: Inbox, made: Made) -> None:
    parcel = inbox.receive(made.offer)
    for part in (b"", bytes(inboxes.MAX_PART + 1)):
        assert refusal(lambda part=part: parcel.append(256, part, checksum(part))) == Refusal.MALFORMED_PART  # type: ignore[misc]  # a default


def test_nothing_comes_after_the_parcel(inbox: Inbox, made: Made) -> None:
    parcel = inbox.receive(made.offer)
    part = made.parcel[256:] + b"x"
    assert refusal(lambda: parcel.append(256, part, checksum(part))) == Refusal.WRONG_OFFSET
    send(parcel, made)
    assert refusal(lambda: parcel.append(len(made.parcel), b"x", checksum(b"x"))) == Refusal.WRONG_OFFSET
    assert parcel.is_complete


def test_a_part_that_the_disk_does_not_take_changes_nothing(inbox: Inbox, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of it is written when the disk is full."""
    parcel = inbox.receive(made.offer)
    whole = os.pwrite
    calls = []

    def half(descriptor: int, data: memoryview, offset: int) -> int:
        calls.append(offset)
        if len(calls) == 1:
            return whole(descriptor, data[:5], offset)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", half)
    part = made.parcel[256:300]
    with pytest.raises(OSError, match="No space"):
        parcel.append(256, part, checksum(part))
    monkeypatch.undo()
    assert parcel.status().offset == 256
    send(parcel, made)
    assert parcel.path.read_bytes() == made.parcel


def test_the_bytes_of_a_killed_writer_are_gone_on_from(inbox: Inbox, made: Made) -> None:
    """What a process wrote before it was killed is a beginning of the right bytes."""
    parcel = inbox.receive(made.offer)
    with parcel.path.open("ab") as file:
        file.write(made.parcel[256:333])
    assert parcel.status().offset == 333
    send(parcel, made)
    assert parcel.path.read_bytes() == made.parcel


def test_of_two_writers_at_once_one_is_told_to_wait(inbox: Inbox, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    parcel = inbox.receive(made.offer)
    within, go_on = threading.Event(), threading.Event()
    synced = os.fdatasync

    def slowly(descriptor: int) -> None:
        within.set()
        assert go_on.wait(30)
        synced(descriptor)

    monkeypatch.setattr(os, "fdatasync", slowly)
    part = made.parcel[256:300]
    first = threading.Thread(target=parcel.append, args=(256, part, checksum(part)))
    first.start()
    assert within.wait(30)
    assert refusal(lambda: parcel.append(256, part, checksum(part))) == Refusal.BUSY
    go_on.set()
    first.join()
    assert parcel.status().offset == 300


@settings(max_examples=30)
@given(data=st.data())
def test_whatever_is_sent_only_the_right_bytes_are_kept(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Parts at any places, cut, damaged and repeated: what is there is always a beginning of the parcel."""
    folder = tmp_path_factory.mktemp("inbox")
    made = brand.make(folder, count=5)
    whole = made.parcel
    (folder / "inbox").mkdir()
    parcel = Inbox(folder / "inbox").receive(made.offer)
    for _ in range(data.draw(st.integers(1, 12))):
        offset = data.draw(st.sampled_from([parcel.status().offset, 0, 256, len(whole)]) | st.integers(0, len(whole)))
        end = data.draw(st.integers(offset, len(whole) + 10))
        told = checksum(whole[offset:end])
        part = data.draw(st.sampled_from([whole[offset:end], whole[offset : end - 1], whole[offset:end] + b"x", b"x"]))
        before = parcel.path.read_bytes()
        try:
            parcel.append(offset, part, told)
        except PublicationRefused:
            assert parcel.path.read_bytes() == before
        assert whole.startswith(parcel.path.read_bytes())


# -------------------------------------------------------------------------------------------------------------------- room


def limited(folder: Path, **limits: float) -> Inbox:
    return Inbox(folder, Limits(**{"spare_bytes": 0, **limits}), clock=Clock())  # type: ignore[arg-type]  # numbers all


def touch(parcel: Parcel, age: float) -> None:
    """Let a parcel have been silent for so long."""
    for path in parcel.folder.iterdir():
        os.utime(path, (Clock.now - age, Clock.now - age))


def test_a_batch_that_is_too_large_is_refused(inbox: Inbox, made: Made) -> None:
    small = limited(inbox.folder, parcel_bytes=made.offer.size - 1)
    assert refusal(lambda: small.receive(made.offer)) == Refusal.TOO_LARGE
    assert small.parcels() == []


def test_what_is_announced_counts_before_it_is_there(inbox: Inbox, made: Made, tmp_path: Path) -> None:
    other = brand.make(tmp_path, "other", count=40)
    full = limited(inbox.folder, inbox_bytes=made.offer.size + other.offer.size - 1)
    touch(full.receive(made.offer), 0)
    assert refusal(lambda: full.receive(other.offer)) == Refusal.NO_ROOM
    roomy = limited(inbox.folder, inbox_bytes=made.offer.size + other.offer.size)
    roomy.receive(other.offer)
    assert len(roomy.parcels()) == 2


def test_a_full_disk_is_no_room(inbox: Inbox, made: Made) -> None:
    full = limited(inbox.folder, spare_bytes=2**62)
    assert refusal(lambda: full.receive(made.offer)) == Refusal.NO_ROOM


def test_an_upload_that_does_not_go_on_gives_way(inbox: Inbox, made: Made, tmp_path: Path) -> None:
    other = brand.make(tmp_path, "other")
    full = limited(inbox.folder, parcels=1)
    first = full.receive(made.offer)
    touch(first, Limits().idle_seconds - 1)
    assert refusal(lambda: full.receive(other.offer)) == Refusal.NO_ROOM
    touch(first, Limits().idle_seconds + 1)
    full.receive(other.offer)
    assert [parcel.seal for parcel in full.parcels()] == [other.seal]


def test_a_complete_parcel_gives_way_to_nobody(inbox: Inbox, made: Made, tmp_path: Path) -> None:
    full = limited(inbox.folder, parcels=1)
    first = full.receive(made.offer)
    send(first, made)
    touch(first, 10**7)
    assert refusal(lambda: full.receive(brand.make(tmp_path, "other").offer)) == Refusal.NO_ROOM
    full.sweep()
    assert first.is_complete


def test_nobody_shuts_out_the_right_parcel_of_a_seal_for_long(inbox: Inbox, made: Made) -> None:
    """Whoever knows what a seal commits may offer it with bytes of his own, a few at once."""
    few = limited(inbox.folder, parcels_of_a_seal=2)
    wrong = [brand.replace_header(made, parcel_checksum=bytes([number]) * 32).offer for number in range(3)]
    parcels = [few.receive(offer) for offer in wrong[:2]]
    for parcel in parcels:
        touch(parcel, 0)
    assert refusal(lambda: few.receive(made.offer)) == Refusal.NO_ROOM
    parcels[0].refuse(PublicationRefused("it does not hold", reason=Refusal.DAMAGED_PARCEL))
    right = few.receive(made.offer)
    assert {parcel.name for parcel in few.parcels()} == {parcels[1].name, right.name}


def test_the_sweep_forgets_what_nobody_goes_on_with(inbox: Inbox, made: Made, tmp_path: Path) -> None:
    old = limited(inbox.folder)
    first, second = old.receive(made.offer), old.receive(brand.make(tmp_path, "other").offer)
    touch(first, Limits().kept_seconds + 1)
    touch(second, Limits().kept_seconds - 1)
    half_made = inbox.folder / ".new-0123"
    half_made.mkdir()
    (half_made / "parcel").write_bytes(b"x")
    os.utime(half_made, (0, 0))
    old.sweep()
    assert [parcel.name for parcel in old.parcels()] == [second.name]
    assert not half_made.exists()


def test_a_refused_parcel_keeps_its_reason_and_not_its_bytes(inbox: Inbox, made: Made) -> None:
    parcel = inbox.receive(made.offer)
    send(parcel, made)
    parcel.refuse(PublicationRefused("unit 3 is no good", reason=Refusal.WRONG_SIGNATURE, hint="look at it"))
    told = parcel.status()
    assert (told.state, told.code, told.message, told.hint) == (
        State.REFUSED, "wrong_signature", "unit 3 is no good", "look at it",
    )  # fmt: skip
    assert not parcel.path.exists()
    again = inbox.receive(made.offer)
    assert (again.status().state, again.status().offset, again.status().code) == (State.RECEIVING, 256, "")


def test_an_offer_lost_in_a_power_cut_can_be_made_again(inbox: Inbox, made: Made) -> None:
    parcel = inbox.receive(made.offer)
    (parcel.folder / "offer").write_bytes(b"")
    assert inbox.receive(made.offer).status().offset == 256


def test_what_is_planted_in_the_inbox_leads_nowhere(inbox: Inbox, made: Made, tmp_path: Path) -> None:
    """Whoever took over a web process may write here, and through the admitter's hands nowhere else."""
    parcel = inbox.receive(made.offer)
    treasure = tmp_path / "treasure"
    treasure.write_text("untouched")
    (parcel.folder / ".new-answer").symlink_to(treasure)
    (parcel.folder / "answer").symlink_to(treasure)
    (inbox.folder / f"{'0' * 64}.{'0' * 32}").symlink_to(tmp_path)
    parcel.tell(units_checked=3)
    assert treasure.read_text() == "untouched"
    assert parcel.status().units_checked == 3
    assert [one.name for one in inbox.parcels()] == [parcel.name]
    parcel.drop()
    assert treasure.read_text() == "untouched"


def test_one_admitter_at_a_time(inbox: Inbox) -> None:
    other = Inbox(inbox.folder)
    with inbox.admitting(), pytest.raises(RegistryUnavailable, match="another admitter"), other.admitting():
        pass
    with inbox.admitting():
        pass


def test_an_inbox_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(RegistryUnavailable, match="expected a folder"):
        Inbox(tmp_path / "nowhere")


def test_a_name_leads_nowhere_else(inbox: Inbox, made: Made) -> None:
    """A parcel is found by its name, and a name is 32 digits."""
    parcel = inbox.receive(made.offer)
    assert inbox.parcel(made.seal, parcel.name) is not None
    for name in ("", "..", f"{parcel.name}/..", "../" + parcel.folder.name, parcel.name.upper() + "X", "0" * 32):
        assert inbox.parcel(made.seal, name) is None

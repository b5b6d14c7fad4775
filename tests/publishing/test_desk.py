"""The desk refuses by name, early, and what it could not ask is never a refusal."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from registry.checking.trust import Reason
from registry.errors import ChainUnavailable, PublicationRefused, RegistryUnavailable, StoreUnavailable
from registry.proofs import pictures, profile
from registry.publishing import offer as offers
from registry.publishing.desk import Desk
from registry.publishing.inbox import Inbox, Limits
from registry.publishing.refusals import Refusal
from registry.publishing.status import State
from tests.proofs.test_pictures import drawn
from tests.publishing import brand
from tests.publishing.brand import KEY, MANUFACTURER, RIVAL, RIVALS_KEY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.publishing.status import Status
    from tests.publishing.brand import Made
    from tests.publishing.conftest import Registry

NEW_PROFILE = brand.a_profile("9521001", "9521009", name="Larch & Sons")


@pytest.fixture
def made(tmp_path: Path, registry: Registry) -> Made:
    """A batch that is anchored."""
    made = brand.make(tmp_path)
    registry.chain.anchor(KEY, made.seal)
    return made


def offer(registry: Registry, made: Made) -> Status:
    return registry.desk.offer(made.seal.hex(), offers.write(made.offer))


def append(registry: Registry, made: Made, offset: int, part: bytes) -> Status:
    told = f"sha256 {hashlib.sha256(part).hexdigest()}"
    return registry.desk.append(made.seal.hex(), made.offer.parcel, offset=str(offset), checksum=told, part=part)


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(PublicationRefused) as refused:
        act()
    return refused.value.reason


def test_an_anchored_batch_is_received(registry: Registry, made: Made) -> None:
    """Final or not: what is not final may be checked already, and reads so."""
    status = offer(registry, made)
    assert (status.state, status.offset, status.size) == (State.RECEIVING, 256, len(made.parcel))
    status = append(registry, made, 256, made.parcel[256:])
    assert status.state is State.CHECKING
    assert registry.desk.status(made.seal.hex(), status.parcel) == status
    assert offer(registry, made) == status


def test_a_batch_that_is_in_the_store_is_admitted(registry: Registry, made: Made) -> None:
    status = offer(registry, made)
    registry.books.batches[made.seal] = made.stored()
    assert offer(registry, made).state is State.ADMITTED
    assert registry.desk.status(made.seal.hex(), status.parcel).state is State.ADMITTED
    assert registry.desk.status(made.seal.hex(), "0" * 32).state is State.ADMITTED


def test_an_offer_of_a_known_batch_asks_no_chain(registry: Registry, made: Made) -> None:
    offer(registry, made)
    registry.chain.be_silent()
    assert offer(registry, made).state is State.RECEIVING


def test_not_anchored(registry: Registry, tmp_path: Path) -> None:
    assert refusal(lambda: offer(registry, brand.make(tmp_path))) == Refusal.NOT_ANCHORED


def test_anchored_by_another_manufacturer(registry: Registry, tmp_path: Path) -> None:
    """Seals are kept per manufacturer: what a rival anchored is the rival's."""
    made = brand.make(tmp_path)
    registry.chain.anchor(RIVALS_KEY, made.seal)
    assert refusal(lambda: offer(registry, made)) == Refusal.NOT_ANCHORED


def test_a_key_of_another_manufacturer(registry: Registry, made: Made) -> None:
    stolen = replace(made, manufacturer=RIVAL)
    assert refusal(lambda: offer(registry, stolen)) == Refusal.FOREIGN_KEY
    assert refusal(lambda: offer(registry, replace(made, key=RIVALS_KEY))) == Refusal.FOREIGN_KEY


def test_suspended(registry: Registry, made: Made) -> None:
    registry.chain.set_suspended(MANUFACTURER, suspended=True)
    assert refusal(lambda: offer(registry, made)) == Refusal.SUSPENDED
    registry.chain.set_suspended(MANUFACTURER, suspended=False)
    assert offer(registry, made).state is State.RECEIVING


def test_unknown_manufacturer(registry: Registry, made: Made) -> None:
    assert refusal(lambda: offer(registry, replace(made, manufacturer=99))) == Refusal.UNKNOWN_MANUFACTURER


def test_a_withdrawn_batch_is_received(registry: Registry, made: Made) -> None:
    """A registry must know it to say that it is withdrawn."""
    registry.chain.withdraw_batch(KEY, made.seal, Reason.RECALLED)
    assert offer(registry, made).state is State.RECEIVING


def test_wrong_seal(registry: Registry, made: Made, tmp_path: Path) -> None:
    other = brand.make(tmp_path, "other")
    assert refusal(lambda: registry.desk.offer(made.seal.hex(), offers.write(other.offer))) == Refusal.WRONG_SEAL


@pytest.mark.parametrize("seal", ["", "..", "0" * 63, "0" * 65, "g" * 64, "A" * 64, "0x", "٠" * 64])
def test_no_seal(registry: Registry, made: Made, seal: str) -> None:
    assert refusal(lambda: registry.desk.offer(seal, offers.write(made.offer))) == Refusal.MALFORMED_OFFER
    assert refusal(lambda: registry.desk.status(seal, made.offer.parcel)) == Refusal.MALFORMED_OFFER


def test_sizes_beyond_all_bounds_cost_nothing(registry: Registry, made: Made) -> None:
    """A header may announce four thousand million units: it is refused before the chain is asked or a byte is kept."""
    registry.chain.be_wrong()
    for changes in ({"unit_count": 2**32 - 1}, {"unit_count": 2**31, "attributes_size": 2**32 - 1}):
        huge = brand.replace_header(made, **changes)
        assert refusal(lambda huge=huge: offer(registry, huge)) == Refusal.TOO_LARGE  # type: ignore[misc]  # a default
    assert registry.inbox.parcels() == []


def test_a_header_of_the_right_seal_may_lie_of_its_sizes(registry: Registry, made: Made) -> None:
    """The seal commits the count, and neither the attributes' size nor the checksums: what is announced has its limits."""
    attributes = brand.replace_header(made, attributes_size=2**19)
    assert offer(registry, attributes).size == attributes.offer.size
    manifest = brand.replace_header(made, manifest_size=4 * 2**20)
    assert offer(registry, manifest).size == manifest.offer.size
    assert sum(path.stat().st_size for path in registry.inbox.folder.rglob("parcel")) == 2 * 256


def test_the_inbox_is_full(registry: Registry, made: Made) -> None:
    desk = Desk(Inbox(registry.inbox.folder, Limits(spare_bytes=2**62)), brand.asking(registry.chain), registry.books)
    assert refusal(lambda: desk.offer(made.seal.hex(), offers.write(made.offer))) == Refusal.NO_ROOM


@pytest.mark.parametrize("offset", ["", "-1", "1.0", "0x10", "1e9", "9" * 16, "٣", " 256"])
def test_no_offset(registry: Registry, made: Made, offset: str) -> None:
    offer(registry, made)
    put = registry.desk.append
    asked = {"checksum": f"sha256 {hashlib.sha256(b'x').hexdigest()}", "part": b"x"}
    assert refusal(lambda: put(made.seal.hex(), made.offer.parcel, offset=offset, **asked)) == Refusal.MALFORMED_PART  # type: ignore[arg-type]  # texts and bytes


def test_a_part_of_nothing(registry: Registry, made: Made) -> None:
    assert refusal(lambda: append(registry, made, 256, b"x")) == Refusal.UNKNOWN_PARCEL
    assert refusal(lambda: registry.desk.status(made.seal.hex(), made.offer.parcel)) == Refusal.UNKNOWN_PARCEL


def test_a_part_of_a_refused_parcel(registry: Registry, made: Made) -> None:
    offer(registry, made)
    parcel = registry.inbox.parcels()[0]
    parcel.refuse(PublicationRefused("no", reason=Refusal.WRONG_ORDER))
    assert registry.desk.status(made.seal.hex(), parcel.name).code == Refusal.WRONG_ORDER
    assert refusal(lambda: append(registry, made, 256, b"x")) == Refusal.UNKNOWN_PARCEL
    assert offer(registry, made).state is State.RECEIVING


# ---------------------------------------------------------------------------------------------------------------- profiles


def test_nothing_is_received_before_the_profile_in_force(registry: Registry, made: Made) -> None:
    del registry.books.profiles[brand.PROFILE_HASH]
    status = offer(registry, made)
    assert (status.state, status.profiles_wanted) == (State.PROFILES_WANTED, (brand.PROFILE_HASH,))
    assert registry.inbox.parcels() == []
    registry.desk.profile(brand.PROFILE_HASH.hex(), str(MANUFACTURER), brand.PROFILE)
    assert offer(registry, made).state is State.RECEIVING
    assert [(digest, number) for _, digest, number in registry.inbox.profiles()] == [(brand.PROFILE_HASH, MANUFACTURER)]


def test_other_profiles_are_wanted_and_waited_for_by_nobody(registry: Registry, made: Made) -> None:
    """A verdict on a GTIN that no profile claims needs every profile."""
    digest = profile.profile_hash(NEW_PROFILE)
    registry.chain.update_profile(MANUFACTURER, digest, "https://larch.example/profile.json")
    status = offer(registry, made)
    assert (status.state, status.profiles_wanted) == (State.RECEIVING, (digest,))


def test_a_profile_that_the_chain_does_not_know(registry: Registry) -> None:
    put, digest = registry.desk.profile, profile.profile_hash(NEW_PROFILE).hex()
    assert refusal(lambda: put(digest, str(MANUFACTURER), NEW_PROFILE)) == Refusal.UNKNOWN_PROFILE
    registry.books.profiles.clear()
    assert refusal(lambda: put(brand.PROFILE_HASH.hex(), str(RIVAL), brand.PROFILE)) == Refusal.UNKNOWN_PROFILE
    assert registry.inbox.profiles() == []


@pytest.mark.parametrize("number", ["", "0", "x", "4294967296", "-7"])
def test_a_profile_of_nobody(registry: Registry, number: str) -> None:
    assert refusal(lambda: registry.desk.profile(brand.PROFILE_HASH.hex(), number, brand.PROFILE)) == Refusal.MALFORMED_PROFILE


def test_a_profile_that_is_another(registry: Registry) -> None:
    put, digest = registry.desk.profile, brand.PROFILE_HASH.hex()
    for body in (b"", b"{}", brand.PROFILE + b" ", NEW_PROFILE):
        assert refusal(lambda body=body: put(digest, str(MANUFACTURER), body)) == Refusal.MALFORMED_PROFILE  # type: ignore[misc]  # a default


def test_a_picture_that_the_manifest_names_is_taken(registry: Registry, tmp_path: Path) -> None:
    """Nothing else: not before its batch is admitted, no other picture, no other bytes, no more than there is room for."""
    small, other = (pictures.read(drawn(width, 3)) for width in (3, 4))
    made = brand.make(tmp_path, pictures=(small.digest, other.digest, "0" * 64))

    def put(digest: str, body: bytes) -> None:
        registry.desk.picture(made.seal.hex(), digest, body)

    assert refusal(lambda: put(small.digest, small.raw)) == Refusal.UNKNOWN_PICTURE
    registry.books.batches[made.seal] = made.stored()
    assert refusal(lambda: put("1" * 64, small.raw)) == Refusal.UNKNOWN_PICTURE
    assert refusal(lambda: put("../../x", small.raw)) == Refusal.UNKNOWN_PICTURE
    assert refusal(lambda: put("0" * 64, small.raw)) == Refusal.MALFORMED_PICTURE
    assert refusal(lambda: put(small.digest, b"<svg/>")) == Refusal.MALFORMED_PICTURE
    assert registry.inbox.pictures() == []
    put(small.digest, small.raw)
    put(small.digest, small.raw)
    assert [path.name for path in registry.inbox.pictures()] == [small.digest]
    registry.inbox.limits = replace(registry.inbox.limits, pictures=1)
    assert refusal(lambda: put(other.digest, other.raw)) == Refusal.NO_ROOM


# -------------------------------------------------------------------------------------------------------- could not ask


def test_a_silent_chain_refuses_nobody(registry: Registry, made: Made) -> None:
    registry.chain.be_silent()
    with pytest.raises(ChainUnavailable):
        offer(registry, made)


def test_a_silent_store_refuses_nobody(registry: Registry, made: Made) -> None:
    registry.books.fault = StoreUnavailable("the database is gone")
    with pytest.raises(StoreUnavailable):
        offer(registry, made)


def test_a_disk_that_fails_refuses_nobody(registry: Registry, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(registry, made)

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.pwrite", fail)
    with pytest.raises(RegistryUnavailable, match="Input/output"):
        append(registry, made, 256, b"x")

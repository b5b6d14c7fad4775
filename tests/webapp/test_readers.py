"""What the site remembers of its store cannot be wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.checking.claims import MOST_PROFILES, KeptProfiles
from registry.proofs.profile import profile_hash

if TYPE_CHECKING:
    from registry.units.records import UnitId


class Profiles:
    """A store that holds some profiles and counts how often it was asked."""

    def __init__(self, bodies: dict[bytes, bytes]) -> None:
        self.bodies, self.asked = bodies, 0

    def find(self, unit: UnitId) -> None:
        """Find nothing."""

    def profile(self, profile_hash: bytes) -> bytes | None:
        """Return what is there under a hash."""
        self.asked += 1
        return self.bodies.get(profile_hash)


def test_a_profile_is_asked_for_once() -> None:
    """It has the hash that was asked for, and always will have."""
    store = Profiles({profile_hash(b"{}"): b"{}"})
    kept = KeptProfiles(store)
    assert [kept.profile(profile_hash(b"{}")) for _ in range(3)] == [b"{}"] * 3
    assert store.asked == 1


def test_what_is_missing_or_has_another_hash_is_asked_for_again() -> None:
    """It can be put right, and is given as it is: the verifier sees that it is wrong."""
    store = Profiles({b"x" * 32: b"{}"})
    kept = KeptProfiles(store)
    for _ in range(2):
        assert kept.profile(b"x" * 32) == b"{}"
        assert kept.profile(b"y" * 32) is None
    assert store.asked == 4
    store.bodies[profile_hash(b"[]")] = b"[]"
    assert kept.profile(profile_hash(b"[]")) == b"[]"


def test_no_more_profiles_are_kept_than_allowed() -> None:
    """Whoever registers ever new ones fills no memory."""
    bodies = [b"%d" % number for number in range(MOST_PROFILES + 10)]
    kept = KeptProfiles(Profiles({profile_hash(body): body for body in bodies}))
    for body in bodies:
        assert kept.profile(profile_hash(body)) == body
    assert len(kept._kept) <= MOST_PROFILES

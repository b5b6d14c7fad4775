"""What the chain says of a batch that is offered: asked when it is offered, and again before it is admitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.publishing.refusals import Refusal, refused

if TYPE_CHECKING:
    from registry.checking.deployments import Deployments
    from registry.checking.trust import Anchor
    from registry.publishing.offer import Offer


@dataclass(frozen=True, slots=True)
class Standing:
    """A batch that is anchored by an accredited manufacturer."""

    anchor: Anchor
    final: bool
    profile_hash: bytes
    """The profile in force at the anchor."""
    profiles: tuple[bytes, ...]
    """Hashes of all profiles of the manufacturer, the newest first."""


def standing(chain: Deployments, offer: Offer) -> Standing:
    """Ask for everything that an offer says of manufacturer, key and seal.

    Raises `PublicationRefused` if the chain knows it otherwise, and `ChainError` if it could not be asked.
    """
    owner = chain.manufacturer(offer.manufacturer)
    if not owner.accredited_at:
        raise refused(Refusal.UNKNOWN_MANUFACTURER, f"manufacturer {offer.manufacturer} is not accredited")
    if owner.suspended_at:
        raise refused(
            Refusal.SUSPENDED,
            f"manufacturer {offer.manufacturer} is suspended, and may add nothing until it is reinstated",
            hint="ask the alliance",
        )
    if chain.key(offer.key).manufacturer != offer.manufacturer:
        raise refused(Refusal.FOREIGN_KEY, f"key {offer.key} is not one of manufacturer {offer.manufacturer}")
    facts = chain.seal(offer.manufacturer, offer.header.seal, offer.key)
    if facts.found is None:
        raise refused(
            Refusal.NOT_ANCHORED,
            f"manufacturer {offer.manufacturer} has not anchored seal 0x{offer.header.seal.hex()}",
            hint="`touchstone register` anchors it; just after that, the registry's node may need a moment",
        )
    hashes = tuple(dict.fromkeys(version.profile_hash for version in reversed(owner.profiles)))
    return Standing(facts.found.anchor, facts.found.final, facts.found.profile_hash, hashes)

"""What a verdict shows of the things that were proved. Nothing in here decides anything."""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from registry.checking.verdicts import AnchorView, BatchView, ManufacturerView, ProofView
from registry.proofs.manifest import Product
from registry.proofs.profile import Profile

if TYPE_CHECKING:
    from registry.checking.deployments import AnchorFound, SealFacts
    from registry.checking.steps import SealedUnit
    from registry.checking.trust import ManufacturerFacts

PRODUCT: Final = tuple(field.name for field in fields(Product))
PROFILE: Final = tuple(field.name for field in fields(Profile))
# What these give is copied or cannot be changed, but for texts by language, which are copied below.
values_of_product: Final = attrgetter(*PRODUCT)
values_of_profile: Final = attrgetter(*PROFILE)


def batch_view(sealed: SealedUnit, attestations: int) -> BatchView:
    """Show the batch that a unit was followed to."""
    return BatchView(
        seal=sealed.seal,
        root=sealed.opening.root,
        unit_count=sealed.opening.unit_count,
        manifest_hash=sealed.opening.manifest_hash,
        attestations=attestations,
    )


def anchor_view(found: AnchorFound, transaction: str | None) -> AnchorView:
    """Show where and when a seal was anchored."""
    return AnchorView(
        deployment=found.deployment,
        key=found.anchor.key,
        time=found.anchor.time,
        block=found.anchor.block,
        transaction=transaction,
    )


def proof_view(sealed: SealedUnit) -> ProofView:
    """Show all that is needed to repeat the proof: only for a caller who presented the label's content."""
    return ProofView(
        index=sealed.row.index,
        unit_key=sealed.row.unit_key,
        digest=sealed.row.digest,
        attributes_hash=sealed.row.attributes_hash,
        leaf=sealed.leaf,
        path=sealed.path,
        signature=sealed.signed.signature,
        signer=sealed.signed.signer,
        salt=sealed.salt,
        manifest=sealed.manifest_bytes,
    )


def manufacturer_view(number: int, profile: Profile, standing: ManufacturerFacts | SealFacts) -> ManufacturerView:
    """Show a manufacturer by a profile that matches its hash on the chain."""
    shown = dict(zip(PROFILE, values_of_profile(profile), strict=True))
    shown |= {"legal_name": dict(profile.legal_name), "brand": dict(profile.brand)}
    return ManufacturerView(
        number=number, profile=shown, accredited_at=standing.accredited_at, suspended_at=standing.suspended_at
    )


def product_view(sealed: SealedUnit) -> dict[str, object]:
    """Show what the sealed manifest says of a unit's product and lot."""
    shown = dict(zip(PRODUCT, values_of_product(sealed.product), strict=True))
    shown["names"] = dict(sealed.product.names)
    return shown

"""What a verdict shows of the things that were proved. Nothing in here decides anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.checking.verdicts import AnchorView, BatchView, ManufacturerView, ProofView

if TYPE_CHECKING:
    from registry.checking.deployments import AnchorFound, SealFacts
    from registry.checking.steps import SealedUnit
    from registry.checking.trust import ManufacturerFacts
    from registry.proofs.profile import Profile


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
    return ManufacturerView(number, profile, standing.accredited_at, standing.suspended_at)

"""`touchstone absence`: shows that a number was never registered, in a file that anybody can check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from registry.chain.annals import Annals
from registry.enforcement.absence import Inquiry
from registry.enforcement.absence_steps import excused_numbers
from registry.errors import StoreUnavailable
from registry.proofs import absence_file
from registry.units import identity
from registry.units.records import UnitId
from scripts.connect import chain_options, path, store_options
from scripts.console import Console, json_option

if TYPE_CHECKING:
    from pathlib import Path

    from registry.proofs.absence_file import AbsenceFile
    from registry.storage.store import Store
    from scripts.connect import Chain


@click.command("absence")
@click.argument("gtin")
@click.argument("serial")
@click.option("--out", type=path(), required=True, help="The absence file that is written (docs/absence.md).")
@chain_options
@store_options
@json_option
def command(gtin: str, serial: str, out: Path, chain: Chain, store: Store, console: Console) -> None:
    """Show that the unit of GTIN and SERIAL, byte for byte, is in no batch up to the newest final block.

    Every manufacturer whose profile ever claimed the GTIN is looked at, in every deployment of the trust file, with every batch
    that the chain counts; the store has to hold all of their trees. The file holds the salts of these batches: it is for
    inspectors and courts, not for publication. `touchstone verify FILE` checks it.
    """
    unit = UnitId(identity.pad_gtin(gtin), serial)
    inquiry = Inquiry(chain.trust.registry_id, [Annals(reader) for reader in chain.readers()], store)
    file = inquiry.show(unit)
    raw = absence_file.write(file)
    try:
        out.write_bytes(raw)
    except OSError as error:
        raise StoreUnavailable(f"{out} cannot be written: {error.strerror or error}") from error
    console.found(facts(file) | {"file": str(out), "bytes": len(raw)}, [*lines(file), f"  {out}, {len(raw):,} bytes"])


def facts(file: AbsenceFile) -> dict[str, Any]:
    """Return what a file says, for machines."""
    numbers = {issuer.number for listing in file.listings for issuer in listing.issuers}
    attested = attested_seals(file)
    return {
        "gtin": file.unit.gtin,
        "serial": file.unit.serial,
        "blocks": [listing.block.number for listing in file.listings],
        "manufacturers": sorted(numbers),
        "never_claimed_the_gtin": sorted(excused_numbers(file)),
        "batches": len(file.gaps),
        "batches_attested": len(attested),
    }


def lines(file: AbsenceFile) -> list[str]:
    """Return what a file says, for people: an unattested batch rests on its manufacturer's word (protocol § 4)."""
    told = facts(file)
    attested, others = told["batches_attested"], told["batches"] - told["batches_attested"]
    asked = sorted({*told["manufacturers"]} - {*told["never_claimed_the_gtin"]})
    blocks = ", ".join(f"block {listing.block.number} of chain {listing.chain_id}" for listing in file.listings)
    return [
        f"GTIN {file.unit.gtin}, serial {file.unit.serial}: found in no batch up to {blocks}",
        f"  {attested:>6} attested batches: it was not in them",
        f"  {others:>6} batches that no witness attested: it was not in them according to the manufacturer's tree",
        f"  manufacturers that ever claimed the GTIN, or whose profile is missing: {', '.join(map(str, asked)) or 'none'}",
        f"  manufacturers that never did: {', '.join(map(str, told['never_claimed_the_gtin'])) or 'none'}",
    ]


def attested_seals(file: AbsenceFile) -> set[bytes]:
    """Return the batches that a witness attested, in any deployment."""
    return {
        batch.seal for listing in file.listings for issuer in listing.issuers for batch in issuer.batches if batch.attestations
    }

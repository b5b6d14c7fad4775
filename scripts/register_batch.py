"""`touchstone register`: a units file becomes a signed, sealed, stored and anchored batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from registry.errors import TransactionRefused
from registry.issuing.pipeline import Outcome, Registration
from registry.issuing.products import read_products
from scripts.connect import COIN, chain_options, fee_cap_option, new_store_options, path, signer_options
from scripts.console import json_option
from scripts.receipts import hex_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from registry.chain.transactions import Signer
    from registry.issuing.pipeline import Report, StepReport
    from registry.issuing.registration import Prepared
    from registry.storage.store import Store
    from scripts.connect import Chain
    from scripts.console import Console


@click.command("register")
@click.argument("units", type=path(exists=True))
@click.option("--products", type=path(exists=True), required=True, help="The products file (TOML): what the manifest will say.")
@click.option("--run", help="A name for this run. Default: a fingerprint of the files, so the same files are the same run.")
@click.option("--supersedes", type=hex_bytes(32), help="Seal of a withdrawn batch that this one corrects.")
@click.option("--dry-run", is_flag=True, help="Check file, key and units, and sign nothing.")
@click.option("--no-anchor", is_flag=True, help="Sign, seal and store, and stop before paying; run again without it to anchor.")
@click.option("--wait-final", type=float, default=0.0, show_default=True, help="Seconds to wait for the anchor to be final.")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that sign. Default: one for each core, at most 8.")
@chain_options
@new_store_options
@signer_options
@fee_cap_option
@json_option
def command(
    units: Path,
    products: Path,
    run: str | None,
    supersedes: bytes | None,
    dry_run: bool,
    no_anchor: bool,
    wait_final: float,
    workers: int | None,
    chain: Chain,
    store: Store,
    signer: Signer,
    fee_cap: float | None,
    console: Console,
) -> None:
    """Register the units of the CSV file UNITS (gtin, lot, serial, and the attributes that the products file declares).

    An empty serial is generated. Every faulty line is named, and then nothing is signed. Killed at any moment, run again: it
    continues, never signs or pays twice, and says what it did.
    """

    def confirm(prepared: Prepared) -> None:
        console.say(f"cost: at most {prepared.gas:,} gas, {prepared.max_fee / COIN:.9f} for the whole batch")
        if no_anchor:
            raise TransactionRefused(
                "the batch is signed, sealed and stored, and not anchored, as --no-anchor asks",
                hint="run again without --no-anchor to anchor it",
            )

    listed = read_products(products)
    with console.gauge() as gauge, units.open("rb") as stream:
        registration = Registration(
            store,
            chain.writer(signer, fee_cap=fee_cap),
            signer,
            chain.trust.registry_id,
            on_step=lambda step: told(console, step),
            on_progress=gauge,
            confirm=confirm,
            workers=workers,
        )
        if dry_run:
            intake = registration.check(stream, listed)
            for warning in intake.warnings:
                console.warn(str(warning))
            console.found({"units": len(intake), "generated": intake.generated, "signed": 0})
            return
        report = registration.run(stream, listed, run=run, supersedes=supersedes, final_seconds=wait_final)
    for warning in report.warnings:
        console.warn(str(warning))
    if not report.units_signed and report.units_generated:
        console.warn(
            f"this run is batch {report.batch.id} already: it was continued, with the serials generated then; "
            "to make another batch of the same file, give it a --run name of its own"
        )
    console.found(facts(report))


def told(console: Console, step: StepReport) -> None:
    """Say what became of a step."""
    if step.outcome is not Outcome.BEGUN:
        console.say(f"{step.step}: {step.outcome}" + (f", {step.detail}" if step.detail else ""))


def facts(report: Report) -> dict[str, Any]:
    """Return what a run did, as plain values whose counts reconcile."""
    batch = report.batch
    return {
        "run": report.run,
        "manufacturer": report.manufacturer,
        "seal": f"0x{batch.seal.hex()}",
        "state": batch.state.value,
        "units_in_file": report.units_in_file,
        "units_stored": report.units_stored,
        "serials_generated": report.units_generated,
        "signed_in_this_run": report.units_signed,
        "transactions_made": report.transactions_made,
        "anchored_in_block": report.anchor.block,
    }

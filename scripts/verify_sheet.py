"""`touchstone verify-sheet`: who signed a result sheet, and whether it and its lines are as they were signed."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from registry.chain.records import Records
from registry.enforcement import result_sheet
from registry.errors import DocumentError
from scripts.connect import chain_options, path
from scripts.console import json_option

if TYPE_CHECKING:
    from pathlib import Path

    from scripts.connect import Chain
    from scripts.console import Console


@click.command("verify-sheet")
@click.argument("sheet", type=path(exists=True))
@click.option(
    "--lines", type=path(exists=True), help="The JSON lines that came with it, to see that they are the ones it stands for."
)
@chain_options
@json_option
@click.pass_context
def command(context: click.Context, sheet: Path, lines: Path | None, chain: Chain, console: Console) -> None:
    """Say who signed the result sheet SHEET and when, and ask the chain whether that account is an inspector's.

    Ends with 1 if the account is not, and with an error if the sheet or its lines were changed.
    """
    values = result_sheet.read(sheet.read_bytes())
    if values["registryId"] != f"0x{chain.trust.registry_id.hex()}":
        raise DocumentError(
            f"the sheet is of registry {values['registryId']}, expected 0x{chain.trust.registry_id.hex()}",
            hint="name the trust file of the sheet's registry with --trust",
        )
    if lines is not None and hashlib.sha256(lines.read_bytes()).hexdigest() != values["lines"]["sha256"]:
        raise DocumentError(f"{lines.name} does not have the lines that the sheet stands for")
    signed = result_sheet.signed_by(values)
    is_inspector = Records(chain.reader()).may_record(signed.signer)
    at = datetime.fromtimestamp(signed.signed_at, tz=UTC).isoformat().replace("+00:00", "Z")
    facts = {"signer": signed.signer, "signed_at": at, "is_inspector": is_inspector, "lines_compared": lines is not None}
    told = "an inspector's account on the chain now" if is_inspector else "NOT an inspector's account on the chain now"
    console.found(facts, [f"signed at {at} (the signer's clock) by {signed.signer}", told])
    if lines is None:
        console.warn("the lines were not compared: name their file with --lines")
    if not is_inspector:
        context.exit(1)

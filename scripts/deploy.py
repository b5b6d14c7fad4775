"""`touchstone deploy`: puts a registry's contract on a chain and writes the trust file."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from registry.chain.deployment import load_trust, save_trust
from registry.chain.endpoints import connect
from registry.chain.writer import deploy
from registry.checking.trust import Trust
from registry.errors import InputError
from scripts.connect import path, rpc_option, signer_options
from scripts.console import Console, json_option

if TYPE_CHECKING:
    from pathlib import Path

    from registry.chain.transactions import Signer

DAY = 86_400


@click.command("deploy")
@signer_options
@rpc_option
@click.option("--governance", help="First default admin: a Safe or a timelock in production. Default: the deploying account.")
@click.option("--registry-id", help="32 bytes as hex, to deploy a successor of an existing registry. Default: found a new one.")
@click.option("--production", is_flag=True, help="Mark a new registry as production: it is refused on development chains.")
@click.option(
    "--governance-delay", type=int, default=3 * DAY, show_default=True, help="Seconds before another admin takes over."
)
@click.option(
    "--controller-delay", type=int, default=2 * DAY, show_default=True, help="Seconds before another controller does."
)
@click.option("--trust", type=path(), required=True, help="The trust file to write, or to add this deployment to.")
@click.option("--deployments", type=path(folder=True), help="Folder for <chainId>.json, for example contracts/deployments.")
@json_option
def command(
    console: Console,
    signer: Signer,
    rpc: str,
    governance: str | None,
    registry_id: str | None,
    production: bool,
    governance_delay: int,
    controller_delay: int,
    trust: Path,
    deployments: Path | None,
) -> None:
    """Deploy the contract and write the trust file that every other command and the site read."""
    known = load_trust(trust) if trust.exists() else None
    identity = _registry_id(registry_id, known)
    console.say(f"deploying from {signer.address}")
    deployment = deploy(
        connect(rpc)[0],
        signer,
        registry_id=identity,
        governance=governance or signer.address,
        governance_delay=governance_delay,
        controller_delay=controller_delay,
        production=production or (known is not None and known.production),
        deployments=deployments,
    )
    if known is not None:
        save_trust(
            trust, replace(known, deployments=(deployment, *known.deployments), production=known.production or production)
        )
    else:
        save_trust(trust, Trust(identity, (deployment,), production=production))
    console.found(
        {
            "registry_id": f"0x{identity.hex()}",
            "chain_id": deployment.chain_id,
            "contract": deployment.contract,
            "block": deployment.block,
            "trust_file": str(trust),
        }
    )


def _registry_id(given: str | None, known: Trust | None) -> bytes:
    if given is None:
        return known.registry_id if known else secrets.token_bytes(32)
    try:
        identity = bytes.fromhex(given.removeprefix("0x"))
    except ValueError:
        identity = b""
    if len(identity) != 32 or not any(identity):  # noqa: PLR2004 -- bytes32
        raise InputError(f"registry id {given!r} is not 32 bytes, expected 64 hex digits that are not all zero")
    if known and known.registry_id != identity:
        raise InputError(
            f"the trust file belongs to registry 0x{known.registry_id.hex()}, found --registry-id {given}",
            hint="give another --trust file, or leave --registry-id out",
        )
    return identity

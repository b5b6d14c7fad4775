"""`touchstone key`: a manufacturer's keys, and the controller's acts."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import click

from registry.chain.writer import MAY_ANCHOR, MAY_WITHDRAW, key_consent_digest
from registry.keys import create_keystore, read_passphrase
from registry.tokens import TokenUri, create_on_token
from scripts.accredit import acting, manufacturer_argument, reason_option
from scripts.connect import KeyPlace, ask, chain_options, path, pin_of, signer_options
from scripts.console import Console, Program, json_option
from scripts.receipts import hex_bytes, report

if TYPE_CHECKING:
    from pathlib import Path

    from registry.chain.transactions import Signer
    from registry.chain.writer import ChainWriter
    from scripts.connect import Chain

YEAR = dt.timedelta(days=365)
address_argument = click.argument("address")


@click.group("key", cls=Program)
def command() -> None:
    """Make keys, have them added to a manufacturer, revoke them, say when one was compromised."""


@command.command("new")
@click.argument("keystore", type=KeyPlace(exists=False))
@click.option(
    "--passphrase-file",
    type=path(exists=True),
    help="File whose first line is the passphrase, or the token's PIN; asked for otherwise.",
)
@json_option
def new(keystore: Path | TokenUri, passphrase_file: Path | None, console: Console) -> None:
    """Make a new key in a KEYSTORE file (version 3, readable by its owner only), or on a token (pkcs11:…).

    It is never shown or sent; one that is made on a token never leaves it.
    """
    if isinstance(keystore, TokenUri):
        console.found({"address": create_on_token(keystore, pin_of(keystore, passphrase_file)), "token": keystore.token})
        return
    passphrase = read_passphrase(passphrase_file, ask(f"New passphrase of {keystore.name}", twice=True))
    console.found({"address": create_keystore(keystore, passphrase), "keystore": str(keystore)})


@command.command("consent")
@manufacturer_argument
@signer_options
@chain_options
@json_option
def consent(manufacturer: int, console: Console, chain: Chain, signer: Signer) -> None:
    """Sign that the key of a keystore belongs to MANUFACTURER, for the controller to add it. Nothing is sent."""
    digest = key_consent_digest(chain.trust.deployments[0], manufacturer)
    signature = signer.sign_digest(digest)
    console.found({"key": signer.address, "manufacturer": manufacturer, "consent": f"0x{signature.hex()}"})


@command.command("add")
@manufacturer_argument
@address_argument
@click.option("--consent", required=True, type=hex_bytes(64), help="What `touchstone key consent` printed.")
@click.option("--anchor/--no-anchor", "may_anchor", default=True, show_default=True, help="May anchor batches.")
@click.option(
    "--withdraw/--no-withdraw", "may_withdraw", default=False, show_default=True, help="May withdraw units and batches."
)
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day of its window, UTC. Default: one year from now.")
@acting
def add(
    manufacturer: int,
    address: str,
    consent: bytes,
    may_anchor: bool,
    may_withdraw: bool,
    until: dt.datetime | None,
    console: Console,
    writer: ChainWriter,
) -> None:
    """Add the key ADDRESS to MANUFACTURER, from now on and for ever its own. The controller acts."""
    end = until.replace(tzinfo=dt.UTC) if until else dt.datetime.now(dt.UTC) + YEAR
    permissions = (MAY_ANCHOR if may_anchor else 0) | (MAY_WITHDRAW if may_withdraw else 0)
    receipt = writer.add_key(manufacturer, address, permissions=permissions, not_after=int(end.timestamp()), consent=consent)
    report(console, f"{address} is a key of manufacturer {manufacturer}", receipt)


@command.command("revoke")
@address_argument
@acting
def revoke(address: str, console: Console, writer: ChainWriter) -> None:
    """Revoke the key ADDRESS from now on; it can never be added again. What it anchored stands."""
    report(console, f"{address} is revoked", writer.revoke_key(address))


@command.command("compromised")
@address_argument
@click.option("--since", required=True, type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="From when on, UTC.")
@reason_option
@acting
def compromised(
    address: str,
    since: dt.datetime,
    reason: str,
    console: Console,
    writer: ChainWriter,
) -> None:
    """Say since when ADDRESS may have been in other hands: earlier batches stand, later ones are under review."""
    start = int(since.replace(tzinfo=dt.UTC).timestamp())
    receipt = writer.set_compromised_since(address, start, reason)
    report(console, f"{address} counts as compromised since {since:%Y-%m-%d %H:%M:%S} UTC", receipt)


@command.command("endorse")
@manufacturer_argument
@click.argument("seal", type=hex_bytes(32))
@address_argument
@acting
def endorse(
    manufacturer: int,
    seal: bytes,
    address: str,
    console: Console,
    writer: ChainWriter,
) -> None:
    """Vouch for the batch SEAL that a compromise of the key ADDRESS put under review."""
    receipt = writer.endorse(manufacturer, seal, address)
    report(console, f"batch 0x{seal.hex()} is endorsed", receipt)


@command.command("show")
@address_argument
@chain_options
@json_option
def show(address: str, console: Console, chain: Chain) -> None:
    """Show what the chain knows of the key ADDRESS."""
    facts = chain.reader().key(address)
    console.found(
        {
            "address": facts.address,
            "manufacturer": facts.manufacturer or "nobody's",
            "may_anchor": bool(facts.permissions & MAY_ANCHOR),
            "may_withdraw": bool(facts.permissions & MAY_WITHDRAW),
            "not_before": _day(facts.not_before),
            "not_after": _day(facts.not_after),
            "revoked": _day(facts.revoked_at),
            "compromised_since": _day(facts.compromised_since),
        }
    )


def _day(time: int) -> str:
    return f"{dt.datetime.fromtimestamp(time, dt.UTC):%Y-%m-%d %H:%M:%S} UTC" if time else "never"

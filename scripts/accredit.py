"""`touchstone accredit`: what the alliance decides on the chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from registry.chain.annals import Annals
from registry.enforcement.overlaps import Claims, overlaps
from registry.errors import InputError
from registry.proofs.profile import profile_hash, read, read_json
from scripts.connect import new_store_options, path, writer_options
from scripts.console import Console, Program, json_option
from scripts.receipts import report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.chain.writer import ChainWriter
    from registry.storage.store import Store

NUMBER = click.IntRange(min=1, max=2**32 - 1)
reason_option = click.option("--reason", required=True, help="Why, in a sentence: it is published.")
manufacturer_argument = click.argument("manufacturer", type=NUMBER)


@click.group("accredit", cls=Program)
def command() -> None:
    """Accredit, suspend and describe manufacturers; appoint witnesses and inspectors; name the official domains."""


def acting(act: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that every act on the chain has."""
    return writer_options(json_option(act))


despite_option = click.option(
    "--despite-overlap",
    "despite",
    is_flag=True,
    help="Even if another manufacturer claims the same: both may, by licence for instance.",
)


def refuse_overlaps(number: int, raw: bytes, writer: ChainWriter, store: Store, console: Console, *, despite: bool) -> None:
    """See that nobody else claims what a profile does. Raises `InputError` with everybody who does, unless that is meant."""
    ours = Claims.of(read(raw))
    found = []
    for other, versions in Annals(writer.reader).profiles().items():
        if other == number:
            continue
        body = store.profile(versions[-1].profile_hash)
        if body is None or profile_hash(body) != versions[-1].profile_hash:
            console.warn(f"what manufacturer {other} claims is not known: this store has no profile of it")
            continue
        both = "; ".join(list(overlaps(ours, Claims.of(read(body))))[:10])
        if both:
            found.append(f"manufacturer {other} claims {both} (since block {versions[-1].block})")
    if found and despite:
        for one in found:
            console.warn(one)
    elif found:
        raise InputError(
            ", and ".join(found), hint="settle whose it is; --despite-overlap accredits both, where both may use it"
        )


@command.command("manufacturer")
@manufacturer_argument
@click.argument("controller")
@click.argument("profile", type=path(exists=True))
@click.option("--uri", required=True, help="Where the profile can be fetched.")
@despite_option
@acting
@new_store_options
def manufacturer(
    manufacturer: int,
    controller: str,
    profile: Path,
    uri: str,
    despite: bool,
    console: Console,
    writer: ChainWriter,
    store: Store,
) -> None:
    """Accredit MANUFACTURER (a number, kept for ever), whose keys CONTROLLER manages, with the PROFILE of a JSON file."""
    raw = read_json(profile.read_bytes())
    refuse_overlaps(manufacturer, raw, writer, store, console, despite=despite)
    store.add_profile(raw)  # first: a hash on the chain whose profile nobody holds makes every check of it fail
    receipt = writer.accredit(manufacturer, controller, profile_hash(raw), uri)
    report(console, f"manufacturer {manufacturer} is accredited", receipt)


@command.command("profile")
@manufacturer_argument
@click.argument("profile", type=path(exists=True))
@click.option("--uri", required=True, help="Where the profile can be fetched.")
@despite_option
@acting
@new_store_options
def profile(
    manufacturer: int,
    profile: Path,
    uri: str,
    despite: bool,
    console: Console,
    writer: ChainWriter,
    store: Store,
) -> None:
    """Put a new version of a manufacturer's PROFILE in force; earlier ones stay readable."""
    raw = read_json(profile.read_bytes())
    refuse_overlaps(manufacturer, raw, writer, store, console, despite=despite)
    store.add_profile(raw)  # first: a hash on the chain whose profile nobody holds makes every check of it fail
    receipt = writer.update_profile(manufacturer, profile_hash(raw), uri)
    report(console, f"manufacturer {manufacturer} has a new profile", receipt)


@command.command("suspend")
@manufacturer_argument
@reason_option
@acting
def suspend(manufacturer: int, reason: str, console: Console, writer: ChainWriter) -> None:
    """Suspend a manufacturer: it can anchor nothing; what it anchored before stays provable."""
    receipt = writer.suspend(manufacturer, reason)
    report(console, f"manufacturer {manufacturer} is suspended", receipt)


@command.command("reinstate")
@manufacturer_argument
@reason_option
@acting
def reinstate(manufacturer: int, reason: str, console: Console, writer: ChainWriter) -> None:
    """End a suspension."""
    receipt = writer.reinstate(manufacturer, reason)
    report(console, f"manufacturer {manufacturer} is reinstated", receipt)


@command.command("controller")
@manufacturer_argument
@click.argument("act", type=click.Choice(["freeze", "unfreeze", "propose", "cancel", "complete"]))
@click.argument("controller", required=False)
@acting
def controller(
    manufacturer: int,
    act: str,
    controller: str | None,
    console: Console,
    writer: ChainWriter,
) -> None:
    """Freeze a manufacturer's controller, or replace it: propose CONTROLLER, wait the contract's delay, complete."""
    if (act == "propose") != (controller is not None):
        raise click.UsageError("CONTROLLER is given to propose, and only then")
    if act in {"freeze", "unfreeze"}:
        receipt = writer.set_controller_frozen(manufacturer, act == "freeze")
    elif act == "propose":
        receipt = writer.propose_controller(manufacturer, controller or "")
    elif act == "cancel":
        receipt = writer.cancel_controller_replacement(manufacturer)
    else:
        receipt = writer.complete_controller_replacement(manufacturer)
    report(console, f"manufacturer {manufacturer}, controller: {act}", receipt)


@command.command("domains")
@click.argument("domains", nargs=-1, required=True)
@acting
def domains(domains: tuple[str, ...], console: Console, writer: ChainWriter) -> None:
    """Set the official DOMAINS (host, or host:port) at which labels may point; they replace the earlier ones."""
    receipt = writer.set_verifier_domains([domain.lower() for domain in domains])
    report(console, f"official domains: {', '.join(domains)}", receipt)


@command.command("role")
@click.argument("role", type=click.Choice(["accreditor", "witness", "inspector"]))
@click.argument("account")
@click.option("--revoke", is_flag=True, help="Take the role away.")
@acting
def role(
    role: str,
    account: str,
    revoke: bool,
    console: Console,
    writer: ChainWriter,
) -> None:
    """Give ACCOUNT a role. Accreditors and witnesses are appointed by governance, inspectors by accreditors."""
    receipt = writer.revoke_role(role, account) if revoke else writer.grant_role(role, account)
    report(console, f"{account} {'is no longer' if revoke else 'is'} {role}", receipt)

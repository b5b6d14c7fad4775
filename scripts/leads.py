"""`touchstone leads`: the problems that people reported, until inspectors have a desk of their own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from registry.errors import DocumentError, StoreError
from registry.storage.leads import Lead, Leads, State, group, read_reference
from scripts.connect import path, scans_option
from scripts.console import Program, harmless, json_option

if TYPE_CHECKING:
    from pathlib import Path

    from scripts.console import Console

reference_argument = click.argument("reference")


@click.group("leads", cls=Program, invoke_without_command=True)
@click.option("--scans", "url", envvar="TOUCHSTONE_SCANS_URL", show_envvar=True, help="The database of scans and reports.")
@click.option("--manufacturer", type=click.IntRange(1), help="Only those about units of this manufacturer.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only those from this day (UTC) on.")
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only those that have come so far.")
@json_option
@click.pass_context
def command(
    context: click.Context,
    url: str | None,
    manufacturer: int | None,
    since: datetime | None,
    state: str | None,
    console: Console,
) -> None:
    """List the problems that people reported on the site, the newest first; show one, or say how far it has come.

    What strangers typed stands between quotation marks, and what could steer a terminal is spelled out.
    """
    if context.invoked_subcommand is not None:
        return
    if url is None:
        raise click.MissingParameter(param_hint="'--scans'", param_type="option")
    first = int(since.replace(tzinfo=UTC).timestamp()) if since else 0
    with Leads.open(url) as leads:
        found = leads.list(manufacturer=manufacturer, since=first, state=State(state) if state else None)
    lines = [f"{len(found):,} reports", *map(_line, found)]
    console.found({"leads": [_facts(lead) for lead in found]}, lines)


@command.command("show")
@reference_argument
@click.option("--photo", "file", type=path(), help="Write the photo to this new file, byte for byte as it came.")
@scans_option
@json_option
def show(reference: str, file: Path | None, url: str, console: Console) -> None:
    """Show everything that is known of one report, contact included."""
    with Leads.open(url) as leads:
        lead = _lead(leads, reference)
        content = leads.photo(lead.reference) if lead.photo else None
    if file is not None:
        _write(file, content, lead)
    facts = _facts(lead) | {"contact": lead.contact, "photo_is_kept": content is not None}
    if lead.note:
        facts |= {"note": lead.note}
    width = max(map(len, facts))
    told = [f"{name.replace('_', ' '):<{width}}  {_shown(value)}" for name, value in facts.items() if value or value is False]
    console.found(facts, told)


@command.command("state")
@reference_argument
@click.argument("state", type=click.Choice([state.value for state in State]))
@scans_option
@json_option
def set_state(reference: str, state: str, url: str, console: Console) -> None:
    """Say how far a report has come: new, seen or closed."""
    with Leads.open(url, create=True) as leads:
        lead = _lead(leads, reference)
        leads.set_state(lead.reference, State(state))
    console.found({"reference": group(lead.reference), "state": state, "before": lead.state.value})


def _lead(leads: Leads, typed: str) -> Lead:
    found = read_reference(typed)
    lead = leads.lead(found) if found else None
    if lead is None:
        raise StoreError(
            f"there is no report {typed[:40]!r}, expected a reference such as 7K3M-9QX2-PTRD",
            hint="`touchstone leads` lists those that are kept",
        )
    return lead


def _facts(lead: Lead) -> dict[str, Any]:
    """Return what a list tells of a lead: everything but the contact and the description."""
    return {
        "reference": group(lead.reference),
        "time": _iso(lead.time),
        "state": lead.state.value,
        "gtin": lead.gtin,
        "serial": lead.serial,
        "presented": lead.presented,
        "manufacturer": lead.manufacturer,
        "registration": lead.registration,
        "history": lead.history,
        "binding": lead.binding,
        "region": lead.region,
        "language": lead.language,
        "wrong": list(lead.wrong),
        "place": lead.place,
        "seller": lead.seller,
        "bought": lead.bought,
        "has_contact": bool(lead.contact),
        "to_brand": lead.to_brand,
        "to_inspectors": lead.to_inspectors,
        "photo_sha256": lead.photo.sha256.hex() if lead.photo else None,
        "photo_type": lead.photo.type if lead.photo else None,
        "photo_bytes": lead.photo.size if lead.photo else None,
    }


def _line(lead: Lead) -> str:
    about = f"{lead.gtin} {lead.serial}" if lead.serial else _shown(lead.presented) if lead.presented else "no code"
    parts = [
        group(lead.reference), _iso(lead.time), f"{lead.state.value:<6}", about, lead.registration,
        f"manufacturer {lead.manufacturer}" if lead.manufacturer else "", "+".join(lead.wrong), lead.region,
        "photo" if lead.photo else "", f"seller {_shown(lead.seller)}" if lead.seller else "",
    ]  # fmt: skip
    return "  ".join(filter(None, parts))


def _shown(value: object) -> str:
    """Return a value for a person; a text that somebody typed stands between quotation marks, on one line."""
    if isinstance(value, str):
        return f"“{harmless(value)}”" if value else ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _iso(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat().replace("+00:00", "Z")


def _write(file: Path, content: bytes | None, lead: Lead) -> None:
    if content is None:
        raise StoreError(f"report {group(lead.reference)} has no photo, or none any more")
    try:
        with file.open("xb") as out:
            out.write(content)
    except OSError as error:
        raise DocumentError(f"cannot write {file}: {error.strerror}", hint="name a file that is not there yet") from error

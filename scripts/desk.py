"""`touchstone desk`: who works at the desk."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from registry.enforcement.officers import OfficeKind
from registry.errors import AccountError
from registry.storage.accounts import EMAIL, INVITED_FOR, REGION, Accounts
from registry.storage.tables import LONGEST_NAME
from scripts.console import Program, json_option

if TYPE_CHECKING:
    from scripts.console import Console

DAY = 86_400


@click.group("desk", cls=Program)
def command() -> None:
    """Invite people to the desk."""


@command.command("invite")
@click.option("--desk", "url", envvar="TOUCHSTONE_DESK_URL", show_envvar=True, required=True, help="The desk's database.")
@click.option("--office", "name", required=True, help="The office's name; it is made if it is not there.")
@click.option("--kind", type=click.Choice([kind.value for kind in OfficeKind]), required=True, help="What the office is.")
@click.option("--region", required=True, help="Where it is: a country or a part of one, such as CN-SH.")
@click.option("--manufacturer", type=click.IntRange(1), help="Its number on the chain, for a manufacturer's office alone.")
@click.option("--email", required=True, help="The e-mail address of one person.")
@click.option("--site", default="", help="Where the site is, such as https://verify.example.org, for the whole link.")
@json_option
def invite(
    url: str, name: str, kind: str, region: str, manufacturer: int | None, email: str, site: str, console: Console
) -> None:
    """Make a link with which one person of an office makes an account.

    It is printed once. Whoever has it can use it: give it to that person alone.
    """
    if (kind == OfficeKind.MANUFACTURER) != (manufacturer is not None):
        raise AccountError(
            f"found {'a' if manufacturer else 'no'} manufacturer for an office of kind {kind}",
            reason="manufacturer",
            hint="name --manufacturer for a manufacturer's office, and for no other",
        )
    for told, form, example in ((region, REGION, "CN-SH"), (email, EMAIL, "a@b.example")):
        if not form.fullmatch(told):
            raise AccountError(f"found {told[:100]!r}, expected one such as {example}", reason="malformed")
    if not 0 < len(name.strip()) <= LONGEST_NAME:
        raise AccountError(f"the office's name has {len(name)} characters, expected 1 to {LONGEST_NAME}", reason="malformed")
    with Accounts.open(url, create=True) as accounts:
        office = accounts.add_office(name.strip(), OfficeKind(kind), region, manufacturer)
        token = accounts.invite(office, email, int(time.time()))
    link = f"{site.rstrip('/')}/desk/invitation/{token}"
    console.found(
        {"link": link, "office": office.id, "days": INVITED_FOR // DAY}, [link, f"good once, for {INVITED_FOR // DAY} days"]
    )

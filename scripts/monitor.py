"""`touchstone monitor`: tells a brand when somebody else is accredited for what is its own, or its own entry changes."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import click
import orjson

from registry.chain.annals import Annals
from registry.enforcement.deliveries import HTTPS, Channel, Delivery
from registry.enforcement.overlaps import Claims
from registry.errors import InputError, TouchstoneError
from registry.keys import read_passphrase
from registry.monitoring import Monitor, Watched
from registry.proofs.profile import CLAIM, DOMAIN, MAX_BYTES
from registry.telling.exchange import Exchange
from registry.telling.webhook import Webhook
from scripts.connect import chain_options, path
from scripts.console import Inquiry, Program, json_option
from scripts.tell import SMTP_OPTIONS, mail

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.enforcement.deliveries import Sends
    from registry.monitoring import Alarm
    from scripts.connect import Chain
    from scripts.console import Console

REFUSED: Final = 1

OPTIONS: Final = (
    click.option("--gtins", multiple=True, help="A GS1 company prefix (4 to 12 digits) or a GTIN-14 that is yours."),
    click.option("--domain", "domains", multiple=True, help="A domain that is yours."),
    click.option("--trademark", "trademarks", multiple=True, help="A trade mark number of yours, as profiles name it."),
    click.option("--number", type=click.IntRange(0, 2**32 - 1), default=0, help="Your manufacturer number, if you have one."),
    click.option("--state", type=path(), default="monitor.json", show_default=True, help="The monitor's own file."),
    click.option("--mail", "mails", multiple=True, help="An address that is told by mail."),
    click.option("--webhook", "hooks", multiple=True, help="An address (https://…) that is told by a signed message."),
    click.option("--webhook-secret-file", type=path(exists=True), help="File whose first line is the secret that signs them."),
    click.option("--blind-after", type=click.FloatRange(min=1), default=3600.0, show_default=True,
                 help="Seconds without an answer of the chain after which that is told."),
    click.option("--to-this-machine", "loopback", is_flag=True, envvar="TOUCHSTONE_WEBHOOK_LOOPBACK", show_envvar=True,
                 help="Let webhooks and profiles' addresses lead to this machine, over http: for a demonstration."),
    *SMTP_OPTIONS,
)  # fmt: skip


def _monitoring(work: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options, and hand on the monitor."""

    @wraps(work)
    def with_monitor(
        *,
        gtins: tuple[str, ...],
        domains: tuple[str, ...],
        trademarks: tuple[str, ...],
        number: int,
        state: Path,
        blind_after: float,
        loopback: bool,
        chain: Chain,
        console: Console,
        **told: Any,
    ) -> Any:
        claims = _claims(gtins, domains, trademarks)
        monitor = Monitor(
            Watched(claims, number),
            [Annals(reader) for reader in chain.readers()],
            state=state,
            fetch=lambda url: Exchange(loopback=loopback).fetch(url, most=MAX_BYTES),
            tell=_teller(console, loopback=loopback, **told),
            blind_after=blind_after,
        )
        options = {name: told[name] for name in ("every",) if name in told}
        return work(monitor=monitor, console=console, **options)

    for option in reversed(OPTIONS):
        with_monitor = option(with_monitor)
    return chain_options(json_option(with_monitor))


def _claims(gtins: tuple[str, ...], domains: tuple[str, ...], trademarks: tuple[str, ...]) -> Claims:
    if not (gtins or domains or trademarks):
        raise InputError("found nothing to watch, expected --gtins, --domain or --trademark")
    for claim in gtins:
        if not CLAIM.fullmatch(claim):
            raise InputError(f"found {claim!r:.40}, expected a GS1 company prefix of 4 to 12 digits, or a GTIN-14")
    small = tuple(domain.lower() for domain in domains)
    for domain in small:
        if not DOMAIN.fullmatch(domain):
            raise InputError(f"found {domain!r:.60}, expected a domain such as brand.example")
    return Claims(gtins, small, trademarks)


def _teller(
    console: Console,
    *,
    mails: tuple[str, ...],
    hooks: tuple[str, ...],
    webhook_secret_file: Path | None,
    smtp_host: str | None,
    loopback: bool,
    every: float = 0,
    **smtp: Any,
) -> Callable[[Alarm], None]:
    """Return what brings an alarm to everybody who is to have it: to standard error in any case."""
    del every
    senders: list[tuple[Channel, str, Sends]] = []
    if mails:
        if smtp_host is None:
            raise InputError("found --mail without a mail server", hint="name it with --smtp-host or TOUCHSTONE_SMTP_HOST")
        by_mail = mail(smtp_host, **smtp)
        senders += [(Channel.MAIL, address, by_mail) for address in mails]
    if hooks:
        if webhook_secret_file is None:
            raise InputError("found --webhook without a secret", hint="name its file with --webhook-secret-file")
        secret = read_passphrase(webhook_secret_file, str).encode()
        hook = Webhook(lambda _maker, _now: [secret], frozenset({HTTPS}), loopback=loopback)
        senders += [(Channel.WEBHOOK, address, hook) for address in hooks]

    def tell(alarm: Alarm) -> None:
        console.warn(alarm.text)
        for channel, address, send in senders:
            body = orjson.dumps(alarm.as_json()) if channel is Channel.WEBHOOK else _letter(alarm).encode()
            subject = f"Touchstone: {alarm.text[:100]}"
            send(Delivery(alarm.id, "", 0, channel, address, subject, body, int(time.time())))

    return tell


def _letter(alarm: Alarm) -> str:
    facts = "\n".join(f"{name}: {value}" for name, value in alarm.facts.items())
    return f"{alarm.text}\n\n{facts}\n\nThis is alarm {alarm.id} of your own brand monitor, read from the chain.\n"


@click.group("monitor", cls=Program)
def command() -> None:
    """Watch that nobody else is accredited for your GS1 prefix, domain or trade mark, and that nobody changes your own entry.

    Anybody may: it needs chain endpoints and a trust file alone. Profiles of others are fetched from where the chain says that
    they lie, and believed for their hash.
    """


@command.command("once", cls=Inquiry)
@_monitoring
@click.pass_context
def once(context: click.Context, /, monitor: Monitor, console: Console) -> None:
    """Look once, and tell. Exits with 1 if something was told, and with 2 if the chain could not be asked."""
    told = monitor.once()
    console.found(
        {"alarms": [alarm.as_json() for alarm in told]}, [f"{alarm.kind}: {alarm.text}" for alarm in told] or ["nothing"]
    )
    if told:
        context.exit(REFUSED)


@command.command("run")
@click.option("--every", type=click.FloatRange(0.1), default=60.0, show_default=True, help="Seconds between two looks.")
@_monitoring
def run(every: float, monitor: Monitor, console: Console) -> None:
    """Look again and again, until told to end (SIGTERM or Ctrl-C)."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    ended = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: ended.set())
    console.say("the monitor looks at the chain")
    while not ended.is_set():
        try:
            monitor.once()
        except TouchstoneError as error:
            console.warn(error.message)
        ended.wait(every)

"""`touchstone tell`: brings notices to rights holders, in a process of its own (docs/telling.md)."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import click

from registry.enforcement.deliveries import HTTPS, Channel
from registry.errors import DocumentError, StoreUnavailable
from registry.storage.reminders import Reminders
from registry.storage.telling import Telling
from registry.telling.mail import Mail, Security
from registry.telling.runner import Done, Runner
from registry.telling.webhook import Webhook
from scripts.connect import path
from scripts.console import Program, json_option

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.enforcement.deliveries import Sends
    from scripts.console import Console

EVERY: Final = 5.0
"""Seconds between two looks at the queue."""
LOOKS_EVERY: Final = 900.0
"""Seconds between two looks for what people have to be reminded of."""

SMTP_OPTIONS: Final = (
    click.option("--smtp-host", envvar="TOUCHSTONE_SMTP_HOST", show_envvar=True, help="The mail server; else mails wait."),
    click.option("--smtp-port", type=click.IntRange(1, 65535), envvar="TOUCHSTONE_SMTP_PORT", show_envvar=True, default=587,
                 help="Its port."),
    click.option("--smtp-from", envvar="TOUCHSTONE_SMTP_FROM", show_envvar=True, help="The address that mails come from."),
    click.option(
        "--smtp-security", type=click.Choice([one.value for one in Security]), envvar="TOUCHSTONE_SMTP_SECURITY",
        show_envvar=True, default=Security.STARTTLS.value, help="`none` to this machine alone.",
    ),
    click.option("--smtp-user", envvar="TOUCHSTONE_SMTP_USER", show_envvar=True, default="", help="Who signs in there."),
    click.option(
        "--smtp-password-file", type=path(), envvar="TOUCHSTONE_SMTP_PASSWORD_FILE", show_envvar=True,
        help="A file with the password in its first line.",
    ),
)  # fmt: skip
OPTIONS: Final = (
    click.option("--desk", "url", envvar="TOUCHSTONE_DESK_URL", show_envvar=True, required=True, help="The desk's database."),
    *SMTP_OPTIONS,
    click.option(
        "--root", envvar="TOUCHSTONE_RESOLVER_ROOT", show_envvar=True, default="",
        help="The site's address, such as https://verify.example, for the links in reminders.",
    ),
    click.option(
        "--port", "ports", type=click.IntRange(1, 65535), multiple=True, envvar="TOUCHSTONE_WEBHOOK_PORTS", show_envvar=True,
        default=(HTTPS,), help="Ports to which webhooks may lead.",
    ),
    click.option(
        "--to-this-machine", "loopback", is_flag=True, envvar="TOUCHSTONE_WEBHOOK_LOOPBACK", show_envvar=True,
        help="Let webhooks lead to this machine, over http: for a demonstration.",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Teller:
    """All that this process brings to people."""

    notices: Runner
    mails: Runner
    reminders: Reminders
    root: str
    """The site's address, for links."""

    def remind(self) -> None:
        """Queue the reminders that are due, if they can be sent: those of weeks ago are of no use to anybody."""
        if Channel.MAIL in self.mails.senders:
            self.reminders.make(int(time.time()), self.root)

    def send(self) -> Done:
        """Send all that is due; returns what became of it."""
        one, other = self.notices.once(), self.mails.once()
        return Done(one.sent + other.sent, one.failed + other.failed, one.dead + other.dead)


def _runner(work: Callable[..., None]) -> Callable[..., None]:
    """Add the options, and hand on what sends."""

    @wraps(work)
    def with_runner(
        url: str, ports: tuple[int, ...], smtp_host: str | None, root: str, console: Console, *, loopback: bool, **smtp: Any
    ) -> None:
        logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
        with Telling.open(url, create=True) as telling:
            secrets = telling.rights_holders.secrets
            webhook = Webhook(lambda maker, now: secrets(maker, now).valid, frozenset(ports), loopback=loopback)
            senders: dict[Channel, Sends] = {Channel.WEBHOOK: webhook}
            if smtp_host:
                senders[Channel.MAIL] = mail(smtp_host, **smtp)
            else:
                console.say("no mail server is set (TOUCHSTONE_SMTP_HOST): mails stay queued")
            reminders = Reminders(telling.engine)
            work(Teller(Runner(telling.deliveries, senders), Runner(reminders, senders), reminders, root.rstrip("/")), console)

    for option in reversed((*OPTIONS, json_option)):
        with_runner = option(with_runner)
    return with_runner


def mail(
    host: str, smtp_port: int, smtp_from: str | None, smtp_security: str, smtp_user: str, smtp_password_file: Path | None
) -> Mail:
    """Return what sends mails by the options' server."""
    if not smtp_from:
        raise DocumentError("the mails' sender is missing", hint="set TOUCHSTONE_SMTP_FROM")
    try:
        password = smtp_password_file.read_text().partition("\n")[0] if smtp_password_file else ""
    except (OSError, UnicodeError) as error:
        raise DocumentError("the file of the mail server's password cannot be read") from error
    return Mail(host, smtp_from, smtp_port, Security(smtp_security), smtp_user, password)


@click.group("tell", cls=Program)
def command() -> None:
    """Bring notices to rights holders, by mail and by webhook, and remind people of the desk. The site only queues them."""


@command.command("once")
@_runner
def once(teller: Teller, console: Console) -> None:
    """Send everything that is due, reminders included, and end."""
    teller.remind()
    console.found(_facts(teller.send()))


@command.command("run")
@_runner
def run(teller: Teller, console: Console) -> None:
    """Send what is due, again and again, until it is told to end."""
    ending = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: ending.set())
    console.say("waiting for notices")
    looked = float("-inf")
    while not ending.is_set():
        try:
            if time.monotonic() - looked >= LOOKS_EVERY:
                teller.remind()
                looked = time.monotonic()
            teller.send()
        except StoreUnavailable as error:
            console.warn(error.message)
        ending.wait(EVERY)


def _facts(done: Done) -> dict[str, int]:
    return {"sent": done.sent, "to_be_tried_again": done.failed, "given_up": done.dead}

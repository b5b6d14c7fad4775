"""`touchstone metrics`: what a site's workers counted, for Prometheus."""

from __future__ import annotations

import http.server
import os
import signal
import sys
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

import click

from registry.errors import InputError, StoreUnavailable
from scripts.connect import path

if TYPE_CHECKING:
    from pathlib import Path

TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Where the library looks for the folder, when it is loaded."""


@click.command("metrics")
@click.option(
    "--folder",
    type=path(folder=True),
    envvar="TOUCHSTONE_METRICS",
    show_envvar=True,
    required=True,
    help="The folder into which the site's workers count.",
)
@click.option("--listen", metavar="ADDRESS:PORT", help="Serve them at /metrics, instead of printing them: 127.0.0.1:9464.")
def command(folder: Path, listen: str | None) -> None:
    """Print what the site's workers counted, or serve it to Prometheus, on this machine or a private network alone.

    The site itself has no door for it. No label names a serial, an address or a person.
    """
    if not folder.is_dir():
        raise StoreUnavailable(f"there is no folder {folder}", hint="the site makes it when TOUCHSTONE_METRICS names it")
    if listen is None:
        sys.stdout.buffer.write(shown(folder))
        return
    host, port = _read(listen)

    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 5.0

        def do_GET(self) -> None:  # the library's name
            """Answer at one address."""
            if self.path != "/metrics":
                self.send_error(404)
                return
            content = shown(folder)
            self.send_response(200)
            self.send_header("Content-Type", TYPE)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing: it is asked every few seconds."""

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with http.server.ThreadingHTTPServer((host, port), Handler) as server:
        click.echo(f"counts are served at http://{listen}/metrics", err=True)
        server.serve_forever()


def _read(listen: str) -> tuple[str, int]:
    """Return where to listen: never where the whole network could ask."""
    host, _, port = listen.rpartition(":")
    try:
        address, number = ip_address(host.strip("[]")), int(port)
    except ValueError as error:
        raise InputError(f"found {listen!r:.60}, expected an address and a port such as 127.0.0.1:9464") from error
    if not address.is_private or address.is_unspecified or not 0 < number < 65536:  # noqa: PLR2004 -- of ports
        raise InputError(f"found {listen!r:.60}, expected an address of this machine or of a private network, and a port")
    return str(address), number


def shown(folder: Path) -> bytes:
    """Return what all processes that count into a folder counted, as Prometheus reads it (text, version 0.0.4)."""
    os.environ[FOLDER] = str(folder)
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 -- it looks for the folder
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415 -- the same

    for file in folder.glob("gauge_live*_*.db"):
        pid = file.stem.rpartition("_")[2]
        if pid.isdigit() and not _lives(int(pid)):
            file.unlink(missing_ok=True)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]  # the library's own
    return bytes(generate_latest(registry))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

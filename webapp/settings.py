"""The site's settings, read once from the environment and frozen. The site does not start with one that is missing or wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from registry.errors import DocumentError
from registry.units.links import BASE
from webapp.rates import PER_MINUTE

if TYPE_CHECKING:
    from collections.abc import Mapping

DATABASE_URL: Final = "TOUCHSTONE_DATABASE_URL"
TREES: Final = "TOUCHSTONE_TREES"
ARCHIVE: Final = "TOUCHSTONE_ARCHIVE"
TRUST: Final = "TOUCHSTONE_TRUST"
RPC: Final = "TOUCHSTONE_RPC"
TRUSTED_HOST: Final = "TOUCHSTONE_TRUSTED_HOST"
INBOX: Final = "TOUCHSTONE_INBOX"
READER_RPC: Final = "TOUCHSTONE_READER_RPC"
SCANS_URL: Final = "TOUCHSTONE_SCANS_URL"
SCAN_COUNTERS: Final = "TOUCHSTONE_SCAN_COUNTERS"
DEVICE_SECRET: Final = "TOUCHSTONE_DEVICE_SECRET"  # noqa: S105 -- the name of a setting
REGION_HEADER: Final = "TOUCHSTONE_REGION_HEADER"
REGION_TABLE: Final = "TOUCHSTONE_REGION_TABLE"
ADDRESS_HEADER: Final = "TOUCHSTONE_ADDRESS_HEADER"
STAFF_HEADER: Final = "TOUCHSTONE_STAFF_HEADER"
SCHEME_HEADER: Final = "TOUCHSTONE_SCHEME_HEADER"
RESOLVER_ROOT: Final = "TOUCHSTONE_RESOLVER_ROOT"
RESOLVER_CONTACT: Final = "TOUCHSTONE_RESOLVER_CONTACT"
LISTS: Final = "TOUCHSTONE_LISTS"
DESK_URL: Final = "TOUCHSTONE_DESK_URL"
DEMO: Final = "TOUCHSTONE_DEMO"
WEBHOOK_LOOPBACK: Final = "TOUCHSTONE_WEBHOOK_LOOPBACK"
CHECKS_PER_MINUTE: Final = "TOUCHSTONE_CHECKS_PER_MINUTE"
METRICS: Final = "TOUCHSTONE_METRICS"
SHORTEST_SECRET: Final = 32
OF_COMMANDS: Final = frozenset({
    "TOUCHSTONE_SMTP_HOST", "TOUCHSTONE_SMTP_PORT", "TOUCHSTONE_SMTP_FROM", "TOUCHSTONE_SMTP_SECURITY", "TOUCHSTONE_SMTP_USER",
    "TOUCHSTONE_SMTP_PASSWORD_FILE", "TOUCHSTONE_WEBHOOK_PORTS",
})  # fmt: skip
"""Settings that commands alone read, and that may stand in one file with the site's."""
OF_TESTS: Final = frozenset({"TOUCHSTONE_REQUIRE", "TOUCHSTONE_ANVIL"})
KNOWN: Final = OF_COMMANDS | OF_TESTS | {
    DATABASE_URL, TREES, ARCHIVE, TRUST, RPC, TRUSTED_HOST, INBOX, READER_RPC, SCANS_URL, SCAN_COUNTERS, DEVICE_SECRET,
    REGION_HEADER, REGION_TABLE, ADDRESS_HEADER, STAFF_HEADER, SCHEME_HEADER, RESOLVER_ROOT, RESOLVER_CONTACT, LISTS, DESK_URL,
    DEMO, WEBHOOK_LOOPBACK, CHECKS_PER_MINUTE, METRICS,
}  # fmt: skip
"""Every setting that there is: another name is a misspelt one."""
NEEDS: Final = (
    (SCAN_COUNTERS, SCANS_URL), (REGION_HEADER, DEVICE_SECRET), (REGION_TABLE, DEVICE_SECRET), (STAFF_HEADER, DEVICE_SECRET),
    (DEMO, DESK_URL), (WEBHOOK_LOOPBACK, DESK_URL),
)  # fmt: skip
"""Settings that do nothing without another one."""

_DATABASE: Final = re.compile(r"sqlite:///.|postgresql(?:\+psycopg)?://")
_COUNT: Final = re.compile(r"0|[1-9][0-9]{0,6}")
_HEADER: Final = re.compile(r"[A-Za-z0-9-]+")
_AUTHORITY: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that differs between two installations of the site."""

    database_url: str
    trees: Path
    """The folder of the tree files."""
    trust: Path
    """The trust file: registry id, contracts, finality."""
    rpc: tuple[str, ...]
    """Chain endpoints, the preferred one first."""
    trusted_host: str | None = None
    """`host` or `host:port` that labels may name besides the domains on the chain."""
    reader_rpc: str = ""
    """A chain endpoint that may be told to everybody: suggested to readers who repeat a proof. Not one that holds a key."""
    resolver_root: str = ""
    """Scheme and host with which our links begin in linksets, such as https://verify.example.org; else those of the request."""
    resolver_contact: str = ""
    """Who answers for the resolver, in its description file."""
    lists: Path | None = None
    """The folder in which lists are kept while they are checked, and their results for a day; a temporary one without it."""
    webhook_loopback: bool = False
    """Whether webhooks may lead to this machine: for a demonstration."""
    desk_url: str | None = None
    """The database of the desk: cases and guides; the site has no desk without it."""
    demo: bool = False
    """Whether accounts may sign in whose passphrases everybody knows."""
    inbox: Path | None = None
    """The folder in which batches are received; none are without it."""
    archive: str | None = None
    """Where older tree files are: another folder, or the http(s) address below which they lie."""
    scans_url: str | None = None
    """The database in which scans are recorded; none are without it."""
    scan_counters: Path | None = None
    """The folder of the counters of scans that outlive a killed process."""
    device_secret: bytes | None = field(default=None, repr=False)
    """Makes the keys of phones, the same on every machine of the site; without it, no unit has a history."""
    region_header: str | None = None
    """The header in which the operator's proxy names the reader's region."""
    region_table: Path | None = None
    """A table of addresses and regions, where no proxy names it."""
    address_header: str | None = None
    """The header in which the proxy names the reader's address, for that table."""
    staff_header: str | None = None
    """The header in which the proxy names who is signed in; their looks are not counted."""
    scheme_header: str | None = None
    """The header in which the proxy says `https` of whoever came over TLS."""
    checks_per_minute: int = PER_MINUTE
    """How much one network may check; 0 for as much as it likes."""
    metrics: Path | None = None
    """The folder into which workers count, for Prometheus; nothing is counted without it."""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings; raises `DocumentError` that names every one that is missing or wrong."""
        faults: list[str] = []

        def required(name: str, what: str) -> str:
            value = environment.get(name, "").strip()
            if not value:
                faults.append(f"{name} is missing, expected {what}")
            return value

        database_url = required(DATABASE_URL, "a database URL such as sqlite:////var/lib/touchstone/registry.db")
        trees = required(TREES, "the folder of the tree files")
        trust = required(TRUST, "the trust file that `touchstone deploy` wrote")
        rpc = required(RPC, "chain endpoints, separated by commas")

        if trees and not Path(trees).is_dir():
            faults.append(f"{TREES} is {trees!r}, expected an existing folder")
        if trust and not Path(trust).is_file():
            faults.append(f"{TRUST} is {trust!r}, expected an existing file")
        endpoints = tuple(url.strip() for url in rpc.split(",")) if rpc else ()
        faults += [
            f"{RPC} names endpoint {n}, expected http(s)://host…" for n, url in enumerate(endpoints, 1) if not _is_url(url)
        ]
        host = environment.get(TRUSTED_HOST, "").strip().lower() or None
        if host and not _AUTHORITY.fullmatch(host):
            faults.append(f"{TRUSTED_HOST} is {host!r}, expected host or host:port")
        reader_rpc = environment.get(READER_RPC, "").strip()
        if reader_rpc and not _is_url(reader_rpc):
            faults.append(f"{READER_RPC} is set, expected http(s)://host…, or nothing to suggest none")
        inbox = environment.get(INBOX, "").strip()
        if inbox and not Path(inbox).is_dir():
            faults.append(f"{INBOX} is {inbox!r}, expected an existing folder, or nothing to receive no batches")
        scans_url = environment.get(SCANS_URL, "").strip()
        counters = environment.get(SCAN_COUNTERS, "").strip() or _beside(scans_url)
        if scans_url and not counters:
            faults.append(f"{SCAN_COUNTERS} is missing, expected a folder on this machine, as {SCANS_URL} names no SQLite file")
        history = _history(environment, scans_url, faults)
        root = _root(environment, faults)
        faults += _half(environment)
        if faults:
            raise DocumentError("; ".join(faults), hint="set them in the environment of the site's process")
        return cls(
            database_url,
            Path(trees),
            Path(trust),
            endpoints,
            host,
            reader_rpc=reader_rpc,
            resolver_root=root,
            resolver_contact=environment.get(RESOLVER_CONTACT, "").strip(),
            lists=Path(lists) if (lists := environment.get(LISTS, "").strip()) else None,
            webhook_loopback=environment.get(WEBHOOK_LOOPBACK, "").strip() == "1",
            desk_url=environment.get(DESK_URL, "").strip() or None,
            demo=environment.get(DEMO, "").strip() == "1",
            inbox=Path(inbox) if inbox else None,
            archive=environment.get(ARCHIVE, "").strip() or None,
            scans_url=scans_url or None,
            scan_counters=Path(counters) if scans_url else None,
            metrics=Path(metrics) if (metrics := environment.get(METRICS, "").strip()) else None,
            checks_per_minute=int(environment.get(CHECKS_PER_MINUTE, "").strip() or PER_MINUTE),
            **history,
        )


def _history(environment: Mapping[str, str], scans_url: str, faults: list[str]) -> dict[str, Any]:
    """Return the settings of units' histories, and add what is wrong with them to the faults."""
    secret = environment.get(DEVICE_SECRET, "").strip()
    if secret and (len(secret) < SHORTEST_SECRET or not scans_url):
        faults.append(f"{DEVICE_SECRET} has {len(secret)} characters, expected {SHORTEST_SECRET} or more, beside {SCANS_URL}")
    table = environment.get(REGION_TABLE, "").strip()
    if table and not Path(table).is_file():
        faults.append(f"{REGION_TABLE} is {table!r}, expected an existing file")
    named = {name: environment.get(name, "").strip() for name in (REGION_HEADER, ADDRESS_HEADER, STAFF_HEADER, SCHEME_HEADER)}
    faults += [f"{n} is {v!r}, expected the name of a header" for n, v in named.items() if v and not _HEADER.fullmatch(v)]
    return {
        "device_secret": secret.encode() or None,
        "region_table": Path(table) if table else None,
        "region_header": named[REGION_HEADER] or None,
        "address_header": named[ADDRESS_HEADER] or None,
        "staff_header": named[STAFF_HEADER] or None,
        "scheme_header": named[SCHEME_HEADER] or None,
    }


def _half(environment: Mapping[str, str]) -> list[str]:
    """Return the faults of settings that are there, and would do nothing, or something else than whoever set them thinks."""
    told = {name: value.strip() for name, value in environment.items() if name.startswith("TOUCHSTONE_") and value.strip()}
    faults = [f"{name} is no setting: {_meant(name)}" for name in sorted(told.keys() - KNOWN)]
    faults += [
        f"{name} names no database that we know, expected sqlite:///file or postgresql://user@host/database"
        for name in (DATABASE_URL, SCANS_URL, DESK_URL)
        if name in told and not _DATABASE.match(told[name])
    ]
    files = [name for name in (DATABASE_URL, SCANS_URL, DESK_URL) if told.get(name, "").startswith("sqlite:")]
    faults += [
        f"{one} names the SQLite file of {other}, expected a file of its own"
        for place, one in enumerate(files)
        for other in files[:place]
        if told[one] == told[other]
    ]
    faults += [f"{name} does nothing without {needed}" for name, needed in NEEDS if name in told and needed not in told]
    if REGION_HEADER in told and REGION_TABLE in told:
        faults.append(f"{REGION_HEADER} and {REGION_TABLE} are both set, expected one of them")
    faults += [
        f"{name} is {told[name]!r}, expected 1, or nothing" for name in (DEMO, WEBHOOK_LOOPBACK) if told.get(name, "1") != "1"
    ]
    if not _COUNT.fullmatch(told.get(CHECKS_PER_MINUTE, "0")):
        faults.append(f"{CHECKS_PER_MINUTE} is {told[CHECKS_PER_MINUTE]!r:.40}, expected a number, 0 for no limit")
    archive = told.get(ARCHIVE, "")
    if archive and not (_is_url(archive) or Path(archive).is_dir()):
        faults.append(f"{ARCHIVE} names no existing folder, and no http(s) address")
    return faults


def _meant(name: str) -> str:
    close = get_close_matches(name, sorted(KNOWN), n=1)
    return f"expected {close[0]}?" if close else "see docs/operating.md for those that are"


def _root(environment: Mapping[str, str], faults: list[str]) -> str:
    """Return where the links of linksets begin, and add what is wrong with it to the faults."""
    root = environment.get(RESOLVER_ROOT, "").strip()
    if root and not BASE.fullmatch(root):
        faults.append(f"{RESOLVER_ROOT} is {root!r}, expected scheme and host alone, such as https://verify.example.org")
    return root.removesuffix("/")


def _beside(scans_url: str) -> str:
    """Return the folder of counters beside an SQLite file; nothing for a server's database."""
    file = scans_url.removeprefix("sqlite:///")
    return f"{file}.slots" if file not in {scans_url, ""} else ""


def _is_url(text: str) -> bool:
    # The URL is not quoted in the message: it may hold a provider's key.
    parts = urlsplit(text)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)

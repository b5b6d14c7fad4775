"""The composition root: settings become readers, readers become the site.

    granian --interface asgi --workers 2 --respawn-failed-workers --respawn-interval 0.5 --factory webapp.wsgi:asgi

Each worker makes a site of its own: connections, what it remembers of the chain, and its queue of scans are nobody else's.

`wsgi` is for servers that hand on the raw request target themselves (see `webapp.raw_uri`).
"""

from __future__ import annotations

import atexit
import gc
import logging
import os
import resource
import sys
from functools import partial
from typing import TYPE_CHECKING, Final

from registry.chain.annals import Annals
from registry.chain.deployment import load_trust
from registry.chain.endpoints import connect
from registry.chain.reader import ChainReader
from registry.checking.claims import KeptProfiles
from registry.checking.deployments import Deployments
from registry.checking.verifier import Verifier
from registry.enforcement.directory import take
from registry.errors import TouchstoneError
from registry.photos.processes import PhotoReaders
from registry.publishing.desk import Desk
from registry.publishing.inbox import Inbox
from registry.storage.histories import Histories
from registry.storage.leads import Leads
from registry.storage.rates import Rates
from registry.storage.scans import Scans
from registry.storage.store import Store
from webapp import access_log
from webapp.access_log import Lines
from webapp.accredited import Accredited
from webapp.app import create_app
from webapp.asgi import WsgiOverAsgi
from webapp.desk.composing import casework, front_door, notifying
from webapp.histories import Forgetful, Remembering
from webapp.limits import LARGEST
from webapp.metrics import Meter
from webapp.rates import Limiter
from webapp.readers import Readers, RegistryChecks, Unrecorded
from webapp.regions import RegionTable
from webapp.report_limits import ReportLimits
from webapp.report_tickets import ReportTickets
from webapp.reports import Reporting
from webapp.scan_queue import ScanQueue
from webapp.scheme import SchemeOfProxy
from webapp.settings import Settings
from webapp.slots import Slot
from webapp.tickets import Tickets
from webapp.visits import Visitors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Flask

    from webapp.histories import Remembered
    from webapp.readers import Checks, Recorder
    from webapp.reports import Reports

ASK_WITHIN: Final = 5.0
"""Seconds that one question to a chain endpoint may take: a person waits for the answer."""
FILES: Final = 65_536
"""Files that a worker may open, if the system lets it: twice as many tree files as it keeps open, and its connections."""
RECURSION: Final = 1000
"""Python's own limit: a library that comes with web3 raises it so far that deeply nested JSON would end the process."""
COLLECT_AFTER: Final = (10_000, 10, 100)
"""When Python's collector looks for circles, youngest objects first. Checks make none, and what is kept of ten thousand batches
takes it a third of a second to go through: with its own settings it did that every few seconds, and everybody waited."""
NO_PROFILE: Final = bytes(32)
"""No profile has this hash: asking for it asks the database, and nothing else."""


def compose(settings: Settings, *, scans: Recorder | None = None, limiter: Limiter | None = None) -> Flask:
    """Return the site that these settings describe; it notes checks in `scans`, or nowhere, and counts them with `limiter`.

    A chain that is silent does not keep it from starting: it says so with every verdict. Raises `StoreUnavailable` if the store
    cannot be opened, and `DocumentError` if the trust file is malformed.
    """
    trust = load_trust(settings.trust)
    endpoints = connect(settings.rpc, timeout=ASK_WITHIN)
    chains = [ChainReader(endpoints, trust, deployment) for deployment in trust.deployments]
    store = Store.open(settings.database_url, settings.trees, archive=settings.archive)
    profiles = KeptProfiles(store)
    checks = RegistryChecks(Verifier(trust, chains, profiles), store, settings.trusted_host)
    visitors = _visitors(settings)
    remembered = memory(settings, visitors)
    photos = PhotoReaders()
    desk = casework(settings.desk_url, settings.scans_url, photos=photos, trust=trust, chains=chains, store=store)
    probes = {f"chain {chain.deployment.chain_id} {chain.deployment.contract}": chain.check_deployment for chain in chains}
    app = create_app(
        Readers(
            checks=checks,
            decode=photos.decode,
            probes={"database": lambda: store.profile(NO_PROFILE), **probes},
            scans=scans or Unrecorded(),
            limiter=limiter or Limiter(per_minute=settings.checks_per_minute),
            endpoint=settings.reader_rpc,
            pictures=store.pictures,
            memory=remembered,
            reports=reports(settings, visitors, checks, remembered),
            desk=Desk(Inbox(settings.inbox), Deployments(trust, chains), store) if settings.inbox else None,
            casework=desk,
            door=front_door(settings, trust.registry_id),
            notifying=notifying(settings.desk_url, desk, root=settings.resolver_root, loopback=settings.webhook_loopback),
            accredited=Accredited(partial(take, Deployments(trust, chains), [Annals(chain) for chain in chains])),
            profile_of=profiles.profile,
            stock=store,
            lists=settings.lists,
            registry_id="0x" + trust.registry_id.hex(),
            root=settings.resolver_root,
            contact=settings.resolver_contact,
        )
    )
    if settings.scheme_header:
        app.wsgi_app = SchemeOfProxy(app.wsgi_app, settings.scheme_header)  # type: ignore[method-assign]  # as Flask's documents do it
    return app


def _visitors(settings: Settings) -> Visitors | None:
    """Return who tells visits; none without scans and a secret. Raises `DocumentError` for a bad table of regions."""
    if not settings.scans_url or not settings.device_secret:
        return None
    table = RegionTable.read(settings.region_table) if settings.region_table else None
    return Visitors(
        settings.device_secret,
        header=settings.region_header,
        table=table,
        address_header=settings.address_header,
        staff_header=settings.staff_header,
    )


def memory(settings: Settings, visitors: Visitors | None) -> Remembered:
    """Return what this site remembers of checks: nothing without scans and a secret."""
    url, secret = settings.scans_url, settings.device_secret
    if visitors is None or not url or not secret:
        return Forgetful()
    return Remembering(visitors, Tickets(secret), lambda: Histories.open(url, create=True))


def reports(settings: Settings, visitors: Visitors | None, checks: Checks, remembered: Remembered) -> Reports | None:
    """Return where this site takes reports: nowhere without a database of scans and a secret."""
    url, secret = settings.scans_url, settings.device_secret
    if visitors is None or not url or not secret:
        return None
    return Reporting(
        checks,
        remembered,
        lambda: Leads.open(url, create=True),
        visitors=visitors,
        limits=ReportLimits(secret, visitors),
        tickets=ReportTickets(secret),
    )


def scan_queue(settings: Settings) -> ScanQueue | None:
    """Return the queue in which this process notes scans; none if they are not recorded.

    A database that is away does not keep the site from starting. Raises `StoreUnavailable` if the counters cannot be kept.
    """
    url, counters = settings.scans_url, settings.scan_counters
    return ScanQueue(Slot.hold(counters), lambda: Scans.open(url)) if url and counters else None


def limits_of(settings: Settings) -> Limiter:
    """Return what counts the checks of this process, and shares its counts where there is a database and a secret."""
    url, header = settings.scans_url, settings.address_header
    return Limiter(
        per_minute=settings.checks_per_minute,
        address=f"HTTP_{header.upper().replace('-', '_')}" if header else "REMOTE_ADDR",
        secret=settings.device_secret,
        connect=(lambda: Rates.open(url)) if url else None,
    )


def _values(scans: ScanQueue | None, limiter: Limiter) -> dict[str, Callable[[], float]]:
    """Return what an operator wants to see of a worker at any time."""
    values: dict[str, Callable[[], float]] = {"workers": lambda: 1, "checks_refused": lambda: limiter.refused}
    return values | ({"scans_waiting": lambda: scans.waiting} if scans else {})


def start(environment: Mapping[str, str]) -> tuple[Flask, Callable[[], None]]:
    """Return the running site of an environment, and what ends it; ends the process if the settings are no good."""
    sys.setrecursionlimit(RECURSION)
    # Tree files are kept open, as many as may be: most systems let a process have far more than they begin with.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    logging.basicConfig(level=logging.INFO, handlers=[Lines(sys.stderr)])
    # No line names a thread or a process, and to find out which it was costs more than to write the line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    try:
        settings = Settings.read(environment)
        scans = scan_queue(settings)
        meter = Meter(settings.metrics) if settings.metrics else None
        limiter = limits_of(settings)
        app = compose(settings, scans=scans, limiter=limiter)
    except TouchstoneError as error:
        hint = f"\nhint: {error.hint}" if error.hint else ""
        sys.exit(f"touchstone: {error.message}{hint}")
    if scans:
        scans.start()
    limiter.start()
    if meter:
        access_log.also(meter.count)
        meter.watch(_values(scans, limiter))
    # Modules and settings live as long as the process: the collector need not look at them again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    return app, scans.stop if scans else lambda: None


def wsgi() -> Flask:
    """Return the site as a WSGI application, from the environment."""
    app, end = start(os.environ)
    atexit.register(end)
    return app


def asgi() -> WsgiOverAsgi:
    """Return the site as an ASGI application, from the environment."""
    app, end = start(os.environ)
    return WsgiOverAsgi(app, max_body=LARGEST, ending=end)

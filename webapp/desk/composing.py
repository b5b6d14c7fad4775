"""Makes the casework of a site from its settings: what the desk's pages ask, each opened when it is first needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from registry.chain.annals import Annals
from registry.checking.deployments import Deployments
from registry.enforcement.absence import Inquiry
from registry.enforcement.snapshot import Registry
from registry.errors import DocumentError
from registry.storage.accounts import Accounts
from registry.storage.cases import Cases
from registry.storage.histories import Histories
from registry.storage.journal import Journal
from registry.storage.sign_ins import SignIns
from registry.storage.telling import Telling
from webapp.desk import deadlines
from webapp.desk.casework import Casework
from webapp.desk.door import Door
from webapp.desk.notifying import Notifying
from webapp.report_limits import network_of
from webapp.settings import DEMO, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from registry.chain.reader import ChainReader
    from registry.checking.trust import Trust
    from registry.enforcement.officers import Office
    from registry.photos.processes import PhotoReaders
    from registry.storage.store import Store


def casework(
    desk_url: str | None, scans_url: str | None, *, photos: PhotoReaders, trust: Trust, chains: Sequence[ChainReader],
    store: Store,
) -> Casework | None:  # fmt: skip
    """Return the casework of a site; none where it has no desk."""
    if not desk_url:
        return None
    registry_id = trust.registry_id
    chronicles = [Annals(chain) for chain in chains]

    def inquiry() -> Inquiry:
        return Inquiry(registry_id, chronicles, store)

    return Casework(
        cache(lambda: Cases.open(desk_url, create=True, journal=Journal.open(desk_url, registry_id).append_in)),
        photos.copy,
        histories=cache(lambda: Histories.open(scans_url, create=True)) if scans_url else None,
        people=_Lazily(cache(lambda: Accounts.open(desk_url, create=True))),
        deadlines=deadlines.of_case,
        inquiry=inquiry,
        registry=Registry(registry_id, store, Deployments(trust, chains), chronicles, inquiry) if chains else None,
    )


@dataclass(frozen=True, slots=True)
class _Lazily:
    """Knows who works at the desk, once somebody asks."""

    accounts: Callable[[], Accounts]

    def office(self, number: int) -> Office | None:
        """Return an office; none if there is none of this number."""
        return self.accounts().office(number)

    def name(self, officer: int) -> str:
        """Return the name of an account; empty if there is none."""
        return self.accounts().name(officer)


def front_door(settings: Settings, registry_id: bytes) -> Door | None:
    """Return the door of a site's desk; none where it has no desk.

    Raises `DocumentError` if there are accounts whose passphrases everybody knows, and this is no demonstration.
    """
    if not settings.desk_url:
        return None
    journal = Journal.open(settings.desk_url, registry_id)
    accounts = Accounts.open(settings.desk_url, create=True)
    sign_ins = SignIns(accounts.engine)
    if not settings.demo and (found := sign_ins.demo_accounts()):
        raise DocumentError(
            f"the desk has {found} accounts of a demonstration, whose passphrases everybody knows",
            hint=f"give the site a desk of its own; {DEMO}=1 is for `make demo` alone",
        )
    address = f"HTTP_{settings.address_header.upper().replace('-', '_')}" if settings.address_header else "REMOTE_ADDR"
    return Door(accounts, sign_ins, acts=Journaled(journal), network=lambda environ: network_of(str(environ.get(address, ""))))


@dataclass(frozen=True, slots=True)
class Journaled:
    """Writes what is done with accounts into the desk's journal."""

    journal: Journal

    def note(self, kind: str, who: int | None, subject: str, values: Mapping[str, Any]) -> None:
        """Write down an act."""
        self.journal.append(kind, who, subject, values)


def notifying(desk_url: str | None, work: Casework | None, *, root: str = "", loopback: bool = False) -> Notifying | None:
    """Return what tells rights holders; nothing where the site has no desk."""
    if not desk_url or work is None:
        return None
    return Notifying(work, cache(lambda: Telling.open(desk_url, create=True)), root=root, loopback=loopback)

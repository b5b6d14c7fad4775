"""What the navigation of the desk leads to, by role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flask import current_app, g, request, url_for

from registry.enforcement.officers import Role
from webapp.languages import gettext
from webapp.presenter.words import mark

if TYPE_CHECKING:
    from registry.enforcement.officers import Officer

EVERYBODY: Final = frozenset(Role)


@dataclass(frozen=True, slots=True)
class Entry:
    """A page that the navigation leads to, where the site has it."""

    endpoint: str
    words: str
    """English, as the catalogues have it."""
    roles: frozenset[Role] = EVERYBODY
    says: str = ""
    """What one does there, for the desk's first page."""


ENTRIES: Final = (
    Entry(
        "cases.index", mark("Cases"), frozenset({Role.INSPECTOR}),
        mark("Open cases, add evidence, close them with an outcome."),
    ),
    Entry(
        "inspect.ask", mark("Check a list"), frozenset({Role.INSPECTOR}),
        mark("Check many numbers at once, and open a case from the result."),
    ),
    Entry(
        "guides.index", mark("Genuine or fake"), frozenset({Role.INSPECTOR, Role.RIGHTS_HOLDER}),
        mark("How genuine goods and fakes are told apart, by their makers."),
    ),
    Entry("inbox.index", mark("Inbox"), frozenset({Role.RIGHTS_HOLDER}), mark("What inspectors told you, and your answers.")),
    Entry(
        "how_told.index", mark("How we are told"), frozenset({Role.RIGHTS_HOLDER}),
        mark("By mail, by webhook, and your recordals."),
    ),
    Entry(
        "telling.brands", mark("Brands' answers"), frozenset({Role.ALLIANCE}),
        mark("How often a brand's findings were confirmed or reversed."),
    ),
    Entry(
        "publishing.index", mark("Results"), frozenset({Role.INSPECTOR, Role.ALLIANCE}),
        mark("What is published of closed cases, and the cases behind each figure."),
    ),
    Entry("desk_people.index", mark("People"), frozenset({Role.ALLIANCE}), mark("Offices, their people, and invitations.")),
    Entry(
        "desk_account.index", mark("My account"),
        says=mark("Passphrase, recovery codes, passkeys, and where you are signed in."),
    ),
)  # fmt: skip
"""In the order of the navigation."""


@dataclass(frozen=True, slots=True)
class Link:
    """An entry in the reader's language."""

    address: str
    words: str
    says: str
    here: bool


def links() -> tuple[Link, ...]:
    """Return what whoever is signed in is led to; nothing if nobody is."""
    officer: Officer | None = g.get("officer")
    if officer is None:
        return ()
    return tuple(
        Link(url_for(entry.endpoint), gettext(entry.words), gettext(entry.says), _is_here(entry.endpoint))
        for entry in ENTRIES
        if officer.role in entry.roles and entry.endpoint in current_app.view_functions
    )


def _is_here(endpoint: str) -> bool:

    return (request.blueprint or "") == endpoint.partition(".")[0]

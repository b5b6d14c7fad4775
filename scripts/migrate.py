"""`touchstone migrate`: the databases have the tables of this version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry.storage import schema
from registry.storage.store import Store
from scripts.connect import site_options
from scripts.console import json_option

if TYPE_CHECKING:
    from registry.storage.backup import Site
    from scripts.console import Console


@click.command("migrate")
@site_options
@json_option
def command(site: Site, console: Console) -> None:
    """Make the tables of store, scans and desk, or bring them up to this version's.

    Other commands do so, too, as soon as they write; this one does it at a moment of your choice, between a backup and the
    start of the new version. Done again it changes nothing. Killed at any moment, nothing is changed by half.
    """
    urls = site.databases
    before = {name: _revision(url) for name, url in urls.items()}
    Store.open(urls["registry"], site.trees, create=True, archive=site.archive).close()
    for name in urls.keys() - {"registry"}:
        engine = schema.open_engine(urls[name], create=True)
        try:
            schema.make_tables(engine)
        finally:
            engine.dispose()
    facts = {name: {"before": before[name], "now": _revision(url)} for name, url in urls.items()}
    console.found(facts, [f"{name:<10}{told['before'] or 'no tables'} -> {told['now']}" for name, told in facts.items()])


def _revision(url: str) -> str | None:
    """Return the revision of a database's tables; none if there are none."""
    engine = schema.open_engine(url, create=True)
    try:
        return schema.revision(engine)
    finally:
        engine.dispose()

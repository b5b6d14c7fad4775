"""`touchstone history`: what is remembered of a unit's checks, and what only a person may say of it."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from registry.checking.history import DAY, Past, weigh
from registry.storage.histories import HOUR, Histories, Kind
from registry.storage.tables import LONGEST_NAME, LONGEST_TEXT
from registry.units import identity
from registry.units.records import UnitId
from registry.units.serials import OURS, read_typed
from scripts.connect import options_of, scans_option
from scripts.console import Program, harmless, json_option

if TYPE_CHECKING:
    from scripts.console import Console

MARKS = {"copy": Kind.COPY, "explained": Kind.CLEARED}
TAKEN_BACK = {"copy": Kind.UNCOPY, "explained": Kind.UNCLEAR}
BY_PERSONS = {
    Kind.COPY: "a copy",
    Kind.CLEARED: "explained",
    Kind.UNCOPY: "not a copy, after all",
    Kind.UNCLEAR: "not explained, after all",
    Kind.STOLEN: "stolen",
    Kind.UNSTOLEN: "not stolen, after all",
}
A_DAY = 86_400


def _said(_context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Return who or why, as it is kept."""
    longest = LONGEST_NAME if parameter.name == "by" else LONGEST_TEXT
    text = " ".join(value.split())
    if not 0 < len(text) <= longest:
        raise click.BadParameter(f"found {len(text)} characters, expected 1 to {longest}")
    return text


@click.argument("gtin")
@click.argument("serial")
@click.option("--as", "what", type=click.Choice(list(MARKS)), required=True, help="What the person found.")
@click.option("--reason", required=True, callback=_said, help="Why: what was examined, and where that is written.")
@click.option("--by", required=True, callback=_said, help="Who says so: name and office.")
@scans_option
@json_option
def _judging() -> None:
    """Hold the options of both acts."""


@click.group("history", cls=Program)
def command() -> None:
    """Show what is remembered of a unit's checks, and put on record what a person who examined it found."""


@command.command("show")
@click.argument("gtin")
@click.argument("serial")
@scans_option
@json_option
def show(gtin: str, serial: str, url: str, console: Console) -> None:
    """Show the marks, the coarse past, and the rules that spoke, with what each found."""
    unit = _unit(gtin, serial)
    with Histories.open(url) as histories:
        past = histories.past(unit.gtin, unit.serial)
        said = [mark for mark in histories.marks(unit.gtin, unit.serial) if mark[0] in BY_PERSONS]
    finding = weigh(past)
    marks = [{"kind": kind.value, "time": _iso(at), "by": who, "reason": why} for kind, at, who, why in said]
    regions = _regions(past)
    signs = [{"rule": sign.rule.id, "found": sign.found, "sentence": str(sign)} for sign in finding.signs]
    facts = {
        "gtin": unit.gtin, "serial": unit.serial, "history": finding.history.value, "checks": finding.checks_before,
        "first_day": _day(finding.first_day), "first_region": finding.first_region, "opened_day": _day(past.opened_day),
        "explained_until": _iso(past.cleared_hour * HOUR) if past.cleared_hour else None,
        "regions": regions, "denials": len(past.denials), "signs": signs, "marks": marks,
    }  # fmt: skip
    first = f", first on {_day(finding.first_day)} in {finding.first_region or '?'}" if finding.checks_before else ""
    lines = [f"{unit.gtin} {unit.serial}: {finding.history.value}", f"checks    {finding.checks_before:,}{first}"]
    lines += [
        f"region    {region}: {one['checks']:,} checks by {one['phones']:,} kinds of phones, {one['first']} to {one['last']}"
        for region, one in regions.items()
    ]
    lines += [f"denied    {len(past.denials):,} said that the checks before were not theirs"] if past.denials else []
    lines += [f"opened    {_day(past.opened_day)}"] if past.opened_day is not None else []
    lines += [f"rule      {sign.rule.id}: {sign}" for sign in finding.signs]
    lines += [
        f"said      {_iso(at)}  {BY_PERSONS[kind]}, by “{harmless(who)}”: “{harmless(why)}”" for kind, at, who, why in said
    ]
    console.found(facts, lines)


@command.command("mark")
@options_of(_judging)
def mark(gtin: str, serial: str, what: str, reason: str, by: str, url: str, console: Console) -> None:
    """Put on record that a unit was copied, or that its checks until now are explained.

    The page of a copied label says so from then on. Nothing is ever removed: `unmark` takes it back.
    """
    _put(MARKS[what], _unit(gtin, serial), reason, by, url, console)


@command.command("unmark")
@options_of(_judging)
def unmark(gtin: str, serial: str, what: str, reason: str, by: str, url: str, console: Console) -> None:
    """Take back that a unit was copied, or that its checks are explained; both stay on record."""
    _put(TAKEN_BACK[what], _unit(gtin, serial), reason, by, url, console)


def _put(kind: Kind, unit: UnitId, reason: str, by: str, url: str, console: Console) -> None:
    with Histories.open(url, create=True) as histories:
        if histories.past(unit.gtin, unit.serial) == Past():
            console.warn("nothing is remembered of this unit: see that GTIN and serial are right")
        histories.mark(unit.gtin, unit.serial, kind, int(time.time()), actor=by, reason=reason)
        history = weigh(histories.past(unit.gtin, unit.serial)).history
    facts = {"gtin": unit.gtin, "serial": unit.serial, "said": BY_PERSONS[kind], "by": by, "history": history.value}
    console.found(facts, [f"{unit.gtin} {unit.serial}: {BY_PERSONS[kind]}, by “{harmless(by)}”; now {history.value}"])


def _unit(gtin: str, typed: str) -> UnitId:
    """Return the unit that is named; a serial of ours may be typed as it is printed. Raises `IdentityError`."""
    read = read_typed(typed)
    ours = read.without_check or read.folded
    return UnitId(identity.pad_gtin(gtin.strip()), ours if OURS.fullmatch(ours) else identity.read_serial(read.exact))


def _regions(past: Past) -> dict[str, dict[str, Any]]:
    """Return, for each region, how many checks and kinds of phones, and the first and the last day."""
    found = defaultdict(list)
    for seen in sorted(past.sightings):
        found[seen.region or "unknown"].append(seen)
    return {
        region: {
            "checks": len(seen), "phones": len({one.device for one in seen}),
            "first": _day(seen[0].hour // DAY), "last": _day(seen[-1].hour // DAY),
        }
        for region, seen in sorted(found.items())
    }  # fmt: skip


def _day(days: int | None) -> str | None:
    return None if days is None else datetime.fromtimestamp(days * A_DAY, UTC).date().isoformat()


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")

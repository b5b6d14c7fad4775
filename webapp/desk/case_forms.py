"""Reads the forms of a case: every field becomes what a case holds, or a fault with its name."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from registry.enforcement.cases import LONGEST_TEXT, Details, Kind, Outcome
from registry.enforcement.results import ProductGroup
from registry.errors import CaseError
from registry.storage.cases import Act
from webapp.presenter.desk_cases import CUSTODY
from webapp.report_form import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.datastructures import MultiDict

    from registry.enforcement.cases import Case
    from registry.enforcement.consignments import Line

PATTERNS: Final = {
    "region": re.compile(r"(?:[A-Z]{2}(?:-[A-Z0-9]{1,3})?)?"),
    "member_state": re.compile(r"(?:[A-Z]{2})?"),
    "currency": re.compile(r"(?:[A-Z]{3})?"),
    "hs_code": re.compile(r"(?:[0-9]{6,10})?"),
    "declared_value": re.compile(r"(?:[0-9]{1,15}(?:\.[0-9]{1,4})?)?"),
}
RANGE: Final = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")
CAPITALS: Final = frozenset({"region", "member_state", "currency"})
LONG: Final = frozenset({"note", "marks", "samples"})
MOST: Final = 10**12
KINDS: Final[Mapping[str, type]] = {field.name: type(field.default) for field in fields(Details)}
"""The type of each field of a case."""


def details(form: MultiDict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return every field of a case that a form gives, and by field what is wrong."""
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name, kind in KINDS.items():
        text = clean(form.get(name, ""), lines=name in LONG)
        try:
            if kind is bool:
                values[name] = name in form
            elif name == "detained_at":
                values[name] = moment(text)
            elif kind is int:
                values[name] = count(text)
            else:
                values[name] = _text(name, text)
        except ValueError as error:
            faults[name] = str(error)
    return values, faults


def changes(case: Case, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are not what the case says already."""
    return {name: value for name, value in values.items() if getattr(case.details, name) != value}


def moment(text: str) -> int:
    """Return a date and a time in UTC as Unix seconds; 0 for nothing. Raises `ValueError` with the name of the fault."""
    if not text:
        return 0
    try:
        at = int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
    except ValueError as error:
        raise ValueError("time") from error
    if not 0 < at < 2**40:
        raise ValueError("time")
    return at


def local(at: int) -> str:
    """Return Unix seconds as a form has a date and a time, in UTC; nothing for 0."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M") if at else ""


def count(text: str) -> int:
    """Return a whole number; 0 for nothing. Raises `ValueError` with the name of the fault."""
    digits = text.replace(",", "").replace(" ", "") or "0"
    if not (digits.isascii() and digits.isdecimal()) or int(digits) > MOST:
        raise ValueError("number")
    return int(digits)


def _text(name: str, text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise ValueError("too_long")
    if name in CAPITALS:
        text = text.upper()
    if name == "hs_code":
        text = text.replace(".", "").replace(" ", "")
    if name == "product_group" and text not in {"", *ProductGroup}:
        raise ValueError(name)
    if name in PATTERNS and not PATTERNS[name].fullmatch(text):
        raise ValueError(name)
    return text


def only(text: str, lines: list[Line]) -> list[Line]:
    """Return the lines whose numbers a text names, such as `1-120, 354`; all if it names none. Raises `ValueError`."""
    parts = text.replace("\uff0c", ",").replace("\u2013", "-").replace(" ", "").split(",")
    wanted: list[range] = []
    for part in filter(None, parts):
        found = RANGE.fullmatch(part)
        if not found:
            raise ValueError("lines")
        wanted.append(range(int(found[1]), int(found[2] or found[1]) + 1))
    return [line for line in lines if any(line.entry.number in one for one in wanted)] if wanted else lines


def why(form: MultiDict[str, str]) -> str:
    """Return the reason that a form gives. Raises `CaseError` if it is too long."""
    text = clean(form.get("why", ""), lines=True)
    if len(text) > LONGEST_TEXT:
        raise CaseError(f"found {len(text)} characters, expected at most {LONGEST_TEXT}", reason="too_long")
    return text


def custody(form: MultiDict[str, str], now: int) -> Act:
    """Return a line of the custody log. Raises `CaseError`."""
    action = form.get("action", "")
    if action not in CUSTODY:
        raise CaseError(f"found action {action!r}, expected one that is known", reason="action")
    told = {name: _short(form, name) for name in ("place", "seal", "person")}
    try:
        at = moment(form.get("at", "")) or now
    except ValueError as error:
        raise CaseError("found no time", reason="time") from error
    return Act(Kind.CUSTODY, {"action": action, **told, "at": at}, why(form))


def examined(form: MultiDict[str, str]) -> Act:
    """Return how much was looked at. Raises `CaseError`."""
    try:
        counts = {name: count(form.get(name, "").strip()) for name in ("opened", "examined", "found")}
    except ValueError as error:
        raise CaseError("found no number", reason="number") from error
    if not counts["found"] <= counts["examined"]:
        raise CaseError("found more than was examined", reason="counts")
    return Act(Kind.EXAMINED, counts, why(form))


def closing(form: MultiDict[str, str], case: Case) -> list[Act]:
    """Return what closes a case: the outcome, and which units are said to be copied or stolen. Raises `CaseError`."""
    outcome = form.get("outcome", "")
    if outcome not in set(Outcome):
        raise CaseError(f"found outcome {outcome!r}, expected one that is known", reason="outcome")
    reason = why(form)
    told = {"outcome": outcome, "region": case.details.region, "product_group": case.details.product_group}
    return [Act(Kind.CLOSED, told, reason), *findings(form, case)]


def findings(form: MultiDict[str, str], case: Case) -> list[Act]:
    """Return which units a form says are copied or stolen. Raises `CaseError` for a unit that is not in the case."""
    reason = why(form)
    mine = {f"{line['gtin']} {line['serial']}" for line in case.units if line["gtin"] and line["serial"]}
    acts = []
    for name, kind, standing in (
        ("copied", Kind.COPY_CONFIRMED, case.confirmed_copies),
        ("stolen", Kind.STOLEN_CONFIRMED, case.confirmed_stolen),
    ):
        for unit in dict.fromkeys(form.getlist(name)):
            if unit not in mine:
                raise CaseError(f"found unit {unit!r}, expected one of the case", reason="unit")
            gtin, _, serial = unit.partition(" ")
            if (gtin, serial) not in standing:
                acts.append(Act(kind, {"gtin": gtin, "serial": serial}, reason))
    return acts


def reversals(case: Case, reason: str) -> list[Act]:
    """Return what takes back everything that a case says of its units."""
    pairs = ((Kind.COPY_REVERSED, case.confirmed_copies), (Kind.STOLEN_REVERSED, case.confirmed_stolen))
    return [Act(kind, {"gtin": gtin, "serial": serial}, reason) for kind, units in pairs for gtin, serial in sorted(units)]


def taken_back(form: MultiDict[str, str], case: Case) -> Act:
    """Return what takes back one thing that a case says of a unit. Raises `CaseError` if it does not say so."""
    unit, reason = form.get("unit", ""), why(form)
    kind, standing = {
        "copied": (Kind.COPY_REVERSED, case.confirmed_copies),
        "stolen": (Kind.STOLEN_REVERSED, case.confirmed_stolen),
    }.get(form.get("what", ""), (Kind.COPY_REVERSED, frozenset()))
    gtin, _, serial = unit.partition(" ")
    if (gtin, serial) not in standing:
        raise CaseError(f"found unit {unit!r}, expected one of which the case says so", reason="unit")
    return Act(kind, {"gtin": gtin, "serial": serial}, reason)


def _short(form: MultiDict[str, str], name: str) -> str:
    text = clean(form.get(name, ""))
    if len(text) > LONGEST_TEXT:
        raise CaseError(f"{name} is too long", reason="too_long")
    return text

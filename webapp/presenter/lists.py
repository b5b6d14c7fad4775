"""What an inspector is told of a list: what it comes to, what may explain a doubt, and each of its lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from registry.enforcement.causes import Cause
from registry.enforcement.consignments import Group
from registry.enforcement.tables import MAX_BYTES, MAX_CELL, MAX_COLUMNS, MAX_LINES, NO_COLUMN, WHOLE_LINE, letter
from registry.units.serials import group as in_groups
from webapp.facts import moment
from webapp.languages import gettext, ngettext, number
from webapp.presenter.verdicts import Remark
from webapp.presenter.words import REASONS, WITHDRAWN, WORDS, Headline, Tone, mark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.checking.trust import Reason
    from registry.enforcement.consignments import Found, Line
    from registry.errors import ListError
    from registry.units.records import UnitId
    from webapp.lists import Job

SIGNATURE: Final = re.compile(r"(?<=[?&]sig=)[^&#]+")

GROUPS: Mapping[Group, tuple[Tone, str, str, str]] = MappingProxyType({
    Group.REPEATED: (
        Tone.RED, "stop", mark("Registered, but the same unit is on several lines"),
        mark("One unit cannot be in a consignment twice: at least one of these labels is a copy, unless it was read twice.")),
    Group.ALTERED: (
        Tone.RED, "stop", WORDS[Headline.ALTERED].headline,
        mark("Scan these labels again before you rely on it: a damaged scan looks the same.")),
    Group.WITHDRAWN: (
        Tone.RED, "stop", mark("Withdrawn by the manufacturer"),
        mark("Recalled, stolen, destroyed, cancelled or copied: each line says which.")),
    Group.NOT_REGISTERED: (
        Tone.AMBER, "question", mark("Not in this registry"),
        mark("Look at possible causes first. Products made before their manufacturer joined may carry no registered code.")),
    Group.FOREIGN_HOST: (
        Tone.AMBER, "warning", WORDS[Headline.FOREIGN_HOST].headline, mark("The labels imitate or misprint our address.")),
    Group.UNDER_REVIEW: (
        Tone.AMBER, "hourglass", WORDS[Headline.UNDER_REVIEW].headline,
        mark("This does not by itself mean that the product is fake.")),
    Group.PENDING: (
        Tone.AMBER, "hourglass", WORDS[Headline.NOT_YET_RELEASED].headline, mark("This is usual just after production.")),
    Group.UNREADABLE: (
        Tone.GREY, "question", mark("No code of ours, or unreadable"), mark("Nothing was looked up.")),
    Group.SEVERAL_PRODUCTS: (
        Tone.GREY, "question", mark("Several products have this number"), mark("Say which product it is.")),
    Group.NOT_ASKED: (
        Tone.GREY, "offline", mark("Could not be asked"), mark("This says nothing about the products. Ask these lines again.")),
    Group.AS_REGISTERED: (
        Tone.NEUTRAL, "document", mark("As registered"),
        mark("Codes can be copied: compare a sample of the goods with what the registry says of them.")),
})  # fmt: skip
"""Tone, symbol, headline and meaning of each group, the one to look at first at the top."""

CAUSES: Mapping[Cause, str] = MappingProxyType({
    Cause.CASE: mark("Capital and small letters were mixed up"),
    Cause.LETTER_O: mark("The letter O and the digit 0 were mixed up"),
    Cause.LETTER_L: mark("The letters I and l and the digit 1 were mixed up"),
    Cause.FULL_WIDTH: mark("Typed with full-width signs"),
    Cause.SEPARATOR: mark("Spaces or dashes differ"),
    Cause.SEPARATOR_LOST: mark("The scanner lost the separator between lot and serial number"),
    Cause.DOUBLED: mark("The scanner read the code twice into one line"),
    Cause.READ_TWICE: mark("Perhaps one label that was read twice: two lines in a row are the same"),
    Cause.KEYBOARD: mark("The scanner was set for another keyboard, so that signs such as Y and Z changed places"),
    Cause.TRUNCATED: mark("The code was cut off"),
    Cause.SPREADSHEET: mark("A spreadsheet made a number of it, and digits were lost: save the column as text"),
    Cause.PRODUCT_CODE: mark("This is the product's bar code, which is the same on all its units"),
    Cause.OTHER_PRODUCT: mark("The number is registered, for another product than the list says"),
    Cause.OTHER_LINK: mark("A web address that is not one of our links"),
    Cause.UPLOAD_PENDING: mark("The manufacturer has signed it, and its registration is not complete yet"),
})  # fmt: skip

FAULTS: Mapping[str, str] = MappingProxyType({
    "empty": mark("Paste at least one number or link, or choose a file"),
    "too_large": mark("Choose a smaller file: at most %(megabytes)s MB are read at once"),
    "several_files": mark("Choose photos, or one list: several lists are not read at once"),
    "too_many_lines": mark("Divide the list: at most %(lines)s lines are read at once"),
    "too_many_columns": mark("Remove columns: at most %(columns)s are read"),
    "too_long": mark("Line %(line)s, column %(field)s is too long for a code: at most %(length)s characters are read"),
    "too_long_line": mark("Line %(line)s is too long for a code: at most %(length)s characters are read"),
    "not_text": mark("Line %(line)s is no text that we can read. Save the file as CSV in UTF-8, or as XLSX"),
    "old_excel": mark("Save the workbook as XLSX without a password: older Excel files are not opened"),
    "not_a_workbook": mark("We could not open this workbook. Save it as XLSX or CSV again"),
    "too_much_inside": mark("This workbook holds far more than a list of codes. Copy the codes into a new one"),
    "no_such_column": mark("Choose one of the columns of this list"),
})  # fmt: skip
"""What to do about a list that cannot be read, by the reason of its `ListError`."""


def words_about(error: ListError) -> str:
    """Return what to do about a list that cannot be read, in the reader's language."""
    reason = "too_long_line" if error.reason == "too_long" and not error.field else error.reason
    return gettext(
        FAULTS.get(reason, FAULTS["not_a_workbook"]), line=number(error.line), field=error.field, lines=number(MAX_LINES),
        columns=number(MAX_COLUMNS), megabytes=number(MAX_BYTES >> 20), length=number(MAX_CELL),
    )  # fmt: skip


def busy() -> str:
    """Return what to do when no list can be taken just now."""
    return gettext("We are too busy to take your list at this moment. Send it again in a few seconds")


@dataclass(frozen=True, slots=True)
class Count:
    """What a part of the lines comes to."""

    id: str
    tone: Tone
    symbol: str
    headline: str
    meaning: str
    lines: int


def groups(found: Found) -> Iterator[Count]:
    """Yield what the lines come to, what is to be looked at first at the top."""
    for group, lines in found.counts.items():
        tone, symbol, headline, meaning = GROUPS[group]
        yield Count(group.value, tone, symbol, gettext(headline), gettext(meaning), lines)


def repeats(found: Found) -> str:
    """Return how many units are on several lines; nothing if none is."""
    if not found.repeated_units:
        return ""
    text = ngettext(
        "%(units)s unit is on several lines, at most on %(most)s.",
        "%(units)s units are on several lines, one of them on %(most)s.",
        found.repeated_units,
    )
    return text % {"units": number(found.repeated_units), "most": number(found.most_lines_of_a_unit)}


def causes(found: Found) -> list[Count]:
    """Return what may explain doubts, the most frequent first."""
    counted = sorted(found.causes.items(), key=lambda one: -one[1])
    return [Count(cause.value, Tone.GREY, "", gettext(CAUSES[cause]), "", lines) for cause, lines in counted]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    number: int
    place: str
    """Where it stands in a file."""
    text: str
    """As it was given; a signature is long and tells a reader nothing."""
    link: str
    """What is checked when the line is looked at by itself."""
    gtin: str
    tone: Tone
    symbol: str
    headline: str
    remarks: tuple[Remark, ...]
    reading: str
    """What was read, in groups, where it is not what was given."""
    cause: str
    leads_to: str
    """The registered number to which the cause leads, in groups."""
    gtins: tuple[str, ...]
    """The products to choose from."""
    twins: str
    """On how many lines its unit is; empty if it is on this one alone."""
    first: int
    elsewhere: bool


def row(line: Line) -> Row:
    """Return a line of the list in the reader's language."""
    entry = line.entry
    tone, symbol, headline, _ = GROUPS[line.group]
    return Row(
        number=entry.number,
        place=place_of(line),
        text=SIGNATURE.sub("…", entry.text),
        link=entry.text,
        gtin=entry.gtin or "",
        tone=tone,
        symbol=symbol,
        headline=_headline(line) or gettext(headline),
        remarks=tuple(Remark(code, gettext(REASONS[code], age=""), warns=False) for code in line.reasons),
        reading=_shown(line.read_as),
        cause=gettext(CAUSES[line.cause]) if line.cause else "",
        leads_to=_number(line.leads_to) if line.leads_to else "",
        gtins=line.products,
        twins=number(line.unit_lines) if line.unit_lines > 1 else "",
        first=line.first_line,
        elsewhere=line.seized_elsewhere,
    )


def place_of(line: Line) -> str:
    """Return where a line stands: as spreadsheets say it, or in which photo; nothing where its number says it already."""
    entry = line.entry
    if entry.column or entry.sheet:
        cell = f"{entry.column}{entry.row}"
        return f"{entry.sheet}!{cell}" if entry.sheet else cell
    return ""


def found_of(line: Line) -> str:
    """Return what was found of a line as one sentence, for paper."""
    _, _, headline, _ = GROUPS[line.group]
    told = [_headline(line) or gettext(headline)]
    if line.unit_lines > 1:
        told.append(
            gettext("%(lines)s lines, the first is %(first)s", lines=number(line.unit_lines), first=number(line.first_line))
        )
    if line.cause:
        told.append(gettext(CAUSES[line.cause]))
    if line.leads_to:
        told.append(f"→ {line.leads_to.gtin} {line.leads_to.serial}")
    return " · ".join(told)


@dataclass(frozen=True, slots=True)
class Column:
    """A column that may be chosen."""

    value: int
    name: str


def columns_of(job: Job) -> list[Column]:
    """Return the columns of a list under their letters and, where its first line names them, their names."""
    whole = [Column(WHOLE_LINE, gettext("The whole line"))] if job.is_text else []
    names = (job.heads[column] if column < len(job.heads) else "" for column in range(job.width))
    return [*whole, *(Column(n, f"{letter(n)} · {name[:40]}" if name else letter(n)) for n, name in enumerate(names))]


def no_column() -> Column:
    """Return what is chosen where a list names no products."""
    return Column(NO_COLUMN, gettext("None"))


def _headline(line: Line) -> str:
    """Return the words of a withdrawal, which say more than those of its group."""
    if line.group is not Group.WITHDRAWN:
        return ""
    reasons = {reason.name.lower(): reason for reason in WITHDRAWN}
    reason: Reason | None = next((reasons[code] for code in line.reasons if code in reasons), None)
    if reason is None:
        return ""
    headline = gettext(WITHDRAWN[reason][0])
    if not line.withdrawn_at:
        return headline
    return gettext("%(headline)s (%(date)s)", headline=headline, date=moment(line.withdrawn_at).words)


def _number(unit: UnitId) -> str:
    return f"GTIN {unit.gtin} · {in_groups(unit.serial)}"


def _shown(text: str) -> str:
    return in_groups(text)

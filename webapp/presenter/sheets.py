"""The words of a result sheet on paper."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from registry.enforcement.consignments import Group
from registry.enforcement.result_pdf import Row, Words
from webapp.facts import instant
from webapp.languages import current, gettext, number
from webapp.presenter import lists

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.enforcement.consignments import Found
    from registry.enforcement.result_sheet import Sheet
    from webapp.lists import Job

MOST_ROWS: Final = 500
"""Lines on paper: the file of lines has them all."""


def words(job: Job, found: Found, sheet: Sheet) -> Words:
    """Return everything that stands on the sheet of a list, in the reader's language."""
    notable = [line for line in found.lines if line.group is not Group.AS_REGISTERED or line.cause]
    shown = notable[:MOST_ROWS]
    times = [line.checked_at for line in found.lines if line.checked_at] or [job.made]
    hashed = sheet.values["lines"]["sha256"]
    facts = [
        (gettext("List"), job.source or gettext("Pasted list")),
        (gettext("SHA-256 of the list"), job.source_hash),
        (gettext("Lines"), number(len(found.lines))),
        (gettext("First line checked"), instant(min(times)).words),
        (gettext("Last line checked"), instant(max(times)).words),
        (gettext("Newest block asked"), number(max(line.block for line in found.lines))),
        (gettext("Registry"), str(sheet.values["registryId"])),
        (gettext("SHA-256 of lines.jsonl"), hashed),
        (gettext("SHA-256 to be signed"), sheet.signed_hash),
    ]
    remarks = [
        lists.repeats(found),
        gettext("A printed code proves a number, never the object: what is as registered may still be a copy."),
        gettext("Causes are possible explanations. They change no verdict."),
    ]
    left = len(found.lines) - len(shown)
    omitted = gettext("%(lines)s more lines are in lines.jsonl, whose hash stands above.", lines=number(left)) if left else ""
    return Words(
        language=current().tag,
        title=gettext("Result of a check of many codes"),
        facts=[(name, value) for name, value in facts if value],
        groups_title=gettext("What the lines come to"),
        groups=[(number(group.lines), group.headline) for group in lists.groups(found)],
        remarks=[remark for remark in remarks if remark],
        lines_title=gettext("Lines that are not simply as registered"),
        heads=(gettext("Line"), gettext("Code"), gettext("Finding")),
        rows=[
            Row(number(line.entry.number), lists.SIGNATURE.sub("…", line.entry.text), lists.found_of(line)) for line in shown
        ],
        omitted=omitted,
        signature_title=gettext("Signature"),
        signature=_signature(sheet.values["signature"]),
        foot=gettext("Touchstone result sheet"),
    )


def _signature(signature: Mapping[str, str] | None) -> str:
    """Return what stands in the field of the signature."""
    if signature is None:
        return gettext("Not signed. Whoever signs this sheet signs the hash above, and with it every line.")
    at = instant(int(datetime.fromisoformat(signature["signedAt"]).timestamp())).words
    return "\n".join(
        (
            gettext("Signed on %(time)s (the notary's clock) by the account %(signer)s", time=at, signer=signature["signer"]),
            signature["value"],
            gettext("This paper repeats what the signed JSON says. `touchstone verify-sheet` checks that JSON and its lines."),
        )
    )

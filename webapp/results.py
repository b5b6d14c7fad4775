"""What a checked list comes to, to take along: when it was made, what its files are called, and its result sheet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from registry.enforcement import result_pdf, result_sheet
from webapp.presenter import sheets

if TYPE_CHECKING:
    from registry.enforcement.consignments import Found
    from registry.enforcement.result_sheet import Sheet
    from webapp.lists import Job


def made(job: Job, found: Found) -> int:
    """Return when the last line was checked, in Unix seconds."""
    return max((line.checked_at for line in found.lines), default=0) or job.made


def stem(job: Job) -> str:
    """Return what the files of a result are called: an ASCII name, and nothing else of what a person called the list."""
    return f"touchstone-{datetime.fromtimestamp(job.made, UTC):%Y%m%d-%H%M%S}"


def sheet(job: Job, found: Found, registry_id: str) -> Sheet:
    """Return the result sheet, unsigned: the same bytes each time, for it says when the last line was checked."""
    at = datetime.fromtimestamp(made(job, found), UTC).isoformat().replace("+00:00", "Z")
    return result_sheet.make(found, source=job.source, source_hash=job.source_hash, made_at=at, registry_id=registry_id)


def on_paper(job: Job, found: Found, sheet: Sheet) -> bytes:
    """Return a sheet as PDF, in the reader's language."""
    return result_pdf.write(sheets.words(job, found, sheet), datetime.fromtimestamp(made(job, found), UTC))

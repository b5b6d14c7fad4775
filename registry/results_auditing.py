"""The audit of published results: each report, held against the journal, and the notary's work against it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry.auditing import Difference
from registry.storage import results

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

BACKUP: Final = "compare it with a backup, and with what others downloaded, and find out who could write to the database"


def of_results(engine: Engine) -> Iterator[Difference]:
    """Yield what differs between what is published and the journal. Raises `StoreUnavailable` or `StoreDamaged`."""
    stored, noted, asked = results.rows(engine)
    entries = {one.subject: one for one in noted}
    for one in stored:
        known = entries.pop(one.subject, None)
        said = f"a report and cases whose SHA-256 are 0x{one.sha256} and 0x{one.cases}"
        if known is None:
            yield Difference("results_put_in", one.subject, "no entry of the journal about it", "one", BACKUP)
        elif (one.sha256, one.cases) != (known.sha256, known.cases):
            expected = f"0x{known.sha256} and 0x{known.cases}, as the journal has them"
            yield Difference("results_rewritten", one.subject, said, expected, BACKUP)
        elif not one.reads:
            yield Difference(
                "results_rewritten", one.subject, "what is no report of that month", "the one that was noted", BACKUP
            )
        if known is not None and known.sha256 not in asked:
            hint = "find out who removed it; the report can be put on record by hand"
            expected = f"that the notary was asked to anchor 0x{known.sha256}"
            yield Difference("results_not_asked", one.subject, "no work of the notary about its hash", expected, hint)
    for left in entries.values():
        yield Difference("results_removed", left.subject, "no such report", f"the one whose SHA-256 is 0x{left.sha256}", BACKUP)

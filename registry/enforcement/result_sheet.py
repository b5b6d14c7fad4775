"""The result sheet of a checked consignment: what was checked, what came out, and the hash of every line's finding.

A sheet is a small JSON document (RFC 8785) that stands for the file of all lines by its SHA-256, so that whoever signs it signs
them all. It comes without a signature. A notary's process signs the hash of the document without `signature`, and puts the
signature there: who signed, when, and the value.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import rfc8785

from registry.enforcement.result_lines import as_json_lines

if TYPE_CHECKING:
    from registry.enforcement.consignments import Found

FORMAT: Final = "touchstone-result-sheet"
VERSION: Final = "1"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A result sheet with the file of lines that it stands for."""

    values: dict[str, Any]
    lines: bytes
    """JSON lines: every line's finding."""

    @property
    def document(self) -> bytes:
        """The sheet as it is handed out: RFC 8785 in UTF-8."""
        return rfc8785.dumps(self.values)

    @property
    def signed_hash(self) -> str:
        """SHA-256, in hex, of what a signature is made over: the document without `signature`."""
        return hashlib.sha256(
            rfc8785.dumps({key: value for key, value in self.values.items() if key != "signature"})
        ).hexdigest()


def make(found: Found, *, source: str, source_hash: str, made_at: str, registry_id: str) -> Sheet:
    """Return the sheet of a consignment.

    `source` is the name of the list, `source_hash` the SHA-256 of its bytes as they came, `made_at` ISO 8601 in UTC,
    `registry_id` as `0x` and hex, or empty where it is not known. Counts are texts, as in every document of the registry.
    """
    lines = as_json_lines(found.lines)
    times = [line.checked_at for line in found.lines if line.checked_at]
    values = {
        "format": FORMAT,
        "version": VERSION,
        "registryId": registry_id,
        "madeAt": made_at,
        "source": {"name": source, "sha256": source_hash},
        "lines": {"count": str(len(found.lines)), "bytes": str(len(lines)), "sha256": hashlib.sha256(lines).hexdigest()},
        "groups": {group.value: str(count) for group, count in found.counts.items()},
        "causes": {cause.value: str(count) for cause, count in sorted(found.causes.items())},
        "repeatedUnits": str(found.repeated_units),
        "mostLinesOfAUnit": str(found.most_lines_of_a_unit),
        "checkedFrom": str(min(times, default=0)),
        "checkedTo": str(max(times, default=0)),
        "newestBlock": str(max((line.block for line in found.lines), default=0)),
        "signature": None,
    }
    return Sheet(values, lines)

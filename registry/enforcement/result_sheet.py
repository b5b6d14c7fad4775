"""The result sheet of a checked consignment: what was checked, what came out, and the hash of every line's finding.

A sheet is a small JSON document (RFC 8785) that stands for the file of all lines by its SHA-256, so that whoever signs it signs
them all. It comes without a signature. A notary's process signs the hash of the document without `signature`, and puts the
signature there: who signed, when, and the value.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import rfc8785

from registry.enforcement.result_lines import as_json_lines
from registry.errors import DocumentError, SignatureError
from registry.proofs import notarising

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.enforcement.consignments import Found

FORMAT: Final = "touchstone-result-sheet"
VERSION: Final = "1"
KIND: Final = "sheet"
"""What a notary signs it as."""


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
        return signed_hash(self.values).hex()

    def with_signature(self, signature: Mapping[str, str]) -> Sheet:
        """Return the sheet as a notary signed it."""
        return replace(self, values=self.values | {"signature": dict(signature)})


@dataclass(frozen=True, slots=True)
class SignedBy:
    """Who signed a sheet, and when."""

    signer: str
    """EIP-55 address: whether it is an inspector's, the chain says."""
    signed_at: int
    """Unix seconds, as the signer says."""


def signature_of(result: Mapping[str, Any]) -> dict[str, str]:
    """Return what a notary noted of a signature as the `signature` of a sheet: texts, as everything in it."""
    at = datetime.fromtimestamp(result["signedAt"], tz=UTC).isoformat().replace("+00:00", "Z")
    return {"signer": result["signer"], "signedAt": at, "value": result["value"]}


def signed_hash(values: Mapping[str, Any]) -> bytes:
    """Return the SHA-256 of what a signature is made over: the document without `signature`."""
    return hashlib.sha256(rfc8785.dumps({key: value for key, value in values.items() if key != "signature"})).digest()


def read(raw: bytes) -> dict[str, Any]:
    """Return the values of a sheet. Raises `DocumentError` if the bytes are not those of one, as it is handed out."""
    try:
        values: dict[str, Any] = json.loads(raw)
        same = rfc8785.dumps(values) == raw.rstrip(b"\n")
        form = (values["format"], values["version"], bytes.fromhex(values["registryId"].removeprefix("0x")))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DocumentError("found no result sheet, expected the JSON of one") from error
    if not same or form[:2] != (FORMAT, VERSION):
        raise DocumentError("found another document, or one that was written again, expected a result sheet as it was made")
    return values


def signed_by(values: Mapping[str, Any]) -> SignedBy:
    """Return who signed a sheet. Raises `SignatureError` if nobody did, or what is there signs something else."""
    signature = values.get("signature")
    if signature is None:
        raise SignatureError("the sheet is not signed", hint="ask for its signature at the desk")
    try:
        at = int(datetime.fromisoformat(signature["signedAt"]).timestamp())
        value, signer = bytes.fromhex(signature["value"].removeprefix("0x")), signature["signer"]
        registry_id = bytes.fromhex(values["registryId"].removeprefix("0x"))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise SignatureError("the sheet's signature is malformed, expected signer, signedAt and value") from error
    found = notarising.signer_of(registry_id, KIND, signed_hash(values), at, value)
    if found != signer:
        raise SignatureError(f"the sheet was changed, or its signature is another's: it gives {found}, expected {signer!r:.60}")
    return SignedBy(found, at)


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

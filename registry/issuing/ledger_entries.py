"""What else goes on record in a label ledger: runs of labels, explanations, retractions, and the signed numbers at its end."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from registry.errors import InputError, SignatureError, StoreDamaged
from registry.issuing.ranks import Ranks
from registry.issuing.reconciliation import OVERRUN, RETRACTABLE, Draft, Kind, Overrun, matching, overruns_for, selected
from registry.proofs import signing
from registry.proofs.encoding import canonical
from registry.proofs.keccak import keccak256

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry.issuing.reconciliation import Entry, Ledger
    from registry.issuing.registration import AnchorKey

FORMAT: Final = "touchstone-label-reconciliation"
VERSION: Final = "1"
STANDING: Final = (Kind.APPLIED, Kind.SPOILED)


def printed(
    ledger: Ledger, first: int, count: int, kind: str, files: Sequence[str], *, actor: str, reason: str | None = None
) -> Draft:
    """Return the entry of a run of labels: `count` units from the rank `first` on, into these files, named by whole paths.

    A run into the same files as before replaces what is in them, so it is the same run. Units of an earlier run are over-runs,
    unless there is a reason to print them again.
    """
    marks = Ranks.between(ledger.size, first, count)
    document = {"first": str(first), "count": str(count), "format": kind, "files": [*files]}
    again = Ranks(ledger.size) if reason else marks & ledger.printed
    return Draft(
        Kind.PRINTED,
        actor,
        marks,
        name=PurePath(files[0]).name,
        checksum=hashlib.sha256(canonical(document)).hexdigest(),
        lines=len(marks),
        reason=reason,
        overruns=overruns_for(Overrun.PRINTED_BEFORE, again),
        document=document,
    )


def explained(
    ledger: Ledger,
    what: Overrun,
    *,
    actor: str,
    reason: str,
    of: int | None = None,
    units: Ranks | None = None,
    stands: Kind | None = None,
) -> Draft:
    """Return the entry that explains over-runs of a kind: all, or those that one entry reported, or those of some units.

    `stands` says what the units are, where two reports contradict each other. Raises `InputError` if there are no such
    over-runs, or nothing for `stands` to decide.
    """
    if stands is not None and (stands not in STANDING or what not in {Overrun.APPLIED_BEFORE, Overrun.SPOILED_BEFORE}):
        raise InputError(f"{what.code} leaves no choice between applied and spoiled")
    facts = {"what": str(int(what))} | ({} if of is None else {"of": str(of)}) | ({} if stands is None else {"stands": stands})
    open_ones = ledger.open_overruns()
    everything = units if units is not None else ledger.everything()
    found = [open_ones[number] for number in selected(open_ones, facts)]
    chosen = np.concatenate([np.zeros(0, OVERRUN), *(listed[matching(listed, what, everything)] for listed in found)])
    if not len(chosen):
        raise InputError(f"there is no open over-run {what.code} of these", hint="`touchstone reconcile show` lists them")
    ranks = chosen["rank"].astype(np.int64) if what is not Overrun.NOT_OF_BATCH else np.zeros(0, np.int64)
    return Draft(Kind.EXPLAINED, actor, Ranks.of(ledger.size, ranks), lines=len(chosen), reason=reason, document=facts)


def retracted(ledger: Ledger, number: int, *, actor: str, reason: str) -> Draft:
    """Return the entry that takes an earlier one back. Raises `InputError` if it is none that can be taken back."""
    if not 1 <= number <= len(ledger.entries):
        raise InputError(f"there is no entry {number}, expected 1 to {len(ledger.entries)}")
    entry = ledger.entries[number - 1]
    if entry.kind not in RETRACTABLE:
        raise InputError(f"entry {number} is {entry.kind}, expected a run of labels or a file of the line")
    if number in ledger.retracted:
        raise InputError(f"entry {number} was retracted already")
    marks = Ranks.unpack(ledger.size, entry.marks)
    return Draft(Kind.RETRACTED, actor, marks, name=entry.name, reason=reason, document={"entry": str(number)})


def closed(ledger: Ledger, manufacturer: int, key: AnchorKey, sign: Callable[[bytes], bytes], time: int) -> Draft:
    """Return the entry in which a key of the manufacturer signs the numbers.

    Raises `InputError` while they do not add up: with open units or over-runs, with spoiled labels that are not withdrawn, or
    while a transaction is under way; and for a key that may not act for the manufacturer.
    """
    if key.manufacturer != manufacturer or not key.valid_at(time) or key.compromised_at(time):
        raise InputError(
            f"the key {key.address} may not sign for manufacturer {manufacturer}",
            hint="it is of another manufacturer, out of its time, revoked or compromised",
        )
    counts, overruns = ledger.counts(), ledger.overruns()
    if overruns:
        raise InputError(
            f"{overruns.total()} over-runs are open, expected none",
            hint="`touchstone reconcile show` lists them; explain each with `touchstone reconcile explain`",
        )
    if counts.to_void or ledger.pending:
        raise InputError(
            f"{counts.to_void} units are neither applied nor withdrawn, expected none",
            hint="`touchstone reconcile void` withdraws them",
        )
    statement = {
        "format": FORMAT,
        "version": VERSION,
        "seal": f"0x{ledger.seal.hex()}",
        "manufacturer": str(manufacturer),
        "allotted": str(counts.allotted),
        "printed": str(counts.printed),
        "applied": str(counts.applied),
        "spoiled": str(counts.spoiled),
        "void": str(counts.void),
        "explained": {what.code: str(count) for what, count in sorted(ledger.explained().items())},
        "entries": str(len(ledger.entries)),
        "head": ledger.entries[-1].digest.hex() if ledger.entries else "",
        "key": key.address,
        "time": datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    signature = sign(statement_digest(canonical(statement)))
    return Draft(Kind.CLOSED, key.address, ledger.everything(), document={"statement": statement, "signature": signature.hex()})


def statement_digest(raw: bytes) -> bytes:
    """Return what is signed of a statement's RFC 8785 bytes: EIP-191's personal message, which every wallet can check."""
    return keccak256(b"\x19Ethereum Signed Message:\n%d" % len(raw) + raw)


def statement_of(entry: Entry) -> dict[str, Any]:
    """Return the statement of an entry that closed a ledger. Raises `StoreDamaged` unless the key that it names signed it."""
    facts = entry.facts()
    try:
        statement, signature = facts["statement"], bytes.fromhex(facts["signature"])
        signed = signing.recover(statement_digest(canonical(statement)), signature) == statement["key"]
    except (KeyError, TypeError, ValueError, SignatureError) as error:
        raise StoreDamaged(f"entry {entry.number} holds no signed statement") from error
    if not signed:
        raise StoreDamaged(f"the statement of entry {entry.number} is not signed by the key that it names")
    found: dict[str, Any] = statement
    return found

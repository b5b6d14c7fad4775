"""What is said of a number that is in no batch: never more than the batches show (protocol § 4).

An absence rests on the order of a batch's rows, which no proof shows by itself. Where a witness replayed the whole tree it is a
fact; elsewhere it is what the manufacturer's own tree says, and that is said in these words. It is about the number: what the
object is, nobody here has seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from webapp.languages import gettext, ngettext, number

if TYPE_CHECKING:
    from registry.proofs.absence_file import AbsenceFile


@dataclass(frozen=True, slots=True)
class BatchWords:
    """One batch that was looked at."""

    manufacturer: int
    chain_id: int
    contract: str
    block: int
    """Where it was anchored."""
    seal: str
    attested: bool
    statement: str


@dataclass(frozen=True, slots=True)
class AbsenceWords:
    """What an absence file says, in the reader's language."""

    headline: str
    findings: tuple[str, ...]
    """About the attested batches and the others, each where there are any."""
    scope: tuple[str, ...]
    """Which manufacturers, and up to which block of which chain."""
    limits: str
    batches: tuple[BatchWords, ...]


def absence_words(file: AbsenceFile) -> AbsenceWords:
    """Return what is said of a file that was verified; of any other, nothing may be said."""
    batches = tuple(
        BatchWords(
            issuer.number, listing.chain_id, listing.contract, batch.block, f"0x{batch.seal.hex()}",
            attested=batch.attestations > 0, statement=_statement(attested=batch.attestations > 0),
        )
        for listing in file.listings
        for issuer in listing.issuers
        for batch in issuer.batches
    )  # fmt: skip
    attested = {one.seal for one in batches if one.attested}
    return AbsenceWords(
        headline=gettext("This number was found in no batch of a manufacturer that ever claimed its product number (GTIN)"),
        findings=_findings(len(attested), len({one.seal for one in batches} - attested)),
        scope=_scope(file),
        limits=gettext(
            "This is about the number alone: nothing of the object itself was examined here, and a batch that was recorded "
            "later is not covered."
        ),
        batches=batches,
    )


def _statement(*, attested: bool) -> str:
    if attested:
        return gettext("It was not in this batch.")
    return gettext("According to the manufacturer's tree, it was not in this batch.")


def _findings(attested: int, others: int) -> tuple[str, ...]:
    found = []
    if attested:
        text = ngettext(
            "It was not in %(count)s batch that a witness had gone through from end to end.",
            "It was not in %(count)s batches that a witness had gone through from end to end.",
            attested,
        )
        found.append(text % {"count": number(attested)})
    if others:
        text = ngettext(
            "According to the manufacturer's tree, it was not in %(count)s batch that no witness has gone through.",
            "According to the manufacturer's tree, it was not in %(count)s batches that no witness has gone through.",
            others,
        )
        found.append(text % {"count": number(others)})
    if not found:
        found.append(gettext("No batch has been recorded by any manufacturer that ever claimed this product number (GTIN)."))
    return tuple(found)


def _scope(file: AbsenceFile) -> tuple[str, ...]:
    return tuple(
        gettext(
            "Looked at: every batch up to block %(block)s of chain %(chain)s, in contract %(contract)s.",
            block=listing.block.number,
            chain=listing.chain_id,
            contract=listing.contract,
        )
        for listing in file.listings
    )

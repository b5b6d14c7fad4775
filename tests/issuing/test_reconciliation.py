"""What became of every label: the numbers add up, over-runs stay visible until somebody explains them, nothing is deleted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry.errors import InputError, StoreDamaged
from registry.issuing import ledger_entries
from registry.issuing.ranks import Ranks
from registry.issuing.reconciliation import Draft, Kind, Ledger, Overrun
from registry.proofs import signing
from tests.issuing.book import ACTOR, NOW, SEAL, Book
from tests.issuing.ledger import known_key
from tests.issuing.samples import KEY, PRIVATE_KEY


def voided(book: Book, *ranks: int, kind: Kind = Kind.VOIDED) -> None:
    """Put on record what the chain says."""
    book.add(Draft(kind, KEY, Ranks.of(book.ledger.size, ranks)))


def close(book: Book) -> Ledger:
    """Close the ledger."""
    return book.add(ledger_entries.closed(book.ledger, 7, known_key(), lambda digest: signing.sign(digest, PRIVATE_KEY), NOW))


def test_the_way_of_a_batch() -> None:
    """Print all, apply most, spoil some, void the rest: the numbers at every stage."""
    book = Book(1000)
    assert book.ledger.counts().open == 1000
    counts = book.print(0, 1000).counts()
    assert (counts.allotted, counts.printed, counts.open) == (1000, 1000, 1000)
    book.applied(*range(940))
    counts = book.spoiled(*range(940, 965)).counts()
    assert (counts.applied, counts.spoiled, counts.void, counts.open, counts.to_void) == (940, 25, 0, 35, 60)
    voided(book, *range(940, 1000))
    counts = book.ledger.counts()
    assert (counts.applied, counts.spoiled, counts.void, counts.open, counts.to_void) == (940, 25, 35, 0, 0)
    statement = ledger_entries.statement_of(close(book).entries[-1])
    assert [statement[name] for name in ("allotted", "printed", "applied", "spoiled", "void")] == [
        "1000", "1000", "940", "25", "35",
    ]  # fmt: skip
    assert statement["key"] == KEY
    assert statement["time"] == "2026-09-21T14:13:20Z"


def test_never_printed() -> None:
    """A label on a unit that nobody printed, as far as we know."""
    book = Book(10)
    book.print(0, 5)
    book.applied(4, 5)
    book.spoiled(6)
    assert book.found() == [("not_printed", 5, 2), ("not_printed", 6, 1)]
    book.print(5, 5)
    assert book.ledger.overruns() == {Overrun.NOT_PRINTED: 2}, "to print it later is no explanation"


def test_printed_again() -> None:
    """A reprint needs a reason; the same run into the same file is the same run."""
    book = Book(10)
    book.print(0, 6)
    assert book.print(4, 4, file="more.pdf").overruns() == {Overrun.PRINTED_BEFORE: 2}
    assert book.found() == [("printed_before", 4, 0), ("printed_before", 5, 0)]
    assert book.print(0, 1, file="again.pdf", reason="the printer jammed").overruns() == {Overrun.PRINTED_BEFORE: 2}
    assert book.ledger.counts().labels_printed == 6 + 4 + 1
    assert book.explain(Overrun.PRINTED_BEFORE).overruns() == {}
    run = ledger_entries.printed(book.ledger, 0, 6, "pdf", ["labels.pdf"], actor=ACTOR)
    assert run.checksum is not None
    assert book.ledger.known(Kind.PRINTED, run.checksum) == book.ledger.entries[0]


def test_applied_twice() -> None:
    """In one file, and in two."""
    book = Book(10)
    book.print(0, 10)
    book.applied(1, 2, 1, 1)
    book.applied(2, 3, name="next.csv")
    assert book.found() == [("twice_in_file", 1, 3), ("twice_in_file", 1, 4), ("applied_before", 2, 1)]
    assert [one.entry.name for one in book.ledger.listed()] == ["line.csv", "line.csv", "next.csv"]
    assert (book.ledger.counts().applied, book.ledger.counts().labels_applied) == (3, 6)


def test_more_applied_than_printed() -> None:
    """The labels on units are more than the labels that were made."""
    book = Book(10)
    book.print(0, 2)
    book.applied(0, 1, 1, 2)
    counts = book.ledger.counts()
    assert (counts.labels_applied, counts.labels_printed) == (4, 2)
    assert book.ledger.overruns() == {Overrun.TWICE_IN_FILE: 1, Overrun.NOT_PRINTED: 1}


@pytest.mark.parametrize("stands", [None, Kind.APPLIED, Kind.SPOILED])
@pytest.mark.parametrize("first", [Kind.APPLIED, Kind.SPOILED])
def test_two_reports_that_contradict_each_other(first: Kind, stands: Kind | None) -> None:
    """The first one stands until somebody says which is right."""
    book = Book(10)
    book.print(0, 10)
    for kind in (first, Kind.SPOILED if first is Kind.APPLIED else Kind.APPLIED):
        book.report(kind, "U1\n")
    assert list(getattr(book.ledger, first)) == [1]
    what = Overrun.APPLIED_BEFORE if first is Kind.APPLIED else Overrun.SPOILED_BEFORE
    assert book.found() == [(what.code, 1, 1)]
    ledger = book.explain(what, stands=stands)
    final = stands or first
    assert list(ledger.applied) == ([1] if final is Kind.APPLIED else [])
    assert list(ledger.spoiled) == ([1] if final is Kind.SPOILED else [])
    assert (ledger.overruns(), ledger.explained()) == ({}, {what: 1})


def test_reported_after_it_was_withdrawn() -> None:
    """The chain decides: the unit is void, until the withdrawal is annulled there."""
    book = Book(10)
    book.print(0, 10)
    book.applied(1)
    voided(book, 2, 3)
    book.applied(2, name="late.csv")
    book.spoiled(3)
    assert book.found() == [("void_before", 2, 1), ("void_before", 3, 1)]
    assert (book.ledger.counts().applied, book.ledger.counts().void, book.ledger.counts().spoiled) == (1, 1, 1)
    voided(book, 2, kind=Kind.ANNULLED)
    assert (book.ledger.counts().applied, book.ledger.counts().void) == (2, 0)
    assert book.ledger.overruns() == {Overrun.VOID_BEFORE: 2}, "only a person explains it away"


def test_explanations_by_file_and_by_unit() -> None:
    """Somebody may explain what one file reported, or some units alone; what is not there cannot be explained."""
    book = Book(10)
    book.applied(1, 2)
    book.applied(3, name="other.csv")
    assert book.explain(Overrun.NOT_PRINTED, units=Ranks.of(10, [2])).overruns() == {Overrun.NOT_PRINTED: 2}
    assert book.found() == [("not_printed", 1, 1), ("not_printed", 3, 1)]
    assert book.explain(Overrun.NOT_PRINTED, of=2).overruns() == {Overrun.NOT_PRINTED: 1}
    for wrong in ({"of": 2}, {"of": 9}, {"units": Ranks.of(10, [5])}):
        with pytest.raises(InputError, match="no open over-run not_printed"):
            book.explain(Overrun.NOT_PRINTED, **wrong)
    with pytest.raises(InputError, match="no choice between applied and spoiled"):
        book.explain(Overrun.NOT_PRINTED, stands=Kind.APPLIED)
    assert book.ledger.entries[-1].lines == 1


def test_a_number_of_no_unit_is_explained_too() -> None:
    """All of them, or those of one file: they have no rank."""
    book = Book(10)
    book.print(0, 10)
    book.report(Kind.APPLIED, "U1\nX1\nX2\n")
    assert book.ledger.overruns() == {Overrun.NOT_OF_BATCH: 2}
    assert book.explain(Overrun.NOT_OF_BATCH, of=2).overruns() == {}
    assert len(book.ledger.entries[-1].marks) > 0
    assert book.ledger.entries[-1].units == 0


def test_a_wrong_file_is_taken_back() -> None:
    """Its units are as if it had not been reported, its over-runs are gone, and both entries stay on record."""
    book = Book(10)
    book.print(0, 5)
    book.spoiled(1, 2, 6)
    book.applied(1, 2)
    assert set(book.ledger.spoiled) == {1, 2, 6}
    ledger = book.add(ledger_entries.retracted(book.ledger, 2, actor=ACTOR, reason="fed under the wrong name"))
    assert (set(ledger.applied), set(ledger.spoiled)) == ({1, 2}, set())
    assert ledger.overruns() == {Overrun.SPOILED_BEFORE: 2}, "what the later file met then is still to be explained"
    assert [one.kind for one in ledger.entries] == [Kind.PRINTED, Kind.SPOILED, Kind.APPLIED, Kind.RETRACTED]
    checksum = ledger.entries[1].checksum
    assert checksum is not None
    assert ledger.known(Kind.SPOILED, checksum) is None, "it may be fed again"


@pytest.mark.parametrize(("number", "why"), [(0, "no entry 0"), (4, "no entry 4"), (2, "is voided"), (1, "retracted already")])
def test_what_cannot_be_taken_back(number: int, why: str) -> None:
    """What is not there, what the chain said, and what was taken back before."""
    book = Book(10)
    book.applied(1)
    voided(book, 2)
    book.add(ledger_entries.retracted(book.ledger, 1, actor=ACTOR, reason="wrong"))
    with pytest.raises(InputError, match=why):
        ledger_entries.retracted(book.ledger, number, actor=ACTOR, reason="wrong")


def test_a_ledger_closes_only_when_it_adds_up() -> None:
    """Neither with over-runs nor with units of which nobody knows; and what comes later opens it again."""
    book = Book(3)
    book.print(0, 2)
    book.applied(0, 2)
    with pytest.raises(InputError, match="1 over-runs are open"):
        close(book)
    book.explain(Overrun.NOT_PRINTED)
    with pytest.raises(InputError, match="1 units are neither applied nor withdrawn"):
        close(book)
    voided(book, 1)
    ledger = close(book)
    assert ledger.closing == ledger.entries[-1]
    assert ledger_entries.statement_of(ledger.entries[-1])["explained"] == {"not_printed": "1"}
    assert book.applied(2, name="late.csv").closing is None
    assert book.ledger.overruns() == {Overrun.APPLIED_BEFORE: 1, Overrun.NOT_PRINTED: 1}


@pytest.mark.parametrize("change", [{"manufacturer": 8}, {"revoked_at": NOW}, {"not_after": NOW - 1}, {"compromised_since": 1}])
def test_only_a_key_of_the_manufacturer_closes(change: dict[str, int]) -> None:
    """One that may act for it now."""
    with pytest.raises(InputError, match="may not sign for manufacturer 7"):
        ledger_entries.closed(Ledger(SEAL, 1), 7, known_key(**change), lambda digest: digest, NOW)


def test_a_statement_is_its_key_s() -> None:
    """Another key, another number, or none: the signature does not hold."""
    book = Book(1)
    book.print(0, 1)
    book.applied(0)
    entry = close(book).entries[-1]
    for old, new in ((b'"applied":"1"', b'"applied":"2"'), (KEY.encode(), b"0x" + b"0" * 40), (b'"statement"', b'"statemint"')):
        assert old in entry.document
        with pytest.raises(StoreDamaged, match="statement"):
            ledger_entries.statement_of(replace(entry, document=entry.document.replace(old, new)))


def test_a_changed_or_missing_entry_is_damage() -> None:
    """Each entry covers all before it."""
    book = Book(10)
    book.print(0, 10)
    book.applied(1, 2)
    book.spoiled(3)
    entries = book.ledger.entries
    assert Ledger(SEAL, 10, entries[:2]).counts().spoiled == 0
    damaged = [
        entries[1:],
        (entries[0], entries[2]),
        (entries[0], entries[2], entries[1]),
        (*entries, entries[2]),
        *((entries[0], replace(entries[1], **change), entries[2]) for change in (
            {"actor": "another"}, {"name": None}, {"time": 1}, {"units": 3}, {"lines": 1}, {"reason": "because"},
            {"marks": Ranks.of(10, [1]).pack()}, {"overruns": b"x"}, {"document": b'{"a":"b"}'}, {"checksum": "0" * 64},
            {"kind": Kind.SPOILED}, {"digest": bytes(32)},
        )),
    ]  # fmt: skip
    for changed in damaged:
        with pytest.raises(StoreDamaged, match="not what was put on record"):
            Ledger(SEAL, 10, changed)
    with pytest.raises(StoreDamaged, match="not what was put on record"):
        Ledger(b"\1" * 32, 10, entries)

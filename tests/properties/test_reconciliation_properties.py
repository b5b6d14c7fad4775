"""Whatever is reported, in whatever order, the numbers add up, no unit has two fates, and no over-run gets lost."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from registry.errors import InputError
from registry.issuing import ledger_entries
from registry.issuing.ranks import Ranks
from registry.issuing.reconciliation import Draft, Kind, Overrun
from tests.issuing.book import ACTOR, Book
from tests.issuing.samples import KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZE = 12
UNIT = st.integers(0, SIZE - 1)
UNITS = st.lists(UNIT, min_size=1, max_size=6)
REPORTS = (Kind.APPLIED, Kind.SPOILED)
BEFORE = {Overrun.APPLIED_BEFORE: Kind.APPLIED, Overrun.SPOILED_BEFORE: Kind.SPOILED}


class Line(RuleBasedStateMachine):
    """A packing line beside a plain account of what happened, kept with sets and lists."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book(SIZE)
        self.chain: set[int] = set()
        self.made = Counter[Overrun]()
        self.gone = Counter[Overrun]()

    @rule(first=UNIT, count=st.integers(1, SIZE), reason=st.sampled_from([None, "jam"]))
    def print(self, first: int, count: int, reason: str | None) -> None:
        """A run of labels."""
        printed = set(self.book.ledger.printed)
        self.book.print(first, count, file=f"{len(self.book.ledger.entries)}.pdf", reason=reason)
        again = printed & set(range(first, first + count))
        self.made[Overrun.PRINTED_BEFORE] += len(again) if reason is None else 0

    @rule(kind=st.sampled_from(REPORTS), numbers=UNITS, strangers=st.integers(0, 2))
    def report(self, kind: Kind, numbers: Sequence[int], strangers: int) -> None:
        """A file of the line, with numbers that are not of the batch."""
        before = self.book.ledger
        self.book.report(kind, "".join(f"U{one}\n" for one in numbers) + "X1\n" * strangers)
        named = set(numbers)
        spoiled = set(before.spoiled)
        self.made += Counter({
            Overrun.TWICE_IN_FILE: len(numbers) - len(named),
            Overrun.NOT_PRINTED: len(named - set(before.printed)),
            Overrun.APPLIED_BEFORE: len(named & set(before.applied)),
            Overrun.SPOILED_BEFORE: len(named & spoiled),
            Overrun.VOID_BEFORE: len(named & self.chain - spoiled),
            Overrun.NOT_OF_BATCH: strangers,
        })  # fmt: skip
        # What was said before still holds.
        assert set(before.applied) <= set(self.book.ledger.applied)
        assert spoiled <= set(self.book.ledger.spoiled)

    @rule(units=st.sets(UNIT, min_size=1, max_size=4), annul=st.booleans())
    def chain_says(self, units: set[int], annul: bool) -> None:  # noqa: FBT001 -- hypothesis passes arguments by name
        """Units are withdrawn, or no longer."""
        self.chain = self.chain - units if annul else self.chain | units
        self.book.add(Draft(Kind.ANNULLED if annul else Kind.VOIDED, KEY, Ranks.of(SIZE, units)))

    @rule(what=st.sampled_from(Overrun), units=st.none() | st.sets(UNIT), stands=st.sampled_from([None, *REPORTS]))
    def explain(self, what: Overrun, units: set[int] | None, stands: Kind | None) -> None:
        """Somebody explains over-runs."""
        before = self.book.ledger.overruns()
        chosen = None if units is None else Ranks.of(SIZE, units)
        with contextlib.suppress(InputError):
            draft = ledger_entries.explained(self.book.ledger, what, actor=ACTOR, reason="seen", units=chosen, stands=stands)
            ledger = self.book.add(draft)
            assert before - ledger.overruns() == {what: draft.lines}
            self.gone[what] += draft.lines
            if stands is not None:
                assert draft.marks == draft.marks & getattr(ledger, stands)

    @rule(number=st.integers(1, 12))
    def retract(self, number: int) -> None:
        """An entry was a mistake."""
        before = self.book.ledger
        with contextlib.suppress(InputError):
            ledger = self.book.add(ledger_entries.retracted(before, number, actor=ACTOR, reason="mistake"))
            self.gone += before.overruns() - ledger.overruns()
            # Those of its over-runs that had been explained are forgotten with it.
            forgotten = before.explained() - ledger.explained()
            self.made -= forgotten
            self.gone -= forgotten

    @invariant()
    def the_numbers_add_up(self) -> None:
        """Every unit is in one place."""
        counts = self.book.ledger.counts()
        assert counts.allotted == counts.applied + counts.spoiled + counts.void + counts.open == SIZE
        assert min(counts.applied, counts.spoiled, counts.void, counts.open) >= 0
        assert not len(self.book.ledger.applied & self.book.ledger.spoiled)
        assert set(self.book.ledger.withdrawn) == self.chain
        assert counts.to_void == SIZE - len(set(self.book.ledger.applied) | self.chain)

    @invariant()
    def no_over_run_is_lost(self) -> None:
        """What was found is open until somebody explained it or took the file back."""
        assert self.book.ledger.overruns() == self.made - self.gone
        assert Counter(one.what for one in self.book.ledger.listed()) == self.book.ledger.overruns()

    @invariant()
    def it_is_read_as_it_was_written(self) -> None:
        """Who comes after us finds the same."""
        found = self.book.read()
        assert found.counts() == self.book.ledger.counts()
        assert found.overruns() == self.book.ledger.overruns()
        assert found.explained() == self.book.ledger.explained()


TestLine = Line.TestCase
TestLine.settings = settings(max_examples=60, stateful_step_count=25)

"""Label ledgers keep what was put on record, on both engines, whole or not at all."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sqlalchemy import create_engine, text

from registry.errors import StoreDamaged, StoreError, StoreUnavailable
from registry.issuing import ledger_entries, line_reports
from registry.issuing.ranks import Ranks
from registry.issuing.reconciliation import Draft, Kind, Ledger, Overrun
from registry.storage.ledger import Ledgers
from registry.storage.store import Store
from tests.issuing.samples import GTIN, KEY, OTHER_GTIN, sealed_batch, serials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry.issuing.batches import StoredBatch
    from registry.storage.ledger import BatchUnits

COUNT = 40


class LedgerConformance:
    """Subclasses give the fixture `url`: an empty database."""

    @pytest.fixture
    def store(self, url: str, tmp_path: Path) -> Iterator[Store]:
        """Give a store with two batches."""
        with Store.open(url, tmp_path / "trees", create=True) as store:
            for run, first in (("first", 0), ("second", COUNT)):
                with store.workroom() as folder:
                    sealed = sealed_batch(folder, serials(COUNT, start=first))
                    store.add_batch(sealed, manufacturer=7, run=run, key=KEY)
            yield store

    @pytest.fixture
    def ledgers(self, url: str, store: Store) -> Iterator[Ledgers]:
        """Give its ledgers."""
        del store
        with Ledgers.open(url) as ledgers:
            yield ledgers

    @pytest.fixture
    def batch(self, store: Store) -> StoredBatch:
        """Give the first batch."""
        found = store.batch_by_run(7, "first")
        assert found is not None
        return found

    @pytest.fixture
    def units(self, store: Store, ledgers: Ledgers, batch: StoredBatch) -> BatchUnits:
        """Give its units."""
        return ledgers.units(batch, store.tree(batch.seal))

    def execute(self, url: str, statement: str, **values: object) -> None:
        """Change the database behind the ledger's back."""
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as connection:
            connection.execute(text(statement), values)
        engine.dispose()

    # --------------------------------------------------------------------------------------------------------- units

    def test_every_unit_is_found_at_its_rank(self, store: Store, batch: StoredBatch, units: BatchUnits) -> None:
        """Byte for byte, in any order; those of the other batch are said to be its."""
        ours = [unit.record.id for unit in store.tree(batch.seal).units()]
        wanted = [(one.gtin, one.serial) for one in reversed(ours)]
        batches, ranks = units.places(wanted)
        assert batches.tolist() == [batch.id] * COUNT
        assert ranks.tolist() == list(reversed(range(COUNT)))
        batches, _ = units.places([(GTIN, serial) for serial in serials(3, start=COUNT)])
        assert set(batches.tolist()) == {batch.id + 1}

    def test_what_is_not_exactly_a_unit_is_none(self, units: BatchUnits) -> None:
        """Neither small letters nor another product nor anything that only reads alike."""
        serial = serials(1)[0]
        wanted = [(GTIN, serial.lower()), (OTHER_GTIN, serial), (GTIN, f"{serial[:4]}-{serial[4:]}"), (GTIN, "NO"), ("", "")]
        batches, _ = units.places(wanted)
        assert not batches.any()
        assert units.places([])[0].tolist() == []

    @pytest.mark.parametrize("rank", [0, COUNT, 2**40])
    def test_an_index_that_lies_is_found_out(self, url: str, batch: StoredBatch, units: BatchUnits, rank: int) -> None:
        """Another unit stands at the rank that it names, or none."""
        place = int(units.places([(GTIN, serials(1)[0])])[1][0])
        wrong = rank if rank != place else 1
        self.execute(url, "UPDATE units SET row_index = :rank WHERE row_index = :place AND batch_id = :batch",
                     rank=wrong, place=place, batch=batch.id)  # fmt: skip
        if wrong < COUNT:
            assert units.places([(GTIN, serials(1)[0])])[0].tolist() == [0]
        else:
            with pytest.raises(StoreDamaged):
                units.places([(GTIN, serials(1)[0])])

    # ------------------------------------------------------------------------------------------------------- entries

    def test_a_ledger_comes_back(self, ledgers: Ledgers, batch: StoredBatch, units: BatchUnits) -> None:
        """Empty at first; then with every entry, its numbers and over-runs."""
        ledger = ledgers.read(batch)
        assert ledger.entries == ()
        ledger = ledgers.append(ledger, ledger_entries.printed(ledger, 0, 30, "pdf", ["标签.pdf"], actor="line 2"))
        listed = "".join(f"{serial}\n" for serial in [*serials(20), "STRANGER"])
        draft = line_reports.read(io.BytesIO(listed.encode()), ledger, units, Kind.APPLIED, actor="line 2", name="夜班.csv")
        ledger = ledgers.append(ledger, draft)
        ledger = ledgers.append(
            ledger, ledger_entries.explained(ledger, Overrun.NOT_OF_BATCH, actor="质量部", reason="another roll; 另一卷")
        )
        found = ledgers.read(batch)
        assert found.entries == ledger.entries
        assert found.counts() == ledger.counts()
        assert found.overruns() == ledger.overruns()
        assert list(found.listed()) == list(ledger.listed())
        assert found.counts().applied == 20
        assert [entry.name for entry in found.entries] == ["标签.pdf", "夜班.csv", None]

    def test_each_batch_has_its_own(self, store: Store, ledgers: Ledgers, batch: StoredBatch) -> None:
        """Entries of one are not another's."""
        other = store.batch_by_run(7, "second")
        assert other is not None
        for one in (batch, other):
            ledger = ledgers.read(one)
            ledgers.append(ledger, Draft(Kind.VOIDED, KEY, Ranks.of(COUNT, [one.id])))
        assert list(ledgers.read(batch).withdrawn) == [batch.id]
        assert list(ledgers.read(other).withdrawn) == [other.id]

    def test_two_at_once(self, ledgers: Ledgers, batch: StoredBatch) -> None:
        """Who comes second has not seen the entry of the first, and is told."""
        ledger = ledgers.read(batch)
        draft = Draft(Kind.VOIDED, KEY, Ranks.of(COUNT, [1]))
        after = ledgers.append(ledger, draft)
        with pytest.raises(StoreError, match="entry 1 of the label ledger was put on record by somebody else"):
            ledgers.append(ledger, draft)
        assert ledgers.read(batch).entries == after.entries

    def test_a_batch_that_is_not_there(self, ledgers: Ledgers) -> None:
        """Has no ledger to write in."""
        ledger = Ledger(b"\1" * 32, COUNT)
        with pytest.raises(StoreError, match="is not in this store"):
            ledgers.append(ledger, Draft(Kind.VOIDED, KEY, Ranks(COUNT)))

    @pytest.mark.parametrize(
        "change",
        [
            "DELETE FROM label_entries WHERE number = 1",
            "UPDATE label_entries SET number = 9 WHERE number = 2",
            "UPDATE label_entries SET units = 1",
            "UPDATE label_entries SET kind = 'applied' WHERE number = 2",
            "UPDATE label_entries SET kind = 'forgotten'",
            "UPDATE label_entries SET actor = 'somebody'",
            "UPDATE label_entries SET marks = digest",
            "UPDATE label_entries SET overruns = digest",
            "UPDATE label_entries SET document = digest",
            "UPDATE label_entries SET reason = 'because'",
        ],
    )
    def test_a_changed_ledger_is_damage(self, url: str, ledgers: Ledgers, batch: StoredBatch, change: str) -> None:
        """Whatever was changed, nothing is concluded from it."""
        ledger = ledgers.append(ledgers.read(batch), Draft(Kind.VOIDED, KEY, Ranks.of(COUNT, [1])))
        ledger = ledgers.append(ledger, Draft(Kind.VOIDED, KEY, Ranks.of(COUNT, [2, 3])))
        ledgers.append(ledger, Draft(Kind.VOIDED, KEY, Ranks.of(COUNT, [4])))
        self.execute(url, change)
        with pytest.raises(StoreDamaged):
            ledgers.read(batch)

    def test_a_store_that_is_not_there_is_not_made(self, url: str, tmp_path: Path) -> None:
        """Ledgers are of a store: an empty one in its place would know of nothing."""
        with pytest.raises(StoreUnavailable):
            Ledgers.open(url)
        assert not list(tmp_path.iterdir())

    def test_large_sets_come_back(self, ledgers: Ledgers, batch: StoredBatch) -> None:
        """Over-runs of every line, and the longest texts that may be given."""
        overruns = np.zeros(COUNT, [("what", "u1"), ("rank", "<u4"), ("line", "<u4")])
        overruns["what"], overruns["rank"], overruns["line"] = Overrun.NOT_PRINTED, np.arange(COUNT), 2**32 - 1
        draft = Draft(
            Kind.APPLIED, "n" * 100, Ranks.between(COUNT, 0, COUNT), "f" * 1000, "0" * 64, 2**40, "r" * 1000, overruns
        )
        ledger = ledgers.append(ledgers.read(batch), draft)
        assert ledgers.read(batch).entries == ledger.entries
        assert [one.line for one in ledgers.read(batch).listed()] == [2**32 - 1] * COUNT


class TestSQLite(LedgerConformance):
    """Ledgers over SQLite."""

    @pytest.fixture
    def url(self, sqlite_url: str) -> str:
        """Give the URL of an SQLite file that is not there yet."""
        return sqlite_url


@pytest.mark.xdist_group("postgresql")
class TestPostgreSQL(LedgerConformance):
    """Ledgers over PostgreSQL."""

    @pytest.fixture
    def url(self, postgresql_url: str) -> str:
        """Give the URL of an empty database."""
        return postgresql_url

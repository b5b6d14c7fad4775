"""Nothing in our own store can make an unsealed code registered, or a sealed one altered (protocol § 7).

A real store with two manufacturers' batches, and everything that somebody with access to it could change, one thing after the
other. After each change a set of labels is checked: sealed ones, never sealed ones with rows planted for them, a withdrawn one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from registry.checking.findings import Findings
from registry.checking.trust import Anchor, Reason, Withdrawal
from registry.checking.verdicts import Code, Registration
from registry.checking.verifier import Verifier
from registry.proofs import encoding, merkle, signing
from registry.proofs.tree_file import pack_unit
from registry.storage.store import Store
from registry.storage.tables import metadata
from registry.units import links, serials
from registry.units.records import Record, UnitId
from tests.checking.world import (
    ANCHORED,
    BASE,
    DAY,
    HERB,
    LIQUOR,
    NOW,
    REGISTRY_ID,
    SCOOTER,
    SCREW,
    PaperChain,
    Shelf,
    Slot,
    World,
    issue,
    private_key,
)
from tests.faults.vandal import DatabaseVandal, TreeVandal
from tests.issuing.samples import Signer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from registry.checking.verdicts import Outcome, Verdict

SIGNED: Final = Record(SCOOTER, "L1", "4D2A9KXQ7M1TZ0BC")
COMPACT: Final = Record(SCREW, "L2", "6E3B8JWP5N2SY1CD")
WITHDRAWN: Final = Record(SCOOTER, "L1", "9H6E2FRS8P3QT4GJ")
OTHER_SIGNED: Final = Record(LIQUOR, "L3", "7F4C9HVR6P3TX2DE")
OTHER_COMPACT: Final = Record(HERB, "L4", "8G5D1GTS7Q4VW3EF")
GHOST: Final = Record(SCOOTER, "L1", "GH0STGH0STGH0ST1")
COMPACT_GHOST: Final = Record(SCREW, "L2", "GH0STGH0STGH0ST2")

BATCHES: Final = {
    1: [SIGNED, COMPACT, WITHDRAWN, Record(SCOOTER, "L1", "A-1"), Record(SCOOTER, "L1", "A-2")],
    2: [OTHER_SIGNED, OTHER_COMPACT, Record(LIQUOR, "L3", "B-1")],
}
CARRIERS: Final = {SCREW: "compact", HERB: "compact"}


@dataclass(frozen=True)
class Probe:
    """A label, and what may be said of it whatever the store holds."""

    check: Callable[[Verifier], Verdict]
    at_first: Registration
    allowed: frozenset[Registration]
    if_no_record: Registration | None = None
    """What may be said besides, if the reason is that we hold no record."""

    def permits(self, verdict: Verdict) -> bool:
        """Say whether a verdict is one that the store may lead to."""
        if verdict.registration in self.allowed:
            return True
        return verdict.registration is self.if_no_record and Code.NO_RECORD in verdict.reasons


def link(record: Record, signature: bytes) -> str:
    """Return a signed link."""
    return links.build(BASE, record, signature)


def signature_by(name: str, record: Record) -> bytes:
    """Return the signature of a record by the key of this name."""
    return signing.sign(encoding.RecordHasher(REGISTRY_ID).digest(record), private_key(name))


def probes() -> dict[str, Probe]:
    """Return the labels that are checked after every change."""
    r = Registration
    lost, unknown = frozenset({r.REGISTERED, r.CANNOT_CHECK}), frozenset({r.CANNOT_CHECK})
    altered, number = frozenset({r.ALTERED}), frozenset({r.NUMBER_KNOWN, r.CANNOT_CHECK})

    def scan(text: str) -> Callable[[Verifier], Verdict]:
        return lambda verifier: verifier.check(text)

    def typed(unit: UnitId) -> Callable[[Verifier], Verdict]:
        return lambda verifier: verifier.check_number(unit)

    def sealed_link(name: str, record: Record) -> str:
        return link(record, signature_by(name, record))

    genuine = sealed_link("key 1", SIGNED)
    return {
        "signed": Probe(scan(genuine), r.REGISTERED, lost, r.SIGNED_NOT_ANCHORED),
        "compact": Probe(scan(links.build_compact(BASE, COMPACT.id)), r.REGISTERED, lost, r.NOT_REGISTERED),
        "signed by the other": Probe(scan(sealed_link("key 2", OTHER_SIGNED)), r.REGISTERED, lost, r.SIGNED_NOT_ANCHORED),
        "compact of the other": Probe(scan(links.build_compact(BASE, OTHER_COMPACT.id)), r.REGISTERED, lost, r.NOT_REGISTERED),
        "withdrawn": Probe(
            scan(sealed_link("key 1", WITHDRAWN)), r.WITHDRAWN, frozenset({r.WITHDRAWN, r.CANNOT_CHECK}), r.SIGNED_NOT_ANCHORED
        ),
        "stripped": Probe(scan(genuine.partition("?")[0]), r.NUMBER_KNOWN, number, r.NOT_REGISTERED),
        "typed": Probe(typed(COMPACT.id), r.NUMBER_KNOWN, number, r.NOT_REGISTERED),
        "never sealed, signed by its maker": Probe(
            scan(sealed_link("key 1", GHOST)), r.CANNOT_CHECK, unknown, r.SIGNED_NOT_ANCHORED
        ),
        "never sealed, signed by another maker": Probe(
            scan(sealed_link("key 2", GHOST)), r.ALTERED, frozenset({r.ALTERED, r.CANNOT_CHECK})
        ),
        "never sealed, signed by a stranger": Probe(scan(sealed_link("stranger", GHOST)), r.ALTERED, altered),
        "never sealed, random signature": Probe(scan(link(GHOST, bytes(range(64)))), r.ALTERED, altered),
        "never sealed, signature of another unit": Probe(scan(link(GHOST, signature_by("key 1", SIGNED))), r.ALTERED, altered),
        "never sealed, unsigned": Probe(
            scan(f"{BASE}/01/{SCOOTER}/10/L1/21/{GHOST.serial}"), r.CANNOT_CHECK, unknown, r.NOT_REGISTERED
        ),
        "never sealed, compact": Probe(
            scan(links.build_compact(BASE, COMPACT_GHOST.id)), r.CANNOT_CHECK, unknown, r.NOT_REGISTERED
        ),
        "never sealed, typed": Probe(typed(COMPACT_GHOST.id), r.CANNOT_CHECK, unknown, r.NOT_REGISTERED),
    }


@dataclass
class Stage:
    """A store, the chain that it belongs to, and those who will edit it."""

    store: Store
    verifier: Verifier
    database: DatabaseVandal
    trees: TreeVandal
    probes: dict[str, Probe]

    def verdicts(self) -> dict[str, Verdict]:
        """Check every label."""
        self.store._claims.clear()  # what a running store remembers of batches would hide what is done to them
        self.store._trees.look_again()
        return {name: probe.check(self.verifier) for name, probe in self.probes.items()}

    def violations(self, edits: Iterable[str], names: Iterable[str] | None = None) -> tuple[list[str], int]:
        """Check every label, or those named, after every edit; returns what must never be, and the number of edits."""
        names = list(self.probes if names is None else names)
        found = []
        count = 0
        for edit in edits:
            count += 1
            self.store._claims.clear()  # what was read before the edit; what is read after it may be remembered
            self.store._trees.look_again()
            for name in names:
                verdict = self.probes[name].check(self.verifier)
                if not self.probes[name].permits(verdict):
                    found.append(f"{edit}: {name} is {verdict.registration} {list(map(str, verdict.reasons))}")
        return found, count

    def rows_that_matter(self, table: str) -> set[int]:
        """Return the rows without which some verdict would be another one; all of them where no verdict needs any."""
        before = self.verdicts()
        matter = {row_id for row_id, _ in self.database.deletions(table) if self.verdicts() != before}
        return matter or set(self.database.rows(table))

    def labels_that_read(self, file: Path) -> list[str]:
        """Return the labels whose verdicts are others without a file."""
        before = self.verdicts()
        with self.trees.without(file):
            without = self.verdicts()
        return [name for name, verdict in without.items() if verdict != before[name]]


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    """Keep the alarms of tens of thousands of damages out of the report."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Set up two anchored batches, and rows for units that nobody sealed."""
    folder = tmp_path_factory.mktemp("hostile")
    url, trees = f"sqlite:///{folder / 'registry.db'}", folder / "trees"
    world = World(PaperChain(), Shelf())
    seals: dict[int, bytes] = {}
    ranks: dict[int, dict[str, int]] = {}
    with Store.open(url, trees, create=True) as store:
        for manufacturer, records in BATCHES.items():
            world.accredit(manufacturer, f"952100{manufacturer}")
            world.add_key(f"key {manufacturer}", manufacturer)
            signer = Signer(private_key(f"key {manufacturer}"))
            batch = issue(folder, records, signer, carriers=CARRIERS)
            number = store.add_batch(batch, manufacturer=manufacturer, run=f"run {manufacturer}", key=signer.address)
            seals[manufacturer] = batch.seal
            ranks[manufacturer] = {record.serial: index for record, _, index in store.labels(number)}
            store.mark_submitted(number, b"raw transaction", bytes(32))
            store.mark_anchored(number, 900, ANCHORED)
            anchor = Anchor(signer.address, ANCHORED, 900)
            slot = world.chain.slots[manufacturer, batch.seal] = Slot(anchor)
            if (withdrawn := ranks[manufacturer].get(WITHDRAWN.serial)) is not None:
                void = Withdrawal(Reason.VOID, anchor.key, NOW - DAY, whole_batch=False, key_compromised=False)
                slot.unit_withdrawals[withdrawn] = [void]
        for raw in world.shelf.profiles.values():
            store.add_profile(raw)

    database, vandal = DatabaseVandal(folder / "registry.db"), TreeVandal(trees)
    database.lift_constraints()
    # Two units that no label asks for make room for two that nobody sealed.
    file, (first, second) = trees / seals[1].hex(), (ranks[1][serial] for serial in ("A-1", "A-2"))
    with Store.open(url, trees) as store:
        products = [(product.gtin, product.lot) for product in store.tree(seals[1]).manifest.products]
        end = {rank: store.tree(seals[1]).packed(rank, 1)[2:6] for rank in (first, second)}
    for rank, ghost in ((first, GHOST), (second, COMPACT_GHOST)):
        place = products.index((ghost.gtin, ghost.lot))
        signature = signature_by("key 1", ghost)
        vandal.plant(file, rank, pack_unit(place, int.from_bytes(end[rank], "big"), ghost.serial.encode(), signature))
        database.insert("units", {"folded": serials.fold(ghost.serial), "gtin": ghost.gtin, "batch_id": 1, "row_index": rank})
    with Store.open(url, trees) as store:
        verifier = Verifier(world.trust, [world.chain], store, clock=lambda: NOW)
        yield Stage(store, verifier, database, vandal, probes())
    database.close()


def test_before_any_edit_every_label_has_the_verdict_it_should(stage: Stage) -> None:
    """The stage is set as the other tests think it is."""
    found = {name: verdict.registration for name, verdict in stage.verdicts().items()}
    assert found == {name: probe.at_first for name, probe in stage.probes.items()}


def test_the_vandal_sees_every_table_and_column_that_we_define(stage: Stage) -> None:
    """What is tried follows from the database, so that a new column is tried by itself."""
    for table in metadata.sorted_tables:
        assert table.name in stage.database.tables()
        assert set(stage.database.columns(table.name)) == {column.name for column in table.columns}


COLUMNS: Final = [(table.name, column.name) for table in metadata.sorted_tables for column in table.columns]


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_no_value_of_any_cell_leads_to_a_false_verdict(stage: Stage, table: str, column: str) -> None:
    """Odd values, nearly right values, and the values of every other row."""
    found, count = stage.violations(stage.database.cell_edits(table, column, stage.rows_that_matter(table)))
    assert count > 10 or not stage.database.rows(table)
    assert found == []


@pytest.mark.parametrize("table", [table.name for table in metadata.sorted_tables])
def test_no_exchange_of_rows_leads_to_a_false_verdict(stage: Stage, table: str) -> None:
    """Rows deleted, doubled, and given the content of others."""
    keys = [column.name for column in metadata.tables[table].primary_key.columns]
    deleted, _ = stage.violations(what for _, what in stage.database.deletions(table))
    found, count = stage.violations(stage.database.row_edits(table, keys, stage.rows_that_matter(table)))
    assert count > 1 or len(stage.database.rows(table)) < 2
    assert deleted + found == []


def test_no_missing_table_leads_to_a_false_verdict(stage: Stage) -> None:
    """Tables renamed or emptied, our own and the migrations' one."""
    for table in stage.database.tables():
        found, _ = stage.violations(stage.database.table_edits(table))
        assert found == []


@pytest.mark.parametrize("number", range(len(BATCHES)))
def test_no_byte_of_any_tree_leads_to_a_false_verdict(stage: Stage, number: int) -> None:
    """Every byte of every tree file, header included."""
    file = stage.trees.files[number]
    names = stage.labels_that_read(file)
    assert names
    found, count = stage.violations(stage.trees.byte_edits(file), names)
    assert count >= file.stat().st_size
    assert found == []


@pytest.mark.parametrize("number", range(len(BATCHES)))
def test_no_exchange_of_units_in_any_tree_leads_to_a_false_verdict(stage: Stage, number: int) -> None:
    """Units exchanged, and mixed with those of the same and of the other file."""
    found, count = stage.violations(stage.trees.unit_edits(stage.trees.files[number]))
    assert count > 100
    assert found == []


@pytest.mark.parametrize("number", range(len(BATCHES)))
def test_no_loss_of_any_tree_leads_to_a_false_verdict(stage: Stage, number: int) -> None:
    """Files cut, lengthened, exchanged, removed."""
    found, _ = stage.violations(stage.trees.file_edits(stage.trees.files[number]))
    assert found == []


def test_everything_was_undone(stage: Stage) -> None:
    """The edits before left nothing behind, so that each was tried alone."""
    test_before_any_edit_every_label_has_the_verdict_it_should(stage)


# --------------------------------------------------------------------------------------- these tests are able to fail


def test_a_verifier_that_checks_no_path_is_caught(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then planted rows are enough to register what nobody sealed."""
    monkeypatch.setattr(merkle, "verify_presence", lambda *_: bytes(32))
    found, _ = stage.violations(["nothing"])
    assert any("never sealed, compact is registered" in one for one in found)
    assert any("never sealed, signed by its maker is registered" in one for one in found)


def test_a_verifier_that_blames_the_label_for_our_damage_is_caught(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then a genuine label becomes altered with the first edit of its row."""
    find = Findings.find

    def blame(self: Findings, registration: Registration, outcome: Outcome, code: Code | None, detail: str = "") -> None:
        find(self, Registration.ALTERED if code is Code.STORE_DAMAGED else registration, outcome, code, detail)

    monkeypatch.setattr(Findings, "find", blame)
    found, _ = stage.violations(stage.database.cell_edits("batches", "salt", stage.rows_that_matter("batches")))
    assert any(": signed is altered" in one for one in found)

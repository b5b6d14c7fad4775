"""A registration anchors once, pays once and stores every unit once, whatever happens on the way."""

from __future__ import annotations

import io
import itertools
import time
from typing import TYPE_CHECKING, Any

import pytest

from registry.checking.trust import Anchor
from registry.errors import (
    AlreadyRegistered,
    ChainUnavailable,
    InputError,
    IntakeError,
    SealError,
    SignatureError,
    StoreDamaged,
    StoreUnavailable,
    TransactionRefused,
)
from registry.issuing import pipeline, sealing
from registry.issuing.batches import State
from registry.issuing.pipeline import Registration
from registry.issuing.registration import Outcome, Report, Step, StepReport
from registry.issuing.stages import Stage
from registry.proofs import crew, encoding, manifest, signing
from registry.storage.store import Store
from tests.issuing.ledger import TIME, Ledger, Receipt, SignedTransaction, known_key
from tests.issuing.samples import GTIN, KEY, LOT, PRIVATE_KEY, REGISTRY_ID, products, serials
from tests.issuing.samples import Signer as SharedSigner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Signer:
    """A key that counts what it signs."""

    address = KEY

    def __init__(self) -> None:
        self.signed = 0

    def sign_digest(self, digest: bytes) -> bytes:
        self.signed += 1
        return signing.sign(digest, PRIVATE_KEY)


class Killed(BaseException):
    """Ends a run as SIGKILL would: nothing of ours catches it."""


def file(*wanted: str) -> io.BytesIO:
    return io.BytesIO("".join(["gtin,lot,serial\n", *(f"{GTIN},{LOT},{serial}\n" for serial in wanted)]).encode())


FILE = [*serials(3), "", ""]
"""Three units with serials of their own and two without."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'registry.db'}", tmp_path / "trees", create=True) as store:
        yield store


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
def registration(store: Store, ledger: Ledger, signer: Signer) -> Registration:
    return Registration(store, ledger, signer, REGISTRY_ID, clock=lambda: TIME, sleep=lambda _: None)


def outcomes(report: Report) -> dict[Step, Outcome]:
    return {step.step: step.outcome for step in report.steps}


def test_a_run_goes_from_file_to_final(registration: Registration, store: Store, ledger: Ledger, signer: Signer) -> None:
    report = registration.run(file(*FILE), products())
    assert set(outcomes(report).values()) == {Outcome.DONE}
    assert list(outcomes(report)) == list(Step)
    assert report.batch.state is State.FINAL
    assert (report.units_in_file, report.units_generated, report.units_signed, report.units_stored) == (5, 2, 5, 5)
    assert (report.manufacturer, report.transactions_made, signer.signed) == (7, 1, 5)
    assert (report.gas_used, report.fee) == (50_000, 10**14)
    assert report.batch.transaction_hash == ledger.mined[0]
    assert (report.batch.anchored_block, report.batch.anchored_at) == (101, TIME)
    assert report.run == report.batch.run == report.batch.fingerprint
    assert len(list(store.labels(report.batch.id))) == 5


def test_the_same_files_again_do_nothing(registration: Registration, store: Store, ledger: Ledger, signer: Signer) -> None:
    first = registration.run(file(*FILE), products())
    again = registration.run(file(*FILE), products())
    assert again.batch == first.batch
    assert (again.gas_used, again.fee) == (0, 0)
    assert (again.units_signed, again.units_stored, again.transactions_made, signer.signed) == (0, 5, 0, 5)
    assert set(outcomes(again).values()) == {Outcome.DONE, Outcome.SKIPPED}
    assert [step for step, outcome in outcomes(again).items() if outcome is Outcome.DONE] == [Step.READ]
    assert len(ledger.mined) == len(store.batches()) == 1


BOUNDARIES = [(step, outcome) for step, outcome in itertools.product(Step, (Outcome.BEGUN, Outcome.DONE))]


@pytest.mark.parametrize(("step", "outcome"), BOUNDARIES, ids=[f"{step} {outcome}" for step, outcome in BOUNDARIES])
def test_killed_at_any_boundary_it_continues(  # noqa: PLR0917  # fixtures
    step: Step, outcome: Outcome, store: Store, ledger: Ledger, signer: Signer, registration: Registration
) -> None:
    def kill(report: StepReport) -> None:
        if (report.step, report.outcome) == (step, outcome):
            raise Killed

    killed = Registration(store, ledger, signer, REGISTRY_ID, on_step=kill, clock=lambda: TIME)
    with pytest.raises(Killed):
        killed.run(file(*FILE), products())
    stored_before = store.batches()
    report = registration.run(file(*FILE), products())
    assert report.batch.state is State.FINAL
    assert len(ledger.mined) == len(store.batches()) == 1
    assert report.units_stored == 5
    assert report.units_signed == (0 if stored_before else 5)
    expected = Outcome.SKIPPED if stored_before else Outcome.DONE
    assert outcomes(report)[Step.SEAL] is outcomes(report)[Step.STORE] is expected


@pytest.mark.parametrize("fault", ["lost", "reply lost"])
def test_a_lost_answer_is_no_second_payment(registration: Registration, ledger: Ledger, store: Store, fault: str) -> None:
    ledger.faults = [fault]
    with pytest.raises(ChainUnavailable):
        registration.run(file(*FILE), products())
    assert store.batches()[0].state is State.SUBMITTED
    report = registration.run(file(*FILE), products())
    assert (report.batch.state, report.transactions_made) == (State.FINAL, 0)
    assert len(ledger.mined) == 1


def test_a_transaction_whose_place_was_taken_is_made_anew(registration: Registration, ledger: Ledger) -> None:
    ledger.faults = ["overtaken"]
    report = registration.run(file(*FILE), products())
    assert (report.batch.state, report.transactions_made, len(ledger.mined)) == (State.FINAL, 2, 1)
    assert report.batch.transaction_hash == ledger.mined[0]


@pytest.mark.parametrize("fault", ["overtaken", "refused"])
def test_a_stored_transaction_that_is_too_old_is_made_anew(registration: Registration, ledger: Ledger, fault: str) -> None:
    ledger.faults = ["lost", fault]
    with pytest.raises(ChainUnavailable):
        registration.run(file(*FILE), products())
    report = registration.run(file(*FILE), products())
    assert (report.batch.state, report.transactions_made, len(ledger.mined)) == (State.FINAL, 1, 1)


def test_a_new_transaction_that_is_refused_is_not_made_again(registration: Registration, ledger: Ledger, store: Store) -> None:
    ledger.faults = ["refused"]
    with pytest.raises(TransactionRefused, match="does not like"):
        registration.run(file(*FILE), products())
    assert ledger.mined == []
    assert store.batches()[0].state is State.SUBMITTED
    assert registration.run(file(*FILE), products()).batch.state is State.FINAL


def test_a_busy_account_is_given_up_after_some_attempts(registration: Registration, ledger: Ledger) -> None:
    ledger.faults = ["overtaken"] * 9
    with pytest.raises(TransactionRefused, match="3 transactions were lost"):
        registration.run(file(*FILE), products())
    assert ledger.mined == []


def test_a_seal_that_somebody_relayed_is_not_anchored_again(registration: Registration, ledger: Ledger, store: Store) -> None:
    def stop(_: object) -> None:
        raise InputError("too expensive")

    registration._confirm = stop
    with pytest.raises(InputError, match="too expensive"):
        registration.run(file(*FILE), products())
    batch = store.batches()[0]
    assert batch.state is State.SEALED
    ledger.anchors[batch.seal] = Anchor(KEY, TIME, 55)
    report = registration.run(file(*FILE), products())
    assert (report.batch.state, report.batch.anchored_block, report.transactions_made) == (State.FINAL, 55, 0)
    assert report.batch.transaction_hash is None


def test_an_anchor_that_is_not_final_is_noted_later(registration: Registration, ledger: Ledger) -> None:
    ledger.final_after = 1
    report = registration.run(file(*FILE), products())
    assert report.batch.state is State.ANCHORED
    assert outcomes(report)[Step.FINAL] is Outcome.PENDING
    report = registration.run(file(*FILE), products())
    assert report.batch.state is State.FINAL
    assert outcomes(report)[Step.ANCHOR] is Outcome.SKIPPED


def test_a_clock_that_jumps_refuses_no_key_and_ends_no_waiting(
    registration: Registration, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The contract goes by the chain's clock: what this machine takes for the time has no say."""
    jumps = itertools.cycle([0.0, 4e9])
    monkeypatch.setattr(time, "time", lambda: next(jumps))
    ledger.final_after = 5
    assert registration.run(file(*FILE), products(), final_seconds=60).batch.state is State.FINAL


def test_an_anchor_that_is_reorganised_away_while_it_is_waited_for_is_made_again(
    store: Store, ledger: Ledger, signer: Signer
) -> None:
    """The batch goes back to submitted, and the same transaction is sent again: nothing new is signed or paid for."""
    states: list[State] = []

    def sleep(_: float) -> None:
        if not states:
            ledger.anchors.clear()
            ledger.mined.clear()
            ledger.nonce = 0
        states.append(store.batches()[0].state)

    ledger.final_after = 3
    registration = Registration(store, ledger, signer, REGISTRY_ID, sleep=sleep)
    report = registration.run(file(*FILE), products(), final_seconds=60)
    assert (report.batch.state, report.transactions_made, len(ledger.mined)) == (State.FINAL, 1, 1)


def test_it_waits_for_finality_if_asked(store: Store, ledger: Ledger, signer: Signer) -> None:
    now: Iterator[int] = itertools.count(TIME)
    ledger.final_after = 5
    registration = Registration(store, ledger, signer, REGISTRY_ID, clock=lambda: next(now), sleep=lambda _: None)
    assert registration.run(file(*FILE), products(), final_seconds=60).batch.state is State.FINAL


def test_an_anchor_that_was_reorganised_away_is_made_again(registration: Registration, ledger: Ledger) -> None:
    ledger.final_after = 1
    registration.run(file(*FILE), products())
    ledger.anchors.clear()
    ledger.mined.clear()
    ledger.nonce = 0
    report = registration.run(file(*FILE), products())
    assert (report.batch.state, report.transactions_made, len(ledger.mined)) == (State.FINAL, 0, 1)


def test_a_chain_that_forgot_a_final_batch_is_another_chain(registration: Registration, ledger: Ledger) -> None:
    registration.run(file(*FILE), products())
    ledger.anchors.clear()
    with pytest.raises(StoreDamaged, match="the chain does not know its seal"):
        registration.run(file(*FILE), products())
    assert len(ledger.mined) == 1


def test_a_faulty_file_signs_nothing(registration: Registration, store: Store, ledger: Ledger, signer: Signer) -> None:
    with pytest.raises(IntakeError):
        registration.run(file("A B"), products())
    assert (signer.signed, store.batches(), ledger.mined) == (0, (), [])


def test_registered_units_are_named_with_their_lines_and_nothing_is_signed(
    registration: Registration, store: Store, signer: Signer
) -> None:
    batch = registration.run(file(*serials(3)), products()).batch
    with pytest.raises(AlreadyRegistered, match="2 of 4 units are registered already; nothing was signed") as caught:
        registration.run(file(*serials(2, start=10), *serials(2)), products())
    first, second = serials(2)
    assert caught.value.conflicts == (
        f"line 4: {GTIN}/{first} is in batch {batch.id} (seal 0x{batch.seal.hex()})",
        f"line 5: {GTIN}/{second} is in batch {batch.id} (seal 0x{batch.seal.hex()})",
    )
    assert signer.signed == 3
    assert len(store.batches()) == 1


def test_a_run_name_belongs_to_its_files(registration: Registration) -> None:
    report = registration.run(file(*serials(3)), products(), run="september")
    assert report.batch.run == "september"
    with pytest.raises(AlreadyRegistered, match="was sealed from other files"):
        registration.run(file(*serials(3, start=10)), products(), run="september")


def test_files_without_serials_are_another_batch_under_another_name(registration: Registration, store: Store) -> None:
    registration.run(file("", ""), products(), run="monday")
    registration.run(file("", ""), products(), run="tuesday")
    assert [batch.run for batch in store.batches()] == ["monday", "tuesday"]


@pytest.mark.parametrize("name", ["", " ", "a" * 101, "a\nb", " a"])
def test_a_run_name_is_short_and_printable(registration: Registration, name: str) -> None:
    with pytest.raises(InputError, match="the run's name"):
        registration.run(file(*FILE), products(), run=name)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"manufacturer": 0}, "nobody's"),
        ({"permissions": 2}, "may not anchor"),
        ({"revoked_at": TIME - 1}, "was revoked on 2026-09-21 14:13:19 UTC"),
        (
            {"not_after": TIME - 1},
            "outside its window.* to 2026-09-21 14:13:19 UTC; on the chain it is",
        ),
        ({"compromised_since": TIME}, "compromised, since 2026-09-21 14:13:20 UTC"),
    ],
)
def test_a_key_that_may_not_anchor_signs_nothing(
    registration: Registration, ledger: Ledger, signer: Signer, changes: dict[str, Any], expected: str
) -> None:
    ledger.facts = known_key(**changes)
    with pytest.raises(InputError, match=expected):
        registration.run(file(*FILE), products())
    assert signer.signed == 0


def test_what_the_contract_would_refuse_is_not_signed(registration: Registration, ledger: Ledger, signer: Signer) -> None:
    ledger.suspended = True
    with pytest.raises(TransactionRefused, match="suspended"):
        registration.run(file(*FILE), products())
    assert signer.signed == 0


def test_signatures_of_another_key_are_not_stored(registration: Registration, store: Store, signer: Signer) -> None:
    signer.address = "0x000000000000000000000000000000000000dEaD"
    with pytest.raises(SignatureError, match="expected 0x000000000000000000000000000000000000dEaD"):
        registration.run(file(*FILE), products())
    assert store.batches() == ()


def test_a_correction_names_the_batch_it_supersedes(registration: Registration) -> None:
    wrong = registration.run(file(*serials(2)), products()).batch
    right = registration.run(file(*serials(2, start=10)), products(), supersedes=wrong.seal).batch
    assert manifest.read(right.manifest).supersedes == wrong.seal
    with pytest.raises(SealError, match="another superseded batch"):
        registration.run(file(*serials(2, start=10)), products())


def test_an_unknown_batch_cannot_be_superseded(registration: Registration, store: Store) -> None:
    with pytest.raises(InputError, match="no batch of this manufacturer"):
        registration.run(file(*FILE), products(), supersedes=bytes(32))
    assert store.batches() == ()


def test_a_dry_run_reads_and_checks_and_signs_nothing(registration: Registration, store: Store, signer: Signer) -> None:
    assert len(registration.check(file(*FILE), products())) == 5
    assert (signer.signed, store.batches()) == (0, ())


def test_two_registrations_do_not_work_at_once(registration: Registration, store: Store) -> None:
    with store.exclusive(), pytest.raises(StoreUnavailable, match="another registration"):
        registration.run(file(*FILE), products())


def test_a_store_that_lost_units_is_not_anchored(registration: Registration, store: Store, ledger: Ledger) -> None:
    ledger.faults = ["lost"]
    with pytest.raises(ChainUnavailable):
        registration.run(file(*FILE), products())
    with store._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM units WHERE row_index = 0")
    with pytest.raises(StoreDamaged, match="5 units of which 4 are stored, and the file 5"):
        registration.run(file(*FILE), products())
    assert ledger.mined == []


def test_what_takes_a_transactions_place_is_on_record(registration: Registration, store: Store, ledger: Ledger) -> None:
    """A run that is killed then sends the dearer one again, not the one that is too cheap."""
    ledger.dearer = [SignedTransaction(b"dearer", b"\1" * 32), SignedTransaction(b"dearest", b"\2" * 32)]
    report = registration.run(file(*FILE), products())
    batch = store.batch_by_id(report.batch.id)
    assert batch is not None
    assert (batch.raw_transaction, batch.transaction_hash) == (b"dearest", b"\2" * 32)
    assert report.transactions_made == 3


def test_what_became_too_cheap_while_nobody_waited_is_replaced(
    registration: Registration, store: Store, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stored transaction that the node no longer takes is waited for, so that one of its nonce takes its place."""
    ledger.faults = ["lost"]
    with pytest.raises(ChainUnavailable):
        registration.run(file(*FILE), products())
    stored = store.batch_by_id(1)
    assert stored is not None
    waited: list[bytes | None] = []

    def too_cheap(raw: bytes) -> None:
        raise TransactionRefused(f"{len(raw)} bytes are underpriced", error="FeeTooLow")

    def wait(tx_hash: bytes, **_: Any) -> Receipt:
        waited.append(tx_hash)
        ledger.anchors[stored.seal] = Anchor(KEY, TIME, 100)
        return Receipt(50_000, 10**14)

    monkeypatch.setattr(ledger, "send_raw", too_cheap)
    monkeypatch.setattr(ledger, "wait", wait)
    assert registration.run(file(*FILE), products()).anchor.block == 100
    assert waited == [stored.transaction_hash]


def test_progress_of_every_stage_ends_at_the_total(
    store: Store, ledger: Ledger, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "SIGNED_AT_ONCE", 1000)
    seen: list[tuple[Stage, int, int]] = []
    registration = Registration(
        store, ledger, signer, REGISTRY_ID, on_progress=lambda *told: seen.append(told), clock=lambda: TIME
    )
    registration.run(file(*serials(2500), ""), products())
    assert [told[1:] for told in seen if told[0] is Stage.SIGNING] == [(1000, 2501), (2000, 2501), (2501, 2501)]
    last = {stage: (done, total) for stage, done, total in seen}
    assert last.pop(Stage.CHECKING) == (2500, 2500)
    assert set(last) == set(Stage) - {Stage.CHECKING}
    assert set(last.values()) == {(2501, 2501)}


def test_processes_seal_what_one_would(store: Store, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "FEW", 0)
    registration = Registration(store, ledger, SharedSigner(), REGISTRY_ID, clock=lambda: TIME, workers=2)
    report = registration.run(file(*serials(300), *[""] * 300), products())
    assert (report.units_generated, report.units_signed, report.units_stored) == (300, 600, 600)
    merkle_rows = list(store.rows(report.batch.id))
    for (record, signature, index), row in zip(store.labels(report.batch.id), merkle_rows, strict=True):
        assert (row.index, row.unit_key) == (index, encoding.unit_key(report.batch.salt, record.id))
        assert signing.recover(row.digest, signature) == KEY


def test_of_very_many_registered_units_the_first_are_listed(
    registration: Registration, monkeypatch: pytest.MonkeyPatch
) -> None:
    registration.run(file(*serials(50)), products())
    monkeypatch.setattr(pipeline, "MAX_CONFLICTS", 3)
    monkeypatch.setattr(pipeline, "ASKED_AT_ONCE", 7)
    with pytest.raises(AlreadyRegistered, match=r"50 of 51 units .*; nothing was signed; 3 of them") as caught:
        registration.run(file(*serials(51)), products())
    assert len(caught.value.conflicts) == 3


def test_a_full_disk_is_said_and_nothing_is_left(
    registration: Registration, store: Store, signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.posix_fallocate", full)
        with pytest.raises(StoreUnavailable, match="No space left on device"):
            registration.run(file(*FILE), products())
    assert (signer.signed, store.batches()) == (0, ())
    assert not any(path.is_dir() or path.name in {"units", "batch"} for path in (tmp_path / "trees").rglob("*"))
    assert registration.run(file(*FILE), products()).batch.state is State.FINAL


def test_nothing_of_the_work_is_left(registration: Registration, tmp_path: Path) -> None:
    report = registration.run(file(*FILE), products())
    left = [path.name for path in (tmp_path / "trees").rglob("*") if path.is_dir() or path.name in {"units", "batch", "keys"}]
    assert left == []
    assert any(report.batch.seal.hex() in path.name for path in (tmp_path / "trees").iterdir())

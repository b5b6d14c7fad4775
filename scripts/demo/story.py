"""What happens on the demo's stage: eighty days of three brands, told again only where something is missing.

Each chapter moves the chain's clock to its day. No blocks follow the last anchor, so it goes on awaiting finality.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry.checking.trust import Reason
from registry.errors import TransactionRefused
from registry.issuing.batches import State
from registry.issuing.pipeline import Registration
from registry.issuing.products import read_products
from registry.proofs import encoding, manifest, merkle
from scripts.demo.stage import ALLIANCE, GOVERNANCE, INSPECTOR, NOTARY, WITNESS, Brand

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.issuing.batches import StoredBatch
    from registry.issuing.registration import Prepared
    from scripts.demo.stage import Stage

KESTREL: Final = Brand(1, "kestrel")
BAMBOO_SPRING: Final = Brand(2, "bamboo-spring")
GREEN_RIDGE: Final = Brand(3, "green-ridge")
BRANDS: Final = (KESTREL, BAMBOO_SPRING, GREEN_RIDGE)

RECALLED_UNITS: Final = range(10, 20)
STOLEN_UNITS: Final = range(20, 23)
"""Indexes of units of Bamboo Spring's first batch that are withdrawn."""


class Story:
    """Plays the chapters in order. Each asks first whether it was played."""

    def __init__(
        self,
        stage: Stage,
        domain: str,
        tell: Callable[[str], None],
        send: Callable[[Brand, StoredBatch], object],
    ) -> None:
        """Take the stage, the site's domain, and what sends a brand's batch to the site."""
        self._stage = stage
        self._domain = domain
        self._tell = tell
        self._send = send

    def play(self) -> None:
        """Play every chapter that is missing."""
        stage = self._stage
        self._tell(f"contract {stage.trust.deployments[0].contract}")
        self._found_the_alliance()
        for day, brand in zip((78, 77, 76), BRANDS, strict=True):
            stage.move_to(day)
            stage.accredit(brand)
        self._tell("three brands are accredited, each with a key of its own")

        self.issue(BAMBOO_SPRING, "2026-08", 70)
        self.issue(KESTREL, "2026-09", 60)
        self._attest(self.batch(KESTREL, "2026-09"), 58)
        self.issue(BAMBOO_SPRING, "2026-09", 55)
        self.issue(GREEN_RIDGE, "2026-09", 50)
        self.issue(KESTREL, "2026-10", 25)
        self._compromise(since=30, told=20)
        self._withdraw(15)
        self._suspend(10)
        stage.move_to(0)
        if self.batch_or_none(BAMBOO_SPRING, "2026-10") is None:
            stage.chain.finalize()
            stage.chain.mine()
            stage.chain.save()  # before the store calls anything final
        self._settle()
        self.issue(BAMBOO_SPRING, "2026-10", 0)
        self.register(BAMBOO_SPRING, "2026-11", 0, anchor=False)
        stage.move_to_now()

    # --------------------------------------------------------------------------------------------------------- batches

    def batch(self, brand: Brand, month: str) -> StoredBatch:
        """Return a registered batch."""
        found = self.batch_or_none(brand, month)
        if found is None:
            raise LookupError(f"batch {brand.folder} {month} is not in the demo's store")
        return found

    def batch_or_none(self, brand: Brand, month: str) -> StoredBatch | None:
        """Return a batch, or none if it was not sealed yet."""
        return self._stage.store(brand).batch_by_run(brand.number, _run(brand, month))

    def issue(self, brand: Brand, month: str, day: float) -> None:
        """Register and publish an example file."""
        self.register(brand, month, day)
        batch = self.batch(brand, month)
        if self._stage.site.batch(batch.seal) is None:
            self._send(brand, batch)
            self._tell(f"{brand.folder} {month}: published, checked and admitted by the site")

    def register(self, brand: Brand, month: str, day: float, *, anchor: bool = True) -> None:
        """Register an example file as `touchstone register` does; a batch that is there is left alone."""
        known = self.batch_or_none(brand, month)
        if known is not None and (not anchor or known.state not in {State.SEALED, State.SUBMITTED}):
            return
        self._stage.move_to(day)
        folder = self._stage.examples / brand.folder
        signer = self._stage.key(brand)
        registration = Registration(
            self._stage.store(brand),
            self._stage.registrar(brand),
            signer,
            self._stage.trust.registry_id,
            confirm=_agree if anchor else _not_yet,
        )
        with (folder / f"{month}.csv").open("rb") as units:
            try:
                report = registration.run(units, read_products(folder / "products.toml"), run=_run(brand, month))
            except TransactionRefused:
                if anchor:
                    raise
                self._tell(f"{brand.folder} {month}: 1,000 units signed and sealed, not anchored yet")
            else:
                done = f"{report.units_stored:,} units signed, sealed, anchored in block {report.anchor.block}"
                self._tell(f"{brand.folder} {month}: {done}")

    # -------------------------------------------------------------------------------------------------------- chapters

    def _found_the_alliance(self) -> None:
        stage = self._stage
        stage.move_to(79)
        governance = stage.writer(GOVERNANCE, "governance")
        stage.appoint("accreditor", ALLIANCE, "alliance", by=governance)
        stage.appoint("witness", WITNESS, "witness", by=governance)
        alliance = stage.writer(ALLIANCE, "alliance")
        stage.appoint("inspector", INSPECTOR, "inspector", by=alliance)
        stage.appoint("inspector", NOTARY, "notary", by=alliance)
        if not stage.official_domains():
            alliance.set_verifier_domains([self._domain])
            self._tell(f"official domain: {self._domain}")

    def _attest(self, batch: StoredBatch, day: float) -> None:
        """The witness replays the whole tree as the site received it, and says so on the chain."""
        stage = self._stage
        witness = stage.signer(WITNESS, "witness")
        if stage.attested(batch, witness.address):
            return
        copy = stage.site.batch(batch.seal)
        if copy is None:
            raise LookupError(f"batch {batch.run!r} was not published")
        opening = encoding.Opening(batch.root, batch.unit_count, manifest.manifest_hash(batch.manifest))
        units = (record.id for record, _, _ in stage.site.labels(copy.id))
        merkle.replay(stage.site.rows(copy.id), opening, batch.salt, units, seal=batch.seal, manifest_bytes=batch.manifest)
        stage.move_to(day)
        stage.writer_of(witness).attest(batch.manufacturer, batch.seal)
        self._tell("the witness replayed Kestrel's batch and attested it")

    def _compromise(self, *, since: float, told: float) -> None:
        """Kestrel's key was copied: what it anchored before stands, what came after is under review."""
        stage = self._stage
        key = stage.key(KESTREL).address
        if stage.reader.key(key).compromised_since:
            return
        stage.move_to(told)
        stage.controller(KESTREL).set_compromised_since(key, stage.time_at(since), "a copy of the keystore left the plant")
        self._tell("Kestrel's key counts as compromised since 30 days ago")

    def _withdraw(self, day: float) -> None:
        """Bamboo Spring recalls ten bottles, reports three stolen, and withdraws a whole batch."""
        stage = self._stage
        writer = stage.writer_of(stage.key(BAMBOO_SPRING))
        first, second = self.batch(BAMBOO_SPRING, "2026-08"), self.batch(BAMBOO_SPRING, "2026-09")
        for units, reason in ((RECALLED_UNITS, Reason.RECALLED), (STOLEN_UNITS, Reason.STOLEN)):
            if not stage.reader.unit_withdrawals(BAMBOO_SPRING.number, first.seal, units[0]):
                stage.move_to(day)
                writer.withdraw_units(first.seal, reason, _words(units))
                self._tell(f"{len(units)} units of Bamboo Spring: {reason.name.lower()}")
        facts = stage.reader.batch(BAMBOO_SPRING.number, second.seal, stage.key(BAMBOO_SPRING).address)
        if facts.batch_withdrawal is None:
            stage.move_to(day)
            writer.withdraw_batch(second.seal, Reason.RECALLED)
            self._tell("a whole batch of Bamboo Spring: recalled")

    def _suspend(self, day: float) -> None:
        stage = self._stage
        if stage.reader.manufacturer(GREEN_RIDGE.number).suspended_at:
            return
        stage.move_to(day)
        stage.writer(ALLIANCE, "alliance").suspend(GREEN_RIDGE.number, "its accreditation is being renewed")
        self._tell("the alliance suspended Green Ridge")

    def _settle(self) -> None:
        """Note in the brands' stores what is final by now."""
        stage = self._stage
        for brand in BRANDS:
            for batch in stage.store(brand).batches(state=State.ANCHORED):
                if stage.reader.batch(batch.manufacturer, batch.seal, batch.key).anchor is not None:
                    stage.store(brand).mark_final(batch.id)


def _run(brand: Brand, month: str) -> str:
    return f"demo {brand.folder} {month}"


def _words(units: range) -> list[tuple[int, int]]:
    return [(0, sum(1 << index for index in units))]


def _agree(prepared: Prepared) -> None:
    del prepared


def _not_yet(prepared: Prepared) -> None:
    del prepared
    raise TransactionRefused("the batch is not to be anchored yet")

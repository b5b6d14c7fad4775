"""A registry on a real chain with a real store: one manufacturer, a batch that is anchored and final, one that is not."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from registry.chain.devchain import Anvil
from registry.checking.verifier import Verifier
from registry.proofs import encoding, profile
from registry.storage.store import Store
from registry.units import links
from registry.units.records import Record
from tests.chain.stage import REGISTRY_ID, URI, NodeStage, address, signer
from tests.checking.world import BASE, HOST, SCOOTER, SCREW, issue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry.checking.verdicts import Verdict

KEY: Final = "key 1"
SIGNED: Final = Record(SCOOTER, "L1", "4D2A9KXQ7M1TZ0BC")
COMPACT: Final = Record(SCREW, "L2", "6E3B8JWP5N2SY1CD")
LATER: Final = Record(SCOOTER, "L1", "LATER-1")


class Registry:
    """A registry with one manufacturer, whose first batch is anchored and final and whose second is only stored."""

    def __init__(self, chain: NodeStage, store: Store, folder: Path) -> None:
        self.chain = chain
        self.store = store
        self.batch = issue(folder, [SIGNED, COMPACT], signer(KEY), carriers={SCREW: "compact"}, registry_id=REGISTRY_ID)
        self.later = issue(folder, [LATER], signer(KEY), registry_id=REGISTRY_ID)

    def found(self) -> None:
        """Deploy, accredit, add a key, store and anchor."""
        self.chain.found()
        raw = profile.write(profile.Profile({"en": "Maker"}, {"en": "Brand"}, "m.example.com", (), ("9521001",), "CN", "mail"))
        self.chain.writer("alliance").accredit(1, address("controller 1"), self.store.add_profile(raw), URI)
        self.chain.set_domains(HOST)
        self.chain.add_key(1, KEY)
        for name, batch in (("first", self.batch), ("second", self.later)):
            self.store.add_batch(batch, manufacturer=1, run=name, key=address(KEY))
        self.chain.anchor(KEY, self.batch.seal)
        self.chain.finalize()

    def verifier(self) -> Verifier:
        """Return a verifier with a reader that knows nothing yet."""
        return Verifier(self.chain.trust, [self.chain.reader()], self.store)

    def link(self, record: Record, base: str = BASE, *, key: str = KEY) -> str:
        """Return the link that the key of this name signed."""
        return links.build(base, record, signer(key).sign_digest(encoding.RecordHasher(REGISTRY_ID).digest(record)))

    def check(self, record: Record = SIGNED) -> Verdict:
        """Check the label of a unit of the first batch."""
        return self.verifier().check(self.link(record))

    def index(self, record: Record) -> int:
        """Return a unit's place in the first batch."""
        found = self.store.find(record.id)
        assert found is not None
        return found.index

    def anchored_at(self) -> int:
        """Return when the first batch was anchored."""
        anchor = self.check().anchor
        assert anchor is not None
        return anchor.time


@contextmanager
def anchored(program: Path, folder: Path) -> Iterator[Registry]:
    """Found the registry on a chain of its own."""
    with (
        Anvil(program=program, epoch_slots=1) as anvil,
        Store.open(f"sqlite:///{folder / 'registry.db'}", folder / "trees", create=True) as store,
    ):
        registry = Registry(NodeStage(anvil.url, blocks_to_final=anvil.blocks_to_final, node="anvil"), store, folder)
        registry.found()
        yield registry

"""Packs of the verifier's small world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry.packs import making, pack_file
from registry.packs.checking import PackFacts, PackVerifier
from registry.proofs import signing
from registry.units.records import Record
from tests.checking.world import NOW, address, private_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from registry.checking.claims import ClaimedBatch
    from registry.checking.verdicts import Verdict
    from registry.packs.making import Made
    from registry.units.records import UnitId
    from tests.checking.world import World

OFFICE: Final = "the alliance's office"
DAYS: Final = 7 * 86_400


class Shelves:
    """The batches of a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def batches(self) -> Iterable[ClaimedBatch]:
        return list({unit.batch.seal: unit.batch for unit in self._world.shelf.units.values()}.values())

    def units(self, batch: ClaimedBatch) -> Iterator[tuple[Record, bytes, int]]:
        for unit in self._world.shelf.units.values():
            if unit.batch.seal == batch.seal:
                yield Record(unit.gtin, unit.lot, unit.serial), unit.signature, unit.index

    def withdrawn(self, batch: ClaimedBatch) -> Iterable[int]:
        for chain in (self._world.chain, *self._world.more_chains):
            slot = chain.slots.get((batch.manufacturer, batch.seal))
            yield from slot.unit_withdrawals if slot else ()


def sign(digest: bytes) -> bytes:
    """Sign as the office does."""
    return signing.sign(digest, private_key(OFFICE))


def pack(world: World, *, now: int = NOW) -> Made:
    """Make a pack of a world."""
    return making.make(
        world.trust,
        (world.chain, *world.more_chains),
        world.shelf,
        Shelves(world),
        sign,
        now=now,
        valid_seconds=DAYS,
    )


def check(path: Path, presented: str | UnitId, *, now: int = NOW, max_age: int | None = None) -> Verdict:
    """Check a link or a number by a pack."""
    with pack_file.opened(path, address(OFFICE)) as opened:
        verifier = PackVerifier(PackFacts(opened), clock=lambda: now, max_age=max_age)
        return verifier.check(presented) if isinstance(presented, str) else verifier.check_number(presented)

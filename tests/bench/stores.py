"""Builds big stores quickly, and keeps them: real keys, the project's own sealing and storing, real seals on a real chain.

    python -m tests.bench.stores 10000 1000       # 10,000 batches of 1,000 units: 10 million

Only the anchors are made otherwise than `register` makes them: many transactions in one block. A store that was built is found
again under `var/bench`; one whose building was cut short goes on where it was.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import random
import shutil
import tempfile
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from registry.chain.follower import OVERLAP
from registry.issuing.batches import State
from registry.issuing.intake import read_products, read_units
from registry.issuing.sealing import SealedBatch, seal_batch
from registry.keys import KeystoreSigner
from registry.proofs.crew import FEW
from registry.proofs.tree_file import FileSource, TreeFile
from registry.storage.store import Store
from registry.units import links
from tests.bench.ground import BASE, GTIN, LOT, MANUFACTURER, PASSPHRASE, REGISTRY_ID, Ground, ground
from tests.bench.load import Question
from tests.bench.processes import end_politely

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

KEPT: Final = Path(__file__).parents[2] / "var" / "bench"
ASKED: Final = 20_000
"""Links that are asked for; a crowd asks for them in turn."""


@dataclass(frozen=True, slots=True)
class Built:
    """A store with many batches, and the ground on which it stands."""

    ground: Ground
    database: str
    trees: Path

    def environment(self) -> dict[str, str]:
        """Return a site's settings."""
        return self.ground.environment(self.database, self.trees)

    def links(self, count: int = ASKED) -> list[str]:
        """Return links of units from everywhere in the store, in no order."""
        chosen = random.Random(3)
        with Store.open(self.database, self.trees) as store:
            stored = list(store.batches())
            if len(stored) > count:
                stored = chosen.sample(stored, count)
            each = -(-count // len(stored))
            found = [link for batch in stored for link in _links(store, batch.id, batch.unit_count, each, chosen)]
        chosen.shuffle(found)
        return found[:count]

    def api_questions(self, count: int = ASKED) -> list[Question]:
        """Return questions to the JSON API."""
        return [api_question(link) for link in self.links(count)]

    def page_questions(self, count: int = ASKED) -> list[Question]:
        """Return scans: the page that a phone opens, which says its headline in English."""
        return [page_question(link) for link in self.links(count)]


def api_question(link: str, registration: str = "registered") -> Question:
    """Return the question of a program that has a link, and what must be in the answer."""
    return Question(f"/api/v1/verify?link={quote(link, safe='')}", f'"registration":"{registration}"')


def page_question(link: str) -> Question:
    """Return the scan of a label that is registered; its headline begins so whatever its history."""
    return Question(link.removeprefix(BASE), "<title>This code is registered")


@contextmanager
def store_of(batches: int, units: int, *, kept: Path = KEPT, name: str = "", quietly: bool = False) -> Iterator[Built]:
    """Give a store with so many batches of so many units each; what is not there is built, under `name` or its size."""
    folder = kept / (name or f"{batches}x{units}")
    with ground(folder) as base:
        built = Built(base, f"sqlite:///{folder / 'registry.db'}", folder / "trees")
        with Store.open(built.database, built.trees, create=True) as store:
            store.add_profile(base.profile())
            _grow(store, base, len(store.batches()), batches, units, quietly=quietly)
        # The newest blocks are asked about again and again, and no chain has hundreds of anchors in one of them.
        base.chain.mine(2 * OVERLAP)
        yield built


def copied(built: Built, database: str, trees: Path) -> Built:
    """Return the same batches in another store, which may be of the other engine."""
    copy = Built(built.ground, database, trees)
    with Store.open(built.database, built.trees) as source, Store.open(database, trees, create=True) as target:
        target.add_profile(built.ground.profile())
        with target.exclusive(), target.workroom() as room:
            for batch in source.batches():
                file = room / batch.seal.hex()
                shutil.copyfile(built.trees / file.name, file)
                with closing(TreeFile(FileSource(file))) as tree:
                    header = tree.header
                sealed = SealedBatch(header.opening, header.salt, batch.manifest, batch.seal, batch.fingerprint, file)
                target.add_batch(sealed, manufacturer=batch.manufacturer, run=batch.run, key=batch.key, state=State.FINAL)
    return copy


def _grow(store: Store, base: Ground, there: int, batches: int, units: int, *, quietly: bool) -> None:
    """Seal, store and anchor the batches that are not there yet."""
    seals = [batch.seal for batch in store.batches()]
    began = time.perf_counter()
    if there < batches:
        with store.exclusive(), store.workroom() as room, _workers(units, batches - there) as seal_each:
            work = [(base.folder, units, room)] * (batches - there)
            for number, sealed in enumerate(seal_each(_seal, work), there + 1):
                store.add_batch(
                    sealed, manufacturer=MANUFACTURER, run=f"run {number}", key=base.signer.address, state=State.FINAL
                )
                seals.append(sealed.seal)
                if not quietly and number % max(1, batches // 20) == 0:
                    print(f"  {number:,} of {batches:,} batches after {time.perf_counter() - began:.0f} s", flush=True)
    reader = base.reader()
    anchored = {seal for seal in seals if reader.batch(MANUFACTURER, seal, base.signer.address).anchor} if there else set()
    if missing := [seal for seal in seals if seal not in anchored]:
        base.anchor(missing)
        base.chain.save()


@contextmanager
def _workers(units: int, batches: int) -> Iterator[Callable[..., Iterator[SealedBatch]]]:
    """Give what seals batches: many small ones side by side in processes, large ones in turn, each by workers of its own."""
    if units > FEW or batches * units <= FEW:
        yield map
        return
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        yield pool.imap


def _seal(work: tuple[Path, int, Path]) -> SealedBatch:
    """Seal one batch, in a process of the pool."""
    folder, units, room = work
    products = read_products(folder / "products.toml")
    lines = "gtin,lot,serial\n" + f"{GTIN},{LOT},\n" * units
    own = Path(tempfile.mkdtemp(dir=room))
    intake = read_units(io.BytesIO(lines.encode()), products, own)
    return seal_batch(intake, products, _signer(folder / "key.json"), REGISTRY_ID, own)


@cache
def _signer(keystore: Path) -> KeystoreSigner:
    """Return the key, opened once in each process."""
    return KeystoreSigner(keystore, PASSPHRASE)


def _links(store: Store, batch_id: int, units: int, count: int, chosen: random.Random) -> Iterator[str]:
    wanted = set(chosen.sample(range(units), min(count, units)))
    for record, signature, index in store.labels(batch_id):
        if index in wanted:
            yield links.build(BASE, record, signature)


def main(arguments: Sequence[str] | None = None) -> None:
    """Build a store."""
    end_politely()
    parser = argparse.ArgumentParser(prog="python -m tests.bench.stores", description="Build a big store under var/bench.")
    parser.add_argument("batches", type=int)
    parser.add_argument("units", type=int)
    told = parser.parse_args(arguments)
    began = time.perf_counter()
    with store_of(told.batches, told.units) as built:
        print(f"{told.batches:,} batches of {told.units:,} units in {built.trees.parent}, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()

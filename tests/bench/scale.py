"""`make bench-scale`: how cost grows with the number of units, by the real commands: registered, labelled, and read back.

    python -m tests.bench.scale 1000000           # 1 k, 10 k, 100 k, 1 M units
    python -m tests.bench.scale 10000000          # and 10 M: an hour, and 10 GB under var/bench

Each size is registered from a CSV file to stored and anchored on a chain of our own, in a store of its own, by `touchstone
register`; what all its processes used is read from the kernel. The bare signature that it is compared with is measured before
and after.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from registry.units.serials import ALPHABET
from tests.bench.ground import BASE, GTIN, LOT, ground
from tests.bench.measuring import NothingToMeasure, markdown
from tests.bench.processes import MEBI, Taken, end_politely, measured
from tests.bench.signatures import bare_signature
from tests.bench.stores import KEPT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.ground import Ground

ROOT: Final = Path(__file__).parents[2]
SIZES: Final = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
TAKEN: Final = 1_000
"""Labels that are cut out of their sheets, read and verified."""
BARE: Final = 20_000
"""Bare signatures made before and after, three times each."""
LABELLED: Final = 1_000_000
"""A store with more units than this is not labelled: labels grow with their number and nothing else."""


@dataclass(frozen=True, slots=True)
class Registered:
    """What it took to register so many units."""

    units: int
    taken: Taken
    bare: float
    """CPU seconds of one bare signature, in the same minutes."""
    seal: str

    @property
    def ratio(self) -> float:
        """CPU seconds to those of nothing but the signatures."""
        return self.taken.cpu / (self.units * self.bare)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every size up to the one that is named, and print the tables."""
    end_politely()
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description="Measure how cost grows.")
    parser.add_argument("units", type=int, nargs="?", default=1_000_000, help="the largest size")
    parser.add_argument("--only", action="store_true", help="this size alone")
    parser.add_argument("--keep", action="store_true", help="leave the stores where they are")
    told = parser.parse_args(arguments)
    sizes = [told.units] if told.only or told.units not in SIZES else [size for size in SIZES if size <= told.units]
    registered, labelled = [], []
    for units in sizes:
        folder = KEPT / f"scale-{units}"
        shutil.rmtree(folder, ignore_errors=True)
        try:
            with ground(folder) as base:
                registered.append(register(base, units))
                print(registration_table(registered[-1:]), flush=True)
                if units <= LABELLED:
                    labelled.append((units, labels(base, registered[-1].seal)))
                    print(labels_table(labelled[-1:]), flush=True)
        finally:
            if not told.keep:
                shutil.rmtree(folder, ignore_errors=True)
    print("\n".join(("", registration_table(registered), "", labels_table(labelled), "")))
    print(print_to_seal(min(sizes[-1], LABELLED)))


def register(base: Ground, units: int, *, compared_with: int = BARE) -> Registered:
    """Register so many units from a CSV file, as a brand does.

    Raises `NothingToMeasure` if what was stored is not what was given.
    """
    path = base.folder / "units.csv"
    write_units(path, units)
    words = command("register", path, "--products", base.products, *base.signing_options())
    before = bare_signature(compared_with)
    taken = measured(words, environment=environment(base), folder=ROOT)
    bare = statistics.mean((before, bare_signature(compared_with)))
    found: dict[str, Any] = json.loads(taken.output)
    if not found["units_in_file"] == found["units_stored"] == found["signed_in_this_run"] == units:
        raise NothingToMeasure(f"found {found}, expected {units} units registered")
    return Registered(units, taken, bare, found["seal"])


def labels(base: Ground, seal: str, form: str = "pdf") -> Taken:
    """Print every label of a batch on sheets."""
    words = command("labels", seal, "--base", BASE, "--out", base.folder / f"labels.{form}", "--format", form)
    return measured(words, environment=environment(base), folder=ROOT)


def print_to_seal(units: int) -> str:
    """Print so many labels, take some at random, and verify each from its picture up to the seal; returns what was done."""
    with tempfile.TemporaryDirectory(prefix="print-", dir=KEPT) as folder:
        words = [sys.executable, "-m", "tests.issuing.print_to_seal", folder, "--units", str(units), "--labels", str(TAKEN)]
        return measured(words, folder=ROOT).output


def environment(base: Ground) -> dict[str, str]:
    """Return the settings of a brand's commands: a store of its own beside its ground."""
    return base.environment(f"sqlite:///{base.folder / 'registry.db'}", base.folder / "trees")


def command(*words: str | Path) -> list[str | Path]:
    """Return a command of ours as it is run."""
    return [sys.executable, "-m", "scripts", *words, "--json"]


def write_units(path: Path, units: int, seed: int = 1) -> None:
    """Write a units file with serials of its own, as a line that numbers its units would bring them."""
    chosen = random.Random(seed)
    with path.open("w", encoding="ascii") as stream:
        stream.write("gtin,lot,serial\n")
        for _ in range(units):
            stream.write(f"{GTIN},{LOT},{''.join(chosen.choices(ALPHABET, k=16))}\n")


def registration_table(found: Sequence[Registered]) -> str:
    """Return what registering took, by size."""
    head = ("units", "wall, s", "CPU, s", "CPU to bare signatures", "units a second", "peak PSS, MB", "bare, µs")
    return markdown(
        head,
        [
            (
                one.units,
                one.taken.seconds,
                one.taken.cpu,
                one.ratio,
                one.units / one.taken.seconds,
                one.taken.peak // MEBI,
                one.bare * 1e6,
            )
            for one in found
        ],
    )


def labels_table(found: Sequence[tuple[int, Taken]]) -> str:
    """Return what labels took, by size."""
    head = ("labels", "wall, s", "CPU, s", "labels a second", "peak PSS, MB")
    return markdown(
        head, [(units, taken.seconds, taken.cpu, units / taken.seconds, taken.peak // MEBI) for units, taken in found]
    )


if __name__ == "__main__":
    main()

"""`python -m tests.simulation`: prints the table of `docs/history.md`, from worlds that the rules were not tuned in.

    python -m tests.simulation [--tuned] [--honest 1000] [--copies 200] [--processes 2]

Every run is seeded: the same numbers give the same table. It ends with 1 if what was promised does not hold.
"""

from __future__ import annotations

import argparse
import sys

from tests.simulation.parameters import HELD_OUT, TUNED
from tests.simulation.table import as_markdown, rows, verdicts


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation", description="Measure the rules of the history of checks."
    )
    parser.add_argument("--tuned", action="store_true", help="the worlds in which the rules were tuned, not the others")
    parser.add_argument("--honest", type=int, default=1000, help="honest stories of each kind in each world")
    parser.add_argument("--copies", type=int, default=200, help="runs of each kind of copies in each world")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    worlds = TUNED if asked.tuned else HELD_OUT
    found = rows(worlds, asked.honest, asked.copies, processes=asked.processes)
    print(as_markdown(found))
    print(f"\nWorlds: {', '.join(worlds)}.")
    sys.exit(0 if all(holds for _, _, holds in verdicts(found)) else 1)


if __name__ == "__main__":
    main()

"""`make bench`: measures our parts against the bare primitive or a peer, in one run, and prints one table of ratios.

    python -m tests.bench [THEME ...]

Nothing here runs in CI. `docs/performance.md` explains the rows.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from typing import TYPE_CHECKING, Final

from tests.bench import absences, checks, codes, issuers, photos, signatures, trees
from tests.bench.measuring import NothingToMeasure, rows_as_markdown
from tests.bench.processes import end_politely

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.measuring import Row

THEMES: Final[dict[str, Callable[[], Iterator[Row]]]] = {
    "signatures": signatures.rows,
    "trees": trees.rows,
    "absences": absences.rows,
    "codes": codes.rows,
    "photos": photos.rows,
    "issuers": issuers.rows,
    "checks": checks.rows,
    "engines": checks.engine_rows,
}


def main() -> None:
    """Print the table, of all themes or of those that are named."""
    end_politely()
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure our parts against their peers.")
    parser.add_argument("themes", nargs="*", metavar="THEME", help=f"of {', '.join(THEMES)}; by default all")
    wanted = parser.parse_args().themes or list(THEMES)
    if unknown := set(wanted) - THEMES.keys():
        parser.error(f"found {', '.join(sorted(unknown))}, expected some of {', '.join(THEMES)}")
    began = time.perf_counter()
    found: list[Row] = []
    missing: list[str] = []
    for theme in wanted:
        print(f"measuring {theme} …", file=sys.stderr, flush=True)
        try:
            found.extend(THEMES[theme]())
        except NothingToMeasure as error:
            missing.append(f"{theme}: {error}")
    print(rows_as_markdown(found))
    print(f"\n{machine()}, {time.perf_counter() - began:.0f} s. µs for one item, medians.")
    if missing:
        sys.exit("\n".join(missing))


def machine() -> str:
    """Return what this machine is, as far as it matters."""
    cores, busy = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    return f"{platform.python_implementation()} {platform.python_version()}, {cores} cores, load {busy:.1f}"


if __name__ == "__main__":
    main()

"""`make bench-list`: a consignment of 10,000 lines is checked, absences included, while buyers go on asking.

    python -m tests.bench.consignment [--rate 200]

The list goes through the site as an inspector sends it, and is asked for as his browser does. Nine in ten lines are labels of
units of their own, one unit is on 6 % of the lines, 4 % were never registered: the absence of each of these is shown in every
batch, as an evidence bundle does. Every line and every buyer's answer is read; one that is wrong ends in exit code 1.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from registry.chain.annals import Annals
from registry.enforcement.absence import Inquiry
from registry.proofs import absence_file
from registry.storage.store import Store
from registry.units.records import UnitId
from registry.units.serials import generate
from tests.bench.checks import crowd
from tests.bench.crowd import asking, mixed
from tests.bench.ground import GTIN, HOST, REGISTRY_ID
from tests.bench.load import write_questions
from tests.bench.processes import end_politely
from tests.bench.serving import SITE, serving
from tests.bench.stores import store_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.serving import Server
    from tests.bench.stores import Built

GENUINE, COPIES, NEVER = 9_000, 600, 400
BEFORE: Final = 8.0
"""Seconds for which buyers are asked about before the list comes."""
LOOK_EVERY: Final = 0.25
WITHIN: Final = 300.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Check a list among buyers; print how long it took and what they met with."""
    end_politely()
    parser = argparse.ArgumentParser(prog="python -m tests.bench.consignment", description="A long list among buyers.")
    parser.add_argument("--batches", type=int, default=10, help="of 1,000 units, in each of which every absence is shown")
    parser.add_argument("--rate", type=float, default=200.0, help="buyers' questions a second")
    told = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="touchstone-bench-") as folder,
        store_of(told.batches, 1_000, quietly=True) as built,
    ):
        found = play(built, Path(folder), told.rate)
    print(json.dumps(found, indent=2))
    if any(met["wrong"] or met["unanswered"] for met in (found["before"], found["meanwhile"])):
        sys.exit("an answer was wrong or missing")


def play(built: Built, folder: Path, rate: float) -> dict[str, Any]:
    """Send the list, wait for its result, show the absences; returns seconds and what buyers met with."""
    labels = built.links(GENUINE + 1)
    never = [UnitId(GTIN, generate()) for _ in range(NEVER)]
    lines = [*labels[1:], *[labels[0]] * COPIES, *(f"(01){unit.gtin}(21){unit.serial}" for unit in never)]
    write_questions(folder / "questions", mixed(built))
    settings = {**built.environment(), "TOUCHSTONE_LISTS": str(folder / "lists")}
    with serving(SITE, settings, folder / "site.log") as server:
        crowd(server.port, folder / "questions", 2.0)  # what every site knows after a moment
        before = crowd(server.port, folder / "questions", BEFORE, rate)
        with asking(server, folder / "questions", rate) as meanwhile:
            began = time.perf_counter()
            result = check(server, lines)
            checked = time.perf_counter() - began
            size = show(built, never)
            shown = time.perf_counter() - began - checked
        groups = Counter(json.loads(line)["group"] for line in fetch(server, f"{result}/lines.jsonl").splitlines())
    expected = {"as_registered": GENUINE, "repeated": COPIES, "not_registered": NEVER}
    if groups != expected:
        sys.exit(f"the lines came to {dict(groups)}, expected {expected}")
    return {
        "lines": len(lines),
        "checked_s": round(checked, 2),
        "absences": len(never),
        "batches_each": len(list(built.trees.iterdir())),
        "shown_s": round(shown, 2),
        "absence_files_mb": round(size / 1e6, 1),
        "before": before,
        "meanwhile": meanwhile,
    }


def check(server: Server, lines: Sequence[str]) -> str:
    """Send a list and wait until it is done; returns the address of its result."""
    body = urlencode({"codes": "\n".join(lines)}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/inspect", data=body, headers={"Host": HOST})
    with urllib.request.build_opener(_NoRedirect).open(request, timeout=WITHIN) as answer:
        address = str(answer.headers["Location"])
    deadline = time.monotonic() + WITHIN
    while b'id="lines"' not in fetch(server, address):
        if time.monotonic() > deadline:
            sys.exit("the list was not done in time")
        time.sleep(LOOK_EVERY)
    return address


def show(built: Built, units: Sequence[UnitId]) -> int:
    """Show that units are in no batch, and write their files; returns how many bytes these have."""
    with Store.open(built.database, built.trees) as store:
        inquiry = Inquiry(REGISTRY_ID, [Annals(built.ground.reader())], store)
        return sum(len(absence_file.write(inquiry.show(unit))) for unit in units)


def fetch(server: Server, address: str) -> bytes:
    """Return a page."""
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{address}", headers={"Host": HOST})
    with urllib.request.urlopen(request, timeout=WITHIN) as answer:  # noqa: S310 -- our own site
        return bytes(answer.read())


class _NoRedirect(urllib.request.HTTPErrorProcessor):
    """Hands out an answer as it came."""

    def http_response(self, _: Any, response: Any) -> Any:
        """Return it."""
        return response


if __name__ == "__main__":
    main()

"""`make bench-crowd`: a crowd at the door while a big batch is registered and published, and workers are killed.

    python -m tests.bench.crowd [--units 100000] [--kills 3]

Every answer is read: links of registered units as JSON and as pages, links that were altered, and numbers that nobody
registered. One answer that says anything but what it must, or none, ends in exit code 1. A connection that a killed worker took
along is asked again once, as any browser and proxy does with a GET, and counted.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from registry.storage.store import Store
from registry.units.serials import generate
from tests.bench.checks import crowd
from tests.bench.ground import BASE, GTIN, HOST
from tests.bench.load import write_questions
from tests.bench.processes import end_politely, measured
from tests.bench.scale import ROOT, command, write_units
from tests.bench.serving import SITE, serving
from tests.bench.stores import Built, api_question, copied, page_question, store_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.bench.load import Question
    from tests.bench.serving import Server

ASKED: Final = 5_000
ALTERED, UNKNOWN, PAGES = 0.10, 0.05, 0.25
"""Shares of the questions; the rest are JSON questions about registered units."""
ENDS_WITHIN: Final = 60.0
PUBLISHED_WITHIN: Final = 900.0
KILLED_EVERY: Final = 10.0
"""Seconds. The server gives up where workers die as soon as they are up: that is no accident any more."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A site with a store of its own, and a brand with another, on one chain."""

    built: Built
    site: dict[str, str]
    brand: dict[str, str]
    folder: Path


def main(arguments: Sequence[str] | None = None) -> None:
    """Let a crowd ask while things happen; print what it met with, and fail if one answer was wrong."""
    end_politely()
    parser = argparse.ArgumentParser(prog="python -m tests.bench.crowd", description="A load test with accidents.")
    parser.add_argument("--units", type=int, default=100_000, help="of the batch that is registered and published meanwhile")
    parser.add_argument("--batches", type=int, default=100, help="of 1,000 units, that the site has already")
    parser.add_argument("--each", type=int, default=1_000, help="units of each of those")
    parser.add_argument("--rate", type=float, help="questions a second; by default as many as are answered")
    parser.add_argument("--kills", type=int, default=3, help="workers killed meanwhile")
    told = parser.parse_args(arguments)
    with scene(told.batches, told.each) as stage:
        found = play(stage, told.units, told.rate, told.kills)
    print(json.dumps(found, indent=2))
    wrong = [
        met for met in (found["meanwhile"], found["afterwards"]) if met["wrong"] or met["unanswered"] or not met["answers"]
    ]
    if wrong:
        sys.exit("an answer was wrong or missing")


def play(stage: Scene, units: int, rate: float | None, kills: int) -> dict[str, Any]:
    """Play the whole scene and return what was met with."""
    folder = stage.folder
    write_units(folder / "units.csv", units)
    write_questions(folder / "questions", mixed(stage.built))
    with serving(SITE, stage.site, folder / "site.log") as server, admitting(stage):
        with asking(server, folder / "questions", rate) as met, accidents(server, kills) as killed:
            registered = measured(
                command(
                    "register",
                    folder / "units.csv",
                    "--products",
                    stage.built.ground.products,
                    *stage.built.ground.signing_options(),
                ),
                environment=stage.brand,
                folder=ROOT,
            )
            seal = json.loads(registered.output)["seal"]
            stage.built.ground.chain.finalize()
            published = measured(
                command("publish", seal, "--to", f"http://127.0.0.1:{server.port}"),
                environment=stage.brand,
                folder=ROOT,
                timeout=PUBLISHED_WITHIN,
            )
            time.sleep(stage.built.ground.trust.fresh_seconds + 1)  # what the site knows of the new batch may be so old
        brand = Built(stage.built.ground, stage.brand["TOUCHSTONE_DATABASE_URL"], Path(stage.brand["TOUCHSTONE_TREES"]))
        write_questions(folder / "new", brand.api_questions(1_000))
        afterwards = crowd(server.port, folder / "new", 3.0)
    return {
        "units": units,
        "registered_s": round(registered.seconds, 1),
        "published_s": round(published.seconds, 1),
        "killed_workers": len(killed),
        "meanwhile": met,
        "afterwards": afterwards,
    }


@contextmanager
def scene(batches: int, units: int) -> Iterator[Scene]:
    """Give a site over a copy of a big store, and a brand with an empty one."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="touchstone-bench-")))
        built = stack.enter_context(store_of(batches, units, quietly=True))
        copied(built, f"sqlite:///{folder / 'site' / 'registry.db'}", folder / "site" / "trees")
        (folder / "inbox").mkdir()
        site = built.ground.environment(f"sqlite:///{folder / 'site' / 'registry.db'}", folder / "site" / "trees")
        brand = built.ground.environment(f"sqlite:///{folder / 'brand' / 'registry.db'}", folder / "brand" / "trees")
        with Store.open(brand["TOUCHSTONE_DATABASE_URL"], folder / "brand" / "trees", create=True) as store:
            store.add_profile(built.ground.profile())
        yield Scene(built, {**site, "TOUCHSTONE_INBOX": str(folder / "inbox")}, brand, folder)


@contextmanager
def admitting(stage: Scene) -> Iterator[None]:
    """Run the process beside the site that examines what is published."""
    with (stage.folder / "admit.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts", "admit"], cwd=ROOT, env={**os.environ, **stage.site}, stdout=log, stderr=log
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(ENDS_WITHIN)


@contextmanager
def asking(server: Server, questions: Path, rate: float | None) -> Iterator[dict[str, Any]]:
    """Let a crowd ask until the end of the block; what it met with is in the dictionary after that."""
    words = [sys.executable, "-m", "tests.bench.load", "--port", str(server.port), "--questions", str(questions)]
    words += ["--host", HOST, "--seconds", "3600", *(["--rate", str(rate)] if rate else [])]
    met: dict[str, Any] = {}
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield met
        finally:
            process.terminate()  # it says what it met with, and ends
            met.update(json.loads(process.communicate(timeout=ENDS_WITHIN)[0]))


@contextmanager
def accidents(server: Server, kills: int) -> Iterator[list[int]]:
    """Kill a worker now and then; each is back before the next is killed."""
    killed: list[int] = []
    over = threading.Event()

    def strike() -> None:
        while len(killed) < kills and not over.wait(KILLED_EVERY):
            killed.append(server.kill_worker())

    thread = threading.Thread(target=strike, daemon=True)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def mixed(built: Built, count: int = ASKED) -> list[Question]:
    """Return questions of every kind, each with what its answer must say."""
    chosen = random.Random(5)
    questions = []
    for link in built.links(count):
        kind = chosen.random()
        if kind < ALTERED:
            questions.append(api_question(_altered(link), "altered"))
        elif kind < ALTERED + UNKNOWN:
            questions.append(api_question(f"{BASE}/01/{GTIN}/21/{generate()}", "not_registered"))
        elif kind < ALTERED + UNKNOWN + PAGES:
            questions.append(page_question(link))
        else:
            questions.append(api_question(link))
    return questions


def _altered(link: str) -> str:
    """Change one character of the serial: the signature is another unit's then."""
    head, _, signature = link.partition("?")
    return f"{head[:-1]}{'0' if head[-1] != '0' else '1'}?{signature}"


if __name__ == "__main__":
    main()

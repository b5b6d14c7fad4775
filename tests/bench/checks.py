"""What a check costs: our site against Flask's "hello" on the same server, with the same workers and the same crowd.

    python -m tests.bench.checks 1x1000 100x1000 10000x1000      # as the store grows: batches x units of each

The crowd and the site share two cores here, so the ratio of answers a second would flatter us: the crowd costs both sides the
same. What counts is the server's own CPU time for an answer, read from the kernel, all processes together; answers a second
stand beside it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.bench.ground import HOST
from tests.bench.load import Question, write_questions
from tests.bench.measuring import Kind, Limit, NothingToMeasure, Row, markdown
from tests.bench.postgres import postgresql
from tests.bench.processes import end_politely
from tests.bench.serving import HELLO, ROOT, SITE, Server, serving
from tests.bench.stores import copied, store_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from tests.bench.stores import Built

ROUNDS: Final = 3
SECONDS: Final = 4.0
WARM: Final = 1.5
A_BATCH: Final = 0.01
"""Seconds of a crowd for each batch of a store, until every worker knows nearly all of them."""
P99_MS: Final = 30.0
STORE: Final = partial(store_of, 100, 1_000, quietly=True)
SAY: Final = (Question("/", "hello"),)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a server's answers cost, medians of some rounds."""

    cpu: float
    """CPU seconds of the server for one answer."""
    per_second: float
    """Answers a second while the crowd uses the same cores."""
    p99_ms: float
    """At full load."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A server and what it is asked."""

    server: Server
    questions: Path

    def load(self, seconds: float, rate: float | None = None) -> tuple[dict[str, Any], float]:
        """Let a crowd ask; returns what it met with and the server's CPU seconds.

        Raises `NothingToMeasure` at a wrong answer.
        """
        before = self.server.cpu()
        met = crowd(self.server.port, self.questions, seconds, rate)
        if met["wrong"] or met["unanswered"] or not met["answers"]:
            raise NothingToMeasure(f"the site answers wrongly: {json.dumps(met, indent=2)}")
        return met, self.server.cpu() - before


def crowd(port: int, questions: Path, seconds: float, rate: float | None = None) -> dict[str, Any]:
    """Run the load generator in a process of its own and return what it says."""
    command = [sys.executable, "-m", "tests.bench.load", "--port", str(port), "--questions", str(questions), "--host", HOST]
    command += ["--seconds", str(seconds), *(["--rate", str(rate)] if rate else [])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds + 60, check=True)
    met: dict[str, Any] = json.loads(done.stdout)
    return met


def costs(sides: Mapping[str, Asked], *, rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, Cost]:
    """Measure several servers, in turn."""
    for asked in sides.values():
        asked.load(min(WARM, seconds))
    found: dict[str, list[tuple[dict[str, Any], float]]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, asked in sides.items():
            found[name].append(asked.load(seconds))
    return {
        name: Cost(
            statistics.median(cpu / met["answers"] for met, cpu in runs),
            statistics.median(met["per_second"] for met, _ in runs),
            statistics.median(met["p99_ms"] for met, _ in runs),
        )
        for name, runs in found.items()
    }


def rows(
    store: Callable[[], AbstractContextManager[Built]] = STORE, *, seconds: float = SECONDS, rounds: int = ROUNDS
) -> Iterator[Row]:
    """Yield the table's rows: JSON and page against hello, and the slowest of a hundred at half the load."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="touchstone-bench-")))
        built = stack.enter_context(store())
        hello = stack.enter_context(serving(HELLO, {}, folder / "hello.log", path="/"))
        site = stack.enter_context(serving(SITE, built.environment(), folder / "site.log"))
        sides = {
            "hello": Asked(hello, _kept(folder / "hello", SAY)),
            "json": Asked(site, _kept(folder / "json", built.api_questions())),
            "page": Asked(site, _kept(folder / "page", built.page_questions())),
        }
        found = costs(sides, rounds=rounds, seconds=seconds)
        theirs = "Flask's hello on the same server, CPU"
        yield Row("JSON check", theirs, found["json"].cpu, found["hello"].cpu, Limit(Kind.SPEED, 0.40))
        yield Row("HTML page", theirs, found["page"].cpu, found["hello"].cpu, Limit(Kind.SPEED, 0.22))
        theirs = "Flask's hello, answers a second"
        yield Row("JSON check", theirs, 1 / found["json"].per_second, 1 / found["hello"].per_second)
        yield Row("HTML page", theirs, 1 / found["page"].per_second, 1 / found["hello"].per_second)
        for name, title in (("json", "JSON check"), ("page", "HTML page")):
            met, _ = sides[name].load(2 * seconds, found[name].per_second / 2)
            half = f"{title}: p99 at half load"
            yield Row(half, "30 ms", met["p99_ms"] / 1e3, P99_MS / 1e3, Limit(Kind.COST, 1.0))


def engine_rows(
    store: Callable[[], AbstractContextManager[Built]] = STORE, *, seconds: float = SECONDS, rounds: int = ROUNDS
) -> Iterator[Row]:
    """Yield the row of the same store on PostgreSQL against SQLite, whose own processes use the same cores."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="touchstone-bench-")))
        built = stack.enter_context(store())
        other = copied(built, stack.enter_context(postgresql()), folder / "trees")
        questions = _kept(folder / "json", built.api_questions())
        sides = {
            name: Asked(stack.enter_context(serving(SITE, one.environment(), folder / f"{name}.log")), questions)
            for name, one in (("sqlite", built), ("postgresql", other))
        }
        found = costs(sides, rounds=rounds, seconds=seconds)
        ours, theirs = 1 / found["postgresql"].per_second, 1 / found["sqlite"].per_second
        yield Row("JSON check on PostgreSQL", "on SQLite, answers a second", ours, theirs, Limit(Kind.SPEED, 0.5))


def grown(stores: Sequence[tuple[int, int]], *, seconds: float = SECONDS) -> str:
    """Return a Markdown table: what a check costs as the store grows.

    All sites are up together and asked in turn, so that the first one's costs are those that the others' are held against.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="touchstone-bench-")))
        hello = stack.enter_context(serving(HELLO, {}, folder / "hello.log", path="/"))
        sides = {"hello": Asked(hello, _kept(folder / "hello", SAY))}
        names = [f"{batches:,} x {units:,}" for batches, units in stores]
        for name, (batches, units) in zip(names, stores, strict=True):
            built = stack.enter_context(store_of(batches, units))
            site = stack.enter_context(serving(SITE, built.environment(), folder / f"{batches}x{units}.log"))
            for kind, questions in (("json", built.api_questions()), ("page", built.page_questions())):
                sides[f"{kind} {name}"] = Asked(site, _kept(folder / f"{kind}-{batches}x{units}", questions))
            # Each worker asks the chain about each batch once, before it can be followed.
            sides[f"json {name}"].load(WARM + A_BATCH * batches)
        found = costs(sides, seconds=seconds)
        say = found["hello"].cpu
        first, told = found[f"json {names[0]}"].cpu, []
        for name, (batches, units) in zip(names, stores, strict=True):
            asked, page, side = found[f"json {name}"], found[f"page {name}"], sides[f"json {name}"]
            met, _ = side.load(seconds, asked.per_second / 2)
            costs_of = (asked.cpu * 1e6, asked.cpu / first, say / asked.cpu, page.cpu * 1e6, say / page.cpu)
            memory = side.server.memory() // 2**20
            told.append((f"{batches:,}", f"{batches * units:,}", *costs_of, asked.per_second, met["p99_ms"], memory))
    head = (
        "batches",
        "units",
        "JSON, µs",
        "of the first",
        "of hello",
        "page, µs",
        "of hello",
        "JSON a second",
        "p99, ms",
        "MB",
    )
    return markdown(head, told)


def _kept(path: Path, questions: Sequence[Question]) -> Path:
    write_questions(path, questions)
    return path


def main(arguments: Sequence[str] | None = None) -> None:
    """Print how a check's cost grows with batches and units."""
    end_politely()
    parser = argparse.ArgumentParser(prog="python -m tests.bench.checks", description="Measure checks as the store grows.")
    parser.add_argument("sizes", nargs="+", metavar="BATCHESxUNITS")
    told = parser.parse_args(arguments)
    sizes = [tuple(map(int, size.split("x"))) for size in told.sizes]
    print(grown([(batches, units) for batches, units in sizes]))


if __name__ == "__main__":
    main()

"""The measurements measure: every theme at its smallest size, and a crowd that notices wrong and missing answers."""

from __future__ import annotations

import importlib.util
import socket
import sys
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.bench import absences, checks, codes, issuers, photos, scale, signatures, trees
from tests.bench.ground import ground
from tests.bench.load import Crowd, Question, read_questions, write_questions
from tests.bench.measuring import Kind, Limit, Row, markdown, rows_as_markdown
from tests.bench.processes import MEBI, ProgramFailed, measured
from tests.bench.stores import store_of
from tests.photos.album import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("bench")

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@contextmanager
def answering(*answers: bytes) -> Iterator[int]:
    """Run a server that gives these answers in turn, the last one for ever; an empty one closes the connection instead."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        given = iter(answers)
        last = [HELLO]

        def serve() -> None:
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=talk, args=(line,), daemon=True).start()

        def talk(line: socket.socket) -> None:
            with line:
                while line.recv(65536):
                    last[0] = next(given, last[0])
                    if not last[0]:
                        return
                    line.sendall(last[0])

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("rate", [None, 100.0])
def test_a_crowd_counts_its_answers(rate: float | None) -> None:
    """Every answer has a time, at a fixed rate as many as were due, and nothing is called wrong that is right."""
    with answering(HELLO) as port:
        load = Crowd(port, [Question("/", "hello")], connections=2).run(0.3, rate)
    assert load.answers == len(load.times) > 0
    assert (load.wrong, load.unanswered, load.retried) == (0, 0, 0)
    assert rate is None or load.answers == 30


def test_a_crowd_notices_a_wrong_answer() -> None:
    """An answer of another status, and one that lacks what it must hold, are counted and quoted."""
    sorry = b"HTTP/1.1 503 Sorry\r\ncontent-length: 5\r\n\r\nhello"
    with answering(sorry, HELLO.replace(b"hello", b"hullo"), HELLO) as port:
        load = Crowd(port, [Question("/", "hello")], connections=1).run(0.1)
    assert load.wrong == len(load.examples) == 2
    assert load.answers > 2


def test_a_lost_connection_is_asked_again_once() -> None:
    """A question that was lost with its connection is asked again on a new one; lost twice it counts as unanswered."""
    with answering(HELLO, b"", HELLO, b"", b"", HELLO) as port:
        load = Crowd(port, [Question("/", "hello")], connections=1).run(0.1)
    assert (load.retried, load.unanswered, load.wrong) == (2, 1, 0)


def test_a_site_that_is_gone_ends_the_run() -> None:
    """Nobody listens: every question counts as unanswered, and the run ends by itself."""
    with answering(b"") as port:
        load = Crowd(port, [Question("/", "hello")], connections=1).run(0.05)
    assert load.answers == 0
    assert load.unanswered >= 1


def test_questions_survive_their_file(tmp_path: Path) -> None:
    """What is written for the generator is what it asks."""
    questions = [Question("/a?b=c%20d", '"x":"y"'), Question("/", "hello")]
    write_questions(tmp_path / "questions", questions)
    with (tmp_path / "questions").open(encoding="ascii") as stream:
        assert list(read_questions(stream)) == questions


def test_what_a_program_took_includes_its_children() -> None:
    """A child's memory and CPU time count as its parent's."""
    child = "held = bytearray(60 * 2**20); sum(range(10**7)); import time; time.sleep(0.8)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True); print('done')"
    taken = measured([sys.executable, "-c", parent])
    assert taken.output == "done\n"
    assert taken.peak > 50 * MEBI
    assert taken.cpu > 0


def test_a_program_that_fails_is_no_measurement() -> None:
    """What a failed program took is not told; why it failed is."""
    with pytest.raises(ProgramFailed, match="a reason"):
        measured([sys.executable, "-c", "import sys; sys.exit('a reason')"])


@pytest.mark.parametrize(
    ("kind", "limit", "met"),
    [
        (Kind.COST, 2, True),
        (Kind.COST, 1.9, False),
        (Kind.SPEED, 0.5, True),
        (Kind.SPEED, 0.6, False),
        (Kind.MICROSECONDS, 20, True),
        (Kind.MICROSECONDS, 19, False),
        (Kind.PER_SECOND, 49_999, True),
    ],
)
def test_a_limit_is_kept_or_not(kind: Kind, limit: float, met: bool) -> None:  # noqa: FBT001 -- an expected value
    """Twenty microseconds against ten: a cost of two, a speed of a half, fifty thousand a second."""
    row = Row("ours", "theirs", 20e-6, 10e-6, Limit(kind, limit))
    assert row.met is met
    assert ("**no**" in rows_as_markdown([row])) is not met


def test_tables_are_markdown() -> None:
    """Numbers stand to the right and have three digits that mean something."""
    assert markdown(("what", "many", "short"), [("a", 12345, 1.23456), ("b", 7, 0.000123456)]).splitlines() == [
        "| what | many | short |",
        "| --- | ---: | ---: |",
        "| a | 12,345 | 1.23 |",
        "| b | 7 | 0.000123 |",
    ]


def test_themes_without_peers_of_their_own_measure() -> None:
    """Signing and checking give rows with times."""
    rows = list(signatures.rows(units=3, peers=1))
    assert len(rows) == 3
    assert all(row.ours > 0 and row.theirs > 0 for row in rows)


def test_the_trees_are_equal(require_backend: Callable[[str], Path]) -> None:
    """OpenZeppelin's root and ours, which the theme itself compares, and a proof from the file."""
    require_backend("hardhat")  # Node, with the packages beside it
    assert len(list(trees.rows(leaves=300, peer_leaves=300, rounds=1))) == 3


def test_absences_are_found_and_checked() -> None:
    """In a small batch, by both verifiers."""
    assert len(list(absences.rows(units=300, asked=20, shown=1))) == 3


def test_codes_are_drawn_by_all(require_backend: Callable[[str], Path], tmp_path: Path) -> None:
    """Labels against the packages that most programs would call."""
    require_backend("anvil")
    if importlib.util.find_spec("segno") is None:
        pytest.skip("segno is not installed: `make bench` sets it up")
    assert len(list(codes.rows(partial(store_of, 1, 30, kept=tmp_path), codes=1, peers=8))) == 5


def test_a_photo_is_read_by_all() -> None:
    """In a process of its own, in this one, and by the libraries alone."""
    assert len(list(photos.rows(PLAIN, rounds=1))) == 2


def test_the_other_issuer_issues() -> None:
    """cert-issuer's own code runs in its environment."""
    if not issuers.PYTHON.exists():
        pytest.skip("cert-issuer is not installed: `make bench` sets it up")
    assert len(list(issuers.rows(units=3, rounds=1))) == 2


def test_a_store_is_built_once_and_found_again(require_backend: Callable[[str], Path], tmp_path: Path) -> None:
    """A big store in little: sealed, stored, anchored; a site over it answers every question rightly; it is found again."""
    require_backend("anvil")
    with store_of(3, 4, kept=tmp_path, quietly=True) as built:
        links = built.links()
        assert len(set(links)) == 12
    again = partial(store_of, 4, 4, kept=tmp_path, name="3x4", quietly=True)
    with again() as built:
        assert set(links) < set(built.links())
    assert len(list(checks.rows(again, seconds=0.2, rounds=1))) == 6


def test_a_registration_is_measured(require_backend: Callable[[str], Path], tmp_path: Path) -> None:
    """The real command registers a file on a ground of its own."""
    require_backend("anvil")
    with ground(tmp_path) as base:
        found = scale.register(base, 5, compared_with=10)
    assert found.units == 5
    assert "| 5 |" in scale.registration_table([found])

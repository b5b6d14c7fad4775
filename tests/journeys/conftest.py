"""The demo, started once for all journeys, and a browser to walk through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from scripts.demo.stage import NOTARY
from tests.journeys.running_demo import RunningDemo, expected, free_ports, verdicts
from tests.journeys.running_demo import running as still_running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass(frozen=True)
class FirstStart:
    """What the demo's first start gave, before it was ended by Ctrl-C and started again."""

    links: tuple[str, ...]
    contract: str
    sent: dict[str, str]
    wrong: dict[str, tuple[str, str]]
    """Links whose verdict was not the promised one: found and promised, by name."""
    exit_code: int
    outlived: list[int]
    """Processes that did not end with it."""
    output: str


@dataclass(frozen=True)
class Demo:
    """The running demo, in its second life."""

    running: RunningDemo
    first: FirstStart


def transactions(demo: RunningDemo) -> dict[str, str]:
    """Return how many transactions each account sent, but the notary's, which works on by itself."""
    accounts = demo.chain("eth_accounts")
    return {one: demo.chain("eth_getTransactionCount", one, "latest") for one in accounts if one != accounts[NOTARY]}


@pytest.fixture(scope="session")
def demo(require_backend: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Start the demo in an empty folder, look at all it gives, end it by Ctrl-C, and start it again for the journeys."""
    require_backend("anvil")
    one = RunningDemo(tmp_path_factory.mktemp("demo") / "folder", free_ports())
    try:
        one.start_and_wait()
        links, found = one.links(), verdicts(one.links())
        promised, started = expected(links), one.processes()
        sent, output = transactions(one), one.output
        code = one.interrupt()
        first = FirstStart(
            links=tuple(shown.link for shown in links),
            contract=one.trust["deployments"][0]["contract"],
            sent=sent,
            wrong={name: (found[name], promised[name]) for name in found if found[name] != promised[name]},
            exit_code=code,
            outlived=still_running(started),
            output=output,
        )
        one.start_and_wait()
        yield Demo(one, first)
    finally:
        one.end()

"""Several endpoints asked as one: which is asked, which is set aside, and whether it is the chain that we trust.

An endpoint is believed only after it has shown the right chain, the right code and the right registry, and again after every
failure and every few minutes. One that does not answer is set aside for a moment, longer each time, so that a dead chain costs
a question no time. One whose newest block lies far behind what another showed, or what it showed itself, is set aside too.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from registry.chain.endpoints import LOST, Endpoint, Head
from registry.chain.rpc_errors import silence
from registry.errors import ChainError, ChainUnavailable, EndpointsDisagree, WrongChain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from web3 import Web3

    from registry.chain.endpoints import Question
    from registry.chain.rpc_errors import Fault

T = TypeVar("T")
_log = logging.getLogger(__name__)

VERIFY_SECONDS: Final = 300.0
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 15.0
REORG_DEPTH: Final = 64
"""Blocks by which a head may go back, or lie behind another's: two epochs, after which Ethereum calls a block final."""
MARK_SECONDS: Final = 600.0
"""For how long the highest head that was shown is held against other endpoints."""


class Check(Protocol):
    """Says whether an endpoint is the one that we trust."""

    def __call__(self, node: Node) -> None:
        """Raise `WrongChain` if it is not, `ChainUnavailable` if it could not be asked."""


@dataclass
class Node:
    """An endpoint and what we know of its health. Changed under the pool's lock only."""

    endpoint: Endpoint
    pool: Pool = field(repr=False)
    failures: int = 0
    silent_until: float = 0.0
    verified_until: float = 0.0
    problem: ChainError | None = None

    @property
    def name(self) -> str:
        """The endpoint's host."""
        return self.endpoint.name

    def ask(self, questions: Sequence[Question], *, verifying: bool = False) -> list[Any | Fault]:
        """Return an answer or a `Fault` for each question. Raises `ChainUnavailable`, and sets the endpoint aside.

        A server may close an idle connection at any time, so a lost one is opened again, once; but whoever answers then must
        show its identity first, for it may be another. All that we send may arrive twice: questions, and transactions that
        count once.
        """
        try:
            try:
                return self.endpoint.ask(questions)
            except LOST:
                if not verifying:
                    self.pool.verify_node(self)
                return self.endpoint.ask(questions)
        except LOST as lost:
            error = silence(self.name, lost)
            self.pool.failed(self, error)
            raise error from None  # the cause quotes the URL, which may hold an access key
        except ChainUnavailable as error:
            self.pool.failed(self, error)
            raise

    def ask_at_head(self, questions: Sequence[Question]) -> tuple[Head, list[Any | Fault]]:
        """Return the newest block and the answers. Raises `ChainUnavailable`, also if that block is too far behind."""
        answers = self.ask([("eth_getBlockByNumber", ["latest", False]), *questions])
        head = self.endpoint.block(answers[0], "the latest block")
        self.pool.accept(self, head)
        return head, answers[1:]


class Pool:
    """The endpoints of one chain, in the order of preference."""

    def __init__(
        self,
        w3s: Sequence[Web3],
        check: Check,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        max_head_age: float | None = None,
    ) -> None:
        if not w3s:
            raise ChainUnavailable("no chain endpoint is named", hint="name one with --rpc or TOUCHSTONE_RPC")
        self._nodes = [Node(Endpoint(w3), self) for w3 in w3s]
        self._check = check
        self._clock = clock
        self._wall_clock = wall_clock
        self._max_head_age = max_head_age
        self._lock = threading.Lock()
        self._highest = -1
        self._highest_at = 0.0

    def read(self, question: Callable[[Node], T], *, but: Node | None = None) -> T:
        """Return what the first endpoint answers that can, one that is left out excepted.

        Raises `WrongChain` if every endpoint answers for another chain, else `ChainUnavailable` if none could be asked.
        Whatever else `question` raises ends the search, `EndpointsDisagree` included.
        """
        for node in self._nodes:
            if node is but or not self._take(node):
                continue
            try:
                if self._is_due(node):
                    self.verify_node(node)
                answer = question(node)
            except WrongChain as error:
                _log.error("%s", error.message)
                self._set_aside(node, error, VERIFY_SECONDS / 10)
            except EndpointsDisagree:
                raise
            except ChainUnavailable as error:
                # An endpoint that answered, but not this question, is not set aside for other questions.
                with self._lock:
                    node.problem, node.verified_until = error, 0.0
            else:
                self._well(node)
                return answer
        raise self._conclusion()

    @property
    def is_single(self) -> bool:
        """Whether there is one endpoint alone."""
        return len(self._nodes) == 1

    def second_opinion(self, node: Node, question: Callable[[Node], T]) -> T | None:
        """Return what an endpoint answers that is not this one; none if none could be asked."""
        try:
            return self.read(question, but=node)
        except (ChainUnavailable, WrongChain):
            return None

    def verify(self) -> Head:
        """Check an endpoint's identity now and return its newest block. Raises as `read` does."""
        with self._lock:
            for node in self._nodes:
                node.verified_until = 0.0
        return self.read(lambda node: node.ask_at_head([])[0])

    def accept(self, node: Node, head: Head) -> None:
        """Take note of an endpoint's newest block. Raises `ChainUnavailable` if it is too far behind to be believed."""
        error: ChainUnavailable | None = None
        with self._lock:
            now = self._clock()
            if head.number >= self._highest or now - self._highest_at > MARK_SECONDS:
                self._highest, self._highest_at = head.number, now
            elif head.number < self._highest - REORG_DEPTH:
                error = ChainUnavailable(
                    f"{node.name} is at block {head.number}, expected at least {self._highest - REORG_DEPTH}: "
                    f"block {self._highest} was seen"
                )
        age = self._wall_clock() - head.time
        if self._max_head_age is not None and age > self._max_head_age:
            error = ChainUnavailable(
                f"the latest block of {node.name} is {age:.0f} s old, expected at most {self._max_head_age:.0f} s"
            )
        if error:
            self.failed(node, error)
            raise error

    def failed(self, node: Node, error: ChainError) -> None:
        """Set an endpoint aside, longer each time it fails in a row; it must show its identity again afterwards."""
        with self._lock:
            pause = min(FIRST_PAUSE * 2.0**node.failures, LONGEST_PAUSE)
            node.failures = min(node.failures + 1, 16)
        self._set_aside(node, error, pause)

    def _set_aside(self, node: Node, error: ChainError, seconds: float) -> None:
        with self._lock:
            node.problem = error
            node.verified_until = 0.0
            node.silent_until = self._clock() + seconds

    def _take(self, node: Node) -> bool:
        """Say whether an endpoint is to be asked now; of several callers only one tries an endpoint that failed."""
        with self._lock:
            now = self._clock()
            if now < node.silent_until:
                return False
            if node.failures:
                node.silent_until = now + FIRST_PAUSE
            return True

    def _is_due(self, node: Node) -> bool:
        with self._lock:
            return self._clock() >= node.verified_until

    def _well(self, node: Node) -> None:
        with self._lock:
            node.failures, node.silent_until, node.problem = 0, 0.0, None

    def verify_node(self, node: Node) -> None:
        """Check an endpoint's identity now. Raises `WrongChain` or `ChainUnavailable`."""
        self._check(node)
        with self._lock:
            node.verified_until = self._clock() + VERIFY_SECONDS

    def _conclusion(self) -> ChainError:
        with self._lock:
            problems = [node.problem for node in self._nodes if node.problem is not None]
        if problems and all(isinstance(problem, WrongChain) for problem in problems):
            return WrongChain("; ".join(problem.message for problem in problems), hint=problems[0].hint)
        told = "; ".join(problem.message for problem in problems) or "no chain endpoint answers"
        hint = next((problem.hint for problem in problems if problem.hint), "check that the endpoint runs and is reachable")
        return ChainUnavailable(told, hint=hint)

"""Follows the chain by its events (docs/decisions/0013-following-the-chain-by-its-events.md).

Instead of asking about each batch again and again, ask once an interval what happened since: one request for the newest block,
the newest final one, the block that we last knew as the newest, and the contract's logs since then. What no event touched is
still true. What cannot be told (the chain was reorganised, the logs are refused, an event is unknown) makes everything
forgotten, and every question is asked anew, as if there had been no memory.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from registry.chain.flights import Flights
from registry.chain.identity import final_block
from registry.chain.logs import changes
from registry.chain.memory import Memory, View
from registry.errors import ChainUnavailable, WrongChain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry.chain.endpoints import Head, Question
    from registry.chain.pool import Node, Pool
    from registry.chain.rpc_errors import Fault
    from registry.chain.wire import Event
    from registry.checking.trust import Deployment, Trust

OVERLAP: Final = 16
"""Blocks of which the logs are asked again: of several machines behind one address, one may not have had the newest yet."""
AHEAD: Final = 0.95
"""Of the interval: from here on whoever comes first asks again, and the others need not wait for it."""
PAUSE: Final = 0.5
"""Seconds without another attempt, after one that failed."""


class Follower:
    """Keeps a memory true. Threads may share it: only one of them asks, and none waits for a chain that is silent."""

    def __init__(self, pool: Pool, deployment: Deployment, trust: Trust, clock: Callable[[], float]) -> None:
        self.memory = Memory(trust.stale_seconds)
        self._pool = pool
        self._deployment = deployment
        self._trust = trust
        self._clock = clock
        self._flights = Flights()
        self._silent_until = 0.0
        self._applied: frozenset[tuple[bytes, int]] = frozenset()
        """Logs that the last request brought, by block and place. Touched by one thread at a time."""
        self._begun = 0
        """The block at which the memory was empty."""

    def view(self) -> View | None:
        """Return the blocks that questions are about now; none if the chain cannot be followed at the moment.

        At most once in `Trust.fresh_seconds` it is asked what happened since. Raises `WrongChain`.
        """
        view = self.memory.view
        now = self._clock()
        if view is not None and now - view.asked_at < self._trust.fresh_seconds * AHEAD:
            return view
        is_fresh = view is not None and now - view.asked_at < self._trust.fresh_seconds
        if now < self._silent_until or (self._flights.under_way(self) and (is_fresh or self._silent_until)):
            return view if is_fresh else None
        try:
            return self._flights.join(self, self._move)
        except WrongChain:
            raise
        except ChainUnavailable:
            return None

    def _move(self) -> View:
        asked_at = self._clock()
        view = self.memory.view
        if view is not None and asked_at - view.asked_at < self._trust.fresh_seconds * AHEAD:
            return view  # somebody asked while we were on our way
        try:
            view = self._pool.read(lambda node: self._follow(node, asked_at))
        except BaseException:
            self._silent_until = self._clock() + PAUSE
            raise
        self._silent_until = 0.0
        return view

    def _follow(self, node: Node, asked_at: float) -> View:
        """Ask an endpoint what happened since the last time, and move the memory there."""
        before = self.memory.view
        tag = self._trust.finality
        questions: list[Question] = [] if tag == "latest" else [("eth_getBlockByNumber", [tag, False])]
        if before is not None:
            first = max(before.head.number + 1 - OVERLAP, self._deployment.block)
            query = {"address": self._deployment.contract, "fromBlock": hex(first), "toBlock": "latest"}
            # The logs last: they reach at least as far as the head that is told first.
            questions += [("eth_getBlockByNumber", [hex(before.head.number), False]), ("eth_getLogs", [query])]
        head, answers = node.ask_at_head(questions)
        view = View(head, None if tag == "latest" else self._final(node, answers.pop(0)), asked_at)
        if before is None:
            return self._begin(view)
        if head.number < before.head.number:
            raise ChainUnavailable(f"{node.name} is at block {head.number} and lags behind: {before.head.number} was seen")
        if node.endpoint.block(answers[0], f"block {before.head.number}").hash != before.head.hash:
            # Reorganised away, or another chain: whose it is must be seen before anything is believed again.
            self._pool.verify_node(node)
            return self._begin(view)
        events = changes(answers[1], self._deployment.contract)
        return self._begin(view) if events is None else self._advance(before, view, events)

    def _final(self, node: Node, answer: Any | Fault) -> Head | None:
        final = final_block(node, answer, self._trust.finality)
        return final if final.number >= self._deployment.block else None

    def _begin(self, view: View) -> View:
        self._begun, self._applied = view.head.number, frozenset()
        self.memory.begin(view)
        return view

    def _advance(self, before: View, view: View, events: Sequence[Event]) -> View:
        if before.final is not None and (view.final is None or view.final.number < before.final.number):
            view = replace(view, final=before.final)  # another endpoint lags: what was final stays so
        # Whatever happened until we began was there when the first part was read.
        later = [event for event in events if event.block > self._begun]
        new = [event for event in later if (event.block_hash, event.position) not in self._applied]
        self._applied = frozenset((event.block_hash, event.position) for event in events)
        self.memory.advance(view, new)
        return view

"""A ledger that is followed: an endpoint whose requests are counted, and all that a verifier may ask."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from web3 import Web3

from registry.chain.reader import ChainReader
from registry.checking.trust import Reason
from tests.chain.fake_node import DEPLOYMENT, TRUST, FakeNode, Ledger
from tests.chain.faulty import Clock, FaultyProvider, faulty
from tests.chain.stage import KEY, NUMBER, PROFILE, SEAL, URI, address, seal_of, strip, when

if TYPE_CHECKING:
    from registry.checking.trust import BatchFacts, ChainFacts, Seen

FRESH = TRUST.fresh_seconds
OTHER = 8
UNIT = 5
DOMAIN = "verify.example.org"


class Place:
    """A ledger behind an endpoint whose requests are counted, and a reader of it."""

    def __init__(self, endpoints: int = 1, *, blocks_to_final: int = 2, **trust: Any) -> None:
        self.ledger = Ledger(blocks_to_final=blocks_to_final)
        for number, key in ((NUMBER, KEY), (OTHER, "key 8")):
            self.ledger.accredit(number, address(f"controller {number}"), PROFILE, URI)
            self.ledger.add_key(number, address(key))
        self.ledger.anchor(address(KEY), SEAL)
        self.ledger.anchor(address("key 8"), SEAL)
        self.ledger.withdraw_units(address(KEY), SEAL, Reason.STOLEN, [UNIT])
        self.ledger.set_domains([DOMAIN])
        self.ledger.finalize()
        self.nodes = [FakeNode(self.ledger) for _ in range(endpoints)]
        pairs = [faulty(Web3(node)) for node in self.nodes]
        self.providers, w3s = [provider for provider, _ in pairs], [w3 for _, w3 in pairs]
        self.clock = Clock()
        self.reader = ChainReader(w3s, replace(TRUST, **trust), DEPLOYMENT, clock=self.clock)

    @property
    def provider(self) -> FaultyProvider:
        """The first endpoint."""
        return self.providers[0]

    def fresh(self) -> ChainReader:
        """Return a reader that knows nothing, over an endpoint that behaves."""
        return ChainReader((Web3(FakeNode(self.ledger)),), self.reader.trust, DEPLOYMENT, clock=self.clock)

    def next_interval(self) -> None:
        """Let the answers become old, and count from now on."""
        self.clock.now += FRESH
        for provider in self.providers:
            provider.asked.clear()
            provider.requests = 0

    @property
    def requests(self) -> int:
        """How much was sent to any endpoint since then."""
        return sum(provider.requests for provider in self.providers)

    def batch(self, number: int = NUMBER, name: str = KEY) -> BatchFacts:
        """Ask about the first seal."""
        return self.reader.batch(number, SEAL, address(name))

    def seen(self) -> Seen:
        """Ask about the first seal, and return as of when the answer is true."""
        return when(self.reader, self.batch().seen)


def all_facts(reader: ChainFacts) -> list[str]:
    """Ask everything that a verifier asks, about two manufacturers with a batch each, and about strangers."""
    return [
        strip(answer)
        for answer in (
            *(reader.batch(number, SEAL, address(name)) for number, name in ((NUMBER, KEY), (OTHER, "key 8"), (9, KEY))),
            *(reader.batch(NUMBER, seal_of(name), address(KEY)) for name in ("two", "three")),
            *(reader.key(address(name)) for name in (KEY, "key 8", "stranger")),
            *(reader.manufacturer(number) for number in (NUMBER, OTHER, 9)),
            *(reader.unit_withdrawals(NUMBER, SEAL, index) for index in (0, UNIT, 300)),
            reader.domains(),
            *(reader.anchor_transaction(NUMBER, seal) for seal in (SEAL, seal_of("two"))),
        )
    ]

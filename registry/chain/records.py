"""Hashes that inspectors put on record: of evidence bundles, and of the journal."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from registry.chain import wire
from registry.chain.facts import NOBODY
from registry.chain.logs import events
from registry.chain.rpc_errors import role_id
from registry.errors import ChainUnavailable

if TYPE_CHECKING:
    from registry.chain.pool import Node
    from registry.chain.reader import ChainReader

INSPECTOR: Final = "inspector"


class RecordKind(enum.IntEnum):
    """What a hash stands for, as the contract numbers it."""

    CLOSED_CASE = 0
    JOURNAL_HEAD = 1


@dataclass(frozen=True, slots=True)
class Recorded:
    """A hash on record."""

    hash: bytes
    kind: RecordKind
    inspector: str
    """EIP-55 address of who put it there."""
    time: int
    """Unix seconds."""


class Records:
    """Asks the endpoints of a reader now, and remembers nothing. Methods raise `ChainUnavailable` or `WrongChain`."""

    def __init__(self, reader: ChainReader) -> None:
        self._pool = reader.pool
        self._deployment = reader.deployment

    def find(self, digest: bytes) -> Recorded | None:
        """Return a hash as it is on record at the newest block, or none."""
        inspector, kind, time = self._pool.read(lambda node: self._call(node, "recordedHash", digest))
        return None if inspector == NOBODY else Recorded(digest, RecordKind(kind), inspector, time)

    def list(self, kind: RecordKind) -> tuple[Recorded, ...]:
        """Return every hash of a kind, in the order in which they were put on record, up to the newest block.

        An endpoint can leave some out; that none is made up is seen by asking the contract for each.
        """
        return self._pool.read(lambda node: self._list(node, kind))

    def may_record(self, account: str) -> bool:
        """Say whether an account is an inspector's at the newest block."""
        return bool(self._pool.read(lambda node: self._call(node, "hasRole", role_id(INSPECTOR), account)))

    def _list(self, node: Node, kind: RecordKind) -> tuple[Recorded, ...]:
        head, _ = node.ask_at_head([])
        topics: list[Any] = [wire.topic("HashRecorded"), None, wire.topic_of(int(kind))]
        found = []
        for event in events(node, self._deployment.contract, topics, self._deployment.block, head.number):
            digest = bytes(event.values["hash"])
            inspector, recorded, time = self._call(node, "recordedHash", digest)
            if inspector == NOBODY or recorded != kind:
                raise ChainUnavailable(f"{node.name} lists a hash that the contract does not have: 0x{digest.hex()}")
            found.append(Recorded(digest, kind, inspector, time))
        return tuple(found)

    def _call(self, node: Node, name: str, *arguments: Any) -> Any:
        data = wire.encode(name, *arguments)
        answer = node.ask([("eth_call", [{"to": self._deployment.contract, "data": f"0x{data.hex()}"}, "latest"])])[0]
        raw = node.endpoint.octets(answer, f"the contract's {name}")
        try:
            return wire.decode(name, raw)
        except ValueError as error:
            raise ChainUnavailable(f"{node.name} gives an answer of {name} that cannot be read") from error

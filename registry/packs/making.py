"""Makes a pack of what a store holds and what the chain says of it. What cannot be asked or does not hold ends the making."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from registry.checking import steps
from registry.checking.deployments import Deployments
from registry.errors import ChainUnavailable, DocumentError, StoreDamaged
from registry.packs import pack_file
from registry.packs.pack_file import Head, Table
from registry.proofs import profile
from registry.proofs.encoding import RecordHasher
from registry.proofs.signing import recover

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from registry.checking.claims import ClaimedBatch, Records
    from registry.checking.trust import ChainFacts, Trust
    from registry.units.records import Record, UnitId


class Source(Protocol):
    """The batches that a pack is made of. Raises as the store does, and if a batch's tree does not hold."""

    def batches(self) -> Iterable[ClaimedBatch]:
        """Return the batches, each with a tree that was replayed from its units."""

    def units(self, batch: ClaimedBatch) -> Iterator[tuple[Record, bytes, int]]:
        """Yield record, signature and index of the units of a batch."""

    def withdrawn(self, batch: ClaimedBatch) -> Iterable[int]:
        """Return the indexes of the units of a batch that any deployment knows as withdrawn."""


@dataclass(frozen=True, slots=True)
class Made:
    """A pack, and what is in it."""

    raw: bytes
    head: Head
    batches: int
    left_out: int
    """Batches that are not anchored as finally as the trust settings ask for."""


def make(
    trust: Trust, chains: Sequence[ChainFacts], records: Records, source: Source, sign: Callable[[bytes], bytes],
    *, now: int, valid_seconds: int, random: Callable[[int], bytes] = secrets.token_bytes,
) -> Made:  # fmt: skip
    """Make a pack that is valid from `now` (Unix seconds) on.

    Raises `ChainError` if a deployment cannot be asked, `StoreError` and `ProofError` if a stored batch does not hold, and
    `DocumentError` for more groups of units than a pack can number, or a profile that is missing.
    """
    return _Making(trust, chains, records, random(32)).make(source, sign, now, valid_seconds)


class _Making:
    def __init__(self, trust: Trust, chains: Sequence[ChainFacts], records: Records, salt: bytes) -> None:
        self._trust = trust
        self._deployments = Deployments(trust, chains)
        self._records = records
        self._salt = salt
        self._table = Table(salt)
        self._hasher = RecordHasher(trust.registry_id)
        self._keys: dict[str, Any] = {}
        self._manufacturers: dict[int, Any] = {}
        self._batches: list[Any] = []
        self._groups: dict[tuple[int, str, str], int] = {}
        self._facts: dict[tuple[int, str], Any] = {}
        self._withdrawn: dict[str, Any] = {}

    def make(self, source: Source, sign: Callable[[bytes], bytes], now: int, valid_seconds: int) -> Made:
        domains = list(self._deployments.domains())
        left_out = 0
        for batch in source.batches():
            if not self._add(source, batch):
                left_out += 1
        facts = {
            "deployments": [_plain(asdict(one)) for one in self._trust.deployments],
            "domains": domains,
            "keys": self._keys,
            "manufacturers": {str(number): one for number, one in self._manufacturers.items()},
            "batches": self._batches,
            "groups": [
                {"batch": place, "lot": lot, "signer": signer, "facts": self._facts[place, signer]}
                for place, lot, signer in self._groups
            ],
            "withdrawn": self._withdrawn,
        }
        head = Head(self._trust.registry_id, now, now + valid_seconds, self._salt, len(self._table))
        return Made(pack_file.write(head, facts, self._table.sorted(), sign), head, len(self._batches), left_out)

    def _add(self, source: Source, batch: ClaimedBatch) -> bool:
        """Add a batch; returns whether its anchor is final."""
        opened = steps.open_batch(batch, self._trust.registry_id)
        place, withdrawn = len(self._batches), None
        for record, signature, index in source.units(batch):
            if (record.gtin, record.lot) not in opened.products:
                raise StoreDamaged(f"batch 0x{batch.seal.hex()} has a unit whose product its manifest does not name")
            signer = recover(self._hasher.digest(record), signature)
            group = (place, record.lot, signer)
            if group not in self._groups:
                if (place, signer) not in self._facts:
                    told = self._ask(batch, signer)
                    if told is None:
                        return False
                    self._facts[place, signer] = told
                    if withdrawn is None:
                        withdrawn = frozenset(source.withdrawn(batch)) if told["any_units_withdrawn"] else frozenset()
                if len(self._groups) == pack_file.MAX_GROUPS:
                    raise DocumentError(f"the units are of more than {pack_file.MAX_GROUPS} batches, lots and signers")
                self._groups[group] = len(self._groups)
            self._table.add(record.id, self._groups[group], signature)
            if withdrawn and index in withdrawn:
                self._withdraw(batch, record.id, index)
        self._batches.append(_plain(asdict(batch)))
        return True

    def _ask(self, batch: ClaimedBatch, signer: str) -> dict[str, Any] | None:
        """Return what the chain says of a seal; none if its anchor is not final."""
        facts = self._deployments.seal(batch.manufacturer, batch.seal, signer)
        if facts.found is None or not facts.found.final:
            return None
        if facts.seen is not None and facts.seen.stale:
            raise ChainUnavailable("the chain is silent: a pack is made of what it says now, never of what it said before")
        key = self._deployments.key(signer)
        if key.manufacturer != batch.manufacturer:
            raise StoreDamaged(f"batch 0x{batch.seal.hex()} has a unit that no key of its manufacturer signed")
        self._keys[signer] = _plain(asdict(replace(key, seen=None)))
        self._add_manufacturer(batch.manufacturer)
        told: dict[str, Any] = _plain(asdict(replace(facts, seen=None)))
        told["found"]["transaction"] = self._deployments.anchor_transaction(
            facts.found.deployment, batch.manufacturer, batch.seal
        )
        return told

    def _add_manufacturer(self, number: int) -> None:
        if number in self._manufacturers:
            return
        one = self._deployments.manufacturer(number)
        told = _plain(asdict(replace(one, seen=None)))
        for version in told["profiles"]:
            body = self._records.profile(bytes.fromhex(version["profile_hash"]))
            if body is not None and profile.profile_hash(body).hex() == version["profile_hash"]:
                version["body"] = body.decode()
        self._manufacturers[number] = told

    def _withdraw(self, batch: ClaimedBatch, unit: UnitId, index: int) -> None:
        stand = self._deployments.unit_withdrawals(batch.manufacturer, batch.seal, index)
        if stand:
            self._withdrawn[pack_file.unit_hash(self._salt, unit).hex()] = [_plain(asdict(one)) for one in stand]


def _plain(value: Any) -> Any:
    """Return a value as JSON can say it: bytes in hexadecimal."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value

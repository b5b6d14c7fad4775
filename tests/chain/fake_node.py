"""A node in memory: the fake chain behind the JSON-RPC of an endpoint, with the events that the contract would emit.

A `ChainReader` cannot tell it from a real one, and thousands of calls to it take no time. It keeps every block's state, hash
and logs, so that it answers for any block, as an endpoint with an archive does; what other endpoints refuse, a
`FaultyProvider` refuses in front of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from web3 import Web3
from web3.providers import JSONBaseProvider

from registry.chain import facts, wire
from registry.chain.deployment import artifact
from registry.checking.trust import Deployment, Reason, Trust
from tests.chain.fake import BLOCK_SECONDS, GENESIS, FakeChain, nobody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from registry.checking.trust import KeyFacts, ManufacturerFacts
    from tests.chain.fake import Batch, State

CODE = b"the contract's code"
REGISTRY_ID = b"\x07" * 32
DEPLOYMENT = Deployment(31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3", 1, bytes(Web3.keccak(CODE)))
TRUST = Trust(REGISTRY_ID, (DEPLOYMENT,))
ANY_WORDS = "a reason"
WORD_BITS = 256
SELECTOR = 4

Answer = dict[str, Any]


class Ledger(FakeChain):
    """The fake chain with what a node keeps of its blocks: their hashes and the contract's logs."""

    def __init__(self, *, blocks_to_final: int = 2) -> None:
        super().__init__(DEPLOYMENT, blocks_to_final=blocks_to_final)
        self._turn = 0
        self._emitted: list[Answer] = []
        self._ever_final = 0
        self.hashes: list[bytes] = []
        self.logs: list[list[Answer]] = []
        for _ in self._states:
            self._close()

    @property
    def final_height(self) -> int:
        """The newest final block's number."""
        return max(self.height - self._blocks_to_final, 0)

    def may_go_back(self, depth: int) -> bool:
        """Say whether these blocks may be replaced: what was final stays, whatever happens."""
        return self.height - depth > self._ever_final

    def state(self, height: int) -> State:
        """Return what the contract held after a block."""
        return self._states[height]

    def emit(self, name: str, *values: object) -> None:
        """Note an event for the block that is made next; values in the order of the ABI."""
        entry = next(one for one in artifact().abi if one["type"] == "event" and one["name"] == name)
        given = [(one["indexed"], one["type"], value) for one, value in zip(entry["inputs"], values, strict=True)]
        indexed = [f"0x{wire.CODEC.encode([kind], [value]).hex()}" for is_indexed, kind, value in given if is_indexed]
        plain = [(kind, value) for is_indexed, kind, value in given if not is_indexed]
        data = wire.CODEC.encode([kind for kind, _ in plain], [value for _, value in plain])
        self._emitted.append({"topics": [wire.topic(name), *indexed], "data": f"0x{data.hex()}"})

    def emit_raw(self, topics: Sequence[str], data: str = "0x") -> None:
        """Note a log of any bytes."""
        self._emitted.append({"topics": list(topics), "data": data})

    def _close(self) -> None:
        """Give the newest block its hash and its logs."""
        self._turn += 1
        self._ever_final = max(self._ever_final, self.final_height)
        number = len(self.hashes)
        self.hashes.append(bytes(Web3.keccak(text=f"block {number}, made as number {self._turn}")))
        place = {
            "address": DEPLOYMENT.contract.lower(),
            "blockNumber": hex(number),
            "blockHash": f"0x{self.hashes[number].hex()}",
            "transactionHash": f"0x{number.to_bytes(32, 'big').hex()}",
            "removed": False,
        }
        self.logs.append([{**log, **place, "logIndex": hex(index)} for index, log in enumerate(self._emitted)])
        self._emitted = []

    def _block(self, change: Callable[[State], object]) -> None:
        super()._block(change)
        self._close()

    def reorganise(self, depth: int) -> None:
        """Replace the newest blocks by empty ones, with hashes of their own."""
        self.go_back(depth)
        self.mine(depth)

    def go_back(self, depth: int) -> None:
        """Forget the newest blocks, as a node that was set back does."""
        del self._states[-depth:], self.hashes[-depth:], self.logs[-depth:]

    # ------------------------------------------------------------------------------------ the contract's own events

    def accredit(self, number: int, controller: str, profile_hash: bytes, uri: str) -> None:
        """Accredit a manufacturer."""
        self.emit("ManufacturerAccredited", number, controller)
        self.emit("ProfileUpdated", number, profile_hash, uri)
        super().accredit(number, controller, profile_hash, uri)

    def update_profile(self, number: int, profile_hash: bytes, uri: str) -> None:
        """Add a version of a profile."""
        self.emit("ProfileUpdated", number, profile_hash, uri)
        super().update_profile(number, profile_hash, uri)

    def set_suspended(self, number: int, *, suspended: bool) -> None:
        """Suspend or reinstate a manufacturer."""
        self.emit("ManufacturerSuspended" if suspended else "ManufacturerReinstated", number, ANY_WORDS)
        super().set_suspended(number, suspended=suspended)

    def replace_controller(self, number: int, controller: str) -> None:
        """Let another controller take over."""

        def change(state: State) -> None:
            state.manufacturers[number] = replace(state.manufacturers[number], controller=controller)

        self.emit("ControllerReplaced", number, self.state(self.height).manufacturers[number].controller, controller)
        self._block(change)

    def record_hash(self, inspector: str) -> None:
        """Record the hash of a case, which changes nothing that is asked here."""
        self.emit("HashRecorded", inspector, 0, bytes(Web3.keccak(text=f"case {self.height}")))
        self.mine()

    def set_domains(self, domains: Iterable[str]) -> None:
        """Replace the official domains."""
        listed = tuple(domains)
        self.emit("VerifierDomainsSet", listed)
        super().set_domains(listed)

    def add_key(self, number: int, address: str, *, permissions: int = 3, not_after: int = 2**40 - 1) -> None:
        """Add a key, from now on."""
        self.emit("KeyAdded", number, address, permissions, self.time + BLOCK_SECONDS, not_after)
        super().add_key(number, address, permissions=permissions, not_after=not_after)

    def revoke_key(self, address: str) -> None:
        """Revoke a key."""
        self.emit("KeyRevoked", self.owner(address), address)
        super().revoke_key(address)

    def set_compromised_since(self, address: str, since: int) -> None:
        """Say since when a key may have been in other hands."""
        self.emit("KeyCompromised", self.owner(address), address, since, ANY_WORDS)
        super().set_compromised_since(address, since)

    def anchor(self, address: str, seal: bytes) -> None:
        """Anchor a seal for the manufacturer of a key."""
        number = self.owner(address)
        self.emit("BatchAnchored", number, seal, address, self.state(self.height).manufacturers[number].batch_count + 1)
        super().anchor(address, seal)

    def endorse(self, number: int, seal: bytes) -> None:
        """Endorse a batch."""
        self.emit("BatchEndorsed", number, seal, self.state(self.height).batches[number, seal].anchor.key)
        super().endorse(number, seal)

    def attest(self, number: int, seal: bytes) -> None:
        """Attest a batch."""
        self.emit("BatchAttested", number, seal, facts.NOBODY)
        super().attest(number, seal)

    def withdraw_batch(self, address: str, seal: bytes, reason: Reason) -> None:
        """Withdraw a whole batch."""
        self.emit("BatchWithdrawn", self.owner(address), seal, address, reason)
        super().withdraw_batch(address, seal, reason)

    def annul_batch_withdrawal(self, number: int, seal: bytes) -> None:
        """Annul the withdrawal of a batch."""
        withdrawal = self.state(self.height).batches[number, seal].withdrawal
        self.emit("BatchWithdrawalAnnulled", number, seal, withdrawal.reason if withdrawal else 0, ANY_WORDS)
        super().annul_batch_withdrawal(number, seal)

    def withdraw_units(self, address: str, seal: bytes, reason: Reason, indexes: Iterable[int]) -> None:
        """Withdraw units."""
        listed = tuple(indexes)
        for word, mask in words_of(listed):
            self.emit("UnitsWithdrawn", self.owner(address), seal, address, reason, word, mask)
        super().withdraw_units(address, seal, reason, listed)

    def annul_units_withdrawal(self, number: int, seal: bytes, reason: Reason, indexes: Iterable[int]) -> None:
        """Annul the withdrawal of units."""
        listed = tuple(indexes)
        for word, mask in words_of(listed):
            self.emit("UnitsWithdrawalAnnulled", number, seal, reason, word, mask, ANY_WORDS)
        super().annul_units_withdrawal(number, seal, reason, listed)

    def owner(self, address: str) -> int:
        """Return whose key an address is."""
        return self._key(address).manufacturer


class FakeNode(JSONBaseProvider):
    """An endpoint over a ledger: questions in JSON-RPC, answers as a node gives them."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger
        self.behind = 0
        """By how many blocks this endpoint lags."""

    def make_request(self, method: Any, params: Any) -> Any:
        """Answer one request."""
        try:
            return {"jsonrpc": "2.0", "id": 0, "result": self._result(method, params)}
        except LookupError as error:
            return {"jsonrpc": "2.0", "id": 0, "error": {"code": -32000, "message": str(error.args[0])}}

    def _result(self, method: str, params: list[Any]) -> object:
        match method:
            case "eth_chainId":
                return hex(DEPLOYMENT.chain_id)
            case "eth_getCode":
                return f"0x{CODE.hex()}"
            case "eth_getBlockByNumber":
                number = self._number(params[0])
                return self._header(number) if number <= self._height else None
            case "eth_getLogs":
                first, last = (self._there(self._number(params[0][name])) for name in ("fromBlock", "toBlock"))
                return [log for logs in self.ledger.logs[first : last + 1] for log in logs if _asked_for(log, params[0])]
            case "eth_call":
                return f"0x{self._call(bytes.fromhex(params[0]['data'][2:]), self._there(self._number(params[1]))).hex()}"
            case _:
                raise LookupError(f"{method} is not known")

    @property
    def _height(self) -> int:
        return self.ledger.height - self.behind

    def _number(self, block: Any) -> int:
        if isinstance(block, dict):
            wanted = bytes.fromhex(block["blockHash"][2:])
            if wanted not in self.ledger.hashes[: self._height + 1]:
                raise LookupError("header for hash not found")
            return self.ledger.hashes.index(wanted)
        if block == "latest":
            return self._height
        return self.ledger.final_height if block in {"finalized", "safe"} else int(block, 16)

    def _there(self, number: int) -> int:
        if number > self._height:
            raise LookupError("header not found")
        return number

    def _header(self, number: int) -> Answer:
        return {
            "number": hex(number),
            "timestamp": hex(GENESIS + BLOCK_SECONDS * number),
            "hash": f"0x{self.ledger.hashes[number].hex()}",
        }

    def _call(self, data: bytes, height: int) -> bytes:
        function = next(one for one in wire._functions().values() if one.selector == data[:SELECTOR])
        arguments = wire.CODEC.decode(function.inputs, data[SELECTOR:])
        types = [wire._type(one) for one in function.outputs]
        return bytes(wire.CODEC.encode(types, [self._answer(function.name, arguments, self.ledger.state(height))]))

    def _answer(self, name: str, given: Sequence[Any], state: State) -> Any:
        answers: dict[str, Callable[..., Any]] = {
            "registryId": lambda: REGISTRY_ID,
            "verifierDomains": lambda: state.domains,
            "keyOf": lambda address: _key(self._key_facts(state, address)),
            "manufacturerOf": lambda number: _manufacturer(_owner(state, number)),
            "profilesOf": lambda number: [(one.profile_hash, one.since, one.uri) for one in _owner(state, number).profiles],
            "status": lambda *asked: self._status(state, *asked),
            "unitWithdrawals": lambda *asked: _reasons(state, *asked),
            "withdrawnWord": lambda *asked: _word(state, *asked),
        }
        return answers[name](*given)

    def _status(self, state: State, manufacturer: int, seal: bytes, signer: str) -> Any:
        batch = state.batches.get((manufacturer, seal))
        owner = _owner(state, manufacturer)
        in_force = [one.profile_hash for one in owner.profiles if batch is None or one.since <= batch.anchor.time]
        withdrawn_by = batch.withdrawal.key if batch and batch.withdrawal else facts.NOBODY
        return (
            _slot(batch),
            _manufacturer(owner),
            _key(self._key_facts(state, batch.anchor.key if batch else facts.NOBODY)),
            _key(self._key_facts(state, signer)),
            _key(self._key_facts(state, withdrawn_by)),
            in_force[-1] if in_force else bytes(32),
        )

    def _key_facts(self, state: State, address: str) -> KeyFacts | None:
        return state.keys.get(Web3.to_checksum_address(address))


def words_of(indexes: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Return the words and masks of some units."""
    masks: dict[int, int] = {}
    for index in indexes:
        masks[index // WORD_BITS] = masks.get(index // WORD_BITS, 0) | 1 << index % WORD_BITS
    return tuple(sorted(masks.items()))


def _owner(state: State, number: int) -> ManufacturerFacts:
    return state.manufacturers.get(number) or nobody(number)


def _reasons(state: State, manufacturer: int, seal: bytes, index: int) -> int:
    batch = state.batches.get((manufacturer, seal))
    return sum(1 << reason for reason in Reason if batch and batch.units.get((index, reason)))


def _word(state: State, manufacturer: int, seal: bytes, reason: int, word: int) -> int:
    batch = state.batches.get((manufacturer, seal))
    units = range(WORD_BITS * word, WORD_BITS * (word + 1))
    return sum(1 << unit % WORD_BITS for unit in units if batch and batch.units.get((unit, Reason(reason))))


def _asked_for(log: Answer, query: Answer) -> bool:
    if log["address"] != query["address"].lower():
        return False
    for given, wanted in zip(log["topics"], query.get("topics", ()), strict=False):
        if wanted is not None and given not in (wanted if isinstance(wanted, list) else [wanted]):
            return False
    return len(log["topics"]) >= len(query.get("topics", ()))


def _slot(batch: Batch | None) -> Any:
    if batch is None:
        return (facts.NOBODY, 0, 0, False, 0, 0, 0, facts.NOBODY, 0)
    gone = batch.withdrawal
    return (
        batch.anchor.key,
        batch.anchor.time,
        batch.anchor.block,
        batch.endorsed,
        batch.unit_reasons,
        batch.attestations,
        gone.reason if gone else 0,
        gone.key if gone else facts.NOBODY,
        gone.time if gone else 0,
    )


def _key(key: KeyFacts | None) -> Any:
    if key is None:
        return (0, 0, 0, 0, 0, 0)
    return (key.manufacturer, key.permissions, key.not_before, key.not_after, key.revoked_at, key.compromised_since)


def _manufacturer(one: ManufacturerFacts) -> Any:
    return (one.controller, one.accredited_at, one.suspended_at, one.batch_count, False, facts.NOBODY, 0)

"""What a chain says of a file, asked of one JSON-RPC endpoint: the contract's own views, and the batches that it lists.

It asks less than `touchstone verify` does: not whose key was valid when, nor which manufacturers there are, nor whether the
contract's code is the compiled one.
"""

from __future__ import annotations

import datetime as dt
import json
import urllib.request
from typing import TYPE_CHECKING, Any

from .bundle import Evidence
from .documents import Refused
from .files import Absence, Proof, made
from .keccak import keccak256
from .trees import unit_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from .files import Deployment, Step
    from .presence import Presence
    from .trees import Row

TIMEOUT = 20.0
OPENING = "(bytes32,uint32,bytes32)"
ROW = "((uint32,bytes32,bytes32,bytes32),bytes32[])"
KEY_OF = "keyOf(address)"
PRESENCE = f"verifyPresence(uint32,{OPENING},{ROW})"
ABSENCE = f"verifyAbsence(uint32,{OPENING},bytes32,{ROW}[])"
ANCHORED = "BatchAnchored(uint32,bytes32,address,uint32)"
RECORDED = "recordedHash(bytes32)"
OF_A_CASE = 0
"""The contract's number for hashes of evidence."""


class CouldNotAsk(Exception):
    """The endpoint gave no answer: nothing follows."""


class Endpoint:
    """One JSON-RPC endpoint."""

    def __init__(self, url: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise CouldNotAsk("the endpoint is no http or https address")
        self.url = url

    def ask(self, method: str, *params: Any) -> Any:
        """Return what it answers."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})  # noqa: S310 -- http or https
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310 -- http or https
                told = json.load(answer)
        except (OSError, ValueError) as error:
            raise CouldNotAsk(f"{method}: {error}") from error
        if not isinstance(told, dict) or told.get("result") is None:
            raise CouldNotAsk(f"{method}: {str(told)[:200]}")
        return told["result"]

    def call(self, contract: str, function: str, data: bytes = b"") -> bytes:
        """Return what a function of a contract answers."""
        found = self.ask("eth_call", {"to": contract, "data": "0x" + (keccak256(function.encode())[:4] + data).hex()}, "latest")
        return _bytes(found)


def asked(file: Proof | Absence | Evidence, endpoint: Endpoint, contracts: list[str]) -> list[Step]:
    """Ask the contracts that a person named about a file whose other steps hold. Raises `CouldNotAsk`."""
    try:
        if isinstance(file, Evidence):
            return made(_bundle_steps(file, endpoint, contracts))
        return made(_proof_steps(file, endpoint, contracts) if isinstance(file, Proof) else _steps(file, endpoint, contracts))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise CouldNotAsk(f"an answer makes no sense: {error!r}") from error


def _proof_steps(file: Proof, endpoint: Endpoint, contracts: list[str]) -> list[tuple[str, Callable[[], str]]]:
    named = [(file.contract, file.chain_id)]
    return [
        ("contract", lambda: _check_contracts(endpoint, named, file.registry_id, contracts)),
        ("view", lambda: _check_presence(file, endpoint)),
    ]


def _steps(file: Absence, endpoint: Endpoint, contracts: list[str]) -> list[tuple[str, Callable[[], str]]]:
    named = [(one.contract, one.chain_id) for one in file.deployments]
    return [
        ("contract", lambda: _check_contracts(endpoint, named, file.registry_id, contracts)),
        ("block", lambda: ", ".join(_check_block(one, endpoint) for one in file.deployments)),
        ("batches", lambda: ", ".join(_check_batches(file, one, endpoint) for one in file.deployments)),
        ("view", lambda: ", ".join(_check_views(file, one, endpoint) for one in file.deployments)),
    ]


def _bundle_steps(file: Evidence, endpoint: Endpoint, contracts: list[str]) -> list[tuple[str, Callable[[], str]]]:
    return [
        ("anchor", lambda: _check_recorded(file, endpoint, contracts)),
        ("batches", lambda: ", ".join(_check_batch(one, endpoint, contracts) for one in file.presences) or "none"),
        ("absences", lambda: _check_absences(file, endpoint, contracts)),
    ]


def _check_recorded(file: Evidence, endpoint: Endpoint, contracts: list[str]) -> str:
    """See that one of the contracts has the manifest's hash, and say since when."""
    for contract in contracts:
        told = endpoint.call(contract, RECORDED, file.sha256)
        inspector, kind, time = (int.from_bytes(told[at : at + 32], "big") for at in (0, 32, 64))
        if inspector and kind == OF_A_CASE:
            at = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=time)  # noqa: DTZ001 -- UTC; Python 3.9 has no name for it here
            return f"on record since {at} UTC, put there by 0x{inspector:040x}"
    raise Refused(f"no contract has 0x{file.sha256.hex()} on record: it was not anchored yet, or the manifest was changed")


def _check_batch(one: Presence, endpoint: Endpoint, contracts: list[str]) -> str:
    """See that the chain knows the batch: the other units of the file lead to the same root."""
    if one.contract.lower() not in {contract.lower() for contract in contracts}:
        raise Refused(f"{one.about} is about contract {one.contract}, which you did not name")
    for signer in sorted({unit.signer for unit in one.units if unit.signer}):
        owner = int.from_bytes(endpoint.call(one.contract, KEY_OF, bytes(12) + bytes.fromhex(signer[2:]))[:32], "big")
        if owner != one.manufacturer:
            raise Refused(f"the signer {signer} is no key of manufacturer {one.manufacturer}")
    opening = one.root + _word(one.count) + keccak256(one.manifest)
    unit = one.units[0]
    data = _word(one.manufacturer) + opening + _word(160) + _proven(unit.row, unit.path)
    if not int.from_bytes(endpoint.call(one.contract, PRESENCE, data), "big"):
        raise Refused(f"the contract knows no batch 0x{one.seal.hex()} of manufacturer {one.manufacturer}")
    return f"batch 0x{one.seal.hex()[:8]} of manufacturer {one.manufacturer}"


def _check_absences(file: Evidence, endpoint: Endpoint, contracts: list[str]) -> str:
    for one in file.absences:
        for name, held, told in made(_steps(one, endpoint, contracts)):
            if not held:
                raise Refused(f"serial {one.serial}: {name}: {told}")
    return f"{len(file.absences)} numbers"


def _check_contracts(endpoint: Endpoint, told: list[tuple[str, int]], registry_id: bytes, named: list[str]) -> str:
    """See that the file's contracts are those that were named, on their chain and of its registry."""
    if sorted(one.lower() for one in named) != sorted(contract.lower() for contract, _ in told):
        raise Refused(f"the file is about {', '.join(contract for contract, _ in told)}: not just what you named")
    found = int(endpoint.ask("eth_chainId"), 16)
    for contract, chain_id in told:
        if found != chain_id:
            raise Refused(f"the endpoint answers for chain {found}, the file is about chain {chain_id}")
        if endpoint.call(contract, "registryId()") != registry_id:
            raise Refused(f"contract {contract} belongs to another registry")
    return f"chain {found}, registry 0x{registry_id.hex()}"


def _check_presence(file: Proof, endpoint: Endpoint) -> str:
    owner = endpoint.call(file.contract, KEY_OF, bytes(12) + bytes.fromhex(file.signer[2:]))[:32]
    number = int.from_bytes(owner, "big")
    if not number:
        raise Refused(f"the signer {file.signer} is nobody's key")
    opening = file.root + _word(file.count) + keccak256(file.manifest)
    told = endpoint.call(file.contract, PRESENCE, owner + opening + _word(160) + _proven(file.row(), file.path))
    if not int.from_bytes(told, "big"):
        raise Refused(f"the contract knows no batch of manufacturer {number} that has this row")
    return f"the contract finds the row in a batch of manufacturer {number}"


def _check_block(one: Deployment, endpoint: Endpoint) -> str:
    block = endpoint.ask("eth_getBlockByNumber", hex(one.block), False)  # noqa: FBT003 -- JSON-RPC
    if _bytes(block.get("hash")) != one.block_hash or int(block.get("timestamp", "0x0"), 16) != one.time:
        raise Refused(f"block {one.block} of the chain is {block.get('hash')}, of time {block.get('timestamp')}")
    return f"block {one.block}"


def _check_batches(file: Absence, one: Deployment, endpoint: Endpoint) -> str:
    """See that the listed batches are those of the contract's events up to the block, numbered without a gap."""
    excused = file.excused()
    for issuer in one.issuers:
        if issuer.number in excused and not issuer.batches:
            continue
        topics = ["0x" + keccak256(ANCHORED.encode()).hex(), "0x" + _word(issuer.number).hex()]
        query = {"address": one.contract, "topics": topics, "fromBlock": "0x0", "toBlock": hex(one.block)}
        logs = [
            (int(log["data"], 16), _bytes(log["topics"][2]), int(log["blockNumber"], 16))
            for log in endpoint.ask("eth_getLogs", query)
        ]
        listed = [(number, seal, block) for number, (seal, block, _) in enumerate(issuer.batches, 1)]
        if sorted(logs) != listed:
            raise Refused(
                f"the chain lists {len(logs)} batches of manufacturer {issuer.number}, the file {len(listed)}, or others"
            )
    return f"{sum(len(issuer.batches) for issuer in one.issuers)} batches"


def _check_views(file: Absence, one: Deployment, endpoint: Endpoint) -> str:
    gaps = {gap.seal: gap for gap in file.gaps}
    asked_about = 0
    for issuer in one.issuers:
        for seal, _, _ in issuer.batches:
            gap = gaps[seal]
            rows = [_proven(row, path) for row, path in gap.rows]
            offsets = [32 * len(rows) + sum(map(len, rows[:place])) for place in range(len(rows))]
            listed = _word(len(rows)) + b"".join(map(_word, offsets)) + b"".join(rows)
            opening = gap.root + _word(gap.count) + keccak256(gap.manifest)
            key = unit_key(gap.salt, file.gtin, file.serial)
            told = endpoint.call(one.contract, ABSENCE, _word(issuer.number) + opening + key + _word(192) + listed)
            if not int.from_bytes(told, "big"):
                raise Refused(f"the contract sees no gap in batch 0x{seal.hex()} of manufacturer {issuer.number}")
            asked_about += 1
    return f"the contract sees the gap in {asked_about} batches"


def _proven(row: Row, path: list[bytes]) -> bytes:
    """Return a row with its path as the contract's ABI has it."""
    words = _word(row.index) + row.key + row.digest + row.attributes
    return words + _word(160) + _word(len(path)) + b"".join(path)


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])

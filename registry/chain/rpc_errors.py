"""Turns what nodes and the contract say when they refuse into our own errors.

An endpoint that cannot be reached, hangs, limits us or answers with something else than JSON-RPC could not be asked:
`ChainUnavailable`. A node that refuses a transaction, and a contract that reverts, are `TransactionRefused`, with the
contract's own error name and values. Addresses of endpoints often hold an access key: only their host is ever named.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import requests
from web3 import Web3

from registry.chain.deployment import artifact
from registry.errors import ChainUnavailable, TransactionRefused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SELECTOR: Final = 4
REVERTED: Final = 3
"""JSON-RPC code of an execution that reverted (EIP-1474 and every node we know)."""
LIMITED: Final = frozenset({-32005, 429})
NOT_SUPPORTED: Final = frozenset({-32601, -32004})
BUSY_STATUS: Final = 429
ROLES: Final = ("accreditor", "witness", "inspector")

HINTS: Final = {
    "AccessControlUnauthorizedAccount": "act with an account that has this role, or have governance grant it",
    "BatchAlreadyAnchored": "nothing needs to be done: the seal is on the chain",
    "BatchNotAnchored": "anchor the batch first, and check the manufacturer's number",
    "ControllerUnauthorized": "act with the manufacturer's controller account",
    "ControllerIsFrozen": "the alliance froze this controller; ask it",
    "ControllerReplacementTooEarly": "wait until the delay has passed",
    "KeyAlreadyKnown": "an address belongs to one manufacturer for ever: make a new key",
    "KeyConsentInvalid": "sign the consent with the key itself, for this manufacturer, contract and chain",
    "KeyIsCompromised": "use another key of the manufacturer",
    "KeyIsRevoked": "use another key of the manufacturer",
    "KeyMayNotAnchor": "use a key that has the permission to anchor",
    "KeyMayNotWithdraw": "use a key that has the permission to withdraw",
    "KeyOutsideWindow": "use a key whose window is open",
    "KeyUnknown": "have the manufacturer's controller add this key first",
    "ManufacturerIsSuspended": "the alliance must reinstate the manufacturer first",
    "ManufacturerUnknown": "have the alliance accredit this number first",
    "RelayExpired": "have the key sign a later deadline",
}

# How nodes say it: geth, anvil, Hardhat, Nethermind, Besu, Erigon. There are no codes for these.
ALREADY_KNOWN: Final = re.compile(r"already known|already imported|known transaction|alreadyknown", re.IGNORECASE)
NONCE_USED: Final = re.compile(r"nonce too low|nonce is too low|nonce has already been used|oldnonce", re.IGNORECASE)
UNDERPRICED: Final = re.compile(r"underpriced|max fee per gas less than|fee too low|gas price below", re.IGNORECASE)
NO_FUNDS: Final = re.compile(r"insufficient funds|enough funds|insufficient balance", re.IGNORECASE)
REVERT_TEXT: Final = re.compile(r"revert", re.IGNORECASE)
HEX: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Fault:
    """The error object of a JSON-RPC answer."""

    code: int | None
    message: str
    data: bytes
    """What the contract gave with its revert; empty if the node did not say."""

    @property
    def limited(self) -> bool:
        """Whether the endpoint only says that we ask too much."""
        return self.code in LIMITED

    @property
    def not_supported(self) -> bool:
        """Whether the endpoint does not know the method."""
        return self.code in NOT_SUPPORTED

    @property
    def reverted(self) -> bool:
        """Whether the contract refused, rather than the node."""
        return bool(self.data) or self.code == REVERTED or bool(REVERT_TEXT.search(self.message))


@dataclass(frozen=True, slots=True)
class ContractError:
    """A custom error of the contract, decoded."""

    name: str
    values: tuple[tuple[str, Any], ...]

    def __str__(self) -> str:
        """Write it as `Name(argument: value)`."""
        return f"{self.name}({', '.join(f'{name}: {value}' for name, value in self.values)})"


def fault(error: object) -> Fault:
    """Return the error object of an answer, whatever shape the node gave it."""
    if not isinstance(error, dict):
        return Fault(None, str(error)[:SHOWN], b"")
    code = error.get("code")
    message = error.get("message")
    return Fault(
        code if isinstance(code, int) else None,
        message[:SHOWN] if isinstance(message, str) else "no message",
        _data(error.get("data")),
    )


def silence(name: str, error: Exception) -> ChainUnavailable:
    """Return why an endpoint could not be asked, from what its provider raised."""
    if isinstance(error, requests.HTTPError):
        status = error.response.status_code if error.response is not None else "an error"
        hint = "the endpoint limits requests: wait, or name another endpoint" if status == BUSY_STATUS else None
        return ChainUnavailable(f"{name} answers HTTP {status}, expected 200", hint=hint)
    if isinstance(error, requests.Timeout | TimeoutError):
        return ChainUnavailable(f"{name} did not answer within its time")
    if isinstance(error, requests.JSONDecodeError | ValueError):
        return ChainUnavailable(f"{name} answers with something else than JSON-RPC")
    if isinstance(error, requests.RequestException | OSError):
        return ChainUnavailable(f"{name} cannot be reached")
    return ChainUnavailable(f"{name} could not be asked ({type(error).__name__})")


def refusal(what: str, problem: Fault) -> TransactionRefused:
    """Return why a transaction was refused, in the contract's own words where it gave some."""
    if problem.data:
        error = decode_revert(problem.data)
        return TransactionRefused(f"the contract refuses to {what}: {error}", error=error.name, hint=HINTS.get(error.name))
    if NONCE_USED.search(problem.message):
        return TransactionRefused(
            f"the node refuses to {what}: {problem.message}",
            error="NonceUsed",
            hint="another transaction of this account took its place; run the command again",
        )
    if NO_FUNDS.search(problem.message):
        return TransactionRefused(f"the node refuses to {what}: {problem.message}", hint="send coins to this account")
    if UNDERPRICED.search(problem.message):
        return TransactionRefused(
            f"the node refuses to {what}: {problem.message}", error="FeeTooLow", hint="the fees rose; run the command again"
        )
    return TransactionRefused(f"{'the contract' if problem.reverted else 'the node'} refuses to {what}: {problem.message}")


def decode_revert(data: bytes) -> ContractError:
    """Return the contract's error in these bytes; an unknown one keeps its bytes."""
    selector, body = data[:SELECTOR], data[SELECTOR:]
    for name, arguments in _errors():
        types = [kind for _, kind in arguments]
        if Web3.keccak(text=f"{name}({','.join(types)})")[:SELECTOR] != selector:
            continue
        try:
            values = Web3().codec.decode(types, body)
        except Exception:  # noqa: BLE001 - bytes of a node: whatever the codec dislikes, they are not this error
            break
        named = zip((argument for argument, _ in arguments), map(_shown, values), strict=True)
        return ContractError(name, tuple(named))
    return ContractError(f"0x{data.hex()}" if len(data) <= SELECTOR else f"0x{data.hex()[:SHOWN]}", ())


def _errors() -> Iterator[tuple[str, Sequence[tuple[str, str]]]]:
    yield "Error", (("reason", "string"),)
    yield "Panic", (("code", "uint256"),)
    for entry in artifact().abi:
        if entry["type"] == "error":
            yield entry["name"], [(one["name"].rstrip("_"), one["type"]) for one in entry["inputs"]]


def _shown(value: object) -> object:
    """Return a value as a person reads it: roles by name, bytes as hex, addresses in EIP-55."""
    if isinstance(value, bytes):
        return next((role for role in ROLES if role_id(role) == value), f"0x{value.hex()}")
    if isinstance(value, str) and Web3.is_address(value):
        return Web3.to_checksum_address(value)
    return value


def role_id(role: str) -> bytes:
    """Return the contract's constant for a role: `accreditor`, `witness` or `inspector`."""
    return bytes(Web3.keccak(text=f"{role.upper()}_ROLE"))


def _data(data: object) -> bytes:
    """Return the revert data, which geth gives as text and others as an object that holds it."""
    if isinstance(data, dict):
        inner: Mapping[str, object] = data
        return _data(inner.get("data", inner.get("result")))
    if isinstance(data, str) and (found := HEX.search(data)):
        return bytes.fromhex(found[0][2:])
    return b""

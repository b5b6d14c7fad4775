"""One account's transactions: what they would cost, signing, sending, and waiting until they are mined.

A transaction's hash is known before it is sent, and sending the same bytes twice counts once. So a reply that got lost is no
question of "did it happen?": whoever waits for the hash finds out. One that has become too cheap to be mined is replaced by a
dearer one with the same nonce, so that one of the two is mined at most; whoever waits looks for both.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes
from web3 import Web3

from registry.chain.broadcasting import Broadcast, Receipt
from registry.chain.recent import Bounded
from registry.chain.rpc_errors import Fault, refusal
from registry.errors import ChainUnavailable, TransactionRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from registry.chain.endpoints import Head
    from registry.chain.pool import Node, Pool

GAS_MARGIN: Final = (5, 4)
"""The gas limit is a quarter above the estimate: another transaction may make ours dearer. Unused gas is free."""
BASE_FEE_GROWTH: Final = 2
"""Six full blocks in a row double the base fee (EIP-1559)."""
FIRST_PAUSE: Final = 0.02
LONGEST_PAUSE: Final = 2.0
SEND_AGAIN: Final = 10.0
DEARER: Final = (9, 8)
"""What takes a transaction's place has to offer a tenth more to most nodes, and an eighth more to some."""
SENT_SIZE: Final = 1024
COIN: Final = 10**18
EIP_1559: Final = 2
"""The first byte of a transaction that names a highest fee and a priority fee."""


class Signer(Protocol):
    """What signs digests of units and transactions; `registry.keys.KeystoreSigner` is one."""

    @property
    def address(self) -> str:
        """EIP-55 address."""

    def sign_digest(self, digest: bytes) -> bytes:
        """Return the 64-byte EIP-2098 signature of a 32-byte digest."""

    def sign_transaction(self, transaction: Mapping[str, Any]) -> tuple[bytes, bytes]:
        """Return the raw signed transaction and its hash."""


@dataclass(frozen=True, slots=True)
class Action:
    """What a transaction is to do; `what` completes "refuses to ..."."""

    what: str
    data: bytes
    to: str | None
    """EIP-55 address; none to create a contract."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a transaction would cost, in wei."""

    gas: int
    fee_per_gas: int
    fee: int
    """At today's price."""
    most: int
    """If it takes all its gas at the highest price that we would sign."""


@dataclass(frozen=True, slots=True)
class PreparedTransaction:
    """A signed transaction that was not sent yet."""

    raw: bytes
    tx_hash: bytes
    nonce: int
    gas: int
    """The most gas that it may use."""
    max_fee: int
    """The most that it may cost, in wei."""


@dataclass(frozen=True, slots=True)
class _Fees:
    """Wei a unit of gas."""

    now: int
    """To be mined at once."""
    most: int
    """To be mined after some full blocks, too."""
    tip: int | None
    """None on a chain without EIP-1559."""


@dataclass(frozen=True, slots=True)
class _Price:
    gas: int
    """What the node estimates."""
    nonce: int
    fees: _Fees


class Account:
    """Sends transactions of one signer to one chain."""

    def __init__(
        self,
        pool: Pool,
        signer: Signer,
        chain_id: int,
        *,
        fee_cap: int | None = None,
        timeout: float = 120.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`fee_cap` is the most that one transaction may cost, in wei; `timeout` how long to wait for one, in seconds."""
        self._pool = pool
        self._broadcast = Broadcast(pool)
        self._signer = signer
        self._chain_id = chain_id
        self._fee_cap = fee_cap
        self._timeout = timeout
        self._clock = clock
        self._sleep = sleep
        self._sent: Bounded[bytes] = Bounded(SENT_SIZE)

    def estimate(self, action: Action) -> Estimate:
        """Return what an action would cost now. Raises `TransactionRefused` if it would fail."""
        price = self._pool.read(lambda node: self._price(node, action))
        fees = price.fees
        return Estimate(price.gas, fees.now, price.gas * fees.now, _limit(price.gas) * fees.most)

    def prepare(self, action: Action) -> PreparedTransaction:
        """Return the signed transaction of an action.

        Raises `TransactionRefused` if it would fail, or cost more than the cap.
        """
        price = self._pool.read(lambda node: self._price(node, action))
        gas = _limit(price.gas)
        most = self._within_cap(action, price.fees, gas)
        transaction: dict[str, Any] = {
            "chainId": self._chain_id,
            "nonce": price.nonce,
            "gas": gas,
            "value": 0,
            "data": action.data,
        }
        if price.fees.tip is None:
            transaction["gasPrice"] = most
        else:
            transaction |= {"type": 2, "maxFeePerGas": most, "maxPriorityFeePerGas": min(price.fees.tip, most)}
        if action.to is not None:
            transaction["to"] = action.to
        return self._signed(transaction, most)

    def send(self, raw: bytes, what: str = "take a transaction") -> bytes:
        """Hand a signed transaction to the chain and return its hash; one that the chain knows already is no error.

        Raises `TransactionRefused`, with `error` `NonceUsed` if another transaction of the account took its place and
        `FeeTooLow` if fees rose since it was signed (whoever waits can have it replaced), and
        `ChainUnavailable` if it is not known whether the transaction arrived: then wait for it.
        """
        self._sent.put(bytes(Web3.keccak(raw)), raw)
        return self._broadcast.send(raw, what)

    def wait(
        self,
        tx_hash: bytes,
        *,
        confirmations: int = 1,
        timeout: float | None = None,
        progress: Callable[[int], None] = lambda _: None,
        replacing: Callable[[PreparedTransaction], object] | None = None,
    ) -> Receipt:
        """Wait until a transaction is mined and `confirmations` blocks deep, its own block included.

        `progress` is told each time another block confirms it. A transaction that a reorganisation or a node dropped is sent
        again. With `replacing`, one that has become too cheap is replaced, as far as the fee cap allows; each that takes its
        place is told before it is sent, so that it can be put on record. Raises `TransactionRefused` if it failed or
        can no longer be mined, `ChainUnavailable` if the time is over.
        """
        names = [tx_hash]
        patience = self._timeout if timeout is None else timeout
        until = self._clock() + patience
        pause, shown = FIRST_PAUSE, 0
        send_at = self._clock() + SEND_AGAIN
        problem: ChainUnavailable | None = None
        while True:
            try:
                found = self._broadcast.find(names)
                problem = None
            except ChainUnavailable as error:
                found, problem = None, error
            if found is not None:
                receipt, head = found
                depth = head.number - receipt.block + 1
                if depth > shown:
                    progress(depth)
                    shown = depth
                if depth >= confirmations:
                    return receipt
            elif self._clock() >= send_at:
                if replacing is not None and (dearer := self._dearer(names[-1])) is not None:
                    replacing(dearer)
                    self._sent.put(dearer.tx_hash, dearer.raw)
                    names.append(dearer.tx_hash)
                self._send_again(names)
                send_at = self._clock() + SEND_AGAIN
            if self._clock() + pause > until:
                raise self._gave_up(tx_hash, patience, problem, mined=found is not None)
            self._sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def act(self, action: Action, *, confirmations: int = 1) -> Receipt:
        """Prepare, send and wait. Raises as these do."""
        prepared = self.prepare(action)
        # Without an answer it may have arrived all the same; whoever waits finds out, and sends it again if it did not.
        with suppress(ChainUnavailable):
            self.send(prepared.raw, action.what)
        return self.wait(prepared.tx_hash, confirmations=confirmations, replacing=lambda _: None)

    def _signed(self, transaction: Mapping[str, Any], most: int) -> PreparedTransaction:
        """Return a signed transaction; `most` is the most that a unit of gas may cost, in wei."""
        raw, tx_hash = self._signer.sign_transaction(transaction)
        gas = transaction["gas"]
        return PreparedTransaction(raw, tx_hash, transaction["nonce"], gas, gas * most)

    def _dearer(self, tx_hash: bytes) -> PreparedTransaction | None:
        """Return what takes the place of a transaction that is too cheap by now; none if it is not, or the cap forbids it."""
        raw = self._sent.get(tx_hash)
        if raw is None or raw[0] != EIP_1559:
            return None
        old = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
        try:
            fees = self._pool.read(self._fees)
        except ChainUnavailable:
            return None
        fee, tip = old["maxFeePerGas"], old["maxPriorityFeePerGas"]
        if fees.tip is None or (fee >= fees.now and tip >= fees.tip):
            return None
        least = _bump(fee)
        most = max(fees.most, least)
        if self._fee_cap is not None:
            most = min(most, self._fee_cap // old["gas"])
        if most < max(least, fees.now):
            return None
        wanted = {name: old[name] for name in ("chainId", "nonce", "gas", "value", "data", "type")}
        if old["to"]:
            wanted["to"] = Web3.to_checksum_address(old["to"])
        wanted |= {"maxFeePerGas": most, "maxPriorityFeePerGas": min(max(fees.tip, _bump(tip)), most)}
        return self._signed(wanted, most)

    # ------------------------------------------------------------------------------------------------ asking a node

    def _price(self, node: Node, action: Action) -> _Price:
        end = node.endpoint
        call = {"from": self._signer.address, "data": f"0x{action.data.hex()}"}
        if action.to is not None:
            call["to"] = action.to
        head, (gas, tip, gas_price, nonce) = node.ask_at_head(
            [
                ("eth_estimateGas", [call]),
                ("eth_maxPriorityFeePerGas", []),
                ("eth_gasPrice", []),
                ("eth_getTransactionCount", [self._signer.address, "pending"]),
            ]
        )
        if isinstance(gas, Fault) and not (gas.limited or gas.not_supported):
            raise refusal(action.what, gas)
        asked = end.quantity(gas, "the gas that this takes"), end.quantity(nonce, "the account's nonce")
        return _Price(*asked, self._fees_at(node, head, tip, gas_price))

    def _fees(self, node: Node) -> _Fees:
        head, (tip, gas_price) = node.ask_at_head([("eth_maxPriorityFeePerGas", []), ("eth_gasPrice", [])])
        return self._fees_at(node, head, tip, gas_price)

    def _fees_at(self, node: Node, head: Head, tip: object, gas_price: object) -> _Fees:
        end = node.endpoint
        price = end.quantity(gas_price, "the gas price")
        if head.base_fee is None:
            return _Fees(now=price, most=price, tip=None)
        # A node without the method still says a price, which holds both.
        wanted = max(price - head.base_fee, 0) if isinstance(tip, Fault) else end.quantity(tip, "the priority fee")
        return _Fees(now=head.base_fee + wanted, most=BASE_FEE_GROWTH * head.base_fee + wanted, tip=wanted)

    def _within_cap(self, action: Action, price: _Fees, gas: int) -> int:
        """Return the highest price of a unit of gas to sign: lower than wished for if the cap asks for it."""
        if self._fee_cap is None or gas * price.most <= self._fee_cap:
            return price.most
        allowed = self._fee_cap // gas
        if allowed >= price.now and price.tip is not None:
            return allowed
        raise TransactionRefused(
            f"to {action.what} may cost {_coins(gas * price.now)}, expected at most {_coins(self._fee_cap)} (the fee cap)",
            error="FeeCap",
            hint="wait until fees are lower, or raise the cap",
        )

    def _send_again(self, names: Sequence[bytes]) -> None:
        """Send the last of some transactions again. Raises `TransactionRefused` if none of them can be mined any longer."""
        raw = self._sent.get(names[-1])
        if raw is None:
            return
        try:
            with suppress(ChainUnavailable):
                self.send(raw)
        except TransactionRefused as error:
            # Fees may fall again; and of several, one that was mined leaves no place for the last.
            if error.error != "FeeTooLow" and self._broadcast.find(names[:-1]) is None:
                raise

    @staticmethod
    def _gave_up(tx_hash: bytes, seconds: float, problem: ChainUnavailable | None, *, mined: bool) -> ChainUnavailable:
        name = f"transaction 0x{tx_hash.hex()}"
        hint = "it may still be mined: run the command again, which asks before it sends anything"
        if problem is not None:
            return ChainUnavailable(f"{name} could not be followed: {problem.message}", hint=hint)
        state = "not confirmed" if mined else "not mined"
        return ChainUnavailable(f"{name} was {state} within {seconds:.0f} seconds", hint=hint)


def _limit(gas: int) -> int:
    """Return the gas limit to sign for an estimate."""
    return gas * GAS_MARGIN[0] // GAS_MARGIN[1]


def _bump(wei: int) -> int:
    """Return the least that what takes a transaction's place has to offer."""
    return wei * DEARER[0] // DEARER[1] + 1


def _coins(wei: int) -> str:
    return f"{wei / COIN:.9f}".rstrip("0").rstrip(".") + " coins"

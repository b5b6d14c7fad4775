"""Tells the contract: one method for each thing that somebody may do (protocol § 5), and `deploy` for a new contract.

Nothing is sent before the node has tried it and the fee is within the cap. `anchor` asks before it sends, so that a seal is
never paid for twice; each method waits until its transaction is mined.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from web3 import Web3

from registry.chain import wire
from registry.chain.bitmaps import withdrawn_words
from registry.chain.broadcasting import Receipt
from registry.chain.deployment import DeploymentRecord, artifact, read_records, write_record
from registry.chain.facts import NOBODY, WORD_BITS
from registry.chain.named import read_address
from registry.chain.pool import Pool
from registry.chain.rpc_errors import ROLES, Fault, role_id
from registry.chain.transactions import Account, Action, Estimate, PreparedTransaction
from registry.checking.trust import Deployment, Reason
from registry.errors import ChainUnavailable, InputError, TransactionRefused, WrongChain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from registry.chain.endpoints import Question
    from registry.chain.pool import Node
    from registry.chain.reader import ChainReader
    from registry.chain.transactions import Signer
    from registry.checking.trust import Anchor, KeyFacts

__all__ = [
    "MAY_ANCHOR",
    "MAY_WITHDRAW",
    "ROLES",
    "ChainWriter",
    "Estimate",
    "PreparedTransaction",
    "Receipt",
    "anchor_digest",
    "deploy",
    "key_consent_digest",
    "words_of",
]

MAY_ANCHOR: Final = 1
MAY_WITHDRAW: Final = 2
DEVELOPMENT_CHAINS: Final = frozenset({1337, 31337})
DEVELOPMENT_NODES: Final = ("anvil", "hardhat", "ganache", "ethereumjs")
DOMAIN_TYPE: Final = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
DOMAIN_NAME: Final = "Touchstone Registry"
DOMAIN_VERSION: Final = "1"
ANY_SEAL: Final = b"\xff" * 32
"""Stands for a seal that nobody anchored, to ask what an anchor costs."""


class ChainWriter:
    """What one account tells one deployment. Every method raises `TransactionRefused`, `ChainUnavailable` or `WrongChain`."""

    def __init__(
        self,
        reader: ChainReader,
        signer: Signer,
        *,
        fee_cap: int | None = None,
        confirmations: int = 1,
        timeout: float = 120.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Write with `signer` to the reader's deployment.

        `fee_cap` is the most that one transaction may cost, in wei. `confirmations` are the blocks to wait for, a transaction's
        own block included; `timeout` is for how many seconds.
        """
        self._reader = reader.asking_now()
        self._signer = signer
        self._contract = reader.deployment.contract
        self._confirmations = confirmations
        self._account = Account(
            reader.pool,
            signer,
            reader.deployment.chain_id,
            fee_cap=fee_cap,
            timeout=timeout,
            clock=clock,
            sleep=sleep,
        )

    @property
    def reader(self) -> ChainReader:
        """What asks the same deployment, every time anew."""
        return self._reader

    # ------------------------------------------------------------------------------------------------ anchoring a seal

    def key(self) -> KeyFacts:
        """Return what the contract knows of our key, at `latest`, asked now."""
        return self._reader.key(self._signer.address)

    def time(self) -> int:
        """Return the time of the newest block, Unix seconds: the contract goes by that clock, and not by this machine's."""
        return self._reader.check_deployment().time

    def anchored(self, seal: bytes) -> Anchor | None:
        """Return our manufacturer's anchor of a seal as of `latest`, asked now, or none."""
        batch = self._reader.batch(self.key().manufacturer, seal, NOBODY)
        return batch.anchor or batch.pending_anchor

    def final(self, seal: bytes) -> Anchor | None:
        """Return our manufacturer's anchor of a seal at the configured finality, asked now, or none."""
        return self._reader.batch(self.key().manufacturer, seal, NOBODY).anchor

    def estimate_anchor(self, seal: bytes = ANY_SEAL) -> Estimate:
        """Return what anchoring a seal would cost now; it does not depend on the number of units."""
        return self._account.estimate(self._action("anchor", seal))

    def prepare_anchor(self, seal: bytes) -> PreparedTransaction:
        """Return a signed transaction that anchors a seal. Raises `TransactionRefused` if it would fail or cost too much."""
        return self._account.prepare(self._action("anchor", seal))

    def send_raw(self, raw: bytes) -> None:
        """Hand a signed transaction to the chain; one that it knows already is no error.

        Raises `TransactionRefused`, with `error` `NonceUsed` if another transaction of the account took its place, and
        `FeeTooLow` if fees rose since it was signed.
        """
        self._account.send(raw)

    def wait(
        self,
        tx_hash: bytes,
        *,
        confirmations: int | None = None,
        timeout: float | None = None,
        progress: Callable[[int], None] = lambda _: None,
        replacing: Callable[[PreparedTransaction], object] | None = None,
    ) -> Receipt:
        """Wait until a transaction is mined and confirmed; `progress` is told of each confirmation.

        With `replacing`, one that has become too cheap is replaced; each that takes its place is told before it is sent. Raises
        `TransactionRefused` if it failed or can no longer be mined.
        """
        wanted = self._confirmations if confirmations is None else confirmations
        return self._account.wait(tx_hash, confirmations=wanted, timeout=timeout, progress=progress, replacing=replacing)

    def anchor(self, seal: bytes) -> Anchor:
        """Anchor a seal, unless it is anchored already; returns its anchor either way."""
        if (there := self.anchored(seal)) is not None:
            return there
        try:
            self._act("anchor", seal)
        except TransactionRefused:
            # Another run of ours may have been faster.
            if (there := self.anchored(seal)) is not None:
                return there
            raise
        if (there := self.anchored(seal)) is None:
            raise ChainUnavailable("the anchor was mined and is not there any more", hint="run the command again")
        return there

    def relay_anchor(self, seal: bytes, deadline: int, signature: bytes) -> Receipt:
        """Anchor a seal for a key that signed it (`anchor_digest`); we pay, and the key needs no coins."""
        return self._act("anchorSigned", seal, deadline, signature)

    # -------------------------------------------------------------------------------------------------- the alliance

    def accredit(self, manufacturer: int, controller: str, profile_hash: bytes, uri: str) -> Receipt:
        """Accredit a manufacturer under a number that is its own for ever."""
        return self._act("accredit", manufacturer, read_address(controller), profile_hash, uri)

    def update_profile(self, manufacturer: int, profile_hash: bytes, uri: str) -> Receipt:
        """Put a new version of a manufacturer's profile in force."""
        return self._act("updateProfile", manufacturer, profile_hash, uri)

    def suspend(self, manufacturer: int, reason: str) -> Receipt:
        """Suspend a manufacturer."""
        return self._act("suspend", manufacturer, reason)

    def reinstate(self, manufacturer: int, reason: str) -> Receipt:
        """End a suspension."""
        return self._act("reinstate", manufacturer, reason)

    def set_controller_frozen(self, manufacturer: int, frozen: bool) -> Receipt:  # noqa: FBT001 - the contract's argument
        """Freeze a manufacturer's controller, or let it act again."""
        return self._act("setControllerFrozen", manufacturer, frozen)

    def propose_controller(self, manufacturer: int, controller: str) -> Receipt:
        """Announce another controller; it takes over after the contract's delay."""
        return self._act("proposeController", manufacturer, read_address(controller))

    def cancel_controller_replacement(self, manufacturer: int) -> Receipt:
        """Take an announced replacement back."""
        return self._act("cancelControllerReplacement", manufacturer)

    def complete_controller_replacement(self, manufacturer: int) -> Receipt:
        """Let an announced controller take over."""
        return self._act("completeControllerReplacement", manufacturer)

    def set_verifier_domains(self, domains: Sequence[str]) -> Receipt:
        """Replace the list of official verifier domains."""
        return self._act("setVerifierDomains", list(domains))

    def grant_role(self, role: str, account: str) -> Receipt:
        """Appoint an account: `accreditor`, `witness` or `inspector`."""
        return self._act("grantRole", _role(role), read_address(account))

    def revoke_role(self, role: str, account: str) -> Receipt:
        """Take a role away."""
        return self._act("revokeRole", _role(role), read_address(account))

    # ------------------------------------------------------------------------------------------------- the controller

    def add_key(
        self, manufacturer: int, address: str, *, permissions: int, not_after: int, consent: bytes, not_before: int = 0
    ) -> Receipt:
        """Add a key to a manufacturer for ever. `consent` is its own signature of `key_consent_digest`.

        `not_before` 0 means from the adding block on. Times are Unix seconds, both included.
        """
        return self._act("addKey", manufacturer, read_address(address), permissions, not_before, not_after, consent)

    def revoke_key(self, address: str) -> Receipt:
        """Revoke a key from now on."""
        return self._act("revokeKey", read_address(address))

    def set_compromised_since(self, address: str, since: int, reason: str) -> Receipt:
        """Say since when a key may have been in other hands; only ever earlier than said before."""
        return self._act("setCompromisedSince", read_address(address), since, reason)

    def endorse(self, manufacturer: int, seal: bytes, key: str) -> Receipt:
        """Vouch for a batch that a key's compromise put under review."""
        return self._act("endorse", manufacturer, seal, read_address(key))

    def annul_batch_withdrawal(self, manufacturer: int, seal: bytes, why: str) -> Receipt:
        """Annul the mistaken withdrawal of a batch."""
        return self._act("annulBatchWithdrawal", manufacturer, seal, why)

    def annul_units_withdrawal(
        self, manufacturer: int, seal: bytes, reason: Reason, words: Sequence[tuple[int, int]], why: str
    ) -> Receipt:
        """Annul the mistaken withdrawal of units; `words` as in `withdraw_units`."""
        return self._act("annulUnitsWithdrawal", manufacturer, seal, int(reason), list(words), why)

    # -------------------------------------------------------------------------------------- key, witness, inspector

    def withdraw_batch(self, seal: bytes, reason: Reason) -> Receipt:
        """Withdraw a whole batch of our manufacturer."""
        return self._act("withdrawBatch", seal, int(reason))

    def withdraw_units(self, seal: bytes, reason: Reason, words: Sequence[tuple[int, int]]) -> Receipt:
        """Withdraw units of a batch of our manufacturer.

        `words` are (word, mask): bit `i` of the mask is the unit of index `256 * word + i` (`words_of`). A transaction takes
        some 300 words at most.
        """
        return self._act("withdrawUnits", seal, int(reason), list(words))

    def void_words(self, seal: bytes, count: int) -> list[tuple[int, int]]:
        """Return those of the first `count` words of our batch's bitmap of void units that are not empty now."""
        ours = self.key().manufacturer
        if not self._reader.batch(ours, seal, NOBODY).any_units_withdrawn:
            return []
        return self._reader.pool.read(lambda node: withdrawn_words(node, self._contract, ours, seal, Reason.VOID, count=count))

    def estimate_void(self, seal: bytes, words: Sequence[tuple[int, int]]) -> Estimate:
        """Return what it would cost to withdraw units as void; `words` as in `withdraw_units`."""
        return self._account.estimate(self._action("withdrawUnits", seal, int(Reason.VOID), list(words)))

    def prepare_void(self, seal: bytes, words: Sequence[tuple[int, int]]) -> PreparedTransaction:
        """Return a signed transaction that withdraws units as void.

        Raises `TransactionRefused` if it would fail or cost too much.
        """
        return self._account.prepare(self._action("withdrawUnits", seal, int(Reason.VOID), list(words)))

    def attested_at(self, manufacturer: int, seal: bytes) -> int:
        """Return when (Unix seconds) our account attested a batch, at `latest`, asked now; 0 if it did not."""
        data = wire.encode("attestedAt", manufacturer, seal, self._signer.address)
        call: Question = ("eth_call", [{"to": self._contract, "data": f"0x{data.hex()}"}, "latest"])

        def ask(node: Node) -> int:
            raw = node.endpoint.octets(node.ask([call])[0], "when the batch was attested")
            return int(wire.decode("attestedAt", raw))

        return self._reader.pool.read(ask)

    def attest(self, manufacturer: int, seal: bytes) -> Receipt:
        """Attest, as a witness, that we replayed a batch's whole tree."""
        return self._act("attest", manufacturer, seal)

    def record_hash(self, kind: int, digest: bytes) -> Receipt:
        """Record, as an inspector, the hash of a closed case (0) or of a journal head (1)."""
        return self._act("recordHash", kind, digest)

    def _act(self, name: str, *arguments: Any) -> Receipt:
        return self._account.act(self._action(name, *arguments), confirmations=self._confirmations)

    def _action(self, name: str, *arguments: Any) -> Action:
        try:
            data = wire.encode(name, *arguments)
        except ValueError as error:
            raise InputError(str(error)) from error
        return Action(f"do {name}", data, self._contract)


def words_of(indexes: Iterable[int]) -> list[tuple[int, int]]:
    """Return the (word, mask) pairs of units, by word."""
    masks: dict[int, int] = {}
    for index in indexes:
        masks[index // WORD_BITS] = masks.get(index // WORD_BITS, 0) | 1 << index % WORD_BITS
    return sorted(masks.items())


def key_consent_digest(deployment: Deployment, manufacturer: int) -> bytes:
    """Return what a key signs to say that it belongs to a manufacturer: EIP-712 `KeyConsent(uint32 manufacturer)`."""
    return _typed_digest(deployment, "KeyConsent(uint32 manufacturer)", ["uint32"], [manufacturer])


def anchor_digest(deployment: Deployment, seal: bytes, deadline: int) -> bytes:
    """Return what a key signs to let anyone anchor a seal for it: EIP-712 `Anchor(bytes32 seal,uint256 deadline)`."""
    return _typed_digest(deployment, "Anchor(bytes32 seal,uint256 deadline)", ["bytes32", "uint256"], [seal, deadline])


def _typed_digest(deployment: Deployment, kind: str, types: list[str], values: list[Any]) -> bytes:
    domain = wire.CODEC.encode(
        ["bytes32", "bytes32", "bytes32", "uint256", "address"],
        [
            Web3.keccak(text=DOMAIN_TYPE),
            Web3.keccak(text=DOMAIN_NAME),
            Web3.keccak(text=DOMAIN_VERSION),
            deployment.chain_id,
            deployment.contract,
        ],
    )
    struct = wire.CODEC.encode(["bytes32", *types], [Web3.keccak(text=kind), *values])
    return bytes(Web3.keccak(b"\x19\x01" + Web3.keccak(domain) + Web3.keccak(struct)))


def deploy(
    w3: Web3,
    signer: Signer,
    *,
    registry_id: bytes,
    governance: str | None = None,
    governance_delay: int = 0,
    controller_delay: int = 0,
    production: bool = False,
    deployments: Path | None = None,
    fee_cap: int | None = None,
) -> Deployment:
    """Create the contract of a registry on a chain, and check that what is there is what was compiled.

    `governance` is the first default admin, by default the signer. Delays are in seconds. `production` says that labels in the
    world depend on this registry; so does an earlier record in the folder `deployments`, to which this one is added.

    Raises `TransactionRefused` if a production registry is to be deployed on a development chain, or the node refuses.
    """
    pool = Pool((w3,), lambda _: None)
    chain_id, client = pool.read(_ask_chain)
    known = read_records(deployments) if deployments is not None else ()
    production = production or any(one.production and one.registry_id == registry_id for one in known)
    if production and (chain_id in DEVELOPMENT_CHAINS or client.lower().startswith(DEVELOPMENT_NODES)):
        raise TransactionRefused(
            f"registry 0x{registry_id.hex()} is in production, expected no development chain: this is chain {chain_id} "
            f"({client or 'an unknown node'})",
            hint="found a registry of its own for development: anchors there would look like the real ones",
        )
    creation = wire.arguments_of_constructor(registry_id, governance or signer.address, governance_delay, controller_delay)
    account = Account(pool, signer, chain_id, fee_cap=fee_cap)
    receipt = account.act(Action("create the contract", creation, None))
    if receipt.contract is None:
        raise ChainUnavailable("the receipt of the deployment names no contract")
    contract = receipt.contract
    code = pool.read(lambda node: _ask_created(node, contract, registry_id))
    deployment = Deployment(chain_id, contract, receipt.block, bytes(Web3.keccak(code)))
    if deployments is not None:
        write_record(deployments, DeploymentRecord(registry_id, production, deployment, artifact().compiler))
    return deployment


def _ask_chain(node: Node) -> tuple[int, str]:
    chain_id, client = node.ask([("eth_chainId", []), ("web3_clientVersion", [])])
    return node.endpoint.quantity(chain_id, "its chain id"), client if isinstance(client, str) else ""


def _ask_created(node: Node, contract: str, registry_id: bytes) -> bytes:
    call: Question = ("eth_call", [{"to": contract, "data": f"0x{wire.encode('registryId').hex()}"}, "latest"])
    code_answer, id_answer = node.ask([("eth_getCode", [contract, "latest"]), call])
    code = node.endpoint.octets(code_answer, "the contract's code")
    if isinstance(id_answer, Fault) or node.endpoint.octets(id_answer, "the registry's id") != registry_id:
        raise WrongChain(f"the contract at {contract} does not have the registry's id")
    if not artifact().made(code):
        raise WrongChain(f"the code at {contract} is not the compiled contract")
    return code


def _role(role: str) -> bytes:
    if role not in ROLES:
        raise InputError(f"role {role!r:.40} is unknown, expected one of {', '.join(ROLES)}")
    return role_id(role)

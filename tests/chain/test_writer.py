"""What is told to the contract: asked before it is sent, never paid for twice, refused in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from registry.chain.deployment import artifact, read_records
from registry.chain.reader import ChainReader
from registry.chain.writer import (
    MAY_WITHDRAW,
    ChainWriter,
    PreparedTransaction,
    anchor_digest,
    deploy,
    key_consent_digest,
    words_of,
)
from registry.checking.trust import Reason, Trust
from registry.errors import ChainUnavailable, InputError, TransactionRefused, WrongChain
from tests.chain.faulty import Clock, FaultyProvider, faulty
from tests.chain.stage import FOR_EVER, KEY, NUMBER, SEAL, WITHDRAWN, NodeStage, address, seal_of, signer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry.issuing.registration import AnchorWriter

NEW = seal_of("new")
GIGA = 10**9


def nonce(stage: NodeStage, name: str) -> int:
    """Return how many transactions of an account were mined."""
    return int(stage.request("eth_getTransactionCount", address(name), "latest"), 16)


def through(stage: NodeStage, name: str, **options: Any) -> tuple[FaultyProvider, ChainWriter]:
    """Return a writer whose endpoint a test can spoil."""
    stage.writer(name)
    provider, w3 = faulty(stage.w3())
    return provider, ChainWriter(stage.reader(w3), signer(name), **options)


def for_the_pipeline(writer: ChainWriter) -> AnchorWriter:
    """Say to the type checker that a registration can use this."""
    return writer


# ------------------------------------------------------------------------------------------------------------- anchoring


def test_a_seal_is_anchored_once(stage: NodeStage) -> None:
    """The second time nothing is sent."""
    writer = stage.writer(KEY)
    first = writer.anchor(NEW)
    sent = nonce(stage, KEY)
    assert writer.anchor(NEW) == first
    assert nonce(stage, KEY) == sent
    assert first.key == address(KEY)
    assert writer.anchored(NEW) == first
    assert writer.final(NEW) is None
    stage.finalize()
    assert writer.final(NEW) == first
    assert writer.anchored(seal_of("nothing")) is None


def test_the_cost_is_known_before(stage: NodeStage) -> None:
    """The estimate is close to what is paid, and the signed transaction names the most it may cost."""
    writer = stage.writer(KEY)
    estimate = writer.estimate_anchor()
    prepared = writer.prepare_anchor(NEW)
    sent = nonce(stage, KEY)
    writer.send_raw(prepared.raw)
    receipt = writer.wait(prepared.tx_hash)
    assert nonce(stage, KEY) == sent + 1
    assert abs(receipt.gas_used - estimate.gas) < 5000
    assert receipt.gas_used <= prepared.gas
    assert receipt.fee <= prepared.max_fee
    assert receipt.fee <= estimate.most
    assert (receipt.transaction_hash, receipt.time) == (prepared.tx_hash, stage.time())
    anchor = writer.anchored(NEW)
    assert anchor is not None
    assert anchor.block == receipt.block


def test_the_same_bytes_may_be_sent_again(stage: NodeStage) -> None:
    """Before and after they are mined, as a second run does."""
    writer = stage.writer(KEY)
    prepared = writer.prepare_anchor(NEW)
    stage.request("evm_setAutomine", False)  # noqa: FBT003 - JSON-RPC
    try:
        writer.send_raw(prepared.raw)
        writer.send_raw(prepared.raw)
        stage.mine()
        writer.send_raw(prepared.raw)
    finally:
        stage.request("evm_setAutomine", True)  # noqa: FBT003 - JSON-RPC
    assert writer.wait(prepared.tx_hash).transaction_hash == prepared.tx_hash


def test_a_reply_that_is_lost_after_mining_pays_once(stage: NodeStage) -> None:
    """The hash is known before, so that whoever waits for it finds out."""
    provider, writer = through(stage, KEY)
    before = nonce(stage, KEY)

    def lose(_params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        forward()
        raise TimeoutError

    provider.on("eth_sendRawTransaction", lose)
    clock = Clock()
    patient = ChainWriter(stage.reader(provider_w3(provider), clock=clock), signer(KEY), clock=clock, sleep=clock.sleep)
    assert patient.anchor(NEW).key == address(KEY)
    assert nonce(stage, KEY) == before + 1
    assert writer.anchored(NEW) is not None


def test_what_is_accepted_and_never_mined_may_be_tried_again(stage: NodeStage) -> None:
    """The time is over, nothing is lost, and the next run sends nothing new."""
    clock = Clock()
    writer = stage.writer(KEY, clock=clock, sleep=clock.sleep, timeout=30.0)
    stage.request("evm_setAutomine", False)  # noqa: FBT003 - JSON-RPC
    try:
        prepared = writer.prepare_anchor(NEW)
        writer.send_raw(prepared.raw)
        with pytest.raises(ChainUnavailable, match="not mined within 30 seconds") as caught:
            writer.wait(prepared.tx_hash)
        assert "run the command again" in (caught.value.hint or "")
        stage.mine()
        before = nonce(stage, KEY)
        assert writer.anchor(NEW).key == address(KEY)
        assert nonce(stage, KEY) == before
    finally:
        stage.request("evm_setAutomine", True)  # noqa: FBT003 - JSON-RPC


def test_a_dropped_transaction_is_sent_again(stage: NodeStage) -> None:
    """A node that forgot it is reminded while we wait."""
    clock = Clock()
    writer = stage.writer(KEY, clock=clock, sleep=clock.sleep)
    stage.request("evm_setAutomine", False)  # noqa: FBT003 - JSON-RPC
    try:
        prepared = writer.prepare_anchor(NEW)
        writer.send_raw(prepared.raw)
        stage.request("anvil_dropTransaction", f"0x{prepared.tx_hash.hex()}")
        clock.on_sleep = [lambda: None] * 12 + [stage.mine] * 8
        receipt = writer.wait(prepared.tx_hash)
    finally:
        stage.request("evm_setAutomine", True)  # noqa: FBT003 - JSON-RPC
    assert receipt.transaction_hash == prepared.tx_hash


def test_what_is_reorganised_away_is_sent_again(own_stage: NodeStage) -> None:
    """Three confirmations were asked for; after two the block was replaced."""
    clock = Clock()
    writer = own_stage.writer(KEY, clock=clock, sleep=clock.sleep)
    prepared = writer.prepare_anchor(NEW)
    writer.send_raw(prepared.raw)
    own_stage.until_mined(prepared.tx_hash)
    seen: list[int] = []
    clock.on_sleep = [own_stage.mine, lambda: own_stage.reorganise(2)] + [lambda: None] * 25 + [own_stage.mine] * 20
    receipt = writer.wait(prepared.tx_hash, confirmations=3, progress=seen.append)
    assert seen[:2] == [1, 2]
    assert seen[-1] == 3
    anchor = writer.anchored(NEW)
    assert anchor is not None
    assert anchor.block == receipt.block


def test_confirmations_are_told_as_they_come(stage: NodeStage) -> None:
    """The block of the transaction is the first."""
    clock = Clock()
    writer = stage.writer(KEY, clock=clock, sleep=clock.sleep, confirmations=4)
    prepared = writer.prepare_anchor(NEW)
    writer.send_raw(prepared.raw)
    stage.until_mined(prepared.tx_hash)
    clock.on_sleep = [stage.mine] * 3
    seen: list[int] = []
    writer.wait(prepared.tx_hash, progress=seen.append)
    assert seen == [1, 2, 3, 4]


@pytest.fixture
def market(stage: NodeStage) -> Iterator[Market]:
    """A chain whose blocks are made by hand, and whose base fee can be set; afterwards it is as it was."""
    one = Market(stage)
    stage.request("evm_setAutomine", False)  # noqa: FBT003 - JSON-RPC
    yield one
    one.set(one.usual)
    stage.request("evm_setAutomine", True)  # noqa: FBT003 - JSON-RPC


class Market:
    """The base fee of a chain."""

    def __init__(self, stage: NodeStage) -> None:
        self._stage = stage
        self.usual = int(stage.request("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16)  # noqa: FBT003 - JSON-RPC

    def set(self, wei: int) -> None:
        """Make a block with this base fee: what offers less stays out."""
        self._stage.request("anvil_setNextBlockBaseFeePerGas", hex(wei))
        self._stage.mine()


@pytest.mark.parametrize("cap", [10**18, None])
@pytest.mark.parametrize("wins", ["replacement", "original"])
def test_what_has_become_too_cheap_is_replaced_within_the_cap(
    stage: NodeStage, market: Market, wins: str, cap: int | None
) -> None:
    """By one of the same nonce, told before it is sent; whichever is mined is found, and only one is paid for."""
    clock = Clock()
    writer = stage.writer(KEY, clock=clock, sleep=clock.sleep, fee_cap=cap)
    before = nonce(stage, KEY)
    told: list[PreparedTransaction] = []

    def replacing(dearer: PreparedTransaction) -> None:
        known = stage.request("eth_getTransactionByHash", f"0x{dearer.tx_hash.hex()}")
        assert known is None, "it was sent before it was told"
        told.append(dearer)
        if wins == "original":
            market.set(market.usual)
            writer.send_raw(prepared.raw)  # anvil forgets what became too cheap; other nodes may not
            stage.mine()

    prepared = writer.prepare_anchor(NEW)
    writer.send_raw(prepared.raw)
    market.set(2 * prepared.max_fee // prepared.gas)
    clock.on_sleep = [lambda: None] * 12 + [stage.mine] * 8
    receipt = writer.wait(prepared.tx_hash, replacing=replacing)
    (dearer,) = told
    assert dearer.nonce == prepared.nonce
    assert dearer.max_fee > prepared.max_fee * 9 // 8
    assert receipt.transaction_hash == (dearer.tx_hash if wins == "replacement" else prepared.tx_hash)
    assert nonce(stage, KEY) == before + 1
    assert writer.anchored(NEW) is not None


@pytest.mark.parametrize("rose", [True, False])
def test_what_is_dear_enough_or_capped_is_not_replaced(stage: NodeStage, market: Market, *, rose: bool) -> None:
    """Nobody pays more than he agreed to, or than it takes."""
    clock = Clock()
    cap = stage.writer(KEY).estimate_anchor(NEW).most if rose else 10**18
    writer = stage.writer(KEY, clock=clock, sleep=clock.sleep, fee_cap=cap, timeout=60.0)
    told: list[PreparedTransaction] = []
    prepared = writer.prepare_anchor(NEW)
    writer.send_raw(prepared.raw)
    if rose:
        market.set(2 * prepared.max_fee // prepared.gas)
    with pytest.raises(ChainUnavailable, match="not mined within 60 seconds"):
        writer.wait(prepared.tx_hash, replacing=told.append)
    assert told == []


def test_a_nonce_that_another_transaction_took_is_refused_by_name(stage: NodeStage) -> None:
    """Then, and only then, a new transaction is needed."""
    writer = stage.writer(KEY)
    prepared = writer.prepare_anchor(NEW)
    writer.withdraw_batch(SEAL, Reason.VOID)
    with pytest.raises(TransactionRefused) as caught:
        writer.send_raw(prepared.raw)
    assert caught.value.error == "NonceUsed"
    assert writer.anchored(NEW) is None


def test_a_nonce_taken_while_we_wait_ends_the_waiting(stage: NodeStage) -> None:
    """A transaction that can no longer be mined is not waited for."""
    clock = Clock()
    writer = stage.writer(KEY, clock=clock, sleep=clock.sleep)
    prepared = writer.prepare_anchor(NEW)
    stage.request("evm_setAutomine", False)  # noqa: FBT003 - JSON-RPC
    writer.send_raw(prepared.raw)
    stage.request("anvil_dropTransaction", f"0x{prepared.tx_hash.hex()}")
    stage.request("evm_setAutomine", True)  # noqa: FBT003 - JSON-RPC
    stage.writer(KEY).withdraw_batch(SEAL, Reason.VOID)
    with pytest.raises(TransactionRefused) as caught:
        writer.wait(prepared.tx_hash)
    assert caught.value.error == "NonceUsed"


def test_a_transaction_that_fails_when_mined_says_why(stage: NodeStage) -> None:
    """Between signing and mining the manufacturer was suspended."""
    writer = stage.writer(KEY)
    prepared = writer.prepare_anchor(NEW)
    stage.set_suspended(NUMBER, suspended=True)
    writer.send_raw(prepared.raw)
    with pytest.raises(TransactionRefused, match="failed in block") as caught:
        writer.wait(prepared.tx_hash)
    assert caught.value.error == "ManufacturerIsSuspended"
    assert caught.value.hint


def test_while_the_chain_is_silent_we_wait(stage: NodeStage) -> None:
    """An outage while waiting is no end; one that lasts is."""
    clock = Clock()
    provider, w3 = faulty(stage.w3())
    writer = ChainWriter(stage.reader(w3, clock=clock), signer(KEY), clock=clock, sleep=clock.sleep, timeout=60.0)
    stage.writer(KEY)
    prepared = writer.prepare_anchor(NEW)
    writer.send_raw(prepared.raw)
    provider.error = OSError("gone")
    clock.on_sleep = [lambda: None] * 5 + [provider.behaves]
    assert writer.wait(prepared.tx_hash).transaction_hash == prepared.tx_hash
    provider.error = OSError("gone")
    clock.on_sleep = []
    with pytest.raises(ChainUnavailable, match="could not be followed"):
        writer.wait(prepared.tx_hash)


def test_an_anchor_asks_now(stage: NodeStage) -> None:
    """A writer never decides on what it remembers."""
    writer = stage.writer(KEY)
    assert writer.anchored(NEW) is None
    stage.anchor(KEY, NEW)
    assert writer.anchored(NEW) is not None


def test_anyone_may_relay_an_anchor(stage: NodeStage) -> None:
    """The key signs, somebody else pays; a changed seal or a passed deadline is refused."""
    deadline = stage.time() + 1000
    signature = signer(KEY).sign_digest(anchor_digest(stage.deployment, NEW, deadline))
    relay = stage.writer("relay")
    before = nonce(stage, KEY)
    relay.relay_anchor(NEW, deadline, signature)
    assert nonce(stage, KEY) == before
    batch = stage.facts().batch(NUMBER, NEW, address(KEY))
    assert batch.pending_anchor is not None
    assert batch.pending_anchor.key == address(KEY)
    with pytest.raises(TransactionRefused) as caught:
        relay.relay_anchor(seal_of("another"), deadline, signature)
    assert caught.value.error in {"KeyUnknown", "KeyOfAnotherManufacturer"}
    with pytest.raises(TransactionRefused) as caught:
        relay.relay_anchor(NEW, 1, signature)
    assert caught.value.error == "RelayExpired"


# --------------------------------------------------------------------------------------------------------------- the fee


def test_a_fee_above_the_cap_is_refused_before_it_is_signed(stage: NodeStage) -> None:
    """Nothing is sent; the message names both amounts."""
    with pytest.raises(TransactionRefused, match="fee cap") as caught:
        stage.writer(KEY, fee_cap=10).anchor(NEW)
    assert caught.value.error == "FeeCap"
    assert "cap" in (caught.value.hint or "")
    assert stage.writer(KEY).anchored(NEW) is None


def test_a_cap_between_price_and_wish_is_kept(stage: NodeStage) -> None:
    """The transaction is signed for less than wished, and never for more than the cap."""
    writer = stage.writer(KEY)
    wish = writer.prepare_anchor(NEW)
    estimate = writer.estimate_anchor()
    cap = (wish.max_fee + wish.gas * estimate.fee_per_gas) // 2
    assert cap < wish.max_fee
    capped = stage.writer(KEY, fee_cap=cap)
    assert wish.gas * estimate.fee_per_gas <= capped.prepare_anchor(NEW).max_fee <= cap
    capped.anchor(NEW)


def test_a_chain_without_base_fee_gets_a_transaction_of_the_old_kind(stage: NodeStage) -> None:
    """EIP-1559 is used where it is, and only there."""
    provider, writer = through(stage, KEY)

    def no_base_fee(_params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        answer = forward()
        answer["result"].pop("baseFeePerGas", None)
        return answer

    provider.on("eth_getBlockByNumber", no_base_fee)
    provider.refuses("eth_maxPriorityFeePerGas", "not supported", code=-32601)
    prepared = writer.prepare_anchor(NEW)
    assert prepared.raw[0] >= 0xC0
    with pytest.raises(TransactionRefused, match="fee cap"):
        ChainWriter(stage.reader(provider_w3(provider)), signer(KEY), fee_cap=prepared.max_fee - 1).anchor(NEW)
    writer.anchor(NEW)


def test_a_node_that_names_no_priority_fee_names_a_price(stage: NodeStage) -> None:
    """Its gas price holds both."""
    provider, writer = through(stage, KEY)
    provider.refuses("eth_maxPriorityFeePerGas", "the method does not exist", code=-32601)
    assert writer.prepare_anchor(NEW).raw[0] == 2
    writer.anchor(NEW)


def test_an_account_without_coins_is_told_so(stage: NodeStage) -> None:
    """Before anything is sent."""
    stage.add_key(NUMBER, "poor key")
    poor = ChainWriter(stage.reader(), signer("poor key"))
    with pytest.raises(TransactionRefused) as caught:
        poor.anchor(NEW)
    assert "coins" in (caught.value.hint or "")


# ------------------------------------------------------------------------------------------------------ what is refused


def test_the_contracts_reasons_come_with_name_values_and_hint(stage: NodeStage) -> None:
    """Nobody has to look a selector up."""
    stranger = stage.writer("stranger")
    with pytest.raises(TransactionRefused, match="accreditor") as caught:
        stranger.suspend(NUMBER, "a reason")
    assert (caught.value.error, bool(caught.value.hint)) == ("AccessControlUnauthorizedAccount", True)
    assert address("stranger") in caught.value.message
    with pytest.raises(TransactionRefused, match=rf"BatchAlreadyAnchored\(manufacturer: {NUMBER}, seal: 0x{SEAL.hex()}"):
        stage.writer(KEY).prepare_anchor(SEAL)
    with pytest.raises(TransactionRefused) as caught:
        stranger.anchor(NEW)
    assert caught.value.error == "KeyUnknown"


def test_it_is_all_the_same_on_hardhat(hardhat_stage: NodeStage) -> None:
    """Another node gives the contract's reasons in another shape."""
    hardhat_stage.accredit(NUMBER)
    hardhat_stage.add_key(NUMBER, KEY)
    writer = hardhat_stage.writer(KEY)
    first = writer.anchor(NEW)
    assert writer.anchor(NEW) == first
    with pytest.raises(TransactionRefused) as caught:
        hardhat_stage.writer("stranger").suspend(NUMBER, "a reason")
    assert caught.value.error == "AccessControlUnauthorizedAccount"
    prepared = writer.prepare_anchor(seal_of("late"))
    writer.withdraw_batch(NEW, Reason.VOID)
    with pytest.raises(TransactionRefused) as caught:
        writer.send_raw(prepared.raw)
    assert caught.value.error == "NonceUsed"
    poor = ChainWriter(hardhat_stage.reader(), signer("poor"))
    with pytest.raises(TransactionRefused):
        poor.anchor(seal_of("poor"))
    late = writer.prepare_anchor(seal_of("late"))
    hardhat_stage.set_suspended(NUMBER, suspended=True)
    # It mines what fails and tells at once; anvil tells who waits.
    with pytest.raises(TransactionRefused) as caught:
        writer.send_raw(late.raw)
    assert caught.value.error == "ManufacturerIsSuspended"


def test_arguments_that_cannot_be_are_refused_here(stage: NodeStage) -> None:
    """An address with wrong capitals may be mistyped, and a number may be too large."""
    alliance = stage.writer("alliance")
    mistyped = address("somebody").swapcase().replace("0X", "0x")
    for wrong in (mistyped, "0x00", "somebody", ""):
        with pytest.raises(InputError):
            alliance.accredit(8, wrong, SEAL, "https://example.com")
    with pytest.raises(InputError):
        alliance.grant_role("king", address("somebody"))
    with pytest.raises(InputError):
        alliance.accredit(2**32, address("somebody"), SEAL, "https://example.com")
    with pytest.raises(InputError):
        alliance.attest(1, b"short")
    alliance.accredit(8, address("somebody").lower(), SEAL, "https://example.com")


def test_every_act_of_the_contract_has_a_method(stage: NodeStage) -> None:
    """Each is done once; what OpenZeppelin adds for the default admin is left to the tools of a Safe."""
    done: set[str] = set()
    original = ChainWriter._action

    def note(self: ChainWriter, name: str, *arguments: Any) -> Any:
        done.add(name)
        return original(self, name, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ChainWriter, "_action", note)
        play(stage)
    acts = {one["name"] for one in artifact().abi if one["type"] == "function" and one["stateMutability"] == "nonpayable"}
    left_out = {name for name in acts if "DefaultAdmin" in name} | {"renounceRole"}
    assert done == acts - left_out


def play(stage: NodeStage) -> None:
    """Do everything once."""
    alliance, controller, key = stage.writer("alliance"), stage.writer(f"controller {NUMBER}"), stage.writer(KEY)
    governance, inspector = stage.writer("governance"), stage.writer("inspector")
    stage.update_profile(NUMBER)
    alliance.set_controller_frozen(NUMBER, True)  # noqa: FBT003 - the contract's argument
    alliance.set_controller_frozen(NUMBER, False)  # noqa: FBT003 - the contract's argument
    alliance.propose_controller(NUMBER, address("next"))
    alliance.cancel_controller_replacement(NUMBER)
    alliance.propose_controller(NUMBER, address(f"controller {NUMBER}"))
    alliance.complete_controller_replacement(NUMBER)
    alliance.set_verifier_domains(["verify.example.org"])
    alliance.grant_role("inspector", address("inspector"))
    inspector.record_hash(0, SEAL)
    governance.revoke_role("witness", address("witness"))
    governance.grant_role("witness", address("witness"))
    stage.attest(NUMBER, SEAL)
    key.withdraw_batch(SEAL, Reason.RECALLED)
    controller.annul_batch_withdrawal(NUMBER, SEAL, "a reason")
    controller.annul_units_withdrawal(NUMBER, SEAL, Reason.STOLEN, words_of([WITHDRAWN]), "a reason")
    key.withdraw_units(SEAL, Reason.VOID, words_of([WITHDRAWN]))
    signature = signer(KEY).sign_digest(anchor_digest(stage.deployment, NEW, FOR_EVER))
    stage.writer("relay").relay_anchor(NEW, FOR_EVER, signature)
    key.anchor(seal_of("another"))
    stage.add_key(NUMBER, "key 2", permissions=MAY_WITHDRAW)
    controller.set_compromised_since(address(KEY), 1, "a reason")
    controller.endorse(NUMBER, SEAL, address(KEY))
    controller.revoke_key(address(KEY))
    stage.set_suspended(NUMBER, suspended=True)
    stage.set_suspended(NUMBER, suspended=False)
    alliance.accredit(8, address("controller 8"), SEAL, "https://example.com")


def test_words_hold_every_unit() -> None:
    """Bit `i` of word `w` is unit `256 * w + i`."""
    assert words_of([0, 255, 256, 1000, 0]) == [(0, 1 | 1 << 255), (1, 1), (3, 1 << 232)]
    assert words_of([]) == []


# ------------------------------------------------------------------------------------------------- signatures, deployment


def test_digests_are_those_of_eip_712(stage: NodeStage) -> None:
    """Another library signs the same."""
    domain = {
        "name": "Touchstone Registry",
        "version": "1",
        "chainId": stage.deployment.chain_id,
        "verifyingContract": stage.deployment.contract,
    }
    consent = encode_typed_data(domain, {"KeyConsent": [{"name": "manufacturer", "type": "uint32"}]}, {"manufacturer": 7})
    anchor = encode_typed_data(
        domain,
        {"Anchor": [{"name": "seal", "type": "bytes32"}, {"name": "deadline", "type": "uint256"}]},
        {"seal": SEAL, "deadline": 99},
    )
    account = Account.from_key(b"\x11" * 32)
    assert account.sign_message(consent).message_hash == key_consent_digest(stage.deployment, 7)
    assert account.sign_message(anchor).message_hash == anchor_digest(stage.deployment, SEAL, 99)


def test_a_deployment_is_recorded_and_recognised(stage: NodeStage, tmp_path: Path) -> None:
    """Its record says how it was compiled, and a reader accepts it."""
    deployment = deploy(
        stage.w3(),
        signer("governance"),
        registry_id=b"\x09" * 32,
        governance=address("a safe"),
        governance_delay=3600,
        controller_delay=7200,
        deployments=tmp_path,
    )
    (record,) = read_records(tmp_path)
    assert (record.deployment, record.registry_id, record.production) == (deployment, b"\x09" * 32, False)
    assert record.compiler["version"] == artifact().compiler["version"]
    reader = ChainReader((stage.w3(),), Trust(b"\x09" * 32, (deployment,), finality="latest"), deployment)
    assert reader.check_deployment().number >= deployment.block
    with pytest.raises(WrongChain):
        ChainReader((stage.w3(),), Trust(b"\x08" * 32, (deployment,), finality="latest"), deployment).check_deployment()


def test_a_production_registry_is_not_deployed_for_development(stage: NodeStage, tmp_path: Path) -> None:
    """Labels of the world would verify against a chain that anyone can write."""
    before = nonce(stage, "governance")
    with pytest.raises(TransactionRefused, match="production"):
        deploy(stage.w3(), signer("governance"), registry_id=b"\x09" * 32, production=True)
    deployed = deploy(stage.w3(), signer("governance"), registry_id=b"\x0a" * 32, deployments=tmp_path)
    record = tmp_path / f"{deployed.chain_id}.json"
    record.write_text(record.read_text().replace('"production": false', '"production": true'))
    with pytest.raises(TransactionRefused, match="production"):
        deploy(stage.w3(), signer("governance"), registry_id=b"\x0a" * 32, deployments=tmp_path)
    assert nonce(stage, "governance") == before + 1


def test_a_development_node_is_known_by_its_name_too(stage: NodeStage) -> None:
    """Anvil can call itself any chain."""
    provider, w3 = faulty(stage.w3())
    provider.gives("eth_chainId", "0x1")
    with pytest.raises(TransactionRefused, match="production"):
        deploy(w3, signer("governance"), registry_id=b"\x09" * 32, production=True)


def test_a_deployment_that_is_not_ours_is_refused(stage: NodeStage) -> None:
    """What stands there is compared with what was compiled."""
    provider, w3 = faulty(stage.w3())

    def changed(_params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        answer = forward()
        return {**answer, "result": answer["result"][:-2] + "ff"}

    provider.on("eth_getCode", changed)
    with pytest.raises(WrongChain, match="not the compiled contract"):
        deploy(w3, signer("governance"), registry_id=b"\x09" * 32)


def provider_w3(provider: FaultyProvider) -> Any:
    """Return a connection over a provider."""
    from web3 import Web3  # noqa: PLC0415 - used here alone

    return Web3(provider)

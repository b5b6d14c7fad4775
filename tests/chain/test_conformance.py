"""What every backend says of the same life of a registry: the in-memory fake, anvil, and Hardhat's node."""

from __future__ import annotations

import pytest

from registry.checking.trust import Reason
from tests.chain.stage import (
    KEY,
    NUMBER,
    OTHER_PROFILE,
    PROFILE,
    SEAL,
    FakeStage,
    NodeStage,
    Stage,
    address,
    reasons,
    seal_of,
)


class Conformance:
    """The tests; each backend's class gives the stage."""

    @pytest.fixture
    def begun(self, stage: Stage) -> Stage:
        """Accredit a manufacturer with one key."""
        stage.accredit(NUMBER)
        stage.add_key(NUMBER, KEY)
        return stage

    @pytest.fixture
    def anchored(self, begun: Stage) -> Stage:
        """Anchor one seal, and make it final."""
        begun.anchor(KEY, SEAL)
        begun.finalize()
        return begun

    def test_unknown_things_come_back_empty(self, stage: Stage) -> None:
        """Nobody's number, seal and address are answers, not errors."""
        facts = stage.facts()
        assert facts.key(address("stranger")).manufacturer == 0
        assert facts.manufacturer(99).accredited_at == 0
        batch = facts.batch(99, SEAL, address("stranger"))
        assert (batch.anchor, batch.pending_anchor, batch.anchor_key) == (None, None, None)
        assert batch.signer_key.manufacturer == 0
        assert batch.profile_hash == bytes(32)
        assert facts.unit_withdrawals(99, SEAL, 0) == ()
        assert facts.anchor_transaction(99, SEAL) is None

    def test_an_accredited_manufacturer_has_its_profile_and_key(self, begun: Stage) -> None:
        """Controller, profile and key are what was written."""
        facts = begun.facts()
        manufacturer = facts.manufacturer(NUMBER)
        assert manufacturer.controller == address(f"controller {NUMBER}")
        assert [one.profile_hash for one in manufacturer.profiles] == [PROFILE]
        assert manufacturer.profiles[0].since == manufacturer.accredited_at <= begun.time()
        key = facts.key(address(KEY))
        assert (key.address, key.manufacturer, key.permissions) == (address(KEY), NUMBER, 3)
        assert key.valid_at(begun.time())
        assert manufacturer.seen is not None
        assert not manufacturer.seen.stale
        assert manufacturer.seen.block_time == begun.time()

    def test_an_anchor_is_pending_until_it_is_final(self, begun: Stage) -> None:
        """A seal that was just anchored is at `latest` and not at the finality; where every block is final, it is at both."""
        begun.anchor(KEY, SEAL)
        early = begun.facts().batch(NUMBER, SEAL, address(KEY))
        if begun.final_at_once:
            assert early.pending_anchor is None
            assert early.anchor is not None
        else:
            assert early.anchor is None
            assert early.pending_anchor is not None
        begun.finalize()
        late = begun.facts().batch(NUMBER, SEAL, address(KEY))
        assert late.pending_anchor is None
        assert late.anchor == (early.pending_anchor or early.anchor)
        assert late.anchor is not None
        assert late.anchor.key == address(KEY)
        assert late.manufacturer.batch_count == 1
        assert late.profile_hash == PROFILE
        assert late.anchor_key == late.signer_key

    def test_a_seal_belongs_to_who_anchored_it(self, anchored: Stage) -> None:
        """Another manufacturer has no batch of this seal, and may anchor it for itself."""
        anchored.accredit(8)
        anchored.add_key(8, "key 8")
        assert anchored.facts().batch(8, SEAL, address(KEY)).pending_anchor is None
        anchored.anchor("key 8", SEAL)
        anchored.finalize()
        theirs = anchored.facts().batch(8, SEAL, address(KEY)).anchor
        ours = anchored.facts().batch(NUMBER, SEAL, address(KEY)).anchor
        assert theirs is not None
        assert ours is not None
        assert (theirs.key, ours.key) == (address("key 8"), address(KEY))

    def test_the_profile_in_force_at_the_anchor_stays(self, anchored: Stage) -> None:
        """A later version of the profile does not speak for an earlier batch."""
        anchored.pass_time()
        anchored.update_profile(NUMBER)
        facts = anchored.facts()
        assert facts.batch(NUMBER, SEAL, address(KEY)).profile_hash == PROFILE
        assert facts.batch(NUMBER, seal_of("other"), address(KEY)).profile_hash == OTHER_PROFILE
        assert [one.profile_hash for one in facts.manufacturer(NUMBER).profiles] == [PROFILE, OTHER_PROFILE]

    def test_a_suspension_counts_at_once_and_ends(self, anchored: Stage) -> None:
        """What speaks against a code is read at `latest`."""
        anchored.set_suspended(NUMBER, suspended=True)
        assert anchored.facts().manufacturer(NUMBER).suspended_at == anchored.time()
        assert anchored.facts().batch(NUMBER, SEAL, address(KEY)).manufacturer.suspended_at == anchored.time()
        anchored.set_suspended(NUMBER, suspended=False)
        assert anchored.facts().manufacturer(NUMBER).suspended_at == 0

    def test_revocation_and_compromise_count_at_once(self, anchored: Stage) -> None:
        """A key's end is read at `latest`."""
        before = anchored.facts().key(address(KEY)).not_before
        anchored.revoke_key(NUMBER, KEY)
        revoked = anchored.time()
        anchored.compromise(NUMBER, KEY, before)
        batch = anchored.facts().batch(NUMBER, SEAL, address(KEY))
        for key in (batch.anchor_key, batch.signer_key, anchored.facts().key(address(KEY))):
            assert key is not None
            assert key.revoked_at == revoked
            assert key.compromised_at(before)
            assert not key.compromised_at(before - 1)

    def test_endorsements_and_attestations_wait_for_finality(self, anchored: Stage) -> None:
        """What speaks for a batch counts when it is final, also for who knew the batch before."""
        facts = anchored.facts()
        assert facts.batch(NUMBER, SEAL, address(KEY)).anchor is not None
        anchored.compromise(NUMBER, KEY, 1)
        anchored.endorse(NUMBER, SEAL, KEY)
        anchored.attest(NUMBER, SEAL)
        early = anchored.facts().batch(NUMBER, SEAL, address(KEY))
        assert (early.endorsed, early.attestations) == ((True, 1) if anchored.final_at_once else (False, 0))
        anchored.finalize()
        late = anchored.facts().batch(NUMBER, SEAL, address(KEY))
        assert (late.endorsed, late.attestations) == (True, 1)

    def test_a_withdrawn_batch_says_by_whom_and_why(self, anchored: Stage) -> None:
        """The withdrawal counts at once, and is gone when it is annulled."""
        anchored.withdraw_batch(KEY, SEAL, Reason.RECALLED)
        withdrawal = anchored.facts().batch(NUMBER, SEAL, address(KEY)).batch_withdrawal
        assert withdrawal is not None
        assert (withdrawal.reason, withdrawal.key, withdrawal.time) == (Reason.RECALLED, address(KEY), anchored.time())
        assert withdrawal.whole_batch
        assert not withdrawal.key_compromised
        anchored.annul_batch(NUMBER, SEAL)
        assert anchored.facts().batch(NUMBER, SEAL, address(KEY)).batch_withdrawal is None

    def test_withdrawn_units_are_those_and_no_others(self, anchored: Stage) -> None:
        """Reasons come in order of precedence, across words and at their edges."""
        assert not anchored.facts().batch(NUMBER, SEAL, address(KEY)).any_units_withdrawn
        anchored.withdraw_units(KEY, SEAL, Reason.VOID, 0, 255, 256, 1000)
        anchored.withdraw_units(KEY, SEAL, Reason.STOLEN, 255)
        facts = anchored.facts()
        assert facts.batch(NUMBER, SEAL, address(KEY)).any_units_withdrawn
        assert reasons(facts, NUMBER, SEAL, (0, 1, 254, 255, 256, 257, 1000)) == [
            [Reason.VOID],
            [],
            [],
            [Reason.STOLEN, Reason.VOID],
            [Reason.VOID],
            [],
            [Reason.VOID],
        ]
        (withdrawal,) = facts.unit_withdrawals(NUMBER, SEAL, 256)
        assert (withdrawal.key, withdrawal.whole_batch) == (address(KEY), False)
        assert withdrawal.time <= anchored.time()

    def test_an_annulled_withdrawal_is_gone_and_may_come_back(self, anchored: Stage) -> None:
        """Of several events for one unit the last decides, and its time is the one that is told."""
        anchored.withdraw_units(KEY, SEAL, Reason.COPIED, 3, 4)
        anchored.annul_units(NUMBER, SEAL, Reason.COPIED, 3)
        assert reasons(anchored.facts(), NUMBER, SEAL, (3, 4)) == [[], [Reason.COPIED]]
        anchored.add_key(NUMBER, "key 2")
        anchored.withdraw_units("key 2", SEAL, Reason.COPIED, 3)
        (withdrawal,) = anchored.facts().unit_withdrawals(NUMBER, SEAL, 3)
        assert (withdrawal.key, withdrawal.time) == (address("key 2"), anchored.time())

    def test_a_withdrawal_by_a_compromised_key_is_under_review(self, anchored: Stage) -> None:
        """It stands, and says that the key may have been in other hands."""
        anchored.add_key(NUMBER, "key 2")
        anchored.withdraw_units("key 2", SEAL, Reason.STOLEN, 3)
        anchored.withdraw_batch("key 2", SEAL, Reason.RECALLED)
        anchored.compromise(NUMBER, "key 2", anchored.facts().key(address("key 2")).not_before)
        facts = anchored.facts()
        (unit,) = facts.unit_withdrawals(NUMBER, SEAL, 3)
        batch = facts.batch(NUMBER, SEAL, address(KEY)).batch_withdrawal
        assert unit.key_compromised
        assert batch is not None
        assert batch.key_compromised

    def test_a_withdrawal_by_a_sound_key_outweighs_one_under_review(self, anchored: Stage) -> None:
        """The same unit withdrawn twice counts by the key that was in its owner's hands."""
        anchored.add_key(NUMBER, "key 2")
        anchored.withdraw_units("key 2", SEAL, Reason.STOLEN, 3)
        anchored.withdraw_units(KEY, SEAL, Reason.STOLEN, 3)
        anchored.compromise(NUMBER, "key 2", 1)
        (withdrawal,) = anchored.facts().unit_withdrawals(NUMBER, SEAL, 3)
        assert (withdrawal.key, withdrawal.key_compromised) == (address(KEY), False)

    def test_a_domain_is_official_when_final_and_only_while_listed(self, stage: Stage) -> None:
        """A new domain waits for finality, a dropped one is dropped at once."""
        stage.set_domains("Verify.example.org", "old.example.org:8443")
        assert stage.facts().domains() == (("verify.example.org", "old.example.org:8443") if stage.final_at_once else ())
        stage.finalize()
        assert stage.facts().domains() == ("verify.example.org", "old.example.org:8443")
        stage.set_domains("verify.example.org", "new.example.org")
        dropped = ("verify.example.org", "new.example.org") if stage.final_at_once else ()
        assert stage.facts().domains() in {dropped, ("verify.example.org",)}
        stage.finalize()
        assert stage.facts().domains() == ("verify.example.org", "new.example.org")

    def test_the_anchor_names_its_transaction(self, anchored: Stage) -> None:
        """The hash is in the contract's event."""
        transaction = anchored.facts().anchor_transaction(NUMBER, SEAL)
        assert transaction is not None
        assert transaction.startswith("0x")
        assert len(transaction) == 66

    def test_what_is_reorganised_away_is_gone(self, begun: Stage) -> None:
        """A pending anchor whose block was replaced was never there."""
        begun.finalize()
        begun.anchor(KEY, SEAL)
        assert begun.facts().batch(NUMBER, SEAL, address(KEY)).pending_anchor is not None
        begun.reorganise(1)
        assert begun.facts().batch(NUMBER, SEAL, address(KEY)).pending_anchor is None


class TestFake(Conformance):
    """Over the in-memory fake, which other tests rely on."""

    @pytest.fixture
    def stage(self, fake_stage: FakeStage) -> Stage:
        """Give the fake."""
        return fake_stage


class TestAnvil(Conformance):
    """Over anvil, the chain of the demo."""

    @pytest.fixture
    def stage(self, anvil_stage: NodeStage) -> Stage:
        """Give anvil."""
        return anvil_stage


class TestHardhat(Conformance):
    """Over Hardhat's node."""

    @pytest.fixture
    def stage(self, hardhat_stage: NodeStage) -> Stage:
        """Give Hardhat's node."""
        return hardhat_stage

    def test_gap_every_block_is_final(self, hardhat_stage: NodeStage) -> None:
        """Hardhat's node calls its newest block final, so that nothing awaits finality there."""
        numbers = {
            hardhat_stage.request("eth_getBlockByNumber", tag, False)["number"]  # noqa: FBT003 - JSON-RPC
            for tag in ("latest", "safe", "finalized")
        }
        assert len(numbers) == 1

    def test_what_is_reorganised_away_is_gone(self, begun: Stage) -> None:
        """A gap: Hardhat's node has no way to replace blocks."""
        assert isinstance(begun, NodeStage)
        answer = begun.w3().provider.make_request("anvil_reorg", [1, []])  # type: ignore[arg-type]  # a NewType
        assert "not supported" in answer["error"]["message"]

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Errors, IProvenanceRegistry, RegistryTest} from "./RegistryTest.sol";

/// @title WithdrawalsTest
/// @notice Withdrawing batches and units, and annulling what was a mistake.
contract WithdrawalsTest is RegistryTest {
    IProvenanceRegistry.Reason private constant NONE = IProvenanceRegistry.Reason.None;
    IProvenanceRegistry.Reason private constant RECALLED = IProvenanceRegistry.Reason.Recalled;
    IProvenanceRegistry.Reason private constant STOLEN = IProvenanceRegistry.Reason.Stolen;
    IProvenanceRegistry.Reason private constant COPIED = IProvenanceRegistry.Reason.Copied;

    function setUp() public override {
        super.setUp();
        _anchor(SEAL);
    }

    // --------------------------------------------------------------------------------------------------- whole batches

    function testFuzz_ABatchIsWithdrawnForAReason(uint8 reason_) public {
        IProvenanceRegistry.Reason reason = _reason(reason_);
        vm.warp(START + 5);
        _emitted();
        emit IProvenanceRegistry.BatchWithdrawn(KESTREL, SEAL, key, reason);
        _withdrawBatch(reason);
        vm.assertTrue(_batch(SEAL).withdrawnFor == reason);
        vm.assertEq(_batch(SEAL).withdrawnBy, key);
        vm.assertEq(_batch(SEAL).withdrawnAt, START + 5);
        vm.assertEq(_batch(SEAL).anchoredAt, START);
        vm.assertEq(_batch(SEAL).unitReasons, 0);
    }

    function test_ABatchIsWithdrawnOnce() public {
        _withdrawBatch(RECALLED);
        _refused(abi.encodeWithSelector(Errors.BatchAlreadyWithdrawn.selector, KESTREL, SEAL, RECALLED));
        _withdrawBatch(STOLEN);
    }

    function test_ABatchIsWithdrawnForSomeReason() public {
        _refused(abi.encodeWithSelector(Errors.WithdrawalInvalidReason.selector, NONE));
        _withdrawBatch(NONE);
    }

    function test_OnlyAnAnchoredBatchIsWithdrawn() public {
        _refused(abi.encodeWithSelector(Errors.BatchNotAnchored.selector, GREEN_RIDGE, SEAL));
        vm.prank(otherKey);
        registry.withdrawBatch(SEAL, RECALLED);
    }

    function test_AnAnnulledBatchIsAsBeforeAndCanBeWithdrawnAgain() public {
        _withdrawBatch(RECALLED);
        _emitted();
        emit IProvenanceRegistry.BatchWithdrawalAnnulled(KESTREL, SEAL, RECALLED, "the wrong batch");
        _annulBatch("the wrong batch");
        vm.assertTrue(_batch(SEAL).withdrawnFor == NONE);
        vm.assertEq(_batch(SEAL).withdrawnBy, address(0));
        vm.assertEq(_batch(SEAL).withdrawnAt, 0);
        vm.assertEq(_batch(SEAL).anchoredBy, key);
        _withdrawBatch(STOLEN);
        vm.assertTrue(_batch(SEAL).withdrawnFor == STOLEN);
    }

    function test_AnAnnulmentOfABatchNeedsAWithdrawalAndAReason() public {
        _refused(abi.encodeWithSelector(Errors.BatchNotWithdrawn.selector, KESTREL, SEAL));
        _annulBatch("the wrong batch");
        _withdrawBatch(RECALLED);
        _refused(abi.encodeWithSelector(Errors.ReasonTextEmpty.selector));
        _annulBatch("");
    }

    function testFuzz_OnlyTheControllerAnnulsABatch(address caller) public {
        vm.assume(caller != CONTROLLER);
        _withdrawBatch(RECALLED);
        _refused(abi.encodeWithSelector(Errors.ControllerUnauthorized.selector, KESTREL, caller));
        vm.prank(caller);
        registry.annulBatchWithdrawal(KESTREL, SEAL, "the wrong batch");
    }

    // ----------------------------------------------------------------------------------------------------------- units

    function testFuzz_UnitsAreWithdrawnBitByBit(uint8 reason_, uint32 index) public {
        IProvenanceRegistry.Reason reason = _reason(reason_);
        uint256 mask = 1 << (index % 256);
        _emitted();
        emit IProvenanceRegistry.UnitsWithdrawn(KESTREL, SEAL, key, reason, index / 256, mask);
        _withdraw(SEAL, reason, index / 256, mask);
        vm.assertEq(registry.withdrawnWord(KESTREL, SEAL, reason, index / 256), mask);
        vm.assertEq(_batch(SEAL).unitReasons, 1 << uint8(reason));
        vm.assertEq(registry.unitWithdrawals(KESTREL, SEAL, index), 1 << uint8(reason));
        vm.assertEq(registry.unitWithdrawals(KESTREL, SEAL, index ^ 1), 0);
        vm.assertEq(registry.unitWithdrawals(KESTREL, SEAL, index ^ 256), 0);
        vm.assertEq(registry.unitWithdrawals(GREEN_RIDGE, SEAL, index), 0);
    }

    function testFuzz_MasksOfAWordAddUp(uint256 first, uint256 second, uint32 word) public {
        vm.assume(first != 0 && second != 0);
        _withdraw(SEAL, RECALLED, word, first);
        _withdraw(SEAL, RECALLED, word, second);
        vm.assertEq(registry.withdrawnWord(KESTREL, SEAL, RECALLED, word), first | second);
        vm.assertEq(registry.withdrawnWord(KESTREL, SEAL, STOLEN, word), 0);
    }

    function test_AUnitCanBeWithdrawnForSeveralReasons() public {
        _withdraw(SEAL, RECALLED, 3, 1 << 7);
        _withdraw(SEAL, COPIED, 3, 1 << 7);
        uint256 both = 1 << uint8(RECALLED) | 1 << uint8(COPIED);
        vm.assertEq(registry.unitWithdrawals(KESTREL, SEAL, 3 * 256 + 7), both);
        vm.assertEq(_batch(SEAL).unitReasons, both);
    }

    function test_ManyWordsAreWithdrawnAtOnce() public {
        IProvenanceRegistry.Word[] memory words = new IProvenanceRegistry.Word[](3);
        for (uint32 i = 0; i < words.length; ++i) {
            words[i] = IProvenanceRegistry.Word(i * 5, type(uint256).max - i);
            _emitted();
            emit IProvenanceRegistry.UnitsWithdrawn(KESTREL, SEAL, key, RECALLED, i * 5, type(uint256).max - i);
        }
        vm.prank(key);
        registry.withdrawUnits(SEAL, RECALLED, words);
        for (uint32 i = 0; i < words.length; ++i) {
            vm.assertEq(registry.withdrawnWord(KESTREL, SEAL, RECALLED, words[i].word), words[i].mask);
        }
    }

    function test_AUnitWithdrawnTwiceIsSaidTwice() public {
        _withdraw(SEAL, RECALLED, 0, 1);
        _emitted();
        emit IProvenanceRegistry.UnitsWithdrawn(KESTREL, SEAL, key, RECALLED, 0, 1);
        _withdraw(SEAL, RECALLED, 0, 1);
    }

    /// @dev Every refusal of a withdrawal, in the order in which the contract asks: a second specification.
    function testFuzz_AWithdrawalIsRefusedForTheFirstReasonThatHolds(
        uint8 permissions,
        uint40 time,
        bool revoked,
        bool compromised,
        bool anchored,
        uint8 reason_,
        uint256 count,
        uint256 mask
    ) public {
        permissions = uint8(_bound(permissions, SIGN_ONLY, ALL));
        time = uint40(_bound(time, START, START + 300));
        IProvenanceRegistry.Reason reason = IProvenanceRegistry.Reason(_bound(reason_, 0, 5));
        IProvenanceRegistry.Word[] memory words = new IProvenanceRegistry.Word[](_bound(count, 0, 2));
        if (mask % 4 == 0) mask = 0;
        if (words.length != 0) words[0].mask = 1;
        if (words.length == 2) words[1].mask = mask;
        bytes32 seal = anchored ? SEAL : keccak256("another seal");
        _addKey(CONTROLLER, KESTREL, NEW_SECRET, permissions, START + 100, START + 200);
        if (revoked) _revoke(newKey);
        if (compromised) _compromise(newKey, START - 1);
        vm.warp(time);

        bytes memory refusal;
        if (revoked) {
            refusal = abi.encodeWithSelector(Errors.KeyIsRevoked.selector, newKey, START);
        } else if (compromised) {
            refusal = abi.encodeWithSelector(Errors.KeyIsCompromised.selector, newKey, START - 1);
        } else if (time < START + 100 || time > START + 200) {
            refusal =
                abi.encodeWithSelector(Errors.KeyOutsideWindow.selector, newKey, START + 100, START + 200, time);
        } else if (permissions & WITHDRAW == 0) {
            refusal = abi.encodeWithSelector(Errors.KeyMayNotWithdraw.selector, newKey);
        } else if (!anchored) {
            refusal = abi.encodeWithSelector(Errors.BatchNotAnchored.selector, KESTREL, seal);
        } else if (reason == NONE) {
            refusal = abi.encodeWithSelector(Errors.WithdrawalInvalidReason.selector, NONE);
        } else if (words.length == 0 || (words.length == 2 && mask == 0)) {
            refusal = abi.encodeWithSelector(Errors.WithdrawalEmpty.selector);
        }

        if (refusal.length != 0) _refused(refusal);
        vm.prank(newKey);
        registry.withdrawUnits(seal, reason, words);
        vm.assertEq(registry.unitWithdrawals(KESTREL, seal, 0), refusal.length == 0 ? 1 << uint8(reason) : 0);
    }

    function test_AStrangerWithdrawsNothing() public {
        _refused(abi.encodeWithSelector(Errors.KeyUnknown.selector, STRANGER));
        vm.prank(STRANGER);
        registry.withdrawUnits(SEAL, RECALLED, _word(0, 1));
        _refused(abi.encodeWithSelector(Errors.KeyUnknown.selector, CONTROLLER));
        vm.prank(CONTROLLER);
        registry.withdrawBatch(SEAL, RECALLED);
    }

    // ------------------------------------------------------------------------------------------------------- annulling

    function testFuzz_AnAnnulmentClearsJustTheseUnits(uint256 withdrawn, uint256 annulled) public {
        vm.assume(withdrawn != 0);
        annulled &= withdrawn;
        vm.assume(annulled != 0);
        _withdraw(SEAL, RECALLED, 9, withdrawn);
        _withdraw(SEAL, STOLEN, 9, withdrawn);
        _emitted();
        emit IProvenanceRegistry.UnitsWithdrawalAnnulled(KESTREL, SEAL, RECALLED, 9, annulled, "they were found");
        _annul(RECALLED, _word(9, annulled), "they were found");
        vm.assertEq(registry.withdrawnWord(KESTREL, SEAL, RECALLED, 9), withdrawn & ~annulled);
        vm.assertEq(registry.withdrawnWord(KESTREL, SEAL, STOLEN, 9), withdrawn);
        vm.assertEq(_batch(SEAL).unitReasons, 1 << uint8(RECALLED) | 1 << uint8(STOLEN));
    }

    function testFuzz_AnAnnulmentOfUnitsThatAreNotWithdrawnIsRefused(uint256 withdrawn, uint256 annulled) public {
        vm.assume(withdrawn != 0 && annulled & ~withdrawn != 0);
        _withdraw(SEAL, RECALLED, 9, withdrawn);
        _refused(abi.encodeWithSelector(Errors.WithdrawalNotSet.selector, 9, annulled));
        _annul(RECALLED, _word(9, annulled), "they were found");
        _refused(abi.encodeWithSelector(Errors.WithdrawalNotSet.selector, 9, annulled));
        _annul(STOLEN, _word(9, annulled), "they were found");
        vm.assertEq(registry.withdrawnWord(KESTREL, SEAL, RECALLED, 9), withdrawn);
    }

    function test_AnAnnulmentOfUnitsIsRefusedWithoutUnitsOrReasons() public {
        _withdraw(SEAL, RECALLED, 0, 1);
        _refused(abi.encodeWithSelector(Errors.ReasonTextEmpty.selector));
        _annul(RECALLED, _word(0, 1), "");
        _refused(abi.encodeWithSelector(Errors.WithdrawalInvalidReason.selector, NONE));
        _annul(NONE, _word(0, 1), "they were found");
        _refused(abi.encodeWithSelector(Errors.WithdrawalEmpty.selector));
        _annul(RECALLED, new IProvenanceRegistry.Word[](0), "they were found");
        _refused(abi.encodeWithSelector(Errors.WithdrawalEmpty.selector));
        _annul(RECALLED, _word(0, 0), "they were found");
    }

    function testFuzz_OnlyTheControllerAnnulsUnits(address caller) public {
        vm.assume(caller != CONTROLLER);
        _withdraw(SEAL, RECALLED, 0, 1);
        _refused(abi.encodeWithSelector(Errors.ControllerUnauthorized.selector, KESTREL, caller));
        vm.prank(caller);
        registry.annulUnitsWithdrawal(KESTREL, SEAL, RECALLED, _word(0, 1), "they were found");
    }

    function test_AnotherManufacturersControllerAnnulsNothing() public {
        _withdraw(SEAL, RECALLED, 0, 1);
        _refused(abi.encodeWithSelector(Errors.WithdrawalNotSet.selector, 0, 1));
        vm.prank(OTHER_CONTROLLER);
        registry.annulUnitsWithdrawal(GREEN_RIDGE, SEAL, RECALLED, _word(0, 1), "they were found");
        vm.assertEq(registry.withdrawnWord(KESTREL, SEAL, RECALLED, 0), 1);
    }

    // ----------------------------------------------------------------------------------------------------- small things

    function _reason(uint8 value) private pure returns (IProvenanceRegistry.Reason) {
        return IProvenanceRegistry.Reason(_bound(value, 1, 5));
    }

    function _withdrawBatch(IProvenanceRegistry.Reason reason) private {
        vm.prank(key);
        registry.withdrawBatch(SEAL, reason);
    }

    function _annulBatch(string memory why) private {
        vm.prank(CONTROLLER);
        registry.annulBatchWithdrawal(KESTREL, SEAL, why);
    }

    function _annul(
        IProvenanceRegistry.Reason reason,
        IProvenanceRegistry.Word[] memory words,
        string memory why
    ) private {
        vm.prank(CONTROLLER);
        registry.annulUnitsWithdrawal(KESTREL, SEAL, reason, words, why);
    }
}

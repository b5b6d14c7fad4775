// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Errors, IProvenanceRegistry, RegistryTest} from "./RegistryTest.sol";

/// @title ViewsTest
/// @notice The one call that a verifier makes, and the hashes that inspectors record.
contract ViewsTest is RegistryTest {
    // ---------------------------------------------------------------------------------------------------------- status

    function testFuzz_StatusAnswersZerosForWhatIsUnknown(uint32 manufacturer, bytes32 seal, address signer) public view {
        vm.assume(manufacturer != KESTREL && manufacturer != GREEN_RIDGE);
        vm.assume(signer != key && signer != otherKey);
        IProvenanceRegistry.Status memory unknown;
        vm.assertEq(abi.encode(registry.status(manufacturer, seal, signer)), abi.encode(unknown));
    }

    function test_StatusTellsTheWholeStory() public {
        _addKey(CONTROLLER, KESTREL, NEW_SECRET, SIGN_ONLY);
        uint256 anotherSecret = 0xdec0de;
        _addKey(CONTROLLER, KESTREL, anotherSecret, WITHDRAW);
        vm.warp(START + 10);
        _anchor(SEAL);
        vm.prank(WITNESS);
        registry.attest(KESTREL, SEAL);
        vm.warp(START + 20);
        vm.prank(vm.addr(anotherSecret));
        registry.withdrawBatch(SEAL, IProvenanceRegistry.Reason.Stolen);
        _withdraw(SEAL, IProvenanceRegistry.Reason.Copied, 0, 1);
        vm.warp(START + 30);
        _compromise(key, START + 10);
        vm.prank(CONTROLLER);
        registry.endorse(KESTREL, SEAL, key);
        _revoke(newKey);
        vm.prank(ACCREDITOR);
        registry.updateProfile(KESTREL, keccak256("2"), "https://example.org/2");
        _suspend(KESTREL);

        IProvenanceRegistry.Status memory expected;
        expected.batch = IProvenanceRegistry.Batch({
            anchoredBy: key,
            anchoredAt: START + 10,
            anchoredBlock: uint40(block.number),
            endorsed: true,
            unitReasons: 1 << 5,
            attestations: 1,
            withdrawnFor: IProvenanceRegistry.Reason.Stolen,
            withdrawnBy: vm.addr(anotherSecret),
            withdrawnAt: START + 20
        });
        expected.manufacturer = IProvenanceRegistry.Manufacturer({
            controller: CONTROLLER,
            accreditedAt: START,
            suspendedAt: START + 30,
            batchCount: 1,
            controllerFrozen: false,
            pendingController: address(0),
            pendingControllerAt: 0
        });
        expected.anchorKey = IProvenanceRegistry.Key(KESTREL, ALL, START, FOREVER, 0, START + 10);
        expected.signerKey = IProvenanceRegistry.Key(KESTREL, SIGN_ONLY, START, FOREVER, START + 30, 0);
        expected.withdrawalKey = IProvenanceRegistry.Key(KESTREL, WITHDRAW, START, FOREVER, 0, 0);
        expected.profileHash = PROFILE;
        vm.assertEq(abi.encode(registry.status(KESTREL, SEAL, newKey)), abi.encode(expected));
    }

    function testFuzz_StatusGivesTheProfileInForceAtTheAnchor(uint256 versions, uint256 anchored, uint256 seed) public {
        versions = _bound(versions, 1, 9);
        anchored = _bound(anchored, 0, versions);
        uint40 time = START;
        bytes32 current = PROFILE;
        bytes32 expected;
        for (uint256 i = 0; i <= versions; ++i) {
            if (i == anchored) {
                _anchor(SEAL);
                expected = current;
            }
            time += 1 + uint40(uint256(keccak256(abi.encode(seed, i))) % 1000);
            vm.warp(time);
            current = bytes32(i + 1);
            vm.prank(ACCREDITOR);
            registry.updateProfile(KESTREL, current, "https://example.org/next");
        }
        vm.assertEq(registry.status(KESTREL, SEAL, address(0)).profileHash, expected);
        vm.assertEq(registry.status(KESTREL, keccak256("not anchored"), address(0)).profileHash, current);
    }

    function test_OfTwoProfilesInOneBlockTheLaterCounts() public {
        vm.prank(ACCREDITOR);
        registry.updateProfile(KESTREL, keccak256("2"), "https://example.org/2");
        _anchor(SEAL);
        vm.assertEq(registry.status(KESTREL, SEAL, address(0)).profileHash, keccak256("2"));
    }

    function test_WhatNobodyIsOrHasIsZero() public view {
        IProvenanceRegistry.Manufacturer memory nobody;
        IProvenanceRegistry.Key memory none;
        vm.assertEq(abi.encode(registry.manufacturerOf(NOBODY)), abi.encode(nobody));
        vm.assertEq(abi.encode(registry.keyOf(STRANGER)), abi.encode(none));
        vm.assertEq(registry.profilesOf(NOBODY).length, 0);
        vm.assertEq(registry.verifierDomains().length, 0);
        vm.assertEq(registry.unitWithdrawals(NOBODY, SEAL, 0), 0);
        vm.assertEq(registry.attestedAt(NOBODY, SEAL, WITNESS), 0);
    }

    // ----------------------------------------------------------------------------------------------- inspectors' hashes

    function testFuzz_AnInspectorRecordsAHashOnce(bytes32 hash, bool journal) public {
        vm.assume(hash != 0);
        IProvenanceRegistry.RecordKind kind =
            journal ? IProvenanceRegistry.RecordKind.JournalHead : IProvenanceRegistry.RecordKind.ClosedCase;
        _emitted();
        emit IProvenanceRegistry.HashRecorded(INSPECTOR, kind, hash);
        _record(INSPECTOR, kind, hash);

        (address inspector, IProvenanceRegistry.RecordKind recorded, uint40 recordedAt) = registry.recordedHash(hash);
        vm.assertEq(inspector, INSPECTOR);
        vm.assertTrue(recorded == kind);
        vm.assertEq(recordedAt, START);

        _refused(abi.encodeWithSelector(Errors.HashAlreadyRecorded.selector, hash, INSPECTOR));
        _record(INSPECTOR, IProvenanceRegistry.RecordKind.ClosedCase, hash);
    }

    function test_TheZeroHashIsNotRecorded() public {
        _refused(abi.encodeWithSelector(Errors.HashInvalid.selector));
        _record(INSPECTOR, IProvenanceRegistry.RecordKind.ClosedCase, 0);
    }

    function testFuzz_OnlyAnInspectorRecordsHashes(address caller) public {
        vm.assume(caller != INSPECTOR);
        _refused(_unauthorized(caller, registry.INSPECTOR_ROLE()));
        _record(caller, IProvenanceRegistry.RecordKind.ClosedCase, SEAL);
    }

    function _record(address caller, IProvenanceRegistry.RecordKind kind, bytes32 hash) private {
        vm.prank(caller);
        registry.recordHash(kind, hash);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Errors, IProvenanceRegistry, RegistryTest} from "./RegistryTest.sol";

/// @title BatchesTest
/// @notice Anchoring, by the key itself or relayed; endorsing after a compromise; attesting.
contract BatchesTest is RegistryTest {
    uint256 private constant DEADLINE = START + 1 hours;

    // ------------------------------------------------------------------------------------------------------ anchoring

    function testFuzz_AnAnchorSaysByWhomAndWhen(bytes32 seal, uint40 later, uint32 height) public {
        vm.assume(seal != 0);
        later = uint40(_bound(later, START, FOREVER));
        vm.warp(later);
        vm.roll(height);
        _emitted();
        emit IProvenanceRegistry.BatchAnchored(KESTREL, seal, key, 1);
        _anchor(seal);

        IProvenanceRegistry.Batch memory batch = _batch(seal);
        vm.assertEq(batch.anchoredBy, key);
        vm.assertEq(batch.anchoredAt, later);
        vm.assertEq(batch.anchoredBlock, height);
        vm.assertFalse(batch.endorsed);
        vm.assertEq(batch.unitReasons, 0);
        vm.assertEq(batch.attestations, 0);
        vm.assertTrue(batch.withdrawnFor == IProvenanceRegistry.Reason.None);
        vm.assertEq(batch.withdrawnBy, address(0));
        vm.assertEq(batch.withdrawnAt, 0);
    }

    function test_AManufacturersBatchesAreNumberedWithoutGaps() public {
        for (uint32 number = 1; number <= 3; ++number) {
            _emitted();
            emit IProvenanceRegistry.BatchAnchored(KESTREL, bytes32(uint256(number)), key, number);
            _anchor(bytes32(uint256(number)));
            vm.assertEq(registry.manufacturerOf(KESTREL).batchCount, number);
        }
        vm.assertEq(registry.manufacturerOf(GREEN_RIDGE).batchCount, 0);
    }

    function test_TwoManufacturersAnchorTheSameSealIndependently() public {
        _anchor(SEAL);
        vm.warp(START + 5);
        vm.prank(otherKey);
        registry.anchor(SEAL);
        vm.assertEq(registry.status(KESTREL, SEAL, address(0)).batch.anchoredBy, key);
        vm.assertEq(registry.status(KESTREL, SEAL, address(0)).batch.anchoredAt, START);
        vm.assertEq(registry.status(GREEN_RIDGE, SEAL, address(0)).batch.anchoredBy, otherKey);
        vm.assertEq(registry.status(GREEN_RIDGE, SEAL, address(0)).batch.anchoredAt, START + 5);
    }

    function test_ASealIsAnchoredOnceAlsoByAnotherKey() public {
        _addKey(CONTROLLER, KESTREL, NEW_SECRET, ALL);
        _anchor(SEAL);
        vm.warp(START + 5);
        bytes memory refusal = abi.encodeWithSelector(Errors.BatchAlreadyAnchored.selector, KESTREL, SEAL, START);
        _refused(refusal);
        _anchor(SEAL);
        _refused(refusal);
        vm.prank(newKey);
        registry.anchor(SEAL);
        vm.assertEq(_batch(SEAL).anchoredBy, key);
        vm.assertEq(_batch(SEAL).anchoredAt, START);
    }

    /// @dev Every refusal of an anchor, in the order in which the contract asks: a second specification.
    function testFuzz_AnAnchorIsRefusedForTheFirstReasonThatHolds(
        uint8 permissions,
        uint40 time,
        bool known,
        bool revoked,
        bool compromised,
        bool suspended,
        bool zero,
        bool again
    ) public {
        permissions = uint8(_bound(permissions, SIGN_ONLY, ALL));
        uint40 notBefore = START + 100;
        uint40 notAfter = START + 200;
        time = uint40(_bound(time, START, START + 300));
        bytes32 seal = zero ? bytes32(0) : SEAL;
        if (again) _anchor(SEAL);
        if (known) _addKey(CONTROLLER, KESTREL, NEW_SECRET, permissions, notBefore, notAfter);
        if (known && revoked) _revoke(newKey);
        if (known && compromised) _compromise(newKey, START - 1);
        if (suspended) _suspend(KESTREL);
        vm.warp(time);

        bytes memory refusal;
        if (!known) {
            refusal = abi.encodeWithSelector(Errors.KeyUnknown.selector, newKey);
        } else if (revoked) {
            refusal = abi.encodeWithSelector(Errors.KeyIsRevoked.selector, newKey, START);
        } else if (compromised) {
            refusal = abi.encodeWithSelector(Errors.KeyIsCompromised.selector, newKey, START - 1);
        } else if (time < notBefore || time > notAfter) {
            refusal = abi.encodeWithSelector(Errors.KeyOutsideWindow.selector, newKey, notBefore, notAfter, time);
        } else if (permissions & ANCHOR == 0) {
            refusal = abi.encodeWithSelector(Errors.KeyMayNotAnchor.selector, newKey);
        } else if (suspended) {
            refusal = abi.encodeWithSelector(Errors.ManufacturerIsSuspended.selector, KESTREL, START);
        } else if (zero) {
            refusal = abi.encodeWithSelector(Errors.BatchInvalidSeal.selector);
        } else if (again) {
            refusal = abi.encodeWithSelector(Errors.BatchAlreadyAnchored.selector, KESTREL, SEAL, START);
        }

        if (refusal.length != 0) _refused(refusal);
        vm.prank(newKey);
        registry.anchor(seal);
        vm.assertEq(_batch(seal).anchoredBy, refusal.length == 0 ? newKey : again && !zero ? key : address(0));
    }

    // -------------------------------------------------------------------------------------------------------- relaying

    function testFuzz_AnybodyRelaysWhatAKeySigned(address relayer, bytes32 seal, uint256 deadline, bool compact) public {
        vm.assume(seal != 0);
        deadline = _bound(deadline, START, type(uint256).max - 1);
        bytes32 digest = _anchorDigest(seal, deadline);
        bytes memory signature = compact ? _signCompact(SECRET, digest) : _sign(SECRET, digest);
        _emitted();
        emit IProvenanceRegistry.BatchAnchored(KESTREL, seal, key, 1);
        vm.prank(relayer);
        registry.anchorSigned(seal, deadline, signature);
        vm.assertEq(_batch(seal).anchoredBy, key);
    }

    function test_ARelayedAnchorIsNotReplayed() public {
        bytes32 digest = _anchorDigest(SEAL, DEADLINE);
        registry.anchorSigned(SEAL, DEADLINE, _sign(SECRET, digest));
        vm.warp(START + 5);
        bytes memory refusal = abi.encodeWithSelector(Errors.BatchAlreadyAnchored.selector, KESTREL, SEAL, START);
        bytes[2] memory again = [_sign(SECRET, digest), _signCompact(SECRET, digest)];
        for (uint256 i = 0; i < again.length; ++i) {
            _refused(refusal);
            registry.anchorSigned(SEAL, DEADLINE, again[i]);
        }
        _refused(refusal);
        _anchor(SEAL);
        vm.assertEq(registry.manufacturerOf(KESTREL).batchCount, 1);
    }

    function test_ARelayedAnchorEndsWithItsDeadline() public {
        bytes memory signature = _sign(SECRET, _anchorDigest(SEAL, DEADLINE));
        vm.warp(DEADLINE + 1);
        _refused(abi.encodeWithSelector(Errors.RelayExpired.selector, DEADLINE, DEADLINE + 1));
        registry.anchorSigned(SEAL, DEADLINE, signature);
        vm.warp(DEADLINE);
        registry.anchorSigned(SEAL, DEADLINE, signature);
    }

    function test_ARelayedAnchorIsForTheSealAndTheDeadlineThatWereSigned() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(SECRET, _anchorDigest(SEAL, DEADLINE));
        bytes32 seal = keccak256("another seal");
        address signer = ecrecover(_anchorDigest(seal, DEADLINE), v, r, s);
        _refused(abi.encodeWithSelector(Errors.KeyUnknown.selector, signer));
        registry.anchorSigned(seal, DEADLINE, abi.encodePacked(r, s, v));

        signer = ecrecover(_anchorDigest(SEAL, DEADLINE + 1), v, r, s);
        _refused(abi.encodeWithSelector(Errors.KeyUnknown.selector, signer));
        registry.anchorSigned(SEAL, DEADLINE + 1, abi.encodePacked(r, s, v));
    }

    function test_ARelayedAnchorIsForThisContractOnThisChain() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(SECRET, _anchorDigest(SEAL, DEADLINE));
        vm.chainId(block.chainid + 1);
        address signer = ecrecover(_anchorDigest(SEAL, DEADLINE), v, r, s);
        _refused(abi.encodeWithSelector(Errors.KeyUnknown.selector, signer));
        registry.anchorSigned(SEAL, DEADLINE, abi.encodePacked(r, s, v));
    }

    function test_AMalformedSignatureHasNoSigner() public {
        bytes32 digest = _anchorDigest(SEAL, DEADLINE);
        (, bytes32 r, bytes32 s) = vm.sign(SECRET, digest);
        bytes[6] memory malformed = [
            _signHighS(SECRET, digest),
            abi.encodePacked(r, s, uint8(0)),
            abi.encodePacked(r, s, uint8(29)),
            abi.encodePacked(bytes32(0), s, uint8(27)),
            abi.encodePacked(r, s, uint8(27), uint8(0)),
            bytes("")
        ];
        for (uint256 i = 0; i < malformed.length; ++i) {
            _refused(abi.encodeWithSelector(Errors.KeyUnknown.selector, address(0)));
            registry.anchorSigned(SEAL, DEADLINE, malformed[i]);
        }
    }

    function test_ARelayerNeedsNothingAndLendsNothing() public {
        bytes memory signature = _sign(NEW_SECRET, _anchorDigest(SEAL, DEADLINE));
        _refused(abi.encodeWithSelector(Errors.KeyUnknown.selector, newKey));
        vm.prank(key);
        registry.anchorSigned(SEAL, DEADLINE, signature);
    }

    function test_ARelayedAnchorIsRefusedLikeAnyOther() public {
        bytes memory signature = _sign(SECRET, _anchorDigest(SEAL, DEADLINE));
        _suspend(KESTREL);
        _refused(abi.encodeWithSelector(Errors.ManufacturerIsSuspended.selector, KESTREL, START));
        registry.anchorSigned(SEAL, DEADLINE, signature);
        _revoke(key);
        _refused(abi.encodeWithSelector(Errors.KeyIsRevoked.selector, key, START));
        registry.anchorSigned(SEAL, DEADLINE, signature);
    }

    // ------------------------------------------------------------------------------------------------------- endorsing

    function test_AControllerEndorsesABatchAfterACompromise() public {
        vm.warp(START + 100);
        _anchor(SEAL);
        _compromise(key, START + 100);
        _emitted();
        emit IProvenanceRegistry.BatchEndorsed(KESTREL, SEAL, key);
        _endorse(KESTREL, SEAL, key);
        vm.assertTrue(_batch(SEAL).endorsed);
        vm.assertEq(_batch(SEAL).anchoredBy, key);
        vm.assertEq(_batch(SEAL).anchoredAt, START + 100);

        _refused(abi.encodeWithSelector(Errors.BatchAlreadyEndorsed.selector, KESTREL, SEAL));
        _endorse(KESTREL, SEAL, key);
    }

    function test_ABatchIsEndorsedAlsoForTheCompromiseOfTheKeyThatSignedItsUnits() public {
        _addKey(CONTROLLER, KESTREL, NEW_SECRET, SIGN_ONLY);
        _anchor(SEAL);
        _compromise(newKey, START);
        _endorse(KESTREL, SEAL, newKey);
        vm.assertTrue(_batch(SEAL).endorsed);
    }

    function testFuzz_ABatchAnchoredBeforeTheCompromiseNeedsNoEndorsement(uint40 anchoredAt, uint40 since) public {
        anchoredAt = uint40(_bound(anchoredAt, START, START + 100));
        since = uint40(_bound(since, START, START + 100));
        vm.warp(anchoredAt);
        _anchor(SEAL);
        vm.warp(START + 100);
        _compromise(key, since);
        bool affected = anchoredAt >= since;
        if (!affected) {
            _refused(abi.encodeWithSelector(Errors.BatchNotAffected.selector, KESTREL, SEAL, anchoredAt, since));
        }
        _endorse(KESTREL, SEAL, key);
        vm.assertTrue(_batch(SEAL).endorsed == affected);
    }

    function test_AnEndorsementIsRefusedWhereItMeansNothing() public {
        _refused(abi.encodeWithSelector(Errors.BatchNotAnchored.selector, KESTREL, SEAL));
        _endorse(KESTREL, SEAL, key);

        _anchor(SEAL);
        _refused(abi.encodeWithSelector(Errors.KeyOfAnotherManufacturer.selector, otherKey, GREEN_RIDGE, KESTREL));
        _endorse(KESTREL, SEAL, otherKey);
        _refused(abi.encodeWithSelector(Errors.KeyOfAnotherManufacturer.selector, newKey, 0, KESTREL));
        _endorse(KESTREL, SEAL, newKey);
        _refused(abi.encodeWithSelector(Errors.KeyNotCompromised.selector, key));
        _endorse(KESTREL, SEAL, key);
    }

    function testFuzz_OnlyTheControllerEndorses(address caller) public {
        vm.assume(caller != CONTROLLER);
        _anchor(SEAL);
        _compromise(key, START);
        _refused(abi.encodeWithSelector(Errors.ControllerUnauthorized.selector, KESTREL, caller));
        vm.prank(caller);
        registry.endorse(KESTREL, SEAL, key);
    }

    // ------------------------------------------------------------------------------------------------------- attesting

    function test_AWitnessAttestsABatch() public {
        _anchor(SEAL);
        vm.warp(START + 5);
        _emitted();
        emit IProvenanceRegistry.BatchAttested(KESTREL, SEAL, WITNESS);
        _attest(WITNESS);
        vm.assertEq(_batch(SEAL).attestations, 1);
        vm.assertEq(registry.attestedAt(KESTREL, SEAL, WITNESS), START + 5);
        vm.assertEq(registry.attestedAt(GREEN_RIDGE, SEAL, WITNESS), 0);

        _refused(abi.encodeWithSelector(Errors.BatchAlreadyAttested.selector, KESTREL, SEAL, WITNESS));
        _attest(WITNESS);
    }

    function test_OnlyAnAnchoredBatchIsAttested() public {
        _refused(abi.encodeWithSelector(Errors.BatchNotAnchored.selector, KESTREL, SEAL));
        _attest(WITNESS);
    }

    function testFuzz_OnlyAWitnessAttests(address caller) public {
        vm.assume(caller != WITNESS);
        _anchor(SEAL);
        _refused(_unauthorized(caller, registry.WITNESS_ROLE()));
        _attest(caller);
    }

    function test_TheCountOfAttestationsStopsAt255WhileEachIsKept() public {
        _anchor(SEAL);
        bytes32 role = registry.WITNESS_ROLE();
        for (uint160 i = 1; i <= 257; ++i) {
            _grant(GOVERNANCE, role, address(0x10000 + i));
            _attest(address(0x10000 + i));
            vm.assertEq(_batch(SEAL).attestations, i < 255 ? i : 255);
        }
        vm.assertEq(registry.attestedAt(KESTREL, SEAL, address(0x10000 + 257)), START);
        vm.assertEq(_batch(SEAL).anchoredBy, key);
    }

    // ----------------------------------------------------------------------------------------------------- small things

    function _endorse(uint32 manufacturer, bytes32 seal, address compromised) private {
        vm.prank(CONTROLLER);
        registry.endorse(manufacturer, seal, compromised);
    }

    function _attest(address witness) private {
        vm.prank(witness);
        registry.attest(KESTREL, SEAL);
    }
}

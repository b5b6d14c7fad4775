// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Errors, IProvenanceRegistry, ProvenanceRegistry, RegistryTest} from "./RegistryTest.sol";

/// @title KeysTest
/// @notice The controller: adding keys with their consent, revoking them, saying that they are compromised.
contract KeysTest is RegistryTest {
    // --------------------------------------------------------------------------------------------------------- adding

    function testFuzz_AnAddedKeyIsWhatItsControllerSaid(uint8 permissions, uint40 notBefore, uint40 notAfter) public {
        permissions = uint8(_bound(permissions, SIGN_ONLY, ALL));
        notBefore = uint40(_bound(notBefore, START, FOREVER));
        notAfter = uint40(_bound(notAfter, notBefore, FOREVER));
        _emitted();
        emit IProvenanceRegistry.KeyAdded(KESTREL, newKey, permissions, notBefore, notAfter);
        _addKey(CONTROLLER, KESTREL, NEW_SECRET, permissions, notBefore, notAfter);

        IProvenanceRegistry.Key memory added = registry.keyOf(newKey);
        vm.assertEq(added.manufacturer, KESTREL);
        vm.assertEq(added.permissions, permissions);
        vm.assertEq(added.notBefore, notBefore);
        vm.assertEq(added.notAfter, notAfter);
        vm.assertEq(added.revokedAt, 0);
        vm.assertEq(added.compromisedSince, 0);
    }

    function test_AWindowFromZeroStartsWithThisBlock() public {
        vm.warp(START + 5);
        _emitted();
        emit IProvenanceRegistry.KeyAdded(KESTREL, newKey, ALL, START + 5, FOREVER);
        _addKey(CONTROLLER, KESTREL, NEW_SECRET, ALL, 0, FOREVER);
        vm.assertEq(registry.keyOf(newKey).notBefore, START + 5);
    }

    function testFuzz_AWindowNeverStartsInThePast(uint40 notBefore) public {
        notBefore = uint40(_bound(notBefore, 1, START - 1));
        bytes memory consent = _consent(NEW_SECRET, KESTREL);
        _refused(abi.encodeWithSelector(Errors.KeyWindowInvalid.selector, notBefore, FOREVER, START));
        vm.prank(CONTROLLER);
        registry.addKey(KESTREL, newKey, ALL, notBefore, FOREVER, consent);
    }

    function testFuzz_AWindowNeverEndsBeforeItStarts(uint40 notBefore, uint40 notAfter) public {
        notBefore = uint40(_bound(notBefore, START, FOREVER));
        notAfter = uint40(_bound(notAfter, 0, notBefore - 1));
        bytes memory consent = _consent(NEW_SECRET, KESTREL);
        _refused(abi.encodeWithSelector(Errors.KeyWindowInvalid.selector, notBefore, notAfter, START));
        vm.prank(CONTROLLER);
        registry.addKey(KESTREL, newKey, ALL, notBefore, notAfter, consent);
    }

    function testFuzz_UnknownPermissionsAreRefused(uint8 permissions) public {
        permissions = uint8(_bound(permissions, ALL + 1, type(uint8).max));
        bytes memory consent = _consent(NEW_SECRET, KESTREL);
        _refused(abi.encodeWithSelector(Errors.KeyPermissionsInvalid.selector, permissions));
        vm.prank(CONTROLLER);
        registry.addKey(KESTREL, newKey, permissions, 0, FOREVER, consent);
    }

    function test_TheZeroAddressIsNoKey() public {
        _refused(abi.encodeWithSelector(Errors.KeyInvalid.selector, address(0)));
        vm.prank(CONTROLLER);
        registry.addKey(KESTREL, address(0), ALL, 0, FOREVER, new bytes(65));
    }

    function testFuzz_OnlyTheControllerAddsKeys(address caller) public {
        vm.assume(caller != CONTROLLER);
        bytes memory consent = _consent(NEW_SECRET, KESTREL);
        _refused(abi.encodeWithSelector(Errors.ControllerUnauthorized.selector, KESTREL, caller));
        vm.prank(caller);
        registry.addKey(KESTREL, newKey, ALL, 0, FOREVER, consent);
    }

    function test_AnUnknownManufacturerHasNoController() public {
        bytes memory consent = _consent(NEW_SECRET, NOBODY);
        _refused(abi.encodeWithSelector(Errors.ControllerUnauthorized.selector, NOBODY, STRANGER));
        vm.prank(STRANGER);
        registry.addKey(NOBODY, newKey, ALL, 0, FOREVER, consent);
    }

    function test_AKeyIsOneManufacturersForEver() public {
        bytes memory consent = _consent(SECRET, GREEN_RIDGE);
        _refused(abi.encodeWithSelector(Errors.KeyAlreadyKnown.selector, key, KESTREL));
        vm.prank(OTHER_CONTROLLER);
        registry.addKey(GREEN_RIDGE, key, ALL, 0, FOREVER, consent);

        _revoke(key);
        _refused(abi.encodeWithSelector(Errors.KeyAlreadyKnown.selector, key, KESTREL));
        vm.prank(OTHER_CONTROLLER);
        registry.addKey(GREEN_RIDGE, key, ALL, 0, FOREVER, consent);

        consent = _consent(SECRET, KESTREL);
        _refused(abi.encodeWithSelector(Errors.KeyAlreadyKnown.selector, key, KESTREL));
        vm.prank(CONTROLLER);
        registry.addKey(KESTREL, key, ALL, 0, FOREVER, consent);
    }

    // -------------------------------------------------------------------------------------------------------- consent

    function test_AConsentMayBeCompact() public {
        bytes memory consent = _signCompact(NEW_SECRET, _consentDigest(KESTREL));
        vm.prank(CONTROLLER);
        registry.addKey(KESTREL, newKey, ALL, 0, FOREVER, consent);
        vm.assertEq(registry.keyOf(newKey).manufacturer, KESTREL);
    }

    function test_NobodyClaimsSomebodyElsesAddress() public {
        _refusesConsent(_consent(SECRET, KESTREL), key);
    }

    function test_AConsentIsGivenToOneManufacturer() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(NEW_SECRET, _consentDigest(GREEN_RIDGE));
        _refusesConsent(abi.encodePacked(r, s, v), ecrecover(_consentDigest(KESTREL), v, r, s));
    }

    function test_AConsentIsForThisContractOnThisChain() public {
        bytes32 hash = keccak256(abi.encode(keccak256("KeyConsent(uint32 manufacturer)"), KESTREL));
        bytes32[2] memory elsewhere = [
            _domainSeparator(block.chainid + 1, address(registry)), _domainSeparator(block.chainid, address(this))
        ];
        for (uint256 i = 0; i < elsewhere.length; ++i) {
            (uint8 v, bytes32 r, bytes32 s) =
                vm.sign(NEW_SECRET, keccak256(abi.encodePacked("\x19\x01", elsewhere[i], hash)));
            _refusesConsent(abi.encodePacked(r, s, v), ecrecover(_consentDigest(KESTREL), v, r, s));
        }
    }

    function test_AConsentGivenBeforeAForkIsNoneAfterIt() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(NEW_SECRET, _consentDigest(KESTREL));
        vm.chainId(block.chainid + 1);
        _refusesConsent(abi.encodePacked(r, s, v), ecrecover(_consentDigest(KESTREL), v, r, s));
    }

    function test_AConsentWithAHighSIsRefused() public {
        _refusesConsent(_signHighS(NEW_SECRET, _consentDigest(KESTREL)), address(0));
    }

    function testFuzz_AConsentOfAnotherLengthIsRefused(bytes calldata consent) public {
        vm.assume(consent.length != 64 && consent.length != 65);
        _refusesConsent(consent, address(0));
    }

    function testFuzz_AConsentWithOneBitChangedIsRefused(uint256 bit) public {
        bytes memory consent = _consent(NEW_SECRET, KESTREL);
        bit = _bound(bit, 0, 8 * consent.length - 1);
        consent[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        vm.expectRevert();
        vm.prank(CONTROLLER);
        registry.addKey(KESTREL, newKey, ALL, 0, FOREVER, consent);
    }

    function _refusesConsent(bytes memory consent, address recovered) private {
        _refused(abi.encodeWithSelector(Errors.KeyConsentInvalid.selector, newKey, recovered));
        vm.prank(CONTROLLER);
        registry.addKey(KESTREL, newKey, ALL, 0, FOREVER, consent);
    }

    // ------------------------------------------------------------------------------------------------------- revoking

    function test_ARevokedKeyStaysKnown() public {
        vm.warp(START + 5);
        _emitted();
        emit IProvenanceRegistry.KeyRevoked(KESTREL, key);
        _revoke(key);
        vm.assertEq(registry.keyOf(key).revokedAt, START + 5);
        vm.assertEq(registry.keyOf(key).manufacturer, KESTREL);
    }

    function test_AKeyIsRevokedOnce() public {
        _revoke(key);
        vm.warp(START + 5);
        _refused(abi.encodeWithSelector(Errors.KeyIsRevoked.selector, key, START));
        _revoke(key);
    }

    function test_OnlyAKeyIsRevoked() public {
        _refused(abi.encodeWithSelector(Errors.KeyUnknown.selector, newKey));
        _revoke(newKey);
    }

    function testFuzz_OnlyItsControllerRevokesAKey(address caller) public {
        vm.assume(caller != CONTROLLER);
        _refused(abi.encodeWithSelector(Errors.ControllerUnauthorized.selector, KESTREL, caller));
        vm.prank(caller);
        registry.revokeKey(key);
    }

    // ----------------------------------------------------------------------------------------------------- compromise

    function testFuzz_ACompromiseMayBeginAnyTimeUntilNow(uint40 since) public {
        since = uint40(_bound(since, 1, START));
        _emitted();
        emit IProvenanceRegistry.KeyCompromised(KESTREL, key, since, "a laptop was lost");
        _compromise(key, since);
        vm.assertEq(registry.keyOf(key).compromisedSince, since);
    }

    function testFuzz_ACompromiseNeverBeginsInTheFuture(uint40 since) public {
        since = uint40(_bound(since, START + 1, FOREVER));
        _refused(abi.encodeWithSelector(Errors.KeyCompromiseOnlyEarlier.selector, key, 0, since));
        _compromise(key, since);
    }

    function testFuzz_ACompromiseIsOnlyEverMovedEarlier(uint40 first, uint40 second) public {
        first = uint40(_bound(first, 1, START));
        second = uint40(_bound(second, 0, START));
        _compromise(key, first);
        bool earlier = second != 0 && second < first;
        if (!earlier) _refused(abi.encodeWithSelector(Errors.KeyCompromiseOnlyEarlier.selector, key, first, second));
        _compromise(key, second);
        vm.assertEq(registry.keyOf(key).compromisedSince, earlier ? second : first);
    }

    function test_ACompromiseHasABeginningAndAReason() public {
        _refused(abi.encodeWithSelector(Errors.KeyCompromiseOnlyEarlier.selector, key, 0, 0));
        _compromise(key, 0);

        _refused(abi.encodeWithSelector(Errors.ReasonTextEmpty.selector));
        vm.prank(CONTROLLER);
        registry.setCompromisedSince(key, START, "");
    }

    function test_ARevokedKeyCanStillBeSaidToBeCompromised() public {
        _revoke(key);
        _compromise(key, START);
        vm.assertEq(registry.keyOf(key).compromisedSince, START);
    }

    function test_OnlyAKeyIsCompromised() public {
        _refused(abi.encodeWithSelector(Errors.KeyUnknown.selector, newKey));
        _compromise(newKey, START);
    }

    function testFuzz_OnlyItsControllerSaysThatAKeyIsCompromised(address caller) public {
        vm.assume(caller != CONTROLLER);
        _refused(abi.encodeWithSelector(Errors.ControllerUnauthorized.selector, KESTREL, caller));
        vm.prank(caller);
        registry.setCompromisedSince(key, START, "a laptop was lost");
    }
}

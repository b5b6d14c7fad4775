// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Errors, IProvenanceRegistry, RegistryTest} from "./RegistryTest.sol";

/// @title ManufacturersTest
/// @notice The alliance: accrediting, suspending, replacing controllers, setting the official domains.
contract ManufacturersTest is RegistryTest {
    address private constant SUCCESSOR = address(0x5CC);

    // ---------------------------------------------------------------------------------------------------- accrediting

    function test_AnAccreditedManufacturerHasAControllerAndAProfile() public {
        _emitted();
        emit IProvenanceRegistry.ManufacturerAccredited(NOBODY, STRANGER);
        _emitted();
        emit IProvenanceRegistry.ProfileUpdated(NOBODY, PROFILE, "https://example.org/9");
        vm.prank(ACCREDITOR);
        registry.accredit(NOBODY, STRANGER, PROFILE, "https://example.org/9");

        IProvenanceRegistry.Manufacturer memory accredited = registry.manufacturerOf(NOBODY);
        vm.assertEq(accredited.controller, STRANGER);
        vm.assertEq(accredited.accreditedAt, START);
        vm.assertEq(accredited.suspendedAt, 0);
        vm.assertEq(accredited.batchCount, 0);
        vm.assertFalse(accredited.controllerFrozen);
        vm.assertEq(accredited.pendingController, address(0));
        vm.assertEq(accredited.pendingControllerAt, 0);
        IProvenanceRegistry.Profile[] memory profiles = registry.profilesOf(NOBODY);
        vm.assertEq(profiles.length, 1);
        vm.assertEq(profiles[0].profileHash, PROFILE);
        vm.assertEq(profiles[0].since, START);
        vm.assertEq(profiles[0].uri, "https://example.org/9");
    }

    function test_ManufacturersAreNumberedFromOne() public {
        _refused(abi.encodeWithSelector(Errors.ManufacturerInvalidNumber.selector, 0));
        _accredit(0, STRANGER);
    }

    function test_ANumberIsGivenOnce() public {
        _refused(abi.encodeWithSelector(Errors.ManufacturerAlreadyAccredited.selector, KESTREL));
        _accredit(KESTREL, STRANGER);
    }

    function test_AManufacturerNeedsAController() public {
        _refused(abi.encodeWithSelector(Errors.ControllerInvalid.selector, address(0)));
        _accredit(NOBODY, address(0));
    }

    function test_AManufacturerNeedsAProfileWithHashAndAddress() public {
        _refused(abi.encodeWithSelector(Errors.ProfileEmpty.selector, NOBODY));
        vm.prank(ACCREDITOR);
        registry.accredit(NOBODY, STRANGER, 0, "https://example.org/9");

        _refused(abi.encodeWithSelector(Errors.ProfileEmpty.selector, NOBODY));
        vm.prank(ACCREDITOR);
        registry.accredit(NOBODY, STRANGER, PROFILE, "");
    }

    function test_EarlierProfilesStayReadable() public {
        vm.warp(START + 5);
        _emitted();
        emit IProvenanceRegistry.ProfileUpdated(KESTREL, keccak256("2"), "https://example.org/2");
        vm.prank(ACCREDITOR);
        registry.updateProfile(KESTREL, keccak256("2"), "https://example.org/2");

        IProvenanceRegistry.Profile[] memory profiles = registry.profilesOf(KESTREL);
        vm.assertEq(profiles.length, 2);
        vm.assertEq(profiles[0].profileHash, PROFILE);
        vm.assertEq(profiles[1].profileHash, keccak256("2"));
        vm.assertEq(profiles[1].since, START + 5);
    }

    function test_AProfileIsUpdatedOnlyForAManufacturerAndNotToNothing() public {
        _refused(abi.encodeWithSelector(Errors.ManufacturerUnknown.selector, NOBODY));
        vm.prank(ACCREDITOR);
        registry.updateProfile(NOBODY, PROFILE, "https://example.org/9");

        _refused(abi.encodeWithSelector(Errors.ProfileEmpty.selector, KESTREL));
        vm.prank(ACCREDITOR);
        registry.updateProfile(KESTREL, 0, "https://example.org/7");
    }

    // ----------------------------------------------------------------------------------------------------- suspending

    function test_ASuspensionBeginsAndEnds() public {
        vm.warp(START + 5);
        _emitted();
        emit IProvenanceRegistry.ManufacturerSuspended(KESTREL, "its permit ended");
        _suspend(KESTREL);
        vm.assertEq(registry.manufacturerOf(KESTREL).suspendedAt, START + 5);

        _emitted();
        emit IProvenanceRegistry.ManufacturerReinstated(KESTREL, "its permit was renewed");
        vm.prank(ACCREDITOR);
        registry.reinstate(KESTREL, "its permit was renewed");
        vm.assertEq(registry.manufacturerOf(KESTREL).suspendedAt, 0);
    }

    function test_ASuspensionIsRefusedWithoutManufacturerOrReasonOrTwice() public {
        _refused(abi.encodeWithSelector(Errors.ManufacturerUnknown.selector, NOBODY));
        _suspend(NOBODY);

        _refused(abi.encodeWithSelector(Errors.ReasonTextEmpty.selector));
        vm.prank(ACCREDITOR);
        registry.suspend(KESTREL, "");

        _suspend(KESTREL);
        vm.warp(START + 5);
        _refused(abi.encodeWithSelector(Errors.ManufacturerIsSuspended.selector, KESTREL, START));
        _suspend(KESTREL);
    }

    function test_AReinstatementIsRefusedWithoutManufacturerOrSuspensionOrReason() public {
        _refused(abi.encodeWithSelector(Errors.ManufacturerUnknown.selector, NOBODY));
        vm.prank(ACCREDITOR);
        registry.reinstate(NOBODY, "by mistake");

        _refused(abi.encodeWithSelector(Errors.ManufacturerNotSuspended.selector, KESTREL));
        vm.prank(ACCREDITOR);
        registry.reinstate(KESTREL, "by mistake");

        _suspend(KESTREL);
        _refused(abi.encodeWithSelector(Errors.ReasonTextEmpty.selector));
        vm.prank(ACCREDITOR);
        registry.reinstate(KESTREL, "");
    }

    function test_ASuspendedManufacturerCanOnlyTakeTrustAway() public {
        _anchor(SEAL);
        _suspend(KESTREL);

        bytes memory refusal = abi.encodeWithSelector(Errors.ManufacturerIsSuspended.selector, KESTREL, START);
        _refused(refusal);
        _anchor(keccak256("another seal"));
        bytes memory consent = _consent(NEW_SECRET, KESTREL);
        _refused(refusal);
        vm.prank(CONTROLLER);
        registry.addKey(KESTREL, newKey, ALL, 0, FOREVER, consent);

        vm.prank(key);
        registry.withdrawBatch(SEAL, IProvenanceRegistry.Reason.Recalled);
        _withdraw(SEAL, IProvenanceRegistry.Reason.Recalled, 0, 1);
        _compromise(key, START);
        _revoke(key);

        _refused(refusal);
        vm.prank(CONTROLLER);
        registry.endorse(KESTREL, SEAL, key);
        _refused(refusal);
        vm.prank(CONTROLLER);
        registry.annulBatchWithdrawal(KESTREL, SEAL, "a mistake");
        _refused(refusal);
        vm.prank(CONTROLLER);
        registry.annulUnitsWithdrawal(KESTREL, SEAL, IProvenanceRegistry.Reason.Recalled, _word(0, 1), "a mistake");
    }

    // ---------------------------------------------------------------------------------------------------- controllers

    function test_AFrozenControllerCanDoNothing() public {
        _anchor(SEAL);
        _emitted();
        emit IProvenanceRegistry.ControllerFrozen(KESTREL, CONTROLLER, true);
        _freeze(KESTREL);
        vm.assertTrue(registry.manufacturerOf(KESTREL).controllerFrozen);

        bytes memory refusal = abi.encodeWithSelector(Errors.ControllerIsFrozen.selector, KESTREL, CONTROLLER);
        bytes memory consent = _consent(NEW_SECRET, KESTREL);
        _refused(refusal);
        vm.prank(CONTROLLER);
        registry.addKey(KESTREL, newKey, ALL, 0, FOREVER, consent);
        _refused(refusal);
        _revoke(key);
        _refused(refusal);
        _compromise(key, START);
        _refused(refusal);
        vm.prank(CONTROLLER);
        registry.endorse(KESTREL, SEAL, key);
        _refused(refusal);
        vm.prank(CONTROLLER);
        registry.annulBatchWithdrawal(KESTREL, SEAL, "a mistake");
        _refused(refusal);
        vm.prank(CONTROLLER);
        registry.annulUnitsWithdrawal(KESTREL, SEAL, IProvenanceRegistry.Reason.Recalled, _word(0, 1), "a mistake");
    }

    function test_AControllerIsFrozenAndReleasedWhileItsKeysGoOn() public {
        _freeze(KESTREL);
        _anchor(SEAL);
        _emitted();
        emit IProvenanceRegistry.ControllerFrozen(KESTREL, CONTROLLER, false);
        vm.prank(ACCREDITOR);
        registry.setControllerFrozen(KESTREL, false);
        _revoke(key);
    }

    function test_OnlyAManufacturersControllerCanBeFrozen() public {
        _refused(abi.encodeWithSelector(Errors.ManufacturerUnknown.selector, NOBODY));
        _freeze(NOBODY);
    }

    function test_AControllerIsReplacedAfterTheDelay() public {
        _freeze(KESTREL);
        _emitted();
        emit IProvenanceRegistry.ControllerReplacementProposed(KESTREL, SUCCESSOR, START + CONTROLLER_DELAY);
        _propose(KESTREL, SUCCESSOR);
        vm.assertEq(registry.manufacturerOf(KESTREL).controller, CONTROLLER);
        vm.assertEq(registry.manufacturerOf(KESTREL).pendingController, SUCCESSOR);
        vm.assertEq(registry.manufacturerOf(KESTREL).pendingControllerAt, START + CONTROLLER_DELAY);

        vm.warp(START + CONTROLLER_DELAY);
        _emitted();
        emit IProvenanceRegistry.ControllerReplaced(KESTREL, CONTROLLER, SUCCESSOR);
        _complete(KESTREL);
        vm.assertEq(registry.manufacturerOf(KESTREL).controller, SUCCESSOR);
        vm.assertFalse(registry.manufacturerOf(KESTREL).controllerFrozen);
        vm.assertEq(registry.manufacturerOf(KESTREL).pendingController, address(0));
        vm.assertEq(registry.manufacturerOf(KESTREL).pendingControllerAt, 0);

        _refused(abi.encodeWithSelector(Errors.ControllerUnauthorized.selector, KESTREL, CONTROLLER));
        _revoke(key);
        vm.prank(SUCCESSOR);
        registry.revokeKey(key);
    }

    function testFuzz_AReplacementIsNotCompletedBeforeItsTime(uint40 wait) public {
        wait = uint40(_bound(wait, 0, CONTROLLER_DELAY - 1));
        _propose(KESTREL, SUCCESSOR);
        vm.warp(START + wait);
        _refused(
            abi.encodeWithSelector(
                Errors.ControllerReplacementTooEarly.selector, KESTREL, START + CONTROLLER_DELAY, START + wait
            )
        );
        _complete(KESTREL);
    }

    function test_ASecondProposalStartsTheDelayAgain() public {
        _propose(KESTREL, STRANGER);
        vm.warp(START + CONTROLLER_DELAY);
        _propose(KESTREL, SUCCESSOR);
        _refused(
            abi.encodeWithSelector(
                Errors.ControllerReplacementTooEarly.selector,
                KESTREL,
                START + 2 * CONTROLLER_DELAY,
                START + CONTROLLER_DELAY
            )
        );
        _complete(KESTREL);
    }

    function test_AReplacementCanBeCancelled() public {
        _propose(KESTREL, SUCCESSOR);
        _emitted();
        emit IProvenanceRegistry.ControllerReplacementCancelled(KESTREL, SUCCESSOR);
        vm.prank(ACCREDITOR);
        registry.cancelControllerReplacement(KESTREL);

        vm.warp(START + CONTROLLER_DELAY);
        _refused(abi.encodeWithSelector(Errors.ControllerNoReplacement.selector, KESTREL));
        _complete(KESTREL);
    }

    function test_ReplacementsAreRefusedWhereThereIsNothingToReplace() public {
        _refused(abi.encodeWithSelector(Errors.ManufacturerUnknown.selector, NOBODY));
        _propose(NOBODY, SUCCESSOR);
        _refused(abi.encodeWithSelector(Errors.ControllerInvalid.selector, address(0)));
        _propose(KESTREL, address(0));
        _refused(abi.encodeWithSelector(Errors.ManufacturerUnknown.selector, NOBODY));
        _complete(NOBODY);
        _refused(abi.encodeWithSelector(Errors.ControllerNoReplacement.selector, KESTREL));
        vm.prank(ACCREDITOR);
        registry.cancelControllerReplacement(KESTREL);
    }

    // -------------------------------------------------------------------------------------------------------- domains

    function test_TheOfficialDomainsAreReplacedAsAWhole() public {
        string[] memory three = new string[](3);
        (three[0], three[1], three[2]) = ("id.example.org", "id.example.cn", "localhost:8000");
        _emitted();
        emit IProvenanceRegistry.VerifierDomainsSet(three);
        vm.prank(ACCREDITOR);
        registry.setVerifierDomains(three);
        vm.assertEq(registry.verifierDomains().length, 3);

        string[] memory one = new string[](1);
        one[0] = "check.example.org";
        vm.prank(ACCREDITOR);
        registry.setVerifierDomains(one);
        vm.assertEq(registry.verifierDomains().length, 1);
        vm.assertEq(registry.verifierDomains()[0], "check.example.org");
    }

    function test_ThereIsAlwaysADomainAndNoneIsEmpty() public {
        _refused(abi.encodeWithSelector(Errors.DomainsEmpty.selector));
        vm.prank(ACCREDITOR);
        registry.setVerifierDomains(new string[](0));

        string[] memory two = new string[](2);
        two[0] = "check.example.org";
        _refused(abi.encodeWithSelector(Errors.DomainsEmpty.selector));
        vm.prank(ACCREDITOR);
        registry.setVerifierDomains(two);
    }

    // ------------------------------------------------------------------------------------------------------- strangers

    function testFuzz_NobodyButAnAccreditorDoesAnyOfThis(address caller) public {
        vm.assume(caller != ACCREDITOR);
        bytes memory refusal = _unauthorized(caller, registry.ACCREDITOR_ROLE());
        bytes[9] memory calls = [
            abi.encodeCall(registry.accredit, (NOBODY, caller, PROFILE, "https://example.org/9")),
            abi.encodeCall(registry.updateProfile, (KESTREL, PROFILE, "https://example.org/7")),
            abi.encodeCall(registry.suspend, (KESTREL, "because")),
            abi.encodeCall(registry.reinstate, (KESTREL, "because")),
            abi.encodeCall(registry.setControllerFrozen, (KESTREL, true)),
            abi.encodeCall(registry.proposeController, (KESTREL, caller)),
            abi.encodeCall(registry.cancelControllerReplacement, (KESTREL)),
            abi.encodeCall(registry.completeControllerReplacement, (KESTREL)),
            abi.encodeCall(registry.setVerifierDomains, (new string[](1)))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(caller);
            (bool done, bytes memory answer) = address(registry).call(calls[i]);
            vm.assertFalse(done);
            vm.assertEq(answer, refusal);
        }
    }

    function _propose(uint32 manufacturer, address controller) private {
        vm.prank(ACCREDITOR);
        registry.proposeController(manufacturer, controller);
    }

    function _complete(uint32 manufacturer) private {
        vm.prank(ACCREDITOR);
        registry.completeControllerReplacement(manufacturer);
    }
}

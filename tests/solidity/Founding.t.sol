// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Errors, RegistryTest, ProvenanceRegistry} from "./RegistryTest.sol";

/// @title FoundingTest
/// @notice What is fixed for ever at the beginning, and who appoints whom.
contract FoundingTest is RegistryTest {
    function test_TheIdAndTheDelaysAreThoseOfTheFounding() public view {
        vm.assertEq(registry.registryId(), REGISTRY_ID);
        vm.assertEq(registry.controllerDelay(), CONTROLLER_DELAY);
        vm.assertEq(registry.defaultAdminDelay(), GOVERNANCE_DELAY);
        vm.assertEq(registry.defaultAdmin(), GOVERNANCE);
    }

    function test_ARegistryNeedsAnId() public {
        _refused(abi.encodeWithSelector(Errors.RegistryInvalidId.selector));
        new ProvenanceRegistry(0, GOVERNANCE, GOVERNANCE_DELAY, CONTROLLER_DELAY);
    }

    function test_ARegistryNeedsAGovernance() public {
        _refused(abi.encodeWithSignature("AccessControlInvalidDefaultAdmin(address)", address(0)));
        new ProvenanceRegistry(REGISTRY_ID, address(0), GOVERNANCE_DELAY, CONTROLLER_DELAY);
    }

    function test_TheSigningDomainIsThisContractOnThisChain() public view {
        (, string memory name, string memory version, uint256 chain, address contract_, bytes32 salt,) =
            registry.eip712Domain();
        vm.assertEq(name, "Touchstone Registry");
        vm.assertEq(version, "1");
        vm.assertEq(chain, block.chainid);
        vm.assertEq(contract_, address(registry));
        vm.assertEq(salt, bytes32(0));
    }

    function test_TheTypesThatKeysSignAreThoseOfTheSpecification() public view {
        vm.assertEq(registry.KEY_CONSENT_TYPEHASH(), keccak256("KeyConsent(uint32 manufacturer)"));
        vm.assertEq(registry.ANCHOR_TYPEHASH(), keccak256("Anchor(bytes32 seal,uint256 deadline)"));
    }

    function test_GovernanceAppointsAccreditorsAndWitnesses() public view {
        vm.assertEq(registry.getRoleAdmin(registry.ACCREDITOR_ROLE()), registry.DEFAULT_ADMIN_ROLE());
        vm.assertEq(registry.getRoleAdmin(registry.WITNESS_ROLE()), registry.DEFAULT_ADMIN_ROLE());
    }

    function test_AccreditorsAppointInspectors() public view {
        vm.assertEq(registry.getRoleAdmin(registry.INSPECTOR_ROLE()), registry.ACCREDITOR_ROLE());
        vm.assertTrue(registry.hasRole(registry.INSPECTOR_ROLE(), INSPECTOR));
    }

    function test_AnAccreditorAppointsNoWitness() public {
        bytes32 role = registry.WITNESS_ROLE();
        _refused(_unauthorized(ACCREDITOR, registry.DEFAULT_ADMIN_ROLE()));
        _grant(ACCREDITOR, role, STRANGER);
    }

    function test_GovernanceAppointsNoInspector() public {
        bytes32 role = registry.INSPECTOR_ROLE();
        _refused(_unauthorized(GOVERNANCE, registry.ACCREDITOR_ROLE()));
        _grant(GOVERNANCE, role, STRANGER);
    }

    function test_GovernanceIsHandedOverInTwoStepsAfterItsDelay() public {
        vm.prank(GOVERNANCE);
        registry.beginDefaultAdminTransfer(STRANGER);
        vm.warp(START + GOVERNANCE_DELAY + 1);
        vm.assertEq(registry.defaultAdmin(), GOVERNANCE);
        vm.prank(STRANGER);
        registry.acceptDefaultAdminTransfer();
        vm.assertEq(registry.defaultAdmin(), STRANGER);
    }

    function test_GovernanceIsNotHandedOverBeforeItsDelay() public {
        vm.prank(GOVERNANCE);
        registry.beginDefaultAdminTransfer(STRANGER);
        vm.expectRevert();
        vm.prank(STRANGER);
        registry.acceptDefaultAdminTransfer();
    }

    function test_TheContractTakesNoMoney() public {
        (bool taken,) = address(registry).call{value: 1}("");
        vm.assertFalse(taken);
    }
}

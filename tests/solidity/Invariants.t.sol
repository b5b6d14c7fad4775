// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Handler} from "./Handler.sol";
import {IProvenanceRegistry, ProvenanceRegistry, RegistryTest} from "./RegistryTest.sol";

/// @title InvariantsTest
/// @notice What holds whatever anybody does, beginning with three manufacturers that have a key and a batch each. `mutations.py` shows that
/// each of these can fail.
contract InvariantsTest is RegistryTest {
    Handler private handler;

    function setUp() public override {
        vm.warp(START);
        registry = new ProvenanceRegistry(REGISTRY_ID, GOVERNANCE, GOVERNANCE_DELAY, CONTROLLER_DELAY);
        _grant(GOVERNANCE, registry.ACCREDITOR_ROLE(), ACCREDITOR);
        _grant(GOVERNANCE, registry.WITNESS_ROLE(), WITNESS);
        _grant(ACCREDITOR, registry.INSPECTOR_ROLE(), INSPECTOR);
        handler = new Handler(registry);
        for (uint256 i = 0; i < 3; ++i) {
            handler.accredit({by: 1, number: i + 1, controllerSeed: i + 4});
            handler.addKey({by: 1, number: i, secretSeed: i, signerSeed: 1, permissions: 1});
            handler.anchor({by: 1, secretSeed: i, sealSeed: i});
        }
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_NobodyButAManufacturersOwnKeyAnchorsForIt() public view {
        vm.assertFalse(handler.foreignKeyAnchored(), "an address that is nobody's key anchored a seal");
        for (uint32 manufacturer = 0; manufacturer <= handler.MANUFACTURERS(); ++manufacturer) {
            for (uint256 i = 0; i < handler.SEALS(); ++i) {
                address by = registry.status(manufacturer, handler.sealOf(i), address(0)).batch.anchoredBy;
                if (by == address(0)) continue;
                vm.assertEq(handler.manufacturerOf(by), manufacturer, "another manufacturer's key anchored a seal");
            }
        }
    }

    function invariant_AnAnchorNeverChangesOwnerOrTime() public view {
        for (uint32 manufacturer = 1; manufacturer <= handler.MANUFACTURERS(); ++manufacturer) {
            for (uint256 i = 0; i < handler.SEALS(); ++i) {
                bytes32 seal = handler.sealOf(i);
                Handler.Anchored memory first = handler.anchorOf(manufacturer, seal);
                IProvenanceRegistry.Batch memory batch = registry.status(manufacturer, seal, address(0)).batch;
                vm.assertEq(batch.anchoredBy, first.by, "an anchor's key changed");
                vm.assertEq(batch.anchoredAt, first.time, "an anchor's time changed");
                vm.assertEq(batch.anchoredBlock, first.height, "an anchor's block changed");
            }
        }
    }

    function invariant_AnAddressNeverChangesManufacturer() public view {
        vm.assertFalse(handler.addressTakenWithoutConsent(), "an address was added without its consent");
        address[] memory people = handler.everybody();
        for (uint256 i = 0; i < people.length; ++i) {
            vm.assertEq(
                registry.keyOf(people[i]).manufacturer,
                handler.manufacturerOf(people[i]),
                "an address is not its first manufacturer's"
            );
        }
    }

    function invariant_AWithdrawnBitClearsOnlyByTheControllersAnnulment() public view {
        vm.assertFalse(handler.withdrawnByForeigner(), "an address that is nobody's key withdrew units");
        vm.assertFalse(handler.annulledByForeigner(), "somebody else than the controller annulled a withdrawal");
        for (uint32 manufacturer = 1; manufacturer <= handler.MANUFACTURERS(); ++manufacturer) {
            for (uint256 i = 0; i < handler.SEALS(); ++i) {
                _compareWords(manufacturer, handler.sealOf(i));
            }
        }
    }

    function invariant_RolesCannotBeEscalated() public view {
        vm.assertFalse(handler.roleGivenByForeigner(), "somebody gave or took a role that is not theirs to give");
        bytes32[4] memory roles;
        for (uint256 i = 0; i < roles.length; ++i) {
            roles[i] = handler.roles(i);
            vm.assertEq(registry.getRoleAdmin(roles[i]), i == 3 ? roles[1] : roles[0]);
        }
        address[] memory people = handler.everybody();
        for (uint256 i = 0; i < people.length; ++i) {
            bool[4] memory held = handler.rolesOf(people[i]);
            for (uint256 j = 0; j < roles.length; ++j) {
                vm.assertTrue(registry.hasRole(roles[j], people[i]) == held[j], "a role came or went by no grant");
            }
        }
    }

    function invariant_RelayedAnchorsNeitherReplayNorDouble() public view {
        vm.assertFalse(handler.anchoredTwice(), "a seal was anchored twice");
        vm.assertFalse(handler.alteredRelayAccepted(), "an anchor was relayed that no key signed");
        for (uint32 manufacturer = 1; manufacturer <= handler.MANUFACTURERS(); ++manufacturer) {
            uint32 anchored = 0;
            for (uint256 i = 0; i < handler.SEALS(); ++i) {
                if (handler.anchorOf(manufacturer, handler.sealOf(i)).by != address(0)) ++anchored;
            }
            vm.assertEq(registry.manufacturerOf(manufacturer).batchCount, anchored, "the count is not of the batches");
        }
    }

    function _compareWords(uint32 manufacturer, bytes32 seal) private view {
        uint256[] memory expected = handler.withdrawnWords(manufacturer, seal);
        uint32 words = handler.WORDS();
        for (uint32 i = 0; i < expected.length; ++i) {
            vm.assertEq(
                registry.withdrawnWord(manufacturer, seal, IProvenanceRegistry.Reason(1 + i / words), i % words),
                expected[i],
                "a withdrawal came or went by no act of key or controller"
            );
        }
    }
}

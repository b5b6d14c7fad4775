// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IProvenanceErrors as Errors} from "../../contracts/IProvenanceErrors.sol";
import {IProvenanceRegistry} from "../../contracts/IProvenanceRegistry.sol";
import {ProvenanceRegistry} from "../../contracts/ProvenanceRegistry.sol";
import {Vm} from "./Vm.sol";

/// @title RegistryTest
/// @notice Where every test starts: a registry with two accredited manufacturers, each with a key that may do everything.
/// @dev Hashes that keys sign are built here from the specification, not taken from the contract.
abstract contract RegistryTest {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    bytes32 internal constant REGISTRY_ID = keccak256("a registry for tests");
    uint48 internal constant GOVERNANCE_DELAY = 3 days;
    uint40 internal constant CONTROLLER_DELAY = 2 days;
    uint40 internal constant START = 1_800_000_000;
    uint40 internal constant FOREVER = type(uint40).max;
    bytes32 internal constant PROFILE = keccak256("a profile");
    bytes32 internal constant SEAL = keccak256("a seal");

    uint8 internal constant SIGN_ONLY = 0;
    uint8 internal constant ANCHOR = 1;
    uint8 internal constant WITHDRAW = 2;
    uint8 internal constant ALL = 3;

    uint32 internal constant KESTREL = 7;
    uint32 internal constant GREEN_RIDGE = 8;
    uint32 internal constant NOBODY = 9;

    address internal constant GOVERNANCE = address(0xA0);
    address internal constant ACCREDITOR = address(0xA1);
    address internal constant WITNESS = address(0xA2);
    address internal constant INSPECTOR = address(0xA3);
    address internal constant CONTROLLER = address(0xC7);
    address internal constant OTHER_CONTROLLER = address(0xC8);
    address internal constant STRANGER = address(0x5151);

    uint256 internal constant SECRET = 0x5ec7e7;
    uint256 internal constant OTHER_SECRET = 0x07e7;
    uint256 internal constant NEW_SECRET = 0x1eaf;

    ProvenanceRegistry internal registry;
    address internal key;
    address internal otherKey;
    address internal newKey;

    function setUp() public virtual {
        vm.warp(START);
        registry = new ProvenanceRegistry(REGISTRY_ID, GOVERNANCE, GOVERNANCE_DELAY, CONTROLLER_DELAY);
        (key, otherKey, newKey) = (vm.addr(SECRET), vm.addr(OTHER_SECRET), vm.addr(NEW_SECRET));

        _grant(GOVERNANCE, registry.ACCREDITOR_ROLE(), ACCREDITOR);
        _grant(GOVERNANCE, registry.WITNESS_ROLE(), WITNESS);
        _grant(ACCREDITOR, registry.INSPECTOR_ROLE(), INSPECTOR);
        _accredit(KESTREL, CONTROLLER);
        _accredit(GREEN_RIDGE, OTHER_CONTROLLER);
        _addKey(CONTROLLER, KESTREL, SECRET, ALL);
        _addKey(OTHER_CONTROLLER, GREEN_RIDGE, OTHER_SECRET, ALL);
    }

    // ----------------------------------------------------------------------------------------------------- what is done

    function _grant(address by, bytes32 role, address account) internal {
        vm.prank(by);
        registry.grantRole(role, account);
    }

    function _accredit(uint32 manufacturer, address controller) internal {
        vm.prank(ACCREDITOR);
        registry.accredit(manufacturer, controller, PROFILE, "https://example.org/profile.json");
    }

    function _addKey(address controller, uint32 manufacturer, uint256 secret, uint8 permissions) internal {
        _addKey(controller, manufacturer, secret, permissions, 0, FOREVER);
    }

    function _addKey(
        address controller,
        uint32 manufacturer,
        uint256 secret,
        uint8 permissions,
        uint40 notBefore,
        uint40 notAfter
    ) internal {
        bytes memory consent = _consent(secret, manufacturer);
        vm.prank(controller);
        registry.addKey(manufacturer, vm.addr(secret), permissions, notBefore, notAfter, consent);
    }

    function _revoke(address key_) internal {
        vm.prank(CONTROLLER);
        registry.revokeKey(key_);
    }

    function _compromise(address key_, uint40 since) internal {
        vm.prank(CONTROLLER);
        registry.setCompromisedSince(key_, since, "a laptop was lost");
    }

    function _suspend(uint32 manufacturer) internal {
        vm.prank(ACCREDITOR);
        registry.suspend(manufacturer, "its permit ended");
    }

    function _freeze(uint32 manufacturer) internal {
        vm.prank(ACCREDITOR);
        registry.setControllerFrozen(manufacturer, true);
    }

    function _anchor(bytes32 seal) internal {
        vm.prank(key);
        registry.anchor(seal);
    }

    function _withdraw(bytes32 seal, IProvenanceRegistry.Reason reason, uint32 word, uint256 mask) internal {
        vm.prank(key);
        registry.withdrawUnits(seal, reason, _word(word, mask));
    }

    // -------------------------------------------------------------------------------------------------- what is expected

    /// @dev The next call must be refused for exactly this reason, with exactly these values.
    function _refused(bytes memory because) internal {
        vm.expectRevert(because);
    }

    /// @dev The next call must emit the event that follows.
    function _emitted() internal {
        vm.expectEmit(address(registry));
    }

    function _unauthorized(address account, bytes32 role) internal pure returns (bytes memory) {
        return abi.encodeWithSignature("AccessControlUnauthorizedAccount(address,bytes32)", account, role);
    }

    // ---------------------------------------------------------------------------------------------------- what is signed

    function _domainSeparator(uint256 chain, address contract_) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Touchstone Registry"),
                keccak256("1"),
                chain,
                contract_
            )
        );
    }

    function _digest(bytes32 structHash) internal view returns (bytes32) {
        return keccak256(abi.encodePacked("\x19\x01", _domainSeparator(block.chainid, address(registry)), structHash));
    }

    function _consentDigest(uint32 manufacturer) internal view returns (bytes32) {
        return _digest(keccak256(abi.encode(keccak256("KeyConsent(uint32 manufacturer)"), manufacturer)));
    }

    function _anchorDigest(bytes32 seal, uint256 deadline) internal view returns (bytes32) {
        return _digest(keccak256(abi.encode(keccak256("Anchor(bytes32 seal,uint256 deadline)"), seal, deadline)));
    }

    function _consent(uint256 secret, uint32 manufacturer) internal view returns (bytes memory) {
        return _sign(secret, _consentDigest(manufacturer));
    }

    /// @dev 65 bytes: r, s, v.
    function _sign(uint256 secret, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(secret, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev 64 bytes: r, and s with the parity in its top bit (EIP-2098).
    function _signCompact(uint256 secret, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(secret, digest);
        return abi.encodePacked(r, bytes32(uint256(s) | (uint256(v - 27) << 255)));
    }

    /// @dev The other signature that plain ecrecover would accept: s mirrored, parity flipped.
    function _signHighS(uint256 secret, bytes32 digest) internal pure returns (bytes memory) {
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(secret, digest);
        return abi.encodePacked(r, bytes32(order - uint256(s)), v == 27 ? uint8(28) : uint8(27));
    }

    // -------------------------------------------------------------------------------------------------------- small things

    function _word(uint32 word, uint256 mask) internal pure returns (IProvenanceRegistry.Word[] memory words) {
        words = new IProvenanceRegistry.Word[](1);
        words[0] = IProvenanceRegistry.Word(word, mask);
    }

    function _batch(bytes32 seal) internal view returns (IProvenanceRegistry.Batch memory) {
        return registry.status(KESTREL, seal, address(0)).batch;
    }

    function _bound(uint256 value, uint256 least, uint256 most) internal pure returns (uint256) {
        return least + value % (most - least + 1);
    }
}

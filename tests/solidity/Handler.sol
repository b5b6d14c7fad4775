// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IProvenanceRegistry, ProvenanceRegistry, RegistryTest} from "./RegistryTest.sol";

/// @title Handler
/// @notice Anybody tries anything, in any order: the right person most of the time, so that much succeeds.
/// @dev It keeps its own account of what happened, from the specification alone: who owns which key, who anchored what and when,
/// what was withdrawn, who has which role. `InvariantsTest` compares that with what the contract says.
contract Handler is RegistryTest {
    struct Relay {
        bytes32 seal;
        uint256 deadline;
        bytes signature;
        bool used;
    }

    struct Anchored {
        address by;
        uint40 time;
        uint40 height;
    }

    struct Place {
        uint32 manufacturer;
        bytes32 seal;
        IProvenanceRegistry.Reason reason;
        uint32 word;
    }

    uint32 public constant MANUFACTURERS = 4;
    uint32 public constant SEALS = 3;
    uint32 public constant WORDS = 2;
    uint8 public constant REASONS = 2;
    uint256 public constant SECRETS = 6;

    address[] private _people;
    bytes32[4] public roles;

    // What happened.
    mapping(uint32 manufacturer => address) public controllerOf;
    mapping(uint32 manufacturer => address) public successorOf;
    mapping(uint32 manufacturer => uint32) public batchesOf;
    mapping(address key => uint32) public manufacturerOf;
    mapping(uint32 manufacturer => mapping(bytes32 seal => Anchored)) private _anchors;
    mapping(bytes32 bitmap => uint256) private _withdrawn;
    mapping(bytes32 role => mapping(address => bool)) private _has;
    address public nextGovernance;
    Relay[] private _relays;
    Place[] private _places;

    // What must never happen.
    bool public addressTakenWithoutConsent;
    bool public foreignKeyAnchored;
    bool public anchoredTwice;
    bool public alteredRelayAccepted;
    bool public withdrawnByForeigner;
    bool public annulledByForeigner;
    bool public roleGivenByForeigner;

    constructor(ProvenanceRegistry registry_) {
        registry = registry_;
        roles = [bytes32(0), registry.ACCREDITOR_ROLE(), registry.WITNESS_ROLE(), registry.INSPECTOR_ROLE()];
        _people = [GOVERNANCE, ACCREDITOR, WITNESS, INSPECTOR, CONTROLLER, OTHER_CONTROLLER, STRANGER];
        for (uint256 secret = 1; secret <= SECRETS; ++secret) {
            _people.push(vm.addr(secret));
        }
        _has[roles[0]][GOVERNANCE] = true;
        _has[roles[1]][ACCREDITOR] = true;
        _has[roles[2]][WITNESS] = true;
        _has[roles[3]][INSPECTOR] = true;
    }

    /// @dev The registry is the test's.
    function setUp() public override {}

    // ----------------------------------------------------------------------------------------------------- the alliance

    function accredit(uint256 by, uint256 number, uint256 controllerSeed) external {
        uint32 manufacturer = uint32(number % (MANUFACTURERS + 1));
        address controller = _person(controllerSeed);
        vm.prank(_caller(by, ACCREDITOR));
        try registry.accredit(manufacturer, controller, PROFILE, "https://example.org/profile.json") {
            controllerOf[manufacturer] = controller;
        } catch {}
    }

    function suspendOrReinstate(uint256 by, uint256 number, bool suspend) external {
        uint32 manufacturer = _manufacturer(number);
        vm.prank(_caller(by, ACCREDITOR));
        if (suspend && number % 5 == 0) try registry.suspend(manufacturer, "because") {} catch {}
        else try registry.reinstate(manufacturer, "because") {} catch {}
    }

    function freeze(uint256 by, uint256 number, uint256 frozen) external {
        vm.prank(_caller(by, ACCREDITOR));
        try registry.setControllerFrozen(_manufacturer(number), frozen % 5 == 0) {} catch {}
    }

    function proposeController(uint256 by, uint256 number, uint256 successor) external {
        uint32 manufacturer = _manufacturer(number);
        address controller = _person(successor);
        vm.prank(_caller(by, ACCREDITOR));
        try registry.proposeController(manufacturer, controller) {
            successorOf[manufacturer] = controller;
        } catch {}
    }

    function completeReplacement(uint256 by, uint256 number) external {
        uint32 manufacturer = _manufacturer(number);
        vm.prank(_caller(by, ACCREDITOR));
        try registry.completeControllerReplacement(manufacturer) {
            controllerOf[manufacturer] = successorOf[manufacturer];
        } catch {}
    }

    // ------------------------------------------------------------------------------------------------------ controllers

    function addKey(uint256 by, uint256 number, uint256 secretSeed, uint256 signerSeed, uint256 permissions) external {
        uint32 manufacturer = _manufacturer(number);
        uint256 secret = 1 + secretSeed % SECRETS;
        uint256 signer = signerSeed % 4 == 0 ? 1 + signerSeed / 4 % SECRETS : secret;
        bytes memory consent = _consent(signer, signerSeed % 7 == 0 ? _manufacturer(signerSeed / 7) : manufacturer);
        address added = vm.addr(secret);
        uint8 allowed = permissions % 4 == 0 ? uint8(permissions / 4 % 4) : ALL;
        vm.prank(_caller(by, controllerOf[manufacturer]));
        try registry.addKey(manufacturer, added, allowed, 0, FOREVER, consent) {
            if (signer != secret) addressTakenWithoutConsent = true;
            if (manufacturerOf[added] == 0) manufacturerOf[added] = manufacturer;
        } catch {}
    }

    function revokeKey(uint256 by, uint256 secretSeed) external {
        address revoked = _key(secretSeed);
        if (by % 8 != 0) return;
        vm.prank(_caller(by / 8, controllerOf[manufacturerOf[revoked]]));
        try registry.revokeKey(revoked) {} catch {}
    }

    function compromise(uint256 by, uint256 secretSeed, uint256 since) external {
        address compromised = _key(secretSeed);
        if (by % 8 != 0) return;
        vm.prank(_caller(by / 8, controllerOf[manufacturerOf[compromised]]));
        try registry.setCompromisedSince(compromised, uint40(_bound(since, START, block.timestamp)), "lost") {} catch {}
    }

    function endorse(uint256 by, uint256 number, uint256 sealSeed, uint256 secretSeed) external {
        uint32 manufacturer = _manufacturer(number);
        address compromised = _key(secretSeed);
        vm.prank(_caller(by, controllerOf[manufacturer]));
        try registry.endorse(manufacturer, sealOf(sealSeed), compromised) {} catch {}
    }

    // -------------------------------------------------------------------------------------------------------- anchoring

    function anchor(uint256 by, uint256 secretSeed, uint256 sealSeed) external {
        address caller = _caller(by, _key(secretSeed));
        bytes32 seal = sealOf(sealSeed);
        vm.prank(caller);
        try registry.anchor(seal) {
            _anchoredBy(caller, seal);
        } catch {}
    }

    function anchorSigned(uint256 by, uint256 secretSeed, uint256 sealSeed, uint256 deadlineSeed) external {
        uint256 secret = 1 + secretSeed % SECRETS;
        Relay memory relay;
        relay.seal = sealOf(sealSeed);
        relay.deadline = _bound(deadlineSeed, block.timestamp, block.timestamp + 1 weeks);
        bytes32 digest = _anchorDigest(relay.seal, relay.deadline);
        relay.signature = deadlineSeed % 2 == 0 ? _sign(secret, digest) : _signCompact(secret, digest);
        vm.prank(_caller(by, STRANGER));
        try registry.anchorSigned(relay.seal, relay.deadline, relay.signature) {
            _anchoredBy(vm.addr(secret), relay.seal);
            relay.used = true;
        } catch {}
        _relays.push(relay);
    }

    function replayRelay(uint256 by, uint256 which) external {
        if (_relays.length == 0) return;
        Relay memory relay = _relays[which % _relays.length];
        if (!relay.used) return;
        vm.prank(_caller(by, STRANGER));
        try registry.anchorSigned(relay.seal, relay.deadline, relay.signature) {
            anchoredTwice = true;
        } catch {}
    }

    function alterRelay(uint256 by, uint256 which, uint256 change) external {
        if (_relays.length == 0) return;
        Relay memory relay = _relays[which % _relays.length];
        if (change % 3 == 0) relay.seal = keccak256(abi.encode(relay.seal));
        else if (change % 3 == 1) relay.deadline += 1 + change % 1 weeks;
        else relay.signature[change % 64] ^= 0x01;
        vm.prank(_caller(by, STRANGER));
        try registry.anchorSigned(relay.seal, relay.deadline, relay.signature) {
            alteredRelayAccepted = true;
        } catch {}
    }

    // ----------------------------------------------------------------------------------------------------- withdrawing

    function withdrawUnits(uint256 by, uint256 secretSeed, uint256 placeSeed, uint256 mask) external {
        address caller = _caller(by, _key(secretSeed));
        Place memory place = _place(placeSeed, manufacturerOf[caller]);
        vm.prank(caller);
        try registry.withdrawUnits(place.seal, place.reason, _word(place.word, mask)) {
            if (place.manufacturer == 0) withdrawnByForeigner = true;
            _withdrawn[keccak256(abi.encode(place))] |= mask;
            _places.push(place);
        } catch {}
    }

    function annulUnits(uint256 by, uint256 which, uint256 mask) external {
        if (_places.length == 0) return;
        Place memory place = _places[which % _places.length];
        bytes32 bitmap = keccak256(abi.encode(place));
        if (mask % 4 != 0) mask &= _withdrawn[bitmap];
        address caller = _caller(by, controllerOf[place.manufacturer]);
        vm.prank(caller);
        try registry.annulUnitsWithdrawal(
            place.manufacturer, place.seal, place.reason, _word(place.word, mask), "a mistake"
        ) {
            if (caller != controllerOf[place.manufacturer]) annulledByForeigner = true;
            else _withdrawn[bitmap] &= ~mask;
        } catch {}
    }

    function withdrawOrAnnulBatch(uint256 by, uint256 secretSeed, uint256 sealSeed, uint256 reasonSeed) external {
        bytes32 seal = sealOf(sealSeed);
        address withdrawer = _key(secretSeed);
        if (reasonSeed % 2 == 0) {
            vm.prank(_caller(by, withdrawer));
            try registry.withdrawBatch(seal, IProvenanceRegistry.Reason(1 + reasonSeed / 2 % 5)) {} catch {}
        } else {
            uint32 manufacturer = _manufacturer(secretSeed);
            vm.prank(_caller(by, controllerOf[manufacturer]));
            try registry.annulBatchWithdrawal(manufacturer, seal, "a mistake") {} catch {}
        }
    }

    function attest(uint256 by, uint256 number, uint256 sealSeed) external {
        vm.prank(_caller(by, WITNESS));
        try registry.attest(_manufacturer(number), sealOf(sealSeed)) {} catch {}
    }

    // ------------------------------------------------------------------------------------------------------------ roles

    function grantRole(uint256 by, uint256 roleSeed, uint256 accountSeed) external {
        (bytes32 role, address caller, address account) = _rolePlay(by, roleSeed, accountSeed);
        vm.prank(caller);
        try registry.grantRole(role, account) {
            if (role == 0 || !_has[_adminOf(role)][caller]) roleGivenByForeigner = true;
            else _has[role][account] = true;
        } catch {}
    }

    function revokeRole(uint256 by, uint256 roleSeed, uint256 accountSeed) external {
        (bytes32 role, address caller, address account) = _rolePlay(by, roleSeed, accountSeed);
        vm.prank(caller);
        try registry.revokeRole(role, account) {
            if (role == 0 || !_has[_adminOf(role)][caller]) roleGivenByForeigner = true;
            else _has[role][account] = false;
        } catch {}
    }

    function beginHandingOver(uint256 by, uint256 accountSeed) external {
        address caller = _caller(by, registry.defaultAdmin());
        address account = _person(accountSeed);
        vm.prank(caller);
        try registry.beginDefaultAdminTransfer(account) {
            if (!_has[0][caller]) roleGivenByForeigner = true;
            else nextGovernance = account;
        } catch {}
    }

    function takeOver(uint256 by) external {
        address caller = _caller(by, nextGovernance);
        address previous = registry.defaultAdmin();
        vm.prank(caller);
        try registry.acceptDefaultAdminTransfer() {
            if (caller != nextGovernance) roleGivenByForeigner = true;
            else (_has[0][previous], _has[0][caller]) = (false, true);
        } catch {}
    }

    // ------------------------------------------------------------------------------------------------------------- time

    function pass(uint256 time) external {
        vm.warp(block.timestamp + _bound(time, 1, 1 days));
        vm.roll(block.number + 1);
    }

    // ---------------------------------------------------------------------------------------------------- the account

    function sealOf(uint256 seed) public pure returns (bytes32) {
        return keccak256(abi.encode("seal", seed % SEALS));
    }

    function anchorOf(uint32 manufacturer, bytes32 seal) external view returns (Anchored memory) {
        return _anchors[manufacturer][seal];
    }

    /// @dev Word by word for each reason.
    function withdrawnWords(uint32 manufacturer, bytes32 seal) external view returns (uint256[] memory words) {
        words = new uint256[](REASONS * WORDS);
        for (uint32 i = 0; i < words.length; ++i) {
            IProvenanceRegistry.Reason reason = IProvenanceRegistry.Reason(1 + i / WORDS);
            words[i] = _withdrawn[keccak256(abi.encode(Place(manufacturer, seal, reason, i % WORDS)))];
        }
    }

    function everybody() external view returns (address[] memory) {
        return _people;
    }

    function rolesOf(address person) external view returns (bool[4] memory held) {
        for (uint256 i = 0; i < roles.length; ++i) {
            held[i] = _has[roles[i]][person];
        }
    }

    function _anchoredBy(address who, bytes32 seal) private {
        uint32 manufacturer = manufacturerOf[who];
        if (manufacturer == 0) foreignKeyAnchored = true;
        if (_anchors[manufacturer][seal].by != address(0)) anchoredTwice = true;
        else _anchors[manufacturer][seal] = Anchored(who, uint40(block.timestamp), uint40(block.number));
        ++batchesOf[manufacturer];
    }

    /// @dev Half of the time a place where units were withdrawn before.
    function _place(uint256 seed, uint32 manufacturer) private view returns (Place memory place) {
        if (seed % 2 == 0 && _places.length != 0) place = _places[seed / 2 % _places.length];
        else place = Place(0, sealOf(seed / 2), IProvenanceRegistry.Reason(1 + seed / 6 % REASONS), uint32(seed / 12 % WORDS));
        place.manufacturer = manufacturer;
    }

    /// @dev Two times of three the right caller, otherwise anybody.
    function _caller(uint256 seed, address right) private view returns (address) {
        return seed % 3 == 0 ? _person(seed / 3) : right;
    }

    function _person(uint256 seed) private view returns (address) {
        return _people[seed % _people.length];
    }

    function _key(uint256 seed) private pure returns (address) {
        return vm.addr(1 + seed % SECRETS);
    }

    function _manufacturer(uint256 seed) private pure returns (uint32) {
        return uint32(1 + seed % MANUFACTURERS);
    }

    function _adminOf(bytes32 role) private view returns (bytes32) {
        return role == roles[3] ? roles[1] : roles[0];
    }

    function _rolePlay(uint256 by, uint256 roleSeed, uint256 accountSeed)
        private
        view
        returns (bytes32 role, address caller, address account)
    {
        role = roles[roleSeed % roles.length];
        // One time of three another official, who is the likeliest to have a power too many.
        caller = by % 3 == 1 ? _people[by / 3 % 4] : _caller(by, role == roles[3] ? ACCREDITOR : registry.defaultAdmin());
        account = _person(accountSeed);
    }
}

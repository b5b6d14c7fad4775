// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IProvenanceRegistry} from "./IProvenanceRegistry.sol";
import {UnitLeaf} from "./libraries/UnitLeaf.sol";

/// @title ProvenanceRegistry
/// @notice State and logic of the registry; `IProvenanceRegistry` says what each function guarantees.
/// @dev Not upgradable. It holds no funds and calls no other contract. The default admin of OpenZeppelin's AccessControl is
/// the registry's governance.
contract ProvenanceRegistry is IProvenanceRegistry, AccessControlDefaultAdminRules, EIP712 {
    /// @dev A `Manufacturer` as it is kept: what an anchor reads and counts shares one slot, which is never zero.
    struct Account {
        address controller;
        uint40 suspendedAt;
        uint32 batchCount;
        bool controllerFrozen;
        address pendingController;
        uint40 pendingControllerAt;
        uint40 accreditedAt;
    }

    /// @dev A hash that an inspector recorded.
    struct HashRecord {
        address inspector;
        RecordKind kind;
        uint40 recordedAt;
    }

    /// @notice The alliance: accredits manufacturers and inspectors. Appointed by governance.
    bytes32 public constant ACCREDITOR_ROLE = keccak256("ACCREDITOR_ROLE");

    /// @notice Replays whole trees and attests them. Appointed by governance.
    bytes32 public constant WITNESS_ROLE = keccak256("WITNESS_ROLE");

    /// @notice Records the hashes of cases and journals. Appointed by accreditors.
    bytes32 public constant INSPECTOR_ROLE = keccak256("INSPECTOR_ROLE");

    /// @notice What a key signs to say that it belongs to a manufacturer.
    bytes32 public constant KEY_CONSENT_TYPEHASH = keccak256("KeyConsent(uint32 manufacturer)");

    /// @notice What a key signs to let anyone anchor a seal for it.
    bytes32 public constant ANCHOR_TYPEHASH = keccak256("Anchor(bytes32 seal,uint256 deadline)");

    // Bits of `Key.permissions`.
    uint8 private constant MAY_ANCHOR = 1;
    uint8 private constant MAY_WITHDRAW = 2;

    /// @inheritdoc IProvenanceRegistry
    bytes32 public immutable override registryId;

    /// @inheritdoc IProvenanceRegistry
    uint40 public immutable override controllerDelay;

    // What the alliance says of a manufacturer.
    mapping(uint32 manufacturer => Account) private _accounts;
    // Its profiles, oldest first.
    mapping(uint32 manufacturer => Profile[]) private _profiles;
    // Never deleted, so that an address is one manufacturer's for ever.
    mapping(address key => Key) private _keys;
    // One slot when anchored, a second one once the batch is attested or withdrawn.
    mapping(uint32 manufacturer => mapping(bytes32 seal => Batch)) private _batches;
    // Bit `i` of a word is the unit of index `256 * word + i`.
    mapping(uint32 manufacturer => mapping(bytes32 seal => mapping(Reason => mapping(uint32 word => uint256)))) private
        _withdrawn;
    // Which witness replayed which tree, and when.
    mapping(uint32 manufacturer => mapping(bytes32 seal => mapping(address witness => uint40))) private _attestedAt;
    // Hashes of cases and journal heads.
    mapping(bytes32 hash => HashRecord) private _hashRecords;
    // The authorities at which labels may point.
    string[] private _verifierDomains;

    /// @notice Founds the registry's contract on this chain; its governance appoints everybody else.
    /// @param registryId_ the registry's constant, the same in every deployment of it
    /// @param governance the first default admin: a Safe or a timelock in production
    /// @param governanceDelay seconds between announcing and accepting another default admin
    /// @param controllerDelay_ seconds between announcing and completing another controller
    constructor(bytes32 registryId_, address governance, uint48 governanceDelay, uint40 controllerDelay_)
        AccessControlDefaultAdminRules(governanceDelay, governance)
        EIP712("Touchstone Registry", "1")
    {
        if (registryId_ == bytes32(0)) revert RegistryInvalidId();
        registryId = registryId_;
        controllerDelay = controllerDelay_;
        _setRoleAdmin(INSPECTOR_ROLE, ACCREDITOR_ROLE);
    }

    // ------------------------------------------------------------------------------------- accreditor: the alliance

    /// @inheritdoc IProvenanceRegistry
    function accredit(uint32 manufacturer, address controller, bytes32 profileHash, string calldata uri)
        external
        onlyRole(ACCREDITOR_ROLE)
    {
        if (manufacturer == 0) revert ManufacturerInvalidNumber(manufacturer);
        Account storage account = _accounts[manufacturer];
        if (account.accreditedAt != 0) revert ManufacturerAlreadyAccredited(manufacturer);
        if (controller == address(0)) revert ControllerInvalid(controller);

        account.controller = controller;
        account.accreditedAt = _now();
        emit ManufacturerAccredited(manufacturer, controller);
        _addProfile(manufacturer, profileHash, uri);
    }

    /// @inheritdoc IProvenanceRegistry
    function updateProfile(uint32 manufacturer, bytes32 profileHash, string calldata uri)
        external
        onlyRole(ACCREDITOR_ROLE)
    {
        _accredited(manufacturer);
        _addProfile(manufacturer, profileHash, uri);
    }

    /// @inheritdoc IProvenanceRegistry
    function suspend(uint32 manufacturer, string calldata reason) external onlyRole(ACCREDITOR_ROLE) {
        Account storage account = _accredited(manufacturer);
        _requireNotSuspended(manufacturer, account);
        _requireText(reason);

        account.suspendedAt = _now();
        emit ManufacturerSuspended(manufacturer, reason);
    }

    /// @inheritdoc IProvenanceRegistry
    function reinstate(uint32 manufacturer, string calldata reason) external onlyRole(ACCREDITOR_ROLE) {
        Account storage account = _accredited(manufacturer);
        if (account.suspendedAt == 0) revert ManufacturerNotSuspended(manufacturer);
        _requireText(reason);

        account.suspendedAt = 0;
        emit ManufacturerReinstated(manufacturer, reason);
    }

    /// @inheritdoc IProvenanceRegistry
    function setControllerFrozen(uint32 manufacturer, bool frozen) external onlyRole(ACCREDITOR_ROLE) {
        Account storage account = _accredited(manufacturer);

        account.controllerFrozen = frozen;
        emit ControllerFrozen(manufacturer, account.controller, frozen);
    }

    /// @inheritdoc IProvenanceRegistry
    function proposeController(uint32 manufacturer, address controller) external onlyRole(ACCREDITOR_ROLE) {
        Account storage account = _accredited(manufacturer);
        if (controller == address(0)) revert ControllerInvalid(controller);

        uint40 effectiveAt = _now() + controllerDelay;
        account.pendingController = controller;
        account.pendingControllerAt = effectiveAt;
        emit ControllerReplacementProposed(manufacturer, controller, effectiveAt);
    }

    /// @inheritdoc IProvenanceRegistry
    function cancelControllerReplacement(uint32 manufacturer) external onlyRole(ACCREDITOR_ROLE) {
        (Account storage account, address pending) = _replacement(manufacturer);

        _clearReplacement(account);
        emit ControllerReplacementCancelled(manufacturer, pending);
    }

    /// @inheritdoc IProvenanceRegistry
    function completeControllerReplacement(uint32 manufacturer) external onlyRole(ACCREDITOR_ROLE) {
        (Account storage account, address pending) = _replacement(manufacturer);
        uint40 effectiveAt = account.pendingControllerAt;
        if (_now() < effectiveAt) revert ControllerReplacementTooEarly(manufacturer, effectiveAt, _now());

        address previous = account.controller;
        account.controller = pending;
        account.controllerFrozen = false;
        _clearReplacement(account);
        emit ControllerReplaced(manufacturer, previous, pending);
    }

    /// @inheritdoc IProvenanceRegistry
    function setVerifierDomains(string[] calldata domains) external onlyRole(ACCREDITOR_ROLE) {
        if (domains.length == 0) revert DomainsEmpty();

        delete _verifierDomains;
        for (uint256 i = 0; i < domains.length; ++i) {
            if (bytes(domains[i]).length == 0) revert DomainsEmpty();
            _verifierDomains.push(domains[i]);
        }
        emit VerifierDomainsSet(domains);
    }

    // ---------------------------------------------------------------------------------------------------- controller

    /// @inheritdoc IProvenanceRegistry
    function addKey(
        uint32 manufacturer,
        address key,
        uint8 permissions,
        uint40 notBefore,
        uint40 notAfter,
        bytes calldata consent
    ) external {
        _requireActiveController(manufacturer);
        if (key == address(0)) revert KeyInvalid(key);
        if (_keys[key].manufacturer != 0) revert KeyAlreadyKnown(key, _keys[key].manufacturer);
        if (permissions > (MAY_ANCHOR | MAY_WITHDRAW)) revert KeyPermissionsInvalid(permissions);
        if (notBefore == 0) notBefore = _now();
        if (notBefore < _now() || notAfter < notBefore) revert KeyWindowInvalid(notBefore, notAfter, _now());
        address recovered = _recover(keccak256(abi.encode(KEY_CONSENT_TYPEHASH, manufacturer)), consent);
        if (recovered != key) revert KeyConsentInvalid(key, recovered);

        _keys[key] = Key({
            manufacturer: manufacturer,
            permissions: permissions,
            notBefore: notBefore,
            notAfter: notAfter,
            revokedAt: 0,
            compromisedSince: 0
        });
        emit KeyAdded(manufacturer, key, permissions, notBefore, notAfter);
    }

    /// @inheritdoc IProvenanceRegistry
    function revokeKey(address key) external {
        Key storage record = _ownKey(key);
        if (record.revokedAt != 0) revert KeyIsRevoked(key, record.revokedAt);

        record.revokedAt = _now();
        emit KeyRevoked(record.manufacturer, key);
    }

    /// @inheritdoc IProvenanceRegistry
    function setCompromisedSince(address key, uint40 since, string calldata reason) external {
        Key storage record = _ownKey(key);
        uint40 current = record.compromisedSince == 0 ? _now() + 1 : record.compromisedSince;
        if (since == 0 || since >= current) revert KeyCompromiseOnlyEarlier(key, record.compromisedSince, since);
        _requireText(reason);

        record.compromisedSince = since;
        emit KeyCompromised(record.manufacturer, key, since, reason);
    }

    /// @inheritdoc IProvenanceRegistry
    function endorse(uint32 manufacturer, bytes32 seal, address key) external {
        _requireActiveController(manufacturer);
        Batch storage batch = _anchored(manufacturer, seal);
        Key storage record = _keys[key];
        if (record.manufacturer != manufacturer) {
            revert KeyOfAnotherManufacturer(key, record.manufacturer, manufacturer);
        }
        if (record.compromisedSince == 0) revert KeyNotCompromised(key);
        if (batch.anchoredAt < record.compromisedSince) {
            revert BatchNotAffected(manufacturer, seal, batch.anchoredAt, record.compromisedSince);
        }
        if (batch.endorsed) revert BatchAlreadyEndorsed(manufacturer, seal);

        batch.endorsed = true;
        emit BatchEndorsed(manufacturer, seal, key);
    }

    /// @inheritdoc IProvenanceRegistry
    function annulBatchWithdrawal(uint32 manufacturer, bytes32 seal, string calldata why) external {
        _requireActiveController(manufacturer);
        Batch storage batch = _batches[manufacturer][seal];
        Reason reason = batch.withdrawnFor;
        if (reason == Reason.None) revert BatchNotWithdrawn(manufacturer, seal);
        _requireText(why);

        batch.withdrawnFor = Reason.None;
        batch.withdrawnBy = address(0);
        batch.withdrawnAt = 0;
        emit BatchWithdrawalAnnulled(manufacturer, seal, reason, why);
    }

    /// @inheritdoc IProvenanceRegistry
    function annulUnitsWithdrawal(
        uint32 manufacturer,
        bytes32 seal,
        Reason reason,
        Word[] calldata words,
        string calldata why
    ) external {
        _requireActiveController(manufacturer);
        _requireText(why);
        _requireUnits(reason, words);

        mapping(uint32 word => uint256) storage withdrawn = _withdrawn[manufacturer][seal][reason];
        for (uint256 i = 0; i < words.length; ++i) {
            (uint32 word, uint256 mask) = (words[i].word, words[i].mask);
            if ((withdrawn[word] & mask) != mask) revert WithdrawalNotSet(word, mask);
            withdrawn[word] &= ~mask;
            emit UnitsWithdrawalAnnulled(manufacturer, seal, reason, word, mask, why);
        }
    }

    // ----------------------------------------------------------------------------------------------------------- key

    /// @inheritdoc IProvenanceRegistry
    function anchor(bytes32 seal) external {
        _anchor(msg.sender, seal);
    }

    /// @inheritdoc IProvenanceRegistry
    function anchorSigned(bytes32 seal, uint256 deadline, bytes calldata signature) external {
        if (block.timestamp > deadline) revert RelayExpired(deadline, block.timestamp);
        _anchor(_recover(keccak256(abi.encode(ANCHOR_TYPEHASH, seal, deadline)), signature), seal);
    }

    /// @inheritdoc IProvenanceRegistry
    function withdrawBatch(bytes32 seal, Reason reason) external {
        uint32 manufacturer = _withdrawerOf(msg.sender);
        Batch storage batch = _anchored(manufacturer, seal);
        if (reason == Reason.None) revert WithdrawalInvalidReason(uint8(reason));
        if (batch.withdrawnFor != Reason.None) revert BatchAlreadyWithdrawn(manufacturer, seal, uint8(batch.withdrawnFor));

        batch.withdrawnFor = reason;
        batch.withdrawnBy = msg.sender;
        batch.withdrawnAt = _now();
        emit BatchWithdrawn(manufacturer, seal, msg.sender, reason);
    }

    /// @inheritdoc IProvenanceRegistry
    function withdrawUnits(bytes32 seal, Reason reason, Word[] calldata words) external {
        uint32 manufacturer = _withdrawerOf(msg.sender);
        Batch storage batch = _anchored(manufacturer, seal);
        _requireUnits(reason, words);

        if ((batch.unitReasons & _bit(reason)) == 0) batch.unitReasons |= _bit(reason);
        mapping(uint32 word => uint256) storage withdrawn = _withdrawn[manufacturer][seal][reason];
        for (uint256 i = 0; i < words.length; ++i) {
            withdrawn[words[i].word] |= words[i].mask;
            emit UnitsWithdrawn(manufacturer, seal, msg.sender, reason, words[i].word, words[i].mask);
        }
    }

    // ------------------------------------------------------------------------------------------- witness, inspector

    /// @inheritdoc IProvenanceRegistry
    function attest(uint32 manufacturer, bytes32 seal) external onlyRole(WITNESS_ROLE) {
        Batch storage batch = _anchored(manufacturer, seal);
        if (_attestedAt[manufacturer][seal][msg.sender] != 0) {
            revert BatchAlreadyAttested(manufacturer, seal, msg.sender);
        }

        _attestedAt[manufacturer][seal][msg.sender] = _now();
        if (batch.attestations != type(uint8).max) ++batch.attestations;
        emit BatchAttested(manufacturer, seal, msg.sender);
    }

    /// @inheritdoc IProvenanceRegistry
    function recordHash(RecordKind kind, bytes32 hash) external onlyRole(INSPECTOR_ROLE) {
        if (hash == bytes32(0)) revert HashInvalid();
        if (_hashRecords[hash].recordedAt != 0) revert HashAlreadyRecorded(hash, _hashRecords[hash].inspector);

        _hashRecords[hash] = HashRecord({inspector: msg.sender, kind: kind, recordedAt: _now()});
        emit HashRecorded(msg.sender, kind, hash);
    }

    // --------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IProvenanceRegistry
    function status(uint32 manufacturer, bytes32 seal, address signer) external view returns (Status memory) {
        Batch memory batch = _batches[manufacturer][seal];
        return Status({
            batch: batch,
            manufacturer: manufacturerOf(manufacturer),
            anchorKey: _keys[batch.anchoredBy],
            signerKey: _keys[signer],
            withdrawalKey: _keys[batch.withdrawnBy],
            profileHash: _profileHashAt(manufacturer, batch.anchoredAt == 0 ? _now() : batch.anchoredAt)
        });
    }

    /// @inheritdoc IProvenanceRegistry
    function unitWithdrawals(uint32 manufacturer, bytes32 seal, uint32 index) external view returns (uint8 reasons) {
        uint8 everUsed = _batches[manufacturer][seal].unitReasons;
        for (uint8 i = uint8(Reason.None) + 1; i <= uint8(type(Reason).max); ++i) {
            Reason reason = Reason(i);
            if ((everUsed & _bit(reason)) == 0) continue;
            uint256 mask = _withdrawn[manufacturer][seal][reason][index / 256];
            if (((mask >> (index % 256)) & 1) == 1) reasons |= _bit(reason);
        }
    }

    /// @inheritdoc IProvenanceRegistry
    function withdrawnWord(uint32 manufacturer, bytes32 seal, Reason reason, uint32 word)
        external
        view
        returns (uint256)
    {
        return _withdrawn[manufacturer][seal][reason][word];
    }

    /// @inheritdoc IProvenanceRegistry
    function manufacturerOf(uint32 manufacturer) public view returns (Manufacturer memory) {
        Account storage account = _accounts[manufacturer];
        return Manufacturer({
            controller: account.controller,
            accreditedAt: account.accreditedAt,
            suspendedAt: account.suspendedAt,
            batchCount: account.batchCount,
            controllerFrozen: account.controllerFrozen,
            pendingController: account.pendingController,
            pendingControllerAt: account.pendingControllerAt
        });
    }

    /// @inheritdoc IProvenanceRegistry
    function keyOf(address key) external view returns (Key memory) {
        return _keys[key];
    }

    /// @inheritdoc IProvenanceRegistry
    function profilesOf(uint32 manufacturer) external view returns (Profile[] memory) {
        return _profiles[manufacturer];
    }

    /// @inheritdoc IProvenanceRegistry
    function verifierDomains() external view returns (string[] memory) {
        return _verifierDomains;
    }

    /// @inheritdoc IProvenanceRegistry
    function attestedAt(uint32 manufacturer, bytes32 seal, address witness) external view returns (uint40) {
        return _attestedAt[manufacturer][seal][witness];
    }

    /// @inheritdoc IProvenanceRegistry
    function recordedHash(bytes32 hash) external view returns (address inspector, RecordKind kind, uint40 recordedAt) {
        HashRecord storage record = _hashRecords[hash];
        return (record.inspector, record.kind, record.recordedAt);
    }

    /// @inheritdoc IProvenanceRegistry
    function verifyPresence(uint32 manufacturer, Opening calldata opening, ProvenRow calldata proven)
        external
        view
        returns (bool)
    {
        return _isAnchored(manufacturer, UnitLeaf.seal(opening)) && UnitLeaf.isPresent(opening, proven);
    }

    /// @inheritdoc IProvenanceRegistry
    function verifyAbsence(
        uint32 manufacturer,
        Opening calldata opening,
        bytes32 unitKey,
        ProvenRow[] calldata neighbours
    ) external view returns (bool) {
        return _isAnchored(manufacturer, UnitLeaf.seal(opening)) && UnitLeaf.isAbsent(opening, unitKey, neighbours);
    }

    // ------------------------------------------------------------------------------------------------ what is changed

    function _anchor(address key, bytes32 seal) private {
        Key memory record = _usable(key);
        if ((record.permissions & MAY_ANCHOR) == 0) revert KeyMayNotAnchor(key);
        uint32 manufacturer = record.manufacturer;
        Account storage account = _accounts[manufacturer];
        _requireNotSuspended(manufacturer, account);
        if (seal == bytes32(0)) revert BatchInvalidSeal();
        Batch storage batch = _batches[manufacturer][seal];
        if (batch.anchoredBy != address(0)) revert BatchAlreadyAnchored(manufacturer, seal, batch.anchoredAt);

        batch.anchoredBy = key;
        batch.anchoredAt = _now();
        batch.anchoredBlock = uint40(block.number);
        emit BatchAnchored(manufacturer, seal, key, ++account.batchCount);
    }

    function _addProfile(uint32 manufacturer, bytes32 profileHash, string calldata uri) private {
        if (profileHash == bytes32(0) || bytes(uri).length == 0) revert ProfileEmpty(manufacturer);
        _profiles[manufacturer].push(Profile({profileHash: profileHash, since: _now(), uri: uri}));
        emit ProfileUpdated(manufacturer, profileHash, uri);
    }

    function _clearReplacement(Account storage account) private {
        account.pendingController = address(0);
        account.pendingControllerAt = 0;
    }

    // ------------------------------------------------------------------------------------------------ what is required

    function _accredited(uint32 manufacturer) private view returns (Account storage account) {
        account = _accounts[manufacturer];
        if (account.accreditedAt == 0) revert ManufacturerUnknown(manufacturer);
    }

    function _replacement(uint32 manufacturer) private view returns (Account storage account, address pending) {
        account = _accredited(manufacturer);
        pending = account.pendingController;
        if (pending == address(0)) revert ControllerNoReplacement(manufacturer);
    }

    function _requireNotSuspended(uint32 manufacturer, Account storage account) private view {
        if (account.suspendedAt != 0) revert ManufacturerIsSuspended(manufacturer, account.suspendedAt);
    }

    /// @dev May always take trust away: revoke a key, say that it is compromised.
    function _requireController(uint32 manufacturer) private view {
        Account storage account = _accounts[manufacturer];
        if (msg.sender != account.controller) revert ControllerUnauthorized(manufacturer, msg.sender);
        if (account.controllerFrozen) revert ControllerIsFrozen(manufacturer, msg.sender);
    }

    /// @dev May add trust (a key, an endorsement, an annulment), which a suspended manufacturer may not.
    function _requireActiveController(uint32 manufacturer) private view {
        _requireController(manufacturer);
        _requireNotSuspended(manufacturer, _accounts[manufacturer]);
    }

    /// @dev A key whose controller is calling.
    function _ownKey(address key) private view returns (Key storage record) {
        record = _keys[key];
        if (record.manufacturer == 0) revert KeyUnknown(key);
        _requireController(record.manufacturer);
    }

    /// @dev A key that may act now. Nothing a key does counts once it is known to be compromised, from whenever on.
    function _usable(address key) private view returns (Key memory record) {
        record = _keys[key];
        if (record.manufacturer == 0) revert KeyUnknown(key);
        if (record.revokedAt != 0) revert KeyIsRevoked(key, record.revokedAt);
        if (record.compromisedSince != 0) revert KeyIsCompromised(key, record.compromisedSince);
        if (_now() < record.notBefore || _now() > record.notAfter) {
            revert KeyOutsideWindow(key, record.notBefore, record.notAfter, _now());
        }
    }

    /// @dev The manufacturer for which a key may withdraw: also a suspended one, for a recall must always be possible.
    function _withdrawerOf(address key) private view returns (uint32 manufacturer) {
        Key memory record = _usable(key);
        if ((record.permissions & MAY_WITHDRAW) == 0) revert KeyMayNotWithdraw(key);
        return record.manufacturer;
    }

    function _anchored(uint32 manufacturer, bytes32 seal) private view returns (Batch storage batch) {
        batch = _batches[manufacturer][seal];
        if (batch.anchoredBy == address(0)) revert BatchNotAnchored(manufacturer, seal);
    }

    function _requireUnits(Reason reason, Word[] calldata words) private pure {
        if (reason == Reason.None) revert WithdrawalInvalidReason(uint8(reason));
        if (words.length == 0) revert WithdrawalEmpty();
        for (uint256 i = 0; i < words.length; ++i) {
            if (words[i].mask == 0) revert WithdrawalEmpty();
        }
    }

    function _requireText(string calldata reason) private pure {
        if (bytes(reason).length == 0) revert ReasonTextEmpty();
    }

    // ------------------------------------------------------------------------------------------------ what is answered

    /// @dev The signer of an EIP-712 message in this contract's domain: 65 bytes (r, s, v) or 64 (EIP-2098), low s only. Zero
    /// for anything else.
    function _recover(bytes32 structHash, bytes calldata signature) private view returns (address signer) {
        (uint8 v, bytes32 r, bytes32 s) = ECDSA.parseCalldata(signature);
        // Whoever asks says what was wrong with the signer; why there is none adds nothing.
        // slither-disable-next-line unused-return
        (signer,,) = ECDSA.tryRecover(_hashTypedDataV4(structHash), v, r, s);
    }

    function _isAnchored(uint32 manufacturer, bytes32 seal) private view returns (bool) {
        return _batches[manufacturer][seal].anchoredBy != address(0);
    }

    /// @dev The last profile version that came into force no later than `time`; zero if there is none.
    function _profileHashAt(uint32 manufacturer, uint40 time) private view returns (bytes32) {
        Profile[] storage profiles = _profiles[manufacturer];
        (uint256 low, uint256 high) = (0, profiles.length);
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (profiles[middle].since <= time) low = middle + 1;
            else high = middle;
        }
        return low == 0 ? bytes32(0) : profiles[low - 1].profileHash;
    }

    /// @dev The bit of a reason in `Batch.unitReasons`.
    function _bit(Reason reason) private pure returns (uint8) {
        return uint8(1 << uint8(reason));
    }

    function _now() private view returns (uint40) {
        return uint40(block.timestamp);
    }
}

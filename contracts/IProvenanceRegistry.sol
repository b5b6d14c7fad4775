// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title IProvenanceRegistry
/// @notice The whole public surface of the registry of sealed batches.
///
/// A manufacturer's key anchors the *seal* of a batch: one hash that commits the batch's Merkle root, its number of units
/// and its manifest. Everything else in this contract says who may do that, and what became of a batch afterwards.
/// The bytes are fixed by `docs/protocol.md`; the words by `docs/glossary.md`.
///
/// Times are Unix seconds of the block. Zero means "never".
interface IProvenanceRegistry {
    // --------------------------------------------------------------------------------------------------------- types

    /// @notice Why units or a whole batch were withdrawn, in order of precedence: where several apply, the first is shown.
    enum Reason {
        None,
        Recalled,
        Stolen,
        Destroyed,
        Void,
        Copied
    }

    /// @notice What an inspector's hash stands for.
    enum RecordKind {
        ClosedCase,
        JournalHead
    }

    /// @notice A manufacturer as the alliance accredited it.
    /// @param controller account that manages the manufacturer's keys
    /// @param accreditedAt when it was accredited; zero if the number is unknown
    /// @param suspendedAt when the current suspension began; zero if there is none
    /// @param batchCount number of batches anchored so far: a listing with fewer omits some
    /// @param controllerFrozen whether the controller may act
    /// @param pendingController the account that replaces the controller, or zero
    /// @param pendingControllerAt when the replacement may take effect
    struct Manufacturer {
        address controller;
        uint40 accreditedAt;
        uint40 suspendedAt;
        uint32 batchCount;
        bool controllerFrozen;
        address pendingController;
        uint40 pendingControllerAt;
    }

    /// @notice One version of a manufacturer's public profile.
    /// @param profileHash keccak256 of the profile's RFC 8785 bytes
    /// @param since when this version came into force
    /// @param uri where the profile can be fetched
    struct Profile {
        bytes32 profileHash;
        uint40 since;
        string uri;
    }

    /// @notice A key: an address that signs units, and with permission anchors or withdraws.
    /// @param manufacturer the number of its manufacturer, for ever; zero if the address is nobody's
    /// @param permissions bit 0 may anchor, bit 1 may withdraw; none: signs units only
    /// @param notBefore first second of its window
    /// @param notAfter last second of its window
    /// @param revokedAt when it was revoked, or zero
    /// @param compromisedSince from when on it may have been in other hands, or zero
    struct Key {
        uint32 manufacturer;
        uint8 permissions;
        uint40 notBefore;
        uint40 notAfter;
        uint40 revokedAt;
        uint40 compromisedSince;
    }

    /// @notice A batch's slot.
    /// @param anchoredBy the key that anchored the seal; zero if it is not anchored
    /// @param anchoredAt the block's time
    /// @param anchoredBlock the block's number
    /// @param endorsed whether the controller endorsed the batch after a compromise
    /// @param unitReasons bit `reason` is set if units were ever withdrawn for that `Reason`
    /// @param attestations number of witnesses that replayed the whole tree
    /// @param withdrawnFor why the whole batch is withdrawn, or `None`
    /// @param withdrawnBy the key that withdrew it
    /// @param withdrawnAt when
    struct Batch {
        address anchoredBy;
        uint40 anchoredAt;
        uint40 anchoredBlock;
        bool endorsed;
        uint8 unitReasons;
        uint8 attestations;
        Reason withdrawnFor;
        address withdrawnBy;
        uint40 withdrawnAt;
    }

    /// @notice Everything batch-wide that a verifier needs, in one answer.
    /// @param batch the batch's slot
    /// @param manufacturer the manufacturer as it stands now
    /// @param anchorKey the key that anchored the batch
    /// @param signerKey the key asked about: the one recovered from a unit's signature
    /// @param withdrawalKey the key that withdrew the whole batch
    /// @param profileHash the profile in force when the batch was anchored; the latest if it is not anchored
    struct Status {
        Batch batch;
        Manufacturer manufacturer;
        Key anchorKey;
        Key signerKey;
        Key withdrawalKey;
        bytes32 profileHash;
    }

    /// @notice What a seal commits: `seal = keccak256(abi.encode(root, unitCount, manifestHash))`.
    struct Opening {
        bytes32 root;
        uint32 unitCount;
        bytes32 manifestHash;
    }

    /// @notice One row of a batch's tree; its leaf is the double keccak256 of its four ABI words.
    struct Row {
        uint32 index;
        bytes32 unitKey;
        bytes32 digest;
        bytes32 attributesHash;
    }

    /// @notice A row with its Merkle path, leaf to root.
    struct ProvenRow {
        Row row;
        bytes32[] proof;
    }

    /// @notice Up to 256 units of a batch: bit `i` of `mask` is the unit of index `256 * word + i`.
    struct Word {
        uint32 word;
        uint256 mask;
    }

    // -------------------------------------------------------------------------------------------------------- events

    event ManufacturerAccredited(uint32 indexed manufacturer, address indexed controller);
    event ManufacturerSuspended(uint32 indexed manufacturer, string reason);
    event ManufacturerReinstated(uint32 indexed manufacturer, string reason);
    event ProfileUpdated(uint32 indexed manufacturer, bytes32 indexed profileHash, string uri);
    event ControllerFrozen(uint32 indexed manufacturer, address indexed controller, bool frozen);
    event ControllerReplacementProposed(uint32 indexed manufacturer, address indexed controller, uint40 effectiveAt);
    event ControllerReplacementCancelled(uint32 indexed manufacturer, address indexed controller);
    event ControllerReplaced(uint32 indexed manufacturer, address indexed previous, address indexed controller);
    event VerifierDomainsSet(string[] domains);

    event KeyAdded(
        uint32 indexed manufacturer, address indexed key, uint8 permissions, uint40 notBefore, uint40 notAfter
    );
    event KeyRevoked(uint32 indexed manufacturer, address indexed key);
    event KeyCompromised(uint32 indexed manufacturer, address indexed key, uint40 since, string reason);

    /// @notice A seal was anchored. `number` counts the manufacturer's batches from 1, so that a gap shows.
    event BatchAnchored(uint32 indexed manufacturer, bytes32 indexed seal, address indexed key, uint32 number);
    event BatchEndorsed(uint32 indexed manufacturer, bytes32 indexed seal, address indexed key);
    event BatchAttested(uint32 indexed manufacturer, bytes32 indexed seal, address indexed witness);
    event BatchWithdrawn(uint32 indexed manufacturer, bytes32 indexed seal, address indexed key, Reason reason);
    event BatchWithdrawalAnnulled(uint32 indexed manufacturer, bytes32 indexed seal, Reason reason, string why);
    event UnitsWithdrawn(
        uint32 indexed manufacturer,
        bytes32 indexed seal,
        address indexed key,
        Reason reason,
        uint32 word,
        uint256 mask
    );
    event UnitsWithdrawalAnnulled(
        uint32 indexed manufacturer, bytes32 indexed seal, Reason reason, uint32 word, uint256 mask, string why
    );
    event HashRecorded(address indexed inspector, RecordKind indexed kind, bytes32 indexed hash);

    // -------------------------------------------------------------------------------------------------------- errors

    error RegistryInvalidId();
    error ManufacturerInvalidNumber(uint32 manufacturer);
    error ManufacturerAlreadyAccredited(uint32 manufacturer);
    error ManufacturerUnknown(uint32 manufacturer);
    error ManufacturerIsSuspended(uint32 manufacturer, uint40 suspendedAt);
    error ManufacturerNotSuspended(uint32 manufacturer);
    error ProfileEmpty(uint32 manufacturer);
    error ControllerInvalid(address controller);
    error ControllerUnauthorized(uint32 manufacturer, address caller);
    error ControllerIsFrozen(uint32 manufacturer, address controller);
    error ControllerNoReplacement(uint32 manufacturer);
    error ControllerReplacementTooEarly(uint32 manufacturer, uint40 effectiveAt, uint40 now_);
    error DomainsEmpty();

    error KeyInvalid(address key);
    error KeyAlreadyKnown(address key, uint32 manufacturer);
    error KeyUnknown(address key);
    error KeyOfAnotherManufacturer(address key, uint32 manufacturer, uint32 expected);
    error KeyConsentInvalid(address key, address recovered);
    error KeyWindowInvalid(uint40 notBefore, uint40 notAfter, uint40 now_);
    error KeyPermissionsInvalid(uint8 permissions);
    error KeyMayNotAnchor(address key);
    error KeyMayNotWithdraw(address key);
    error KeyOutsideWindow(address key, uint40 notBefore, uint40 notAfter, uint40 now_);
    error KeyIsRevoked(address key, uint40 revokedAt);
    error KeyIsCompromised(address key, uint40 compromisedSince);
    error KeyNotCompromised(address key);
    error KeyCompromiseOnlyEarlier(address key, uint40 current, uint40 proposed);
    error ReasonTextEmpty();

    error BatchInvalidSeal();
    error BatchAlreadyAnchored(uint32 manufacturer, bytes32 seal, uint40 anchoredAt);
    error BatchNotAnchored(uint32 manufacturer, bytes32 seal);
    error BatchNotAffected(uint32 manufacturer, bytes32 seal, uint40 anchoredAt, uint40 compromisedSince);
    error BatchAlreadyEndorsed(uint32 manufacturer, bytes32 seal);
    error BatchAlreadyAttested(uint32 manufacturer, bytes32 seal, address witness);
    error BatchAlreadyWithdrawn(uint32 manufacturer, bytes32 seal, Reason reason);
    error BatchNotWithdrawn(uint32 manufacturer, bytes32 seal);
    error RelayExpired(uint256 deadline, uint256 now_);

    error WithdrawalInvalidReason(Reason reason);
    error WithdrawalEmpty();
    error WithdrawalNotSet(uint32 word, uint256 mask);

    error HashAlreadyRecorded(bytes32 hash, address inspector);
    error HashInvalid();

    // ---------------------------------------------------------------------------------------------------- governance

    /// @notice The registry this contract belongs to: the salt of the unit records' EIP-712 domain, the same in every successor.
    function registryId() external view returns (bytes32);

    /// @notice Seconds between proposing and completing the replacement of a controller.
    function controllerDelay() external view returns (uint40);

    // ---------------------------------------------------------------------------------------- accreditor: the alliance

    /// @notice Accredits a manufacturer under a number that it keeps in every contract of this registry.
    /// @param manufacturer its number, from 1
    /// @param controller the account that will manage its keys (a wallet or a Safe)
    /// @param profileHash keccak256 of the profile's RFC 8785 bytes
    /// @param uri where the profile can be fetched
    function accredit(uint32 manufacturer, address controller, bytes32 profileHash, string calldata uri) external;

    /// @notice Puts a new version of a manufacturer's profile in force; earlier versions stay readable.
    function updateProfile(uint32 manufacturer, bytes32 profileHash, string calldata uri) external;

    /// @notice Suspends a manufacturer: it can anchor nothing; what it anchored before stays provable.
    function suspend(uint32 manufacturer, string calldata reason) external;

    /// @notice Ends a suspension.
    function reinstate(uint32 manufacturer, string calldata reason) external;

    /// @notice Stops a controller from acting, or lets it act again.
    function setControllerFrozen(uint32 manufacturer, bool frozen) external;

    /// @notice Announces another controller; it takes over after `controllerDelay()`.
    function proposeController(uint32 manufacturer, address controller) external;

    /// @notice Takes an announcement back.
    function cancelControllerReplacement(uint32 manufacturer) external;

    /// @notice Completes an announced replacement once its delay has passed; the new controller is not frozen.
    function completeControllerReplacement(uint32 manufacturer) external;

    /// @notice Sets the authorities (`host` or `host:port`, lower case) at which labels may point.
    function setVerifierDomains(string[] calldata domains) external;

    // ---------------------------------------------------------------------------------------------------- controller

    /// @notice Adds a key. `consent` is the key's own EIP-712 signature of `KeyConsent(uint32 manufacturer)` in this
    /// contract's domain (name, version, chainId, verifyingContract): nobody can claim somebody else's address.
    /// @param notBefore start of its window, no earlier than this block
    /// @param notAfter end of its window
    /// @param consent 65 bytes (r, s, v) or 64 bytes (EIP-2098)
    function addKey(
        uint32 manufacturer,
        address key,
        uint8 permissions,
        uint40 notBefore,
        uint40 notAfter,
        bytes calldata consent
    ) external;

    /// @notice Revokes a key from now on; it can never be added again.
    function revokeKey(address key) external;

    /// @notice Says from when on a key may have been in other hands. Can only ever be moved earlier.
    function setCompromisedSince(address key, uint40 since, string calldata reason) external;

    /// @notice Endorses a batch that a compromise of `key` put under review: the controller vouches for it.
    function endorse(uint32 manufacturer, bytes32 seal, address key) external;

    /// @notice Annuls the withdrawal of a whole batch that was a mistake.
    function annulBatchWithdrawal(uint32 manufacturer, bytes32 seal, string calldata why) external;

    /// @notice Annuls the withdrawal of units that was a mistake.
    function annulUnitsWithdrawal(
        uint32 manufacturer,
        bytes32 seal,
        Reason reason,
        Word[] calldata words,
        string calldata why
    ) external;

    // ----------------------------------------------------------------------------------------------------------- key

    /// @notice Anchors a seal for the caller's manufacturer.
    function anchor(bytes32 seal) external;

    /// @notice Anchors a seal that a key signed as EIP-712 `Anchor(bytes32 seal,uint256 deadline)` in this contract's domain.
    /// Anyone may relay it; a seal is anchored once, so a signature cannot be used twice.
    function anchorSigned(bytes32 seal, uint256 deadline, bytes calldata signature) external;

    /// @notice Withdraws a whole batch of the caller's manufacturer.
    function withdrawBatch(bytes32 seal, Reason reason) external;

    /// @notice Withdraws units of a batch of the caller's manufacturer.
    function withdrawUnits(bytes32 seal, Reason reason, Word[] calldata words) external;

    // ------------------------------------------------------------------------------------------- witness, inspector

    /// @notice Attests that the caller replayed the batch's whole tree: order, indexes, count, shape and salt.
    function attest(uint32 manufacturer, bytes32 seal) external;

    /// @notice Records the hash of a closed case or of a journal head, once.
    function recordHash(RecordKind kind, bytes32 hash) external;

    // --------------------------------------------------------------------------------------------------------- views

    /// @notice Everything batch-wide about a batch and the key that signed one of its units. Never reverts:
    /// unknown manufacturers, seals and signers come back as zeros.
    function status(uint32 manufacturer, bytes32 seal, address signer) external view returns (Status memory);

    /// @notice The reasons for which one unit is withdrawn: bit `reason` is set for each `Reason`.
    function unitWithdrawals(uint32 manufacturer, bytes32 seal, uint32 index) external view returns (uint8);

    /// @notice One word of a withdrawal bitmap.
    function withdrawnWord(uint32 manufacturer, bytes32 seal, Reason reason, uint32 word)
        external
        view
        returns (uint256);

    /// @notice A manufacturer; all zeros if the number is unknown.
    function manufacturerOf(uint32 manufacturer) external view returns (Manufacturer memory);

    /// @notice A key; all zeros if the address is nobody's.
    function keyOf(address key) external view returns (Key memory);

    /// @notice All versions of a manufacturer's profile, oldest first.
    function profilesOf(uint32 manufacturer) external view returns (Profile[] memory);

    /// @notice The official verifier domains.
    function verifierDomains() external view returns (string[] memory);

    /// @notice When a witness attested a batch, or zero.
    function attestedAt(uint32 manufacturer, bytes32 seal, address witness) external view returns (uint40);

    /// @notice Who recorded a hash, and when; zeros if nobody did.
    function recordedHash(bytes32 hash) external view returns (address inspector, RecordKind kind, uint40 recordedAt);

    /// @notice Whether the row belongs to the batch that this manufacturer anchored under the opening's seal.
    /// @dev False also where the seal is not anchored, the index is not below the count, or the path is longer than the
    /// count allows.
    function verifyPresence(uint32 manufacturer, Opening calldata opening, ProvenRow calldata proven)
        external
        view
        returns (bool);

    /// @notice Whether the rows show that no unit has `unitKey` in that batch: two rows of consecutive indexes whose keys
    /// enclose it, or the first row with a greater key, or the last row with a smaller one.
    /// @dev A path in a tree of sorted pairs does not bind the rank, so this is evidence only for a batch whose whole tree a
    /// witness replayed: see `Batch.attestations`.
    function verifyAbsence(
        uint32 manufacturer,
        Opening calldata opening,
        bytes32 unitKey,
        ProvenRow[] calldata neighbours
    ) external view returns (bool);
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IProvenanceErrors} from "./IProvenanceErrors.sol";

/// @title IProvenanceRegistry
/// @notice The whole public surface of the registry of sealed batches.
///
/// A manufacturer's key anchors the *seal* of a batch: one hash that commits the batch's Merkle root, its number of units
/// and its manifest. Everything else in this contract says who may do that, and what became of a batch afterwards.
/// The bytes are fixed by `docs/protocol.md`; the words by `docs/glossary.md`.
///
/// Who may call what is said by section: governance appoints accreditors and witnesses, accreditors appoint inspectors (roles
/// of OpenZeppelin's AccessControl), the rest follows from who is a manufacturer's controller or key.
///
/// Times are Unix seconds of the block. Zero means "never".
interface IProvenanceRegistry is IProvenanceErrors {
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
    /// @param controllerFrozen whether the controller was stopped from acting
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
    /// @param root root of the batch's tree
    /// @param unitCount number of its rows
    /// @param manifestHash keccak256 of the manifest's RFC 8785 bytes
    struct Opening {
        bytes32 root;
        uint32 unitCount;
        bytes32 manifestHash;
    }

    /// @notice One row of a batch's tree; its leaf is the double keccak256 of its four ABI words.
    /// @param index its rank by unit key, from 0
    /// @param unitKey keccak256 of the batch's salt, the GTIN, 0x1f and the serial
    /// @param digest EIP-712 hash of the unit's record
    /// @param attributesHash hash of the unit's attributes, or zero
    struct Row {
        uint32 index;
        bytes32 unitKey;
        bytes32 digest;
        bytes32 attributesHash;
    }

    /// @notice A row with its Merkle path.
    /// @param row the row
    /// @param proof the siblings from leaf to root
    struct ProvenRow {
        Row row;
        bytes32[] proof;
    }

    /// @notice Up to 256 units of a batch: bit `i` of `mask` is the unit of index `256 * word + i`.
    /// @param word which 256 units
    /// @param mask which of them
    struct Word {
        uint32 word;
        uint256 mask;
    }

    // -------------------------------------------------------------------------------------------------------- events

    /// @notice Emitted when the alliance accredits a manufacturer.
    /// @param manufacturer its number
    /// @param controller the account that manages its keys
    event ManufacturerAccredited(uint32 indexed manufacturer, address indexed controller);

    /// @notice Emitted when a manufacturer is suspended.
    /// @param manufacturer its number
    /// @param reason why, in words
    event ManufacturerSuspended(uint32 indexed manufacturer, string reason);

    /// @notice Emitted when a suspension ends.
    /// @param manufacturer its number
    /// @param reason why, in words
    event ManufacturerReinstated(uint32 indexed manufacturer, string reason);

    /// @notice Emitted when a version of a profile comes into force, the first one with the accreditation.
    /// @param manufacturer its number
    /// @param profileHash keccak256 of the profile's RFC 8785 bytes
    /// @param uri where the profile can be fetched
    event ProfileUpdated(uint32 indexed manufacturer, bytes32 indexed profileHash, string uri);

    /// @notice Emitted when a controller is stopped from acting, or may act again.
    /// @param manufacturer the manufacturer's number
    /// @param controller the controller
    /// @param frozen whether it is stopped
    event ControllerFrozen(uint32 indexed manufacturer, address indexed controller, bool frozen);

    /// @notice Emitted when another controller is announced; it supersedes an earlier announcement.
    /// @param manufacturer the manufacturer's number
    /// @param controller the account that shall take over
    /// @param effectiveAt from when on the replacement can be completed
    event ControllerReplacementProposed(uint32 indexed manufacturer, address indexed controller, uint40 effectiveAt);

    /// @notice Emitted when an announcement is taken back.
    /// @param manufacturer the manufacturer's number
    /// @param controller the account that would have taken over
    event ControllerReplacementCancelled(uint32 indexed manufacturer, address indexed controller);

    /// @notice Emitted when another controller takes over.
    /// @param manufacturer the manufacturer's number
    /// @param previous the controller until now
    /// @param controller the controller from now on
    event ControllerReplaced(uint32 indexed manufacturer, address indexed previous, address indexed controller);

    /// @notice Emitted when the official verifier domains are set.
    /// @param domains all of them
    event VerifierDomainsSet(string[] domains);

    /// @notice Emitted when a controller adds a key.
    /// @param manufacturer whose key it is for ever
    /// @param key the address
    /// @param permissions bit 0 may anchor, bit 1 may withdraw
    /// @param notBefore first second of its window
    /// @param notAfter last second of its window
    event KeyAdded(
        uint32 indexed manufacturer, address indexed key, uint8 permissions, uint40 notBefore, uint40 notAfter
    );

    /// @notice Emitted when a key is revoked.
    /// @param manufacturer whose key it is
    /// @param key the key
    event KeyRevoked(uint32 indexed manufacturer, address indexed key);

    /// @notice Emitted when a key is said to be compromised, or compromised earlier than said before.
    /// @param manufacturer whose key it is
    /// @param key the key
    /// @param since from when on it may have been in other hands
    /// @param reason why, in words
    event KeyCompromised(uint32 indexed manufacturer, address indexed key, uint40 since, string reason);

    /// @notice Emitted when a seal is anchored.
    /// @param manufacturer the manufacturer's number
    /// @param seal the seal
    /// @param key the key that anchored it
    /// @param number counts the manufacturer's batches from 1, so that a gap shows
    event BatchAnchored(uint32 indexed manufacturer, bytes32 indexed seal, address indexed key, uint32 number);

    /// @notice Emitted when a controller vouches for a batch.
    /// @param manufacturer the manufacturer's number
    /// @param seal the batch's seal
    /// @param key the compromised key that put it under review
    event BatchEndorsed(uint32 indexed manufacturer, bytes32 indexed seal, address indexed key);

    /// @notice Emitted when a witness attests a batch.
    /// @param manufacturer the manufacturer's number
    /// @param seal the batch's seal
    /// @param witness the witness
    event BatchAttested(uint32 indexed manufacturer, bytes32 indexed seal, address indexed witness);

    /// @notice Emitted when a whole batch is withdrawn.
    /// @param manufacturer the manufacturer's number
    /// @param seal the batch's seal
    /// @param key the key that withdrew it
    /// @param reason why
    event BatchWithdrawn(uint32 indexed manufacturer, bytes32 indexed seal, address indexed key, Reason reason);

    /// @notice Emitted when the withdrawal of a whole batch is annulled.
    /// @param manufacturer the manufacturer's number
    /// @param seal the batch's seal
    /// @param reason for which it was withdrawn
    /// @param why the withdrawal was a mistake, in words
    event BatchWithdrawalAnnulled(uint32 indexed manufacturer, bytes32 indexed seal, Reason reason, string why);

    /// @notice Emitted for each word of units that a key withdraws, also where some were withdrawn before.
    /// @param manufacturer the manufacturer's number
    /// @param seal the batch's seal
    /// @param key the key that withdrew them
    /// @param reason why
    /// @param word which 256 units
    /// @param mask which of them
    event UnitsWithdrawn(
        uint32 indexed manufacturer,
        bytes32 indexed seal,
        address indexed key,
        Reason reason,
        uint32 word,
        uint256 mask
    );

    /// @notice Emitted for each word of units whose withdrawal is annulled.
    /// @param manufacturer the manufacturer's number
    /// @param seal the batch's seal
    /// @param reason for which they were withdrawn
    /// @param word which 256 units
    /// @param mask which of them
    /// @param why the withdrawal was a mistake, in words
    event UnitsWithdrawalAnnulled(
        uint32 indexed manufacturer, bytes32 indexed seal, Reason reason, uint32 word, uint256 mask, string why
    );

    /// @notice Emitted when an inspector records a hash.
    /// @param inspector the inspector
    /// @param kind what the hash stands for
    /// @param hash the hash
    event HashRecorded(address indexed inspector, RecordKind indexed kind, bytes32 indexed hash);

    // ---------------------------------------------------------------------------------------------------- governance

    /// @notice The registry this contract belongs to: the salt of the unit records' EIP-712 domain, the same in successors.
    /// @return the id, never zero
    function registryId() external view returns (bytes32);

    /// @notice Seconds between proposing and completing the replacement of a controller.
    /// @return the delay
    function controllerDelay() external view returns (uint40);

    // ---------------------------------------------------------------------------------------- accreditor: the alliance

    /// @notice Accredits a manufacturer under a number that it keeps in every contract of this registry.
    /// @param manufacturer its number, from 1
    /// @param controller the account that will manage its keys (a wallet or a Safe)
    /// @param profileHash keccak256 of the profile's RFC 8785 bytes
    /// @param uri where the profile can be fetched
    function accredit(uint32 manufacturer, address controller, bytes32 profileHash, string calldata uri) external;

    /// @notice Puts a new version of a manufacturer's profile in force; earlier versions stay readable.
    /// @param manufacturer the manufacturer's number
    /// @param profileHash keccak256 of the profile's RFC 8785 bytes
    /// @param uri where the profile can be fetched
    function updateProfile(uint32 manufacturer, bytes32 profileHash, string calldata uri) external;

    /// @notice Suspends a manufacturer. It can still take trust away (revoke a key, say that it is compromised, withdraw), but
    /// add none (anchor, add a key, endorse, annul a withdrawal). What it anchored before stays provable.
    /// @param manufacturer the manufacturer's number
    /// @param reason why, in words
    function suspend(uint32 manufacturer, string calldata reason) external;

    /// @notice Ends a suspension.
    /// @param manufacturer the manufacturer's number
    /// @param reason why, in words
    function reinstate(uint32 manufacturer, string calldata reason) external;

    /// @notice Stops a controller from acting, or lets it act again.
    /// @param manufacturer the manufacturer's number
    /// @param frozen whether it is stopped
    function setControllerFrozen(uint32 manufacturer, bool frozen) external;

    /// @notice Announces another controller, which can take over after `controllerDelay()`. A second announcement replaces the
    /// first, and the delay starts again.
    /// @param manufacturer the manufacturer's number
    /// @param controller the account that shall take over
    function proposeController(uint32 manufacturer, address controller) external;

    /// @notice Takes an announcement back.
    /// @param manufacturer the manufacturer's number
    function cancelControllerReplacement(uint32 manufacturer) external;

    /// @notice Completes an announced replacement once its delay has passed; the new controller is not frozen.
    /// @param manufacturer the manufacturer's number
    function completeControllerReplacement(uint32 manufacturer) external;

    /// @notice Sets the authorities (`host` or `host:port`, lower case) at which labels may point.
    /// @param domains all of them, at least one
    function setVerifierDomains(string[] calldata domains) external;

    // ---------------------------------------------------------------------------------------------------- controller

    /// @notice Adds a key. `consent` is the key's own EIP-712 signature of `KeyConsent(uint32 manufacturer)` in this
    /// contract's domain (name, version, chainId, verifyingContract): nobody can claim somebody else's address.
    /// @param manufacturer whose key it becomes, for ever
    /// @param key the address
    /// @param permissions bit 0 may anchor, bit 1 may withdraw; none: signs units only
    /// @param notBefore start of its window: no earlier than this block, or zero for this block
    /// @param notAfter last second of its window
    /// @param consent 65 bytes (r, s, v) or 64 bytes (EIP-2098), low s
    function addKey(
        uint32 manufacturer,
        address key,
        uint8 permissions,
        uint40 notBefore,
        uint40 notAfter,
        bytes calldata consent
    ) external;

    /// @notice Revokes a key from now on; it can never be added again.
    /// @param key a key of the caller's manufacturer
    function revokeKey(address key) external;

    /// @notice Says from when on a key may have been in other hands. Can only ever be moved earlier. The key can act no more;
    /// what it anchored before `since` stands, the rest is under review unless it is endorsed.
    /// @param key a key of the caller's manufacturer
    /// @param since no later than this block
    /// @param reason why, in words
    function setCompromisedSince(address key, uint40 since, string calldata reason) external;

    /// @notice Endorses a batch that a compromise of `key` put under review: the controller vouches for it.
    /// @param manufacturer the manufacturer's number
    /// @param seal the batch's seal
    /// @param key the compromised key, which anchored the batch or signed its units
    function endorse(uint32 manufacturer, bytes32 seal, address key) external;

    /// @notice Annuls the withdrawal of a whole batch that was a mistake.
    /// @param manufacturer the manufacturer's number
    /// @param seal the batch's seal
    /// @param why it was a mistake, in words
    function annulBatchWithdrawal(uint32 manufacturer, bytes32 seal, string calldata why) external;

    /// @notice Annuls the withdrawal of units that was a mistake.
    /// @param manufacturer the manufacturer's number
    /// @param seal the batch's seal
    /// @param reason for which they were withdrawn
    /// @param words the units, all of them withdrawn for that reason
    /// @param why it was a mistake, in words
    function annulUnitsWithdrawal(
        uint32 manufacturer,
        bytes32 seal,
        Reason reason,
        Word[] calldata words,
        string calldata why
    ) external;

    // ----------------------------------------------------------------------------------------------------------- key

    /// @notice Anchors a seal for the caller's manufacturer.
    /// @param seal the seal
    function anchor(bytes32 seal) external;

    /// @notice Anchors a seal that a key signed as EIP-712 `Anchor(bytes32 seal,uint256 deadline)` in this contract's domain.
    /// Anyone may relay it; a seal is anchored once, so a signature cannot be used twice.
    /// @param seal the seal
    /// @param deadline the last second at which it may be relayed
    /// @param signature 65 bytes (r, s, v) or 64 bytes (EIP-2098), low s
    function anchorSigned(bytes32 seal, uint256 deadline, bytes calldata signature) external;

    /// @notice Withdraws a whole batch of the caller's manufacturer.
    /// @param seal the batch's seal
    /// @param reason why
    function withdrawBatch(bytes32 seal, Reason reason) external;

    /// @notice Withdraws units of a batch of the caller's manufacturer. Units that were withdrawn before stay so.
    /// @dev The contract does not know how many units the batch has: a bit beyond the last one means nothing.
    /// @param seal the batch's seal
    /// @param reason why
    /// @param words the units
    function withdrawUnits(bytes32 seal, Reason reason, Word[] calldata words) external;

    // ------------------------------------------------------------------------------------------- witness, inspector

    /// @notice Attests that the caller replayed the batch's whole tree: order, indexes, count, shape and salt.
    /// @param manufacturer the manufacturer's number
    /// @param seal the batch's seal
    function attest(uint32 manufacturer, bytes32 seal) external;

    /// @notice Records the hash of a closed case or of a journal head, once.
    /// @param kind what the hash stands for
    /// @param hash the hash
    function recordHash(RecordKind kind, bytes32 hash) external;

    // --------------------------------------------------------------------------------------------------------- views

    /// @notice Everything batch-wide about a batch and the key that signed one of its units. Never reverts:
    /// unknown manufacturers, seals and signers come back as zeros.
    /// @param manufacturer the manufacturer's number
    /// @param seal the batch's seal
    /// @param signer the address recovered from a unit's signature, or zero
    /// @return the answer
    function status(uint32 manufacturer, bytes32 seal, address signer) external view returns (Status memory);

    /// @notice The reasons for which one unit is withdrawn.
    /// @param manufacturer the manufacturer's number
    /// @param seal the batch's seal
    /// @param index the unit's index in the batch
    /// @return reasons bit `reason` is set for each `Reason`
    function unitWithdrawals(uint32 manufacturer, bytes32 seal, uint32 index) external view returns (uint8 reasons);

    /// @notice One word of a withdrawal bitmap.
    /// @param manufacturer the manufacturer's number
    /// @param seal the batch's seal
    /// @param reason which bitmap
    /// @param word which 256 units
    /// @return mask bit `i` is set if the unit of index `256 * word + i` is withdrawn for that reason
    function withdrawnWord(uint32 manufacturer, bytes32 seal, Reason reason, uint32 word)
        external
        view
        returns (uint256 mask);

    /// @notice A manufacturer.
    /// @param manufacturer its number
    /// @return the manufacturer; all zeros if the number is unknown
    function manufacturerOf(uint32 manufacturer) external view returns (Manufacturer memory);

    /// @notice A key.
    /// @param key its address
    /// @return the key; all zeros if the address is nobody's
    function keyOf(address key) external view returns (Key memory);

    /// @notice All versions of a manufacturer's profile.
    /// @param manufacturer the manufacturer's number
    /// @return the versions, oldest first
    function profilesOf(uint32 manufacturer) external view returns (Profile[] memory);

    /// @notice The official verifier domains.
    /// @return all of them
    function verifierDomains() external view returns (string[] memory);

    /// @notice When a witness attested a batch.
    /// @param manufacturer the manufacturer's number
    /// @param seal the batch's seal
    /// @param witness the witness
    /// @return the time, or zero
    function attestedAt(uint32 manufacturer, bytes32 seal, address witness) external view returns (uint40);

    /// @notice Who recorded a hash, and when; zeros if nobody did.
    /// @param hash the hash
    /// @return inspector who recorded it
    /// @return kind what it stands for
    /// @return recordedAt when
    function recordedHash(bytes32 hash) external view returns (address inspector, RecordKind kind, uint40 recordedAt);

    /// @notice Whether the row belongs to the batch that this manufacturer anchored under the opening's seal.
    /// @dev False also where the seal is not anchored, the index is not below the count, or the path is longer than the
    /// count allows.
    /// @param manufacturer the manufacturer's number
    /// @param opening what the seal commits
    /// @param proven the row with its path
    /// @return whether it does
    function verifyPresence(uint32 manufacturer, Opening calldata opening, ProvenRow calldata proven)
        external
        view
        returns (bool);

    /// @notice Whether the rows show that no unit has `unitKey` in that batch: two rows of consecutive indexes whose keys
    /// enclose it, or the first row with a greater key, or the last row with a smaller one.
    /// @dev WARNING: A path in a tree of sorted pairs does not bind the rank, so this is evidence only for a batch whose whole
    /// tree a witness replayed: see `Batch.attestations`.
    /// @param manufacturer the manufacturer's number
    /// @param opening what the seal commits
    /// @param unitKey the key asked for
    /// @param neighbours one or two rows with their paths, in the order of their indexes
    /// @return whether they do
    function verifyAbsence(
        uint32 manufacturer,
        Opening calldata opening,
        bytes32 unitKey,
        ProvenRow[] calldata neighbours
    ) external view returns (bool);
}

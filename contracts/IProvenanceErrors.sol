// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title IProvenanceErrors
/// @notice Why the registry refuses: one error a reason, with the values that offended.
interface IProvenanceErrors {
    // ------------------------------------------------------------------------------------------------------- founding

    /// @notice Thrown when a registry is founded with the id zero.
    error RegistryInvalidId();

    /// @notice Thrown when an account is given as manager of keys that cannot be one.
    /// @param controller the zero address
    error ControllerInvalid(address controller);

    /// @notice Thrown when the list of official domains would be empty, or one of them is.
    error DomainsEmpty();

    /// @notice Thrown when an act that others must be able to judge is given no reason in words.
    error ReasonTextEmpty();

    // -------------------------------------------------------------------------------------------------- manufacturers

    /// @notice Thrown when a manufacturer is accredited under a number that stands for none.
    /// @param manufacturer zero
    error ManufacturerInvalidNumber(uint32 manufacturer);

    /// @notice Thrown when a number is already a manufacturer's.
    /// @param manufacturer the number
    error ManufacturerAlreadyAccredited(uint32 manufacturer);

    /// @notice Thrown when a number is nobody's.
    /// @param manufacturer the number
    error ManufacturerUnknown(uint32 manufacturer);

    /// @notice Thrown when a suspended manufacturer would add to what is believed, or is to be suspended again.
    /// @param manufacturer its number
    /// @param suspendedAt when the suspension began
    error ManufacturerIsSuspended(uint32 manufacturer, uint40 suspendedAt);

    /// @notice Thrown when a manufacturer is to be reinstated that is not suspended.
    /// @param manufacturer its number
    error ManufacturerNotSuspended(uint32 manufacturer);

    /// @notice Thrown when a profile lacks its hash or its address.
    /// @param manufacturer the number of the manufacturer it describes
    error ProfileEmpty(uint32 manufacturer);

    /// @notice Thrown when somebody else than the manufacturer's controller calls.
    /// @param manufacturer the manufacturer's number
    /// @param caller who called
    error ControllerUnauthorized(uint32 manufacturer, address caller);

    /// @notice Thrown when a frozen controller calls.
    /// @param manufacturer the manufacturer's number
    /// @param controller the controller
    error ControllerIsFrozen(uint32 manufacturer, address controller);

    /// @notice Thrown when a replacement is completed or cancelled that nobody proposed.
    /// @param manufacturer the manufacturer's number
    error ControllerNoReplacement(uint32 manufacturer);

    /// @notice Thrown when a replacement is completed before its delay has passed.
    /// @param manufacturer the manufacturer's number
    /// @param effectiveAt when it may be completed
    /// @param now_ the block's time
    error ControllerReplacementTooEarly(uint32 manufacturer, uint40 effectiveAt, uint40 now_);

    // ----------------------------------------------------------------------------------------------------------- keys

    /// @notice Thrown when an address cannot be a key.
    /// @param key the zero address
    error KeyInvalid(address key);

    /// @notice Thrown when an address is, or once was, a manufacturer's key.
    /// @param key the address
    /// @param manufacturer whose key it is for ever
    error KeyAlreadyKnown(address key, uint32 manufacturer);

    /// @notice Thrown when an address is nobody's key; zero where a relayed signature gives no signer at all.
    /// @param key the address
    error KeyUnknown(address key);

    /// @notice Thrown when a key is another manufacturer's, or nobody's.
    /// @param key the address
    /// @param manufacturer whose key it is, or zero
    /// @param expected whose key it should be
    error KeyOfAnotherManufacturer(address key, uint32 manufacturer, uint32 expected);

    /// @notice Thrown when a consent is not the key's own.
    /// @param key the key to add
    /// @param recovered who signed; zero for a malformed signature or one with a high s
    error KeyConsentInvalid(address key, address recovered);

    /// @notice Thrown when a key's window starts before this block, or ends before it starts.
    /// @param notBefore first second
    /// @param notAfter last second
    /// @param now_ the block's time
    error KeyWindowInvalid(uint40 notBefore, uint40 notAfter, uint40 now_);

    /// @notice Thrown when unknown permission bits are set.
    /// @param permissions the bits
    error KeyPermissionsInvalid(uint8 permissions);

    /// @notice Thrown when a key without that permission anchors.
    /// @param key the key
    error KeyMayNotAnchor(address key);

    /// @notice Thrown when a key without that permission withdraws.
    /// @param key the key
    error KeyMayNotWithdraw(address key);

    /// @notice Thrown when a key acts before or after its window.
    /// @param key the key
    /// @param notBefore first second of its window
    /// @param notAfter last second of its window
    /// @param now_ the block's time
    error KeyOutsideWindow(address key, uint40 notBefore, uint40 notAfter, uint40 now_);

    /// @notice Thrown when a revoked key acts, or is to be revoked again.
    /// @param key the key
    /// @param revokedAt when it was revoked
    error KeyIsRevoked(address key, uint40 revokedAt);

    /// @notice Thrown when a key acts that is known to be in other hands.
    /// @param key the key
    /// @param compromisedSince from when on
    error KeyIsCompromised(address key, uint40 compromisedSince);

    /// @notice Thrown when a batch is endorsed after a compromise of a key that is not compromised.
    /// @param key the key
    error KeyNotCompromised(address key);

    /// @notice Thrown when a compromise would begin at zero, in the future, or no earlier than it is already said to.
    /// @param key the key
    /// @param current the beginning now in force, or zero
    /// @param proposed the beginning that was refused
    error KeyCompromiseOnlyEarlier(address key, uint40 current, uint40 proposed);

    // -------------------------------------------------------------------------------------------------------- batches

    /// @notice Thrown when the seal to anchor is zero.
    error BatchInvalidSeal();

    /// @notice Thrown when a manufacturer's seal is already anchored.
    /// @param manufacturer the manufacturer's number
    /// @param seal the seal
    /// @param anchoredAt since when
    error BatchAlreadyAnchored(uint32 manufacturer, bytes32 seal, uint40 anchoredAt);

    /// @notice Thrown when a manufacturer has not anchored that seal.
    /// @param manufacturer the manufacturer's number
    /// @param seal the seal
    error BatchNotAnchored(uint32 manufacturer, bytes32 seal);

    /// @notice Thrown when a batch needs no endorsement because it was anchored before the compromise.
    /// @param manufacturer the manufacturer's number
    /// @param seal the batch's seal
    /// @param anchoredAt when it was anchored
    /// @param compromisedSince when the compromise began
    error BatchNotAffected(uint32 manufacturer, bytes32 seal, uint40 anchoredAt, uint40 compromisedSince);

    /// @notice Thrown when a batch is endorsed twice.
    /// @param manufacturer the manufacturer's number
    /// @param seal the batch's seal
    error BatchAlreadyEndorsed(uint32 manufacturer, bytes32 seal);

    /// @notice Thrown when a witness attests a batch twice.
    /// @param manufacturer the manufacturer's number
    /// @param seal the batch's seal
    /// @param witness the witness
    error BatchAlreadyAttested(uint32 manufacturer, bytes32 seal, address witness);

    /// @notice Thrown when the deadline of a signed anchor has passed.
    /// @param deadline the last second at which it could be relayed
    /// @param now_ the block's time
    error RelayExpired(uint256 deadline, uint256 now_);

    // ---------------------------------------------------------------------------------- withdrawals, inspectors' hashes

    /// @notice Thrown when a whole batch is already withdrawn.
    /// @param manufacturer the manufacturer's number
    /// @param seal the batch's seal
    /// @param reason `Reason` for which it is
    error BatchAlreadyWithdrawn(uint32 manufacturer, bytes32 seal, uint8 reason);

    /// @notice Thrown when the withdrawal of a whole batch is annulled that is not withdrawn.
    /// @param manufacturer the manufacturer's number
    /// @param seal the batch's seal
    error BatchNotWithdrawn(uint32 manufacturer, bytes32 seal);

    /// @notice Thrown when units or a batch are withdrawn without a reason.
    /// @param reason `Reason.None`
    error WithdrawalInvalidReason(uint8 reason);

    /// @notice Thrown when a list of words is empty, or one of its masks.
    error WithdrawalEmpty();

    /// @notice Thrown when a withdrawal is annulled for a unit that is not withdrawn for that reason.
    /// @param word the word in which that unit is
    /// @param mask the mask that was asked for
    error WithdrawalNotSet(uint32 word, uint256 mask);

    /// @notice Thrown when a hash was already recorded.
    /// @param hash the hash
    /// @param inspector who recorded it
    error HashAlreadyRecorded(bytes32 hash, address inspector);

    /// @notice Thrown when the hash to record is zero.
    error HashInvalid();
}

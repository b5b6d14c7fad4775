// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IProvenanceRegistry} from "../IProvenanceRegistry.sol";

/// @title UnitLeaf
/// @notice What a seal commits, and how one unit is shown to be in a batch or not. Twin of `registry/proofs/encoding.py`;
/// `docs/protocol.md` § 4 fixes the bytes.
/// @dev A leaf is hashed twice, as OpenZeppelin's StandardMerkleTree does, so that no inner node can pass for a leaf. Pairs
/// are sorted before hashing, so a path proves membership and never the rank: the rank is only what the leaf says.
library UnitLeaf {
    /// @notice Separates the GTIN from the serial in a unit key.
    bytes1 private constant SEPARATOR = 0x1f;

    /// @notice The key by which the rows of a batch are ordered.
    /// @param batchSalt the batch's 32 random bytes, which keep serials from being guessed
    /// @param gtin 14 digits
    /// @param serial the bytes of the serial
    /// @return key keccak256 of salt, GTIN, 0x1f and serial
    function unitKey(bytes32 batchSalt, bytes14 gtin, bytes memory serial) internal pure returns (bytes32 key) {
        return keccak256(abi.encodePacked(batchSalt, gtin, SEPARATOR, serial));
    }

    /// @notice The leaf of a row: the double keccak256 of its four ABI words.
    /// @param row the row
    /// @return hash the leaf
    function leaf(IProvenanceRegistry.Row calldata row) internal pure returns (bytes32 hash) {
        return keccak256(
            bytes.concat(keccak256(abi.encode(row.index, row.unitKey, row.digest, row.attributesHash)))
        );
    }

    /// @notice The one hash that commits root, count and manifest.
    /// @param opening the three of them
    /// @return hash the seal
    function seal(IProvenanceRegistry.Opening calldata opening) internal pure returns (bytes32 hash) {
        return keccak256(abi.encode(opening.root, opening.unitCount, opening.manifestHash));
    }

    /// @notice Whether a row is in the tree: its index below the count, its path no longer than the count allows, and
    /// leading to the root.
    /// @param opening what the seal commits
    /// @param proven the row and its path
    /// @return whether it is
    function isPresent(IProvenanceRegistry.Opening calldata opening, IProvenanceRegistry.ProvenRow calldata proven)
        internal
        pure
        returns (bool)
    {
        if (proven.row.index >= opening.unitCount) return false;
        if (proven.proof.length > Math.log2(opening.unitCount, Math.Rounding.Ceil)) return false;
        return MerkleProof.verifyCalldata(proven.proof, opening.root, leaf(proven.row));
    }

    /// @notice Whether rows of the tree leave no place for a unit key: two of consecutive indexes around it, or the first
    /// after it, or the last before it. A row of that very key shows no absence.
    /// @dev Holds for a tree whose rows ascend strictly by key. One path cannot show that; see `verifyAbsence`.
    /// @param opening what the seal commits
    /// @param key the key asked for
    /// @param neighbours one or two rows
    /// @return whether they do
    function isAbsent(
        IProvenanceRegistry.Opening calldata opening,
        bytes32 key,
        IProvenanceRegistry.ProvenRow[] calldata neighbours
    ) internal pure returns (bool) {
        if (neighbours.length == 0 || neighbours.length > 2) return false;

        IProvenanceRegistry.ProvenRow calldata first = neighbours[0];
        IProvenanceRegistry.ProvenRow calldata last = neighbours[neighbours.length - 1];
        if (!isPresent(opening, first) || !isPresent(opening, last)) return false;

        if (neighbours.length == 2) {
            // No overflow: an index that is present is below a uint32.
            bool consecutive = last.row.index == first.row.index + 1;
            return consecutive && first.row.unitKey < key && key < last.row.unitKey;
        }
        bool beforeAll = first.row.index == 0 && key < first.row.unitKey;
        bool afterAll = last.row.index == opening.unitCount - 1 && last.row.unitKey < key;
        return beforeAll || afterAll;
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IProvenanceRegistry} from "../../contracts/IProvenanceRegistry.sol";
import {UnitLeaf} from "../../contracts/libraries/UnitLeaf.sol";

/// @title UnitLeafHarness
/// @notice Lets tests call the library, which reads calldata.
contract UnitLeafHarness {
    function unitKey(bytes32 batchSalt, bytes14 gtin, bytes calldata serial) external pure returns (bytes32) {
        return UnitLeaf.unitKey(batchSalt, gtin, serial);
    }

    function leaf(IProvenanceRegistry.Row calldata row) external pure returns (bytes32) {
        return UnitLeaf.leaf(row);
    }

    function seal(IProvenanceRegistry.Opening calldata opening) external pure returns (bytes32) {
        return UnitLeaf.seal(opening);
    }

    function isPresent(IProvenanceRegistry.Opening calldata opening, IProvenanceRegistry.ProvenRow calldata proven)
        external
        pure
        returns (bool)
    {
        return UnitLeaf.isPresent(opening, proven);
    }

    function isAbsent(
        IProvenanceRegistry.Opening calldata opening,
        bytes32 key,
        IProvenanceRegistry.ProvenRow[] calldata neighbours
    ) external pure returns (bool) {
        return UnitLeaf.isAbsent(opening, key, neighbours);
    }
}

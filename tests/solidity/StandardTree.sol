// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

/// @title StandardTree
/// @notice OpenZeppelin's StandardMerkleTree v1 with the leaves kept in order: 2n-1 nodes, root first, leaf i at 2n-2-i.
library StandardTree {
    function build(bytes32[] memory leaves) internal pure returns (bytes32[] memory nodes) {
        nodes = new bytes32[](2 * leaves.length - 1);
        for (uint256 i = 0; i < leaves.length; ++i) {
            nodes[nodes.length - 1 - i] = leaves[i];
        }
        for (uint256 i = leaves.length - 1; i > 0; --i) {
            nodes[i - 1] = Hashes.commutativeKeccak256(nodes[2 * i - 1], nodes[2 * i]);
        }
    }

    function path(bytes32[] memory nodes, uint256 index) internal pure returns (bytes32[] memory siblings) {
        uint256 length = 0;
        for (uint256 i = nodes.length - 1 - index; i > 0; i = (i - 1) / 2) {
            ++length;
        }
        siblings = new bytes32[](length);
        uint256 place = nodes.length - 1 - index;
        for (uint256 i = 0; i < length; ++i) {
            siblings[i] = nodes[place % 2 == 1 ? place + 1 : place - 1];
            place = (place - 1) / 2;
        }
    }
}

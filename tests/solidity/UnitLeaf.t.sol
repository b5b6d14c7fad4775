// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IProvenanceRegistry, RegistryTest} from "./RegistryTest.sol";
import {StandardTree} from "./StandardTree.sol";
import {UnitLeafHarness} from "./UnitLeafHarness.sol";

/// @title UnitLeafTest
/// @notice Proofs of presence and absence: what holds, what one changed bit does, and what a dishonest tree can still show.
contract UnitLeafTest is RegistryTest {
    UnitLeafHarness private proofs;

    function setUp() public override {
        super.setUp();
        proofs = new UnitLeafHarness();
    }

    // ---------------------------------------------------------------------------------------------------------- bytes

    function testFuzz_TheUnitKeyIsTheHashOfItsBytes(bytes32 salt, bytes14 gtin, bytes calldata serial) public view {
        bytes memory plain = bytes.concat(salt, gtin, hex"1f", serial);
        vm.assertEq(proofs.unitKey(salt, gtin, serial), keccak256(plain));
    }

    function testFuzz_ALeafIsTheDoubleHashOfFourWords(IProvenanceRegistry.Row calldata row) public view {
        bytes memory words =
            bytes.concat(bytes32(uint256(row.index)), row.unitKey, row.digest, row.attributesHash);
        vm.assertEq(words.length, 128);
        vm.assertEq(proofs.leaf(row), keccak256(bytes.concat(keccak256(words))));
    }

    function testFuzz_ASealIsTheHashOfThreeWords(IProvenanceRegistry.Opening calldata opening) public view {
        bytes memory words = bytes.concat(opening.root, bytes32(uint256(opening.unitCount)), opening.manifestHash);
        vm.assertEq(proofs.seal(opening), keccak256(words));
    }

    // ------------------------------------------------------------------------------------------------------- presence

    function testFuzz_EveryRowOfATreeIsPresent(uint256 seed, uint8 size) public view {
        (IProvenanceRegistry.Opening memory opening, IProvenanceRegistry.ProvenRow[] memory rows) =
            _tree(seed, _bound(size, 1, 33));
        for (uint256 i = 0; i < rows.length; ++i) {
            vm.assertTrue(proofs.isPresent(opening, rows[i]));
        }
    }

    function testFuzz_OneChangedBitAnywhereShowsNothing(uint256 seed, uint8 size, uint256 which, uint8 bit) public view {
        (IProvenanceRegistry.Opening memory opening, IProvenanceRegistry.ProvenRow[] memory rows) =
            _tree(seed, _bound(size, 2, 33));
        IProvenanceRegistry.ProvenRow memory proven = rows[seed % rows.length];
        bytes32 flip = bytes32(1 << bit);
        which = which % (5 + proven.proof.length);
        if (which == 0) opening.root ^= flip;
        else if (which == 1) proven.row.index ^= uint32(1 << (bit % 32));
        else if (which == 2) proven.row.unitKey ^= flip;
        else if (which == 3) proven.row.digest ^= flip;
        else if (which == 4) proven.row.attributesHash ^= flip;
        else proven.proof[which - 5] ^= flip;
        vm.assertFalse(proofs.isPresent(opening, proven));
    }

    function testFuzz_APathOfAnotherLengthShowsNothing(uint256 seed, uint8 size, bytes32 extra) public view {
        (IProvenanceRegistry.Opening memory opening, IProvenanceRegistry.ProvenRow[] memory rows) =
            _tree(seed, _bound(size, 2, 33));
        IProvenanceRegistry.ProvenRow memory proven = rows[seed % rows.length];
        bytes32[] memory whole = proven.proof;
        bytes32[] memory longer = new bytes32[](whole.length + 1);
        bytes32[] memory shorter = new bytes32[](whole.length - 1);
        longer[whole.length] = extra;
        for (uint256 i = 0; i < whole.length; ++i) {
            longer[i] = whole[i];
            if (i < shorter.length) shorter[i] = whole[i];
        }
        proven.proof = longer;
        vm.assertFalse(proofs.isPresent(opening, proven));
        proven.proof = shorter;
        vm.assertFalse(proofs.isPresent(opening, proven));
    }

    function testFuzz_AnIndexNotBelowTheCountIsNoRow(uint256 seed, uint8 size, uint32 count) public view {
        (IProvenanceRegistry.Opening memory opening, IProvenanceRegistry.ProvenRow[] memory rows) =
            _tree(seed, _bound(size, 1, 33));
        IProvenanceRegistry.ProvenRow memory proven = rows[seed % rows.length];
        opening.unitCount = uint32(_bound(count, 0, proven.row.index));
        vm.assertFalse(proofs.isPresent(opening, proven));
    }

    /// @dev The path is right, but too long for a tree of so few rows: it could start at something that never was a row.
    function testFuzz_APathLongerThanTheCountAllowsShowsNothing(uint256 seed, uint8 length, uint32 count) public view {
        IProvenanceRegistry.ProvenRow memory proven;
        proven.row = IProvenanceRegistry.Row(0, keccak256("key"), keccak256("digest"), 0);
        proven.proof = new bytes32[](_bound(length, 0, 32));
        bytes32 node = proofs.leaf(proven.row);
        for (uint256 i = 0; i < proven.proof.length; ++i) {
            proven.proof[i] = keccak256(abi.encode(seed, i));
            node = node < proven.proof[i]
                ? keccak256(bytes.concat(node, proven.proof[i]))
                : keccak256(bytes.concat(proven.proof[i], node));
        }
        count = count == 0 ? 1 : count;
        bool longEnough = proven.proof.length == 0 || uint256(count) > 1 << (proven.proof.length - 1);
        vm.assertTrue(proofs.isPresent(IProvenanceRegistry.Opening(node, count, 0), proven) == longEnough);
    }

    function test_ATreeOfOneRowNeedsNoPath() public view {
        (IProvenanceRegistry.Opening memory opening, IProvenanceRegistry.ProvenRow[] memory rows) = _tree(1, 1);
        vm.assertEq(rows[0].proof.length, 0);
        vm.assertEq(opening.root, proofs.leaf(rows[0].row));
        vm.assertTrue(proofs.isPresent(opening, rows[0]));
    }

    /// @dev The rank is only what the leaf says, so this holds whatever the shape: a row under an index that is not its own.
    function testFuzz_ARowUnderAnotherIndexIsNotPresent(uint256 seed, uint8 size, uint32 index) public view {
        (IProvenanceRegistry.Opening memory opening, IProvenanceRegistry.ProvenRow[] memory rows) =
            _tree(seed, _bound(size, 2, 33));
        IProvenanceRegistry.ProvenRow memory proven = rows[seed % rows.length];
        vm.assume(index != proven.row.index);
        proven.row.index = index;
        vm.assertFalse(proofs.isPresent(opening, proven));
    }

    // -------------------------------------------------------------------------------------------------------- absence

    function testFuzz_JustTheNeighboursShowAnAbsence(uint256 seed, uint8 size, bytes32 key_) public view {
        (IProvenanceRegistry.Opening memory opening, IProvenanceRegistry.ProvenRow[] memory rows) =
            _tree(seed, _bound(size, 1, 9));
        uint256 place = 0;
        while (place < rows.length && rows[place].row.unitKey < key_) ++place;
        vm.assume(place == rows.length || rows[place].row.unitKey != key_);

        for (uint256 i = 0; i < rows.length; ++i) {
            bool outermost = (place == 0 && i == 0) || (place == rows.length && i == rows.length - 1);
            vm.assertTrue(proofs.isAbsent(opening, key_, _one(rows[i])) == outermost);
            for (uint256 j = 0; j < rows.length; ++j) {
                bool around = i + 1 == place && j == place;
                vm.assertTrue(proofs.isAbsent(opening, key_, _two(rows[i], rows[j])) == around);
            }
        }
    }

    function testFuzz_NoRowsShowTheAbsenceOfAKeyThatIsThere(uint256 seed, uint8 size, uint8 which) public view {
        (IProvenanceRegistry.Opening memory opening, IProvenanceRegistry.ProvenRow[] memory rows) =
            _tree(seed, _bound(size, 1, 9));
        bytes32 present = rows[which % rows.length].row.unitKey;
        for (uint256 i = 0; i < rows.length; ++i) {
            vm.assertFalse(proofs.isAbsent(opening, present, _one(rows[i])));
            for (uint256 j = 0; j < rows.length; ++j) {
                vm.assertFalse(proofs.isAbsent(opening, present, _two(rows[i], rows[j])));
            }
        }
    }

    function test_NoRowsAndThreeRowsShowNothing() public view {
        (IProvenanceRegistry.Opening memory opening, IProvenanceRegistry.ProvenRow[] memory rows) = _tree(1, 3);
        vm.assertFalse(proofs.isAbsent(opening, 0, new IProvenanceRegistry.ProvenRow[](0)));
        vm.assertFalse(proofs.isAbsent(opening, 0, rows));
    }

    function testFuzz_NeighboursThatAreNotInTheTreeShowNothing(uint256 seed, bool second, uint8 bit) public view {
        (IProvenanceRegistry.Opening memory opening, IProvenanceRegistry.ProvenRow[] memory rows) = _tree(seed, 8);
        bytes32 between = bytes32(uint256(rows[3].row.unitKey) + 1);
        IProvenanceRegistry.ProvenRow[] memory pair = _two(rows[3], rows[4]);
        vm.assertTrue(proofs.isAbsent(opening, between, pair));
        pair[second ? 1 : 0].row.digest ^= bytes32(1 << bit);
        vm.assertFalse(proofs.isAbsent(opening, between, pair));
    }

    function test_TheLargestIndexHasNoRowAfterIt() public view {
        IProvenanceRegistry.ProvenRow memory last;
        last.row.index = type(uint32).max - 1;
        last.row.unitKey = bytes32(uint256(5));
        IProvenanceRegistry.Opening memory opening =
            IProvenanceRegistry.Opening(proofs.leaf(last.row), type(uint32).max, 0);
        vm.assertTrue(proofs.isAbsent(opening, bytes32(uint256(6)), _one(last)));
        vm.assertFalse(proofs.isAbsent(opening, bytes32(uint256(6)), _two(last, last)));
    }

    /// @dev Why absence needs a witness: whoever builds the tree can give an index twice, and paths do not bind ranks. Row 1 is
    /// hidden behind a false row 1 that has a greater key. A witness who replays the tree sees it at once.
    function test_ADishonestTreeCanShowAFalseAbsence() public view {
        IProvenanceRegistry.Row[] memory listed = new IProvenanceRegistry.Row[](4);
        listed[0] = IProvenanceRegistry.Row(0, bytes32(uint256(10)), keccak256("a"), 0);
        listed[1] = IProvenanceRegistry.Row(1, bytes32(uint256(20)), keccak256("b"), 0);
        listed[2] = IProvenanceRegistry.Row(1, bytes32(uint256(30)), keccak256("c"), 0);
        listed[3] = IProvenanceRegistry.Row(3, bytes32(uint256(40)), keccak256("d"), 0);
        (IProvenanceRegistry.Opening memory opening, IProvenanceRegistry.ProvenRow[] memory rows) = _prove(listed);

        vm.assertTrue(proofs.isPresent(opening, rows[1]));
        vm.assertTrue(proofs.isAbsent(opening, listed[1].unitKey, _two(rows[0], rows[2])));
    }

    // ------------------------------------------------------------------------------------------------- on the contract

    function testFuzz_TheContractAnswersForAnchoredSealsOnly(uint256 seed, uint8 size, uint8 change) public {
        (IProvenanceRegistry.Opening memory opening, IProvenanceRegistry.ProvenRow[] memory rows) =
            _tree(seed, _bound(size, 1, 33));
        IProvenanceRegistry.ProvenRow memory proven = rows[seed % rows.length];
        bytes32 before = bytes32(uint256(rows[0].row.unitKey) - 1);
        vm.assertFalse(registry.verifyPresence(KESTREL, opening, proven));
        vm.assertFalse(registry.verifyAbsence(KESTREL, opening, before, _one(rows[0])));

        _anchor(proofs.seal(opening));
        vm.assertTrue(registry.verifyPresence(KESTREL, opening, proven));
        vm.assertTrue(registry.verifyAbsence(KESTREL, opening, before, _one(rows[0])));
        vm.assertFalse(registry.verifyAbsence(KESTREL, opening, proven.row.unitKey, _one(rows[0])));
        vm.assertFalse(registry.verifyPresence(GREEN_RIDGE, opening, proven));
        vm.assertFalse(registry.verifyAbsence(GREEN_RIDGE, opening, before, _one(rows[0])));

        // A count or a manifest that is not the sealed one is another seal.
        if (change % 2 == 0) ++opening.unitCount;
        else opening.manifestHash ^= bytes32(uint256(1));
        vm.assertFalse(registry.verifyPresence(KESTREL, opening, proven));
        vm.assertFalse(registry.verifyAbsence(KESTREL, opening, before, _one(rows[0])));
    }

    function test_ASealIsNotProvenByAnotherProofOfThatSeal() public {
        (IProvenanceRegistry.Opening memory opening,) = _tree(1, 4);
        (, IProvenanceRegistry.ProvenRow[] memory rows) = _tree(2, 4);
        _anchor(proofs.seal(opening));
        vm.assertFalse(registry.verifyPresence(KESTREL, opening, rows[0]));
    }

    // ----------------------------------------------------------------------------------------------------- small things

    /// @dev An honest tree: rows in the order of their keys, which are hashes of the seed.
    function _tree(uint256 seed, uint256 size)
        private
        view
        returns (IProvenanceRegistry.Opening memory opening, IProvenanceRegistry.ProvenRow[] memory proven)
    {
        IProvenanceRegistry.Row[] memory rows = new IProvenanceRegistry.Row[](size);
        for (uint256 i = 0; i < size; ++i) {
            bytes32 unitKey = keccak256(abi.encode(seed, i));
            uint256 place = i;
            for (; place > 0 && rows[place - 1].unitKey > unitKey; --place) {
                rows[place] = rows[place - 1];
            }
            rows[place] = IProvenanceRegistry.Row(0, unitKey, keccak256(abi.encode(unitKey)), bytes32(seed % 2));
        }
        for (uint32 i = 0; i < size; ++i) {
            rows[i].index = i;
        }
        return _prove(rows);
    }

    function _prove(IProvenanceRegistry.Row[] memory rows)
        private
        view
        returns (IProvenanceRegistry.Opening memory opening, IProvenanceRegistry.ProvenRow[] memory proven)
    {
        bytes32[] memory leaves = new bytes32[](rows.length);
        for (uint256 i = 0; i < rows.length; ++i) {
            leaves[i] = proofs.leaf(rows[i]);
        }
        bytes32[] memory nodes = StandardTree.build(leaves);
        proven = new IProvenanceRegistry.ProvenRow[](rows.length);
        for (uint256 i = 0; i < rows.length; ++i) {
            proven[i] = IProvenanceRegistry.ProvenRow(rows[i], StandardTree.path(nodes, i));
        }
        opening = IProvenanceRegistry.Opening(nodes[0], uint32(rows.length), keccak256("a manifest"));
    }

    function _one(IProvenanceRegistry.ProvenRow memory row)
        private
        pure
        returns (IProvenanceRegistry.ProvenRow[] memory rows)
    {
        rows = new IProvenanceRegistry.ProvenRow[](1);
        rows[0] = row;
    }

    function _two(IProvenanceRegistry.ProvenRow memory first, IProvenanceRegistry.ProvenRow memory second)
        private
        pure
        returns (IProvenanceRegistry.ProvenRow[] memory rows)
    {
        rows = new IProvenanceRegistry.ProvenRow[](2);
        (rows[0], rows[1]) = (first, second);
    }
}

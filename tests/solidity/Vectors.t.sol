// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IProvenanceRegistry} from "../../contracts/IProvenanceRegistry.sol";
import {UnitLeafHarness} from "./UnitLeafHarness.sol";
import {Vm} from "./Vm.sol";

/// @title JsonVm
/// @notice What these tests use of the test runner to read files.
interface JsonVm {
    function readFile(string calldata path) external view returns (string memory text);
    function parseJsonBool(string calldata json, string calldata key) external pure returns (bool);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function parseJsonAddress(string calldata json, string calldata key) external pure returns (address);
    function parseJsonString(string calldata json, string calldata key) external pure returns (string memory);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function parseJsonBytes32(string calldata json, string calldata key) external pure returns (bytes32);
    function parseJsonBytes32Array(string calldata json, string calldata key) external pure returns (bytes32[] memory);
    function keyExistsJson(string calldata json, string calldata key) external view returns (bool);
    function toString(uint256 value) external pure returns (string memory);
}

/// @title VectorsTest
/// @notice The vectors of tests/vectors/v1, as the contract's library judges them: the same as Python and JavaScript do.
contract VectorsTest {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    JsonVm private constant file = JsonVm(address(uint160(uint256(keccak256("hevm cheat code")))));

    UnitLeafHarness private proofs;

    function setUp() public {
        proofs = new UnitLeafHarness();
    }

    function test_Digests() public view {
        string memory json = _read("digests");
        bytes32 separator = _separator(file.parseJsonBytes32(json, ".registryId"));
        for (uint256 i = 0; i < _count(json); ++i) {
            string memory place = _case(i);
            bool same = _digest(json, place, separator) == file.parseJsonBytes32(json, _of(place, ".digest"));
            vm.assertTrue(same == _valid(json, place), _name(json, place));
        }
    }

    /// @dev What is no text of 64 bytes never reaches a contract, so those cases have no bytes and are left out.
    function test_Signatures() public view {
        string memory json = _read("signatures");
        uint256 judged;
        for (uint256 i = 0; i < _count(json); ++i) {
            string memory place = _case(i);
            if (!file.keyExistsJson(json, _of(place, ".bytes"))) continue;
            bytes memory signature = file.parseJsonBytes(json, _of(place, ".bytes"));
            vm.assertTrue(signature.length == 64, _name(json, place));
            (bytes32 r, bytes32 vs) = abi.decode(signature, (bytes32, bytes32));
            (address recovered,,) = ECDSA.tryRecover(file.parseJsonBytes32(json, _of(place, ".digest")), r, vs);
            bool signed = recovered == file.parseJsonAddress(json, _of(place, ".signer"));
            vm.assertTrue(signed == _valid(json, place), _name(json, place));
            ++judged;
        }
        vm.assertTrue(judged > 15);
    }

    /// @dev Replaying a tree is a witness's work, off the chain. Here every hash of an honest tree is the same.
    function test_Trees() public view {
        string memory json = _read("trees");
        for (uint256 i = 0; i < _count(json); ++i) {
            string memory place = _case(i);
            if (!_valid(json, place)) continue;
            IProvenanceRegistry.Opening memory opening = _opening(json, place);
            vm.assertEq(proofs.seal(opening), file.parseJsonBytes32(json, _of(place, ".seal")));
            _checkRows(json, place, opening.unitCount);
        }
    }

    function test_Presence() public view {
        string memory json = _read("presence");
        for (uint256 i = 0; i < _count(json); ++i) {
            string memory place = _case(i);
            vm.assertTrue(proofs.isPresent(_opening(json, place), _proven(json, place)) == _valid(json, place), _name(json, place));
        }
    }

    function test_Absence() public view {
        string memory json = _read("absence");
        for (uint256 i = 0; i < _count(json); ++i) {
            string memory place = _case(i);
            bytes32 key = file.parseJsonBytes32(json, _of(place, ".unitKey"));
            bool absent = proofs.isAbsent(_opening(json, place), key, _neighbours(json, place));
            vm.assertTrue(absent == _valid(json, place), _name(json, place));
        }
    }

    function test_Seals() public view {
        string memory json = _read("seals");
        for (uint256 i = 0; i < _count(json); ++i) {
            string memory place = _case(i);
            bool same = proofs.seal(_opening(json, place)) == file.parseJsonBytes32(json, _of(place, ".seal"));
            vm.assertTrue(same == _valid(json, place), _name(json, place));
        }
    }

    function test_ManifestHashes() public view {
        string memory json = _read("manifests");
        for (uint256 i = 0; i < _count(json); ++i) {
            string memory place = _case(i);
            bytes32 hash = keccak256(bytes(file.parseJsonString(json, _of(place, ".manifest"))));
            vm.assertEq(hash, file.parseJsonBytes32(json, _of(place, ".manifestHash")));
        }
    }

    // ------------------------------------------------------------------------------------------------------- reading

    function _checkRows(string memory json, string memory place, uint256 count) private view {
        bytes32 salt = file.parseJsonBytes32(json, _of(place, ".salt"));
        bytes32[] memory nodes = file.parseJsonBytes32Array(json, _of(place, ".nodes"));
        bytes32 separator = _separator(file.parseJsonBytes32(json, _of(place, ".registryId")));
        for (uint256 i = 0; i < count; ++i) {
            IProvenanceRegistry.Row memory row = _row(json, string.concat(place, _element(".rows", i)));
            string memory unit = string.concat(place, _element(".units", i));
            bytes14 gtin = bytes14(bytes(file.parseJsonString(json, _of(unit, ".gtin"))));
            bytes memory serial = bytes(file.parseJsonString(json, _of(unit, ".serial")));
            vm.assertEq(proofs.unitKey(salt, gtin, serial), row.unitKey);
            vm.assertEq(_digest(json, unit, separator), row.digest);
            vm.assertEq(proofs.leaf(row), nodes[nodes.length - 1 - i]);
        }
    }

    function _separator(bytes32 registryId) private pure returns (bytes32) {
        bytes32 domainType = keccak256("EIP712Domain(string name,string version,bytes32 salt)");
        return keccak256(abi.encode(domainType, keccak256("Touchstone"), keccak256("1"), registryId));
    }

    function _digest(string memory json, string memory place, bytes32 separator) private pure returns (bytes32) {
        bytes32 gtin = keccak256(bytes(file.parseJsonString(json, _of(place, ".gtin"))));
        bytes32 lot = keccak256(bytes(file.parseJsonString(json, _of(place, ".lot"))));
        bytes32 serial = keccak256(bytes(file.parseJsonString(json, _of(place, ".serial"))));
        bytes32 unitType = keccak256("Unit(string gtin,string lot,string serial)");
        return keccak256(abi.encodePacked(hex"1901", separator, keccak256(abi.encode(unitType, gtin, lot, serial))));
    }

    function _opening(string memory json, string memory place)
        private
        pure
        returns (IProvenanceRegistry.Opening memory)
    {
        return IProvenanceRegistry.Opening({
            root: file.parseJsonBytes32(json, _of(place, ".opening.root")),
            unitCount: uint32(file.parseJsonUint(json, _of(place, ".opening.unitCount"))),
            manifestHash: file.parseJsonBytes32(json, _of(place, ".opening.manifestHash"))
        });
    }

    function _row(string memory json, string memory place) private pure returns (IProvenanceRegistry.Row memory) {
        return IProvenanceRegistry.Row({
            index: uint32(file.parseJsonUint(json, _of(place, ".index"))),
            unitKey: file.parseJsonBytes32(json, _of(place, ".unitKey")),
            digest: file.parseJsonBytes32(json, _of(place, ".digest")),
            attributesHash: file.parseJsonBytes32(json, _of(place, ".attributesHash"))
        });
    }

    function _proven(string memory json, string memory place)
        private
        pure
        returns (IProvenanceRegistry.ProvenRow memory)
    {
        return IProvenanceRegistry.ProvenRow({
            row: _row(json, _of(place, ".row")),
            proof: file.parseJsonBytes32Array(json, _of(place, ".path"))
        });
    }

    function _neighbours(string memory json, string memory place)
        private
        view
        returns (IProvenanceRegistry.ProvenRow[] memory rows)
    {
        uint256 count;
        while (file.keyExistsJson(json, string.concat(place, _element(".neighbours", count)))) ++count;
        rows = new IProvenanceRegistry.ProvenRow[](count);
        for (uint256 i = 0; i < count; ++i) {
            rows[i] = _proven(json, string.concat(place, _element(".neighbours", i)));
        }
    }

    function _read(string memory name) private view returns (string memory) {
        return file.readFile(string.concat("tests/vectors/v1/", name, ".json"));
    }

    function _count(string memory json) private pure returns (uint256) {
        return file.parseJsonUint(json, ".count");
    }

    function _valid(string memory json, string memory place) private pure returns (bool) {
        return file.parseJsonBool(json, _of(place, ".valid"));
    }

    function _name(string memory json, string memory place) private pure returns (string memory) {
        return file.parseJsonString(json, _of(place, ".name"));
    }

    function _case(uint256 index) private pure returns (string memory) {
        return _element(".cases", index);
    }

    function _element(string memory list, uint256 index) private pure returns (string memory) {
        return string.concat(list, "[", file.toString(index), "]");
    }

    function _of(string memory place, string memory member) private pure returns (string memory) {
        return string.concat(place, member);
    }
}

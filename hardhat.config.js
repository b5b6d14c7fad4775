import { defineConfig } from "hardhat/config";
import { fileURLToPath } from "node:url";

// The compiler is the npm package `solc`, pinned in package-lock.json: a build downloads nothing.
// Hardhat looks a compiler up by version, so this one must be the package's.
const solc = {
  version: "0.8.37",
  path: fileURLToPath(new URL("node_modules/solc/soljson.js", import.meta.url)),
};

export default defineConfig({
  solidity: {
    ...solc,
    // The contract is compiled apart from its tests, so that they cannot change what is exported or analysed.
    splitTestsCompilation: true,
    settings: {
      // With more runs the code would exceed the 24,576 bytes a contract may have, and an anchor would hardly cost less.
      optimizer: { enabled: true, runs: 200 },
      evmVersion: "cancun",
      // The bytecode depends on the code alone, not on comments or paths, so that anyone can reproduce it.
      metadata: { bytecodeHash: "none" },
    },
  },
  paths: {
    sources: "contracts",
    tests: { solidity: "tests/solidity" },
  },
  test: {
    solidity: {
      fsPermissions: { readDirectory: ["tests/vectors/v1"] },
      fuzz: { runs: 256, seed: "0x746f75636873746f6e65" },
      // They take most of the time of all tests of the contract: with THOROUGH set, they take more.
      invariant: { runs: process.env.THOROUGH ? 256 : 24, depth: 64, failOnRevert: false },
    },
  },
});

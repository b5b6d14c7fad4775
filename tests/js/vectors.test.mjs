// Our vectors, read by JavaScript: every valid case holds, and every invalid one fails for the reason that it names.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { keccak256, stringToHex, toBytes, toHex } from "viem";
import { readManifest } from "../../webapp/client/documents.js";
import { decodeSignature, digestOf, recover } from "../../webapp/client/proof.js";
import { repeat } from "../../webapp/static/recheck.js";
import * as protocol from "./protocol.mjs";

const read = (name) => JSON.parse(readFileSync(new URL(`../vectors/v1/${name}.json`, import.meta.url), "utf8"));

// JSON.parse keeps the last of two members of one name, so JavaScript sees only that the text is not canonical.
const asSeenHere = (failure) => (failure === "twice" ? "canonical" : failure);

function each(name, check) {
  const file = read(name);
  assert.equal(file.cases.length, file.count);
  for (const item of file.cases) {
    test(`${name}: ${item.name}`, async () => {
      assert.equal(await check(item, file), item.valid ? null : asSeenHere(item.failure));
    });
  }
}

each("digests", (item, file) => (protocol.digestOf(file.registryId, item) === item.digest ? null : "digest"));
each("signatures", protocol.checkSignature);
each("trees", protocol.replay);
each("presence", protocol.checkPresence);
each("absence", protocol.checkAbsence);
each("seals", (item) => (protocol.sealOf(item.opening) === item.seal ? null : "seal"));
each("manifests", protocol.checkManifest);
each("units", protocol.checkUnit);

// The browser's module again, by its parts and, as it is served, as a whole.
each("proofs", ({ document }) => {
  const last = repeat(new TextEncoder().encode(document)).steps.at(-1);
  return last.outcome === "passed" ? null : `proof_${last.step}`;
});

function eachInTheBrowser(name, holds) {
  const file = read(name);
  for (const item of file.cases) test(`${name}, as the browser sees it: ${item.name}`, () => assert.equal(holds(item, file), item.valid));
}

eachInTheBrowser("digests", (item, file) => toHex(digestOf(file.registryId, item)) === item.digest);
eachInTheBrowser("signatures", ({ digest, text, signer }) => {
  const signature = decodeSignature(text);
  return signature !== null && recover(toBytes(digest), signature) === signer;
});
eachInTheBrowser("manifests", ({ manifest, salt }) => readManifest(manifest)?.saltHash === keccak256(salt));

for (const item of read("trees").cases.filter(({ valid }) => valid)) {
  test(`the tree of ${item.name} is OpenZeppelin's, node for node and path for path`, () => {
    const tree = protocol.treeOf(item.rows);
    assert.deepEqual(tree.dump().tree, item.nodes);
    assert.equal(protocol.sealOf(item.opening), item.seal);
    for (const [index, row] of item.rows.entries()) {
      assert.equal(item.nodes[2 * item.rows.length - 2 - index], tree.leafHash(protocol.valuesOf(row)));
      assert.equal(row.digest, protocol.digestOf(item.registryId, item.units[index]));
      assert.equal(row.attributesHash, protocol.attributesHashOf(item.units[index].attributes));
    }
  });
}

for (const item of read("presence").cases.filter(({ valid }) => valid)) {
  test(`the path of ${item.name} is the one that OpenZeppelin gives`, () => {
    const of = read("trees").cases.find(({ opening, valid }) => valid && opening.root === item.opening.root);
    assert.deepEqual(protocol.treeOf(of.rows).getProof(item.row.index), item.path);
  });
}

for (const item of read("manifests").cases) {
  test(`the hash of a manifest is of its bytes: ${item.name}`, () => {
    assert.equal(keccak256(stringToHex(item.manifest)), item.manifestHash);
  });
}

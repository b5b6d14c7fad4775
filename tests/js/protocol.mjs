// The protocol a second time, on top of viem and OpenZeppelin's merkle-tree: what our Python and Solidity are compared with.
// Each check returns null if the case holds, or the name of its failure.

import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { encodeAbiParameters, encodePacked, hashTypedData, hexToBigInt, keccak256, parseCompactSignature, recoverAddress } from "viem";
import { compactSignatureToSignature, stringToHex, toHex } from "viem";

export const ROW = ["uint32", "bytes32", "bytes32", "bytes32"];
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

const types = { Unit: ["gtin", "lot", "serial"].map((name) => ({ name, type: "string" })) };
const abi = (...parts) => encodeAbiParameters(parts.map(([type]) => ({ type })), parts.map(([, value]) => value));

export const typedData = (registryId, { gtin, lot, serial }) => ({
  domain: { name: "Touchstone", version: "1", salt: registryId },
  types,
  primaryType: "Unit",
  message: { gtin, lot, serial },
});
export const digestOf = (registryId, record) => hashTypedData(typedData(registryId, record));
export const unitKeyOf = (salt, { gtin, serial }) => keccak256(encodePacked(["bytes32", "string", "bytes1", "string"], [salt, gtin, "0x1f", serial]));
export const attributesHashOf = (text) => (text === null ? toHex(0, { size: 32 }) : keccak256(stringToHex(text)));
export const valuesOf = (row) => [row.index, row.unitKey, row.digest, row.attributesHash];
export const treeOf = (rows) => StandardMerkleTree.of(rows.map(valuesOf), ROW, { sortLeaves: false });
export const sealOf = (opening) => keccak256(abi(["bytes32", opening.root], ["uint32", opening.unitCount], ["bytes32", opening.manifestHash]));

// ---------------------------------------------------------------------------------------------------------- signatures

function decode(text) {
  if (text.length !== 86) return { failure: "length" };
  if (!/^[A-Za-z0-9_-]{86}$/.test(text) || text.endsWith("\n")) return { failure: "alphabet" };
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? { bytes } : { failure: "surplus_bits" };
}

export async function checkSignature({ digest, text, signer }) {
  const { failure, bytes } = decode(text);
  if (failure) return failure;
  const r = hexToBigInt(toHex(bytes.subarray(0, 32)));
  const s = hexToBigInt(toHex(bytes.subarray(32))) & ((1n << 255n) - 1n);
  if (r < 1n || r >= ORDER) return "r_range";
  if (s < 1n || s > ORDER / 2n) return "s_range";
  const signature = compactSignatureToSignature(parseCompactSignature(toHex(bytes)));
  let recovered;
  try {
    recovered = await recoverAddress({ hash: digest, signature });
  } catch {
    return "no_point";
  }
  return recovered === signer ? null : "other_signer";
}

// --------------------------------------------------------------------------------------------------------------- trees

export function checkPresence({ opening, row, path }) {
  if (row.index >= opening.unitCount) return "index";
  if (path.length > Math.ceil(Math.log2(opening.unitCount))) return "path_length";
  return StandardMerkleTree.verify(opening.root, ROW, valuesOf(row), path) ? null : "root";
}

export function checkAbsence({ opening, unitKey, neighbours }) {
  const broken = neighbours.map(({ row, path }) => checkPresence({ opening, row, path })).find((failure) => failure);
  if (broken) return broken;
  const [before, after] = neighbours.map(({ row }) => row);
  if (neighbours.length === 2) {
    if (after.index !== before.index + 1) return "neighbours";
    return before.unitKey < unitKey && unitKey < after.unitKey ? null : "enclose";
  }
  if (neighbours.length !== 1) return "number_of_rows";
  const beforeAll = before.index === 0 && unitKey < before.unitKey;
  const afterAll = before.index === opening.unitCount - 1 && before.unitKey < unitKey;
  return beforeAll || afterAll ? null : "edge";
}

export function replay({ opening, seal, salt, manifest, units, rows }) {
  if (sealOf(opening) !== seal) return "seal";
  if (keccak256(stringToHex(manifest)) !== opening.manifestHash) return "manifest";
  if (JSON.parse(manifest).saltHash !== keccak256(salt)) return "salt";
  for (const [rank, row] of rows.entries()) {
    if (row.index !== rank) return "index";
    if (rank > 0 && row.unitKey <= rows[rank - 1].unitKey) return "order";
    if (rank >= units.length || unitKeyOf(salt, units[rank]) !== row.unitKey) return "key";
  }
  if (units.length > rows.length) return "key";
  if (rows.length !== opening.unitCount) return "count";
  return treeOf(rows).root === opening.root ? null : "shape";
}

// ----------------------------------------------------------------------------------------------------------- documents

const is = (pattern) => (value) => typeof value === "string" && pattern.test(value);
const filled = is(/^.+$/s);
const day = (value) => {
  if (!is(/^\d{4}-\d{2}-\d{2}$/)(value)) return false;
  const date = new Date(`${value}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(value);
};
const orEmpty = (check) => (value) => value === "" || check(value);
const listOf = (check) => (value) => Array.isArray(value) && value.every(check) && new Set(value).size === value.length;
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const names = (value) =>
  isObject(value) &&
  Object.keys(value).length > 0 &&
  Object.entries(value).every(([language, name]) => /^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/.test(language) && filled(name));
const word = is(/^0x[0-9a-f]{64}$/);

const MANIFEST = {
  format: () => true,
  version: () => true,
  registryId: word,
  saltHash: word,
  products: Array.isArray,
  supersedes: orEmpty(word),
};
const PRODUCT = {
  gtin: is(/^[0-9]{14}$/),
  lot: is(/^[!"%&'()*+,\-./0-9:;<=>?A-Z_a-z]{1,20}$/),
  carrier: is(/^(signed|compact)$/),
  names,
  model: orEmpty(filled),
  produced: orEmpty(day),
  expires: orEmpty(day),
  markets: listOf(is(/^[A-Z]{2}$/)),
  pictures: listOf(is(/^[0-9a-f]{64}$/)),
  trademarks: listOf(filled),
  recordals: listOf(filled),
  serialisedSince: orEmpty(day),
};

function checkMembers(object, known) {
  if (!isObject(object)) return "member";
  if (Object.keys(object).some((name) => !(name in known))) return "unknown_member";
  if (Object.keys(known).some((name) => !(name in object))) return "missing_member";
  return Object.entries(known).every(([name, check]) => check(object[name])) ? null : "member";
}

// RFC 8785 for documents that hold no numbers: JavaScript's own order of strings and its own escapes are the standard's.
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  if (!isObject(value)) return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`)}}`;
}

export function checkManifest({ manifest, salt }) {
  let document;
  try {
    document = JSON.parse(manifest);
  } catch {
    return "json";
  }
  if (canonical(document) !== manifest) return "canonical";
  if (document.format !== "touchstone-manifest") return "format";
  if (document.version !== "1") return "version";
  const broken = checkMembers(document, MANIFEST) ?? document.products.map((one) => checkMembers(one, PRODUCT)).find((one) => one);
  if (broken) return broken;
  const places = document.products.map(({ gtin, lot }) => gtin + lot);
  if (places.length === 0 || places.some((place, index) => index > 0 && place <= places[index - 1])) return "products";
  return document.saltHash === keccak256(salt) ? null : "salt";
}

// --------------------------------------------------------------------------------------------------------------- units

export async function checkUnit(unit) {
  const digest = digestOf(unit.registryId, unit);
  if (await checkSignature({ digest, text: unit.signature, signer: unit.signer })) return "signer";
  if (JSON.parse(unit.manifest).saltHash !== keccak256(unit.salt)) return "salt";
  const row = {
    index: unit.index,
    unitKey: unitKeyOf(unit.salt, unit),
    digest,
    attributesHash: attributesHashOf(unit.attributes),
  };
  const opening = { ...unit.opening, manifestHash: keccak256(stringToHex(unit.manifest)) };
  return checkPresence({ opening, row, path: unit.path }) ?? (sealOf(opening) === unit.seal ? null : "seal");
}

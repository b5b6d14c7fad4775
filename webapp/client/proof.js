// Repeats a proof up to its seal: the same steps under the same names as `registry/checking/repeating.py`. No network is needed.

import { secp256k1 } from "@noble/curves/secp256k1";
import { checksummed, hex, keccak, octets, same, utf8, word } from "./bytes.js";
import { readManifest, readProof } from "./documents.js";

const DOMAIN_TYPE = "EIP712Domain(string name,string version,bytes32 salt)";
const UNIT_TYPE = "Unit(string gtin,string lot,string serial)";
const hashed = (text) => keccak(utf8(text));

// The EIP-712 digest of what the label says.
export function digestOf(registryId, { gtin, lot, serial }) {
  const domain = keccak(hashed(DOMAIN_TYPE), hashed("Touchstone"), hashed("1"), octets(registryId));
  const structure = keccak(hashed(UNIT_TYPE), hashed(gtin), hashed(lot), hashed(serial));
  return keccak(Uint8Array.of(0x19, 0x01), domain, structure);
}

// The 64 bytes that 86 characters of base64url stand for; null unless the text is their one encoding.
export function decodeSignature(text) {
  if (!/^[A-Za-z0-9_-]{85}[AQgw]$/.test(text)) return null;
  const raw = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(raw, (character) => character.charCodeAt(0));
}

// The address whose key signed a digest (EIP-2098, low s); null if these bytes are no such signature.
export function recover(digest, signature) {
  const r = BigInt(hex(signature.subarray(0, 32)));
  const parityAndS = BigInt(hex(signature.subarray(32)));
  const s = BigInt.asUintN(255, parityAndS);
  try {
    const full = new secp256k1.Signature(r, s, Number(parityAndS >> 255n));
    if (full.hasHighS()) return null;
    return checksummed(keccak(full.recoverPublicKey(digest).toRawBytes(false).subarray(1)).subarray(12));
  } catch {
    return null; // out of range, or r is not on the curve
  }
}

const leafOf = ({ registryId, label, salt, index, attributesHash }) => {
  const unitKey = keccak(octets(salt), utf8(`${label.gtin}\x1f${label.serial}`));
  return keccak(keccak(word(index), unitKey, digestOf(registryId, label), octets(attributesHash)));
};

const climb = (leaf, path) =>
  path.map(octets).reduce((node, sibling) => (hex(node) < hex(sibling) ? keccak(node, sibling) : keccak(sibling, node)), octets(leaf));

const CHECKS = {
  signature({ registryId, label, signer }) {
    const signature = decodeSignature(label.signature);
    return signature !== null && recover(digestOf(registryId, label), signature) === signer;
  },
  leaf: (proof) => hex(leafOf(proof)) === proof.leaf,
  path({ index, unitCount, leaf, path, root }) {
    const longest = 32 - Math.clz32(Number(unitCount) - 1);
    const bounded = Number(index) < Number(unitCount) && path.length <= longest;
    return bounded && hex(climb(leaf, path)) === root;
  },
  seal({ registryId, label, salt, root, unitCount, manifest, seal }) {
    const said = readManifest(manifest);
    return (
      said !== null &&
      said.registryId === registryId &&
      same(keccak(octets(salt)), octets(said.saltHash)) &&
      said.products.some(({ gtin, lot }) => gtin === label.gtin && lot === label.lot) &&
      hex(keccak(octets(root), word(unitCount), hashed(manifest))) === seal
    );
  },
};

// The proof that these bytes are, and how each step went up to the first that does not hold.
export function repeat(bytes) {
  const proof = readProof(bytes);
  const known = proof !== null && checksummed(octets(proof.anchor.contract)) === proof.anchor.contract;
  const steps = [{ step: "document", outcome: known ? "passed" : "failed", codes: [] }];
  if (!known) return { proof: null, steps };
  for (const [step, holds] of Object.entries(CHECKS)) {
    const outcome = holds(proof) ? "passed" : "failed";
    steps.push({ step, outcome, codes: [] });
    if (outcome === "failed") break;
  }
  return { proof, steps };
}

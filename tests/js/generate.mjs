// Prints trees that OpenZeppelin builds and signatures that viem makes, for our Python to read: `node generate.mjs SEED`.

import { keccak256, stringToHex } from "viem";
import { parseSignature, serializeCompactSignature, signatureToCompactSignature } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { digestOf, treeOf, typedData, valuesOf } from "./protocol.mjs";

const seed = process.argv[2];
const word = (...names) => keccak256(stringToHex([seed, ...names].join(" ")));
const pick = (letters, size, name) => Array.from({ length: size }, (_, at) => letters[Number(BigInt(word(name, at)) % BigInt(letters.length))]).join("");
const length = (most, name) => 1 + Number(BigInt(word(name, "length")) % BigInt(most));

const DIGITS = "0123456789";
const CSET82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

const trees = [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 33, 64, 100].map((size) => {
  const rows = Array.from({ length: size }, (_, index) => ({
    index,
    unitKey: word("key", size, index),
    digest: word("digest", size, index),
    attributesHash: word("attributes", size, index),
  }));
  const tree = treeOf(rows);
  return { rows: rows.map(valuesOf), root: tree.root, nodes: tree.dump().tree, paths: rows.map((_, index) => tree.getProof(index)) };
});

const signatures = await Promise.all(
  Array.from({ length: 50 }, async (_, number) => {
    const record = {
      gtin: pick(DIGITS, 14, `gtin ${number}`),
      lot: pick(CSET82, length(20, `lot ${number}`), `lot ${number}`),
      serial: pick(CSET82, length(20, `serial ${number}`), `serial ${number}`),
    };
    const registryId = word("registry", number);
    const privateKey = word("private key", number);
    const account = privateKeyToAccount(privateKey);
    const signature = parseSignature(await account.signTypedData(typedData(registryId, record)));
    const compact = serializeCompactSignature(signatureToCompactSignature(signature));
    return { ...record, registryId, privateKey, address: account.address, digest: digestOf(registryId, record), compact };
  }),
);

console.log(JSON.stringify({ trees, signatures }));

// Bytes, words and hashes as docs/protocol.md writes them.

import { keccak_256 } from "@noble/hashes/sha3";
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils";

export const utf8 = utf8ToBytes;
export const keccak = (...parts) => keccak_256(concatBytes(...parts));
export const octets = (text) => hexToBytes(text.slice(2));
export const hex = (bytes) => `0x${bytesToHex(bytes)}`;
export const word = (number) => hexToBytes(BigInt(number).toString(16).padStart(64, "0"));
export const same = (one, other) => hex(one) === hex(other);

// Twenty bytes as an EIP-55 address.
export function checksummed(address) {
  const letters = bytesToHex(address);
  const digits = bytesToHex(keccak(utf8(letters)));
  return `0x${[...letters].map((letter, at) => (digits[at] > "7" ? letter.toUpperCase() : letter)).join("")}`;
}

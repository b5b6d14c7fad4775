// The documents that hashes commit, read as strictly as the registry reads them: one meaning has one form of bytes.

import { utf8 } from "./bytes.js";

const MAX_PROOF = 12 * 2 ** 20;
const CSET82 = String.raw`[!"%&'()*+,\-./0-9:;<=>?A-Z_a-z]{1,20}`;
const is = (pattern) => {
  const whole = new RegExp(`^(?:${pattern})$`, "s");
  return (value) => typeof value === "string" && whole.test(value);
};
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const filled = is(".+");
const orEmpty = (check) => (value) => value === "" || check(value);
const list = (check) => (value) => Array.isArray(value) && value.every(check) && new Set(value).size === value.length;
const constant = (expected) => (value) => value === expected;
const word = is("0x[0-9a-f]{64}");
const address = is("0x[0-9A-Fa-f]{40}");
const gtin = is("[0-9]{14}");
const code = is(CSET82);
const country = is("[A-Z]{2}");
const count = (value) => is("0|[1-9][0-9]{0,9}")(value) && Number(value) < 2 ** 32;
const language = is("[a-z]{2,3}(-[A-Za-z0-9]{2,8})*");
const names = (value) =>
  isObject(value) && Object.keys(value).length > 0 && Object.entries(value).every(([tag, name]) => language(tag) && filled(name));
const day = (value) => {
  if (!is("[0-9]{4}-[0-9]{2}-[0-9]{2}")(value) || value.startsWith("0000")) return false;
  const date = new Date(`${value}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(value);
};

const object = (known) => (value) =>
  isObject(value) &&
  Object.keys(value).length === Object.keys(known).length &&
  Object.entries(known).every(([name, check]) => name in value && check(value[name]));

// GS1's mod-10 check digit: weights 3 and 1 from the right, the check digit itself with weight 1.
const withCheckDigit = (value) => gtin(value) && [...value].reduce((sum, digit, at) => sum + digit * (at % 2 ? 1 : 3), 0) % 10 === 0;

const PROOF = object({
  format: constant("touchstone-proof"),
  version: constant("1"),
  registryId: word,
  label: object({ gtin: withCheckDigit, lot: code, serial: code, signature: is("[A-Za-z0-9_-]{86}") }),
  signer: address,
  salt: word,
  index: count,
  attributesHash: word,
  leaf: word,
  path: (value) => list(word)(value) && value.length <= 32,
  root: word,
  unitCount: count,
  manifest: filled,
  seal: word,
  anchor: object({ chainId: is("[1-9][0-9]{0,15}"), contract: address }),
  profile: filled,
});

const PRODUCT = object({
  gtin,
  lot: code,
  carrier: is("signed|compact"),
  names,
  model: orEmpty(filled),
  produced: orEmpty(day),
  expires: orEmpty(day),
  markets: list(country),
  pictures: list(is("[0-9a-f]{64}")),
  trademarks: list(filled),
  recordals: list(filled),
  serialisedSince: orEmpty(day),
});
const place = (product) => product.gtin + product.lot;
const MANIFEST = object({
  format: constant("touchstone-manifest"),
  version: constant("1"),
  registryId: word,
  saltHash: word,
  supersedes: orEmpty(word),
  products: (value) =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((product, at) => PRODUCT(product) && (at === 0 || place(value[at - 1]) < place(product))),
});

const label = "[a-z0-9]([a-z0-9-]*[a-z0-9])?";
const PROFILE = object({
  format: constant("touchstone-profile"),
  version: constant("1"),
  legalName: names,
  brand: names,
  domain: is(String.raw`${label}(\.${label})+`),
  trademarks: list(filled),
  gtins: list(is("[0-9]{4,12}|[0-9]{14}")),
  country,
  contact: filled,
});

// RFC 8785 for documents without numbers: JavaScript's own order of strings and its own escapes are the standard's.
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  if (!isObject(value)) return quoted(value);
  return `{${Object.keys(value).sort().map((name) => `${quoted(name)}:${canonical(value[name])}`)}}`;
}

function quoted(text) {
  if (/\p{gc=Surrogate}/u.test(text)) throw new RangeError("half a character has no canonical form");
  return JSON.stringify(text);
}

// What a text says, or null if it is not the canonical form of such a document.
function read(text, shape, maxBytes) {
  if (utf8(text).length > maxBytes) return null;
  try {
    const document = JSON.parse(text);
    return shape(document) && canonical(document) === text ? document : null;
  } catch {
    return null;
  }
}

export const readManifest = (text) => read(text, MANIFEST, 4 * 2 ** 20);
export const readProfile = (text) => read(text, PROFILE, 2 ** 20);
export function readProof(bytes) {
  if (bytes.length > MAX_PROOF) return null;
  try {
    return read(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes), PROOF, MAX_PROOF);
  } catch {
    return null;
  }
}

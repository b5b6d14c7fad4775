// Asks a chain what it says of a proof that holds up to its seal (docs/protocol.md, section 7, steps 3 and 5 to 8).

import { checksummed, hex, keccak, octets, utf8, word } from "./bytes.js";
import { readProfile } from "./documents.js";

const SECONDS = 15;
const REASONS = ["recalled", "stolen", "destroyed", "void", "copied"]; // 1 to 5, the gravest first
const NOBODY = `0x${"0".repeat(40)}`;

// "Could not ask" is an outcome of its own, and never a finding about a product.
class Silence extends Error {}

// Plain JSON-RPC by the browser's own `fetch`: no cookie, no referrer, nothing but the question.
export const over = (url) => {
  let id = 0;
  return async (method, ...params) => {
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), SECONDS * 1000);
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id: ++id, method, params }),
        credentials: "omit",
        referrerPolicy: "no-referrer",
        cache: "no-store",
        signal: patience.signal,
      });
      return (await response.json()).result;
    } finally {
      clearTimeout(timer);
    }
  };
};

// Reads an answer of the contract word by word: all of them are of fixed size.
class Words {
  constructor(answer) {
    this.words = answer.slice(2).match(/.{64}/g);
    this.at = 0;
  }
  number = () => Number(BigInt(`0x${this.words[this.at++]}`));
  address = () => checksummed(octets(`0x${this.words[this.at++].slice(24)}`));
  word = () => `0x${this.words[this.at++]}`;
  // Members in the order of contracts/IProvenanceRegistry.sol.
  key = () => ({
    manufacturer: this.number(),
    permissions: this.number(),
    notBefore: this.number(),
    notAfter: this.number(),
    revokedAt: this.number(),
    compromisedSince: this.number(),
  });
  batch = () => ({
    anchoredBy: this.address(),
    anchoredAt: this.number(),
    anchoredBlock: this.number(),
    endorsed: this.number() === 1,
    unitReasons: this.number(),
    attestations: this.number(),
    withdrawnFor: this.number(),
    withdrawnBy: this.address(),
    withdrawnAt: this.number(),
  });
  manufacturer = () => ({
    controller: this.address(),
    accreditedAt: this.number(),
    suspendedAt: this.number(),
    batchCount: this.number(),
    controllerFrozen: this.number() === 1,
    pendingController: this.address(),
    pendingControllerAt: this.number(),
  });
  status = () => ({
    batch: this.batch(),
    issuer: this.manufacturer(),
    anchorKey: this.key(),
    signerKey: this.key(),
    withdrawalKey: this.key(),
    profileHash: this.word(),
  });
}

// One contract at one endpoint; `ask(method, ...params)` gives a JSON-RPC result, or throws.
class Contract {
  constructor(address, ask) {
    this.address = address;
    this.ask = ask;
  }
  async told(method, params, form) {
    let answer;
    try {
      answer = await this.ask(method, ...params);
    } catch (error) {
      throw new Silence(`${method}: ${error.message}`);
    }
    if (typeof answer !== "string" || !form.test(answer)) throw new Silence(`${method}: no such answer`);
    return answer.toLowerCase();
  }
  chainId = async () => BigInt(await this.told("eth_chainId", [], /^0x[0-9a-f]{1,64}$/i)).toString();
  async call(name, parameters, words, block = "latest") {
    const data = hex(keccak(utf8(name))).slice(0, 10) + parameters.map((one) => one.slice(2).padStart(64, "0")).join("");
    return new Words(await this.told("eth_call", [{ to: this.address, data }, block], new RegExp(`^0x[0-9a-f]{${64 * words}}$`, "i")));
  }
  registryId = async () => (await this.call("registryId()", [], 1)).word();
  keyOf = async (address) => (await this.call("keyOf(address)", [address], 6)).key();
  status = async (manufacturer, { seal, signer }, block) =>
    (await this.call("status(uint32,bytes32,address)", [hex(word(manufacturer)), seal, signer], 35, block)).status();
  unitReasons = async (manufacturer, { seal, index }) =>
    (await this.call("unitWithdrawals(uint32,bytes32,uint32)", [hex(word(manufacturer)), seal, hex(word(index))], 1)).number();
}

const validAt = (key, time) =>
  key.manufacturer !== 0 && key.notBefore <= time && time <= key.notAfter && (key.revokedAt === 0 || time < key.revokedAt);
const compromisedAt = (key, time) => key.compromisedSince !== 0 && time >= key.compromisedSince;

// Both keys at the time of the anchor.
function judgeThen({ now, final, manufacturer }) {
  const at = now.batch.anchoredAt;
  const keys = [now.anchorKey, now.signerKey];
  if (keys.some((key) => key.manufacturer !== manufacturer)) throw new Silence("anchored with a key of somebody else");
  if (!(0 < now.issuer.accreditedAt && now.issuer.accreditedAt <= at)) throw new Silence("anchored for nobody who was accredited");
  if (!keys.every((key) => validAt(key, at))) return ["failed", "key_not_valid"];
  if (!keys.some((key) => compromisedAt(key, at))) return ["passed"];
  return final.batch.endorsed ? ["noted", "endorsed"] : ["failed", "key_compromised"];
}

// Without an anchor, the key that signed can only be seen as it stands now.
function judgeNow({ now, time }) {
  if (compromisedAt(now.signerKey, time)) return ["failed", "key_compromised"];
  return validAt(now.signerKey, time) ? ["passed"] : ["noted", "key_not_valid"];
}

// A prefix is compared after the indicator digit; GTIN-8s and the ranges that anybody may use can only be claimed whole.
const claims = (gtin, claimed) =>
  claimed.includes(gtin) ||
  (!/^(000000|.(02|04|05|98|99|2))/.test(gtin) && claimed.some((claim) => claim.length < 14 && gtin.startsWith(claim, 1)));

// Each step in order: from what the steps before found to an outcome and its codes.
const STEPS = {
  async contract({ proof, contract }) {
    if (contract.address !== proof.anchor.contract) return ["failed", "other_contract"];
    if ((await contract.chainId()) !== proof.anchor.chainId) return ["failed", "other_chain"];
    return (await contract.registryId()) === proof.registryId ? ["passed"] : ["failed", "other_registry"];
  },
  async signer(found) {
    const { proof, contract } = found;
    const { manufacturer } = await contract.keyOf(proof.signer);
    if (manufacturer === 0) return ["failed", "signer_unknown"];
    found.manufacturer = manufacturer;
    return ["passed"];
  },
  async anchor(found) {
    const { proof, contract, manufacturer } = found;
    const now = await contract.status(manufacturer, proof, "latest");
    const final = await contract.status(manufacturer, proof, "finalized");
    Object.assign(found, { now, final, anchored: now.batch.anchoredBy !== NOBODY });
    if (!found.anchored) return ["failed", "not_anchored"];
    if (final.batch.anchoredBy === NOBODY) return ["unknown", "not_final"];
    if (final.batch.anchoredAt !== now.batch.anchoredAt) throw new Silence("the endpoint contradicts a final anchor");
    return ["passed"];
  },
  async key(found) {
    const [outcome, ...codes] = found.anchored ? judgeThen(found) : judgeNow(found);
    return found.now.issuer.suspendedAt ? ["failed", ...codes, "suspended"] : [outcome, ...codes];
  },
  async gtin({ proof, now }) {
    const profile = readProfile(proof.profile);
    if (profile === null || hex(keccak(utf8(proof.profile))) !== now.profileHash) return ["unknown", "profile_missing"];
    return claims(proof.label.gtin, profile.gtins) ? ["passed"] : ["failed", "gtin_not_claimed"];
  },
  async withdrawal({ proof, contract, manufacturer, now, anchored }) {
    if (!anchored) return ["not_asked"];
    const bits = now.batch.unitReasons ? await contract.unitReasons(manufacturer, proof) : 0;
    const { withdrawnFor, withdrawnAt } = now.batch;
    if (withdrawnFor > REASONS.length || bits >> (REASONS.length + 1)) throw new Silence("withdrawn for a reason that is not known");
    const doubted = withdrawnFor && compromisedAt(now.withdrawalKey, withdrawnAt);
    const standing = REASONS.filter((_, at) => (bits >> (at + 1)) & 1 || (withdrawnFor === at + 1 && !doubted));
    if (standing.length) return ["failed", standing[0]];
    return doubted ? ["unknown", "withdrawal_under_review"] : ["passed"];
  },
};
const ENDS = { contract: ["failed"], signer: ["failed"], gtin: ["failed", "unknown"] };

// How each step went. After one without which the next would mean nothing, the rest is left out. `ask` is for tests.
export async function askChain(proof, { endpoint, contract, time = Date.now() / 1000, ask = over(endpoint) }) {
  const found = { proof, contract: new Contract(checksummed(octets(contract)), ask), time };
  const steps = [];
  for (const [step, check] of Object.entries(STEPS)) {
    try {
      const [outcome, ...codes] = await check(found);
      steps.push({ step, outcome, codes });
      if (ENDS[step]?.includes(outcome)) break;
    } catch (error) {
      if (!(error instanceof Silence)) throw error;
      steps.push({ step, outcome: "unknown", codes: ["chain_unavailable"], detail: error.message });
      break;
    }
  }
  return steps;
}

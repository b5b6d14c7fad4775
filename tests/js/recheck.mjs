// Repeats proofs with the browser's module, as it is served: `node recheck.mjs < questions.json`, an answer for each question.
// A question is a document in base64, and perhaps an endpoint, a contract and the time to ask about.

import { readFileSync } from "node:fs";
import { askChain, repeat } from "../../webapp/static/recheck.js";

const questions = JSON.parse(readFileSync(0, "utf8"));
const answers = [];
for (const { document, ...where } of questions) {
  const { proof, steps } = repeat(new Uint8Array(Buffer.from(document, "base64")));
  const holds = steps.every(({ outcome }) => outcome === "passed");
  if (holds && where.endpoint) steps.push(...(await askChain(proof, where)));
  answers.push(steps.map(({ step, outcome, codes }) => [step, outcome, codes]));
}
console.log(JSON.stringify(answers));

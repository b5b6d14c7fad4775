// The page "Check it again": what the reader chose, and where each step's result goes. It brings no words of its own.

import { askChain } from "./chain.js";
import { repeat } from "./proof.js";

const clone = (root, kind, name) => root.querySelector(`[data-${kind}="${name}"]`)?.content.cloneNode(true) ?? "";

// Puts each step's outcome and reasons beside its name; steps that were not made read as not asked.
function tell(root, made) {
  for (const line of root.querySelectorAll("[data-step]")) {
    const { outcome = "not_asked", codes = [] } = made.find(({ step }) => step === line.dataset.step) ?? {};
    line.dataset.result = outcome;
    line.querySelector(".outcome").replaceChildren(clone(root, "outcome", outcome));
    line.querySelector(".codes").replaceChildren(...codes.map((code) => clone(root, "code", code)));
  }
}

// Which sentence sums the steps up.
function summary(made, asked) {
  const bad = made.find(({ outcome }) => outcome === "failed") ?? made.find(({ outcome }) => outcome === "unknown");
  if (bad) return bad.outcome === "failed" ? "broken" : "unknown";
  return asked ? "holds" : "offline";
}

async function proofBytes(form) {
  const [file] = form.elements.file.files;
  const source = file ?? (await fetch(form.dataset.proof, { credentials: "omit", cache: "no-store" }));
  if (source.ok === false) return null;
  return new Uint8Array(await source.arrayBuffer());
}

async function run(root, form) {
  const { endpoint, contract } = form.elements;
  const bytes = await proofBytes(form).catch(() => null);
  if (bytes === null) return tell(root, []), "nothing";
  const { proof, steps } = repeat(bytes);
  const whole = steps.every(({ outcome }) => outcome === "passed");
  if (proof && !contract.value) contract.value = proof.anchor.contract;
  const asked = whole && endpoint.value.trim() !== "";
  if (asked) steps.push(...(await askChain(proof, { endpoint: endpoint.value.trim(), contract: contract.value.trim() })));
  tell(root, steps);
  root.querySelector(".about").textContent = proof ? `${proof.label.gtin} · ${proof.label.lot} · ${proof.label.serial}` : "";
  return summary(steps, asked);
}

export function show(root) {
  const form = root.querySelector("form");
  const result = root.querySelector(".result");
  root.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!form.reportValidity()) return;
    form.inert = true;
    result.replaceChildren(clone(root, "summary", "working"));
    const found = await run(root, form).catch(() => "unknown");
    form.inert = false;
    root.dataset.found = found;
    result.replaceChildren(clone(root, "summary", found));
  });
}

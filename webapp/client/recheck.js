// Repeats a proof in the reader's own browser. Words for people stand in the page that loads this; steps, outcomes and codes are
// those of docs/proof-file.md.

import { show } from "./page.js";

export { askChain } from "./chain.js";
export { repeat } from "./proof.js";

if (globalThis.document?.getElementById("recheck")) show(document.getElementById("recheck"));

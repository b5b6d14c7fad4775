// The scan page: codes are read on the phone, and only a link of a label leaves it.

import { Scan } from "./scan_page.js";

export { harmless, label, printed } from "./codes.js";

const root = globalThis.document?.getElementById("scan");
if (root) {
  new Scan(root);
  // Says so where there is no connection, instead of the browser's own error; it keeps no verdict.
  navigator.serviceWorker?.register(root.dataset.offline).catch(() => {});
}

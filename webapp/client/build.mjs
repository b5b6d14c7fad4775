// Prints the files that browsers get, as one JSON object of names and texts: `node webapp/client/build.mjs`. The same sources and
// locked packages give the same bytes.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ENTRIES = ["gather.js", "recheck.js", "scan.js", "scan_worker.js"];

// What the reader of codes must hash to goes into the module that loads it.
const reader = readFileSync(createRequire(import.meta.url).resolve("zxing-wasm/reader/zxing_reader.wasm"));
const integrity = `sha384-${createHash("sha384").update(reader).digest("base64")}`;

const { outputFiles } = await build({
  entryPoints: ENTRIES.map((name) => fileURLToPath(new URL(name, import.meta.url))),
  outdir: "static",
  bundle: true,
  charset: "utf8",
  define: { READER_INTEGRITY: JSON.stringify(integrity) },
  format: "esm",
  legalComments: "eof",
  minify: true,
  target: "es2020",
  write: false,
});
process.stdout.write(JSON.stringify(Object.fromEntries(outputFiles.map(({ path, text }) => [basename(path), text]))));

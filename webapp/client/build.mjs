// Prints the one file that the browser gets: `node webapp/client/build.mjs`. The same sources and locked packages give the same bytes.

import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL("recheck.js", import.meta.url))],
  bundle: true,
  charset: "utf8",
  format: "esm",
  legalComments: "eof",
  minify: true,
  target: "es2020",
  write: false,
});
process.stdout.write(outputFiles[0].contents);

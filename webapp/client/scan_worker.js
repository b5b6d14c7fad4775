/*! zxing-wasm - MIT License (c) 2023 Ze-Zheng Wu; zxing-cpp - Apache License 2.0 (c) ZXing authors, Axel Waggershauser and others */
// Reads codes in pictures beside the page, so that the page stays smooth. It gets its program from the page, which checked it, and
// may ask nobody for anything: its own policy says so.

import { prepareZXingModule, readBarcodes } from "zxing-wasm/reader";

const OPTIONS = { formats: ["QRCode"], textMode: "Plain", tryRotate: false, tryInvert: false, maxNumberOfSymbols: 8 };

async function answer({ program, ...picture }) {
  if (program) return Boolean(await prepareZXingModule({ overrides: { wasmBinary: program }, fireImmediately: true }));
  const found = await readBarcodes(picture, OPTIONS);
  return found.filter(({ isValid }) => isValid).map(({ text }) => text);
}

globalThis.onmessage = async ({ data }) => globalThis.postMessage(await answer(data).catch(() => false));

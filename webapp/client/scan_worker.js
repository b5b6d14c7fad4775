/*! zxing-wasm - MIT License (c) 2023 Ze-Zheng Wu; zxing-cpp - Apache License 2.0 (c) ZXing authors, Axel Waggershauser and others */
// Reads codes in pictures beside the page, so that the page stays smooth. It gets its program from the page, which checked it, and
// may ask nobody for anything: its own policy says so.

import { prepareZXingModule, readBarcodes } from "zxing-wasm/reader";

const OPTIONS = { formats: ["QRCode"], textMode: "Plain", tryRotate: false, tryInvert: false, maxNumberOfSymbols: 8 };

const WHOLE = 960; // pixels on the longest side of a whole picture: enough for a label that fills a third of it
const MIDDLE = 720; // pixels on a side of its middle, read as sharp as it is

const canvas = new OffscreenCanvas(1, 1);
const pen = canvas.getContext("2d", { willReadFrequently: true });
let turn = 0;

async function answer({ program, picture }) {
  if (program) return Boolean(await prepareZXingModule({ overrides: { wasmBinary: program }, fireImmediately: true }));
  const found = await readBarcodes(pixels(picture), OPTIONS);
  return found.filter(({ isValid }) => isValid).map(({ text }) => text);
}

// Draws a picture: in turns all of it, made smaller, and its middle, as sharp as it is.
function pixels(picture) {
  const { displayWidth: width = picture.width, displayHeight: height = picture.height } = picture;
  const scale = Math.min(1, WHOLE / Math.max(width, height));
  const side = scale < 1 && turn++ % 2 ? Math.min(width, height, MIDDLE) : 0;
  const from = side ? [(width - side) >> 1, (height - side) >> 1, side, side] : [0, 0, width, height];
  const to = side ? [side, side] : [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== to[0] || canvas.height !== to[1]) [canvas.width, canvas.height] = to;
  pen.drawImage(picture, ...from, 0, 0, ...to);
  picture.close();
  return pen.getImageData(0, 0, ...to);
}

globalThis.onmessage = async ({ data }) => globalThis.postMessage(await answer(data).catch(() => false));

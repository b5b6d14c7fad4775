// What reads codes in pictures: the browser's own detector where it really detects, else zxing in a worker.

import { Failure } from "./camera.js";

const SAMPLE = "TOUCHSTONE";
const SAMPLE_ROWS = [
  0x1fd67f, 0x105f41, 0x174f5d, 0x17515d, 0x17465d, 0x104b41, 0x1fd57f, 0x001f00, 0x16e34b, 0x0f83e2, 0x16720d, 0x03be75, 0x1e4530,
  0x001e63, 0x1fd310, 0x105c2a, 0x1749fb, 0x17525a, 0x175570, 0x104ca0, 0x1fdc86,
];
const PATIENCE = 2500; // milliseconds: the first detection may have to wait for a part of the system to load

// Returns the browser's own reader; null if it has none, or one that announces QR codes and finds none.
export async function nativeReader() {
  try {
    const formats = await globalThis.BarcodeDetector.getSupportedFormats();
    if (!formats.includes("qr_code")) return null;
    const detector = new globalThis.BarcodeDetector({ formats: ["qr_code"] });
    const late = new Promise((resolve) => setTimeout(resolve, PATIENCE, []));
    const found = await Promise.race([detector.detect(sample()), late]);
    if (!found.some(({ rawValue }) => rawValue === SAMPLE)) return null;
    return async (video) => (await detector.detect(video).catch(() => [])).map(({ rawValue }) => rawValue);
  } catch {
    return null;
  }
}

// Draws a code whose text is known.
function sample() {
  const canvas = Object.assign(document.createElement("canvas"), { width: 29 * 8, height: 29 * 8 });
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = "#000";
  SAMPLE_ROWS.forEach((row, y) => {
    for (let x = 0; x < 21; x++) if ((row >> (20 - x)) & 1) pen.fillRect((x + 4) * 8, (y + 4) * 8, 8, 8);
  });
  return canvas;
}

// Returns zxing in a worker. The bytes of its program are started only if they are the ones that this module was built for;
// throws a `Failure` named `reader_absent`, `reader_missing` or `reader_changed`.
export async function zxingReader({ worker: script, reader: address }) {
  if (!address || !globalThis.OffscreenCanvas) throw new Failure("reader_absent");
  const program = await fetched(address);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-384", program));
  if (`sha384-${btoa(String.fromCharCode(...digest))}` !== READER_INTEGRITY) throw new Failure("reader_changed");
  const worker = new Worker(script, { type: "module" });
  const answer = (message, transfer) =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => (data ? resolve(data) : reject(new Failure("reader_missing")));
      worker.onerror = () => reject(new Failure("reader_missing"));
      worker.postMessage(message, transfer);
    });
  await answer({ program }, [program]);
  let before = Promise.resolve();
  const read = async (video) => {
    // A frame is handed over as the camera gave it, so that the page has nothing to draw; a bitmap where there are no frames.
    const picture = globalThis.VideoFrame ? new VideoFrame(video) : await createImageBitmap(video);
    return answer({ picture }, [picture]);
  };
  // One picture at a time: of two, the answers would be taken for each other.
  return (video) => (before = before.catch(() => {}).then(() => read(video)));
}

async function fetched(address) {
  try {
    const answer = await fetch(address, { credentials: "omit" });
    if (answer.ok) return await answer.arrayBuffer();
  } catch {
    // the same as an answer that is none
  }
  throw new Failure("reader_missing");
}

// The camera: opened when a person asks for it, and let go at once when nobody looks. Failures have names; the page has the words.

const WANTED = { width: { ideal: 1280 }, height: { ideal: 720 } };
const FAILURES = {
  NotAllowedError: "refused",
  SecurityError: "refused",
  NotFoundError: "none",
  OverconstrainedError: "none",
  NotReadableError: "busy",
  AbortError: "busy",
};

export class Failure extends Error {
  constructor(name) {
    super(name);
    this.name = name;
  }
}

// Says why there will be no camera, before anybody is asked for one; null if there may be.
export function obstacle() {
  if (/MicroMessenger/i.test(navigator.userAgent)) return "wechat";
  if (!globalThis.isSecureContext) return "insecure";
  return navigator.mediaDevices?.getUserMedia ? null : "unsupported";
}

// Opens a camera, the one at the back if none is named. Throws a `Failure`.
export async function open(deviceId) {
  const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: { ideal: "environment" } };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: false, video: { ...which, ...WANTED } });
  } catch (error) {
    throw new Failure(FAILURES[error.name] ?? "failed");
  }
}

export const close = (stream) => stream.getTracks().forEach((track) => track.stop());

// Returns the cameras to choose from. Their names are only told once one was allowed.
export async function cameras() {
  const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  return devices.filter(({ kind, deviceId }) => kind === "videoinput" && deviceId);
}

// Returns what a track can do besides showing: light, and zoom with its range.
export function abilities(track) {
  const { torch, zoom } = track.getCapabilities?.() ?? {};
  return { torch: Boolean(torch), zoom: zoom && zoom.max > zoom.min ? zoom : null };
}

// Changes light or zoom; a phone that will not is left as it is.
export const set = (track, change) => track.applyConstraints({ advanced: [change] }).catch(() => {});

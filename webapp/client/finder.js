// A camera on a page: what a tap starts and stops, what is said of it, and which codes are in its pictures. It brings no words of
// its own; what becomes of the codes is the page's business (`looking`).

import * as camera from "./camera.js";
import { nativeReader, zxingReader } from "./readers.js";

export class Finder {
  #root;
  #look = null; // the look that goes on now: its stream, and whether it was ended
  #reader = null; // loaded once, when a camera first runs

  constructor(root) {
    this.#root = root;
    this.part("start").addEventListener("click", () => this.start());
    this.part("stop").addEventListener("click", () => this.stop("stopped", true));
    this.part("torch").addEventListener("click", () => this.#light());
    this.part("zoom").addEventListener("input", ({ target }) => camera.set(this.#track, { zoom: Number(target.value) }));
    this.part("camera").addEventListener("change", ({ target }) => this.start(target.value));
    document.addEventListener("visibilitychange", () => document.hidden && this.stop("stopped"));
    // Who comes back finds the page as it was left.
    addEventListener("pagehide", () => (this.stop("stopped"), this.say("stopped")));
    const why = camera.obstacle();
    this.part("ready").hidden = false;
    this.part("offer").hidden = why !== null;
    if (why) this.say(why);
  }

  get data() {
    return this.#root.dataset;
  }

  get state() {
    return this.data.state;
  }

  part(name) {
    return this.#root.querySelector(`[data-part="${name}"]`);
  }

  line(kind) {
    return this.#root.querySelector(`[data-line="${kind}"]`).content.cloneNode(true).querySelector("li");
  }

  // Says one of the page's sentences; a screen reader hears it once.
  say(name) {
    if (this.state === name) return;
    this.data.state = name;
    this.part("status").replaceChildren(this.#root.querySelector(`[data-say="${name}"]`).content.cloneNode(true));
  }

  get #track() {
    return this.#look?.stream?.getVideoTracks()[0];
  }

  // What is done with the codes; returns when nothing is to be looked for any longer.
  async looking() {}

  async start(deviceId) {
    this.stop("starting");
    const look = (this.#look = { over: false, stream: null });
    this.#running(true);
    this.part("stop").focus();
    this.say("starting");
    try {
      const native = nativeReader();
      look.stream = await camera.open(deviceId);
      if (look.over) return camera.close(look.stream);
      const video = this.part("video");
      video.srcObject = look.stream;
      this.#track.addEventListener("ended", () => !look.over && this.stop("stopped", true));
      await video.play();
      this.#controls();
      this.say("loading");
      this.#reader ??= (await native) ?? (await zxingReader(this.data));
      if (!look.over) await this.looking(() => this.#next(look, video));
    } catch (error) {
      this.#reader = null; // whatever it was, a new one may do better
      if (!look.over) this.stop(error instanceof camera.Failure ? error.name : "failed", true);
    }
  }

  // Returns the texts in the next picture; null once the look is over.
  async #next(look, video) {
    while (!look.over) {
      await nextPicture(video);
      if (look.over || video.readyState < video.HAVE_CURRENT_DATA) continue;
      const texts = (await this.#reader(video)).filter(Boolean);
      return look.over ? null : texts;
    }
    return null;
  }

  // Lets go of the camera at once, and says why; the button that starts it again gets the focus if the person was here.
  stop(why, focus = false) {
    const look = this.#look;
    if (!look) return;
    look.over = true;
    this.#look = null;
    if (look.stream) camera.close(look.stream);
    this.part("video").srcObject = null;
    this.#running(false);
    if (focus) this.part("start").focus();
    this.say(why);
  }

  #running(is) {
    for (const name of ["view", "controls"]) this.part(name).hidden = !is;
    this.part("offer").hidden = is;
  }

  // Offers what this camera can do, and the other cameras.
  async #controls() {
    const { torch, zoom } = camera.abilities(this.#track);
    this.part("torch").hidden = !torch;
    this.part("torch").setAttribute("aria-pressed", "false");
    this.part("zooming").hidden = !zoom;
    if (zoom) Object.assign(this.part("zoom"), { min: zoom.min, max: zoom.max, step: zoom.step || "any", value: zoom.min });
    const chosen = this.#track.getSettings().deviceId;
    const found = await camera.cameras();
    this.part("choosing").hidden = found.length < 2;
    const names = found.map(({ deviceId, label: name }, place) => new Option(name || place + 1, deviceId, false, deviceId === chosen));
    this.part("camera").replaceChildren(...names);
  }

  #light() {
    const button = this.part("torch");
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    camera.set(this.#track, { torch: on });
  }
}

const nextPicture = (video) =>
  new Promise((resolve) =>
    video.requestVideoFrameCallback ? video.requestVideoFrameCallback(resolve) : requestAnimationFrame(resolve),
  );

// The scan page's camera: what a tap starts, what is said of it, and where a code leads. It brings no words of its own.

import * as camera from "./camera.js";
import { harmless, label } from "./codes.js";
import { nativeReader, zxingReader } from "./readers.js";

const LOOKS = 3; // pictures in which others are looked for once a code was read, so that of several none wins by chance
const SLOW = 12_000; // milliseconds without a code after which there is advice

export function show(root) {
  const scan = new Scan(root);
  const why = camera.obstacle();
  scan.part("ready").hidden = false;
  scan.part("offer").hidden = why !== null;
  if (why) scan.say(why);
}

class Scan {
  #root;
  #look = null; // the look that goes on now: its stream, and whether it was ended
  #reader = null; // loaded once, when a camera first runs

  constructor(root) {
    this.#root = root;
    this.part("start").addEventListener("click", () => this.start());
    this.part("again").addEventListener("click", () => this.start());
    this.part("stop").addEventListener("click", () => this.stop("stopped", true));
    this.part("torch").addEventListener("click", () => this.#light());
    this.part("zoom").addEventListener("input", ({ target }) => camera.set(this.#track, { zoom: Number(target.value) }));
    this.part("camera").addEventListener("change", ({ target }) => this.start(target.value));
    document.addEventListener("visibilitychange", () => document.hidden && this.stop("stopped"));
    // Who comes back finds the page as it was left.
    addEventListener("pagehide", () => (this.stop("stopped"), this.say("stopped")));
  }

  part(name) {
    return this.#root.querySelector(`[data-part="${name}"]`);
  }

  // Says one of the page's sentences; a screen reader hears it once.
  say(name) {
    if (this.#root.dataset.state === name) return;
    this.#root.dataset.state = name;
    this.part("status").replaceChildren(this.#root.querySelector(`[data-say="${name}"]`).content.cloneNode(true));
  }

  get #track() {
    return this.#look?.stream?.getVideoTracks()[0];
  }

  async start(deviceId) {
    this.stop("starting");
    const look = (this.#look = { over: false, stream: null });
    this.part("found").replaceChildren();
    this.part("again").hidden = true;
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
      this.#reader ??= (await native) ?? (await zxingReader(this.#root.dataset));
      if (!look.over) await this.#read(look, video);
    } catch (error) {
      this.#reader = null; // whatever it was, a new one may do better
      if (!look.over) this.stop(error instanceof camera.Failure ? error.name : "failed", true);
    }
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

  // Looks at one picture after the other, the next as soon as one is read, until there is a label's code.
  async #read(look, video) {
    this.say("looking");
    let [seen, left] = [new Set(), LOOKS];
    const since = performance.now();
    while (!look.over) {
      await nextPicture(video);
      if (look.over || video.readyState < video.HAVE_CURRENT_DATA) continue;
      for (const text of await this.#reader(video)) if (text) seen.add(text);
      if (look.over) return;
      const texts = [...seen];
      if (texts.length && --left === 0) {
        const ours = texts.filter(label);
        if (ours.length) return texts.length === 1 ? this.#open(ours[0]) : this.#choose(texts);
        this.#list(texts);
        this.say("foreign");
        [seen, left] = [new Set(), LOOKS];
      } else if (!texts.length && this.#root.dataset.state === "looking" && performance.now() - since > SLOW) {
        this.say("slow");
      }
    }
  }

  #open(text) {
    this.stop("opening");
    location.assign(this.#address(text));
  }

  #choose(texts) {
    this.stop("choose");
    this.part("offer").hidden = true;
    this.part("again").hidden = false;
    this.#list(texts);
    this.part("found").querySelector("a").focus();
  }

  #address(text) {
    return `${this.#root.dataset.check}?link=${encodeURIComponent(text)}`;
  }

  // Shows codes: a label's as a link to its check, any other as a text that leads nowhere.
  #list(texts) {
    const ours = texts.filter(label);
    const others = texts.filter((text) => !label(text));
    const lines = [...ours.map((text) => this.#ours(text)), ...others.map((text) => this.#other(text, ours.length > 0))];
    this.part("found").replaceChildren(...lines);
  }

  #ours(text) {
    const line = this.#line("ours");
    const { serial, gtin, host } = label(text);
    line.querySelector("a").href = this.#address(text);
    line.querySelector('[data-part="serial"]').textContent = serial;
    line.querySelector('[data-part="gtin"]').textContent = gtin;
    line.querySelector('[data-part="host"]').textContent = host;
    return line;
  }

  #other(text, named) {
    const line = this.#line("other");
    line.querySelector("strong").hidden = !named;
    line.querySelector("bdi").textContent = harmless(text);
    return line;
  }

  #line(kind) {
    return this.#root.querySelector(`[data-line="${kind}"]`).content.cloneNode(true).querySelector("li");
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

// The list page's camera: one code after the other is held before it, and becomes a line of the list. Nothing is sent.

import { harmless, label } from "./codes.js";
import { Finder } from "./finder.js";

const AWAY = 1500; // milliseconds out of the picture after which a code has gone, and may come again on another item
const SHORT = 0.08; // seconds of the tone

class Gatherer extends Finder {
  #list; // the text box
  #here = new Map(); // when each code in the picture was last seen
  #again = null; // what may be on another item
  #tones = null;
  #awake = null; // what keeps the screen on

  constructor(root, list) {
    super(root);
    this.#list = list;
    this.part("more").addEventListener("click", () => this.#add(this.#again));
  }

  start(deviceId) {
    this.#here.clear();
    this.#tones ??= globalThis.AudioContext && new AudioContext(); // a tap allows it
    this.#ask(null);
    const started = super.start(deviceId);
    // A tablet that nobody touches would go dark, and its camera with it.
    this.#awake = navigator.wakeLock?.request("screen").catch(() => null);
    return started;
  }

  stop(why, focus = false) {
    this.#ask(null);
    this.#awake?.then((lock) => lock?.release());
    this.#awake = null;
    super.stop(why, focus);
  }

  async looking(next) {
    this.say("gathering");
    for (let found = await next(); found; found = await next()) {
      const now = performance.now();
      for (const [text, at] of this.#here) if (now - at > AWAY) this.#here.delete(text);
      const repeated = [];
      for (const text of found.map(oneLine)) {
        const isNew = text && !this.#here.has(text);
        this.#here.set(text, now);
        if (!isNew) continue;
        if (this.#lines().includes(text)) repeated.push(text);
        else this.#add(text);
      }
      // After what is new, which would take the question away before anybody saw it.
      repeated.forEach((text) => this.#ask(text));
    }
  }

  #lines() {
    return this.#list.value.split("\n").map((line) => line.trim());
  }

  #add(text) {
    const { value } = this.#list;
    // Whoever types in the list meanwhile keeps the place.
    this.#list.setRangeText(`${!value || value.endsWith("\n") ? "" : "\n"}${text}\n`, value.length, value.length, "preserve");
    this.#list.scrollTop = this.#list.scrollHeight;
    this.#ask(null);
    this.part("count").textContent = this.#lines().filter(Boolean).length;
    this.part("last").textContent = label(text)?.serial ?? harmless(text);
    this.part("gathered").hidden = false;
    this.data.state = ""; // so that it is said each time
    this.say("added");
    this.#sound();
  }

  // Asks whether a code that is in the list already is on another item; null asks nothing.
  #ask(text) {
    if (text === null && this.#again === null) return;
    this.#again = text;
    this.part("repeated").hidden = text === null;
    if (text === null) return;
    this.part("twice").textContent = label(text)?.serial ?? harmless(text);
    this.say("repeated");
  }

  #sound() {
    navigator.vibrate?.(60);
    if (!this.#tones) return;
    const tone = this.#tones.createOscillator();
    tone.frequency.value = 1200;
    tone.connect(this.#tones.destination);
    tone.start();
    tone.stop(this.#tones.currentTime + SHORT);
  }
}

// A code is one line of the list, whatever is in it.
const oneLine = (text) => text.replace(/[\u0000-\u001f\u007f]+/g, " ").trim();

const root = globalThis.document?.getElementById("gather");
if (root) new Gatherer(root, document.getElementById("codes"));
